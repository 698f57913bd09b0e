//! Exposure: which sockets of a Gateway should accept on a healthy cluster, as the expectation of
//! the grid node × port.
//!
//! Cells that must not accept are part of it. Left out are node ports of a host-network Gateway
//! (Cilium 1.19.6 and later): that they are refused was derived from the source and never seen
//! running, which is too little to fail somebody's cluster on, and marking them as not modelled
//! would make every host-network trial inconclusive. [`crate::datapath`] has them.

use std::collections::BTreeSet;

use gateproof_core::exposure::{Endpoint, Expectation, PortRole};
use gateproof_core::name::NamespacedName;

use crate::datapath::{AgentState, EnvoyState, NodeSocket, NodeState, SocketBehaviour, datapath};
use crate::translation::envoy::EnvoyConfig;
use crate::{Input, Unmodelled, reconcile};

/// Why there is no expectation of a Gateway's sockets.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoExpectation {
    /// The model does not cover it.
    #[error("{0}")]
    Unmodelled(Unmodelled),
    /// The Service that is made for the Gateway is not there.
    #[error("Gateway {gateway} has no Service {service}; wait for it to be reconciled")]
    NoService {
        /// The Gateway.
        gateway: NamespacedName,
        /// The Service that is made for it.
        service: NamespacedName,
    },
    /// It is there, and has no node port for a port.
    #[error("Service {service} has no node port for port {port}")]
    NoNodePort {
        /// The Service.
        service: NamespacedName,
        /// The port.
        port: u16,
    },
}

impl From<Unmodelled> for NoExpectation {
    fn from(what: Unmodelled) -> Self {
        Self::Unmodelled(what)
    }
}

/// What should accept and what should not, sorted by endpoint.
///
/// The Gateway's Service must be among the resources as the API server has it, node ports
/// included. Agents all run the current configuration and Envoys all run: that is what the
/// expectation means.
pub fn exposure(
    input: &Input<'_>,
    gateway: &NamespacedName,
) -> Result<Vec<(Endpoint, Expectation)>, NoExpectation> {
    let object = format!("Gateway {gateway}");
    let outcome = reconcile(input);
    if let Some(limit) = outcome
        .unmodelled
        .iter()
        .find(|limit| limit.object == object || limit.object.starts_with("Cilium "))
    {
        return Err(limit.clone().into());
    }
    let config = outcome.envoy.iter().find(|config| config.gateway == *gateway);
    let is_host_network = config.is_some_and(|config| {
        config.listeners.iter().any(|listener| !listener.host_ports.is_empty())
    });
    if let Some(config) = config.filter(|_| !is_host_network) {
        require_node_ports(input, config)?;
    }
    let nodes: Vec<NodeState> = input
        .resources
        .nodes
        .values()
        .map(|node| NodeState {
            node: node.name.clone(),
            agent: AgentState::Current,
            envoy: EnvoyState::Running,
        })
        .collect();
    let mut sockets = datapath(input, &outcome.envoy, &nodes).sockets;
    sockets.retain(|socket| socket.gateway == *gateway);
    if config.is_none() && sockets.is_empty() {
        return Err(Unmodelled::new(
            object,
            "exposure without an Envoy configuration; look at the Gateway's conditions and class",
        )
        .into());
    }
    let mut ports: BTreeSet<u16> =
        config.iter().flat_map(|config| config.service.ports()).collect();
    ports.extend(sockets.iter().filter_map(forwarded_port));
    let mut cells: Vec<(Endpoint, Expectation)> = sockets
        .into_iter()
        .filter(|socket| {
            !(is_host_network && matches!(socket.endpoint.role, PortRole::NodePort { .. }))
        })
        .map(|socket| (socket.endpoint, expectation(input, socket.behaviour)))
        .collect();
    if !is_host_network {
        cells.extend(closed_listener_ports(input, &ports));
    }
    cells.sort_by(|a, b| a.0.cmp(&b.0));
    Ok(cells)
}

/// The listener port of a TCP listener, if a socket is one's.
fn forwarded_port(socket: &NodeSocket) -> Option<u16> {
    match (&socket.behaviour, socket.endpoint.role) {
        (SocketBehaviour::Forwards { .. }, PortRole::NodePort { listener }) => Some(listener),
        _ => None,
    }
}

fn expectation(input: &Input<'_>, behaviour: SocketBehaviour) -> Expectation {
    match behaviour {
        SocketBehaviour::Serves { .. } | SocketBehaviour::Answers { .. } => Expectation::Accepts,
        SocketBehaviour::Forwards { service, port } => {
            if input.resources.ready_ports.contains(&(service, port)) {
                Expectation::Accepts
            } else {
                Expectation::DoesNotAccept
            }
        }
        SocketBehaviour::Refuses { .. } | SocketBehaviour::Silent { .. } => {
            Expectation::DoesNotAccept
        }
        SocketBehaviour::Unmodelled(what) => Expectation::Unmodelled(what),
    }
}

/// Without node ports the grid would lack the cells that matter, and look fine.
fn require_node_ports(input: &Input<'_>, config: &EnvoyConfig) -> Result<(), NoExpectation> {
    let name = &config.service.service;
    let Some(service) = input.resources.services.get(name) else {
        return Err(NoExpectation::NoService {
            gateway: config.gateway.clone(),
            service: name.clone(),
        });
    };
    for port in config.service.ports() {
        let allocated =
            service.spec.ports.iter().any(|found| found.port == port && found.node_port.is_some());
        if !allocated {
            return Err(NoExpectation::NoNodePort { service: name.clone(), port });
        }
    }
    Ok(())
}

/// Outside host network nothing listens on a node's own listener ports.
fn closed_listener_ports(input: &Input<'_>, ports: &BTreeSet<u16>) -> Vec<(Endpoint, Expectation)> {
    let nodes = input.resources.nodes.values();
    nodes
        .flat_map(|node| {
            node.internal_addresses().into_iter().flat_map(move |address| {
                ports.iter().map(move |port| {
                    let endpoint = Endpoint {
                        node: node.name.clone(),
                        address,
                        port: *port,
                        role: PortRole::ListenerPort,
                    };
                    (endpoint, Expectation::DoesNotAccept)
                })
            })
        })
        .collect()
}

#[cfg(test)]
mod tests;
