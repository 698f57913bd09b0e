//! GP0045: backends do not speak what Envoy speaks to them.

use serde_json::Value;

use crate::dossier::{Dossier, text};
use crate::finding::reading::{GATEWAY_API, Upstream, cited, gateways, items, routes, unanswered};
use crate::finding::{Confidence, Firing, Role, Rule};
use crate::name::NamespacedName;

/// The rule.
pub(super) const RULE: Rule = Rule {
    id: "GP0045",
    title: "a backend does not speak what Envoy speaks to it",
    explanation: "\
Envoy reached a backend, and the two did not understand each other. Its answer tells how: 502 with \
protocol error where the backend sent something that is not the HTTP which Envoy speaks to it; 503 with \
connection termination where the backend closed the connection instead of answering; 503 with a \
TLS_error where a handshake failed.

Envoy speaks HTTP/1.1 without TLS to backends, HTTP/2 without TLS where the Service's port says \
appProtocol kubernetes.io/h2c, and TLS where a BackendTLSPolicy is about the Service. So a backend that \
serves TLS only, one that serves HTTP/2 only, and one that speaks neither although the Service or a \
policy says so, all fail on every request, while Service, endpoints and route look well and a TCP check \
passes. A backend that crashes on a request looks like the second case.",
    remedy: &[
        "ask a pod directly, from another pod: curl -v http://IP:PORT/, and with https:// and --http2-prior-knowledge; what answers is what the backend speaks",
        "a backend with TLS: a BackendTLSPolicy for its Service, with a CA that signed its certificate and a host name that the certificate holds",
        "a backend with HTTP/2 alone (gRPC): appProtocol: kubernetes.io/h2c on the Service's port",
    ],
    sources: &[
        "seen with Envoy 1.40: the answers",
        "cilium/cilium operator/pkg/model/translation/envoy_cluster.go and operator/pkg/gateway-api/backendtlspolicy_reconcile.go 1.20: what decides how backends are spoken to",
        "kubernetes-sigs/gateway-api GEP-1911: appProtocol",
    ],
    issues: &[],
    examine,
};

fn examine(dossier: &Dossier) -> Vec<Firing> {
    let ours: Vec<NamespacedName> = gateways(dossier).into_iter().map(|one| one.name).collect();
    let failed = unanswered(dossier);
    let mut firings = Vec::new();
    for route in routes(dossier) {
        if !route.parents().iter().any(|parent| ours.contains(&parent.gateway)) {
            continue;
        }
        let found = failed.iter().find(|one| {
            let is_language = matches!(
                one.upstream,
                Upstream::TlsFailed | Upstream::Closed | Upstream::NotItsProtocol
            );
            is_language && one.concerns(&route)
        });
        let Some(found) = found else { continue };
        let mut firing = Firing::new(Role::Cause, Confidence::Possible)
            .about(cited(route.object))
            .seen(found.in_words(), format!("HTTP probes of check `{}`", found.check.check));
        let mut backends = route.backends();
        backends.sort();
        backends.dedup();
        for (name, port) in backends {
            firing = firing.about(format!("Service {name}"));
            let (known, told) = spoken(dossier, firing, &name, port, found.upstream);
            firing = told;
            if known {
                firing.confidence = Confidence::Likely;
            }
        }
        if found.upstream == Upstream::TlsFailed {
            firing.confidence = Confidence::Likely;
            firing = firing.inferred("Envoy does not trust the backend's certificate, its names are others, or the backend speaks no TLS");
        }
        firings.push(firing.inferred(
            "the connection to the backend is made, so endpoints and network are not at fault",
        ));
    }
    firings
}

/// What decides how Envoy speaks to a Service's port, and whether it fits what was seen.
fn spoken(
    dossier: &Dossier,
    mut firing: Firing,
    name: &NamespacedName,
    port: Option<u64>,
    upstream: Upstream,
) -> (bool, Firing) {
    let Some(service) = dossier.get("", "Service", Some(&name.namespace), &name.name) else {
        return (false, firing);
    };
    let policy = dossier.list(GATEWAY_API, "BackendTLSPolicy").find(|policy| {
        text(policy, "/metadata/namespace") == Some(&name.namespace)
            && items(policy, "/spec/targetRefs").iter().any(|target| {
                text(target, "/kind") == Some("Service")
                    && text(target, "/name") == Some(&name.name)
            })
    });
    if let Some(policy) = policy {
        let told = firing
            .seen(format!("it is about Service {name}, so Envoy speaks TLS to it"), cited(policy));
        return (true, told);
    }
    let found = items(service, "/spec/ports")
        .iter()
        .find(|one| one.get("port").and_then(Value::as_u64) == port);
    let Some(found) = found else { return (false, firing) };
    if let Some(protocol) = text(found, "/appProtocol") {
        firing = firing.seen(format!("appProtocol {protocol}"), cited(service));
        if protocol == "kubernetes.io/h2c" {
            let told = firing.inferred(
                "Envoy speaks HTTP/2 without TLS to this port; a backend that has HTTP/1.1 alone does not understand it",
            );
            return (upstream != Upstream::TlsFailed, told);
        }
    }
    let is_tls = |text: &str| text.eq_ignore_ascii_case("https") || text.starts_with("https-");
    let target = found.get("targetPort").and_then(Value::as_u64);
    let looks_like_tls = text(found, "/name").is_some_and(is_tls)
        || text(found, "/targetPort").is_some_and(is_tls)
        || [port, target].iter().flatten().any(|port| matches!(port, 443 | 8443));
    if looks_like_tls && upstream != Upstream::TlsFailed {
        let what = format!("port {found}");
        let told = firing
            .seen(what, cited(service))
            .seen("there is none about this Service", "BackendTLSPolicies")
            .inferred("by its port the backend wants TLS, and Envoy speaks HTTP without TLS to it");
        return (true, told);
    }
    (false, firing)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::RULE;
    use crate::dossier::Dossier;
    use crate::finding::Confidence;
    use crate::finding::fixture::{Change, answer, dedicated, fires, silent, words};

    const BACKEND: &str = "go-hello-world";
    const RESET: &str = "upstream connect error or disconnect/reset before headers. reset reason: ";

    fn answered(dossier: Dossier, status: u16, body: &str) -> Dossier {
        let mut failed = dossier.failed("http", vec![answer(status, body, &[])]);
        let last = failed.checks.last_mut().expect("a check");
        last.claim = "GET http://hello.obs.example.test/ answers 200".to_owned();
        failed
    }

    #[test]
    fn an_http2_port_before_an_http1_backend_is_likely() {
        let h2c = dedicated().edit("Service", BACKEND, |service| {
            service["spec"]["ports"][0]["appProtocol"] = json!("kubernetes.io/h2c");
        });
        let firing = fires(&RULE, &answered(h2c, 502, &format!("{RESET}protocol error")));
        assert_eq!(firing.confidence, Confidence::Likely);
        assert!(words(&firing).contains("appProtocol kubernetes.io/h2c"), "{firing:#?}");
    }

    #[test]
    fn a_port_for_tls_without_a_policy_is_likely() {
        let tls = dedicated().set("Service", BACKEND, "/spec/ports/0/targetPort", &json!(8443));
        let firing = fires(&RULE, &answered(tls, 503, &format!("{RESET}connection termination")));
        assert_eq!(firing.confidence, Confidence::Likely);
        assert!(words(&firing).contains("wants TLS"), "{firing:#?}");
    }

    #[test]
    fn a_policy_whose_handshake_fails_is_likely() {
        let policy = dedicated().with(json!({"apiVersion": "gateway.networking.k8s.io/v1",
            "kind": "BackendTLSPolicy", "metadata": {"namespace": "apps", "name": "tls"},
            "spec": {"targetRefs": [{"group": "", "kind": "Service", "name": BACKEND}]}}));
        let body = format!(
            "{RESET}remote connection failure, transport failure reason: TLS_error:|268435581"
        );
        let firing = fires(&RULE, &answered(policy, 503, &body));
        assert!(words(&firing).contains("BackendTLSPolicy apps/tls"), "{firing:#?}");
    }

    #[test]
    fn a_backend_that_closes_without_any_sign_is_possible() {
        let closed = answered(dedicated(), 503, &format!("{RESET}connection termination"));
        assert_eq!(fires(&RULE, &closed).confidence, Confidence::Possible);
    }

    #[test]
    fn connections_that_are_not_made_and_other_routes_are_other_findings() {
        silent(&RULE, &answered(dedicated(), 503, &format!("{RESET}remote connection failure")));
        silent(&RULE, &answered(dedicated(), 503, "no healthy upstream"));
        silent(
            &RULE,
            &dedicated().failed("http", vec![answer(502, &format!("{RESET}protocol error"), &[])]),
        );
    }
}
