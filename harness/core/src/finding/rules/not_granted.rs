//! GP0021: a reference into another namespace is not granted.

use crate::dossier::Dossier;
use crate::finding::reading::{Condition, Route, cited, gateways, is_claimed_false, routes};
use crate::finding::{Confidence, Firing, Role, Rule};

/// The rule.
pub(super) const RULE: Rule = Rule {
    id: "GP0021",
    title: "a reference into another namespace is not granted",
    explanation: "\
A route that names a Service of another namespace, and a listener that names a Secret of another \
namespace, need a ReferenceGrant there: in the namespace of what is referred to, from the group, kind \
and namespace of what refers, to the kind (and perhaps the name) of what is referred to. Without it \
ResolvedRefs is False with RefNotPermitted.

A route without it answers 500 for the part that is not granted. A listener without it has no \
certificate: TLS is reset, or, as seen with the operators of 1.18 and 1.19, an HTTPS listener none of \
whose certificates is permitted answers plain HTTP on its port.",
    remedy: &[
        "create a ReferenceGrant in the namespace of the Service or Secret, with from (group gateway.networking.k8s.io, kind HTTPRoute or Gateway, namespace) and to (group \"\", kind Service or Secret)",
    ],
    sources: &[
        "cilium/cilium operator/pkg/gateway-api/routechecks and gateway_reconcile.go 1.16 to 1.20: RefNotPermitted",
        "cilium/cilium operator/pkg/model/translation, test data of 1.18 and 1.19: a listener that falls into the plain chain",
    ],
    issues: &[],
    examine,
};

fn examine(dossier: &Dossier) -> Vec<Firing> {
    let refused = |condition: Option<Condition<'_>>| {
        condition.is_some_and(|one| one.is_false() && one.reason == "RefNotPermitted")
    };
    let firing = || Firing::new(Role::Cause, Confidence::Certain);
    let ours = gateways(dossier);
    let mut firings = Vec::new();
    for gateway in &ours {
        for listener in gateway.listeners() {
            let condition = listener.condition("ResolvedRefs");
            let Some(told) = condition.filter(|_| refused(condition)) else { continue };
            let subject = format!("listener {} of {gateway}", listener.name);
            let mut found = firing().about(&subject).seen(told, format!("status of {subject}"));
            for secret in listener.secrets(&gateway.name) {
                if secret.namespace != gateway.name.namespace {
                    found =
                        found.seen(format!("certificateRef {secret}"), gateway).remedy(format!(
                            "in namespace {}: a ReferenceGrant from Gateway in {} to Secret {}",
                            secret.namespace, gateway.name.namespace, secret.name
                        ));
                }
            }
            firings.push(found);
        }
    }
    let counts = |route: &Route<'_>| !is_claimed_false(dossier, route, "ResolvedRefs");
    for route in routes(dossier).into_iter().filter(counts) {
        let told = route
            .parents()
            .iter()
            .filter(|parent| ours.iter().any(|gateway| gateway.name == parent.gateway))
            .filter_map(|parent| parent.condition("ResolvedRefs"))
            .find(|condition| refused(Some(*condition)));
        let Some(told) = told else { continue };
        let subject = cited(route.object);
        let mut found = firing()
            .about(&subject)
            .seen(told, format!("status of {subject}"))
            .inferred("Envoy answers 500 for what is not granted");
        for (backend, _) in route.backends() {
            if backend.namespace != route.name.namespace {
                found = found.seen(format!("backendRef {backend}"), &subject).remedy(format!(
                    "in namespace {}: a ReferenceGrant from the kind of this route in {} to Service {}",
                    backend.namespace, route.name.namespace, backend.name
                ));
            }
        }
        firings.push(found);
    }
    firings
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::RULE;
    use crate::finding::fixture::{Change, dedicated, fires, silent, words};

    #[test]
    fn a_route_whose_backend_is_not_granted_says_which_grant_is_missing() {
        let refused = dedicated()
            .set(
                "HTTPRoute",
                "go-hello-world",
                "/spec/rules/0/backendRefs/0",
                &json!({"name": "echo", "namespace": "other-apps", "port": 80}),
            )
            .set(
                "HTTPRoute",
                "go-hello-world",
                "/status/parents/0/conditions/1",
                &json!({
                "type": "ResolvedRefs", "status": "False", "reason": "RefNotPermitted",
                "message": "Cross namespace references are not allowed"}),
            );
        let words = words(&fires(&RULE, &refused));
        assert!(words.contains("in namespace other-apps: a ReferenceGrant"), "{words}");
    }

    #[test]
    fn a_listener_whose_secret_is_not_granted_is_told() {
        let refused = dedicated()
            .set(
                "Gateway",
                "shared-gateway",
                "/spec/listeners/1/tls/certificateRefs/0",
                &json!({"name": "wildcard", "namespace": "certificates"}),
            )
            .set(
                "Gateway",
                "shared-gateway",
                "/status/listeners/1/conditions/0",
                &json!({
                "type": "ResolvedRefs", "status": "False", "reason": "RefNotPermitted",
                "message": "CertificateRef is not permitted"}),
            );
        let words = words(&fires(&RULE, &refused));
        assert!(words.contains("in namespace certificates"), "{words}");
    }

    #[test]
    fn other_reasons_are_other_findings() {
        silent(
            &RULE,
            &dedicated().set(
                "HTTPRoute",
                "go-hello-world",
                "/status/parents/0/conditions/1",
                &json!({"type": "ResolvedRefs", "status": "False",
            "reason": "BackendNotFound", "message": "services \"x\" not found"}),
            ),
        );
    }
}
