use gateproof_core::dossier::{Dossier, Found, Hop};
use gateproof_core::event::PlacedHttp;
use gateproof_core::name::NamespacedName;
use gateproof_core::observation::{
    Certificate, HttpObservation, HttpOutcome, Timings, TlsFailure, TlsObservation, Trust,
};
use serde_json::{Value, json};

use super::{hops, references, served};
use crate::evidence::Evidence;

fn gateway() -> Value {
    json!({"apiVersion": "gateway.networking.k8s.io/v1", "kind": "Gateway",
    "metadata": {"namespace": "gateway", "name": "web"},
    "spec": {"listeners": [
        {"name": "http", "port": 80, "protocol": "HTTP"},
        {"name": "apex", "hostname": "example.test", "protocol": "HTTPS",
            "tls": {"certificateRefs": [{"name": "apex"}]}},
        {"name": "wild", "hostname": "*.example.test", "protocol": "HTTPS",
            "tls": {"mode": "Terminate", "certificateRefs": [
                {"kind": "Secret", "name": "wild", "namespace": "certs"}]}},
        {"name": "through", "protocol": "TLS", "tls": {"mode": "Passthrough",
            "certificateRefs": [{"name": "unused"}]}},
    ]}})
}

fn found(evidence: &Evidence) -> Vec<(String, Found)> {
    let words = |hop: &Hop| match hop {
        Hop::Certificate(name) => format!("certificate {name}"),
        Hop::Secret => "secret".to_owned(),
        Hop::Copy(name) => format!("copy {name}"),
        Hop::Served { place, .. } => format!("served {place}"),
    };
    let config = gateproof_core::cilium::CiliumConfig { gateway_api: true, ..Default::default() };
    hops(evidence, Some(&config))
        .iter()
        .map(|hop| (format!("{} {}", hop.listener, words(&hop.hop)), hop.found.clone()))
        .collect()
}

#[test]
fn only_listeners_that_terminate_tls_name_secrets() {
    let gateway = gateway();
    let mut evidence = Evidence::default();
    evidence.add(gateway);
    let secrets: Vec<String> =
        references(&evidence).iter().map(|reference| reference.secret.to_string()).collect();
    assert_eq!(secrets, ["gateway/apex", "certs/wild"]);
}

#[test]
fn what_was_not_looked_at_is_not_called_missing() {
    let mut evidence = Evidence::default();
    evidence.add(gateway());
    evidence.absent_secret(NamespacedName::new("certs", "wild"));
    let seen = found(&evidence);
    assert!(seen.contains(&("apex secret".to_owned(), Found::NotRead)), "{seen:?}");
    assert!(seen.contains(&("wild secret".to_owned(), Found::Nothing)), "{seen:?}");
}

#[test]
fn secrets_that_cannot_be_used_and_certificates_that_are_not_ready_say_why() {
    let mut evidence = Evidence::default();
    evidence.add(gateway());
    // `bm8gUEVN` is "no PEM".
    evidence.add(json!({"apiVersion": "v1", "kind": "Secret", "type": "kubernetes.io/tls",
        "metadata": {"namespace": "gateway", "name": "apex"}, "data": {"tls.crt": "bm8gUEVN"}}));
    evidence.add(json!({"apiVersion": "cert-manager.io/v1", "kind": "Certificate",
        "metadata": {"namespace": "certs", "name": "w"}, "spec": {"secretName": "wild"},
        "status": {"conditions": [{"type": "Ready", "status": "False", "reason": "DoesNotExist",
            "message": "Issuing"}]}}));
    let seen = found(&evidence);
    let unusable = |words: &str| Found::Unusable(words.to_owned());
    assert!(
        seen.contains(&("apex secret".to_owned(), unusable("tls.crt holds no PEM block"))),
        "{seen:?}"
    );
    let certificate = "wild certificate certs/w".to_owned();
    assert!(
        seen.contains(&(certificate, unusable("not ready: DoesNotExist: Issuing"))),
        "{seen:?}"
    );
}

fn request(server_name: &str, chain: Vec<Certificate>, outcome: HttpOutcome) -> PlacedHttp {
    PlacedHttp {
        place: format!("worker 10.0.0.1:30443 {server_name}"),
        observation: HttpObservation {
            dialled: "127.0.0.1:30443".parse().unwrap(),
            tls: Some(TlsObservation {
                server_name: Some(server_name.to_owned()),
                version: None,
                alpn: None,
                chain,
                trust: Trust::NoCertificate,
            }),
            outcome,
            timings: Timings::default(),
        },
    }
}

#[test]
fn served_chains_belong_to_the_listener_of_their_name() {
    let mut dossier = Dossier { objects: vec![gateway()], ..Dossier::default() };
    let certificate = Certificate {
        subject: "CN=a".to_owned(),
        issuer: "CN=b".to_owned(),
        names: vec!["a.example.test".to_owned()],
        serial: "1".to_owned(),
        not_before: "2026-01-01T00:00:00Z".to_owned(),
        not_after: "2027-01-01T00:00:00Z".to_owned(),
        sha256: "0f".to_owned(),
    };
    let closed = || HttpOutcome::TlsFailed(TlsFailure::ClosedByPeer);
    let requests = [
        request("a.example.test", vec![certificate], closed()),
        request("example.test", Vec::new(), closed()),
        request("elsewhere.test", Vec::new(), closed()),
    ];
    let name = NamespacedName::new("gateway", "web");
    served(&mut dossier, &name, &requests);
    served(&mut dossier, &name, &requests);
    let seen: Vec<&str> = dossier.certificates.iter().map(|hop| hop.listener.as_str()).collect();
    assert_eq!(seen, ["wild", "apex"], "once each, and names of no listener not at all");
    assert!(matches!(&dossier.certificates[0].found, Found::Chain(chain) if chain.len() == 1));
    assert!(
        matches!(&dossier.certificates[1].found, Found::Unusable(words) if words.contains("closed"))
    );
}

#[test]
fn secrets_of_a_listener_set_count_once_it_is_accepted() {
    let set = |accepted: &str| {
        json!({"apiVersion": "gateway.networking.k8s.io/v1", "kind": "ListenerSet",
        "metadata": {"namespace": "team", "name": "more"},
        "spec": {"parentRef": {"name": "web", "namespace": "gateway"}, "listeners": [
            {"name": "apex", "hostname": "team.test", "protocol": "HTTPS",
                "tls": {"certificateRefs": [{"name": "own"}]}}]},
        "status": {"conditions": [{"type": "Accepted", "status": accepted}]}})
    };
    for (accepted, wanted) in [("True", 1), ("False", 0)] {
        let mut evidence = Evidence::default();
        evidence.add(gateway());
        evidence.add(set(accepted));
        let of_set: Vec<_> = references(&evidence)
            .into_iter()
            .filter(|one| one.secret == NamespacedName::new("team", "own"))
            .collect();
        assert_eq!(of_set.len(), wanted, "{accepted}");
        for one in of_set {
            assert_eq!(one.gateway, NamespacedName::new("gateway", "web"));
            assert_eq!(one.listener, "ListenerSet team/more apex");
        }
    }
}
