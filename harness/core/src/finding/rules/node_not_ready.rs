//! GP0055: nodes are not ready.

use serde_json::Value;

use crate::dossier::{Dossier, text};
use crate::finding::reading::{Socket, condition, listed, sockets, told};
use crate::finding::{Confidence, Firing, Role, Rule};
use crate::scenario::ConditionStatus;

/// The rule.
pub(super) const RULE: Rule = Rule {
    id: "GP0055",
    title: "nodes on which the Gateway is dead are not ready",
    explanation: "\
All ports of the Gateway are dead on nodes that Kubernetes calls not ready. What keeps a node from being \
ready (its kubelet stopped, it lost the network, it ran out of disk or memory, it is being replaced) stops \
the agent and Envoy there as well. The Gateway's conditions say nothing about nodes.

Load balancers that are kept by a controller lose such nodes as targets after a while; lists that are kept \
by hand do not.",
    remedy: &[
        "look at the node: kubectl describe node NODE",
        "take it out of the load balancer's targets, and drain and replace it when it does not come back",
    ],
    sources: &[
        "kubernetes/kubernetes pkg/controller/nodelifecycle 1.32: the condition Ready turns Unknown when a kubelet no longer reports",
    ],
    issues: &[],
    examine,
};

fn examine(dossier: &Dossier) -> Vec<Firing> {
    let all: Vec<Socket<'_>> = sockets(dossier).into_iter().filter(Socket::is_traffic).collect();
    let mut firing = Firing::new(Role::Cause, Confidence::Likely);
    let mut names: Vec<&str> = Vec::new();
    for node in dossier.list("", "Node") {
        let (Some(name), Some(ready)) = (text(node, "/metadata/name"), not_ready(node)) else {
            continue;
        };
        let of_node =
            |socket: &&Socket<'_>| socket.node.as_ref().is_some_and(|node| node.as_str() == name);
        let theirs: Vec<Socket<'_>> = all.iter().filter(of_node).cloned().collect();
        if theirs.is_empty()
            || !theirs.iter().any(Socket::is_dead)
            || theirs.iter().any(Socket::is_open)
        {
            continue;
        }
        names.push(name);
        firing = firing.seen(ready, format!("Node {name}")).seen_all(told(&theirs));
    }
    if names.is_empty() {
        return Vec::new();
    }
    vec![
        firing
            .about(format!("nodes {}", listed(&names)))
            .inferred("what stopped the node stopped Cilium on it"),
    ]
}

/// What the condition Ready says, where it is not True.
fn not_ready(node: &Value) -> Option<String> {
    let ready = condition(node.get("status")?, "Ready")?;
    let status = match ready.status {
        ConditionStatus::True => return None,
        ConditionStatus::False => "False",
        ConditionStatus::Unknown => "Unknown",
    };
    Some(format!("Ready is {status} ({})", ready.reason))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::RULE;
    use crate::dossier::Dossier;
    use crate::finding::fixture::{Change, dedicated, fires, silent};
    use crate::observation::TcpOutcome;

    fn reported(dossier: Dossier, ready: &str) -> Dossier {
        let conditions = json!([{"type": "Ready", "status": ready,
            "reason": "NodeStatusUnknown", "message": ""}]);
        dossier.with(json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": "worker"},
            "status": {"conditions": conditions}}))
    }

    #[test]
    fn a_dead_node_that_is_not_ready_is_dead_for_that() {
        let dead = || dedicated().dead(&["worker"], &TcpOutcome::TimedOut);
        let firing = fires(&RULE, &reported(dead(), "Unknown"));
        assert_eq!(firing.subjects, ["nodes worker"]);
        silent(&RULE, &reported(dead(), "True"));
        silent(&RULE, &reported(dedicated(), "Unknown"));
    }
}
