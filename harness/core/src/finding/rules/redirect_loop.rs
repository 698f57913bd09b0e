//! GP0032: a redirect to HTTPS loops behind a balancer that ends TLS.

use serde_json::Value;

use super::issue;
use crate::dossier::{Dossier, text};
use crate::finding::reading::{
    Gateway, Route, answers, cited, gateways, items, made_by_envoy, routes,
};
use crate::finding::releases::BEFORE_1_20;
use crate::finding::{Confidence, Firing, Role, Rule};

/// The rule.
pub(super) const RULE: Rule = Rule {
    id: "GP0032",
    title: "a redirect to HTTPS loops behind a balancer that ends TLS",
    explanation: "\
When a balancer ends TLS and hands plain HTTP to the Gateway, a route that redirects HTTP to HTTPS sees \
HTTP again and again: the client follows to https, the balancer hands on http, and the Gateway \
redirects to where the client already is.

From 1.20 on a redirect that names the scheme https passes over requests whose X-Forwarded-Proto says \
https already, and the loop ends, as long as the balancer sets that header. A balancer that works on \
TCP sets none.",
    remedy: &[
        "let the Gateway end TLS: a balancer that passes TCP through to the HTTPS listener",
        "or make the redirect in the balancer, and take it out of the route",
        "or upgrade to 1.20 and let the balancer set X-Forwarded-Proto",
    ],
    sources: &[
        "cilium/cilium #34539: the loop, and the guard of 1.20",
        "kubernetes-sigs/aws-load-balancer-controller guide of Service annotations: aws-load-balancer-ssl-cert ends TLS at the balancer",
    ],
    issues: &[issue("cilium/cilium#34539", BEFORE_1_20)],
    examine,
};

/// Annotations by which a balancer ends TLS.
const ENDS_TLS: &[&str] = &[
    "service.beta.kubernetes.io/aws-load-balancer-ssl-cert",
    "service.beta.kubernetes.io/do-loadbalancer-certificate-id",
    "load-balancer.hetzner.cloud/http-certificates",
    "service.beta.kubernetes.io/scw-loadbalancer-certificate-ids",
];

fn examine(dossier: &Dossier) -> Vec<Firing> {
    let mut firings = Vec::new();
    for gateway in gateways(dossier) {
        let Some((key, source)) = ends_tls(&gateway) else { continue };
        for route in routes(dossier) {
            let attached = route.parents().iter().any(|parent| parent.gateway == gateway.name);
            if !attached || !redirects(&route) {
                continue;
            }
            let looping = answers(dossier).into_iter().find(|(_, answer)| {
                made_by_envoy(answer)
                    && matches!(answer.status, 301 | 302 | 307 | 308)
                    && answer.header("location").is_some_and(|to| to.starts_with("https://"))
            });
            let role = if looping.is_some() { Role::Cause } else { Role::Contributing };
            let mut firing = Firing::new(role, Confidence::Likely)
                .about(cited(route.object))
                .about(&gateway)
                .seen("a redirect to https", cited(route.object))
                .seen(key, &source)
                .inferred("the balancer ends TLS, so the Gateway sees plain HTTP and redirects to https for ever");
            if let Some((place, answer)) = looping {
                let to = answer.header("location").unwrap_or_default();
                firing =
                    firing.seen(format!("{} to {to} at {place}", answer.status), "HTTP probes");
            }
            firings.extend(firing.on(dossier, BEFORE_1_20));
        }
    }
    firings
}

fn ends_tls(gateway: &Gateway<'_>) -> Option<(&'static str, String)> {
    let there = |object: &Value, pointer: &str| {
        let annotations = object.pointer(pointer).and_then(Value::as_object)?;
        ENDS_TLS.iter().copied().find(|key| annotations.contains_key(*key))
    };
    let service = gateway.service().and_then(|service| {
        let key = there(service, "/metadata/annotations")?;
        Some((key, cited(service)))
    });
    service.or_else(|| {
        let key = there(gateway.object, "/spec/infrastructure/annotations")?;
        Some((key, format!("spec.infrastructure.annotations of {gateway}")))
    })
}

/// Whether a rule of the route redirects to https.
fn redirects(route: &Route<'_>) -> bool {
    items(route.object, "/spec/rules")
        .iter()
        .flat_map(|rule| items(rule, "/filters"))
        .any(|filter| text(filter, "/requestRedirect/scheme") == Some("https"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::RULE;
    use crate::dossier::Dossier;
    use crate::finding::Role;
    use crate::finding::fixture::{Change, answer, dedicated, fires, silent};

    fn redirecting() -> Dossier {
        dedicated().version("1.19.6").set(
            "HTTPRoute",
            "go-hello-world",
            "/spec/rules/0",
            &json!({
            "filters": [{"type": "RequestRedirect",
                         "requestRedirect": {"scheme": "https", "statusCode": 301}}]}),
        )
    }

    fn behind(dossier: Dossier) -> Dossier {
        dossier.set(
            "Service",
            "cilium-gateway-shared-gateway",
            "/metadata/annotations",
            &json!({"service.beta.kubernetes.io/aws-load-balancer-ssl-cert": "arn:aws:acm:x"}),
        )
    }

    #[test]
    fn a_redirect_behind_a_balancer_that_ends_tls_takes_part_and_is_the_cause_where_it_is_seen() {
        assert_eq!(fires(&RULE, &behind(redirecting())).role, Role::Contributing);
        let seen = behind(redirecting()).failed(
            "http",
            vec![answer(301, "", &[("location", "https://hello.obs.example.test/")])],
        );
        assert_eq!(fires(&RULE, &seen).role, Role::Cause);
    }

    #[test]
    fn a_redirect_alone_a_balancer_alone_and_releases_with_the_guard_are_fine() {
        silent(&RULE, &redirecting());
        silent(&RULE, &behind(dedicated().version("1.19.6")));
        silent(&RULE, &behind(redirecting()).version("1.20.2"));
    }
}
