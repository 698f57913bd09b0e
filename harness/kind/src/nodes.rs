//! The nodes of a cluster as Kubernetes has them, under the names of the topology.
//!
//! Role, labels and addresses come from the Node objects; the containers say which addresses are
//! possible at all, so that nothing is ever sent to an address that is not the cluster's.

use std::collections::BTreeMap;
use std::net::IpAddr;

use gateproof_core::cluster::{Node, NodeRole};
use gateproof_core::name::NodeName;
use serde_json::Value;

use crate::container::ContainerState;
use crate::label;

/// The label of control planes (kubernetes/kubernetes v1.36:
/// `cmd/kubeadm/app/constants/constants.go`).
const CONTROL_PLANE: &str = "node-role.kubernetes.io/control-plane";

/// A node whose object does not fit its container, or is not there.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NodeProblem {
    /// Kubernetes has no such node.
    #[error("{0} is not registered: Kubernetes has no node of that name")]
    Missing(String),
    /// The node says no address.
    #[error("{0} has no InternalIP in its status yet")]
    NoAddress(String),
    /// The node says an address that its container does not have.
    #[error(
        "node {node} says InternalIP {address}, which is none of its container's ({})",
        list(container)
    )]
    Stranger {
        /// The node.
        node: String,
        /// The address.
        address: String,
        /// Those of its container.
        container: Vec<IpAddr>,
    },
}

fn list(addresses: &[IpAddr]) -> String {
    addresses.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

/// The nodes of `cluster`, sorted by name, from the containers that are its nodes and the Node
/// objects. The load balancer is no node.
///
/// # Errors
///
/// Everything that is missing or does not fit.
pub fn read(
    cluster: &str,
    containers: &[ContainerState],
    objects: &[Value],
) -> Result<Vec<Node>, Vec<NodeProblem>> {
    let mut nodes = Vec::new();
    let mut problems = Vec::new();
    for container in containers.iter().filter(|container| is_node(container)) {
        let object = objects.iter().find(|object| {
            object.pointer("/metadata/name") == Some(&container.name.as_str().into())
        });
        match object.map(|object| node(cluster, container, object)) {
            Some(Ok(node)) => nodes.push(node),
            Some(Err(problem)) => problems.push(problem),
            None => problems.push(NodeProblem::Missing(container.name.clone())),
        }
    }
    nodes.sort_by(|one, other| one.name.cmp(&other.name));
    if problems.is_empty() { Ok(nodes) } else { Err(problems) }
}

/// Whether a container is a Kubernetes node.
pub fn is_node(container: &ContainerState) -> bool {
    let helpers = [label::ROLE_LOAD_BALANCER, label::ROLE_PROBER, label::ROLE_MIRROR];
    container.labels.get(label::ROLE).is_some_and(|role| !helpers.contains(&role.as_str()))
}

/// The name of a node in the topology: the container's without that of the cluster.
pub fn short_name(cluster: &str, container: &str) -> NodeName {
    let short = container.strip_prefix(cluster).and_then(|rest| rest.strip_prefix('-'));
    NodeName::new(short.unwrap_or(container))
}

fn node(cluster: &str, container: &ContainerState, object: &Value) -> Result<Node, NodeProblem> {
    let own: Vec<IpAddr> = container
        .addresses
        .values()
        .flat_map(|addresses| [addresses.v4, addresses.v6])
        .flatten()
        .collect();
    let mut addresses = Vec::new();
    for text in internal_addresses(object) {
        match text.parse::<IpAddr>() {
            Ok(address) if own.contains(&address) => addresses.push(address),
            _ => {
                return Err(NodeProblem::Stranger {
                    node: container.name.clone(),
                    address: text.to_owned(),
                    container: own,
                });
            }
        }
    }
    if addresses.is_empty() {
        return Err(NodeProblem::NoAddress(container.name.clone()));
    }
    let labels: BTreeMap<String, String> = object
        .pointer("/metadata/labels")
        .and_then(Value::as_object)
        .into_iter()
        .flatten()
        .filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned())))
        .collect();
    let role =
        if labels.contains_key(CONTROL_PLANE) { NodeRole::ControlPlane } else { NodeRole::Worker };
    Ok(Node { name: short_name(cluster, &container.name), role, labels, addresses })
}

fn internal_addresses(object: &Value) -> impl Iterator<Item = &str> {
    object
        .pointer("/status/addresses")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter(|entry| entry["type"] == "InternalIP")
        .filter_map(|entry| entry["address"].as_str())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use gateproof_core::cluster::NodeRole;
    use serde_json::{Value, json};

    use super::{NodeProblem, read};
    use crate::container::{Addresses, ContainerState, Phase};
    use crate::label;

    fn container(name: &str, role: &str, last: u8) -> ContainerState {
        let addresses = Addresses {
            v4: Some([172, 18, 0, last].into()),
            v6: Some(format!("fc00::{last}").parse().expect("an address")),
        };
        ContainerState {
            id: name.to_owned(),
            name: name.to_owned(),
            image: "kindest/node".to_owned(),
            labels: BTreeMap::from([(label::ROLE.to_owned(), role.to_owned())]),
            phase: Phase::Running,
            addresses: BTreeMap::from([("kind".to_owned(), addresses)]),
            ports: Vec::new(),
        }
    }

    fn object(name: &str, labels: &[&str], addresses: &[&str]) -> Value {
        let labels: BTreeMap<&str, &str> = labels.iter().map(|label| (*label, "")).collect();
        let mut status: Vec<Value> = addresses
            .iter()
            .map(|address| json!({"type": "InternalIP", "address": address}))
            .collect();
        status.push(json!({"type": "Hostname", "address": name}));
        json!({"metadata": {"name": name, "labels": labels}, "status": {"addresses": status}})
    }

    fn containers() -> Vec<ContainerState> {
        vec![
            container("a-b-control-plane", "control-plane", 2),
            container("a-b-external-load-balancer", "external-load-balancer", 4),
            container("a-b-worker2", "worker", 3),
        ]
    }

    const CONTROL_PLANE: &str = "node-role.kubernetes.io/control-plane";

    #[test]
    fn nodes_get_short_names_and_the_load_balancer_is_none() {
        let objects = [
            object("a-b-worker2", &["role"], &["172.18.0.3", "fc00::3"]),
            object("a-b-control-plane", &[CONTROL_PLANE], &["172.18.0.2"]),
        ];
        let nodes = read("a-b", &containers(), &objects).expect("all there");
        let told: Vec<(&str, NodeRole, usize)> = nodes
            .iter()
            .map(|node| (node.name.as_str(), node.role, node.addresses.len()))
            .collect();
        assert_eq!(
            told,
            [("control-plane", NodeRole::ControlPlane, 1), ("worker2", NodeRole::Worker, 2)]
        );
        assert_eq!(nodes[1].labels["role"], "");
    }

    #[test]
    fn everything_that_is_missing_is_told_at_once() {
        let objects = [object("a-b-worker2", &[], &[])];
        let problems = read("a-b", &containers(), &objects).expect_err("nothing is there");
        assert_eq!(
            problems,
            [
                NodeProblem::Missing("a-b-control-plane".to_owned()),
                NodeProblem::NoAddress("a-b-worker2".to_owned()),
            ]
        );
    }

    #[test]
    fn an_address_that_is_not_the_containers_is_refused() {
        let objects = [
            object("a-b-worker2", &[], &["172.18.0.3", "10.0.0.1"]),
            object("a-b-control-plane", &[CONTROL_PLANE], &["172.18.0.2"]),
        ];
        let problems = read("a-b", &containers(), &objects).expect_err("a stranger");
        assert_eq!(
            problems[0].to_string(),
            "node a-b-worker2 says InternalIP 10.0.0.1, which is none of its container's \
             (172.18.0.3, fc00::3)"
        );
    }
}
