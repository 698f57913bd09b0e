//! GP0019: externalTrafficPolicy Local does not do what it is taken for.

use serde_json::Value;

use super::issue;
use crate::cilium::TrafficPolicy;
use crate::dossier::{Dossier, text};
use crate::finding::reading::{answers, cited, config_map, entry, gateways};
use crate::finding::releases::{Releases, before, between, since};
use crate::finding::{Confidence, Firing, Role, Rule};

const COUNTS_BACKENDS: Releases = Releases(&[before(16, 0)]);
const NOT_ANNOUNCED: Releases = Releases(&[between((20, 2), (20, 3))]);
const SETTING: Releases = Releases(&[since(16, 0)]);

/// The rule.
pub(super) const RULE: Rule = Rule {
    id: "GP0019",
    title: "externalTrafficPolicy Local does not do what it is taken for",
    explanation: "\
A node that gets a packet for a Gateway hands it to its own Envoy, with either policy. So Local saves \
no hop, and is not needed for the client's address: Envoy sees it with Cluster as well, and backends \
see it in X-Forwarded-For with both.

With Local, balancers check spec.healthCheckNodePort. 1.14 and 1.15 count real endpoints there, of \
which a Gateway has none: every node answers 503 and every target is unhealthy, while the node ports \
work. From 1.16 on a node answers 200 once its agent redirects the Service, whether or not its Envoy \
listens. Announcements that count local endpoints (Layer 2 in 1.20.2; MetalLB and kube-vip, as is \
inferred) may announce nothing.

With host network the setting is ignored: the Service gets no policy, and the operator logs a warning.",
    remedy: &[
        "use gatewayAPI.externalTrafficPolicy: Cluster, the default",
        "on 1.14 and 1.15, where the policy must be Local: upgrade to 1.16",
    ],
    sources: &[
        "cilium/cilium bpf/lib/nodeport.h 1.18.10: the redirect comes before the policy",
        "cilium/cilium 3a21748f3 (1.16) and pkg/loadbalancer/healthserver 1.18: what the health port answers",
        "cilium/cilium operator/pkg/model/translation/gateway-api/translator.go: no policy with host network",
    ],
    issues: &[
        issue("cilium/cilium#33038", COUNTS_BACKENDS),
        issue("cilium/cilium#48799", NOT_ANNOUNCED),
    ],
    examine,
};

fn examine(dossier: &Dossier) -> Vec<Firing> {
    gateways(dossier)
        .iter()
        .filter_map(|gateway| {
            let service = gateway.service()?;
            let local = text(service, "/spec/externalTrafficPolicy") == Some("Local");
            ignored(dossier, local)
                .or_else(|| local.then(|| unhealthy(dossier, service)).flatten())
                .or_else(|| local.then(|| unannounced(dossier, service)).flatten())
                .map(|firing| firing.about(gateway))
        })
        .collect()
}

/// Host network does without a policy.
fn ignored(dossier: &Dossier, local: bool) -> Option<Firing> {
    const KEY: &str = "gateway-api-service-externaltrafficpolicy";
    let config = dossier.cilium.config.as_ref()?;
    if !config.host_network.is_on()
        || config.external_traffic_policy != TrafficPolicy::Local
        || local
    {
        return None;
    }
    let value = entry(dossier, KEY).unwrap_or("Local");
    Firing::new(Role::Contributing, Confidence::Certain)
        .seen(format!("{KEY}: {value}"), config_map(dossier))
        .seen("gateway-api-hostnetwork-enabled: true", config_map(dossier))
        .inferred("the policy is ignored, because host network is on")
        .on(dossier, SETTING)
}

/// The health-check node port of old releases.
fn unhealthy(dossier: &Dossier, service: &Value) -> Option<Firing> {
    let refused = answers(dossier)
        .into_iter()
        .find(|(place, answer)| place.contains("health-check node port") && answer.status == 503);
    let known = dossier.versions.cilium.is_some();
    if refused.is_none() && !known {
        return None;
    }
    let port = service.pointer("/spec/healthCheckNodePort").and_then(Value::as_u64);
    let mut firing = Firing::new(Role::Cause, Confidence::Certain)
        .seen("spec.externalTrafficPolicy: Local", cited(service))
        .inferred("the health-check node port answers 503 on every node, so a balancer that goes by it has no healthy target");
    if let Some(port) = port {
        firing = firing.seen(format!("spec.healthCheckNodePort: {port}"), cited(service));
    }
    if let Some((place, _)) = refused {
        firing = firing.seen(format!("503 at {place}"), "HTTP probes");
    }
    firing.on(dossier, COUNTS_BACKENDS)
}

/// Layer-2 announcements of 1.20.2.
fn unannounced(dossier: &Dossier, service: &Value) -> Option<Firing> {
    let version = dossier.versions.cilium.as_ref()?;
    if !NOT_ANNOUNCED.hold(version) || entry(dossier, "enable-l2-announcements") != Some("true") {
        return None;
    }
    Some(
        Firing::new(Role::Cause, Confidence::Likely)
            .seen("spec.externalTrafficPolicy: Local", cited(service))
            .seen("enable-l2-announcements: true", config_map(dossier))
            .inferred("the address is not announced, because no node has a local endpoint of this Service"),
    )
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::RULE;
    use crate::cilium::TrafficPolicy;
    use crate::dossier::Dossier;
    use crate::finding::Role;
    use crate::finding::fixture::{Change, Variant, dedicated, fires, healthy, silent};

    fn local() -> Dossier {
        dedicated().set(
            "Service",
            "cilium-gateway-shared-gateway",
            "/spec/externalTrafficPolicy",
            &json!("Local"),
        )
    }

    #[test]
    fn the_health_port_of_old_releases_fails_on_every_node() {
        assert_eq!(fires(&RULE, &local().version("1.15.9")).role, Role::Cause);
        silent(&RULE, &local().version("1.16.0"));
        silent(&RULE, &dedicated().version("1.15.9"));
    }

    #[test]
    fn layer_2_announcements_of_1_20_2_leave_it_out() {
        let announced = local().entry("enable-l2-announcements", "true");
        fires(&RULE, &announced);
        silent(&RULE, &announced.clone().version("1.20.1"));
        silent(&RULE, &local());
    }

    #[test]
    fn host_network_ignores_the_setting() {
        let mut host = healthy(Variant::HostNetwork);
        host.cilium.config.as_mut().expect("one").external_traffic_policy = TrafficPolicy::Local;
        assert_eq!(fires(&RULE, &host).role, Role::Contributing);
    }
}
