//! GP0013: Programmed is False although traffic is fine.

use super::issue;
use crate::dossier::{Dossier, text};
use crate::finding::reading::{Condition, cited, dead, failed, gateways};
use crate::finding::releases::{Releases, between};
use crate::finding::{Confidence, Firing, Role, Rule};

/// Host network gives node addresses from 1.18.12 and 1.19.6 on.
const WRONG: Releases = Releases(&[between((18, 3), (18, 12)), between((19, 0), (19, 6))]);

/// The rule.
pub(super) const RULE: Rule = Rule {
    id: "GP0013",
    title: "Programmed stays False although the Gateway carries traffic",
    explanation: "\
From 1.18.3 on a Gateway is Programmed only when it has an address, and addresses were only taken \
from a load balancer. A Gateway whose Service is no LoadBalancer (host network, or service.type \
NodePort in a CiliumGatewayClassConfig) never gets one: Programmed False, AddressNotAssigned, for \
ever, while Envoy listens and routes as it should. 1.19.6, 1.18.12 and 1.20 take the nodes' \
addresses instead.

Whatever waits for Programmed (Helm with --wait, Argo CD, Flux, external-dns) waits for ever. \
Probes tell whether traffic is fine; the status does not.",
    remedy: &[
        "upgrade to 1.18.12, 1.19.6 or 1.20",
        "until then leave Programmed out of what is waited for, and look at the listener ports or node ports themselves",
    ],
    sources: &[
        "cilium/cilium operator/pkg/gateway-api/gateway_reconcile.go 1.18.2, 1.18.3, 1.18.12, 1.19.5 and 1.19.6",
        "recorded from the operators of 1.18.10 and of 1.19 before its branch, with host network",
    ],
    issues: &[
        issue("cilium/cilium#42786", WRONG),
        issue("cilium/cilium#45485", WRONG),
        issue("cilium/cilium#47092", WRONG),
    ],
    examine,
};

fn examine(dossier: &Dossier) -> Vec<Firing> {
    gateways(dossier)
        .iter()
        .filter_map(|gateway| {
            let programmed = gateway.condition("Programmed").filter(Condition::is_false)?;
            let service = gateway.service()?;
            let kind = text(service, "/spec/type")?;
            // Ports that are dead are another matter, and status may then be right.
            if programmed.reason != "AddressNotAssigned"
                || !matches!(kind, "ClusterIP" | "NodePort")
                || !dead(dossier).is_empty()
            {
                return None;
            }
            let role = if failed(dossier, &["gateway"]) { Role::Cause } else { Role::Explanation };
            Firing::new(role, Confidence::Certain)
                .about(gateway)
                .seen(programmed, format!("status of {gateway}"))
                .seen(format!("spec.type: {kind}"), cited(service))
                .inferred("this Cilium waits for an address that this type of Service never gets; the status says nothing about traffic")
                .on(dossier, WRONG)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::RULE;
    use crate::dossier::Dossier;
    use crate::finding::fixture::{Change, NODES, Variant, dedicated, fires, healthy, silent};
    use crate::finding::{Confidence, Role, examine};
    use crate::observation::TcpOutcome;

    fn unprogrammed(dossier: Dossier) -> Dossier {
        dossier.set(
            "Gateway",
            "shared-gateway",
            "/status/conditions/1",
            &json!({
            "type": "Programmed", "status": "False", "reason": "AddressNotAssigned",
            "message": "Gateway waiting for address"}),
        )
    }

    fn host_network(version: &str) -> Dossier {
        unprogrammed(healthy(Variant::HostNetwork)).version(version).set(
            "Service",
            "cilium-gateway-shared-gateway",
            "/spec/type",
            &json!("ClusterIP"),
        )
    }

    #[test]
    fn it_is_explained_and_a_cause_only_where_the_status_was_claimed() {
        for version in ["1.18.3", "1.18.10", "1.19.5"] {
            let firing = fires(&RULE, &host_network(version));
            assert_eq!((firing.role, firing.confidence), (Role::Explanation, Confidence::Certain));
            assert!(!examine(&host_network(version)).is_empty(), "told without other trouble");
        }
        let claimed = host_network("1.18.10").failed("gateway", Vec::new());
        assert_eq!(fires(&RULE, &claimed).role, Role::Cause);
    }

    #[test]
    fn other_releases_are_another_matter() {
        for version in ["1.18.2", "1.18.12", "1.19.6", "1.20.2"] {
            silent(&RULE, &host_network(version));
        }
    }

    #[test]
    fn an_unknown_release_is_less_sure() {
        let firing = fires(&RULE, &host_network("1.18.3").version_unknown());
        assert_eq!(firing.confidence, Confidence::Likely);
    }

    #[test]
    fn a_load_balancer_without_an_address_or_dead_ports_are_no_quirk_of_the_status() {
        silent(&RULE, &unprogrammed(dedicated()).version("1.18.10"));
        silent(&RULE, &host_network("1.18.10").dead(&NODES, &TcpOutcome::Refused));
    }
}
