//! Claims about certificates: who signs, what is served, and what happens when they change.

use std::sync::{Arc, Mutex};

use gateproof_core::observation::{HttpOutcome, Trust};
use gateproof_embedded::EmbeddedProvider;
use gateproof_embedded::api::{Clock, Kind, ObjectName};
use gateproof_kubernetes::{Cluster, Component};
use gateproof_probe::TrustRoots;
use serde_json::{Value, json};

use crate::bench::{
    Bench, ca_issuer, condition, dedicated, every_node, founding, founding_manifests, gateway,
    namespace, plan, response, stack,
};

const HOST: &str = "hello.obs.example.test";

#[tokio::test]
async fn a_ca_issuer_signs_what_every_node_serves() {
    let bench = founding(&stack(dedicated())).await;
    let port = bench.node_port(443);
    for node in every_node() {
        let address = bench.node(&node);
        let seen = bench.https(address, port, HOST, bench.roots("obs-wildcard")).await;
        let tls = seen.tls.clone().expect("a handshake");
        assert_eq!(tls.trust, Trust::Verified, "{node}");
        assert_eq!(tls.chain[0].names, ["*.obs.example.test"]);
        assert_eq!(response(seen).status, 200, "{node}");
    }
    let untrusted = bench.https(bench.node("worker"), port, HOST, TrustRoots::empty()).await;
    let trust = untrusted.tls.expect("a handshake").trust;
    assert!(matches!(trust, Trust::Failed(_)), "another root does not trust it: {trust:?}");
    let other = bench.https(bench.node("worker"), port, "other.example.test", TrustRoots::empty());
    let other = other.await.outcome;
    assert!(matches!(other, HttpOutcome::TlsFailed(_)), "no chain for this name: {other:?}");
}

#[tokio::test]
async fn a_self_signed_issuer_makes_every_leaf_its_own_root() {
    let bench = Bench::start(&stack(dedicated())).await;
    bench.apply(ca_issuer()).await;
    let mut manifests = founding_manifests();
    manifests[2] = gateway(json!({"cert-manager.io/cluster-issuer": "self-signed"}), Value::Null);
    bench.apply(manifests).await;
    assert_eq!(
        bench.secret_text("obs-wildcard", "ca.crt"),
        bench.secret_text("obs-wildcard", "tls.crt")
    );
    let seen = bench
        .https(bench.node("worker"), bench.node_port(443), HOST, bench.roots("obs-wildcard"))
        .await;
    assert_eq!(response(seen).status, 200);
}

#[tokio::test]
async fn a_missing_issuer_leaves_the_https_listener_out_and_the_certificate_says_why() {
    let bench = Bench::start(&stack(dedicated())).await;
    bench.apply(founding_manifests()).await;
    let certificate =
        bench.get(&Kind::new("cert-manager.io", "Certificate"), "gateway", "obs-wildcard");
    assert_eq!(condition(&certificate, "Ready"), "False");
    assert!(certificate.to_string().contains("gateproof"), "the issuer is named: {certificate}");
    let log = bench.cluster.logs(&Component::CertManager).await.expect("a log");
    assert!(log.contains("not found"), "{log}");
    let seen =
        bench.https(bench.node("worker"), bench.node_port(443), HOST, TrustRoots::empty()).await;
    assert!(matches!(seen.outcome, HttpOutcome::TlsFailed(_)), "{:?}", seen.outcome);
    // The issuer comes later, and with it the certificate.
    bench.apply(ca_issuer()).await;
    let seen = bench
        .https(bench.node("worker"), bench.node_port(443), HOST, bench.roots("obs-wildcard"))
        .await;
    assert_eq!(response(seen).status, 200);
}

#[tokio::test]
async fn a_deleted_secret_is_issued_again_and_the_new_certificate_is_served() {
    let bench = founding(&stack(dedicated())).await;
    let serial = |bench: &Bench| bench.secret_text("obs-wildcard", "tls.crt");
    let before = serial(&bench);
    let secret = ObjectName::namespaced("gateway", "obs-wildcard");
    bench.cluster.store().delete(&Kind::core("Secret"), &secret).expect("deleted");
    bench.settle().await;
    assert_ne!(serial(&bench), before, "a new certificate");
    let certificate =
        bench.get(&Kind::new("cert-manager.io", "Certificate"), "gateway", "obs-wildcard");
    assert_eq!(certificate["status"]["revision"], 2);
    let seen = bench
        .https(bench.node("worker"), bench.node_port(443), HOST, bench.roots("obs-wildcard"))
        .await;
    assert_eq!(seen.tls.expect("a handshake").trust, Trust::Verified);
}

/// A clock that stands still until it is set.
struct SetClock(Mutex<&'static str>);

impl Clock for SetClock {
    fn now(&self) -> String {
        (*self.0.lock().expect("the time")).to_owned()
    }
}

#[tokio::test]
async fn a_certificate_is_renewed_after_two_thirds_of_its_life_and_not_before() {
    let clock = Arc::new(SetClock(Mutex::new("2026-01-01T00:00:00Z")));
    let provider = EmbeddedProvider::with_clock(clock.clone());
    let cluster = provider.start(&plan()).await.expect("a cluster");
    cluster.install(&stack(dedicated())).await.expect("installed");
    let bench = Bench { cluster };
    bench.apply(ca_issuer()).await;
    bench.apply(founding_manifests()).await;
    let revision = async |time: &'static str| {
        *clock.0.lock().expect("the time") = time;
        bench.apply(vec![namespace(&time.to_lowercase().replace(':', "-"))]).await;
        let kind = Kind::new("cert-manager.io", "Certificate");
        bench.get(&kind, "gateway", "obs-wildcard")["status"]["revision"].clone()
    };
    assert_eq!(revision("2026-03-01T23:00:00Z").await, 1, "renewal is due on 2 March");
    assert_eq!(revision("2026-03-02T01:00:00Z").await, 2);
}

#[tokio::test]
async fn the_secret_is_copied_for_the_agents_and_no_key_is_logged() {
    let bench = founding(&stack(dedicated())).await;
    let source = bench.get(&Kind::core("Secret"), "gateway", "obs-wildcard");
    let copy = bench.get(&Kind::core("Secret"), "cilium-secrets", "gateway-obs-wildcard");
    assert_eq!(copy["data"]["tls.crt"], source["data"]["tls.crt"]);
    let key = bench.secret_text("obs-wildcard", "tls.key");
    for component in [Component::CertManager, Component::CiliumOperator] {
        let log = bench.cluster.logs(&component).await.expect("a log");
        assert!(!log.contains("PRIVATE KEY") && !log.contains(key.trim()), "{component:?}");
    }
}
