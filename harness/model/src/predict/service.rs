//! Services as the API server stores them: defaults, and stand-ins for what it chooses freely
//! (kubernetes/kubernetes 1.36 `pkg/registry/core/service`, `pkg/apis/core/v1/defaults.go`).
//!
//! The model needs a number for a node port and an address for a cluster address; those it takes
//! lie outside what a cluster would give, and are shown as [`ALLOCATED`].

use serde_json::{Map, Value, json};

/// What stands for a value that the API server would choose freely.
pub const ALLOCATED: &str = "ALLOCATED";

/// A cluster address that no cluster gives: it is reserved for documentation.
const CLUSTER_IP: &str = "192.0.2.1";

/// Stand-ins for node ports begin here, above every range that is in use.
const FIRST_STAND_IN: usize = 64_000;

/// Whether a node port is a stand-in.
pub(super) fn is_stand_in(port: u16) -> bool {
    usize::from(port) >= FIRST_STAND_IN
}

/// The Service as stored: what is wanted, over what the API server put into a living one.
/// Stand-ins of different `rank` differ.
pub(super) fn complete(wanted: &Value, live: Option<&Value>, rank: usize) -> Value {
    let mut service = wanted.clone();
    let live_spec = live.and_then(|live| live.get("spec"));
    let kind = service["spec"]["type"].as_str().unwrap_or("ClusterIP").to_owned();
    let Some(spec) = service["spec"].as_object_mut() else { return service };
    let kept = |field: &str| live_spec.and_then(|spec| spec.get(field)).cloned();
    let default = |spec: &mut Map<String, Value>, field: &str, value: Value| {
        let absent = spec.get(field).is_none_or(|value| value.is_null() || *value == json!([]));
        if absent {
            spec.insert(field.to_owned(), value);
        }
    };
    let first = || live_spec.and_then(|spec| spec.pointer("/clusterIPs/0")).cloned();
    let address = kept("clusterIP").or_else(first).unwrap_or_else(|| json!(CLUSTER_IP));
    default(spec, "clusterIP", address);
    let cluster_ip = spec["clusterIP"].clone();
    default(spec, "clusterIPs", kept("clusterIPs").unwrap_or_else(|| json!([cluster_ip])));
    default(spec, "internalTrafficPolicy", json!("Cluster"));
    default(spec, "ipFamilies", json!(["IPv4"]));
    default(spec, "ipFamilyPolicy", json!("SingleStack"));
    default(spec, "sessionAffinity", json!("None"));
    if kind != "ClusterIP" {
        default(spec, "externalTrafficPolicy", json!("Cluster"));
    }
    if kind == "LoadBalancer" {
        default(spec, "allocateLoadBalancerNodePorts", json!(true));
    }
    let has_node_ports = kind == "NodePort"
        || (kind == "LoadBalancer" && spec["allocateLoadBalancerNodePorts"] == json!(true));
    let ports = spec.get_mut("ports").and_then(Value::as_array_mut);
    for (index, port) in ports.into_iter().flatten().enumerate() {
        if port.get("protocol").is_none() {
            port["protocol"] = json!("TCP");
        }
        if port.get("targetPort").is_none() {
            port["targetPort"] = port["port"].clone();
        }
        if has_node_ports && port.get("nodePort").is_none() {
            port["nodePort"] =
                live_node_port(live_spec, port).unwrap_or_else(|| stand_in(rank, index));
        }
    }
    if kind == "LoadBalancer" && spec["externalTrafficPolicy"] == json!("Local") {
        let live = kept("healthCheckNodePort");
        default(spec, "healthCheckNodePort", live.unwrap_or_else(|| stand_in(rank, 99)));
    }
    let status = live.and_then(|live| live.get("status")).filter(|_| kind == "LoadBalancer");
    service["status"] = status.cloned().unwrap_or_else(|| json!({"loadBalancer": {}}));
    service
}

/// The node port that a living Service has for a port.
fn live_node_port(live: Option<&Value>, port: &Value) -> Option<Value> {
    let ports = live?.get("ports")?.as_array()?;
    let same = |found: &&Value| {
        found["port"] == port["port"]
            && found.get("protocol").is_none_or(|protocol| *protocol == port["protocol"])
    };
    ports.iter().find(same)?.get("nodePort").cloned()
}

/// A number for the port of one Service; no two ports of a setup share one before there are
/// dozens of Services, and nothing depends on it then but how sockets are told apart.
fn stand_in(rank: usize, index: usize) -> Value {
    let room = usize::from(u16::MAX) - FIRST_STAND_IN;
    json!(FIRST_STAND_IN + (rank * 100 + index) % room)
}

/// The Service with its stand-ins as [`ALLOCATED`].
pub(super) fn shown(service: &Value) -> Value {
    let mut service = service.clone();
    let chosen_freely = |value: &Value| {
        value.as_u64().and_then(|port| u16::try_from(port).ok()).is_some_and(is_stand_in)
    };
    let Some(spec) = service["spec"].as_object_mut() else { return service };
    if spec["clusterIP"] == json!(CLUSTER_IP) {
        spec.insert("clusterIP".to_owned(), json!(ALLOCATED));
        spec.insert("clusterIPs".to_owned(), json!([ALLOCATED]));
    }
    if spec.get("healthCheckNodePort").is_some_and(chosen_freely) {
        spec.insert("healthCheckNodePort".to_owned(), json!(ALLOCATED));
    }
    for port in spec.get_mut("ports").and_then(Value::as_array_mut).into_iter().flatten() {
        if port.get("nodePort").is_some_and(chosen_freely) {
            port["nodePort"] = json!(ALLOCATED);
        }
    }
    service
}
