//! GP0070: TLS that is passed through meets no TLS server.

use std::collections::BTreeSet;

use super::backend;
use crate::dossier::Dossier;
use crate::event::PlacedHandshake;
use crate::finding::reading::{Route, cited, routes};
use crate::finding::{Confidence, Firing, Role, Rule};
use crate::name::NamespacedName;
use crate::observation::{HandshakeOutcome, Unanswered};
use crate::verdict::Verdict;

/// The rule.
pub(super) const RULE: Rule = Rule {
    id: "GP0070",
    title: "TLS that is passed through meets no TLS server",
    explanation: "\
A listener that passes TLS through has no certificate and gives no answers of its own. Envoy reads the \
server name, chooses the backend by it and passes bytes on. So its port accepts connections whatever the \
state of the backends, a load balancer takes all targets for healthy, and the only sign of a dead backend is \
that the connection is closed before a byte has come back.

Envoy closes at once when a connection to the backend is refused or no endpoint is known, after five seconds \
when nothing answers there, and at once when no filter chain takes the server name. Which of these it was \
does not show in the connection; where Kubernetes shows that nothing is ready behind the Service, another \
finding says so. What comes back and is no TLS comes from the backend: it was reached, and does not speak \
TLS itself on this port.",
    remedy: &[
        "try the backend from a pod: openssl s_client -connect SERVICE.NAMESPACE.svc:PORT -servername NAME",
        "compare the port of the backendRef with the Service's, and its targetPort with the port on which the container speaks TLS",
        "look at whether Envoy has the chain: kubectl -n kube-system exec daemonset/cilium -c cilium-agent -- cilium-dbg envoy admin config listeners",
    ],
    sources: &[
        "seen with Envoy 1.40 and the listeners of Cilium 1.20: no endpoint, a refused connection, an unknown server name",
        "cilium/cilium operator/pkg/model/translation/envoy_listener.go 1.16 to 1.20: chains for TLS that is passed through hold a TCP proxy alone",
        "envoyproxy/envoy api/envoy/config/cluster/v3/cluster.proto: five seconds to connect to a backend unless set; Cilium sets five (1.16, 1.17) or nothing (1.20)",
    ],
    issues: &[],
    examine,
};

fn examine(dossier: &Dossier) -> Vec<Firing> {
    let named: Vec<Firing> = (backend::RULE.examine)(dossier);
    let explained =
        |route: &Route<'_>| named.iter().any(|one| one.subjects.contains(&cited(route.object)));
    let mut firings = Vec::new();
    for (check, gateway, handshakes) in failed(dossier) {
        let Some(server_name) = handshakes.iter().find_map(|one| asked_for(one)) else { continue };
        let routes: Vec<Route<'_>> = routes(dossier)
            .into_iter()
            .filter(|route| is_for(route, &gateway, server_name))
            .collect();
        if routes.iter().any(explained) {
            continue;
        }
        firings.extend(found(check, server_name, &routes, &handshakes));
    }
    firings
}

fn found(
    check: &str,
    server_name: &str,
    routes: &[Route<'_>],
    handshakes: &[&PlacedHandshake],
) -> Option<Firing> {
    let how: Vec<(&str, &Unanswered)> = handshakes
        .iter()
        .filter_map(|one| match &one.observation.outcome {
            HandshakeOutcome::Unanswered(how) => Some((&*one.place, how)),
            _ => None,
        })
        .collect();
    let (place, first) = *how.first()?;
    let confidence = match first {
        Unanswered::NotTls(_) => Confidence::Certain,
        // A connection that others carry says that this backend, or this name, is amiss as a rule.
        Unanswered::Closed | Unanswered::TimedOut => Confidence::Likely,
        Unanswered::Other(_) => return None,
    };
    let mut firing = Firing::new(Role::Cause, confidence)
        .about(format!("TLS for {server_name}"))
        .seen(format!("{first} at {place}"), format!("handshakes of check `{check}`"));
    for route in routes {
        firing = firing.about(cited(route.object));
        let backends: BTreeSet<String> = route
            .backends()
            .into_iter()
            .map(|(name, port)| {
                port.map_or_else(|| name.to_string(), |port| format!("{name} port {port}"))
            })
            .collect();
        let backends: Vec<String> = backends.into_iter().collect();
        firing = firing.seen(format!("backendRefs: {}", backends.join(", ")), cited(route.object));
    }
    Some(match first {
        Unanswered::NotTls(_) => firing
            .inferred("the backend was reached, and what it speaks on this port is not TLS")
            .remedy("point the backendRef at the port on which the backend speaks TLS, or end TLS at the Gateway with an HTTPS listener"),
        Unanswered::TimedOut => firing.inferred(
            "Envoy took the connection, and nobody answered: the backend is silent, or packets to its pods are lost",
        ),
        _ if how.len() < handshakes.len() => firing.inferred(
            "other nodes, or other connections, reach a TLS server, so one of several endpoints or ways is dead",
        ),
        _ => firing.inferred(
            "Envoy cannot connect to the backend, or has no filter chain for this server name",
        ),
    })
}

/// Checks of handshakes that failed, with the Gateway of each and what was seen.
fn failed(dossier: &Dossier) -> Vec<(&str, NamespacedName, Vec<&PlacedHandshake>)> {
    let checks = dossier.checks.iter().filter(|check| {
        check.kind == "tls" && matches!(check.verdict, Verdict::Failed | Verdict::Inconclusive)
    });
    checks
        .filter_map(|check| {
            let (_, rest) = check.claim.split_once(" of Gateway ")?;
            let gateway = rest.split(' ').next()?.parse().ok()?;
            Some((&*check.check, gateway, check.evidence.handshakes.iter().collect()))
        })
        .collect()
}

fn asked_for(placed: &PlacedHandshake) -> Option<&str> {
    placed.observation.tls.as_ref()?.server_name.as_deref()
}

/// Whether a route is a TLSRoute of this Gateway that takes a server name.
fn is_for(route: &Route<'_>, gateway: &NamespacedName, server_name: &str) -> bool {
    let hostnames = route.hostnames();
    let takes = |host: &&str| match host.strip_prefix('*') {
        Some(suffix) => server_name.ends_with(suffix),
        None => host.eq_ignore_ascii_case(server_name),
    };
    cited(route.object).starts_with("TLSRoute ")
        && route.parents().iter().any(|parent| parent.gateway == *gateway)
        && (hostnames.is_empty() || hostnames.iter().any(takes))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::json;

    use super::RULE;
    use crate::dossier::Dossier;
    use crate::event::PlacedHandshake;
    use crate::finding::Confidence;
    use crate::finding::fixture::{Change, dedicated, fires, silent, words};
    use crate::observation::{
        HandshakeObservation, HandshakeOutcome, TlsFailure, TlsObservation, Trust, Unanswered,
    };
    use crate::verdict::Verdict;

    fn seen(node: &str, outcome: HandshakeOutcome) -> PlacedHandshake {
        PlacedHandshake {
            place: format!("{node} 172.18.0.3:31443 (node port of 8443)"),
            observation: HandshakeObservation {
                dialled: "172.18.0.3:31443".parse().expect("a socket"),
                tls: Some(TlsObservation {
                    server_name: Some("db.raw.test".to_owned()),
                    version: None,
                    alpn: None,
                    chain: Vec::new(),
                    trust: Trust::NoCertificate,
                }),
                outcome,
                took: Duration::ZERO,
            },
        }
    }

    /// A TLSRoute of the Gateway to the Service that the fixture has, and a check of it.
    fn passing(port: u16, verdict: Verdict, handshakes: Vec<PlacedHandshake>) -> Dossier {
        let mut dossier = dedicated().with(json!({
            "apiVersion": "gateway.networking.k8s.io/v1", "kind": "TLSRoute",
            "metadata": {"namespace": "apps", "name": "db"},
            "spec": {"parentRefs": [{"name": "shared-gateway", "namespace": "gateway"}],
                "hostnames": ["*.raw.test"],
                "rules": [{"backendRefs": [{"name": "go-hello-world", "port": port}]}]}}));
        dossier = dossier.failed("tls", Vec::new());
        let check = dossier.checks.last_mut().expect("a check");
        check.claim = "TLS for db.raw.test on port 8443 of Gateway gateway/shared-gateway through every node is passed through".to_owned();
        check.verdict = verdict;
        check.evidence.handshakes = handshakes;
        dossier
    }

    fn closed() -> HandshakeOutcome {
        HandshakeOutcome::Unanswered(Unanswered::Closed)
    }

    #[test]
    fn a_connection_that_is_closed_points_to_the_route_and_its_backend() {
        let closed = vec![seen("worker", closed())];
        let firing = fires(&RULE, &passing(80, Verdict::Failed, closed));
        assert_eq!(firing.confidence, Confidence::Likely);
        assert_eq!(firing.subjects, ["TLS for db.raw.test", "TLSRoute apps/db"]);
        assert!(words(&firing).contains("apps/go-hello-world port 80"), "{}", words(&firing));
    }

    #[test]
    fn a_backend_that_speaks_no_tls_is_certain() {
        let http = HandshakeOutcome::Unanswered(Unanswered::NotTls("HTTP/1.1 400".to_owned()));
        let firing = fires(&RULE, &passing(80, Verdict::Failed, vec![seen("worker", http)]));
        assert_eq!(firing.confidence, Confidence::Certain);
    }

    #[test]
    fn one_way_of_several_is_told_as_such() {
        let some = vec![seen("worker", closed()), seen("worker2", HandshakeOutcome::Completed)];
        let firing = fires(&RULE, &passing(80, Verdict::Failed, some));
        assert!(words(&firing).contains("one of several"), "{}", words(&firing));
    }

    #[test]
    fn servers_that_answer_and_backends_that_another_rule_explains_are_no_occurrence() {
        let alert = HandshakeOutcome::Answered(TlsFailure::Alert("unrecognized_name".to_owned()));
        silent(&RULE, &passing(80, Verdict::Passed, vec![seen("worker", alert)]));
        silent(&RULE, &passing(80, Verdict::Passed, vec![seen("worker", closed())]));
        // The Service has no such port, which GP0017 says.
        silent(&RULE, &passing(5432, Verdict::Failed, vec![seen("worker", closed())]));
    }
}
