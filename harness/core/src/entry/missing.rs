//! Why there is no entry point, in words that say what to do.

use std::collections::BTreeMap;

use super::ServiceType;
use crate::cilium::HostNetwork;
use crate::cluster::{Node, NodeSelector};
use crate::name::{NamespacedName, NodeName};
use crate::verdict::{Failure, FailureKind, Judgement};

/// Why traffic cannot enter, or why nobody can say where it should.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoEntry {
    /// Cilium has made no Service for the Gateway.
    #[error("Gateway {gateway} has no Service")]
    NoService {
        /// The Gateway.
        gateway: NamespacedName,
    },
    /// The Gateway has no such listener.
    #[error("Gateway {gateway} has no listener {asked}; it has {}", list(listeners))]
    NoListener {
        /// The Gateway.
        gateway: NamespacedName,
        /// What was asked for, such as `on port 8443`.
        asked: String,
        /// What it has.
        listeners: Vec<String>,
    },
    /// The Service lacks a port for a listener.
    #[error("Service {service} has no port {port}; it has {}", list(ports))]
    NoServicePort {
        /// The Service.
        service: NamespacedName,
        /// The listener port.
        port: u16,
        /// The ports it has.
        ports: Vec<u16>,
    },
    /// The Service's port has no node port.
    #[error("Service {service} of type {service_type} has no node port for port {port}")]
    NoNodePort {
        /// The Service.
        service: NamespacedName,
        /// Its type.
        service_type: ServiceType,
        /// The listener port.
        port: u16,
        /// The host-network setting, which decides what to look at.
        host_network: HostNetwork,
    },
    /// The Service has no load-balancer address.
    #[error("Service {service} of type {service_type} has no load-balancer address")]
    NoAddress {
        /// The Service.
        service: NamespacedName,
        /// Its type.
        service_type: ServiceType,
    },
    /// The load balancer is known by name only.
    #[error("Service {service} has host names for addresses ({}), and no IP address", names.join(", "))]
    OnlyHostNames {
        /// The Service.
        service: NamespacedName,
        /// The names.
        names: Vec<String>,
    },
    /// The claim's own selector chooses no node.
    #[error("the claim speaks of {selector}, and no node is among them; the nodes are {}", nodes.join("; "))]
    NoNodeChosen {
        /// The selector.
        selector: NodeSelector,
        /// Every node with its labels.
        nodes: Vec<String>,
    },
    /// Cilium's host-network selector chooses none of the nodes.
    #[error("host network binds listeners on nodes with {}, and none of these carries the labels: {}", labels_of(host_network), nodes.join("; "))]
    NotServedThere {
        /// Cilium's setting.
        host_network: HostNetwork,
        /// The nodes that were looked at, with their labels.
        nodes: Vec<String>,
    },
    /// A node has no address.
    #[error("node {node} has no InternalIP address")]
    NodeWithoutAddress {
        /// The node.
        node: NodeName,
    },
}

impl NoEntry {
    /// The failure that this amounts to for a claim.
    ///
    /// What Cilium or Kubernetes owes and does not deliver refutes the claim; what the harness
    /// could not find out leaves it undecided.
    pub fn failure(&self) -> Failure {
        let (kind, place, expected) = match self {
            Self::NoService { gateway } => {
                (FailureKind::Refuted, format!("Gateway {gateway}"), "a Service made by Cilium")
            }
            Self::NoListener { gateway, .. } => {
                (FailureKind::Refuted, format!("Gateway {gateway}"), "the listener of the claim")
            }
            Self::NoServicePort { service, .. } => {
                (FailureKind::Refuted, format!("Service {service}"), "a port for the listener")
            }
            Self::NoNodePort { service, .. } => {
                (FailureKind::Refuted, format!("Service {service}"), "a node port to enter by")
            }
            Self::NoAddress { service, .. } => {
                (FailureKind::Refuted, format!("Service {service}"), "a load-balancer address")
            }
            Self::OnlyHostNames { service, .. } => {
                (FailureKind::Undecided, format!("Service {service}"), "an IP address to dial")
            }
            Self::NoNodeChosen { .. } => {
                (FailureKind::Undecided, "the cluster's nodes".to_owned(), "at least one node")
            }
            Self::NotServedThere { .. } => (
                FailureKind::Refuted,
                "the cluster's nodes".to_owned(),
                "at least one node that Cilium's selector chooses",
            ),
            Self::NodeWithoutAddress { node } => {
                (FailureKind::Undecided, format!("node {node}"), "an address to dial")
            }
        };
        Failure {
            kind,
            expected: expected.to_owned(),
            seen: self.to_string(),
            place,
            hints: self.hints(),
        }
    }

    /// What to look at next.
    fn hints(&self) -> Vec<String> {
        let hints: &[&str] = match self {
            Self::NoService { .. } => &[
                "look at the Gateway's conditions: without any, no operator has reconciled it; with Accepted False ListenersNotValid, Cilium 1.18.3 and newer stops before it makes the Service",
                "look at the listeners' ResolvedRefs: an HTTPS-only Gateway whose Secret does not exist yet has no valid listener",
            ],
            Self::NoListener { .. } => {
                &["compare the port or name in the claim with spec.listeners of the Gateway"]
            }
            Self::NoServicePort { .. } => &[
                "Cilium's operator writes one port for each distinct listener port: look at its log, and at the Gateway's Accepted condition for this generation",
            ],
            Self::NoNodePort { host_network: HostNetwork::On { .. }, .. } => &[
                "in host-network mode the Service is ClusterIP up to Cilium 1.19.5, so no node port exists by design: enter by the listener port on the nodes instead",
            ],
            Self::NoNodePort { .. } => &[
                "look at spec.type and spec.allocateLoadBalancerNodePorts of the Service, and at CiliumGatewayClassConfig where one is used",
            ],
            Self::NoAddress { service_type: ServiceType::LoadBalancer, .. } => &[
                "with LB-IPAM, look at the Service's condition cilium.io/IPAMRequestSatisfied and at the CiliumLoadBalancerIPPools",
                "from another load balancer, look at its controller's log and at the Service's events",
            ],
            Self::NoAddress { .. } => &[
                "only a Service of type LoadBalancer gets an address; in host-network mode enter by the listener port on the nodes",
            ],
            Self::OnlyHostNames { .. } => &[
                "the name could not be resolved here, or names are not; enter through each node instead",
            ],
            Self::NoNodeChosen { .. } => {
                &["correct the claim's node selector, or the labels in the topology"]
            }
            Self::NotServedThere { .. } => {
                &["compare gatewayAPI.hostNetwork.nodes.matchLabels with the labels of the nodes"]
            }
            Self::NodeWithoutAddress { .. } => &["look at status.addresses of the node"],
        };
        hints.iter().map(|hint| (*hint).to_owned()).collect()
    }
}

impl From<&NoEntry> for Judgement {
    fn from(missing: &NoEntry) -> Self {
        Self { failures: vec![missing.failure()] }
    }
}

/// Nodes with their labels, for a message: `worker {role=gateway}`.
pub(super) fn labelled(nodes: &[&Node]) -> Vec<String> {
    nodes.iter().map(|node| format!("{} {{{}}}", node.name, pairs(&node.labels))).collect()
}

fn pairs(labels: &BTreeMap<String, String>) -> String {
    labels.iter().map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>().join(", ")
}

fn labels_of(host_network: &HostNetwork) -> String {
    match host_network {
        HostNetwork::On { match_labels } => format!("{{{}}}", pairs(match_labels)),
        HostNetwork::Off => "no labels (host network is off)".to_owned(),
    }
}

fn list<T: ToString>(items: &[T]) -> String {
    if items.is_empty() {
        return "none".to_owned();
    }
    items.iter().map(T::to_string).collect::<Vec<_>>().join(", ")
}
