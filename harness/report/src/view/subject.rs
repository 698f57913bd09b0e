//! Who carried the traffic: said in every report, because a model never passes for Cilium.

use gateproof_core::cluster::{ProviderKind, Subject};
use gateproof_core::report::RunReport;

/// The provider and the subjects, such as `provider embedded, reference model of Cilium 1.20`.
pub(crate) fn provider_and_subject(report: &RunReport) -> String {
    let subjects: Vec<_> = report.subjects().into_iter().map(ToString::to_string).collect();
    let subjects = match (subjects.is_empty(), report.provider) {
        (false, _) => subjects.join(", "),
        (true, ProviderKind::Embedded) => "reference model of Cilium (no trial started)".to_owned(),
        (true, ProviderKind::Kind | ProviderKind::Existing) => "no trial started".to_owned(),
    };
    format!("provider {}, {subjects}", report.provider)
}

/// A plain sentence that no real Cilium was involved, or only in part; `None` when it was.
pub(crate) fn model_sentence(report: &RunReport) -> Option<String> {
    let mut versions = Vec::new();
    let mut real = Vec::new();
    for subject in report.subjects() {
        match subject {
            Subject::ReferenceModel { cilium } => versions.push(cilium.as_str()),
            Subject::Cilium { .. } => real.push(subject.to_string()),
        }
    }
    match (versions.is_empty(), real.is_empty()) {
        (true, true) if report.provider == ProviderKind::Embedded => Some(
            "No real Cilium was involved: the embedded provider runs a reference model of Cilium."
                .to_owned(),
        ),
        (true, _) => None,
        (false, true) => Some(format!(
            "No real Cilium was involved: this was the reference model of Cilium {}, with real \
             sockets.",
            versions.join(" and ")
        )),
        (false, false) => Some(format!(
            "Not everywhere was a real Cilium involved: some trials ran on the reference model of \
             Cilium {}, others on {}.",
            versions.join(" and "),
            real.join(" and ")
        )),
    }
}
