//! Node objects of a topology, as kind would register them.
//!
//! There is no lifecycle controller: a node is lost by a fault alone, and a fault of a component on
//! a node leaves the node itself ready, as it does in a real cluster.

use gateproof_core::cluster::{Node, NodeRole};
use serde_json::{Value, json};

use crate::controllers::kind::{CILIUM_NODE, NODE};
use crate::controllers::object::skeleton;
use crate::controllers::write::{FieldManager, Write};

/// The version that nodes and `/version` claim to run.
pub(crate) const KUBELET_VERSION: &str = "v1.33.0";

/// Labels that kubeadm and the kubelet give to every node, beside those of the topology.
pub(crate) fn standard_labels(name: &str, role: NodeRole) -> Vec<(String, String)> {
    let mut labels = vec![
        ("kubernetes.io/hostname".to_owned(), name.to_owned()),
        ("kubernetes.io/os".to_owned(), "linux".to_owned()),
        ("kubernetes.io/arch".to_owned(), "amd64".to_owned()),
    ];
    if role == NodeRole::ControlPlane {
        labels.push((CONTROL_PLANE_LABEL.to_owned(), String::new()));
        labels.push((
            "node.kubernetes.io/exclude-from-external-load-balancers".to_owned(),
            String::new(),
        ));
    }
    labels
}

/// The label and taint of control-plane nodes.
pub(crate) const CONTROL_PLANE_LABEL: &str = "node-role.kubernetes.io/control-plane";

/// Whether other workloads than the control plane may run on control-plane nodes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ControlPlane {
    /// Tainted: the rule.
    Tainted,
    /// Open to all: kind removes the taint when the cluster has one node only.
    Schedulable,
}

/// Whether a node is heard of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NodeState {
    /// Its kubelet posts that it is ready.
    Ready,
    /// Its kubelet has stopped posting, and the node lifecycle controller says so
    /// (kubernetes/kubernetes 1.33 `pkg/controller/nodelifecycle/node_lifecycle_controller.go`).
    Lost,
}

/// The Node object and its status, as two writes.
pub(crate) fn node_writes(
    node: &Node,
    control_plane: ControlPlane,
    state: NodeState,
    now: &str,
) -> [Write; 2] {
    let mut object = node_object(node, control_plane, now);
    if state == NodeState::Lost {
        let mut taints = object["spec"]["taints"].as_array().cloned().unwrap_or_default();
        for effect in ["NoSchedule", "NoExecute"] {
            taints.push(json!({"key": "node.kubernetes.io/unreachable", "effect": effect}));
        }
        object["spec"]["taints"] = json!(taints);
        object["status"]["conditions"] = json!([{
            "type": "Ready",
            "status": "Unknown",
            "reason": "NodeStatusUnknown",
            "message": "Kubelet stopped posting node status.",
            "lastHeartbeatTime": now,
            "lastTransitionTime": now,
        }]);
    }
    let mut status = skeleton(NODE, None, node.name.as_str());
    status["status"] = object["status"].clone();
    [Write::Apply(FieldManager::Kubelet, object), Write::ApplyStatus(FieldManager::Kubelet, status)]
}

/// The Node object with its status.
pub(crate) fn node_object(node: &Node, control_plane: ControlPlane, now: &str) -> Value {
    let mut object = skeleton(NODE, None, node.name.as_str());
    object["metadata"]["labels"] = json!(node.labels);
    object["spec"] = json!({});
    if node.role == NodeRole::ControlPlane && control_plane == ControlPlane::Tainted {
        object["spec"]["taints"] = json!([{"key": CONTROL_PLANE_LABEL, "effect": "NoSchedule"}]);
    }
    let mut addresses: Vec<Value> = node
        .addresses
        .iter()
        .map(|address| json!({"type": "InternalIP", "address": address.to_string()}))
        .collect();
    addresses.push(json!({"type": "Hostname", "address": node.name.as_str()}));
    // Nominal: nothing is measured or reserved here, but `kubectl describe node` divides by these.
    let resources =
        json!({"cpu": "4", "memory": "8Gi", "ephemeral-storage": "64Gi", "pods": "110"});
    object["status"] = json!({
        "addresses": addresses,
        "capacity": resources,
        "allocatable": resources,
        "conditions": [{
            "type": "Ready",
            "status": "True",
            "reason": "KubeletReady",
            "message": "kubelet is posting ready status",
            "lastHeartbeatTime": now,
            "lastTransitionTime": now,
        }],
        "nodeInfo": {
            "kubeletVersion": KUBELET_VERSION,
            "operatingSystem": "linux",
            "architecture": "amd64",
            "osImage": gateproof_core::cluster::EMBEDDED,
            "containerRuntimeVersion": "gateproof://embedded",
        },
    });
    object
}

/// The CiliumNode object that an agent registers for its node.
pub(crate) fn cilium_node_object(node: &Node) -> Value {
    let mut object = skeleton(CILIUM_NODE, None, node.name.as_str());
    object["metadata"]["labels"] = json!(node.labels);
    let addresses: Vec<Value> = node
        .addresses
        .iter()
        .map(|address| json!({"type": "InternalIP", "ip": address.to_string()}))
        .collect();
    object["spec"] = json!({"addresses": addresses});
    object
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use gateproof_core::cluster::{Node, NodeRole};
    use gateproof_core::name::NodeName;

    use super::{ControlPlane, node_object};

    fn node(role: NodeRole) -> Node {
        Node {
            name: NodeName::new("n"),
            role,
            labels: BTreeMap::new(),
            addresses: vec!["127.3.4.2".parse().expect("an address")],
        }
    }

    #[test]
    fn only_control_planes_of_larger_clusters_are_tainted() {
        let taints = |role, control_plane| {
            node_object(&node(role), control_plane, "now")["spec"].get("taints").is_some()
        };
        assert!(taints(NodeRole::ControlPlane, ControlPlane::Tainted));
        assert!(!taints(NodeRole::ControlPlane, ControlPlane::Schedulable));
        assert!(!taints(NodeRole::Worker, ControlPlane::Tainted));
    }

    #[test]
    fn the_internal_address_comes_first() {
        let object = node_object(&node(NodeRole::Worker), ControlPlane::Tainted, "now");
        assert_eq!(object["status"]["addresses"][0]["address"], "127.3.4.2");
    }
}
