//! Claims about which Certificates a Gateway gets.

use serde_json::{Value, json};

use super::desired;
use crate::controllers::cert_manager::Outcome;
use crate::controllers::snapshot::Snapshot;
use crate::controllers::write::Write;

fn gateway(annotations: Value, listeners: Value) -> Value {
    let mut gateway = json!({
        "apiVersion": "gateway.networking.k8s.io/v1", "kind": "Gateway",
        "metadata": {
            "name": "shared", "namespace": "gateway", "uid": "g",
            "labels": {"team": "obs", "applyset.kubernetes.io/part-of": "x"},
        },
    });
    gateway["metadata"]["annotations"] = annotations;
    gateway["spec"]["listeners"] = listeners;
    gateway
}

fn annotated() -> Value {
    json!({"cert-manager.io/cluster-issuer": "ca"})
}

fn https(hostname: &str, secret: &str) -> Value {
    json!({
        "name": hostname, "protocol": "HTTPS", "port": 443, "hostname": hostname,
        "tls": {"mode": "Terminate", "certificateRefs": [{"name": secret}]},
    })
}

fn run(objects: impl IntoIterator<Item = Value>) -> Outcome {
    desired(&Snapshot::from_values(objects), "now")
}

fn certificates(outcome: &Outcome) -> Vec<Value> {
    applied(outcome, "Certificate")
}

fn events(outcome: &Outcome) -> Vec<(String, String)> {
    let part = |event: &Value, key: &str| event[key].as_str().unwrap_or_default().to_owned();
    applied(outcome, "Event")
        .iter()
        .map(|event| (part(event, "reason"), part(event, "message")))
        .collect()
}

fn applied(outcome: &Outcome, kind: &str) -> Vec<Value> {
    outcome
        .writes
        .iter()
        .filter_map(|write| match write {
            Write::Apply(_, object) if object["kind"] == kind => Some(object.clone()),
            _ => None,
        })
        .collect()
}

#[test]
fn a_tls_listener_of_an_annotated_gateway_gets_a_certificate() {
    let outcome = run([gateway(annotated(), json!([https("*.obs.test", "wildcard")]))]);
    let certificate = certificates(&outcome).remove(0);
    assert_eq!(certificate["metadata"]["name"], "wildcard");
    assert_eq!(certificate["metadata"]["namespace"], "gateway");
    assert_eq!(certificate["metadata"]["labels"], json!({"team": "obs"}));
    assert_eq!(certificate["metadata"]["ownerReferences"][0]["uid"], "g");
    assert_eq!(certificate["spec"]["dnsNames"], json!(["*.obs.test"]));
    let reference = json!({"name": "ca", "kind": "ClusterIssuer", "group": "cert-manager.io"});
    assert_eq!(certificate["spec"]["issuerRef"], reference);
    assert_eq!(events(&outcome)[0].0, "CreateCertificate");
}

#[test]
fn a_gateway_without_annotation_gets_nothing() {
    let outcome = run([gateway(json!({}), json!([https("a.test", "a")]))]);
    assert!(outcome.writes.is_empty());
}

#[test]
fn listeners_that_share_a_secret_share_a_certificate_in_listener_order() {
    let listeners = json!([
        https("b.test", "one"),
        https("a.test", "one"),
        https("b.test", "one"),
        https("c.test", "two")
    ]);
    let made = certificates(&run([gateway(annotated(), listeners)]));
    assert_eq!(made.len(), 2);
    assert_eq!(made[0]["spec"]["dnsNames"], json!(["b.test", "a.test"]));
    assert_eq!(made[1]["spec"]["dnsNames"], json!(["c.test"]));
}

#[test]
fn http_and_passthrough_listeners_are_skipped_silently() {
    let mut passthrough = https("a.test", "a");
    passthrough["tls"]["mode"] = "Passthrough".into();
    let listeners = json!([{"name": "http", "protocol": "HTTP", "port": 80}, passthrough]);
    assert!(run([gateway(annotated(), listeners)]).writes.is_empty());
}

#[test]
fn a_listener_without_host_name_is_skipped_with_an_event_and_others_go_on() {
    let mut nameless = https("", "a");
    nameless["hostname"] = Value::Null;
    let outcome = run([gateway(annotated(), json!([nameless, https("b.test", "b")]))]);
    assert_eq!(certificates(&outcome).len(), 1);
    let (reason, message) = &events(&outcome)[0];
    assert_eq!(reason, "BadConfig");
    assert!(message.contains("spec.listeners[0].hostname"), "{message}");
    assert!(message.contains("the hostname cannot be empty"), "{message}");
}

#[test]
fn a_secret_in_another_namespace_is_not_served() {
    let mut listener = https("a.test", "a");
    listener["tls"]["certificateRefs"][0]["namespace"] = "other".into();
    let outcome = run([gateway(annotated(), json!([listener]))]);
    assert!(certificates(&outcome).is_empty());
    assert!(events(&outcome)[0].1.contains("cross-namespace secret references are not allowed"));
    let mut same = https("a.test", "a");
    same["tls"]["certificateRefs"][0]["namespace"] = "gateway".into();
    assert_eq!(certificates(&run([gateway(annotated(), json!([same]))])).len(), 1);
}

#[test]
fn contradicting_issuers_are_bad_configuration() {
    let both = json!({"cert-manager.io/issuer": "a", "cert-manager.io/cluster-issuer": "b"});
    let outcome = run([gateway(both, json!([https("a.test", "a")]))]);
    assert!(certificates(&outcome).is_empty());
    let (reason, message) = &events(&outcome)[0];
    assert_eq!(reason, "BadConfig");
    assert!(message.starts_with("Could not determine issuer"), "{message}");
}

#[test]
fn ignored_listeners_get_no_certificate() {
    let mut annotations = annotated();
    annotations["cert-manager.io/ignore-tls-listeners"] = "a.test, x".into();
    let listeners = json!([https("a.test", "a"), https("b.test", "b")]);
    let made = certificates(&run([gateway(annotations, listeners)]));
    assert_eq!(made.len(), 1);
    assert_eq!(made[0]["metadata"]["name"], "b");
}

#[test]
fn annotations_go_into_the_certificate_and_unknown_ones_are_reported() {
    let mut annotations = annotated();
    annotations["cert-manager.io/duration"] = "24h".into();
    annotations["cert-manager.io/alt-names"] = "extra.test".into();
    annotations["cert-manager.io/secret-template"] = "{}".into();
    let outcome = run([gateway(annotations, json!([https("a.test", "a")]))]);
    let spec = &certificates(&outcome)[0]["spec"];
    assert_eq!(spec["duration"], "24h");
    assert_eq!(spec["dnsNames"], json!(["a.test", "extra.test"]));
    assert_eq!(outcome.unmodelled.len(), 1, "{:?}", outcome.unmodelled);
}

#[test]
fn a_duration_below_the_minimum_is_bad_configuration() {
    let mut annotations = annotated();
    annotations["cert-manager.io/duration"] = "30m".into();
    let outcome = run([gateway(annotations, json!([https("a.test", "a")]))]);
    assert!(certificates(&outcome).is_empty());
    assert!(events(&outcome)[0].1.contains("30m"), "{:?}", events(&outcome));
}

fn existing(secret: &str, owner: Option<&str>) -> Value {
    json!({
        "apiVersion": "cert-manager.io/v1", "kind": "Certificate",
        "metadata": {
            "name": secret, "namespace": "gateway",
            "ownerReferences": owner.map(|uid| json!([{"uid": uid, "controller": true}])),
        },
        "spec": {"secretName": secret},
    })
}

#[test]
fn a_certificate_of_somebody_else_is_left_alone() {
    for owner in [None, Some("another")] {
        let outcome =
            run([gateway(annotated(), json!([https("a.test", "a")])), existing("a", owner)]);
        assert!(outcome.writes.is_empty(), "{owner:?}: {:?}", outcome.writes);
        assert!(outcome.log[0].text.contains("refusing to"), "{:?}", outcome.log);
    }
    let own = run([gateway(annotated(), json!([https("a.test", "a")])), existing("a", Some("g"))]);
    assert_eq!(certificates(&own).len(), 1, "its own Certificate is updated");
}

#[test]
fn a_certificate_goes_when_no_listener_mentions_its_secret() {
    let deleted = |listeners: Value| {
        run([gateway(annotated(), listeners), existing("old", Some("g"))])
            .writes
            .iter()
            .any(|write| matches!(write, Write::Delete(_)))
    };
    assert!(deleted(json!([https("a.test", "a")])));
    let mut invalid = https("a.test", "old");
    invalid["hostname"] = Value::Null;
    assert!(!deleted(json!([invalid])), "an invalid listener still mentions its Secret");
}
