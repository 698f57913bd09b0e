//! The grid of sockets in words: what happens to a connection to each node and port.
//!
//! Agents and Envoys are taken to be healthy and to run the current configuration; that is what a
//! prediction of a configuration means.

use std::collections::BTreeSet;

use gateproof_core::exposure::{Endpoint, PortRole};
use gateproof_core::name::NamespacedName;
use serde::Serialize;

use crate::datapath::{AgentState, EnvoyState, NodeState, SocketBehaviour, datapath};
use crate::predict::service::is_stand_in;
use crate::predict::{Prediction, Question};

/// A socket on a node.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Socket {
    /// The node.
    pub node: String,
    /// Its address.
    pub address: String,
    /// What the port is there for.
    pub role: PortRole,
    /// The port; none when the API server would choose it.
    pub port: Option<u16>,
    /// What happens to a connection.
    pub does: Does,
}

/// What happens to a connection.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Does {
    /// Envoy takes it.
    Accepts,
    /// The agent sends it to a ready backend, past Envoy; while there is none it is refused.
    Forwards,
    /// The agent's health check answers with this status code.
    Answers(u16),
    /// It is refused.
    Refuses {
        /// Why.
        why: String,
    },
    /// Nothing comes back.
    Silent {
        /// Why.
        why: String,
    },
    /// The model does not know.
    NotCovered {
        /// What it does not cover.
        what: String,
    },
}

/// Sockets of all Gateways, sorted, each with its Gateway.
pub(super) fn all(
    question: &Question<'_>,
    prediction: &Prediction,
) -> Vec<(NamespacedName, Socket)> {
    let input = question.input(&prediction.resources);
    let nodes: Vec<NodeState> = prediction
        .resources
        .nodes
        .values()
        .map(|node| NodeState {
            node: node.name.clone(),
            agent: AgentState::Current,
            envoy: EnvoyState::Running,
        })
        .collect();
    let mut sockets: Vec<(NamespacedName, Socket)> =
        datapath(&input, &prediction.outcome.envoy, &nodes)
            .sockets
            .into_iter()
            .map(|found| (found.gateway, socket(&found.endpoint, found.behaviour)))
            .collect();
    sockets.extend(closed_listener_ports(prediction));
    sockets.sort();
    sockets.dedup();
    sockets
}

fn socket(endpoint: &Endpoint, behaviour: SocketBehaviour) -> Socket {
    let does = match behaviour {
        SocketBehaviour::Serves { .. } => Does::Accepts,
        SocketBehaviour::Forwards { .. } => Does::Forwards,
        SocketBehaviour::Answers { status } => Does::Answers(status),
        SocketBehaviour::Refuses { why } => Does::Refuses { why },
        SocketBehaviour::Silent { why } => Does::Silent { why },
        SocketBehaviour::Unmodelled(what) => Does::NotCovered { what },
    };
    Socket {
        node: endpoint.node.to_string(),
        address: endpoint.address.to_string(),
        role: endpoint.role,
        port: (!is_stand_in(endpoint.port)).then_some(endpoint.port),
        does,
    }
}

/// Outside host network nothing listens on a node's own listener ports.
fn closed_listener_ports(prediction: &Prediction) -> Vec<(NamespacedName, Socket)> {
    let mut sockets = Vec::new();
    for config in &prediction.outcome.envoy {
        if config.listeners.iter().any(|listener| !listener.host_ports.is_empty()) {
            continue;
        }
        let ports: BTreeSet<u16> = config.service.ports().collect();
        for node in prediction.resources.nodes.values() {
            for address in node.internal_addresses() {
                sockets.extend(ports.iter().map(|port| {
                    let socket = Socket {
                        node: node.name.to_string(),
                        address: address.to_string(),
                        role: PortRole::ListenerPort,
                        port: Some(*port),
                        does: Does::Refuses {
                            why: "without host network nothing listens on the node's own listener ports"
                                .to_owned(),
                        },
                    };
                    (config.gateway.clone(), socket)
                }));
            }
        }
    }
    sockets
}
