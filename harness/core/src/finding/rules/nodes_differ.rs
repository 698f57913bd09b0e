//! GP0050: requests are carried through some nodes and not through others.

use std::collections::BTreeSet;

use super::one_node::has_another_cause;
use crate::dossier::Dossier;
use crate::finding::reading::{Fared, asked_for, failed_requests, listed};
use crate::finding::{Confidence, Firing, Role, Rule};
use crate::name::NodeName;
use crate::observation::HttpOutcome;

/// The rule.
pub(super) const RULE: Rule = Rule {
    id: "GP0050",
    title: "Envoy on some nodes does not serve what it serves on the others",
    explanation: "\
The ports of the Gateway accept on all nodes, and the same request is carried through some nodes and not \
through others. Gateway, routes, Service, CiliumEnvoyConfig and Secrets are the same for all nodes, so \
they are not at fault. What Envoy serves on a node comes from that node's agent: listeners and routes \
over its local xDS socket, certificates likewise. An agent that lost its connection to the API server, or \
an Envoy that lost the one to its agent, goes on with what it had: connections are accepted, and what \
was changed since is missing.

A 404 of Envoy's own there is an older route table. A handshake that Envoy ends there is a missing \
certificate or filter chain. Where only backends give no answer, the way from that node to them is what \
differs.",
    remedy: &[
        "on the node's agent: kubectl -n kube-system exec POD -c cilium-agent -- cilium-dbg envoy admin config, and compare routes and secrets with those of a node that works",
        "restart that node's agent, and its Envoy when that does not help: kubectl -n kube-system delete pod POD",
        "where Envoy there has everything, look for what is between that node and the backends: tunnel, routes, network policy",
    ],
    sources: &[
        "cilium/cilium pkg/envoy and pkg/ciliumenvoyconfig 1.16 to 1.20: each agent serves xDS to the Envoy of its own node",
        "envoyproxy/envoy docs/root/api-docs/xds_protocol.rst: what was received stays in force while the management server is away",
    ],
    issues: &[],
    examine,
};

fn examine(dossier: &Dossier) -> Vec<Firing> {
    let mut behind: BTreeSet<&str> = BTreeSet::new();
    let mut firing = Firing::new(Role::Cause, Confidence::Likely);
    let mut kinds: BTreeSet<&str> = BTreeSet::new();
    for (check, fared) in failed_requests(dossier) {
        if check.evidence.comes_and_goes.is_some() {
            continue;
        }
        let carried: BTreeSet<&str> =
            fared.iter().filter(|fared| fared.is_carried()).map(|fared| fared.node).collect();
        let lost: Vec<&Fared<'_>> = fared
            .iter()
            .filter(|fared| !fared.is_carried() && !carried.contains(fared.node))
            .filter(|fared| !matches!(fared.outcome, HttpOutcome::NotConnected(_)))
            .filter(|fared| !has_another_cause(dossier, &NodeName::new(fared.node)))
            .collect();
        if carried.is_empty() || lost.is_empty() {
            continue;
        }
        let host = asked_for(check)
            .map_or_else(|| check.check.clone(), |(host, path)| format!("{host}{path}"));
        for fared in lost {
            behind.insert(fared.node);
            kinds.insert(inferred(fared));
            firing = firing.seen(format!("{host}: {}", fared.in_words()), fared.place);
        }
        let carried: Vec<&str> = carried.into_iter().collect();
        firing = firing.seen(format!("{host} is carried through {}", listed(&carried)), "requests");
    }
    if behind.is_empty() {
        return Vec::new();
    }
    let nodes: Vec<&str> = behind.into_iter().collect();
    firing = firing.about(format!("nodes {}", listed(&nodes)));
    vec![kinds.into_iter().fold(firing, Firing::inferred)]
}

fn inferred(fared: &Fared<'_>) -> &'static str {
    match fared.outcome {
        _ if fared.has_no_route() => {
            "Envoy there works with an older route table: its agent has not taken, or not handed on, the present CiliumEnvoyConfig"
        }
        HttpOutcome::TlsFailed(_) => {
            "Envoy there lacks the certificate or the filter chain: its agent has not handed them on"
        }
        _ => "from there the backends give no answer in time, or Envoy there knows other endpoints",
    }
}

#[cfg(test)]
mod tests {
    use super::RULE;
    use crate::dossier::Readiness;
    use crate::event::{ComesAndGoes, PlacedHttp};
    use crate::finding::fixture::{Change, answer, dedicated, fires, silent, words};

    fn through(node: &str, status: u16, headers: &[(&str, &str)]) -> PlacedHttp {
        let mut placed = answer(status, "", headers);
        placed.place = format!("{node} 172.18.0.3:31080 (node port of 80)");
        placed
    }

    const CARRIED: &[(&str, &str)] = &[("x-envoy-upstream-service-time", "1")];

    #[test]
    fn a_node_that_alone_has_no_route_is_behind() {
        let differing = || vec![through("worker", 404, &[]), through("worker2", 200, CARRIED)];
        let dossier = dedicated().failed("http", differing());
        let firing = fires(&RULE, &dossier);
        assert_eq!(firing.subjects, ["nodes worker"]);
        assert!(words(&firing).contains("older route table"), "{}", words(&firing));
        let mut down = dossier.clone();
        down.cilium.agents[1].ready = Readiness::NotReady;
        silent(&RULE, &down);
        let mut now_and_then = dossier;
        let check = now_and_then.checks.last_mut().expect("a check");
        check.evidence.comes_and_goes = Some(ComesAndGoes { misfits: 1, looks: 9 });
        silent(&RULE, &now_and_then);
    }

    #[test]
    fn what_fails_through_all_nodes_or_none_is_no_nodes_fault() {
        silent(&RULE, &dedicated());
        let nowhere = vec![through("worker", 404, &[]), through("worker2", 404, &[])];
        silent(&RULE, &dedicated().failed("http", nowhere));
        let backends = vec![through("worker", 404, CARRIED), through("worker2", 503, CARRIED)];
        silent(&RULE, &dedicated().failed("http", backends));
    }
}
