//! One claim at many entry points: what the pattern over them says.

use std::collections::BTreeSet;

use super::undecided;
use crate::entry::EntryPoint;
use crate::verdict::{Failure, Judgement};

/// Whether a connection that the claim needs is what is missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Contact {
    /// The socket refused, reset or kept silent although the claim needs a connection.
    Missing,
    /// Anything else: there was a connection, none was wanted, or nobody can tell.
    NotAtIssue,
}

/// How a claim fared at one entry point.
#[derive(Debug)]
pub(super) struct Fared<'a> {
    /// Where.
    pub(super) point: &'a EntryPoint,
    /// What does not hold there.
    pub(super) failures: Vec<Failure>,
    /// Whether a connection is missing.
    pub(super) contact: Contact,
}

/// Joins what was judged at each entry point. The first failure is told the pattern, and hints
/// that an earlier failure gave already are not repeated.
pub(super) fn across(fared: Vec<Fared<'_>>) -> Judgement {
    if fared.is_empty() {
        return vec![undecided(
            "the entry points",
            "at least one answer to judge",
            "nothing was probed",
            vec!["a claim without a probe is never held to be true".to_owned()],
        )]
        .into();
    }
    let pattern = pattern(&fared);
    let mut failures: Vec<Failure> = fared.into_iter().flat_map(|fared| fared.failures).collect();
    told_once(&mut failures);
    if let Some(first) = failures.first_mut() {
        first.hints.splice(0..0, pattern);
    }
    failures.into()
}

/// Takes away hints that an earlier failure gave already.
pub(super) fn told_once(failures: &mut [Failure]) {
    let mut told = BTreeSet::new();
    for failure in failures {
        failure.hints.retain(|hint| told.insert(hint.clone()));
    }
}

/// What the failing entry points have in common, or what sets them apart from the others.
pub(super) fn pattern(fared: &[Fared<'_>]) -> Vec<String> {
    let (failing, holding): (Vec<_>, Vec<_>) =
        fared.iter().partition(|fared| !fared.failures.is_empty());
    if failing.is_empty() || fared.len() < 2 {
        return Vec::new();
    }
    let closed_nodes =
        failing.iter().all(|fared| fared.contact == Contact::Missing && fared.point.node.is_some());
    if holding.is_empty() {
        return alike(failing.len(), closed_nodes);
    }
    let ports = |fared: &[&Fared<'_>]| -> BTreeSet<String> {
        fared.iter().map(|fared| fared.point.port.to_string()).collect()
    };
    let nodes = |fared: &[&Fared<'_>]| -> BTreeSet<String> {
        fared.iter().map(|fared| name(fared.point)).collect()
    };
    let (bad_nodes, good_nodes) = (nodes(&failing), nodes(&holding));
    let (bad_ports, good_ports) = (ports(&failing), ports(&holding));
    let told = |set: BTreeSet<String>| set.into_iter().collect::<Vec<_>>().join(", ");
    let count = format!("it fails at {} of {} entry points", failing.len(), fared.len());
    if bad_nodes.is_disjoint(&good_nodes) {
        let mut hints = vec![format!(
            "{count} and holds at {}: look at what sets those nodes apart",
            told(good_nodes)
        )];
        if closed_nodes {
            hints.push("on the failing nodes, look at the cilium-envoy and cilium pods (is the agent older than the last change of the ConfigMap cilium-config?), and at the CiliumNode's labels against the node selector of the CiliumEnvoyConfig".to_owned());
        }
        hints
    } else if bad_ports.is_disjoint(&good_ports) {
        vec![format!(
            "{count}: ports {} fail where ports {} hold on the same nodes, so look at those listeners before the nodes",
            told(bad_ports),
            told(good_ports)
        )]
    } else {
        vec![count]
    }
}

/// All entry points fail.
fn alike(count: usize, closed_nodes: bool) -> Vec<String> {
    if !closed_nodes {
        return vec![format!(
            "it fails at all {count} entry points: look at what they share before any single one"
        )];
    }
    vec![
        format!("none of the {count} sockets accepts: look at what they share before any single node"),
        "agents that started before Gateway API was enabled look like this, with all conditions True: look for \"Mismatch found\" and \"No local entry found\" in the agents' logs, at the metric cilium_drift_checker_config_delta (1.17+), and at whether the agent pods are older than the last change of the ConfigMap cilium-config".to_owned(),
    ]
}

fn name(point: &EntryPoint) -> String {
    point.node.as_ref().map_or_else(|| point.place.clone(), ToString::to_string)
}
