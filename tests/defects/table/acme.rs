//! ACME: challenges that do not reach their solver, or are not proved in DNS.

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
    Defect {
        name: "key_of_the_name_server_is_another",
        base: "acme-dns",
        changes: &[("{metadata: {labels: {of: key}}}", "{stringData: {secret: b3RoZXI=}}")],
        verdict: Failed,
        failing: &["certificate", "secure request"],
        look_alike: Some(&[("{labels: {of: key}}", "{labels: {of: another}}")]),
    },
    Defect {
        name: "secret_of_the_key_is_not_in_base64",
        base: "acme-dns",
        changes: &[("{metadata: {labels: {of: key}}}", "{stringData: {secret: 'a secret!'}}")],
        verdict: Failed,
        failing: &["certificate", "secure request"],
        look_alike: None,
    },
    Defect {
        name: "zone_is_not_forwarded",
        base: "acme-dns",
        changes: &[("{metadata: {labels: {of: names}}}", "{data: {Corefile: \".:53 {\\n}\\n\"}}")],
        verdict: Failed,
        failing: &["certificate", "secure request"],
        look_alike: Some(&[("{labels: {of: names}}", "{labels: {of: others}}")]),
    },
    Defect {
        name: "zone_is_asked_for_at_another_server_than_the_one_that_is_updated",
        base: "acme-dns",
        changes: &[(
            "{metadata: {labels: {of: names}}}",
            "{data: {Corefile: \".:53 {\\n}\\nexample.test:53 {\\n forward . 10.96.200.53\\n}\\n\"}}",
        )],
        verdict: Failed,
        failing: &["certificate", "secure request"],
        look_alike: None,
    },
    Defect {
        name: "zone_is_forwarded_to_nobody",
        base: "acme-dns",
        changes: &[(
            "{metadata: {labels: {of: names}}}",
            "{data: {Corefile: \".:53 {\\n}\\nexample.test:53 {\\n forward . 10.96.200.54\\n}\\n\"}}",
        )],
        verdict: Failed,
        failing: &["certificate", "secure request"],
        look_alike: None,
    },
];
