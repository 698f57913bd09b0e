//! GP0007: Envoy is down, or not ready, on nodes.

use std::collections::BTreeSet;

use super::issue;
use crate::dossier::{ComponentPod, Dossier, Readiness};
use crate::finding::reading::{Socket, could_read, dead, gateways, listed, sockets, told, trouble};
use crate::finding::releases::{Releases, between, since};
use crate::finding::{Confidence, Firing, Role, Rule};
use crate::name::NodeName;

/// The rule.
pub(super) const RULE: Rule = Rule {
    id: "GP0007",
    title: "Envoy is down or not ready on nodes",
    explanation: "\
Every node carries the Gateway's traffic with its own Envoy: the pod of the DaemonSet cilium-envoy \
there, or a process in the agent's pod. There is no second one to step in, and no other node takes \
over: the agent's redirect stays in place while Envoy is away, so connections to that node are \
refused or reset. Conditions of the Gateway do not change.

Nodes without an Envoy pod (a taint that the DaemonSet does not tolerate, a node that joined while \
images could not be pulled) are the same case.",
    remedy: &[
        "look at the pod: kubectl -n kube-system describe pod POD, and kubectl -n kube-system logs POD --previous",
        "when it runs and is not ready, look at whether it reaches its agent (the socket under /var/run/cilium/envoy), and restart it together with that agent",
    ],
    sources: &[
        "cilium/charts templates/cilium-envoy/daemonset.yaml 1.14.0 to 1.20.0: host network, one pod for each node",
        "cilium/cilium bpf/lib/nodeport.h 1.18.10: the redirect leads to the node's own proxy; what a client sees without one is inferred",
    ],
    issues: &[
        issue("cilium/cilium#35425", Releases(&[between((16, 0), (17, 0))])),
        issue("cilium/cilium#44759", Releases(&[since(18, 0)])),
    ],
    examine,
};

const WITHOUT: &str = "no pod on this node";

fn examine(dossier: &Dossier) -> Vec<Firing> {
    let external = dossier.cilium.config.as_ref().is_none_or(|config| config.external_envoy_proxy);
    if gateways(dossier).is_empty() || !external || dossier.cilium.envoys.is_empty() {
        return Vec::new();
    }
    let mut down: Vec<(NodeName, String)> = dossier
        .cilium
        .envoys
        .iter()
        .filter(|pod| pod.ready == Readiness::NotReady)
        .filter_map(|pod| Some((pod.node.clone()?, state(dossier, pod))))
        .collect();
    if could_read(dossier, "Pod") && could_read(dossier, "Node") {
        let with: BTreeSet<_> =
            dossier.cilium.envoys.iter().filter_map(|pod| pod.node.as_ref()).collect();
        let without = dossier.nodes.iter().filter(|node| !with.contains(&node.name));
        down.extend(without.map(|node| (node.name.clone(), WITHOUT.to_owned())));
    }
    down.sort();
    let sockets = sockets(dossier);
    let of = |node: &NodeName| -> Vec<&Socket<'_>> {
        sockets
            .iter()
            .filter(|socket| socket.node.as_ref() == Some(node) && socket.is_traffic())
            .collect()
    };
    // What carries traffic is up, whatever its pod says.
    down.retain(|(node, _)| !of(node).iter().any(|socket| socket.is_open()));
    if down.is_empty() {
        return Vec::new();
    }
    let nodes: BTreeSet<&NodeName> = down.iter().map(|(node, _)| node).collect();
    let dead: Vec<_> = dead(dossier)
        .into_iter()
        .filter(|socket| socket.node.as_ref().is_some_and(|node| nodes.contains(node)))
        .collect();
    // Nodes that no Gateway uses (a node selector leaves them out) are no failure.
    let unused = |node: &NodeName| {
        let config = dossier.cilium.config.as_ref();
        let labels = dossier.nodes.iter().find(|one| one.name == *node).map(|one| &one.labels);
        match (config, labels) {
            (Some(config), Some(labels)) if config.host_network.is_on() => {
                !config.host_network.selects(labels)
            }
            _ => false,
        }
    };
    let role = if nodes.iter().all(|node| unused(node)) { Role::Contributing } else { Role::Cause };
    let names: Vec<&str> = nodes.iter().map(|node| node.as_str()).collect();
    // Where no pod belongs (nodes without Cilium) and nothing was probed, it may be meant so.
    let meant = dead.is_empty() && down.iter().all(|(_, state)| state == WITHOUT);
    let confidence = if meant { Confidence::Likely } else { Confidence::Certain };
    let mut firing = Firing::new(role, confidence).about(format!("Envoy on {}", listed(&names)));
    for (node, state) in &down {
        firing = firing.seen(state, format!("Envoy's pod on {node}"));
    }
    vec![firing
        .seen_all(told(&dead))
        .inferred("connections to the Gateway's ports on these nodes are refused or reset until Envoy is back")]
}

fn state(dossier: &Dossier, pod: &ComponentPod) -> String {
    let object = dossier.get("", "Pod", Some(&pod.pod.namespace), &pod.pod.name);
    let reason = object.and_then(trouble).or_else(|| pod.reason.clone());
    let reason = reason.map(|reason| format!(", {reason}")).unwrap_or_default();
    let restarts = match pod.restarts {
        0 => String::new(),
        1 => ", 1 restart".to_owned(),
        many => format!(", {many} restarts"),
    };
    format!("{} is not ready{reason}{restarts}", pod.pod)
}

#[cfg(test)]
mod tests {
    use super::RULE;
    use crate::dossier::{Dossier, Readiness};
    use crate::finding::Role;
    use crate::finding::fixture::{Change, Variant, dedicated, fires, healthy, silent, words};
    use crate::observation::TcpOutcome;

    fn down(mut dossier: Dossier, index: usize) -> Dossier {
        let pod = &mut dossier.cilium.envoys[index];
        pod.ready = Readiness::NotReady;
        pod.reason = Some("CrashLoopBackOff".to_owned());
        pod.restarts = 7;
        dossier
    }

    #[test]
    fn an_envoy_that_is_down_is_the_cause_of_its_node() {
        let dossier = down(dedicated(), 1).dead(&["worker"], &TcpOutcome::Refused);
        let firing = fires(&RULE, &dossier);
        assert_eq!(firing.role, Role::Cause);
        assert_eq!(firing.subjects, ["Envoy on worker"]);
        assert!(words(&firing).contains("CrashLoopBackOff, 7 restarts"));
        fires(&RULE, &dossier.unprobed());
    }

    #[test]
    fn a_node_without_a_pod_is_the_same_case_where_pods_were_read() {
        let mut dossier = dedicated().dead(&["worker2"], &TcpOutcome::Refused);
        dossier.cilium.envoys.pop();
        fires(&RULE, &dossier);
        silent(&RULE, &dossier.unread("Pod objects in kube-system"));
    }

    #[test]
    fn a_pod_that_carries_traffic_is_up_whatever_it_says() {
        silent(&RULE, &down(dedicated(), 1));
    }

    #[test]
    fn envoy_inside_the_agents_has_no_pods() {
        let mut dossier = down(dedicated(), 1).dead(&["worker"], &TcpOutcome::Refused);
        dossier.cilium.config.as_mut().expect("one").external_envoy_proxy = false;
        silent(&RULE, &dossier);
    }

    #[test]
    fn on_a_node_that_is_not_selected_it_is_no_cause() {
        let dossier = down(healthy(Variant::HostNetworkNodeSelector), 0);
        assert_eq!(fires(&RULE, &dossier).role, Role::Contributing);
    }
}
