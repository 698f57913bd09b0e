//! GP0018: annotations on the Gateway itself do not reach its Service.

use std::collections::BTreeSet;

use serde_json::Value;

use super::issue;
use crate::dossier::Dossier;
use crate::finding::reading::{Gateway, gateways, name_of};
use crate::finding::releases::{EVERY, Releases, between, since};
use crate::finding::{Confidence, Firing, Role, Rule};
use crate::verdict::Verdict;

/// The rule.
pub(super) const RULE: Rule = Rule {
    id: "GP0018",
    title: "annotations on the Gateway's metadata do not reach its Service",
    explanation: "\
Controllers of load balancers read annotations of the Service. Cilium copies none from the Gateway's \
metadata.annotations, in any version. What it copies, from 1.15 on, are spec.infrastructure.annotations \
and spec.infrastructure.labels of the Gateway. An annotation set on the Service by hand stays through \
reconciling, and is declared nowhere.

So a balancer comes up with its controller's defaults: the AWS Load Balancer Controller makes an \
internal one unless service.beta.kubernetes.io/aws-load-balancer-scheme on the Service says otherwise. \
Set it before the Service first exists: a scheme cannot be changed later without a new balancer.

With the standard channel of the Gateway API 1.0 and 1.1 the field spec.infrastructure is dropped \
without a word; the experimental channel has it, and the standard one since 1.2.",
    remedy: &[
        "move the annotations to spec.infrastructure.annotations of the Gateway (Cilium 1.15 and later)",
    ],
    sources: &[
        "cilium/cilium operator/pkg/model/translation/gateway-api/translator.go 1.14.10 to 1.21-dev: infrastructure annotations only",
        "kubernetes-sigs/aws-load-balancer-controller pkg/service/model_builder.go: internal by default",
    ],
    issues: &[
        issue("cilium/cilium#25357", EVERY),
        issue("cilium/cilium#36792", EVERY),
        issue("cilium/cilium#29122", Releases(&[since(15, 0)])),
        issue("cilium/cilium#30590", Releases(&[between((15, 0), (17, 0))])),
    ],
    examine,
};

/// Annotations that controllers look for on Services.
const FOR_SERVICES: &[&str] = &[
    "service.beta.kubernetes.io/",
    "service.kubernetes.io/",
    "lbipam.cilium.io/",
    "io.cilium/lb-ipam",
    "service.cilium.io/",
    "metallb.io/",
    "metallb.universe.tf/",
    "kube-vip.io/",
    "load-balancer.hetzner.cloud/",
    "networking.gke.io/load-balancer",
    "cloud.google.com/l4-rbs",
];

fn examine(dossier: &Dossier) -> Vec<Firing> {
    gateways(dossier)
        .iter()
        .filter_map(|gateway| {
            let missed = missed(dossier);
            let lost = lost(gateway, &missed);
            if lost.is_empty() {
                return None;
            }
            let wanted = lost.iter().any(|(key, _)| missed.contains(key));
            let role = if wanted { Role::Cause } else { Role::Contributing };
            let mut firing = Firing::new(role, Confidence::Certain).about(gateway);
            for (key, value) in lost {
                firing = firing
                    .seen(format!("{key}: {value}"), format!("metadata.annotations of {gateway}"));
            }
            Some(match gateway.service().and_then(name_of) {
                Some(service) => {
                    firing.seen("none of them", format!("annotations of Service {service}"))
                }
                None => firing,
            })
        })
        .collect()
}

/// Annotations that a check wanted of a Service and did not find.
fn missed(dossier: &Dossier) -> BTreeSet<&str> {
    let failed = dossier.checks.iter().filter(|check| check.verdict == Verdict::Failed);
    failed
        .flat_map(|check| &check.failures)
        .filter_map(|failure| failure.seen.strip_prefix("annotation ")?.strip_suffix(" absent"))
        .collect()
}

/// Annotations meant for the Service that it does not have.
fn lost<'d>(gateway: &Gateway<'d>, missed: &BTreeSet<&str>) -> Vec<(&'d str, &'d str)> {
    let annotations = |object: &'d Value, pointer: &str| object.pointer(pointer)?.as_object();
    let of_service = gateway.service().and_then(|one| annotations(one, "/metadata/annotations"));
    let copied = annotations(gateway.object, "/spec/infrastructure/annotations");
    annotations(gateway.object, "/metadata/annotations")
        .into_iter()
        .flatten()
        .filter(|(key, _)| {
            missed.contains(key.as_str())
                || FOR_SERVICES.iter().any(|prefix| key.starts_with(prefix))
        })
        .filter(|(key, _)| {
            ![of_service, copied].iter().flatten().any(|there| there.contains_key(key.as_str()))
        })
        .filter_map(|(key, value)| Some((key.as_str(), value.as_str()?)))
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::RULE;
    use crate::dossier::Dossier;
    use crate::finding::Role;
    use crate::finding::fixture::{Change, dedicated, fires, silent, words};
    use crate::verdict::{Failure, FailureKind};

    const SCHEME: &str = "service.beta.kubernetes.io/aws-load-balancer-scheme";

    fn annotated() -> Dossier {
        dedicated().set(
            "Gateway",
            "shared-gateway",
            "/metadata/annotations",
            &json!({SCHEME: "internet-facing", "cert-manager.io/cluster-issuer": "gateproof"}),
        )
    }

    #[test]
    fn an_annotation_meant_for_the_service_is_named() {
        let firing = fires(&RULE, &annotated());
        assert_eq!(firing.role, Role::Contributing);
        let words = words(&firing);
        assert!(words.contains(SCHEME) && !words.contains("cert-manager.io"), "{words}");
    }

    #[test]
    fn an_annotation_that_a_check_misses_on_the_service_is_a_cause_whatever_its_name() {
        let missing = |seen: &str| {
            let mut dossier = dedicated()
                .edit("Gateway", "shared-gateway", |gateway| {
                    gateway["metadata"]["annotations"]["example.test/team"] = json!("a");
                })
                .failed("service", Vec::new());
            dossier.checks[0].failures.push(Failure {
                kind: FailureKind::Refuted,
                expected: "annotation example.test/team \"a\"".to_owned(),
                seen: seen.to_owned(),
                place: "Service".to_owned(),
                hints: Vec::new(),
            });
            dossier
        };
        let firing = fires(&RULE, &missing("annotation example.test/team absent"));
        assert_eq!(firing.role, Role::Cause);
        silent(&RULE, &missing("annotation example.test/other absent"));
        silent(&RULE, &missing("annotation example.test/team \"b\""));
    }

    #[test]
    fn what_the_service_has_whatever_the_way_is_not_lost() {
        let both = annotated().set(
            "Gateway",
            "shared-gateway",
            "/spec/infrastructure/annotations",
            &json!({SCHEME: "internet-facing"}),
        );
        silent(&RULE, &both);
        let by_hand = annotated().set(
            "Service",
            "cilium-gateway-shared-gateway",
            "/metadata/annotations",
            &json!({SCHEME: "internet-facing"}),
        );
        silent(&RULE, &by_hand);
        silent(&RULE, &dedicated());
    }
}
