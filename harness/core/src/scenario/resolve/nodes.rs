//! Node selectors, checked against the topology: a selector that chooses nothing proves nothing.

use std::collections::BTreeMap;

use super::check::Context;
use crate::cilium::HostNetwork;
use crate::cluster::{Node, NodeRole, NodeSelector};
use crate::name::NodeName;
use crate::scenario::file::form::NodesForm;
use crate::source::problem::Problem;
use crate::source::tree::Place;
use crate::topology::{Topology, TopologyNode};

/// Resolves nodes as written; reports selectors that choose no node of the topology.
pub(super) fn selector(
    form: &NodesForm,
    place: Place<'_>,
    topology: Option<&Topology>,
    problems: &mut Vec<Problem>,
) -> NodeSelector {
    let selector = match form {
        NodesForm::All => NodeSelector::All,
        NodesForm::Labels(labels) => NodeSelector::Labels(labels.clone()),
        NodesForm::Not(labels) => NodeSelector::Not(labels.clone()),
        NodesForm::Names(names) => NodeSelector::Names(names.clone()),
    };
    let Some(topology) = topology else { return selector };
    if let NodeSelector::Names(names) = &selector {
        report_unknown_names(names, place, topology, problems);
    } else if let Some(problem) = matches_nothing(&selector, place, topology) {
        problems.push(problem);
    }
    selector
}

/// How many nodes of the topology a selector chooses; `None` when that depends on labels that
/// only a running cluster has.
pub(super) fn count(selector: &NodeSelector, topology: &Topology) -> Option<usize> {
    if let NodeSelector::Labels(labels) | NodeSelector::Not(labels) = selector
        && labels.keys().any(|key| ONLY_AT_RUN_TIME.contains(&key.as_str()))
    {
        return None;
    }
    Some(topology.nodes.iter().filter(|node| selector.matches(&as_node(node))).count())
}

/// Labels that the kubelet sets to values that a topology does not know.
const ONLY_AT_RUN_TIME: &[&str] = &["kubernetes.io/hostname", "kubernetes.io/arch"];

/// The problem with a selector that chooses no node of the topology.
pub(super) fn matches_nothing(
    selector: &NodeSelector,
    place: Place<'_>,
    topology: &Topology,
) -> Option<Problem> {
    (count(selector, topology) == Some(0)).then(|| {
        Problem::at(&place, "this chooses no node of the topology")
            .found(selector.to_string())
            .expected(format!("a choice among the nodes of `{}`", topology.name))
            .note(labels_there(topology))
    })
}

/// Reports requests that would have nowhere to enter: in host-network mode only the nodes of
/// Cilium's own selector carry a listener.
pub(super) fn report_no_entry(
    selector: &NodeSelector,
    place: Place<'_>,
    context: &Context<'_, '_>,
    problems: &mut Vec<Problem>,
) {
    let Some(topology) = context.scope.topology else { return };
    for variant in &context.scope.variants {
        let is_for = context.variants.is_empty() || context.variants.contains(&variant.name);
        let Some(HostNetwork::On { match_labels }) = variant.host_network() else { continue };
        let carriers = NodeSelector::Labels(match_labels.clone());
        let known = [selector, &carriers].iter().all(|s| count(s, topology).is_some_and(|n| n > 0));
        let both = topology
            .nodes
            .iter()
            .map(as_node)
            .any(|node| selector.matches(&node) && carriers.matches(&node));
        if is_for && known && !both {
            problems.push(
                Problem::at(&place, "there is no node to send requests to")
                    .found(selector.to_string())
                    .expected(format!("at least one of the {carriers}"))
                    .note(format!(
                        "in the variant `{}` only those have a listener; for the others claim \
                         `tcp:` with `expect: refused`",
                        variant.name
                    )),
            );
        }
    }
}

fn labels_there(topology: &Topology) -> String {
    let mut labels: Vec<String> = topology
        .nodes
        .iter()
        .flat_map(|node| node.labels.iter().map(|(key, value)| format!("{key}={value}")))
        .collect();
    labels.sort();
    labels.dedup();
    if labels.is_empty() {
        "no node of it has a label".to_owned()
    } else {
        format!("labels of its nodes: {}", labels.join(", "))
    }
}

fn report_unknown_names(
    names: &[NodeName],
    place: Place<'_>,
    topology: &Topology,
    problems: &mut Vec<Problem>,
) {
    let known: Vec<&str> = topology.nodes.iter().map(|node| node.name.as_str()).collect();
    for (index, name) in names.iter().enumerate() {
        if !known.contains(&name.as_str()) {
            let at = place.get("names").item(index);
            problems.push(super::unknown(at, "node", name.as_str(), &known));
        }
    }
}

/// A topology's node with the labels that Kubernetes adds.
fn as_node(node: &TopologyNode) -> Node {
    let mut labels: BTreeMap<String, String> = node.labels.clone();
    labels.insert("kubernetes.io/os".to_owned(), "linux".to_owned());
    if node.role == NodeRole::ControlPlane {
        labels.insert("node-role.kubernetes.io/control-plane".to_owned(), String::new());
    }
    Node { name: node.name.clone(), role: node.role, labels, addresses: Vec::new() }
}
