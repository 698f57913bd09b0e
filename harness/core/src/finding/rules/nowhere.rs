//! GP0056: no node serves the Gateway, and nothing that was read says why.

use crate::dossier::Dossier;
use crate::entry::EntryPoint;
use crate::exposure::Expectation;
use crate::finding::reading::{Socket, cited, gateways, sockets, told};
use crate::finding::{Confidence, Firing, Role, Rule};
use crate::name::NamespacedName;
use crate::observation::TcpOutcome;
use crate::scenario::ConditionStatus;

/// The rule.
pub(super) const RULE: Rule = Rule {
    id: "GP0056",
    title: "every node refuses the Gateway's ports although its objects are all there",
    explanation: "\
The Gateway is accepted, its Service and its CiliumEnvoyConfig are there, and every node refuses every port \
that should accept. Nodes answer, so packets arrive; nobody takes them. The operator has done its part. \
What is left are the agents, which put the redirect to Envoy in place, and Envoy itself, on all nodes \
alike. A pod that counts as ready is no proof: the readiness of an agent does not depend on the Gateway's \
listeners, and status is written by the operator, which asks neither.

This is told only where no other rule names a cause. Agents that started before Gateway API support was \
switched on look exactly like this when neither the times of pods and ConfigMap nor their logs can be read.",
    remedy: &[
        "on an agent: kubectl -n kube-system exec daemonset/cilium -c cilium-agent -- cilium-dbg bpf lb list; without an \"L7LB Proxy Port\" on the node-port frontend the CiliumEnvoyConfig is not applied",
        "is Envoy up there: kubectl -n kube-system exec daemonset/cilium -c cilium-agent -- cilium-dbg envoy admin listeners",
        "restart agents, and then Envoys: kubectl -n kube-system rollout restart daemonset/cilium daemonset/cilium-envoy",
    ],
    sources: &[
        "cilium/cilium pkg/ciliumenvoyconfig 1.16 to 1.20: agents apply CiliumEnvoyConfigs, each for its own node",
        "cilium/cilium operator/pkg/gateway-api/gateway_reconcile.go 1.16 to 1.20: status does not depend on agents",
    ],
    issues: &[],
    examine,
};

fn examine(dossier: &Dossier) -> Vec<Firing> {
    let all: Vec<Socket<'_>> = sockets(dossier).into_iter().filter(Socket::is_traffic).collect();
    let firings: Vec<Firing> = gateways(dossier)
        .into_iter()
        .filter_map(|gateway| {
            let accepted = gateway.condition("Accepted")?.status == ConditionStatus::True;
            let (service, config) = (gateway.service()?, gateway.envoy_config()?);
            let theirs = of_gateway(dossier, &gateway.name, &all);
            let refused =
                !theirs.is_empty() && theirs.iter().all(|at| *at.outcome == TcpOutcome::Refused);
            (accepted && refused).then(|| {
                Firing::new(Role::Cause, Confidence::Possible)
                    .about(&gateway)
                    .seen("Accepted is True", &gateway)
                    .seen("it is there", cited(service))
                    .seen("it is there", cited(config))
                    .seen_all(told(&theirs))
                    .inferred("no agent has put the redirect in place, or no Envoy listens")
            })
        })
        .collect();
    if firings.is_empty() || super::another_cause(dossier, &RULE) { Vec::new() } else { firings }
}

/// The sockets that should accept for a Gateway.
fn of_gateway<'d>(
    dossier: &'d Dossier,
    gateway: &NamespacedName,
    all: &[Socket<'d>],
) -> Vec<Socket<'d>> {
    let grids = dossier.exposure.iter().filter(|exposure| exposure.gateway == *gateway);
    let places: Vec<String> = grids
        .flat_map(|exposure| &exposure.grid.cells)
        .filter(|cell| cell.expected == Expectation::Accepts)
        .map(|cell| EntryPoint::from(&cell.endpoint).place)
        .collect();
    all.iter().filter(|socket| places.contains(&socket.to_string())).cloned().collect()
}

#[cfg(test)]
mod tests {
    use super::RULE;
    use crate::finding::fixture::{Change, NODES, dedicated, fires, silent, words};
    use crate::observation::TcpOutcome;

    #[test]
    fn refused_everywhere_with_everything_there_points_to_agents_and_envoys() {
        let firing = fires(&RULE, &dedicated().dead(&NODES, &TcpOutcome::Refused));
        assert_eq!(firing.subjects, ["Gateway gateway/shared-gateway"]);
        assert!(words(&firing).contains("refused"), "{}", words(&firing));
    }

    #[test]
    fn silence_one_open_node_or_a_cause_that_shows_is_for_other_rules() {
        silent(&RULE, &dedicated());
        silent(&RULE, &dedicated().dead(&NODES[..2], &TcpOutcome::Refused));
        silent(&RULE, &dedicated().dead(&NODES, &TcpOutcome::TimedOut));
        let mut stale = dedicated().dead(&NODES, &TcpOutcome::Refused);
        for agent in &mut stale.cilium.agents {
            agent.started = "2020-01-01T00:00:00Z".parse().ok();
        }
        silent(&RULE, &stale);
        let without = dedicated().dead(&NODES, &TcpOutcome::Refused);
        silent(&RULE, &without.without("CiliumEnvoyConfig", "cilium-gateway-shared-gateway"));
    }
}
