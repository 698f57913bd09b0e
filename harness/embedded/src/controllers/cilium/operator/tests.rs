//! Claims about what the operator writes, keeps and deletes.

use gateproof_core::cilium::CiliumConfig;
use gateproof_model::Resources;
use serde_json::{Value, json};

use super::{Operator, Reconciled};
use crate::controllers::cilium::{Deviations, Stack};
use crate::controllers::snapshot::Snapshot;
use crate::controllers::write::Write;

fn stack(kube_proxy_replacement: bool) -> Stack {
    Stack {
        version: "1.20.0".parse().expect("a version"),
        config: CiliumConfig {
            gateway_api: true,
            kube_proxy_replacement,
            ..CiliumConfig::default()
        },
        faults: Deviations::default(),
        started_with: std::collections::BTreeMap::new(),
    }
}

fn class() -> Value {
    json!({
        "apiVersion": "gateway.networking.k8s.io/v1", "kind": "GatewayClass",
        "metadata": {"name": "cilium", "generation": 1},
        "spec": {"controllerName": "io.cilium/gateway-controller"},
    })
}

fn gateway(protocol: &str) -> Value {
    let mut listener = json!({"name": "web", "port": 80, "protocol": protocol});
    if protocol == "HTTPS" {
        listener["tls"] = json!({"mode": "Terminate", "certificateRefs": [
            {"group": "", "kind": "Secret", "name": "missing"},
        ]});
    }
    json!({
        "apiVersion": "gateway.networking.k8s.io/v1", "kind": "Gateway",
        "metadata": {"name": "shared", "namespace": "gateway", "uid": "g", "generation": 1},
        "spec": {"gatewayClassName": "cilium", "listeners": [listener]},
    })
}

fn namespace() -> Value {
    json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "gateway"}})
}

fn run(operator: &mut Operator, stack: &Stack, objects: &[Value]) -> (Reconciled, Snapshot) {
    let all = [class(), namespace()].into_iter().chain(objects.iter().cloned());
    let snapshot = Snapshot::from_values(all);
    let (resources, _) = Resources::from_objects(snapshot.objects());
    (operator.reconcile(&snapshot, stack, &resources, "now"), snapshot)
}

fn applied(reconciled: &Reconciled) -> Vec<Value> {
    reconciled
        .writes
        .iter()
        .filter_map(|write| match write {
            Write::Apply(_, object) => Some(object.clone()),
            _ => None,
        })
        .collect()
}

fn deleted(reconciled: &Reconciled) -> Vec<String> {
    reconciled
        .writes
        .iter()
        .filter_map(|write| match write {
            Write::Delete(object) => Some(object["kind"].to_string()),
            _ => None,
        })
        .collect()
}

fn controlled(kind: &str, api_version: &str, name: &str) -> Value {
    json!({
        "apiVersion": api_version, "kind": kind,
        "metadata": {"name": name, "namespace": "gateway", "ownerReferences": [{
            "apiVersion": "gateway.networking.k8s.io/v1", "kind": "Gateway", "name": "shared",
            "uid": "g", "controller": true,
        }]},
    })
}

#[test]
fn objects_are_owned_by_the_gateway_with_its_uid() {
    let (reconciled, _) = run(&mut Operator::default(), &stack(true), &[gateway("HTTP")]);
    let objects = applied(&reconciled);
    assert!(objects.len() >= 3, "Service, placeholder and CiliumEnvoyConfig: {objects:?}");
    for object in &objects {
        assert_eq!(object["metadata"]["ownerReferences"][0]["uid"], "g", "{object}");
    }
}

#[test]
fn without_kube_proxy_replacement_nothing_happens_and_the_log_says_why() {
    let (reconciled, _) = run(&mut Operator::default(), &stack(false), &[gateway("HTTP")]);
    assert!(reconciled.writes.is_empty());
    assert!(reconciled.log[0].text.contains("requires kube-proxy-replacement enabled"));
}

#[test]
fn what_a_gateway_no_longer_needs_is_deleted() {
    let old = controlled("Endpoints", "v1", "cilium-gateway-shared");
    let certificate = controlled("Certificate", "cert-manager.io/v1", "shared");
    let (reconciled, _) =
        run(&mut Operator::default(), &stack(true), &[gateway("HTTP"), old, certificate]);
    assert_eq!(deleted(&reconciled), ["\"Endpoints\""], "others' objects are left alone");
}

#[test]
fn when_a_reconcile_ends_early_objects_and_their_translation_stay() {
    let mut operator = Operator::default();
    let (first, _) = run(&mut operator, &stack(true), &[gateway("HTTP")]);
    let made = applied(&first);
    // The only listener loses its Secret: no valid listener is left.
    let objects: Vec<Value> = [gateway("HTTPS")].into_iter().chain(made.clone()).collect();
    let (second, snapshot) = run(&mut operator, &stack(true), &objects);
    assert!(applied(&second).is_empty() && deleted(&second).is_empty(), "{:?}", second.writes);
    assert_eq!(operator.configs(&snapshot).0.len(), 1, "agents still have the old one");
    let gone: Vec<Value> =
        objects.into_iter().filter(|object| object["kind"] != "CiliumEnvoyConfig").collect();
    let (_, snapshot) = run(&mut operator, &stack(true), &gone);
    assert!(operator.configs(&snapshot).0.is_empty(), "it goes with its object");
}

#[test]
fn from_1_20_on_a_gateway_that_leaves_loses_what_was_made_for_it() {
    let removed = |version: &str, class: &str| {
        let stack = Stack { version: version.parse().expect("a version"), ..stack(true) };
        let mut operator = Operator::default();
        let (first, _) = run(&mut operator, &stack, &[gateway("HTTP")]);
        let mut left = gateway("HTTP");
        left["spec"]["gatewayClassName"] = class.into();
        let objects: Vec<Value> = [left].into_iter().chain(applied(&first)).collect();
        let mut removed = deleted(&run(&mut operator, &stack, &objects).0);
        removed.sort();
        removed
    };
    let all = ["\"CiliumEnvoyConfig\"", "\"EndpointSlice\"", "\"Service\""];
    assert_eq!(removed("1.20.0", "other"), all);
    assert_eq!(removed("1.20.0", "cilium"), [""; 0]);
    assert_eq!(removed("1.19.6", "other"), [""; 0]);
}

#[test]
fn what_the_next_controller_makes_for_a_gateway_is_left_alone() {
    let mut left = gateway("HTTP");
    left["spec"]["gatewayClassName"] = "other".into();
    let objects = [
        left,
        controlled("Service", "v1", "made-by-the-other"),
        controlled("EndpointSlice", "discovery.k8s.io/v1", "made-by-the-other"),
    ];
    let (reconciled, _) = run(&mut Operator::default(), &stack(true), &objects);
    assert_eq!(deleted(&reconciled), [""; 0]);
}

#[test]
fn a_hand_made_envoy_config_is_reported_and_not_guessed() {
    let foreign = json!({
        "apiVersion": "cilium.io/v2", "kind": "CiliumEnvoyConfig",
        "metadata": {"name": "mine", "namespace": "gateway"},
    });
    let mut operator = Operator::default();
    let (_, snapshot) = run(&mut operator, &stack(true), &[foreign]);
    let (configs, unmodelled) = operator.configs(&snapshot);
    assert!(configs.is_empty());
    assert_eq!(unmodelled[0].object, "CiliumEnvoyConfig gateway/mine");
}

#[test]
fn parents_of_other_controllers_stay_in_a_routes_status() {
    let foreign = json!({
        "parentRef": {"name": "other"}, "controllerName": "example.test/controller",
        "conditions": [],
    });
    let mut stale = foreign.clone();
    stale["controllerName"] = "io.cilium/gateway-controller".into();
    let route = json!({
        "apiVersion": "gateway.networking.k8s.io/v1", "kind": "HTTPRoute",
        "metadata": {"name": "web", "namespace": "gateway", "generation": 1},
        "spec": {"parentRefs": [{
            "group": "gateway.networking.k8s.io", "kind": "Gateway", "name": "shared",
        }]},
        "status": {"parents": [foreign, stale]},
    });
    let (reconciled, _) = run(&mut Operator::default(), &stack(true), &[gateway("HTTP"), route]);
    let status = reconciled
        .writes
        .iter()
        .find_map(|write| match write {
            Write::ApplyStatus(_, object) if object["kind"] == "HTTPRoute" => Some(object),
            _ => None,
        })
        .expect("a status of the route");
    let parents = status["status"]["parents"].as_array().expect("parents");
    let of =
        |controller: &str| parents.iter().filter(|p| p["controllerName"] == controller).count();
    assert_eq!(of("example.test/controller"), 1, "{parents:?}");
    assert_eq!(of("io.cilium/gateway-controller"), 1, "an outdated own entry goes: {parents:?}");
}
