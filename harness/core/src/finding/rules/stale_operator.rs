//! GP0030: the operator still runs the configuration it started with.

use crate::cilium::HostNetwork;
use crate::dossier::{ComponentPod, Dossier, text};
use crate::finding::reading::{Gateway, cited, config_map, gateways};
use crate::finding::releases::{Releases, since};
use crate::finding::{Confidence, Firing, Role, Rule};

/// The rule.
pub(super) const RULE: Rule = Rule {
    id: "GP0030",
    title: "the operator runs an older configuration",
    explanation: "\
The operator reads its configuration once, when it starts. Without operator.rollOutPods a Helm upgrade \
does not restart it. When Gateway API support was off at its start, nothing is reconciled: Gateways \
keep waiting for a controller. When a setting was changed, what it makes still has the old shape: with \
host network switched on, a Service of type LoadBalancer and a CiliumEnvoyConfig whose listener has no \
address; with it switched off, the reverse.

Settings of host network, of the traffic policy and of the node selector are the operator's alone: the \
agents need no restart for them.",
    remedy: &[
        "restart the operator: kubectl -n kube-system rollout restart deployment/cilium-operator, and set operator.rollOutPods=true",
    ],
    sources: &[
        "cilium/charts templates/cilium-operator/deployment.yaml 1.18.12: the ConfigMap is mounted and parsed at the start; values.yaml: operator.rollOutPods is false",
        "cilium/cilium operator/pkg/model/translation/gateway-api/translator.go 1.16.0 to 1.21-dev: the type of the Service",
    ],
    issues: &[],
    examine,
};

const HOST_NETWORK: Releases = Releases(&[since(16, 0)]);

fn examine(dossier: &Dossier) -> Vec<Firing> {
    let Some(config) = &dossier.cilium.config else { return Vec::new() };
    if !config.gateway_api || !config.kube_proxy_replacement {
        return Vec::new();
    }
    let older = older(dossier);
    gateways(dossier)
        .iter()
        .filter_map(|gateway| {
            let shape = shape(gateway, &config.host_network);
            let waits = !gateway.has_been_seen() && gateway.service().is_none();
            let (confidence, what, source, follows) = match (shape, waits, &older) {
                (Some((what, source)), _, Some(_)) => (
                    Confidence::Certain,
                    what,
                    source,
                    "the objects have the shape of another configuration, and the operator is older than this one",
                ),
                (Some((what, source)), _, None) => (
                    Confidence::Likely,
                    what,
                    source,
                    "the objects have the shape of another configuration than the ConfigMap's",
                ),
                (None, true, Some(_)) => (
                    Confidence::Likely,
                    "no condition by a controller, and no Service".to_owned(),
                    format!("status of {gateway}"),
                    "the operator may have started with Gateway API support off",
                ),
                (None, _, _) => return None,
            };
            let mut firing = Firing::new(Role::Cause, confidence).about(gateway).seen(what, source);
            if let Some((pods, written)) = &older {
                for pod in pods {
                    let started = pod.started.map(|at| at.to_string()).unwrap_or_default();
                    firing = firing.seen(
                        format!("{} started at {started}, the ConfigMap was last written at {written}", pod.pod),
                        format!("pods of the operator, managedFields of {}", config_map(dossier)),
                    );
                }
            }
            let firing = firing.inferred(follows);
            if waits { Some(firing) } else { firing.on(dossier, HOST_NETWORK) }
        })
        .collect()
}

/// The operator's pods, when all of them started before the ConfigMap was last written.
fn older(dossier: &Dossier) -> Option<(Vec<&ComponentPod>, String)> {
    let written = dossier.cilium.config_map.as_ref()?.written?;
    let pods: Vec<&ComponentPod> = dossier.cilium.operators.iter().collect();
    let old = |pod: &&ComponentPod| pod.started.is_some_and(|started| started < written);
    (!pods.is_empty() && pods.iter().all(old)).then(|| (pods, written.to_string()))
}

/// What does not fit the configuration.
fn shape(gateway: &Gateway<'_>, host_network: &HostNetwork) -> Option<(String, String)> {
    let service = gateway.service()?;
    let kind = text(service, "/spec/type")?;
    // Only one that goes on being made anew; a class with parameters may ask for NodePort.
    let wrong = match host_network {
        HostNetwork::On { .. } => kind == "LoadBalancer",
        HostNetwork::Off => kind == "ClusterIP",
    };
    let wanted = match host_network {
        HostNetwork::On { .. } => "on",
        HostNetwork::Off => "off",
    };
    wrong.then(|| (format!("spec.type: {kind}, with host network {wanted}"), cited(service)))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::RULE;
    use crate::dossier::Dossier;
    use crate::finding::Confidence;
    use crate::finding::fixture::{Change, Variant, dedicated, fires, healthy, moment, silent};

    fn older(mut dossier: Dossier) -> Dossier {
        for pod in &mut dossier.cilium.operators {
            pod.started = Some(moment("2026-11-20T00:00:00Z"));
        }
        dossier
    }

    fn load_balancer() -> Dossier {
        healthy(Variant::HostNetwork).set(
            "Service",
            "cilium-gateway-shared-gateway",
            "/spec/type",
            &json!("LoadBalancer"),
        )
    }

    #[test]
    fn objects_of_another_shape_are_told_and_certain_with_an_older_operator() {
        assert_eq!(fires(&RULE, &load_balancer()).confidence, Confidence::Likely);
        assert_eq!(fires(&RULE, &older(load_balancer())).confidence, Confidence::Certain);
    }

    #[test]
    fn a_gateway_that_nobody_looked_at_is_likely_with_an_older_operator() {
        let waiting = dedicated().without("Service", "cilium-gateway-shared-gateway").set(
            "Gateway",
            "shared-gateway",
            "/status",
            &json!({}),
        );
        assert_eq!(fires(&RULE, &older(waiting.clone())).confidence, Confidence::Likely);
        silent(&RULE, &waiting);
    }

    #[test]
    fn an_older_operator_whose_objects_fit_is_fine() {
        silent(&RULE, &older(dedicated()));
        silent(&RULE, &older(healthy(Variant::HostNetwork)));
    }
}
