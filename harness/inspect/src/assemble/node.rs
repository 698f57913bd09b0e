//! Nodes by their objects.

use std::net::IpAddr;

use gateproof_core::cluster::{Node, NodeRole};
use gateproof_core::dossier::text;
use gateproof_core::name::NodeName;
use serde_json::Value;

/// Labels of nodes that run the control plane (kubernetes/kubernetes: `cmd/kubeadm/app/constants`).
const CONTROL_PLANE: &[&str] =
    &["node-role.kubernetes.io/control-plane", "node-role.kubernetes.io/master"];

/// Nodes, sorted by name. The addresses of a node are those of type `InternalIP`, and where it has
/// none those of type `ExternalIP`: some clouds give nodes no other.
pub fn nodes<'v>(objects: impl IntoIterator<Item = &'v Value>) -> Vec<Node> {
    let mut nodes: Vec<Node> = objects.into_iter().filter_map(node).collect();
    nodes.sort_by(|one, other| one.name.cmp(&other.name));
    nodes
}

fn node(object: &Value) -> Option<Node> {
    let name = text(object, "/metadata/name")?;
    let labels: std::collections::BTreeMap<String, String> = object
        .pointer("/metadata/labels")
        .and_then(Value::as_object)
        .into_iter()
        .flatten()
        .filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned())))
        .collect();
    let is_control_plane = CONTROL_PLANE.iter().any(|label| labels.contains_key(*label));
    let of_type = |wanted: &str| -> Vec<IpAddr> {
        object
            .pointer("/status/addresses")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .filter(|entry| text(entry, "/type") == Some(wanted))
            .filter_map(|entry| text(entry, "/address")?.parse().ok())
            .collect()
    };
    let internal = of_type("InternalIP");
    let addresses = if internal.is_empty() { of_type("ExternalIP") } else { internal };
    Some(Node {
        name: NodeName::new(name),
        role: if is_control_plane { NodeRole::ControlPlane } else { NodeRole::Worker },
        labels,
        addresses,
    })
}

#[cfg(test)]
mod tests {
    use gateproof_core::cluster::NodeRole;
    use serde_json::json;

    use super::nodes;

    #[test]
    fn nodes_are_sorted_and_have_their_internal_addresses() {
        let objects = [
            json!({"metadata": {"name": "b", "labels": {"role": "gateway"}}, "status": {"addresses": [
                {"type": "Hostname", "address": "b"}, {"type": "ExternalIP", "address": "203.0.113.9"},
                {"type": "InternalIP", "address": "10.0.0.2"}]}}),
            json!({"metadata": {"name": "c"}, "status": {"addresses": [
                {"type": "ExternalIP", "address": "203.0.113.7"}]}}),
            json!({"metadata": {"name": "a", "labels": {"node-role.kubernetes.io/control-plane": ""}}}),
        ];
        let seen = nodes(&objects);
        assert_eq!(seen[0].role, NodeRole::ControlPlane);
        assert_eq!(seen[1].addresses, ["10.0.0.2".parse::<std::net::IpAddr>().unwrap()]);
        assert_eq!(seen[1].labels["role"], "gateway");
        assert_eq!(seen[2].addresses, ["203.0.113.7".parse::<std::net::IpAddr>().unwrap()]);
    }
}
