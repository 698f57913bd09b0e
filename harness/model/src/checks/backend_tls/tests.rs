//! Policies for TLS to backends: what is said of them and what becomes of the backends.

#![expect(clippy::needless_pass_by_value, reason = "json! literals read best as values")]

use serde_json::{Value, json};

use crate::fixture::Cluster;
use crate::reconcile::Outcome;

const PEM: &str = "-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n";

fn policy(name: &str, created: &str, section: Option<&str>, refs: Value) -> Value {
    let mut target = json!({"group": "", "kind": "Service", "name": "web"});
    if let Some(section) = section {
        target["sectionName"] = json!(section);
    }
    json!({"apiVersion": "gateway.networking.k8s.io/v1", "kind": "BackendTLSPolicy",
           "metadata": {"name": name, "namespace": "apps", "generation": 1, "creationTimestamp": created},
           "spec": {"targetRefs": [target], "validation": {"hostname": format!("{name}.test"), "caCertificateRefs": refs}}})
}

fn authority() -> Value {
    json!([{"group": "", "kind": "ConfigMap", "name": "ca"}])
}

fn config_map(data: Value) -> Value {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "ca", "namespace": "apps"}, "data": data})
}

fn outcome(version: &str, objects: Vec<Value>) -> Outcome {
    let cluster = Cluster::new(version)
        .gateway(json!([{"name": "http", "port": 80, "protocol": "HTTP"}]))
        .route("r", json!({"parentRefs": [{"name": "gw"}], "rules": [{"backendRefs": [{"name": "web", "port": 80}]}]}));
    objects.into_iter().fold(cluster, Cluster::with).outcome()
}

/// What the only ancestor is told of a policy.
fn said(outcome: &Outcome, name: &str) -> Vec<String> {
    let is_it =
        |update: &&crate::StatusUpdate| update.kind == "BackendTLSPolicy" && update.name == name;
    let Some(update) = outcome.statuses.iter().find(is_it) else { return Vec::new() };
    let ancestor = &update.status["ancestors"][0];
    assert_eq!(ancestor["ancestorRef"]["name"], "gw");
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    (ancestor["conditions"].as_array().into_iter().flatten())
        .map(|found| {
            let [kind, reason, message] =
                ["type", "reason", "message"].map(|key| text(&found[key]));
            format!("{kind} {reason}: {message}")
        })
        .collect()
}

/// The server name asked of the backend; `None` without TLS.
fn server_name(outcome: &Outcome) -> Option<String> {
    let cluster = outcome.envoy[0].clusters.get("apps:web:80").expect("the backend is served");
    cluster.tls.as_ref().map(|tls| tls.server_name.clone())
}

#[test]
fn policies_are_in_force_from_1_20() {
    for (version, expected, sds) in
        [("1.19.6", None, None), ("1.20.0", Some("p.test"), Some("cilium-secrets/apps-cfgmap-ca"))]
    {
        let found = outcome(
            version,
            vec![
                policy("p", "2026-01-01T00:00:00Z", None, authority()),
                config_map(json!({"ca.crt": PEM})),
            ],
        );
        assert!(found.unmodelled.is_empty(), "{version}");
        assert_eq!(server_name(&found).as_deref(), expected, "{version}");
        let tls = found.envoy[0].clusters["apps:web:80"].tls.as_ref();
        assert_eq!(tls.map(|tls| tls.sds_name.as_str()), sds, "{version}");
        assert_eq!(said(&found, "p").is_empty(), expected.is_none(), "{version}");
    }
}

#[test]
fn a_policy_without_an_authority_that_can_be_used_leaves_the_backend_out() {
    let both = |accepted: &str, resolved: &str, message: &str| {
        vec![
            format!("Accepted {accepted}: {message}"),
            format!("ResolvedRefs {resolved}: {message}"),
        ]
    };
    let two = json!([authority()[0], authority()[0]]);
    let secret = json!([{"group": "", "kind": "Secret", "name": "ca"}]);
    let (none, bad) = ("NoValidCACertificate", "InvalidCACertificateRef");
    let cases = [
        (authority(), None, both(none, bad, "CA Certificate does not exist: apps/ca")),
        (
            authority(),
            Some(json!({"x": PEM})),
            both(none, bad, "CA Certificate ConfigMap does not contain a `ca.crt` key"),
        ),
        (
            authority(),
            Some(json!({"ca.crt": "x"})),
            both(
                none,
                bad,
                "CA Certificate ConfigMap does not contain at least one valid PEM-encoded certificate",
            ),
        ),
        (
            two,
            Some(json!({"ca.crt": PEM})),
            both("Invalid", "Invalid", "Having more than one CA Certificate Ref is not supported"),
        ),
        (
            secret,
            None,
            both(none, "InvalidKind", "Only ConfigMaps are supported for CA Certificate Refs"),
        ),
    ];
    for (refs, data, expected) in cases {
        let policy = policy("p", "2026-01-01T00:00:00Z", None, refs.clone());
        let found =
            outcome("1.20.0", std::iter::once(policy).chain(data.map(config_map)).collect());
        assert_eq!(said(&found, "p"), expected, "{refs}");
        assert!(found.envoy[0].clusters.is_empty(), "{refs}: such a backend gets nothing");
    }
}

#[test]
fn of_two_policies_for_the_same_port_the_older_one_is_in_force() {
    let both = |first: (&str, &str), second: (&str, &str)| {
        let all = [first, second].map(|(name, created)| policy(name, created, None, authority()));
        outcome("1.21-dev", all.into_iter().chain([config_map(json!({"ca.crt": PEM}))]).collect())
    };
    let conflicted = ["Accepted Conflicted: BackendTLSPolicy conflicts with another"];
    let (old, new) = ("2026-01-01T00:00:00Z", "2026-02-01T00:00:00Z");
    let by_age = both(("a", new), ("b", old));
    assert_eq!(server_name(&by_age).as_deref(), Some("b.test"));
    assert_eq!(said(&by_age, "a"), conflicted);
    let by_name = both(("a", old), ("b", old));
    assert_eq!(server_name(&by_name).as_deref(), Some("a.test"));
    assert_eq!(said(&by_name, "b"), conflicted);
}

#[test]
fn a_policy_for_another_port_does_not_count_and_one_for_nobody_is_not_spoken_of() {
    let other_port = outcome(
        "1.20.0",
        vec![
            policy("p", "2026-01-01T00:00:00Z", Some("metrics"), authority()),
            config_map(json!({"ca.crt": PEM})),
        ],
    );
    assert_eq!(server_name(&other_port), None);
    let mut unused = policy("p", "2026-01-01T00:00:00Z", None, authority());
    unused["spec"]["targetRefs"][0]["name"] = json!("api");
    assert!(said(&outcome("1.20.0", vec![unused]), "p").is_empty());
}
