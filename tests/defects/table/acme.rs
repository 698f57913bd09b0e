//! ACME: challenges that do not reach their solver.

use gateproof_core::verdict::Verdict::Failed;

use crate::case::Defect;

pub(super) const DEFECTS: &[Defect] = &[
    Defect {
        name: "http_listener_does_not_admit_the_solver",
        base: "acme",
        changes: &[(
            "from: Selector, selector: {matchLabels: {team: shop}}",
            "from: Selector, selector: {matchLabels: {team: edge}}",
        )],
        verdict: Failed,
        failing: &["certificate", "secure request"],
        look_alike: Some(&[(
            "from: Selector, selector: {matchLabels: {team: shop}}",
            "from: Same",
        )]),
    },
    Defect {
        name: "https_listener_takes_the_name_from_the_http_listener",
        base: "acme",
        changes: &[("cilium: \"1.20.2\"", "cilium: \"1.18.7\"")],
        verdict: Failed,
        failing: &["certificate", "secure request"],
        look_alike: Some(&[("cilium: \"1.20.2\"", "cilium: \"1.18.8\"")]),
    },
];
