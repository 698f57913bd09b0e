//! GP0054: an accepted Gateway has no CiliumEnvoyConfig.

use crate::dossier::Dossier;
use crate::finding::reading::{could_read, dead, gateways, in_trouble, told};
use crate::finding::{Confidence, Firing, Role, Rule};
use crate::scenario::ConditionStatus;

/// The rule.
pub(super) const RULE: Rule = Rule {
    id: "GP0054",
    title: "an accepted Gateway has no CiliumEnvoyConfig, or no Service",
    explanation: "\
For every Gateway with HTTP or TLS listeners Cilium's operator writes a Service and a CiliumEnvoyConfig, \
which tells the agents which listeners and routes Envoy is to serve. Without the CiliumEnvoyConfig no \
agent puts a redirect in place, and without the Service there is nothing to redirect: no port of the \
Gateway accepts on any node. The Gateway's status stays as it was when both were there.

They are missing where somebody removed them while the operator was down, or where the operator failed in \
the middle of its work.",
    remedy: &[
        "look at the operator: kubectl -n kube-system get pods -l io.cilium/app=operator, and its log for errors about this Gateway",
        "make it look at the Gateway once more: kubectl -n kube-system rollout restart deployment/cilium-operator",
    ],
    sources: &[
        "cilium/cilium operator/pkg/gateway-api/gateway_reconcile.go 1.16 to 1.20: Service and CiliumEnvoyConfig of a Gateway",
    ],
    issues: &[],
    examine,
};

fn examine(dossier: &Dossier) -> Vec<Firing> {
    if !in_trouble(dossier) {
        return Vec::new();
    }
    let accepted = gateways(dossier).into_iter().filter(|gateway| {
        let is_true = |kind| {
            gateway
                .condition(kind)
                .is_some_and(|condition| condition.status == ConditionStatus::True)
        };
        let speaks = |protocol| matches!(protocol, "HTTP" | "HTTPS" | "TLS");
        is_true("Accepted") && gateway.listeners().iter().any(|at| speaks(at.protocol))
    });
    accepted
        .filter_map(|gateway| {
            let lacks_config =
                could_read(dossier, "CiliumEnvoyConfig") && gateway.envoy_config().is_none();
            let lacks_service = could_read(dossier, "Service") && gateway.service().is_none();
            let missing: Vec<&str> =
                [(lacks_config, "CiliumEnvoyConfig"), (lacks_service, "Service")]
                    .into_iter()
                    .filter_map(|(lacks, kind)| lacks.then_some(kind))
                    .collect();
            if missing.is_empty() {
                return None;
            }
            let firing = Firing::new(Role::Cause, Confidence::Certain)
                .about(&gateway)
                .seen("Accepted is True", &gateway);
            let firing = missing.iter().fold(firing, |firing, kind| {
                let place = format!("{kind} objects in {}", gateway.name.namespace);
                firing.seen(format!("there is no {kind} of this Gateway"), place)
            });
            Some(firing.seen_all(told(&dead(dossier))))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::RULE;
    use crate::finding::fixture::{Change, NODES, dedicated, fires, silent, words};
    use crate::observation::TcpOutcome;

    const NAME: &str = "cilium-gateway-shared-gateway";

    #[test]
    fn an_accepted_gateway_without_its_objects_is_dead_for_that() {
        let dead = || dedicated().dead(&NODES, &TcpOutcome::Refused);
        for kind in ["CiliumEnvoyConfig", "Service"] {
            let firing = fires(&RULE, &dead().without(kind, NAME));
            assert!(words(&firing).contains(&format!("no {kind}")), "{}", words(&firing));
            let unread = dead().without(kind, NAME).unread(&format!("{kind}s"));
            silent(&RULE, &unread);
        }
        silent(&RULE, &dead());
        silent(&RULE, &dedicated());
    }
}
