//! From a topology to the nodes of an embedded cluster: a pure function.

use std::net::IpAddr;

use gateproof_core::cluster::{Node, NodeRole};
use gateproof_core::topology::{IpFamily, Topology};

use crate::address::AddressBlock;
use crate::controllers::kubernetes::node::{ControlPlane, standard_labels};

/// The nodes of a topology, in its order. They carry the topology's own names (`worker2`), which
/// scenarios use to name nodes.
pub(super) fn nodes(topology: &Topology, block: &AddressBlock) -> Result<Vec<Node>, String> {
    if topology.networking.ip_family != IpFamily::V4 {
        return Err(format!(
            "topology {} asks for ipFamily {:?}, and embedded clusters have IPv4 only; use a \
             topology with ipFamily ipv4, or run on kind",
            topology.name, topology.networking.ip_family
        ));
    }
    topology
        .nodes
        .iter()
        .enumerate()
        .map(|(index, node)| {
            let address = block.node(index).ok_or_else(|| {
                format!(
                    "topology {} has {} nodes, more than a block of loopback addresses holds",
                    topology.name,
                    topology.nodes.len()
                )
            })?;
            let mut labels = node.labels.clone();
            labels.extend(standard_labels(node.name.as_str(), node.role));
            Ok(Node {
                name: node.name.clone(),
                role: node.role,
                labels,
                addresses: vec![IpAddr::V4(address)],
            })
        })
        .collect()
}

/// Whether workloads may run on control planes: kind removes the taint when the cluster has one
/// node.
pub(super) fn control_plane(nodes: &[Node]) -> ControlPlane {
    if nodes.iter().any(|node| node.role == NodeRole::Worker) {
        ControlPlane::Tainted
    } else {
        ControlPlane::Schedulable
    }
}
