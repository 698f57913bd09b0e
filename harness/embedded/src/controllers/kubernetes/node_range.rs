//! The range of pod addresses of each node: a /24 of 10.244.0.0/16, as kube-controller-manager
//! allocates it (`--allocate-node-cidrs`, kubernetes/kubernetes v1.36
//! `pkg/controller/nodeipam/ipam/range_allocator.go`). IPv4 and kubeadm's usual network only.

use std::collections::BTreeSet;

use serde_json::json;

use crate::controllers::kind::NODE;
use crate::controllers::object::{identity, text};
use crate::controllers::snapshot::Snapshot;
use crate::controllers::write::{FieldManager, Write};

/// Gives a range to every node that has none.
pub(crate) fn desired(snapshot: &Snapshot) -> Vec<Write> {
    let mut taken: BTreeSet<String> = snapshot
        .list(NODE)
        .filter_map(|node| text(node, "/spec/podCIDR").map(str::to_owned))
        .collect();
    let mut writes = Vec::new();
    for node in snapshot.list(NODE).filter(|node| text(node, "/spec/podCIDR").is_none()) {
        let free = (0..=255_u8)
            .map(|third| format!("10.244.{third}.0/24"))
            .find(|range| !taken.contains(range));
        let Some(free) = free else { continue };
        let mut write = identity(node);
        write["spec"] = json!({"podCIDR": free, "podCIDRs": [free]});
        writes.push(Write::Apply(FieldManager::KubeControllerManager, write));
        taken.insert(free);
    }
    writes
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::desired;
    use crate::controllers::snapshot::Snapshot;

    fn node(name: &str, range: Option<&str>) -> Value {
        let mut node = json!({
            "apiVersion": "v1", "kind": "Node", "metadata": {"name": name}, "spec": {},
        });
        if let Some(range) = range {
            node["spec"]["podCIDR"] = range.into();
        }
        node
    }

    #[test]
    fn a_node_without_a_range_gets_a_free_one_and_others_keep_theirs() {
        let writes = desired(&Snapshot::from_values([
            node("a", None),
            node("b", Some("10.244.0.0/24")),
            node("c", None),
        ]));
        let given: Vec<_> =
            writes.iter().map(|write| write.object()["spec"]["podCIDR"].clone()).collect();
        assert_eq!(given, [json!("10.244.1.0/24"), json!("10.244.2.0/24")]);
    }
}
