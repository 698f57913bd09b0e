//! GP0029: Envoy's pods are older than the agents, after an upgrade.

use std::collections::BTreeSet;

use super::issue;
use crate::dossier::{Component, ComponentPod, Dossier};
use crate::finding::reading::{dead, gateways, listed, nodes_of, told};
use crate::finding::releases::{Releases, between, since};
use crate::finding::{About, Confidence, Firing, Issue, Role, Rule};
use crate::name::NodeName;

const ADS: Releases = Releases(&[since(20, 0)]);

/// The rule.
pub(super) const RULE: Rule = Rule {
    id: "GP0029",
    title: "Envoy's pods are older than the agents they belong to",
    explanation: "\
Envoy's DaemonSet is rolled on its own (envoy.rollOutPods, off by default). After an upgrade agents \
can be new and Envoys old. Usually that works; it does not when the two speak differently: from 1.20 \
on agents offer xDS as one aggregated stream (ads) by default, and an Envoy that was started by an \
older chart asks for what is no longer there (unknown service, gRPC status 12). New listeners and \
Secrets then never arrive on those nodes. On 1.16 an agent's restart beside a running Envoy cut \
traffic as well.",
    remedy: &[
        "roll Envoy too: kubectl -n kube-system rollout restart daemonset/cilium-envoy; and set envoy.rollOutPods=true",
    ],
    sources: &[
        "cilium/charts values.yaml 1.20.0: envoy.xdsMode and envoy.rollOutPods",
        "keiretsu-labs/kubernetes-manifests #3012: agents on ads beside Envoys of the release before",
    ],
    issues: &[
        issue("cilium/cilium#35425", Releases(&[between((16, 0), (17, 0))])),
        Issue { reference: "keiretsu-labs/kubernetes-manifests#3012", about: About::Cilium(ADS) },
    ],
    examine,
};

fn examine(dossier: &Dossier) -> Vec<Firing> {
    if gateways(dossier).is_empty() {
        return Vec::new();
    }
    let older: Vec<&ComponentPod> = dossier
        .cilium
        .envoys
        .iter()
        .filter(|envoy| {
            let agent = dossier.cilium.agents.iter().find(|agent| agent.node == envoy.node);
            agent
                .and_then(|agent| agent.started)
                .zip(envoy.started)
                .is_some_and(|(agent, envoy)| envoy < agent)
        })
        .collect();
    let names: Vec<&str> =
        older.iter().filter_map(|pod| pod.node.as_ref()).map(NodeName::as_str).collect();
    let said: Vec<_> = dossier
        .log(Component::Envoy)
        .chain(dossier.log(Component::CiliumAgent))
        .filter(|line| {
            let text = line.text.to_lowercase();
            text.contains("unknown service envoy.service")
                || (text.contains("grpc") && text.contains("12") && text.contains("unimplemented"))
        })
        .collect();
    let dead = dead(dossier);
    let dead_nodes = nodes_of(&dead);
    let old_nodes: BTreeSet<_> = older.iter().filter_map(|pod| pod.node.clone()).collect();
    // Only where exactly the nodes with old Envoys are dead does age tell anything.
    let same = !dead_nodes.is_empty() && dead_nodes.iter().all(|node| old_nodes.contains(node));
    let confidence = match (said.is_empty(), same) {
        (false, _) => Confidence::Likely,
        (true, true) if on_ads(dossier) => Confidence::Possible,
        (true, _) => return Vec::new(),
    };
    if older.is_empty() {
        return Vec::new();
    }
    let mut firing = Firing::new(Role::Cause, confidence)
        .about(format!("Envoy on {}", listed(&names)))
        .seen(
            format!(
                "{} of {} Envoys started before their agents",
                older.len(),
                dossier.cilium.envoys.len()
            ),
            "pods of Envoy and of the agents",
        )
        .seen_all(told(&dead));
    for line in said.iter().take(3) {
        firing = firing.seen(&line.text, format!("log {}", line.source));
    }
    vec![firing.inferred("these Envoys get no new configuration from their agents")]
}

fn on_ads(dossier: &Dossier) -> bool {
    dossier.versions.cilium.as_ref().is_some_and(|version| ADS.hold(version))
}

#[cfg(test)]
mod tests {
    use super::RULE;
    use crate::dossier::{Component, Dossier};
    use crate::finding::Confidence;
    use crate::finding::fixture::{Change, NODES, dedicated, fires, moment, silent};
    use crate::observation::TcpOutcome;

    fn older() -> Dossier {
        let mut dossier = dedicated();
        for envoy in &mut dossier.cilium.envoys {
            envoy.started = Some(moment("2026-11-01T00:00:00Z"));
        }
        dossier
    }

    #[test]
    fn old_envoys_that_are_refused_their_service_are_likely() {
        let said = older().log(Component::Envoy, Some("worker"),
            "StreamListeners gRPC config stream closed: 12, unknown service envoy.service.listener.v3.ListenerDiscoveryService");
        assert_eq!(fires(&RULE, &said).confidence, Confidence::Likely);
    }

    #[test]
    fn old_envoys_with_dead_ports_are_possible_from_1_20_on() {
        let dead = older().dead(&NODES, &TcpOutcome::Refused);
        assert_eq!(fires(&RULE, &dead).confidence, Confidence::Possible);
        silent(&RULE, &dead.version("1.19.6"));
    }

    #[test]
    fn old_envoys_that_carry_traffic_are_fine() {
        silent(&RULE, &older());
        silent(&RULE, &dedicated().dead(&NODES, &TcpOutcome::Refused));
    }
}
