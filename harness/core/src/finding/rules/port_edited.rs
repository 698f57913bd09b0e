//! GP0023: a listener's port was edited in place, and Envoy refuses the new listener.

use std::collections::BTreeSet;

use super::issue;
use crate::dossier::Dossier;
use crate::finding::reading::{ciliums_gateways, dead, gateways, in_trouble, rejections, told};
use crate::finding::releases::{Releases, since};
use crate::finding::{Confidence, Firing, Role, Rule};

const HOST_NETWORK: Releases = Releases(&[since(16, 0)]);

/// The rule.
pub(super) const RULE: Rule = Rule {
    id: "GP0023",
    title: "Envoy refuses a listener whose port was edited in place",
    explanation: "\
With host network, all ports of a Gateway are addresses of one Envoy listener. When a port is edited, \
added or taken away, Envoy is asked to replace that listener while the old one still holds its \
addresses, and refuses: it has duplicate address as existing listener. The agent repeats the request \
for ever, with the same answer. What was served before goes on; the new port stays closed.

Reported for 1.20.1; other releases with host network are built alike. A later release than 1.20.2 \
is to mend it.",
    remedy: &[
        "delete the Gateway's CiliumEnvoyConfig (kubectl -n NAMESPACE delete ciliumenvoyconfig cilium-gateway-NAME); the operator makes it anew at its next look at the Gateway. Connections are cut meanwhile",
        "or restart Envoy: kubectl -n kube-system rollout restart daemonset/cilium-envoy",
    ],
    sources: &[
        "cilium/cilium #48132: report with the log of 1.20.1",
        "envoyproxy/envoy source/common/listener_manager/listener_manager_impl.cc: the words; those of 1.40 go on behind them",
        "cilium/cilium pkg/envoy/xds/server.go 1.16 to 1.21-dev: the agent's line, in three wordings",
    ],
    issues: &[issue("cilium/cilium#48132", HOST_NETWORK)],
    examine,
};

fn examine(dossier: &Dossier) -> Vec<Firing> {
    let refused: Vec<_> = rejections(dossier)
        .into_iter()
        .filter(|one| one.words.to_lowercase().contains("duplicate address"))
        .collect();
    let gateways = gateways(dossier);
    let refused: Vec<_> = refused.into_iter().filter(|one| !one.is_of_others(&gateways)).collect();
    if refused.is_empty() || gateways.is_empty() {
        return Vec::new();
    }
    // Two Gateways on one port give the same words, for another reason.
    let mut ports = BTreeSet::new();
    for gateway in &ciliums_gateways(dossier) {
        let own: BTreeSet<u16> = gateway.listeners().iter().map(|one| one.port).collect();
        if own.into_iter().any(|port| !ports.insert(port)) {
            return Vec::new();
        }
    }
    let named: Vec<_> = gateways
        .iter()
        .filter(|gateway| {
            let name = format!("cilium-gateway-{}", gateway.name.name);
            refused.iter().any(|one| one.words.contains(&name) || one.line.text.contains(&name))
        })
        .collect();
    let about: Vec<_> = if named.is_empty() { gateways.iter().collect() } else { named };
    // What was refused in the past may be served by now.
    let probed = !dossier.exposure.is_empty();
    let role = if probed && !in_trouble(dossier) { Role::Contributing } else { Role::Cause };
    let mut firing = Firing::new(role, Confidence::Likely)
        .seen_all(told(&dead(dossier)))
        .inferred("the listener that Envoy has still holds the address; the new one is refused until the old one is gone");
    for one in &refused {
        firing = firing.seen(&one.words, format!("log {}", one.line.source));
    }
    let firing = about.into_iter().fold(firing, Firing::about);
    firing.on(dossier, HOST_NETWORK).into_iter().collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::RULE;
    use crate::dossier::{Component, Dossier};
    use crate::finding::fixture::{Change, Variant, fires, healthy, silent};

    fn refused() -> Dossier {
        healthy(Variant::HostNetwork).log(
            Component::CiliumAgent,
            Some("worker"),
            r#"level=warn msg="NACK received for versions between the reported version up to the response nonce; waiting for a version update before sending again" xdsDetail="Error adding/updating listener(s) gateway/cilium-gateway-shared-gateway/listener: error adding listener: 'gateway/cilium-gateway-shared-gateway/listener' has duplicate address '0.0.0.0:8080' as existing listener""#,
        )
    }

    #[test]
    fn a_duplicate_address_within_one_gateway_is_an_edited_port() {
        let firing = fires(&RULE, &refused());
        assert_eq!(firing.subjects, ["Gateway gateway/shared-gateway"]);
    }

    #[test]
    fn two_gateways_on_one_port_are_another_finding() {
        silent(
            &RULE,
            &refused().with(json!({"apiVersion": "gateway.networking.k8s.io/v1",
            "kind": "Gateway", "metadata": {"name": "other", "namespace": "apps"},
            "spec": {"gatewayClassName": "cilium",
                "listeners": [{"name": "http", "port": 80, "protocol": "HTTP"}]}})),
        );
    }

    #[test]
    fn other_refusals_are_other_findings() {
        silent(
            &RULE,
            &healthy(Variant::HostNetwork).log(
                Component::Envoy,
                Some("worker"),
                "listener: cannot bind '0.0.0.0:80': Permission denied",
            ),
        );
    }
}
