//! Claims about when certificates are issued and what their status says.

use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::desired;
use crate::controllers::cert_manager::Outcome;
use crate::controllers::cert_manager::acme::AcmeServers;
use crate::controllers::object::is_true;
use crate::controllers::snapshot::Snapshot;
use crate::controllers::write::Write;

const NOW: &str = "2026-01-01T00:00:00Z";

fn issuer() -> Value {
    json!({
        "apiVersion": "cert-manager.io/v1", "kind": "ClusterIssuer",
        "metadata": {"name": "self"}, "spec": {"selfSigned": {}},
    })
}

fn certificate(changes: &Value) -> Value {
    let mut spec = json!({
        "secretName": "web-tls",
        "dnsNames": ["*.example.test", "example.test"],
        "issuerRef": {"name": "self", "kind": "ClusterIssuer"},
    });
    for (key, value) in changes.as_object().expect("changes") {
        spec[key] = value.clone();
    }
    json!({
        "apiVersion": "cert-manager.io/v1", "kind": "Certificate",
        "metadata": {"name": "web", "namespace": "apps", "generation": 1},
        "spec": spec,
    })
}

fn run(objects: &[Value], now: &str) -> Outcome {
    let time = OffsetDateTime::parse(now, &Rfc3339).expect("a time");
    desired(&Snapshot::from_values(objects.iter().cloned()), &AcmeServers::new(), time, now)
}

fn secret(outcome: &Outcome) -> Option<Value> {
    outcome.writes.iter().find_map(|write| match write {
        Write::Apply(_, object) if object["kind"] == "Secret" => Some(object.clone()),
        _ => None,
    })
}

fn status(outcome: &Outcome) -> Value {
    outcome
        .writes
        .iter()
        .find_map(|write| match write {
            Write::UpdateStatus(_, object) => Some(object["status"].clone()),
            _ => None,
        })
        .expect("a status")
}

/// The reason why a certificate with these changes is issued anew although `secret` is there.
fn reason(secret: &Value, changes: &Value, now: &str) -> Option<String> {
    let outcome = run(&[issuer(), certificate(changes), secret.clone()], now);
    let written = outcome.writes.iter().any(|write| matches!(write, Write::Apply(..)));
    assert!(written || is_true(&json!({"status": status(&outcome)}), "Ready"));
    written.then(|| {
        let time = OffsetDateTime::parse(now, &Rfc3339).expect("a time");
        let spec = super::CertificateSpec::read(&certificate(changes)).expect("a good spec");
        super::examine(Some(secret), &spec, time).expect_err("a reason").reason.to_owned()
    })
}

fn issued() -> Value {
    secret(&run(&[issuer(), certificate(&json!({}))], NOW)).expect("a Secret")
}

#[test]
fn a_missing_secret_is_issued_and_then_the_certificate_is_ready() {
    let first = run(&[issuer(), certificate(&json!({}))], NOW);
    let secret = secret(&first).expect("a Secret");
    assert_eq!(secret["type"], "kubernetes.io/tls");
    assert_eq!(secret["metadata"]["annotations"]["cert-manager.io/certificate-name"], "web");
    assert_eq!(status(&first)["revision"], 1);
    let mut live = certificate(&json!({}));
    live["status"] = status(&first);
    let second = run(&[issuer(), live, secret], NOW);
    assert!(is_true(&json!({"status": status(&second)}), "Ready"), "{second:?}");
    assert_eq!(status(&second)["revision"], 1);
    assert_eq!(status(&second)["notAfter"], "2026-04-01T00:00:00Z");
    assert_eq!(status(&second)["renewalTime"], "2026-03-02T00:00:00Z");
}

#[test]
fn a_secret_that_fits_is_kept_whatever_the_order_of_names() {
    let reordered = json!({"dnsNames": ["example.test", "*.example.test"]});
    assert_eq!(reason(&issued(), &reordered, NOW), None);
}

#[test]
fn other_names_another_issuer_and_the_end_of_life_are_reasons_to_issue() {
    let secret = issued();
    let check = |changes: Value, now: &str| reason(&secret, &changes, now);
    assert_eq!(check(json!({"dnsNames": ["a.test"]}), NOW).as_deref(), Some("SecretMismatch"));
    assert_eq!(check(json!({"commonName": "a"}), NOW).as_deref(), Some("SecretMismatch"));
    assert_eq!(check(json!({}), "2026-03-03T00:00:00Z").as_deref(), Some("Renewing"));
    assert_eq!(check(json!({}), "2026-03-01T00:00:00Z"), None, "renewal is not due yet");
    assert_eq!(check(json!({}), "2026-05-01T00:00:00Z").as_deref(), Some("Expired"));
    let mut foreign = secret.clone();
    foreign["metadata"]["annotations"]["cert-manager.io/issuer-name"] = "other".into();
    assert_eq!(reason(&foreign, &json!({}), NOW).as_deref(), Some("IncorrectIssuer"));
}

#[test]
fn broken_data_and_a_foreign_key_are_reasons_to_issue() {
    let mut missing = issued();
    missing["data"]["tls.key"] = "".into();
    assert_eq!(reason(&missing, &json!({}), NOW).as_deref(), Some("MissingData"));
    let mut swapped = issued();
    swapped["data"]["tls.key"] = issued()["data"]["tls.key"].clone();
    assert_eq!(reason(&swapped, &json!({}), NOW).as_deref(), Some("InvalidKeyPair"));
}

#[test]
fn a_manual_trigger_issues_a_new_certificate_and_counts_it() {
    let mut live = certificate(&json!({}));
    live["status"] = json!({
        "revision": 3, "conditions": [{"type": "Issuing", "status": "True"}],
    });
    let secret_before = issued();
    let outcome = run(&[issuer(), live, secret_before.clone()], NOW);
    let after = secret(&outcome).expect("a new Secret");
    assert_ne!(after["data"]["tls.crt"], secret_before["data"]["tls.crt"]);
    assert_ne!(after["data"]["tls.key"], secret_before["data"]["tls.key"], "keys rotate");
    assert_eq!(status(&outcome)["revision"], 4);
    assert!(!is_true(&json!({"status": status(&outcome)}), "Issuing"), "the trigger is gone");
}

#[test]
fn a_key_is_kept_when_rotation_is_off() {
    let secret_before = issued();
    let changes = json!({"dnsNames": ["a.test"], "privateKey": {"rotationPolicy": "Never"}});
    let outcome = run(&[issuer(), certificate(&changes), secret_before.clone()], NOW);
    let after = secret(&outcome).expect("a new Secret");
    assert_eq!(after["data"]["tls.key"], secret_before["data"]["tls.key"]);
    assert_ne!(after["data"]["tls.crt"], secret_before["data"]["tls.crt"]);
}

#[test]
fn a_missing_issuer_is_named_in_the_condition() {
    let outcome = run(&[certificate(&json!({}))], NOW);
    assert!(secret(&outcome).is_none());
    let ready = status(&outcome)["conditions"][0].clone();
    assert_eq!(ready["status"], "False");
    assert_eq!(ready["reason"], "DoesNotExist");
    let message = ready["message"].as_str().expect("a message");
    assert!(message.contains("clusterissuer.cert-manager.io \"self\" not found"), "{message}");
}

#[test]
fn an_issuer_of_the_wrong_scope_is_not_found() {
    let changes = json!({"issuerRef": {"name": "self"}});
    let outcome = run(&[issuer(), certificate(&changes)], NOW);
    let message = status(&outcome)["conditions"][0]["message"].to_string();
    assert!(message.contains("in namespace apps"), "{message}");
}

#[test]
fn bounds_of_duration_and_renewal_hold() {
    for (changes, part) in [
        (json!({"duration": "59m"}), "spec.duration"),
        (json!({"duration": "1h", "renewBefore": "4m"}), "spec.renewBefore"),
        (json!({"duration": "1h", "renewBefore": "1h"}), "spec.renewBefore"),
        (json!({"duration": "soon"}), "spec.duration"),
        (json!({"dnsNames": []}), "dnsNames"),
    ] {
        let outcome = run(&[issuer(), certificate(&changes)], NOW);
        assert!(secret(&outcome).is_none(), "{changes}");
        let message = status(&outcome)["conditions"][0]["message"].to_string();
        assert!(message.contains(part), "{changes}: {message}");
    }
    let shortest = json!({"duration": "1h", "renewBefore": "5m"});
    assert!(secret(&run(&[issuer(), certificate(&shortest)], NOW)).is_some());
}

#[test]
fn two_certificates_for_one_secret_do_not_fight() {
    let mut rival = certificate(&json!({"dnsNames": ["rival.test"]}));
    rival["metadata"]["name"] = "zz-rival".into();
    let outcome = run(&[issuer(), certificate(&json!({})), rival, issued()], NOW);
    assert!(secret(&outcome).is_none(), "the Secret stays with the Certificate it was issued for");
    let waiting = outcome.writes.iter().any(|write| match write {
        Write::UpdateStatus(_, object) => {
            object["status"]["conditions"][0]["reason"] == "IncorrectCertificate"
        }
        _ => false,
    });
    assert!(waiting, "{outcome:?}");
}

#[test]
fn nothing_that_is_logged_or_debugged_shows_a_key() {
    let outcome = run(&[issuer(), certificate(&json!({}))], NOW);
    let secret = secret(&outcome).expect("a Secret");
    let key = secret["data"]["tls.key"].as_str().expect("a key");
    let shown = format!("{outcome:?}");
    assert!(!shown.contains("PRIVATE KEY") && !shown.contains(key), "{shown}");
}
