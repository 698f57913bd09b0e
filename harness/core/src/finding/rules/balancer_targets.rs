//! GP0015: with host network traffic enters by listener ports, not by node ports.

use super::issue;
use crate::dossier::{Dossier, text};
use crate::finding::reading::{Socket, cited, config_map, dead, gateways, told};
use crate::finding::releases::{Releases, between, since};
use crate::finding::{Confidence, Firing, Role, Rule};

const HOST_NETWORK: Releases = Releases(&[since(16, 0)]);

/// The rule.
pub(super) const RULE: Rule = Rule {
    id: "GP0015",
    title: "with host network traffic enters by listener ports, and node ports lead nowhere",
    explanation: "\
With gatewayAPI.hostNetwork.enabled Envoy binds the ports of the Gateway's listeners (80 and 443, \
say) on the nodes. The Service is no LoadBalancer any more: ClusterIP up to 1.18.11 and 1.19.5, \
without node ports; NodePort from 1.18.12, 1.19.6 and 1.20 on. Its endpoint stays the placeholder in \
every mode. Switching host network on therefore takes away the cloud's balancer and its address.

The node ports of the newer releases most likely lead nowhere: agents redirect them to a port for \
which no rule exists. This is inferred from the source and was not seen running. A balancer in front \
of such a Gateway is made and kept by hand, and its targets are nodes with listener ports; with a \
node selector the selected nodes only.

Host network is not needed to make node ports work, and is no cure where they do not.",
    remedy: &[
        "point the balancer's targets and health checks at the listener ports of the nodes",
        "or turn gatewayAPI.hostNetwork off and restart the operator: the Service becomes a LoadBalancer with node ports again",
    ],
    sources: &[
        "cilium/cilium operator/pkg/model/translation/gateway-api/translator.go 1.16.0 to 1.21-dev: type of the Service, listener addresses",
        "cilium/cilium pkg/ciliumenvoyconfig/controller.go 1.20 before its branch: the redirect of node ports (what comes of it is inferred)",
        "kubernetes-sigs/aws-load-balancer-controller pkg/service/model_builder.go: balancers are made for Services of type LoadBalancer",
    ],
    issues: &[
        issue("cilium/cilium#38227", Releases(&[between((16, 0), (19, 6))])),
        issue("cilium/cilium#39322", Releases(&[between((16, 0), (19, 6))])),
        issue("cilium/cilium#45003", Releases(&[between((16, 0), (19, 6))])),
    ],
    examine,
};

fn examine(dossier: &Dossier) -> Vec<Firing> {
    if !dossier.cilium.config.as_ref().is_some_and(|config| config.host_network.is_on()) {
        return Vec::new();
    }
    let dead: Vec<Socket<'_>> = dead(dossier).into_iter().filter(Socket::is_node_port).collect();
    gateways(dossier)
        .iter()
        .filter_map(|gateway| {
            let targets: Vec<String> = dossier
                .targets
                .iter()
                .filter(|targets| targets.gateway == gateway.name)
                .flat_map(|targets| &targets.report.targets)
                .filter(|target| {
                    target.state.starts_with("unhealthy") && target.place.contains("node port of")
                })
                .map(|target| target.place.clone())
                .collect();
            // Settings for a cloud's balancer, which nobody makes for such a Service.
            let settings: Vec<&str> = gateway
                .object
                .pointer("/spec/infrastructure/annotations")
                .and_then(|annotations| annotations.as_object())
                .into_iter()
                .flatten()
                .map(|(key, _)| key.as_str())
                .filter(|key| key.contains("load-balancer") || key.contains("loadbalancer"))
                .collect();
            if dead.is_empty() && targets.is_empty() && settings.is_empty() {
                return None;
            }
            let role = if dead.is_empty() && targets.is_empty() {
                Role::Contributing
            } else {
                Role::Cause
            };
            let mut firing = Firing::new(role, Confidence::Likely)
                .about(gateway)
                .seen("gateway-api-hostnetwork-enabled: true", config_map(dossier))
                .seen_all(told(&dead));
            if let Some(service) = gateway.service() {
                let kind = text(service, "/spec/type").unwrap_or("none");
                firing = firing.seen(format!("spec.type: {kind}"), cited(service));
            }
            if let Some(first) = targets.first() {
                let what =
                    format!("{} unhealthy targets on node ports, such as {first}", targets.len());
                firing = firing.seen(what, "target health");
            }
            for key in settings {
                firing = firing
                    .seen(key, format!("spec.infrastructure.annotations of {gateway}"))
                    .inferred(format!(
                        "{key} has no effect: no balancer is made for a Service of this type"
                    ));
            }
            firing.on(dossier, HOST_NETWORK)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::json;

    use super::RULE;
    use crate::cilium::HostNetwork;
    use crate::dossier::Dossier;
    use crate::finding::Role;
    use crate::finding::fixture::{Change, NODES, Variant, dedicated, fires, healthy, silent};
    use crate::observation::TcpOutcome;

    /// Somebody wants node ports open, as a balancer does, after host network was switched on.
    fn wanted_node_ports() -> Dossier {
        let mut dossier = dedicated().dead(&NODES, &TcpOutcome::Refused);
        dossier.cilium.config.as_mut().expect("one").host_network =
            HostNetwork::On { match_labels: BTreeMap::new() };
        dossier
    }

    #[test]
    fn node_ports_that_are_wanted_with_host_network_are_a_cause() {
        assert_eq!(fires(&RULE, &wanted_node_ports()).role, Role::Cause);
    }

    #[test]
    fn settings_for_a_balancer_that_nobody_makes_take_part() {
        let annotations =
            json!({"service.beta.kubernetes.io/aws-load-balancer-scheme": "internet-facing"});
        let set = |variant| {
            healthy(variant).set(
                "Gateway",
                "shared-gateway",
                "/spec/infrastructure/annotations",
                &annotations,
            )
        };
        assert_eq!(fires(&RULE, &set(Variant::HostNetwork)).role, Role::Contributing);
        silent(&RULE, &set(Variant::Dedicated));
    }

    #[test]
    fn dead_listener_ports_and_dead_node_ports_without_host_network_are_other_matters() {
        silent(&RULE, &healthy(Variant::HostNetwork).dead(&NODES, &TcpOutcome::Refused));
        silent(&RULE, &dedicated().dead(&NODES, &TcpOutcome::Refused));
    }
}
