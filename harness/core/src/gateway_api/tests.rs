//! Table tests: each rule with an object that breaks it and a look-alike that does not.

#![expect(clippy::needless_pass_by_value, reason = "objects are written in place with json!")]

mod gateway;
mod http_route;

use serde_json::{Value, json};

use super::{Problem, default, prune, validate, validate_in, validate_update};
use crate::scenario::Channel;

/// Asserts that exactly these places of the object are wrong, and that every message says what is
/// expected.
fn check(name: &str, object: &Value, expected: &[(&str, Problem)]) {
    let errors = validate(object);
    let mut found: Vec<_> =
        errors.iter().map(|error| (error.path.to_string(), error.problem)).collect();
    let mut wanted: Vec<_> =
        expected.iter().map(|(path, problem)| ((*path).to_owned(), *problem)).collect();
    found.sort_by(|a, b| a.0.cmp(&b.0));
    wanted.sort_by(|a, b| a.0.cmp(&b.0));
    assert_eq!(found, wanted, "{name}: {errors:#?}");
    for error in errors {
        assert!(!error.expected.is_empty() && !error.found.is_empty(), "{name}: {error}");
    }
}

fn grant(spec: Value) -> Value {
    json!({"apiVersion": "gateway.networking.k8s.io/v1beta1", "kind": "ReferenceGrant",
        "metadata": {"name": "g", "namespace": "apps"}, "spec": spec})
}

fn class(spec: Value) -> Value {
    json!({"apiVersion": "gateway.networking.k8s.io/v1", "kind": "GatewayClass",
        "metadata": {"name": "cilium"}, "spec": spec})
}

#[test]
fn reference_grant_rules_fire_and_spare_look_alikes() {
    let from = json!({"group": "gateway.networking.k8s.io", "kind": "HTTPRoute",
        "namespace": "web"});
    let to = json!({"group": "", "kind": "Service"});
    check("valid", &grant(json!({"from": [from], "to": [to]})), &[]);
    check(
        "missing lists",
        &grant(json!({})),
        &[("spec.from", Problem::Required), ("spec.to", Problem::Required)],
    );
    check(
        "empty list and missing namespace",
        &grant(json!({"from": [{"group": "", "kind": "Gateway"}], "to": []})),
        &[("spec.from[0].namespace", Problem::Required), ("spec.to", Problem::Invalid)],
    );
    check(
        "a group is required although it may be empty",
        &grant(json!({"from": [from], "to": [{"kind": "Service"}]})),
        &[("spec.to[0].group", Problem::Required)],
    );
    check(
        "too many entries",
        &grant(json!({"from": vec![from; 17], "to": vec![to; 16]})),
        &[("spec.from", Problem::TooMany)],
    );
    let no_spec = json!({"apiVersion": "gateway.networking.k8s.io/v1", "kind": "ReferenceGrant"});
    check("spec is required", &no_spec, &[("spec", Problem::Required)]);
}

#[test]
fn gateway_class_rules_fire_and_spare_look_alikes() {
    check("valid", &class(json!({"controllerName": "io.cilium/gateway-controller"})), &[]);
    check(
        "controller without a domain",
        &class(json!({"controllerName": "cilium"})),
        &[("spec.controllerName", Problem::Invalid)],
    );
    check(
        "parameters need a group",
        &class(json!({"controllerName": "io.cilium/x",
            "parametersRef": {"kind": "CiliumGatewayClassConfig", "name": "c"}})),
        &[("spec.parametersRef.group", Problem::Required)],
    );
    check(
        "description is short",
        &class(json!({"controllerName": "io.cilium/x", "description": "é".repeat(65)})),
        &[("spec.description", Problem::TooLong)],
    );
    check(
        "a description of 64 characters fits, however many bytes",
        &class(json!({"controllerName": "io.cilium/x", "description": "é".repeat(64)})),
        &[],
    );
}

#[test]
fn controller_of_a_class_cannot_change() {
    let before = class(json!({"controllerName": "io.cilium/gateway-controller"}));
    let mut after = before.clone();
    after["spec"]["description"] = json!("new");
    assert_eq!(validate_update(&before, &after), [], "other fields may change");
    after["spec"]["controllerName"] = json!("example.com/other");
    let errors = validate_update(&before, &after);
    assert_eq!(errors.len(), 1);
    assert_eq!(errors[0].path.to_string(), "spec.controllerName");
}

#[test]
fn unknown_version_of_a_known_kind_is_refused_and_other_kinds_pass() {
    let mut object = class(json!({"controllerName": "io.cilium/x"}));
    object["apiVersion"] = json!("gateway.networking.k8s.io/v1alpha2");
    check("old version", &object, &[("apiVersion", Problem::NotSupported)]);
    check("another kind", &json!({"apiVersion": "v1", "kind": "Service", "spec": {"a": 1}}), &[]);
    check("another group", &json!({"apiVersion": "example.com/v1", "kind": "Gateway"}), &[]);
    check("no object at all", &json!([1]), &[]);
}

#[test]
fn wrong_spelling_names_the_nearest_field_and_value() {
    let object = class(json!({"controlerName": "io.cilium/x"}));
    let errors = validate(&object);
    let unknown = errors.iter().find(|error| error.problem == Problem::UnknownField);
    assert_eq!(unknown.and_then(|error| error.nearest.as_deref()), Some("controllerName"));
    let text = unknown.map(ToString::to_string).unwrap_or_default();
    assert_eq!(
        text,
        "spec.controlerName: found \"io.cilium/x\", expected one of the fields controllerName, \
         description, parametersRef (did you mean `controllerName`?)"
    );
}

#[test]
fn far_spelling_names_nothing() {
    let object = class(json!({"controllerName": "io.cilium/x", "listeners": 1}));
    assert_eq!(validate(&object)[0].nearest, None);
}

#[test]
fn experimental_fields_are_unknown_to_the_standard_channel_only() {
    let route = json!({"apiVersion": "gateway.networking.k8s.io/v1", "kind": "HTTPRoute",
        "spec": {"rules": [{"retry": {"attempts": 2}}]}});
    assert_eq!(validate_in(&route, Channel::Experimental), []);
    let errors = validate_in(&route, Channel::Standard);
    assert_eq!(errors.len(), 1);
    assert_eq!(errors[0].problem, Problem::UnknownField);
    assert!(errors[0].expected.contains("experimental channel"), "{}", errors[0]);
}

#[test]
fn port_tells_parents_apart_in_the_experimental_channel_only() {
    let route = json!({"apiVersion": "gateway.networking.k8s.io/v1", "kind": "HTTPRoute",
        "spec": {"parentRefs": [{"name": "gw", "port": 80}, {"name": "gw", "port": 443}]}});
    assert_eq!(validate_in(&route, Channel::Experimental), []);
    assert_eq!(validate_in(&route, Channel::Standard)[0].problem, Problem::Duplicate);
}

#[test]
fn status_starts_as_unknown_for_classes_and_gateways_and_is_not_replaced() {
    let mut object = class(json!({"controllerName": "io.cilium/x"}));
    default(&mut object);
    assert_eq!(object["status"]["conditions"][0]["status"], "Unknown");
    let status = json!({"conditions": []});
    object["status"] = status.clone();
    default(&mut object);
    assert_eq!(object["status"], status);
}

#[test]
fn pruning_reports_what_it_removed() {
    let mut object = class(json!({"controllerName": "io.cilium/x", "extra": {"deep": 1}}));
    let removed: Vec<_> = prune(&mut object).iter().map(ToString::to_string).collect();
    assert_eq!(removed, ["spec.extra"]);
    assert_eq!(validate(&object), []);
}
