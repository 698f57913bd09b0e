//! GP0014: the status lists nodes that do not listen.

use std::net::IpAddr;

use super::issue;
use crate::cilium::HostNetwork;
use crate::dossier::Dossier;
use crate::finding::reading::{gateways, listed};
use crate::finding::releases::{Releases, between, since};
use crate::finding::{Confidence, Firing, Role, Rule};

/// 1.20.2 heeds the selector; the main branch of August 2026 does not yet.
const WRONG: Releases =
    Releases(&[between((18, 12), (19, 0)), between((19, 6), (20, 2)), since(21, 0)]);

/// The rule.
pub(super) const RULE: Rule = Rule {
    id: "GP0014",
    title: "the Gateway's status lists nodes that do not listen",
    explanation: "\
With host network the operator puts node addresses into the Gateway's status: the first address of \
each Node, at most 16, without a look at gatewayAPI.hostNetwork.nodes.matchLabels and at whether a \
node is ready. Envoy listens only on the nodes that the labels choose. Whoever takes addresses from \
the status (external-dns, for one) sends clients to nodes that refuse them.

1.20.2 lists only the nodes that are chosen.",
    remedy: &[
        "upgrade to 1.20.2",
        "until then take the addresses from the nodes' labels, not from the Gateway's status (with external-dns: the annotation external-dns.alpha.kubernetes.io/target on the Gateway)",
    ],
    sources: &[
        "cilium/cilium operator/pkg/gateway-api/gateway_reconcile.go 1.19.6, 1.20 before its branch: node addresses",
        "recorded from the operator of 1.21-dev with a node selector: all nodes are listed",
    ],
    issues: &[
        issue("cilium/cilium#47456", Releases(&[between((19, 6), (20, 2))])),
        issue("cilium/cilium#48636", Releases(&[between((19, 6), (20, 2))])),
    ],
    examine,
};

fn examine(dossier: &Dossier) -> Vec<Firing> {
    let Some(HostNetwork::On { match_labels }) =
        dossier.cilium.config.as_ref().map(|config| &config.host_network)
    else {
        return Vec::new();
    };
    if match_labels.is_empty() {
        return Vec::new();
    }
    let selector = HostNetwork::On { match_labels: match_labels.clone() };
    gateways(dossier)
        .iter()
        .filter_map(|gateway| {
            let addresses: Vec<IpAddr> =
                gateway.addresses().iter().filter_map(|address| address.parse().ok()).collect();
            let wrong: Vec<String> = dossier
                .nodes
                .iter()
                .filter(|node| !selector.selects(&node.labels))
                .filter_map(|node| {
                    let address = node.addresses.iter().find(|one| addresses.contains(one))?;
                    Some(format!("{} ({address})", node.name))
                })
                .collect();
            if wrong.is_empty() {
                return None;
            }
            Firing::new(Role::Contributing, Confidence::Certain)
                .about(gateway)
                .seen(format!("addresses of {}", listed(&wrong)), format!("status of {gateway}"))
                .seen(
                    "these nodes lack the labels of hostNetwork.nodes.matchLabels",
                    "labels of Nodes",
                )
                .inferred("clients that go by the status reach nodes that refuse them")
                .on(dossier, WRONG)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::RULE;
    use crate::dossier::Dossier;
    use crate::finding::fixture::{Change, Variant, fires, healthy, silent, words};

    fn all_listed(variant: Variant, version: &str) -> Dossier {
        let addresses = json!([{"type": "IPAddress", "value": "172.18.0.2"},
                               {"type": "IPAddress", "value": "172.18.0.3"}]);
        healthy(variant).version(version).set(
            "Gateway",
            "shared-gateway",
            "/status/addresses",
            &addresses,
        )
    }

    #[test]
    fn a_node_that_is_listed_and_not_chosen_is_named() {
        for version in ["1.19.6", "1.20.1"] {
            let firing = fires(&RULE, &all_listed(Variant::HostNetworkNodeSelector, version));
            assert!(words(&firing).contains("control-plane (172.18.0.2)"), "{firing:#?}");
        }
    }

    #[test]
    fn chosen_nodes_and_other_releases_are_right() {
        silent(&RULE, &healthy(Variant::HostNetworkNodeSelector).version("1.20.1"));
        silent(&RULE, &all_listed(Variant::HostNetwork, "1.20.1"));
        silent(&RULE, &all_listed(Variant::HostNetworkNodeSelector, "1.20.2"));
    }
}
