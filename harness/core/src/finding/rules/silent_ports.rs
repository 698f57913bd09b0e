//! GP0044: every port of the Gateway is silent on every node, and nothing in the cluster says why.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::dossier::{Dossier, text};
use crate::finding::reading::{
    Gateway, Socket, cited, config_map, entry, gateways, items, nodes_of, sockets, told,
};
use crate::finding::releases::{Releases, before};
use crate::finding::{Confidence, Firing, Role, Rule};
use crate::observation::TcpOutcome;

/// Releases in which a node port that is not redirected is silent too, as is inferred.
const SILENT_WITHOUT_REDIRECT: Releases = Releases(&[before(18, 0)]);

/// The rule.
pub(super) const RULE: Rule = Rule {
    id: "GP0044",
    title: "every port of the Gateway is silent on every node, as behind a firewall",
    explanation: "\
No connection to a port of the Gateway was answered, on any node, not even with a refusal; and agents, \
Envoys, configuration and logs show nothing that explains it. Silence means that somebody drops packets. \
A port on which nobody listens is refused at once by the node, and an agent from 1.18 on refuses a node \
port that leads nowhere; up to 1.17 such a port is silent too (both inferred from Cilium's data path).

Who drops packets before Cilium: the security group or firewall of a cloud (those of AWS open nothing by \
themselves), rules on the nodes, a router between here and there. Who drops them in Cilium: its host \
firewall, where enable-host-firewall is on and a CiliumClusterwideNetworkPolicy with a nodeSelector does \
not let the ports in; and spec.loadBalancerSourceRanges of the Service, for clients outside of them. \
Policies of namespaces are not among them: a Gateway accepts the connection and answers 403.

Whether ports that nobody serves are refused tells more: when those are silent as well, the filter is \
before the node or for all its ports.",
    remedy: &[
        "ask from a node or a pod of the cluster: kubectl debug node/NODE -it --image=… and nc -vz NODE-IP PORT; when that answers, the filter is outside of the cluster",
        "open the node ports (or the listener ports, with host network) in the security group of the nodes to the load balancer's addresses and its health checks",
        "with the host firewall: a CiliumClusterwideNetworkPolicy that lets the ports in from world; kubectl -n kube-system exec ds/cilium -- cilium-dbg monitor --type drop shows who is dropped",
    ],
    sources: &[
        "cilium/cilium Documentation/security/host-firewall.rst 1.20: policies with a nodeSelector",
        "cilium/cilium bpf/lib/nodeport.h 1.17 and 1.18.10: node ports without a redirect",
        "kubernetes/api core/v1 ServiceSpec: loadBalancerSourceRanges",
    ],
    issues: &[],
    examine,
};

fn examine(dossier: &Dossier) -> Vec<Firing> {
    let ours = gateways(dossier);
    let all = sockets(dossier);
    let silent: Vec<Socket<'_>> =
        all.iter().filter(|one| one.is_traffic() && one.is_dead()).cloned().collect();
    let is_silent = |socket: &&Socket<'_>| *socket.outcome == TcpOutcome::TimedOut;
    let any_open = all.iter().any(|socket| socket.is_traffic() && socket.is_open());
    if ours.is_empty()
        || silent.is_empty()
        || any_open
        || !silent.iter().all(|socket| is_silent(&socket))
        || super::another_cause(dossier, &RULE)
    {
        return Vec::new();
    }
    let nodes = nodes_of(&silent);
    let mut firing = Firing::new(Role::Cause, Confidence::Possible).seen_all(told(&silent));
    for gateway in &ours {
        firing = firing.about(gateway);
    }
    let dropping = host_policies(dossier);
    if entry(dossier, "enable-host-firewall") == Some("true") && !dropping.is_empty() {
        firing.confidence = Confidence::Likely;
        firing = firing
            .seen("enable-host-firewall: true", config_map(dossier))
            .seen(dropping.join(", "), "policies with a nodeSelector")
            .inferred(
                "such a policy denies every port of the nodes it chooses that it does not let in",
            );
    }
    for service in ours.iter().filter_map(Gateway::service) {
        let ranges: Vec<&str> = items(service, "/spec/loadBalancerSourceRanges")
            .iter()
            .filter_map(Value::as_str)
            .collect();
        if !ranges.is_empty() {
            firing = firing
                .seen(format!("spec.loadBalancerSourceRanges {}", ranges.join(", ")), cited(service))
                .inferred("clients outside of these ranges are dropped; whether this one is depends on where it stands");
        }
    }
    firing = others(&all, &nodes, firing);
    let old = dossier.versions.cilium.as_ref().is_none_or(|one| SILENT_WITHOUT_REDIRECT.hold(one));
    if old {
        firing = firing.inferred("up to Cilium 1.17 a node port is silent also where the agent does not lead it to Envoy: compare with `cilium-dbg bpf lb list` on a node");
    } else if firing.confidence == Confidence::Possible {
        firing.confidence = Confidence::Likely;
    }
    vec![firing.inferred("packets to these ports are dropped on their way, before Envoy")]
}

/// What ports that nobody serves answered on the same nodes.
fn others(all: &[Socket<'_>], nodes: &BTreeSet<crate::name::NodeName>, firing: Firing) -> Firing {
    let unserved: Vec<Socket<'_>> = all
        .iter()
        .filter(|socket| !socket.is_dead() && socket.is_closed())
        .filter(|socket| socket.node.as_ref().is_some_and(|node| nodes.contains(node)))
        .cloned()
        .collect();
    let answered = unserved.iter().any(|socket| *socket.outcome == TcpOutcome::Refused);
    if unserved.is_empty() {
        return firing;
    }
    let firing = firing.seen_all(told(&unserved));
    if answered {
        firing.inferred("packets do reach these nodes: ports that nobody serves are refused, so the filter is for the Gateway's ports")
    } else {
        firing.inferred("ports that nobody serves are silent too, so the filter is before the node or for all its ports")
    }
}

/// Policies of the host firewall.
fn host_policies(dossier: &Dossier) -> Vec<String> {
    let chooses_nodes = |policy: &&Value| {
        let specs = std::iter::once(policy.pointer("/spec")).flatten();
        let mut specs = specs.chain(items(policy, "/specs"));
        specs.any(|spec| spec.get("nodeSelector").is_some())
    };
    dossier
        .list("cilium.io", "CiliumClusterwideNetworkPolicy")
        .filter(chooses_nodes)
        .filter(|policy| text(policy, "/metadata/name").is_some())
        .map(cited)
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::RULE;
    use crate::dossier::{Dossier, Readiness};
    use crate::exposure::PortRole;
    use crate::finding::Confidence;
    use crate::finding::fixture::{Change, NODES, dedicated, fires, silent, words};
    use crate::observation::TcpOutcome;

    fn dead() -> Dossier {
        let mut dossier = dedicated().dead(&NODES, &TcpOutcome::TimedOut);
        dossier.http.clear();
        // Old releases want other definitions, which is a finding of its own.
        dossier.versions.gateway_api = None;
        dossier
    }

    #[test]
    fn silence_everywhere_is_a_filter_from_1_18_on_and_may_be_one_before() {
        let firing = fires(&RULE, &dead());
        assert_eq!(firing.confidence, Confidence::Likely);
        assert!(words(&firing).contains("packets do reach these nodes"), "{firing:#?}");
        let old = fires(&RULE, &dead().version("1.17.9"));
        assert_eq!(old.confidence, Confidence::Possible);
        let all =
            dead().see(&NODES, |role, _| role == PortRole::ListenerPort, &TcpOutcome::TimedOut);
        assert!(words(&fires(&RULE, &all)).contains("before the node or for all its ports"));
    }

    #[test]
    fn the_host_firewall_and_source_ranges_are_named() {
        let host = dead().entry("enable-host-firewall", "true").with(json!({
            "apiVersion": "cilium.io/v2", "kind": "CiliumClusterwideNetworkPolicy",
            "metadata": {"name": "nodes"}, "spec": {"nodeSelector": {}, "ingress": []}}));
        let firing = fires(&RULE, &host.version("1.17.9"));
        assert_eq!(firing.confidence, Confidence::Likely);
        assert!(words(&firing).contains("CiliumClusterwideNetworkPolicy nodes"), "{firing:#?}");
        let ranges = dead().edit("Service", "cilium-gateway-shared-gateway", |service| {
            service["spec"]["loadBalancerSourceRanges"] = json!(["10.0.0.0/8"]);
        });
        assert!(words(&fires(&RULE, &ranges)).contains("10.0.0.0/8"));
    }

    #[test]
    fn a_refusal_an_open_port_or_no_way_at_all_is_no_filter() {
        silent(&RULE, &dedicated());
        silent(&RULE, &dedicated().dead(&NODES, &TcpOutcome::Refused));
        silent(&RULE, &dedicated().dead(&NODES[..2], &TcpOutcome::TimedOut));
        let no_way = TcpOutcome::Other("there may be no way from here".to_owned());
        silent(&RULE, &dedicated().dead(&NODES, &no_way));
    }

    #[test]
    fn another_cause_knows_more() {
        let mut down = dead();
        for agent in &mut down.cilium.agents {
            agent.ready = Readiness::NotReady;
        }
        silent(&RULE, &down);
    }
}
