#![expect(clippy::needless_pass_by_value, reason = "json! literals read best as values")]

use serde_json::{Value, json};

use crate::fixture::{Cluster, condition, listener_condition, listener_status};
use crate::reconcile::Outcome;

fn pem(kind: &str) -> String {
    format!("-----BEGIN {kind}-----\n-----END {kind}-----")
}

/// An HTTP listener that is fine, and these.
fn outcome(version: &str, more: Value) -> Outcome {
    let mut listeners = vec![json!({"name": "http", "port": 80, "protocol": "HTTP"})];
    listeners.extend(more.as_array().expect("a list").clone());
    Cluster::new(version)
        .gateway(json!(listeners))
        .with(json!({"apiVersion": "v1", "kind": "Secret",
                     "metadata": {"name": "no-key", "namespace": "apps"},
                     "stringData": {"tls.crt": pem("CERTIFICATE"), "tls.key": "none"}}))
        .with(json!({"apiVersion": "v1", "kind": "Secret",
                     "metadata": {"name": "no-certificate", "namespace": "apps"},
                     "stringData": {"tls.crt": "none", "tls.key": pem("PRIVATE KEY")}}))
        .outcome()
}

fn https(certificates: Value) -> Value {
    json!([{"name": "x", "port": 443, "protocol": "HTTPS", "tls": {"certificateRefs": certificates}}])
}

fn kinds(outcome: &Outcome) -> Value {
    let status = listener_status(outcome, "x");
    let kinds = status["supportedKinds"]
        .as_array()
        .map(|kinds| kinds.iter().map(|kind| kind["kind"].clone()).collect::<Vec<_>>());
    json!(kinds)
}

#[test]
fn problems_of_certificates_are_told_in_cilium_s_words() {
    let invalid = "False InvalidCertificateRef: Invalid CertificateRef";
    for (certificates, refs, accepted) in [
        (
            json!([{"name": "absent"}]),
            invalid,
            "Invalid CertificateRef, Secret \"absent\" not found",
        ),
        (
            json!([{"name": "no-key"}]),
            invalid,
            "Invalid CertificateRef, PEM format error in TLS Key",
        ),
        (
            json!([{"name": "no-certificate"}]),
            invalid,
            "Invalid CertificateRef, PEM format error in TLS Certificate",
        ),
        (
            json!([{"name": "cert", "kind": "ConfigMap"}]),
            invalid,
            "Invalid CertificateRef, must be a Secret.",
        ),
        (
            json!([{"name": "cert", "group": "example.test"}]),
            invalid,
            "Invalid CertificateRef, must be a Secret.",
        ),
        (
            json!([{"name": "cert", "namespace": "other"}]),
            "False RefNotPermitted: CertificateRef is not permitted",
            "Invalid CertificateRef, not permitted.",
        ),
        (
            json!([{"name": "cert"}, {"name": "absent"}]),
            invalid,
            "Invalid CertificateRef, Secret \"absent\" not found",
        ),
        (
            json!([{"name": "no-key"}, {"name": "absent"}]),
            invalid,
            "Invalid CertificateRef, PEM format error in TLS Key",
        ),
    ] {
        let found = outcome("1.20.0", https(certificates.clone()));
        assert_eq!(listener_condition(&found, "x", "ResolvedRefs"), refs, "{certificates}");
        assert_eq!(
            listener_condition(&found, "x", "Accepted"),
            format!("False Invalid: Listener not valid. {accepted}"),
            "{certificates}"
        );
        assert_eq!(
            condition(&found, "Gateway", "gw", "Accepted"),
            "True Accepted: Gateway successfully scheduled",
            "the other listener is fine: {certificates}"
        );
        let early = outcome("1.18.2", https(certificates.clone()));
        assert_eq!(listener_condition(&early, "x", "ResolvedRefs"), refs, "{certificates}");
        assert_eq!(
            listener_condition(&early, "x", "Accepted"),
            "True Accepted: Listener Accepted",
            "{certificates}"
        );
        assert_eq!(
            listener_condition(&early, "x", "Programmed"),
            "False Invalid: Invalid CertificateRef",
            "{certificates}"
        );
    }
    let fine = outcome("1.20.0", https(json!([{"name": "cert"}])));
    assert_eq!(listener_condition(&fine, "x", "ResolvedRefs"), "True ResolvedRefs: Resolved Refs");
}

#[test]
fn kinds_that_a_listener_does_not_support_are_left_out_and_told() {
    let listener = |kinds: Value| json!([{"name": "x", "port": 81, "protocol": "HTTP", "allowedRoutes": {"kinds": kinds}}]);
    let later = "False InvalidRouteKinds: Unsupported Route Kinds in allowedRoutes.kinds";
    let early = "False InvalidRouteKinds: Invalid Route Kinds";
    let fine = "True ResolvedRefs: Resolved Refs";
    for (version, allowed, supported, refs) in [
        ("1.18.2", json!([{"kind": "HTTPRoute"}]), json!(["HTTPRoute"]), fine),
        ("1.18.2", json!([{"kind": "GRPCRoute"}]), json!([]), early),
        (
            "1.18.2",
            json!([{"kind": "HTTPRoute"}, {"kind": "TCPRoute"}]),
            json!(["HTTPRoute"]),
            early,
        ),
        ("1.18.3", json!([{"kind": "GRPCRoute"}]), json!(["GRPCRoute"]), fine),
        (
            "1.20.0",
            json!([{"kind": "HTTPRoute"}, {"kind": "TCPRoute"}]),
            json!(["HTTPRoute"]),
            later,
        ),
        ("1.20.0", json!([{"kind": "TCPRoute"}]), json!([]), later),
        ("1.20.0", json!([{"kind": "HTTPRoute", "group": "example.test"}]), json!([]), later),
    ] {
        let found = outcome(version, listener(allowed.clone()));
        assert_eq!(kinds(&found), supported, "{version} {allowed}");
        assert_eq!(listener_condition(&found, "x", "ResolvedRefs"), refs, "{version} {allowed}");
    }
    let some = outcome("1.20.0", listener(json!([{"kind": "HTTPRoute"}, {"kind": "X"}])));
    assert!(listener_condition(&some, "x", "Accepted").starts_with("True"), "one kind is left");
    let none = outcome("1.20.0", listener(json!([{"kind": "X"}])));
    assert_eq!(
        listener_condition(&none, "x", "Accepted"),
        "False Invalid: Listener not valid. None of the Allowed Route Kinds are supported."
    );
    let early = outcome("1.17.0", listener(json!([{"kind": "HTTPRoute"}, {"kind": "X"}])));
    let status = listener_status(&early, "x");
    let conditions: Vec<_> =
        status["conditions"].as_array().expect("conditions").iter().map(|c| &c["type"]).collect();
    assert_eq!(conditions, ["ResolvedRefs", "Programmed"], "nothing is said of acceptance");
}

#[test]
fn a_protocol_nobody_knows_is_refused_with_a_reason_of_its_own_from_1_20_on() {
    let unknown = json!([{"name": "x", "port": 81, "protocol": "example.test/chat"}]);
    let found = outcome("1.20.0", unknown.clone());
    assert_eq!(
        listener_condition(&found, "x", "Accepted"),
        "False UnsupportedProtocol: Listener not valid. Unsupported Listener Protocol."
    );
    assert_eq!(kinds(&found), Value::Null, "no kinds are listed");
    assert_eq!(
        condition(&found, "Gateway", "gw", "Accepted"),
        "True ListenersNotValid: Gateway has unsupported listeners"
    );
    let older = outcome("1.19.6", unknown);
    assert!(older.unmodelled[0].what.contains("whose status is refused"), "{:?}", older.unmodelled);
}

#[test]
fn nothing_to_translate_is_no_error_of_the_listener_before_1_20() {
    let tcp = json!([{"name": "tcp", "port": 80, "protocol": "TCP"}]);
    for (version, accepted, programmed) in [
        (
            "1.17.0",
            "False NoResources: Unable to translate resources",
            "Unknown Pending: Waiting for controller",
        ),
        (
            "1.18.10",
            "False NoResources: Unable to translate resources",
            "False ListenersNotValid: Unable to translate resources",
        ),
    ] {
        let found = Cluster::new(version).gateway(tcp.clone()).outcome();
        assert_eq!(condition(&found, "Gateway", "gw", "Accepted"), accepted, "{version}");
        assert_eq!(condition(&found, "Gateway", "gw", "Programmed"), programmed, "{version}");
        assert!(found.objects.is_empty(), "{version}");
        assert!(listener_condition(&found, "tcp", "Accepted").starts_with("True"), "{version}");
    }
    let beside = outcome("1.18.10", json!([{"name": "x", "port": 81, "protocol": "TCP"}]));
    let service = beside.objects.iter().find(|object| object["kind"] == "Service");
    let ports = service.expect("a Service")["spec"]["ports"].as_array().map(Vec::len);
    assert_eq!(ports, Some(1), "the TCP port is ignored");
}
