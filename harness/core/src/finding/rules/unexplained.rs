//! GP0090: part of the Gateway's traffic fails, and nothing that was read explains it.

use std::collections::BTreeSet;

use crate::dossier::Dossier;
use crate::event::CheckResult;
use crate::finding::reading::{self, Socket, dead, gateways, listed, made_by_envoy, sockets, told};
use crate::finding::{Confidence, Firing, ORIGIN_OF_CHECKS, Role, Rule};
use crate::observation::{HttpOutcome, TcpOutcome, TlsFailure};
use crate::verdict::Verdict;

/// The rule.
pub(super) const RULE: Rule = Rule {
    id: "GP0090",
    title: "traffic fails although objects, pods and logs look well",
    explanation: "\
Conditions are true, pods are ready, the CiliumEnvoyConfig holds what the Gateway asks for, and no log \
refuses anything; yet connections or requests fail. So what fails is not in the API: it is on the way of \
packets, or in what an agent has handed on to its node's Envoy. This rule says what the pattern of answers \
points to, and is silent where another one has a cause.

Silence is a filter that drops packets: a security group, a firewall or nftables on the node, Cilium's host \
firewall. A refusal is a port that nobody took, or a filter that rejects. A handshake that stays without \
an answer on a connection that was accepted is a path on which large packets are lost (an MTU that is too \
big for a tunnel), or an Envoy that hangs.

A connection that Envoy ends itself, before or in the handshake, has no filter chain for this server name \
or protocol. A 404 of Envoy's own for a host and path that a route takes is an older route table. Both mean \
that agents have not handed on what the CiliumEnvoyConfig holds, or that Envoy goes on with what it had.",
    remedy: &[
        "ask from a node itself (kubectl debug node/NODE -it --image=…, then nc -vz NODE-IP PORT): when that works, the fault is on the way to the nodes",
        "on a node's agent: kubectl -n kube-system exec POD -c cilium-agent -- cilium-dbg bpf lb list, and cilium-dbg envoy admin listeners and config, and compare with the CiliumEnvoyConfig",
        "restart the agents, and the Envoys when that does not help: kubectl -n kube-system rollout restart daemonset/cilium daemonset/cilium-envoy",
    ],
    sources: &[
        "cilium/cilium pkg/envoy and pkg/ciliumenvoyconfig 1.16 to 1.20: what an agent hands on to Envoy; that nothing of it shows in the API is read from there",
        "envoyproxy/envoy docs/root/intro/arch_overview/listeners/listener_filters.rst: a connection for which no filter chain is found is closed",
    ],
    issues: &[],
    examine,
};

fn examine(dossier: &Dossier) -> Vec<Firing> {
    let ours = gateways(dossier);
    // What a scenario claims may be its own mistake; what a check claims is read off the objects.
    // Where conditions are not as they should be, they say why.
    let checked = dossier.checks.iter().any(|check| check.origin == ORIGIN_OF_CHECKS);
    let well = checked && !reading::failed(dossier, &["gateway", "route", "routes"]);
    if ours.is_empty() || !well || super::another_cause(dossier, &RULE) {
        return Vec::new();
    }
    let start = ours.iter().fold(Firing::new(Role::Cause, Confidence::Possible), Firing::about);
    let connected = unselected(dossier, ports(dossier, start));
    let mut firing = requests(dossier, addresses(dossier, connected));
    if firing.seen.is_empty() {
        return Vec::new();
    }
    let mut known = BTreeSet::new();
    firing.inferred.retain(|text| known.insert(text.clone()));
    vec![firing]
}

/// Ports of nodes that should accept and do not, beside those that do.
fn ports(dossier: &Dossier, firing: Firing) -> Firing {
    let dead = dead(dossier);
    if dead.is_empty() {
        return firing;
    }
    let is_open = |socket: &Socket<'_>| socket.is_traffic() && socket.is_open();
    let open: Vec<Socket<'_>> = sockets(dossier).into_iter().filter(is_open).collect();
    let mut firing = firing.seen_all(told(&dead)).seen_all(told(&open));
    let everywhere = |dead: &Socket<'_>| open.iter().all(|open| open.port != dead.port);
    if dead.iter().any(|socket| *socket.outcome == TcpOutcome::TimedOut) {
        firing = firing.inferred(
            "who is silent drops packets: a filter for these ports, before or on the node",
        );
    }
    if dead.iter().any(|socket| *socket.outcome != TcpOutcome::TimedOut && everywhere(socket)) {
        firing = firing.inferred("a port that is refused on every node, while others accept, has no listener of Envoy's behind it, or a filter rejects it");
    } else if dead.iter().any(|socket| *socket.outcome != TcpOutcome::TimedOut) {
        firing = firing.inferred("a port that is refused on some nodes and accepts on others was not taken there, or a filter of those nodes rejects it");
    }
    firing
}

/// Listener ports that accept where the node selector chooses nobody.
fn unselected(dossier: &Dossier, firing: Firing) -> Firing {
    let mut open = sockets(dossier);
    open.retain(|socket| socket.is_listener_port() && socket.is_open() && !socket.is_wanted());
    let on = dossier.cilium.config.as_ref().is_some_and(|config| config.host_network.is_on());
    if !on || open.is_empty() {
        return firing;
    }
    firing.seen_all(told(&open)).inferred("a node that the selector does not choose serves the Gateway: its agent goes on with older labels or an older configuration, or another program listens there")
}

/// Ports of load balancers' addresses that do not accept, where others do.
fn addresses(dossier: &Dossier, mut firing: Firing) -> Firing {
    for check in failed(dossier).filter(|check| check.kind == "addresses") {
        let (open, closed): (Vec<_>, Vec<_>) = check
            .evidence
            .tcp
            .iter()
            .partition(|placed| placed.observation.outcome == TcpOutcome::Accepted);
        for placed in &closed {
            firing = firing.seen(&placed.observation.outcome, &placed.place);
        }
        let open: Vec<&str> = open.iter().map(|placed| placed.place.as_str()).collect();
        if !closed.is_empty() && !open.is_empty() {
            firing = firing
                .seen(format!("accepted: {}", listed(&open)), "TCP probes")
                .inferred("the address is announced, so what is missing is this port: a listener of the load balancer, or a rule of a filter before it");
        }
    }
    firing
}

/// Requests that the reference says are carried, and are not.
fn requests(dossier: &Dossier, mut firing: Firing) -> Firing {
    let is_request = |check: &&CheckResult| matches!(check.kind.as_str(), "http" | "https");
    for check in failed(dossier).filter(is_request) {
        for placed in &check.evidence.http {
            let (what, follows) = match &placed.observation.outcome {
                HttpOutcome::TlsFailed(failure @ TlsFailure::TimedOut) => (
                    failure.to_string(),
                    "the connection is accepted and the handshake gets no answer: large packets are lost on the way (MTU), or Envoy hangs",
                ),
                HttpOutcome::TlsFailed(failure) => (
                    failure.to_string(),
                    "Envoy has no filter chain or certificate for this server name: agents have not handed them on",
                ),
                HttpOutcome::NoResponse(missing) => (
                    missing.to_string(),
                    "the connection is accepted and ended without an answer: Envoy has no filter chain for it, or hangs",
                ),
                HttpOutcome::Response(answer) if made_by_envoy(answer) && answer.status == 404 => (
                    "404 by Envoy".to_owned(),
                    "a route takes this request, so Envoy works with an older route table: agents have not handed on the present CiliumEnvoyConfig",
                ),
                HttpOutcome::Response(answer) if made_by_envoy(answer) && answer.status >= 400 => (
                    format!("{} by Envoy", answer.status),
                    "Envoy makes this answer itself, and what was read does not show why",
                ),
                HttpOutcome::Response(_) | HttpOutcome::NotConnected(_) => continue,
            };
            firing = firing.seen(format!("`{}`: {what}", check.check), &placed.place);
            firing = firing.inferred(follows);
        }
    }
    firing
}

fn failed(dossier: &Dossier) -> impl Iterator<Item = &CheckResult> {
    dossier.checks.iter().filter(|check| check.verdict == Verdict::Failed)
}

#[cfg(test)]
mod tests {
    use super::RULE;
    use crate::dossier::Dossier;
    use crate::event::PlacedHttp;
    use crate::exposure::PortRole;
    use crate::finding::fixture::{
        Change, NODES, Variant, answer, dedicated, fires, healthy, silent, words,
    };
    use crate::finding::{ORIGIN_OF_CHECKS, rules};
    use crate::observation::{HttpOutcome, NoResponse, TcpOutcome, TlsFailure};

    fn checked(outcome: HttpOutcome) -> Dossier {
        let mut placed = answer(200, "", &[]);
        placed.observation.outcome = outcome;
        asked(placed, ORIGIN_OF_CHECKS)
    }

    /// As a check of a cluster that exists looks at it.
    fn of_check(dossier: Dossier) -> Dossier {
        let mut dossier = dossier.failed("exposure", Vec::new());
        ORIGIN_OF_CHECKS.clone_into(&mut dossier.checks.last_mut().expect("a check").origin);
        dossier
    }

    fn asked(placed: PlacedHttp, origin: &str) -> Dossier {
        let mut dossier = dedicated().failed("https", vec![placed]);
        origin.clone_into(&mut dossier.checks.last_mut().expect("a check").origin);
        dossier
    }

    #[test]
    fn what_answers_say_tells_where_to_look() {
        let not_found = answer(404, "", &[]).observation.outcome;
        for (outcome, follows) in [
            (HttpOutcome::TlsFailed(TlsFailure::TimedOut), "MTU"),
            (HttpOutcome::TlsFailed(TlsFailure::ClosedByPeer), "no filter chain or certificate"),
            (HttpOutcome::NoResponse(NoResponse::Reset), "ended without an answer"),
            (not_found, "older route table"),
        ] {
            let told = words(&fires(&RULE, &checked(outcome)));
            assert!(told.contains(follows), "{told}");
        }
    }

    #[test]
    fn a_port_that_is_dead_beside_others_that_accept_is_localised() {
        let https = |role, _| role == (PortRole::NodePort { listener: 443 });
        let silent = dedicated().see(&NODES[..1], https, &TcpOutcome::TimedOut);
        assert!(words(&fires(&RULE, &of_check(silent))).contains("drops packets"));
        let refused = dedicated().see(&NODES, https, &TcpOutcome::Refused);
        assert!(words(&fires(&RULE, &of_check(refused))).contains("refused on every node"));
    }

    #[test]
    fn a_node_that_is_not_chosen_and_serves_is_named() {
        let chosen = healthy(Variant::HostNetworkNodeSelector);
        silent(&RULE, &chosen);
        let open =
            chosen.see(&NODES, |role, _| role == PortRole::ListenerPort, &TcpOutcome::Accepted);
        assert!(words(&fires(&RULE, &of_check(open))).contains("older labels"));
    }

    #[test]
    fn conditions_that_are_not_well_say_why_themselves() {
        let https = |role, _| role == (PortRole::NodePort { listener: 443 });
        let silent_port = dedicated().see(&NODES[..1], https, &TcpOutcome::TimedOut);
        fires(&RULE, &of_check(silent_port.clone()));
        silent(&RULE, &of_check(silent_port).failed("gateway", Vec::new()));
    }

    #[test]
    fn what_a_scenario_claims_may_be_its_own_mistake() {
        silent(&RULE, &asked(answer(404, "", &[]), "scenario.yaml:1:1"));
        silent(&RULE, &dedicated());
    }

    #[test]
    fn another_cause_knows_more_and_each_residual_rule_leaves_room_for_the_other() {
        let all_dead = dedicated().dead(&NODES, &TcpOutcome::TimedOut);
        let causes: Vec<&str> = rules::ALL
            .iter()
            .filter(|rule| !(rule.examine)(&all_dead).is_empty())
            .map(|rule| rule.id)
            .collect();
        assert!(causes.contains(&"GP0044") && !causes.contains(&RULE.id), "{causes:?}");
    }
}
