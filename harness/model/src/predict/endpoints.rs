//! Endpoints of the slices behind TCP and UDP listeners: copied from the EndpointSlices of the
//! backend, with the backend's port numbers
//! (cilium/cilium 1.20 cut `operator/pkg/gateway-api/endpointslice_reconcile.go`).

use std::collections::BTreeSet;

use serde_json::{Value, json};

const BACKEND: &str = "/metadata/annotations/gateway.cilium.io~1backend-service";
const BACKEND_PORT: &str = "/metadata/annotations/gateway.cilium.io~1backend-port";
const MANAGER: &str = "/metadata/labels/endpointslice.kubernetes.io~1managed-by";
const SERVICE: &str = "/metadata/labels/kubernetes.io~1service-name";

/// Whether a slice is filled in from another one.
pub fn is_filled_in(object: &Value) -> bool {
    object["kind"] == "EndpointSlice" && text(object, BACKEND).is_some()
}

/// The slice with the endpoints of its backend; with none when there are none. Only the Services and
/// EndpointSlices among the cluster's objects matter.
pub fn filled_in<'a>(slice: &Value, cluster: impl Iterator<Item = &'a Value> + Clone) -> Value {
    let mut slice = slice.clone();
    let (port, endpoints) = match resolve(&slice, cluster) {
        Some((port, endpoints)) if !endpoints.is_empty() => (Some(port), json!(endpoints)),
        Some((port, _)) => (Some(port), Value::Null),
        None => (None, Value::Null),
    };
    slice["endpoints"] = endpoints;
    if let Some(port) = port {
        for own in slice["ports"].as_array_mut().into_iter().flatten() {
            own["port"] = port.clone();
        }
    }
    slice
}

/// The backend's port number and endpoints, sorted by address.
fn resolve<'a>(
    slice: &Value,
    cluster: impl Iterator<Item = &'a Value> + Clone,
) -> Option<(Value, Vec<Value>)> {
    let (namespace, name) = text(slice, BACKEND)?.split_once('/')?;
    let wanted: u64 = text(slice, BACKEND_PORT)?.parse().ok()?;
    let transport = text(slice, "/ports/0/protocol").unwrap_or("TCP");
    let mut services = cluster.clone().filter(|object| object["apiVersion"] == "v1");
    let service = services.find(|object| {
        object["kind"] == "Service"
            && text(object, "/metadata/namespace") == Some(namespace)
            && text(object, "/metadata/name") == Some(name)
    });
    let ports = service?.pointer("/spec/ports")?.as_array()?;
    let port = ports.iter().find(|port| {
        port["port"] == json!(wanted) && text(port, "/protocol").unwrap_or("TCP") == transport
    })?;
    let mut resolved = None;
    let mut seen = BTreeSet::new();
    let mut endpoints: Vec<(String, Value)> = Vec::new();
    for other in cluster {
        let is_of_backend = other["apiVersion"] == "discovery.k8s.io/v1"
            && other["kind"] == "EndpointSlice"
            && text(other, "/metadata/namespace") == Some(namespace)
            && text(other, SERVICE) == Some(name)
            && other["addressType"] == slice["addressType"]
            && text(other, MANAGER) != Some("cilium-operator");
        let Some(number) = is_of_backend.then(|| port_of(other, port)).flatten() else { continue };
        resolved.get_or_insert(number);
        for endpoint in other["endpoints"].as_array().into_iter().flatten() {
            let addresses: Vec<&str> = endpoint["addresses"]
                .as_array()
                .into_iter()
                .flatten()
                .filter_map(Value::as_str)
                .collect();
            let address = addresses.join(",");
            if !address.is_empty() && seen.insert(address.clone()) {
                endpoints.push((address, endpoint.clone()));
            }
        }
    }
    endpoints.sort_by(|a, b| a.0.cmp(&b.0));
    Some((resolved?, endpoints.into_iter().map(|(_, endpoint)| endpoint).collect()))
}

/// The number of the port that a Service's port leads to: by name, else by number, else the only
/// one.
fn port_of(slice: &Value, service: &Value) -> Option<Value> {
    let transport = text(service, "/protocol").unwrap_or("TCP");
    let ports = slice["ports"].as_array()?;
    let target = service.get("targetPort").unwrap_or(&service["port"]);
    let fits = |port: &&Value| {
        let by_name = port["name"] == service["name"]
            && text(service, "/name").is_some_and(|name| !name.is_empty());
        text(port, "/protocol").is_none_or(|found| found == transport)
            && (by_name || (target.is_number() && port["port"] == *target))
    };
    let only = || Some(ports).filter(|ports| ports.len() == 1).and_then(|ports| ports.first());
    ports.iter().find(fits).or_else(only).map(|port| port["port"].clone())
}

fn text<'a>(value: &'a Value, pointer: &str) -> Option<&'a str> {
    value.pointer(pointer).and_then(Value::as_str)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::filled_in;

    fn managed(transport: &str) -> Value {
        json!({
            "apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice",
            "metadata": {"name": "own", "namespace": "apps",
                "labels": {"endpointslice.kubernetes.io/managed-by": "cilium-operator"},
                "annotations": {"gateway.cilium.io/backend-service": "apps/db",
                                "gateway.cilium.io/backend-port": "5432"}},
            "addressType": "IPv4", "endpoints": [],
            "ports": [{"name": "tcp-1", "port": 1, "protocol": transport}],
        })
    }

    fn backend(name: &str, ports: &Value, addresses: &[&str]) -> Value {
        let endpoints: Vec<Value> =
            addresses.iter().map(|address| json!({"addresses": [address]})).collect();
        json!({
            "apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice",
            "metadata": {"name": name, "namespace": "apps",
                         "labels": {"kubernetes.io/service-name": "db"}},
            "addressType": "IPv4", "endpoints": endpoints, "ports": ports,
        })
    }

    fn service() -> Value {
        json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "db", "namespace": "apps"},
               "spec": {"ports": [{"name": "sql", "port": 5432, "targetPort": 15432}]}})
    }

    #[test]
    fn endpoints_and_port_numbers_are_the_backends() {
        for ports in [
            json!([{"name": "sql", "port": 7}, {"name": "other", "port": 15432}]),
            json!([{"name": "", "port": 7}]),
        ] {
            let objects = [
                service(),
                backend("b", &ports, &["10.0.0.2", "10.0.0.1"]),
                backend("c", &ports, &["10.0.0.1"]),
            ];
            let filled = filled_in(&managed("TCP"), objects.iter());
            assert_eq!(filled["ports"][0]["port"], 7, "{ports}");
            let expected = json!([{"addresses": ["10.0.0.1"]}, {"addresses": ["10.0.0.2"]}]);
            assert_eq!(filled["endpoints"], expected, "{ports}");
        }
    }

    #[test]
    fn a_backend_without_what_is_asked_for_leaves_no_endpoints() {
        let ports = json!([{"name": "sql", "port": 7}]);
        let slice = backend("b", &ports, &["10.0.0.1"]);
        for (transport, objects) in [
            ("TCP", vec![service()]),
            ("TCP", vec![slice.clone()]),
            ("UDP", vec![service(), slice]),
        ] {
            let filled = filled_in(&managed(transport), objects.iter());
            assert_eq!(filled["endpoints"], Value::Null, "{transport} {objects:?}");
            assert_eq!(filled["ports"][0]["port"], 1, "as it was made");
        }
    }
}
