//! Exposure: which sockets of a Gateway should accept on a healthy cluster, as the expectation of
//! the grid node × port.
//!
//! Cells that must not accept are part of it. Left out are node ports of a host-network Gateway
//! (Cilium 1.19.6 and later): that they are refused was derived from the source and never seen
//! running, which is too little to fail somebody's cluster on, and marking them as not modelled
//! would make every host-network trial inconclusive. [`crate::datapath`] has them.

use gateproof_core::exposure::{Endpoint, Expectation, PortRole};
use gateproof_core::name::NamespacedName;

use crate::datapath::{AgentState, EnvoyState, NodeState, SocketBehaviour, datapath};
use crate::translation::envoy::EnvoyConfig;
use crate::{Input, Unmodelled, reconcile};

/// What should accept and what should not, sorted by endpoint.
///
/// The Gateway's Service must be among the resources as the API server has it, node ports
/// included. Agents all run the current configuration and Envoys all run: that is what the
/// expectation means.
pub fn exposure(
    input: &Input<'_>,
    gateway: &NamespacedName,
) -> Result<Vec<(Endpoint, Expectation)>, Unmodelled> {
    let object = format!("Gateway {gateway}");
    let outcome = reconcile(input);
    if let Some(limit) = outcome
        .unmodelled
        .iter()
        .find(|limit| limit.object == object || limit.object.starts_with("Cilium "))
    {
        return Err(limit.clone());
    }
    let Some(config) = outcome.envoy.iter().find(|config| config.gateway == *gateway) else {
        return Err(Unmodelled::new(
            object,
            "exposure without an Envoy configuration; look at the Gateway's conditions and class",
        ));
    };
    let is_host_network = config.listeners.iter().any(|listener| !listener.host_ports.is_empty());
    if !is_host_network {
        require_node_ports(input, config, &object)?;
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
    let mut cells: Vec<(Endpoint, Expectation)> = datapath(input, &outcome.envoy, &nodes)
        .sockets
        .into_iter()
        .filter(|socket| socket.gateway == *gateway)
        .filter(|socket| {
            !(is_host_network && matches!(socket.endpoint.role, PortRole::NodePort { .. }))
        })
        .map(|socket| (socket.endpoint, expectation(socket.behaviour)))
        .collect();
    if !is_host_network {
        cells.extend(closed_listener_ports(input, config));
    }
    cells.sort_by(|a, b| a.0.cmp(&b.0));
    Ok(cells)
}

fn expectation(behaviour: SocketBehaviour) -> Expectation {
    match behaviour {
        SocketBehaviour::Serves { .. } | SocketBehaviour::Answers { .. } => Expectation::Accepts,
        SocketBehaviour::Refuses { .. } | SocketBehaviour::Silent { .. } => {
            Expectation::DoesNotAccept
        }
        SocketBehaviour::Unmodelled(what) => Expectation::Unmodelled(what),
    }
}

/// Without node ports the grid would lack the cells that matter, and look fine.
fn require_node_ports(
    input: &Input<'_>,
    config: &EnvoyConfig,
    object: &str,
) -> Result<(), Unmodelled> {
    let name = &config.service.service;
    let Some(service) = input.resources.services.get(name) else {
        return Err(Unmodelled::new(
            object,
            format!(
                "exposure before its Service {name} exists; wait for the Gateway to be reconciled"
            ),
        ));
    };
    for port in config.service.ports() {
        let allocated =
            service.spec.ports.iter().any(|found| found.port == port && found.node_port.is_some());
        if !allocated {
            return Err(Unmodelled::new(
                object,
                format!("exposure while its Service {name} has no node port for port {port}"),
            ));
        }
    }
    Ok(())
}

/// Outside host network nothing listens on a node's own listener ports.
fn closed_listener_ports(input: &Input<'_>, config: &EnvoyConfig) -> Vec<(Endpoint, Expectation)> {
    let nodes = input.resources.nodes.values();
    nodes
        .flat_map(|node| {
            node.internal_addresses().into_iter().flat_map(move |address| {
                config.service.ports().map(move |port| {
                    let endpoint = Endpoint {
                        node: node.name.clone(),
                        address,
                        port,
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
