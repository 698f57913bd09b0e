//! GP0004: the node selector of host network matches no node, or not those meant.

use std::collections::BTreeMap;

use serde_json::Value;

use super::issue;
use crate::cilium::HostNetwork;
use crate::cluster::Node;
use crate::dossier::Dossier;
use crate::finding::reading::{cited, config_map, could_read, gateways, listed, sockets, told};
use crate::finding::releases::{Releases, since};
use crate::finding::{Confidence, Firing, Role, Rule};

const HOST_NETWORK: Releases = Releases(&[since(16, 0)]);

/// The rule.
pub(super) const RULE: Rule = Rule {
    id: "GP0004",
    title: "the node selector matches no node, or not the nodes that were meant",
    explanation: "\
With host network, gatewayAPI.hostNetwork.nodes.matchLabels chooses the nodes whose agents apply \
the Gateway's CiliumEnvoyConfig. Envoy runs everywhere all the same; on nodes that are not chosen \
it has no listener, and the ports are closed. An agent on such a node passes over the \
configuration without a line in its log.

The agent compares with the labels of its CiliumNode, not of the Node. They are copied from the \
Node, so a label that was set while the agent could not write, or taken away again, can be on one \
and not on the other.

Labels match as a whole: every key with exactly that value. The value is a text, so `true` must be \
quoted in YAML. The Helm key is hostNetwork.nodes.matchLabels; hostNetwork.nodeSelector is no key \
of any chart and is dropped without a word, after which Envoy listens on all nodes.",
    remedy: &[
        "label the nodes that should carry the Gateway (kubectl label node NAME KEY=VALUE), or set gatewayAPI.hostNetwork.nodes.matchLabels to labels that they have, and restart the operator: kubectl -n kube-system rollout restart deployment/cilium-operator",
        "compare kubectl get nodes --show-labels with kubectl get ciliumnodes --show-labels; where they differ, restart that node's agent",
    ],
    sources: &[
        "cilium/cilium pkg/ciliumenvoyconfig/node_labels_controller.go 1.16 to 1.18: labels of the CiliumNode decide, without a log line",
        "cilium/cilium operator/pkg/model/translation/cec_translator.go: nodeSelector only with host network and labels",
        "cilium/charts values.yaml 1.16.0 to 1.21.0-pre.0: gatewayAPI.hostNetwork.nodes.matchLabels",
    ],
    issues: &[issue("cilium/cilium#46022", HOST_NETWORK)],
    examine,
};

fn examine(dossier: &Dossier) -> Vec<Firing> {
    let gateways = gateways(dossier);
    let mut firings: Vec<Firing> = gateways
        .iter()
        .filter_map(|gateway| {
            let config = gateway.envoy_config()?;
            let labels = labels(config.pointer("/spec/nodeSelector/matchLabels")?);
            let source = format!("spec.nodeSelector of {}", cited(config));
            examine_selector(dossier, &labels, &source).map(|firing| firing.about(gateway))
        })
        .collect();
    if firings.is_empty()
        && !gateways.is_empty()
        && gateways.iter().all(|gateway| gateway.envoy_config().is_none())
        && let Some(HostNetwork::On { match_labels }) =
            dossier.cilium.config.as_ref().map(|config| &config.host_network)
    {
        let source =
            format!("gateway-api-hostnetwork-nodelabelselector in {}", config_map(dossier));
        let firing = examine_selector(dossier, match_labels, &source);
        firings.extend(firing.map(|firing| gateways.iter().fold(firing, Firing::about)));
    }
    firings.into_iter().filter_map(|firing| firing.on(dossier, HOST_NETWORK)).collect()
}

fn examine_selector(
    dossier: &Dossier,
    labels: &BTreeMap<String, String>,
    source: &str,
) -> Option<Firing> {
    if labels.is_empty() || dossier.nodes.is_empty() || !could_read(dossier, "Node") {
        return None;
    }
    let wanted: Vec<String> = labels.iter().map(|(key, value)| format!("{key}={value}")).collect();
    let wanted = wanted.join(",");
    let has = |labels_of: &BTreeMap<String, String>| {
        labels.iter().all(|(key, value)| labels_of.get(key) == Some(value))
    };
    let chosen: Vec<&Node> = dossier.nodes.iter().filter(|node| has(&node.labels)).collect();
    let seen = |firing: Firing| firing.seen(&wanted, source);
    if chosen.is_empty() {
        let firing = seen(Firing::new(Role::Cause, Confidence::Certain))
            .seen(format!("none of {} nodes has {wanted}", dossier.nodes.len()), "labels of Nodes")
            .inferred(
                "no agent applies the Gateway's configuration, so no node listens on its ports",
            );
        return Some(near(dossier, labels).into_iter().fold(firing, Firing::remedy));
    }
    let behind: Vec<&str> = chosen
        .iter()
        .filter(|node| {
            let copy = dossier.get("cilium.io", "CiliumNode", None, node.name.as_str());
            let labels_of = |copy: &Value| {
                copy.pointer("/metadata/labels").map(self::labels).unwrap_or_default()
            };
            copy.is_some_and(|copy| !has(&labels_of(copy)))
        })
        .map(|node| node.name.as_str())
        .collect();
    if !behind.is_empty() {
        return Some(
            seen(Firing::new(Role::Cause, Confidence::Certain))
                .about(format!("nodes {}", listed(&behind)))
                .seen(
                    format!(
                        "{wanted} is on the Nodes {} and not on their CiliumNodes",
                        listed(&behind)
                    ),
                    "labels of Nodes and CiliumNodes",
                )
                .inferred("agents go by the CiliumNode, so these nodes do not listen")
                .remedy(format!(
                    "restart the agents on {}, which copy the labels",
                    listed(&behind)
                )),
        );
    }
    not_meant(dossier, &chosen, &wanted).map(seen)
}

/// Nodes that somebody wanted open and the selector leaves out, or a selection beside which others
/// carry the label by another value.
fn not_meant(dossier: &Dossier, chosen: &[&Node], wanted: &str) -> Option<Firing> {
    let left_out: Vec<_> = sockets(dossier)
        .into_iter()
        .filter(|socket| {
            socket.is_listener_port()
                && socket.is_dead()
                && socket
                    .node
                    .as_ref()
                    .is_some_and(|name| chosen.iter().all(|node| node.name != *name))
        })
        .collect();
    if left_out.is_empty() {
        return None;
    }
    let names: Vec<&str> = chosen.iter().map(|node| node.name.as_str()).collect();
    Some(
        Firing::new(Role::Cause, Confidence::Likely)
            .seen(format!("nodes with {wanted}: {}", listed(&names)), "labels of Nodes")
            .seen_all(told(&left_out))
            .inferred("ports were wanted open on nodes that the selector leaves out, where Envoy has no listener"),
    )
}

/// Labels that nodes have and that look like those wanted.
fn near(dossier: &Dossier, labels: &BTreeMap<String, String>) -> Option<String> {
    let (key, value) = labels.iter().find(|(key, value)| {
        dossier.nodes.iter().all(|node| node.labels.get(*key) != Some(value))
    })?;
    let values: Vec<String> = dossier
        .nodes
        .iter()
        .filter_map(|node| Some(format!("{}: {key}={}", node.name, node.labels.get(key)?)))
        .collect();
    if values.is_empty() {
        let keys = dossier.nodes.iter().flat_map(|node| node.labels.keys().map(String::as_str));
        let near = crate::source::nearest::nearest(key, keys)?;
        return Some(format!("no node has the label {key}; the nearest that there is: {near}"));
    }
    Some(format!("nodes have other values than {value}: {}", values.join(", ")))
}

fn labels(value: &Value) -> BTreeMap<String, String> {
    let Some(labels) = value.as_object() else { return BTreeMap::new() };
    let plain = |key: &str| {
        // Agents tell where a label comes from (`k8s:role`); the selector's schema allows both.
        key.strip_prefix("k8s:").or(key.strip_prefix("any:")).unwrap_or(key).to_owned()
    };
    labels
        .iter()
        .filter_map(|(key, value)| Some((plain(key), value.as_str()?.to_owned())))
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::RULE;
    use crate::finding::fixture::{Change, NODES, Variant, fires, healthy, silent, words};
    use crate::finding::{Confidence, Role};
    use crate::observation::TcpOutcome;

    const CONFIG: &str = "cilium-gateway-shared-gateway";

    fn selector(labels: &serde_json::Value) -> crate::dossier::Dossier {
        healthy(Variant::HostNetworkNodeSelector).set(
            "CiliumEnvoyConfig",
            CONFIG,
            "/spec/nodeSelector/matchLabels",
            labels,
        )
    }

    #[test]
    fn a_selector_that_matches_no_node_is_a_cause_with_what_there_is() {
        let firing = fires(&RULE, &selector(&json!({"role": "gatewy"})).unprobed());
        assert_eq!((firing.role, firing.confidence), (Role::Cause, Confidence::Certain));
        let words = words(&firing);
        assert!(words.contains("none of 3 nodes has role=gatewy"), "{words}");
        assert!(words.contains("worker: role=gateway"), "{words}");
    }

    #[test]
    fn every_label_counts() {
        fires(&RULE, &selector(&json!({"role": "gateway", "zone": "a"})));
    }

    #[test]
    fn the_configuration_decides_where_there_is_no_envoy_config() {
        let mut dossier =
            healthy(Variant::HostNetworkNodeSelector).without("CiliumEnvoyConfig", CONFIG);
        silent(&RULE, &dossier);
        for node in &mut dossier.nodes {
            node.labels.clear();
        }
        fires(&RULE, &dossier);
    }

    #[test]
    fn a_label_that_is_not_on_the_cilium_node_is_told_apart() {
        let behind = healthy(Variant::HostNetworkNodeSelector).set(
            "CiliumNode",
            "worker2",
            "/metadata/labels",
            &json!({}),
        );
        let words = words(&fires(&RULE, &behind));
        assert!(words.contains("not on their CiliumNodes") && words.contains("worker2"), "{words}");
    }

    #[test]
    fn closed_ports_on_nodes_that_were_wanted_and_left_out_are_likely() {
        let mut dossier = healthy(Variant::HostNetworkNodeSelector);
        for cell in &mut dossier.exposure[0].grid.cells {
            if cell.endpoint.role == crate::exposure::PortRole::ListenerPort {
                cell.expected = crate::exposure::Expectation::Accepts;
            }
        }
        assert_eq!(fires(&RULE, &dossier).confidence, Confidence::Likely);
    }

    #[test]
    fn a_selector_that_matches_is_no_finding_though_ports_are_dead() {
        silent(&RULE, &healthy(Variant::HostNetworkNodeSelector));
        let dead = healthy(Variant::HostNetworkNodeSelector).dead(&NODES, &TcpOutcome::Refused);
        silent(&RULE, &dead);
        silent(&RULE, &healthy(Variant::HostNetwork).dead(&NODES, &TcpOutcome::Refused));
    }

    #[test]
    fn nodes_that_could_not_be_read_match_nothing_and_prove_nothing() {
        silent(&RULE, &selector(&json!({"role": "none"})).unread("Node objects"));
    }
}
