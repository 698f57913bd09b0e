//! Ports of a Service that nobody asks for any more.
//!
//! Whoever applies a Service and drops a port gives up its own fields of it; the node port and the
//! defaults that were filled in here would keep the entry alive. A real API server fills fields in
//! without owning them, so the entry must go with its last real owner.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::controllers::object::{items, text};
use crate::controllers::write::API_SERVER;

/// What an entry of `spec.ports` is known by.
type Key = (u64, String);

/// Removes ports that only the API server's own additions hold.
pub(super) fn drop_abandoned_ports(service: &mut Value) {
    let owned = |by: fn(&str) -> bool| -> BTreeSet<Key> {
        items(service, "/metadata/managedFields")
            .iter()
            .filter(|entry| by(text(entry, "/manager").unwrap_or_default()))
            .filter_map(|entry| entry.pointer("/fieldsV1/f:spec/f:ports")?.as_object())
            .flat_map(|ports| ports.keys().filter_map(|key| parse(key)))
            .collect()
    };
    let filled_in = owned(|manager| manager == API_SERVER);
    let asked_for = owned(|manager| manager != API_SERVER);
    if let Some(ports) = service.pointer_mut("/spec/ports").and_then(Value::as_array_mut) {
        ports.retain(|port| {
            let key = key(port);
            asked_for.contains(&key) || !filled_in.contains(&key)
        });
    }
}

/// The key of a `managedFields` path element such as `k:{"port":80,"protocol":"TCP"}`.
fn parse(element: &str) -> Option<Key> {
    let fields: Value = serde_json::from_str(element.strip_prefix("k:")?).ok()?;
    Some(key(&fields))
}

fn key(port: &Value) -> Key {
    let number = port.get("port").and_then(Value::as_u64).unwrap_or_default();
    (number, text(port, "/protocol").unwrap_or("TCP").to_owned())
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::drop_abandoned_ports;

    fn entry(manager: &str, ports: &[u16]) -> Value {
        let ports: serde_json::Map<String, Value> = ports
            .iter()
            .map(|port| (format!("k:{{\"port\":{port},\"protocol\":\"TCP\"}}"), json!({})))
            .collect();
        json!({"manager": manager, "fieldsV1": {"f:spec": {"f:ports": ports}}})
    }

    fn left(managed: &Value) -> Vec<u64> {
        let mut service = json!({
            "metadata": {"managedFields": managed},
            "spec": {"ports": [{"port": 80, "nodePort": 30100}, {"port": 443, "protocol": "TCP"}]},
        });
        drop_abandoned_ports(&mut service);
        service["spec"]["ports"]
            .as_array()
            .expect("ports")
            .iter()
            .filter_map(|port| port["port"].as_u64())
            .collect()
    }

    #[test]
    fn a_port_goes_with_its_last_real_owner() {
        let both = json!([entry("kube-apiserver", &[80, 443]), entry("cilium-operator", &[443])]);
        assert_eq!(left(&both), [443]);
        let kept =
            json!([entry("kube-apiserver", &[80, 443]), entry("cilium-operator", &[80, 443])]);
        assert_eq!(left(&kept), [80, 443]);
    }

    #[test]
    fn ports_without_any_recorded_owner_stay() {
        assert_eq!(left(&json!([])), [80, 443]);
    }
}
