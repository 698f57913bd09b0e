use serde_json::{Value, json};

use crate::fixture::{Cluster, condition, listener_condition};
use crate::reconcile::Outcome;

/// A ListenerSet for Gateway `apps/gw`.
fn set(name: (&str, &str), created: &str, listeners: &Value) -> Value {
    let (namespace, name) = name;
    json!({"apiVersion": "gateway.networking.k8s.io/v1", "kind": "ListenerSet",
        "metadata": {"name": name, "namespace": namespace, "generation": 1,
            "creationTimestamp": created},
        "spec": {"parentRef": {"name": "gw", "namespace": "apps"}, "listeners": listeners}})
}

/// A Gateway with this `allowedListeners` and a ListenerSet for it in namespace `other`.
fn cluster(version: &str, allowed: &Value) -> Cluster {
    let listeners = json!([{"name": "extra", "port": 8080, "protocol": "HTTP"}]);
    gateway(version, allowed).with(set(("other", "more"), "2026-01-01T00:00:00Z", &listeners))
}

fn gateway(version: &str, allowed: &Value) -> Cluster {
    Cluster::new(version).gateway_spec(json!({"gatewayClassName": "cilium",
        "allowedListeners": allowed,
        "listeners": [{"name": "http", "port": 80, "protocol": "HTTP"}]}))
}

fn all() -> Value {
    json!({"namespaces": {"from": "All"}})
}

fn told(outcome: &Outcome) -> Vec<String> {
    outcome.unmodelled.iter().map(ToString::to_string).collect()
}

/// The ports of the Gateway's Service.
fn ports(outcome: &Outcome) -> Vec<Value> {
    let service = outcome.objects.iter().find(|object| object["kind"] == "Service");
    let ports = service.expect("a Service")["spec"]["ports"].as_array().expect("ports");
    ports.iter().map(|port| port["port"].clone()).collect()
}

/// Listeners of all sets with the reason of their acceptance.
fn reasons(outcome: &Outcome) -> Vec<String> {
    let sets = outcome.statuses.iter().filter(|update| update.kind == "ListenerSet");
    sets.flat_map(|set| {
        let listeners = set.status["listeners"].as_array().expect("listeners");
        listeners.iter().map(|listener| {
            let conditions = listener["conditions"].as_array().expect("conditions");
            let accepted = conditions.iter().find(|found| found["type"] == "Accepted");
            let reason = accepted.expect("it is told")["reason"].as_str().expect("a reason");
            let name = listener["name"].as_str().expect("a name");
            format!("{}/{name} {reason}", set.name)
        })
    })
    .collect()
}

#[test]
fn a_set_attaches_only_if_the_gateway_says_so() {
    let selector = |label: &str| json!({"namespaces": {"from": "Selector", "selector": {"matchLabels": {"expose": label}}}});
    let cases = [
        (json!({}), false),
        (json!({"namespaces": {"from": "None"}}), false),
        (json!({"namespaces": {"from": "Same"}}), false),
        (all(), true),
        (selector("true"), true),
        (selector("false"), false),
    ];
    for (allowed, attaches) in cases {
        let outcome = cluster("1.20.0", &allowed).outcome();
        assert_eq!(told(&outcome), [""; 0], "{allowed}");
        let gateway = outcome.statuses.iter().find(|update| update.kind == "Gateway");
        let attached = gateway.expect("a status").status.get("attachedListenerSets");
        let (expected, count, served) = if attaches {
            ("True Programmed: ListenerSet is programmed", Some(&json!(1)), vec![80, 8080])
        } else {
            let refused = "False NotAllowed: ListenerSet is not allowed by the Gateway's \
                           allowedListeners policy";
            (refused, None, vec![80])
        };
        assert_eq!(condition(&outcome, "ListenerSet", "more", "Programmed"), expected, "{allowed}");
        assert_eq!(attached, count, "{allowed}");
        assert_eq!(ports(&outcome), served, "{allowed}");
    }
}

#[test]
fn versions_before_1_20_know_no_sets() {
    let parent =
        json!({"parentRefs": [{"name": "more", "namespace": "other", "kind": "ListenerSet"}]});
    let outcome = cluster("1.19.6", &all()).route("r", parent).outcome();
    assert_eq!(told(&outcome), [""; 0]);
    assert_eq!(ports(&outcome), [80]);
    let kinds: Vec<&str> = outcome.statuses.iter().map(|update| update.kind.as_str()).collect();
    assert_eq!(kinds, ["Gateway", "GatewayClass"], "neither the set nor its route is told");
}

#[test]
fn without_a_valid_listener_sets_are_told_only_up_to_1_20_and_only_those_that_are_refused() {
    let told = |version: &str, allowed: &Value| {
        let mut cluster = cluster(version, allowed);
        for gateway in cluster.objects.iter_mut().filter(|found| found["kind"] == "Gateway") {
            gateway["spec"]["listeners"][0]["protocol"] = json!("HTTPS");
            gateway["spec"]["listeners"][0]["tls"] =
                json!({"certificateRefs": [{"name": "absent"}]});
        }
        cluster.outcome().statuses.iter().any(|update| update.kind == "ListenerSet")
    };
    assert!(told("1.20.0", &json!({})) && !told("1.21-dev", &json!({})));
    assert!(!told("1.20.0", &all()) && !told("1.21-dev", &all()));
}

#[test]
fn the_gateway_wins_then_the_older_set_then_the_first_by_name() {
    let host = |name: &str, port: u16| json!({"name": name, "port": port, "protocol": "HTTP"});
    let (early, late) = ("2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z");
    for (sets, expected) in [
        (
            [(("apps", "a"), late), (("apps", "b"), early)],
            [
                "a/x HostnameConflict",
                "a/y HostnameConflict",
                "b/x HostnameConflict",
                "b/y Accepted",
            ],
        ),
        (
            [(("apps", "a"), early), (("apps", "b"), early)],
            [
                "a/x HostnameConflict",
                "a/y Accepted",
                "b/x HostnameConflict",
                "b/y HostnameConflict",
            ],
        ),
        // `apps-x/…` comes before `apps/…` as text.
        (
            [(("apps", "a"), early), (("apps-x", "b"), early)],
            [
                "a/x HostnameConflict",
                "a/y HostnameConflict",
                "b/x HostnameConflict",
                "b/y Accepted",
            ],
        ),
    ] {
        for version in ["1.20.0", "1.21-dev"] {
            let listeners = json!([host("x", 80), host("y", 81)]);
            let cluster = sets.iter().fold(gateway(version, &all()), |cluster, (name, created)| {
                cluster.with(set(*name, created, &listeners))
            });
            let outcome = cluster.outcome();
            assert_eq!(reasons(&outcome), expected, "{version} {sets:?}");
            assert_eq!(
                listener_condition(&outcome, "http", "Accepted"),
                "True Accepted: Listener Accepted",
                "the winner is not marked"
            );
        }
    }
}

#[test]
fn listeners_of_one_set_in_conflict_both_lose_only_from_1_21_on() {
    let broken = json!({"certificateRefs": [{"name": "absent"}]});
    let fine = json!({"certificateRefs": [{"name": "cert"}]});
    let https = |name: &str, tls: &Value| json!({"name": name, "port": 443, "protocol": "HTTPS", "tls": tls});
    for (listeners, up_to_1_20, since) in [
        (
            json!([https("x", &fine), https("y", &fine)]),
            ["s/x Accepted", "s/y HostnameConflict"],
            ["s/x HostnameConflict", "s/y HostnameConflict"],
        ),
        (
            json!([https("x", &broken), https("y", &fine)]),
            ["s/x Invalid", "s/y Accepted"],
            ["s/x HostnameConflict", "s/y HostnameConflict"],
        ),
    ] {
        for (version, expected) in [("1.20.0", up_to_1_20), ("1.21-dev", since)] {
            let set = set(("apps", "s"), "2026-01-01T00:00:00Z", &listeners);
            let outcome = gateway(version, &all()).with(set).outcome();
            assert_eq!(reasons(&outcome), expected, "{version} {listeners}");
        }
    }
}

#[test]
fn secrets_of_sets_are_copied_at_once_only_from_1_21_on() {
    let https = |name: &str, port: u16| {
        json!([{"name": "s", "port": port, "protocol": "HTTPS",
            "tls": {"certificateRefs": [{"name": name}]}}])
    };
    let note = "ListenerSet other/more: the reference model does not cover the copy of its Secret \
                other/cert, which this version makes only once the Secret changes or the operator \
                starts anew";
    for (version, secret, allowed, copies, notes) in [
        ("1.20.0", "cert", all(), 0, vec![note]),
        ("1.20.0", "absent", all(), 0, vec![]),
        ("1.21-dev", "cert", all(), 1, vec![]),
        // It does not count whether the set may attach.
        ("1.21-dev", "cert", json!({}), 1, vec![]),
        ("1.21-dev", "absent", all(), 0, vec![]),
        ("1.19.6", "cert", all(), 0, vec![]),
    ] {
        let set = set(("other", "more"), "2026-01-01T00:00:00Z", &https(secret, 443));
        let outcome = gateway(version, &allowed).with(set).outcome();
        assert_eq!(outcome.synced_secrets.len(), copies, "{version} {secret} {allowed}");
        assert_eq!(told(&outcome), notes, "{version} {secret} {allowed}");
    }
    let shared = Cluster::new("1.20.0").gateway(https("cert", 443)).with(set(
        ("apps", "more"),
        "2026-01-01T00:00:00Z",
        &https("cert", 444),
    ));
    let outcome = shared.outcome();
    assert_eq!(outcome.synced_secrets.len(), 1, "the Gateway has it copied");
    assert_eq!(told(&outcome), [""; 0]);
}

#[test]
fn a_field_of_an_attached_set_that_is_not_read_leaves_the_gateway_without_prediction() {
    let listeners = json!([{"name": "x", "port": 81, "protocol": "HTTP", "colour": "red"}]);
    let cluster = |allowed: &Value| {
        gateway("1.20.0", allowed).with(set(("other", "more"), "2026-01-01T00:00:00Z", &listeners))
    };
    let outcome = cluster(&all()).outcome();
    let limit = "Gateway apps/gw: the reference model does not cover field \
                 spec.listeners[0].colour of its ListenerSet other/more";
    assert_eq!(told(&outcome), [limit]);
    assert!(outcome.objects.is_empty());
    assert_eq!(told(&cluster(&json!({})).outcome()), [""; 0], "a refused set asks for nothing");
}
