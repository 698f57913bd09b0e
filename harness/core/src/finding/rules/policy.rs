//! GP0028: network policy at the ingress identity makes Envoy answer 403.

use super::issue;
use crate::dossier::Dossier;
use crate::finding::reading::{answers, cited, gateways, made_by_envoy};
use crate::finding::releases::{EVERY, Releases, before};
use crate::finding::{Confidence, Firing, Role, Rule};

/// The rule.
pub(super) const RULE: Rule = Rule {
    id: "GP0028",
    title: "network policy makes Envoy answer 403",
    explanation: "\
Envoy enforces network policy on the Gateway's traffic twice: from the client to the identity \
reserved:ingress, and from reserved:ingress to the backend. What is not allowed is answered 403 with \
the body Access denied, by the Envoy of the node that got the request. This holds for clients inside \
the cluster as well, and with host network.

A policy that selects backends must allow fromEntities: [ingress]; a NetworkPolicy of Kubernetes \
cannot say that. A policy that denies by default for everything (a CiliumClusterwideNetworkPolicy with \
an empty endpointSelector, for one) must let reserved:ingress out to backends, and clients in.",
    remedy: &[
        "allow it in the policy of the backends: a CiliumNetworkPolicy with ingress from fromEntities: [ingress]",
        "with a policy that denies by default: a CiliumClusterwideNetworkPolicy whose endpointSelector is reserved:ingress, which lets clients in (fromEntities: [world, cluster]) and goes out to the backends",
    ],
    sources: &[
        "cilium/cilium pkg/ciliumenvoyconfig/cec_resource_parser.go 1.16 to 1.18.10: the policy filters",
        "cilium/cilium issues as below: the answer, and what has to be allowed",
    ],
    issues: &[
        issue("cilium/cilium#28254", EVERY),
        issue("cilium/cilium#30073", EVERY),
        issue("cilium/cilium#36509", EVERY),
        issue("cilium/cilium#47617", EVERY),
        issue("cilium/cilium#43519", Releases(&[before(20, 0)])),
    ],
    examine,
};

/// Kinds of policies, with their groups.
const POLICIES: &[(&str, &str)] = &[
    ("cilium.io", "CiliumNetworkPolicy"),
    ("cilium.io", "CiliumClusterwideNetworkPolicy"),
    ("networking.k8s.io", "NetworkPolicy"),
];

fn examine(dossier: &Dossier) -> Vec<Firing> {
    let denied: Vec<_> = answers(dossier)
        .into_iter()
        .filter(|(_, answer)| made_by_envoy(answer) && answer.status == 403)
        .collect();
    let Some((place, first)) = denied.first() else { return Vec::new() };
    let spoken = denied.iter().any(|(_, answer)| answer.body.trim() == "Access denied");
    let confidence = if spoken { Confidence::Certain } else { Confidence::Likely };
    let mut firing = Firing::new(Role::Cause, confidence)
        .seen(format!("403 by Envoy, body {:?}, at {place}", first.body.trim()), "HTTP probes");
    if let [_, more @ ..] = denied.as_slice()
        && !more.is_empty()
    {
        firing =
            firing.seen(format!("and {} more answers of this kind", more.len()), "HTTP probes");
    }
    for gateway in gateways(dossier) {
        firing = firing.about(gateway);
    }
    if firing.subjects.is_empty() {
        firing = firing.about("requests through the Gateway");
    }
    let policies: Vec<String> = POLICIES
        .iter()
        .flat_map(|(group, kind)| dossier.list(group, kind))
        .map(cited)
        .take(6)
        .collect();
    vec![if policies.is_empty() {
        firing.inferred("no policy was seen; the one at work may not be readable here")
    } else {
        firing.seen(policies.join(", "), "policies that there are")
    }]
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::RULE;
    use crate::finding::Confidence;
    use crate::finding::fixture::{Change, answer, dedicated, fires, silent, words};

    #[test]
    fn access_denied_by_envoy_is_policy() {
        let denied = dedicated()
            .failed("http", vec![answer(403, "Access denied\r\n", &[])])
            .with(json!({"apiVersion": "cilium.io/v2", "kind": "CiliumNetworkPolicy",
                "metadata": {"name": "default-deny", "namespace": "apps"}}));
        let firing = fires(&RULE, &denied);
        assert_eq!(firing.confidence, Confidence::Certain);
        assert!(words(&firing).contains("CiliumNetworkPolicy apps/default-deny"), "{firing:#?}");
    }

    #[test]
    fn another_body_is_likely_and_a_backends_own_403_is_none() {
        let other = dedicated().failed("http", vec![answer(403, "RBAC: no", &[])]);
        assert_eq!(fires(&RULE, &other).confidence, Confidence::Likely);
        let backend = answer(403, "Access denied", &[("x-envoy-upstream-service-time", "2")]);
        silent(&RULE, &dedicated().failed("http", vec![backend]));
    }
}
