//! GP0035: the Gateway is dead on some nodes and carries traffic on others.

use std::collections::BTreeSet;

use super::issue;
use crate::dossier::{ComponentPod, Dossier, Readiness};
use crate::finding::reading::{Socket, drifts, gateways, listed, rejections, sockets, told};
use crate::finding::releases::{Releases, between};
use crate::finding::{Confidence, Firing, Role, Rule, Seen};
use crate::name::NodeName;

/// The rule.
pub(super) const RULE: Rule = Rule {
    id: "GP0035",
    title: "the Gateway is dead on some nodes and carries traffic on others, with every pod ready",
    explanation: "\
All ports of the Gateway that should accept on a node do not, while the same ports accept on other \
nodes. The operator's work (Service, CiliumEnvoyConfig, Secrets) is the same for all nodes, so it is not \
at fault: what fails is on these nodes, between the packet and the node's Envoy. The agent there has not \
applied the CiliumEnvoyConfig, Envoy there has not taken the listener, or packets do not reach the node.

What is seen fits several causes, and the report cannot tell them apart from outside; an agent or an \
Envoy that is not ready, drift of the configuration, and a refused listener have rules of their own, and \
this one is silent about nodes where one of those shows.",
    remedy: &[
        "on the node's agent: kubectl -n kube-system exec POD -c cilium-agent -- cilium-dbg bpf lb list; without an \"L7LB Proxy Port\" on the node-port frontend the CiliumEnvoyConfig is not applied there",
        "with it: cilium-dbg envoy admin listeners; when the Gateway's listener is missing, restart that node's Envoy, and its agent when that does not help",
        "when both are there, packets do not arrive: compare security groups, firewalls and the network interfaces of the node with those of a node that works",
    ],
    sources: &[
        "cilium/cilium operator/pkg/gateway-api and pkg/ciliumenvoyconfig 1.16 to 1.20: the operator writes once for all nodes, every agent applies for its own",
        "cilium/cilium #44759: a Gateway dead on a new node only (its cause is not established)",
    ],
    issues: &[issue("cilium/cilium#44759", Releases(&[between((18, 0), (19, 0))]))],
    examine,
};

fn examine(dossier: &Dossier) -> Vec<Firing> {
    if gateways(dossier).is_empty() {
        return Vec::new();
    }
    let all: Vec<Socket<'_>> = sockets(dossier).into_iter().filter(Socket::is_traffic).collect();
    let open: BTreeSet<&NodeName> = all
        .iter()
        .filter(|socket| socket.is_open())
        .filter_map(|socket| socket.node.as_ref())
        .collect();
    let dead: BTreeSet<&NodeName> = all
        .iter()
        .filter(|socket| socket.is_dead())
        .filter_map(|socket| socket.node.as_ref())
        .filter(|node| !open.contains(node) && !has_another_cause(dossier, node))
        .collect();
    if open.is_empty() || dead.is_empty() {
        return Vec::new();
    }
    let is_theirs = |socket: &&Socket<'_>| {
        socket.is_dead() && socket.node.as_ref().is_some_and(|node| dead.contains(&node))
    };
    let theirs: Vec<Socket<'_>> = all.iter().filter(is_theirs).cloned().collect();
    let alive: Vec<&str> = open.iter().map(|node| node.as_str()).collect();
    let names: Vec<&str> = dead.iter().map(|node| node.as_str()).collect();
    let firing = Firing::new(Role::Cause, Confidence::Possible)
        .about(format!("nodes {}", listed(&names)))
        .seen_all(told(&theirs))
        .seen(format!("accepted on {}", listed(&alive)), "TCP probes".to_owned())
        .seen_all(pods(dossier, &dead))
        .inferred(
            "what fails is on these nodes alone: the agent, Envoy, or the way of packets to it",
        );
    vec![firing]
}

/// Whether something else shows on the node that has a rule of its own.
pub(super) fn has_another_cause(dossier: &Dossier, node: &NodeName) -> bool {
    let on = |pods: &[ComponentPod], wrong: &dyn Fn(&ComponentPod) -> bool| {
        pods.iter().any(|pod| pod.node.as_ref() == Some(node) && wrong(pod))
    };
    let down = |pod: &ComponentPod| pod.ready == Readiness::NotReady || pod.reason.is_some();
    let written = dossier.cilium.config_map.as_ref().and_then(|map| map.written);
    let older = |pod: &ComponentPod| matches!((pod.started, written), (Some(s), Some(w)) if s < w);
    on(&dossier.cilium.agents, &down)
        || on(&dossier.cilium.envoys, &down)
        || on(&dossier.cilium.agents, &older)
        || drifts(dossier).iter().any(|drift| drift.line.node.as_ref() == Some(node))
        || rejections(dossier).iter().any(|rejection| rejection.node == Some(node))
}

/// That the pods there look well, as far as they were read.
fn pods(dossier: &Dossier, nodes: &BTreeSet<&NodeName>) -> Vec<Seen> {
    let all = [("agent", &dossier.cilium.agents), ("Envoy", &dossier.cilium.envoys)];
    all.into_iter()
        .flat_map(|(what, pods)| pods.iter().map(move |pod| (what, pod)))
        .filter(|(_, pod)| pod.ready == Readiness::Ready)
        .filter_map(|(what, pod)| {
            let node = pod.node.as_ref().filter(|node| nodes.contains(node))?;
            let what = format!("the {what} on {node} is ready");
            Some(Seen { what, source: format!("pod {}", pod.pod) })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::RULE;
    use crate::dossier::{Dossier, Readiness};
    use crate::finding::fixture::{Change, NODES, dedicated, fires, silent, words};
    use crate::finding::{Confidence, Role};
    use crate::observation::TcpOutcome;

    fn one_dead() -> Dossier {
        dedicated().dead(&["worker"], &TcpOutcome::Refused)
    }

    #[test]
    fn a_node_that_alone_is_dead_is_where_to_look() {
        let firing = fires(&RULE, &one_dead());
        assert_eq!((firing.role, firing.confidence), (Role::Cause, Confidence::Possible));
        assert_eq!(firing.subjects, ["nodes worker"]);
        assert!(words(&firing).contains("the agent on worker is ready"), "{}", words(&firing));
        fires(&RULE, &dedicated().dead(&["worker"], &TcpOutcome::TimedOut));
    }

    #[test]
    fn all_nodes_dead_or_none_have_another_cause() {
        silent(&RULE, &dedicated());
        silent(&RULE, &dedicated().dead(&NODES, &TcpOutcome::Refused));
    }

    #[test]
    fn a_node_with_something_wrong_that_shows_is_left_to_the_rule_for_that() {
        for change in [
            (|d: &mut Dossier| d.cilium.agents[1].ready = Readiness::NotReady) as fn(&mut Dossier),
            |d| d.cilium.envoys[1].reason = Some("CrashLoopBackOff".to_owned()),
            |d| d.cilium.agents[1].started = "2020-01-01T00:00:00Z".parse().ok(),
        ] {
            let mut dossier = one_dead();
            change(&mut dossier);
            silent(&RULE, &dossier);
        }
    }
}
