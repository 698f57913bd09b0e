//! Exposure: which node and port should accept a connection, and which did.
//!
//! The grid node × port is the main result of a trial. A [`Cell`] is one socket of it; its
//! expectation comes from the reference model or from the scenario, its observation from a TCP
//! probe.

use std::fmt;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::name::NodeName;
use crate::observation::{TcpObservation, TcpOutcome};

/// Why a port is in the grid.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum PortRole {
    /// The node port that belongs to this listener port of the Gateway's Service.
    NodePort {
        /// The listener port.
        listener: u16,
    },
    /// A listener port of the Gateway on the node itself (host network).
    ListenerPort,
    /// `spec.healthCheckNodePort` of a Service with policy Local.
    HealthCheckNodePort,
}

/// One address and port of the grid, in the cluster's own terms (before the address book).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Endpoint {
    /// The node.
    pub node: NodeName,
    /// Its address.
    pub address: IpAddr,
    /// The port.
    pub port: u16,
    /// Why it is looked at.
    pub role: PortRole,
}

/// What should happen at an endpoint.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Expectation {
    /// A TCP handshake completes.
    Accepts,
    /// It does not: refused, reset or silence are all right.
    DoesNotAccept,
    /// The reference does not cover this; the cell decides nothing and makes the claim
    /// inconclusive.
    Unmodelled(String),
}

/// One cell of the grid.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Cell {
    /// Where.
    pub endpoint: Endpoint,
    /// What should happen.
    pub expected: Expectation,
    /// What happened, if it was probed.
    pub seen: Option<TcpObservation>,
}

/// What a cell says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CellState {
    /// Seen as expected.
    AsExpected,
    /// Accepts although it should not.
    UnexpectedlyOpen,
    /// Does not accept although it should.
    UnexpectedlyClosed,
    /// Not probed, or not modelled.
    Undecided,
}

impl Cell {
    /// Compares what was expected with what was seen.
    pub fn state(&self) -> CellState {
        let Some(seen) = &self.seen else { return CellState::Undecided };
        let open = seen.outcome == TcpOutcome::Accepted;
        match (&self.expected, open) {
            (Expectation::Accepts, true) | (Expectation::DoesNotAccept, false) => {
                CellState::AsExpected
            }
            (Expectation::Accepts, false) => CellState::UnexpectedlyClosed,
            (Expectation::DoesNotAccept, true) => CellState::UnexpectedlyOpen,
            (Expectation::Unmodelled(_), _) => CellState::Undecided,
        }
    }
}

/// The grid of one Gateway: cells sorted by endpoint.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Grid {
    /// The cells, sorted by endpoint.
    pub cells: Vec<Cell>,
}

impl fmt::Display for PortRole {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NodePort { listener } => write!(f, "node port of {listener}"),
            Self::ListenerPort => f.write_str("listener port"),
            Self::HealthCheckNodePort => f.write_str("health-check node port"),
        }
    }
}
