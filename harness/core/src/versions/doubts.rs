//! What is unusual about the versions of a scenario, though nothing is known to stand against it.

use std::collections::BTreeSet;

use super::{Asked, choose};
use crate::scenario::Scenario;

/// The warnings of a scenario's versions, each once, as far as they are known without a cluster.
#[must_use]
pub fn doubts(scenario: &Scenario) -> Vec<String> {
    let mut seen = BTreeSet::new();
    let mut doubts = Vec::new();
    for cilium in &scenario.cilium {
        let asked = Asked {
            cilium,
            gateway_api: &scenario.gateway_api,
            cert_manager: scenario.cert_manager.as_deref(),
            kubernetes: None,
        };
        let chosen = choose(asked).expect("a scenario with versions that do not fit is refused");
        doubts.extend(chosen.warnings.into_iter().filter(|doubt| seen.insert(doubt.clone())));
    }
    doubts
}
