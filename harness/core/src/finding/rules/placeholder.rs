//! GP0002: the placeholder endpoint is there on every healthy Gateway.

use serde_json::Value;

use super::issue;
use crate::dossier::{Dossier, text};
use crate::finding::reading::{cited, gateways, items, name_of};
use crate::finding::releases::{EVERY, Releases, between};
use crate::finding::{Confidence, Firing, Role, Rule};

/// The rule.
pub(super) const RULE: Rule = Rule {
    id: "GP0002",
    title: "the placeholder endpoint 192.192.192.192:9999 is normal",
    explanation: "\
Cilium's operator gives the Service of every Gateway one endpoint, 192.192.192.192:9999, in every \
mode and in every release from 1.14 on but for three pre-releases of 1.20. It is there because \
agents once passed over Services without endpoints. Nothing ever connects to it: agents redirect \
the ports of the Service to the Envoy of their own node before a backend would be chosen.

So the endpoint says nothing about a failure. Neither does the absence of pods in the Gateway's \
namespace (Cilium makes no pods for a Gateway, whether Envoy runs in the DaemonSet cilium-envoy or \
in the agents), nor, in 1.18 and 1.19, an empty list of backends in `cilium-dbg service list`. And \
the other way round: a Service with this endpoint counts as having a ready one, always, so \
readiness of endpoints proves nothing either.

Look at `cilium-dbg bpf lb list` on a node instead: a frontend of the Gateway with `L7LB Proxy \
Port` is redirected to Envoy.",
    remedy: &["leave it alone, and look at the other findings"],
    sources: &[
        "cilium/cilium operator/pkg/model/translation/gateway-api/translator.go 1.14.0 to 1.21-dev: the endpoint, and why it is there",
        "cilium/cilium bpf/lib/nodeport.h 1.18.10: the redirect comes before the choice of a backend",
        "recorded from the operators of 1.16 to 1.21-dev in three modes: the endpoint is always there",
    ],
    issues: &[
        issue("cilium/cilium#19262", EVERY),
        issue("cilium/cilium#44301", Releases(&[between((18, 0), (20, 0))])),
    ],
    examine,
};

const PLACEHOLDER: &str = "192.192.192.192";

fn examine(dossier: &Dossier) -> Vec<Firing> {
    gateways(dossier)
        .iter()
        .filter_map(|gateway| {
            let service = name_of(gateway.service()?)?;
            let endpoints = dossier
                .list("discovery.k8s.io", "EndpointSlice")
                .filter(|slice| {
                    let label = slice.pointer("/metadata/labels/kubernetes.io~1service-name");
                    let name = text(slice, "/metadata/name");
                    label.and_then(Value::as_str).or(name) == Some(service.name.as_str())
                })
                .chain(dossier.list("", "Endpoints").filter(|endpoints| {
                    text(endpoints, "/metadata/name") == Some(service.name.as_str())
                }))
                .find(|object| {
                    text(object, "/metadata/namespace") == Some(service.namespace.as_str())
                        && holds_placeholder(object)
                })?;
            let firing = Firing::new(Role::Explanation, Confidence::Certain)
                .about(gateway)
                .seen(format!("endpoint {PLACEHOLDER}:9999"), cited(endpoints))
                .inferred("every healthy Gateway of Cilium has this endpoint, in every mode; it is not why traffic fails");
            Some(firing)
        })
        .collect()
}

fn holds_placeholder(object: &Value) -> bool {
    let slice = items(object, "/endpoints").iter().flat_map(|one| items(one, "/addresses"));
    let old = items(object, "/subsets").iter().flat_map(|one| items(one, "/addresses"));
    slice
        .filter_map(Value::as_str)
        .chain(old.filter_map(|one| text(one, "/ip")))
        .any(|address| address == PLACEHOLDER)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::RULE;
    use crate::dossier::Targets;
    use crate::event::{Target, TargetReport};
    use crate::finding::fixture::{
        Change, NODES, Variant, answer, dedicated, fires, healthy, silent,
    };
    use crate::finding::{Role, examine};
    use crate::name::NamespacedName;
    use crate::observation::TcpOutcome;
    use crate::verdict::Verdict;

    fn explained(dossier: &crate::dossier::Dossier) -> bool {
        examine(dossier).iter().any(|finding| finding.rule.as_str() == RULE.id)
    }

    #[test]
    fn the_placeholder_is_explained_and_never_a_cause() {
        for variant in [Variant::Dedicated, Variant::HostNetwork] {
            let dead = healthy(variant).dead(&NODES, &TcpOutcome::Refused);
            assert_eq!(fires(&RULE, &dead).role, Role::Explanation);
            assert!(explained(&dead), "dead ports want an explanation");
        }
    }

    #[test]
    fn a_check_that_failed_wants_an_explanation_too() {
        let failed = dedicated().failed("http", vec![answer(503, "", &[])]);
        assert!(explained(&failed));
    }

    /// A selector's other node is an unhealthy target, as it should be.
    #[test]
    fn targets_that_are_unhealthy_by_design_want_no_explanation() {
        let mut selected = healthy(Variant::HostNetworkNodeSelector);
        selected.targets.push(Targets {
            gateway: NamespacedName::new("gateway", "shared-gateway"),
            report: TargetReport {
                profile: "aws-lbc-cluster".to_owned(),
                settings: "TCP every 10 s".to_owned(),
                compression: 1.0,
                targets: vec![Target {
                    place: "control-plane 172.18.0.2:80 (listener port)".to_owned(),
                    zone: None,
                    state: "unhealthy".to_owned(),
                    reason: Some("Target.FailedHealthChecks".to_owned()),
                    cause: Some("refused".to_owned()),
                    timeline: Vec::new(),
                }],
            },
        });
        assert!(explained(&selected), "nobody judged the targets");
        selected = selected.failed("targetHealth", Vec::new());
        assert!(explained(&selected), "they are not as wanted");
        selected.checks[0].verdict = Verdict::Passed;
        assert!(!explained(&selected), "they are as wanted");
    }

    #[test]
    fn nobody_asks_where_everything_is_well() {
        assert!(!explained(&dedicated()));
        assert!(!explained(&dedicated().unprobed()));
    }

    #[test]
    fn the_endpoints_object_of_older_releases_is_recognised() {
        let old =
            dedicated().without("EndpointSlice", "cilium-gateway-shared-gateway").with(json!({
            "apiVersion": "v1", "kind": "Endpoints",
            "metadata": {"name": "cilium-gateway-shared-gateway", "namespace": "gateway"},
            "subsets": [{"addresses": [{"ip": "192.192.192.192"}], "ports": [{"port": 9999}]}]}));
        fires(&RULE, &old);
    }

    #[test]
    fn real_endpoints_are_no_placeholder() {
        let real = dedicated().set(
            "EndpointSlice",
            "cilium-gateway-shared-gateway",
            "/endpoints/0",
            &json!({"addresses": ["10.244.1.7"], "conditions": {"ready": true}}),
        );
        silent(&RULE, &real);
    }
}
