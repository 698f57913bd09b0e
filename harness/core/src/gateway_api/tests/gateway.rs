//! The rules of Gateways.

#![expect(clippy::needless_pass_by_value, reason = "objects are written in place with json!")]

use serde_json::{Value, json};

use super::check;
use crate::gateway_api::{Problem, default};

fn gateway(spec: Value) -> Value {
    json!({"apiVersion": "gateway.networking.k8s.io/v1", "kind": "Gateway",
        "metadata": {"name": "shared", "namespace": "gateway"}, "spec": spec})
}

fn with_listeners(listeners: Value) -> Value {
    gateway(json!({"gatewayClassName": "cilium", "listeners": listeners}))
}

fn with_addresses(addresses: Value) -> Value {
    gateway(json!({"gatewayClassName": "cilium", "addresses": addresses,
        "listeners": [{"name": "http", "port": 80, "protocol": "HTTP"}]}))
}

#[test]
fn structure_of_a_gateway_is_checked() {
    check(
        "required fields",
        &gateway(json!({})),
        &[("spec.gatewayClassName", Problem::Required), ("spec.listeners", Problem::Required)],
    );
    check("no listeners", &with_listeners(json!([])), &[("spec.listeners", Problem::Invalid)]);
    check(
        "required fields of a listener",
        &with_listeners(json!([{"name": "a"}])),
        &[
            ("spec.listeners[0].port", Problem::Required),
            ("spec.listeners[0].protocol", Problem::Required),
        ],
    );
    for (port, problem) in [
        (json!(0), Problem::Invalid),
        (json!(65_536), Problem::Invalid),
        (json!("80"), Problem::WrongType),
        (json!(80.5), Problem::WrongType),
        (Value::Null, Problem::WrongType),
    ] {
        let name = format!("port {port}");
        let listeners = json!([{"name": "a", "port": port, "protocol": "HTTP"}]);
        check(&name, &with_listeners(listeners), &[("spec.listeners[0].port", problem)]);
    }
    check(
        "highest port",
        &with_listeners(json!([{"name": "a", "port": 65_535, "protocol": "HTTP"}])),
        &[],
    );
    let listener = |number: u64| {
        json!({"name": format!("l{number}"), "port": number + 1,
        "protocol": "HTTP"})
    };
    let many: Vec<_> = (0..65).map(listener).collect();
    check("65 listeners", &with_listeners(json!(many)), &[("spec.listeners", Problem::TooMany)]);
    check("64 listeners", &with_listeners(json!(many[..64])), &[]);
}

#[test]
fn tls_must_fit_the_protocol() {
    let refs = json!([{"name": "wildcard"}]);
    for (name, protocol, tls, expected) in [
        (
            "tls on HTTP",
            "HTTP",
            json!({"certificateRefs": refs}),
            vec![("spec.listeners[0].tls", Problem::Invalid)],
        ),
        (
            "tls on TCP",
            "TCP",
            json!({"mode": "Passthrough"}),
            vec![("spec.listeners[0].tls", Problem::Invalid)],
        ),
        (
            "tls on UDP",
            "UDP",
            json!({"certificateRefs": refs}),
            vec![("spec.listeners[0].tls", Problem::Invalid)],
        ),
        ("tls on HTTPS", "HTTPS", json!({"certificateRefs": refs}), vec![]),
        (
            "HTTPS passthrough",
            "HTTPS",
            json!({"mode": "Passthrough"}),
            vec![("spec.listeners[0].tls.mode", Problem::Invalid)],
        ),
        ("TLS passthrough", "TLS", json!({"mode": "Passthrough"}), vec![]),
        (
            "unknown mode",
            "TLS",
            json!({"mode": "passthrough"}),
            vec![("spec.listeners[0].tls.mode", Problem::NotSupported)],
        ),
        (
            "terminate without certificate",
            "HTTPS",
            json!({}),
            vec![("spec.listeners[0].tls.certificateRefs", Problem::Required)],
        ),
        (
            "terminate with an empty list",
            "TLS",
            json!({"mode": "Terminate", "certificateRefs": []}),
            vec![("spec.listeners[0].tls.certificateRefs", Problem::Required)],
        ),
        ("options stand in", "HTTPS", json!({"options": {"example.com/cert": "a"}}), vec![]),
        (
            "65 certificates",
            "HTTPS",
            json!({"certificateRefs": vec![json!({"name": "a"}); 65]}),
            vec![("spec.listeners[0].tls.certificateRefs", Problem::TooMany)],
        ),
    ] {
        let listeners = json!([{"name": "a", "port": 443, "protocol": protocol, "tls": tls}]);
        check(name, &with_listeners(listeners), &expected);
    }
    let bare =
        |protocol: &str| with_listeners(json!([{"name": "a", "port": 443, "protocol": protocol}]));
    check("TLS without tls", &bare("TLS"), &[("spec.listeners[0].tls", Problem::Required)]);
    check("HTTPS without tls is let through", &bare("HTTPS"), &[]);
}

#[test]
fn hostname_must_fit_the_protocol_and_its_form() {
    let listener = |protocol: &str, hostname: &str| {
        with_listeners(
            json!([{"name": "a", "port": 80, "protocol": protocol, "hostname": hostname}]),
        )
    };
    let at = "spec.listeners[0].hostname";
    check("on TCP", &listener("TCP", "a.example.com"), &[(at, Problem::Invalid)]);
    check("on UDP", &listener("UDP", "a.example.com"), &[(at, Problem::Invalid)]);
    check("on HTTP", &listener("HTTP", "*.example.com"), &[]);
    check("upper case", &listener("HTTP", "A.example.com"), &[(at, Problem::Invalid)]);
    check("inner wildcard", &listener("HTTP", "a.*.com"), &[(at, Problem::Invalid)]);
    check("empty", &listener("HTTP", ""), &[(at, Problem::Invalid)]);
}

#[test]
fn listeners_must_be_distinct() {
    let listener = |name: &str, port: u16, protocol: &str, hostname: Option<&str>| {
        let mut listener = json!({"name": name, "port": port, "protocol": protocol});
        if let Some(hostname) = hostname {
            listener["hostname"] = json!(hostname);
        }
        if protocol == "HTTPS" {
            listener["tls"] = json!({"certificateRefs": [{"name": "c"}]});
        }
        listener
    };
    let pair = |first: Value, second: Value| with_listeners(json!([first, second]));
    let a = || listener("a", 80, "HTTP", Some("x.test"));
    for (name, second, expected) in [
        (
            "same name",
            listener("a", 81, "HTTP", None),
            vec![("spec.listeners[1].name", Problem::Duplicate)],
        ),
        (
            "same combination",
            listener("b", 80, "HTTP", Some("x.test")),
            vec![("spec.listeners[1]", Problem::Duplicate)],
        ),
        ("other hostname", listener("b", 80, "HTTP", Some("y.test")), vec![]),
        ("no hostname", listener("b", 80, "HTTP", None), vec![]),
        (
            "other protocol is the controller's business",
            listener("b", 80, "HTTPS", Some("x.test")),
            vec![],
        ),
        ("other port", listener("b", 8080, "HTTP", Some("x.test")), vec![]),
    ] {
        check(name, &pair(a(), second), &expected);
    }
    let bare = |name: &str| listener(name, 80, "HTTP", None);
    check(
        "two without hostname",
        &pair(bare("a"), bare("b")),
        &[("spec.listeners[1]", Problem::Duplicate)],
    );
    check(
        "each later twin is named",
        &with_listeners(json!([bare("a"), bare("b"), bare("c")])),
        &[("spec.listeners[1]", Problem::Duplicate), ("spec.listeners[2]", Problem::Duplicate)],
    );
}

#[test]
fn addresses_must_fit_their_type_and_be_distinct() {
    let at = "spec.addresses[0].value";
    check(
        "default type is IPAddress",
        &with_addresses(json!([{"value": "lb.example.com"}])),
        &[(at, Problem::Invalid)],
    );
    check(
        "a hostname says so",
        &with_addresses(json!([{"type": "Hostname", "value": "lb.example.com"}])),
        &[],
    );
    check("IPv4", &with_addresses(json!([{"value": "172.18.255.7"}])), &[]);
    check("IPv6", &with_addresses(json!([{"value": "fd00::1"}])), &[]);
    check(
        "IPv4 out of range",
        &with_addresses(json!([{"value": "172.18.256.7"}])),
        &[(at, Problem::Invalid)],
    );
    check("no value", &with_addresses(json!([{"type": "IPAddress"}])), &[]);
    check(
        "bad hostname",
        &with_addresses(json!([{"type": "Hostname", "value": "-a"}])),
        &[(at, Problem::Invalid)],
    );
    check(
        "bad type",
        &with_addresses(json!([{"type": "ip", "value": "x"}])),
        &[("spec.addresses[0].type", Problem::Invalid)],
    );
    check(
        "the same address twice",
        &with_addresses(json!([{"value": "10.0.0.1"}, {"type": "IPAddress", "value": "10.0.0.1"}])),
        &[("spec.addresses[1].value", Problem::Duplicate)],
    );
    check(
        "the same text under two types",
        &with_addresses(json!([{"value": "10.0.0.1"}, {"type": "Hostname", "value": "10.0.0.1"}])),
        &[],
    );
    let many: Vec<_> = (1..=17).map(|last| json!({"value": format!("10.0.0.{last}")})).collect();
    check("17 addresses", &with_addresses(json!(many)), &[("spec.addresses", Problem::TooMany)]);
    check("16 addresses", &with_addresses(json!(many[..16])), &[]);
}

#[test]
fn routes_infrastructure_and_frontend_tls_are_checked() {
    let listener = |routes: Value| {
        with_listeners(
            json!([{"name": "a", "port": 80, "protocol": "HTTP", "allowedRoutes": routes}]),
        )
    };
    let from = "spec.listeners[0].allowedRoutes.namespaces.from";
    check(
        "from None is for listener sets",
        &listener(json!({"namespaces": {"from": "None"}})),
        &[(from, Problem::NotSupported)],
    );
    check(
        "from Selector",
        &listener(
            json!({"namespaces": {"from": "Selector", "selector": {"matchLabels": {"a": "b"}}}}),
        ),
        &[],
    );
    check("kinds", &listener(json!({"kinds": [{"kind": "HTTPRoute"}]})), &[]);
    check(
        "nine kinds",
        &listener(json!({"kinds": vec![json!({"kind": "HTTPRoute"}); 9]})),
        &[("spec.listeners[0].allowedRoutes.kinds", Problem::TooMany)],
    );
    let base = json!([{"name": "a", "port": 80, "protocol": "HTTP"}]);
    let gateway_with = |field: &str, value: Value| {
        let mut object = with_listeners(base.clone());
        object["spec"][field] = value;
        object
    };
    check(
        "label key and value",
        &gateway_with("infrastructure", json!({"labels": {"-a": "b", "c": "d e", "ok/x": "y"}})),
        &[
            ("spec.infrastructure.labels[-a]", Problem::Invalid),
            ("spec.infrastructure.labels[c]", Problem::Invalid),
        ],
    );
    check(
        "allowedListeners may be None",
        &gateway_with("allowedListeners", json!({"namespaces": {"from": "None"}})),
        &[],
    );
    check(
        "frontend port twice",
        &gateway_with(
            "tls",
            json!({"frontend": {"default": {}, "perPort": [
            {"port": 443, "tls": {}}, {"port": 443, "tls": {}}]}}),
        ),
        &[("spec.tls.frontend.perPort[1].port", Problem::Duplicate)],
    );
}

#[test]
fn invented_field_of_an_incident_report_is_refused() {
    let mut object = with_listeners(json!([{"name": "a", "port": 80, "protocol": "HTTP"}]));
    object["spec"]["listeners"][0]["hostNetwork"] = json!(true);
    check("unknown field", &object, &[("spec.listeners[0].hostNetwork", Problem::UnknownField)]);
}

#[test]
fn defaults_of_a_gateway_are_filled_in() {
    let mut object = with_listeners(json!([{"name": "a", "port": 443, "protocol": "HTTPS",
        "tls": {"certificateRefs": [{"name": "c"}]},
        "allowedRoutes": {"kinds": [{"kind": "HTTPRoute"}]}}]));
    object["spec"]["addresses"] = json!([{"value": "10.0.0.1"}]);
    default(&mut object);
    assert_eq!(
        object["spec"],
        json!({"gatewayClassName": "cilium",
            "addresses": [{"type": "IPAddress", "value": "10.0.0.1"}],
            "listeners": [{"name": "a", "port": 443, "protocol": "HTTPS",
                "tls": {"mode": "Terminate",
                    "certificateRefs": [{"group": "", "kind": "Secret", "name": "c"}]},
                "allowedRoutes": {"namespaces": {"from": "Same"},
                    "kinds": [{"group": "gateway.networking.k8s.io", "kind": "HTTPRoute"}]}}]})
    );
    let once = object.clone();
    default(&mut object);
    assert_eq!(object, once, "filling in defaults twice changes nothing");
}
