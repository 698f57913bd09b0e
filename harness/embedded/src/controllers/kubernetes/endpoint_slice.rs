//! EndpointSlices of Services with a selector: one slice for each set of target ports.
//!
//! kubernetes/kubernetes `staging/src/k8s.io/endpointslice`; slices are not split at 100
//! endpoints, and there are no topology hints. Services without a selector keep the slices that
//! others wrote for them.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::pod;
use crate::controllers::kind::{ENDPOINT_SLICE, POD, SERVICE};
use crate::controllers::object::{
    controller_reference, has_labels, identity, is_controlled_by, items, label, name, namespace,
    skeleton, suffix, text, texts, uid,
};
use crate::controllers::snapshot::Snapshot;
use crate::controllers::write::{FieldManager, Write};

/// The label that names the Service of a slice.
pub(crate) const SERVICE_NAME: &str = "kubernetes.io/service-name";
const MANAGED_BY: &str = "endpointslice.kubernetes.io/managed-by";
const CONTROLLER: &str = "endpointslice-controller.k8s.io";

/// Writes the slices that Services should have and deletes those that they should not.
pub(crate) fn desired(snapshot: &Snapshot) -> Vec<Write> {
    let mut writes = Vec::new();
    for service in snapshot.list(SERVICE) {
        let selector = texts(service, "/spec/selector");
        if selector.is_empty() || text(service, "/spec/type") == Some("ExternalName") {
            continue;
        }
        let slices = slices(snapshot, service, &selector);
        let stale = snapshot
            .list_in(ENDPOINT_SLICE, namespace(service).unwrap_or_default())
            .filter(|slice| label(slice, MANAGED_BY) == Some(CONTROLLER))
            .filter(|slice| is_controlled_by(slice, service))
            .filter(|slice| !slices.iter().any(|wanted| name(wanted) == name(slice)));
        writes.extend(stale.map(|slice| Write::Delete(identity(slice))));
        writes.extend(
            slices
                .into_iter()
                .map(|slice| Write::Apply(FieldManager::KubeControllerManager, slice)),
        );
    }
    writes
}

fn slices(snapshot: &Snapshot, service: &Value, selector: &BTreeMap<String, String>) -> Vec<Value> {
    let mut groups: BTreeMap<String, (Value, Vec<Value>)> = BTreeMap::new();
    let pods = snapshot
        .list_in(POD, namespace(service).unwrap_or_default())
        .filter(|pod| has_labels(pod, selector));
    for pod in pods {
        if let Some(endpoint) = endpoint(service, pod) {
            let ports = ports(service, pod);
            groups.entry(ports.to_string()).or_insert_with(|| (ports, Vec::new())).1.push(endpoint);
        }
    }
    groups
        .into_iter()
        .map(|(key, (ports, endpoints))| {
            let slice_name = format!("{}-{}", name(service), suffix(&key, 5));
            let mut slice = skeleton(ENDPOINT_SLICE, namespace(service), &slice_name);
            slice["metadata"]["labels"] =
                json!({SERVICE_NAME: name(service), MANAGED_BY: CONTROLLER});
            slice["metadata"]["ownerReferences"] = json!([controller_reference(service)]);
            slice["addressType"] = "IPv4".into();
            slice["endpoints"] = endpoints.into();
            slice["ports"] = ports;
            slice
        })
        .collect()
}

/// The ports of a Service as this pod serves them; a named port that the pod lacks is left out.
fn ports(service: &Value, pod: &Value) -> Value {
    items(service, "/spec/ports")
        .iter()
        .filter_map(|port| {
            let protocol = text(port, "/protocol").unwrap_or("TCP");
            let target = port.get("targetPort").or_else(|| port.get("port"))?;
            let number = pod::target_port(pod, target, protocol)?;
            Some(json!({
                "name": text(port, "/name").unwrap_or_default(),
                "port": number,
                "protocol": protocol,
            }))
        })
        .collect()
}

/// The pod as an endpoint; `None` while it has no address or has ended.
fn endpoint(service: &Value, pod: &Value) -> Option<Value> {
    let address = text(pod, "/status/podIP")?;
    if matches!(text(pod, "/status/phase"), Some("Failed" | "Succeeded")) {
        return None;
    }
    let published = service.pointer("/spec/publishNotReadyAddresses") == Some(&Value::Bool(true));
    let serving = pod::is_ready(pod);
    Some(json!({
        "addresses": [address],
        "conditions": {"ready": published || serving, "serving": serving, "terminating": false},
        "nodeName": text(pod, "/spec/nodeName"),
        "targetRef": {
            "kind": "Pod",
            "namespace": namespace(pod),
            "name": name(pod),
            "uid": uid(pod),
        },
    }))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::desired;
    use crate::controllers::snapshot::Snapshot;
    use crate::controllers::write::Write;

    fn service(ports: Value) -> Value {
        let mut service = json!({
            "apiVersion": "v1", "kind": "Service",
            "metadata": {"name": "web", "namespace": "apps", "uid": "s"},
            "spec": {"selector": {"app": "web"}},
        });
        service["spec"]["ports"] = ports;
        service
    }

    fn pod(name: &str, app: &str, ready: &str, port: u16) -> Value {
        json!({
            "apiVersion": "v1", "kind": "Pod",
            "metadata": {"name": name, "namespace": "apps", "labels": {"app": app}, "uid": name},
            "spec": {"containers": [{"ports": [{"name": "http", "containerPort": port}]}]},
            "status": {
                "phase": "Running", "podIP": format!("10.244.0.{}", port % 200),
                "conditions": [{"type": "Ready", "status": ready}],
            },
        })
    }

    fn slices(objects: impl IntoIterator<Item = Value>) -> Vec<Value> {
        desired(&Snapshot::from_values(objects))
            .into_iter()
            .filter_map(|write| match write {
                Write::Apply(_, slice) => Some(slice),
                _ => None,
            })
            .collect()
    }

    #[test]
    fn selected_pods_are_endpoints_and_readiness_is_told() {
        let objects = [
            service(json!([{"name": "http", "port": 80, "targetPort": 8080}])),
            pod("a", "web", "True", 8081),
            pod("b", "web", "False", 8082),
            pod("c", "other", "True", 8083),
        ];
        let slices = slices(objects);
        assert_eq!(slices.len(), 1);
        assert_eq!(slices[0]["ports"], json!([{"name": "http", "port": 8080, "protocol": "TCP"}]));
        let ready: Vec<_> = slices[0]["endpoints"]
            .as_array()
            .expect("endpoints")
            .iter()
            .map(|endpoint| endpoint["conditions"]["ready"].clone())
            .collect();
        assert_eq!(ready, [json!(true), json!(false)], "the pod of another app is no endpoint");
    }

    #[test]
    fn a_named_target_port_follows_each_pod() {
        let objects = [
            service(json!([{"port": 80, "targetPort": "http"}])),
            pod("a", "web", "True", 8080),
            pod("b", "web", "True", 9090),
        ];
        let mut ports: Vec<_> =
            slices(objects).iter().map(|slice| slice["ports"][0]["port"].clone()).collect();
        ports.sort_by_key(Value::as_u64);
        assert_eq!(ports, [json!(8080), json!(9090)], "two sets of ports are two slices");
    }

    #[test]
    fn slices_that_others_wrote_are_left_alone() {
        let foreign = json!({
            "apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice",
            "metadata": {"name": "web-x", "namespace": "apps",
                "labels": {"kubernetes.io/service-name": "web"}},
        });
        let mut stale = foreign.clone();
        stale["metadata"]["name"] = "web-old".into();
        stale["metadata"]["labels"]["endpointslice.kubernetes.io/managed-by"] =
            "endpointslice-controller.k8s.io".into();
        stale["metadata"]["ownerReferences"] = json!([{"uid": "s", "controller": true}]);
        let objects = [service(json!([{"port": 80}])), foreign, stale];
        let deleted: Vec<_> = desired(&Snapshot::from_values(objects))
            .into_iter()
            .filter_map(|write| match write {
                Write::Delete(object) => Some(object["metadata"]["name"].clone()),
                _ => None,
            })
            .collect();
        assert_eq!(deleted, [json!("web-old")]);
    }

    #[test]
    fn a_service_without_selector_gets_no_slice() {
        let mut manual = service(json!([{"port": 80}]));
        manual["spec"]["selector"] = json!({});
        assert!(slices([manual, pod("a", "web", "True", 80)]).is_empty());
    }
}
