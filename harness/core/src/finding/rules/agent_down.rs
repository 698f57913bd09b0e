//! GP0033: an agent is down, or not ready, on nodes.

use super::issue;
use crate::dossier::{ComponentPod, Dossier, Readiness};
use crate::finding::reading::{dead, gateways, listed, nodes_of, sockets, told, trouble};
use crate::finding::releases::{Releases, between};
use crate::finding::{Confidence, Firing, Role, Rule};
use crate::name::NodeName;

/// The rule.
pub(super) const RULE: Rule = Rule {
    id: "GP0033",
    title: "an agent is down or not ready on nodes",
    explanation: "\
The agent of a node puts the redirect to Envoy in place and hands Envoy its configuration and Secrets. \
While it is away what was in place goes on: open connections and known listeners work, and nothing \
changes any more. Where an agent never came up (it waits for definitions that an older operator has not \
registered, it cannot reach the API server, its configuration is refused) the Gateway has no ports on \
that node at all, while its conditions are green. Where Envoy runs inside the agent it is down too.",
    remedy: &[
        "look at the pod: kubectl -n kube-system describe pod POD, and kubectl -n kube-system logs POD --all-containers (with --previous after a restart)",
        "when it waits for definitions of CiliumEnvoyConfig: restart the operator first, then the agents",
    ],
    sources: &[
        "cilium/cilium pkg/ciliumenvoyconfig 1.16 to 1.18.10: who puts what in place",
        "cilium/cilium #48534: agents that wait for definitions",
    ],
    issues: &[issue("cilium/cilium#48534", Releases(&[between((20, 1), (20, 2))]))],
    examine,
};

fn examine(dossier: &Dossier) -> Vec<Firing> {
    let down: Vec<&ComponentPod> = dossier
        .cilium
        .agents
        .iter()
        .filter(|pod| pod.ready == Readiness::NotReady && pod.node.is_some())
        .collect();
    if gateways(dossier).is_empty() || down.is_empty() {
        return Vec::new();
    }
    let all = sockets(dossier);
    let carries = |pod: &ComponentPod| {
        all.iter().any(|socket| socket.node == pod.node && socket.is_traffic() && socket.is_open())
    };
    let dead: Vec<_> = dead(dossier)
        .into_iter()
        .filter(|socket| down.iter().any(|pod| pod.node == socket.node))
        .collect();
    let role = if down.iter().all(|pod| carries(pod)) || (dead.is_empty() && !all.is_empty()) {
        Role::Contributing
    } else {
        Role::Cause
    };
    let confidence =
        if nodes_of(&dead).is_empty() { Confidence::Likely } else { Confidence::Certain };
    let names: Vec<&str> =
        down.iter().filter_map(|pod| pod.node.as_ref()).map(NodeName::as_str).collect();
    let mut firing = Firing::new(role, confidence).about(format!("agents on {}", listed(&names)));
    for pod in &down {
        let object = dossier.get("", "Pod", Some(&pod.pod.namespace), &pod.pod.name);
        let reason = object.and_then(trouble).or_else(|| pod.reason.clone());
        let reason = reason.map(|reason| format!(", {reason}")).unwrap_or_default();
        let node = pod.node.as_ref().map(NodeName::as_str).unwrap_or_default();
        firing = firing.seen(
            format!("not ready{reason}, {} restarts", pod.restarts),
            format!("pod {} on {node}", pod.pod),
        );
    }
    vec![firing
        .seen_all(told(&dead))
        .inferred("nothing that changes reaches Envoy on these nodes, and where the agent never came up the Gateway has no ports")]
}

#[cfg(test)]
mod tests {
    use super::RULE;
    use crate::dossier::{Dossier, Readiness};
    use crate::finding::fixture::{Change, dedicated, fires, silent};
    use crate::finding::{Confidence, Role};
    use crate::observation::TcpOutcome;

    fn down() -> Dossier {
        let mut dossier = dedicated();
        dossier.cilium.agents[1].ready = Readiness::NotReady;
        dossier
    }

    #[test]
    fn a_dead_node_without_an_agent_is_certain() {
        let firing = fires(&RULE, &down().dead(&["worker"], &TcpOutcome::TimedOut));
        assert_eq!((firing.role, firing.confidence), (Role::Cause, Confidence::Certain));
    }

    #[test]
    fn a_node_that_carries_traffic_meanwhile_only_takes_part() {
        assert_eq!(fires(&RULE, &down()).role, Role::Contributing);
    }

    #[test]
    fn dead_ports_beside_ready_agents_are_another_matter() {
        silent(&RULE, &dedicated().dead(&["worker"], &TcpOutcome::TimedOut));
        let mut unknown = down();
        unknown.cilium.agents[1].ready = Readiness::Unknown;
        silent(&RULE, &unknown.dead(&["worker"], &TcpOutcome::TimedOut));
    }
}
