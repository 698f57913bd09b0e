//! EndpointSlices, as far as TCP and UDP listeners need them: which ports of which Services have a
//! ready endpoint. (cilium/cilium 1.20 `pkg/k8s/endpoints.go`.)

use std::collections::BTreeSet;

use gateproof_core::name::NamespacedName;
use serde_json::Value;

/// A port of a Service, by its name, that has a ready endpoint.
pub(crate) type ReadyPort = (NamespacedName, String);

/// What a slice adds.
pub(super) fn ready_ports(slice: &Value) -> BTreeSet<ReadyPort> {
    let text = |pointer: &str| slice.pointer(pointer).and_then(Value::as_str);
    let list = |name: &str| slice[name].as_array().map(Vec::as_slice).unwrap_or_default();
    let service = text("/metadata/labels/kubernetes.io~1service-name");
    let namespace = text("/metadata/namespace");
    let (Some(service), Some(namespace)) = (service, namespace) else { return BTreeSet::new() };
    let service = NamespacedName::new(namespace, service);
    // An endpoint without the condition counts as ready (Kubernetes EndpointConditions).
    let is_ready =
        |endpoint: &&Value| endpoint.pointer("/conditions/ready") != Some(&Value::Bool(false));
    let is_idle = text("/metadata/annotations/service.cilium.io~1weight") == Some("0");
    if is_idle || !list("endpoints").iter().any(|endpoint| is_ready(&endpoint)) {
        return BTreeSet::new();
    }
    let names = list("ports").iter().map(|port| port["name"].as_str().unwrap_or_default());
    names.map(|name| (service.clone(), name.to_owned())).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::ready_ports;

    #[test]
    fn only_slices_with_a_ready_endpoint_and_some_weight_count() {
        let slice = |weight: &str, endpoints: &Value| {
            let found = ready_ports(&json!({
                "metadata": {"namespace": "apps", "name": "x",
                    "labels": {"kubernetes.io/service-name": "web"},
                    "annotations": {"service.cilium.io/weight": weight}},
                "ports": [{"name": "port-1"}, {"name": "port-2"}], "endpoints": endpoints}));
            found.len()
        };
        let unready = json!({"conditions": {"ready": false}});
        assert_eq!(slice("1", &json!([unready, {"conditions": {"ready": true}}])), 2);
        assert_eq!(slice("1", &json!([{}])), 2, "an endpoint that does not say is ready");
        for (weight, endpoints) in
            [("1", json!([unready])), ("1", json!([])), ("1", Value::Null), ("0", json!([{}]))]
        {
            assert_eq!(slice(weight, &endpoints), 0, "{weight} {endpoints}");
        }
    }
}
