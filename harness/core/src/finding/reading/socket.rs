//! Sockets that were probed: cells of grids, and connections of checks that failed.

use std::collections::BTreeSet;
use std::fmt;

use crate::dossier::Dossier;
use crate::exposure::{Expectation, Grid, PortRole};
use crate::finding::Seen;
use crate::name::NodeName;
use crate::observation::{HttpOutcome, TcpOutcome};
use crate::verdict::Verdict;

/// A socket, and what came of a connection to it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::finding) struct Socket<'d> {
    pub(in crate::finding) node: Option<NodeName>,
    pub(in crate::finding) port: u16,
    pub(in crate::finding) role: Option<PortRole>,
    pub(in crate::finding) outcome: &'d TcpOutcome,
    wanted: Wanted,
    place: String,
}

/// What was wanted of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Wanted {
    Open,
    Closed,
    Unknown,
}

impl Socket<'_> {
    /// Whether it accepted.
    pub(in crate::finding) fn is_open(&self) -> bool {
        *self.outcome == TcpOutcome::Accepted
    }

    /// Whether the other side shows that it does not accept; a missing route shows nothing.
    pub(in crate::finding) fn is_closed(&self) -> bool {
        matches!(self.outcome, TcpOutcome::Refused | TcpOutcome::Reset | TcpOutcome::TimedOut)
    }

    /// Whether it should have accepted and did not.
    pub(in crate::finding) fn is_dead(&self) -> bool {
        self.is_closed() && self.wanted == Wanted::Open
    }

    /// Whether it may accept; `false` where the reference says that it must not.
    pub(in crate::finding) fn is_wanted(&self) -> bool {
        self.wanted != Wanted::Closed
    }

    /// Whether traffic of a Gateway enters here.
    pub(in crate::finding) fn is_traffic(&self) -> bool {
        matches!(self.role, Some(PortRole::NodePort { .. } | PortRole::ListenerPort))
    }

    /// Whether it is a listener port on a node.
    pub(in crate::finding) fn is_listener_port(&self) -> bool {
        self.role == Some(PortRole::ListenerPort)
    }

    /// Whether it is a node port of a Service.
    pub(in crate::finding) fn is_node_port(&self) -> bool {
        matches!(self.role, Some(PortRole::NodePort { .. }))
    }
}

impl fmt::Display for Socket<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.place)
    }
}

/// Every socket of the Gateways that was probed; each once, as last seen.
pub(in crate::finding) fn sockets(dossier: &Dossier) -> Vec<Socket<'_>> {
    let grids = dossier.exposure.iter().map(|exposure| &exposure.grid);
    let checked = dossier.checks.iter().filter_map(|check| check.evidence.grid.as_ref());
    let mut all: Vec<Socket<'_>> = checked.chain(grids).flat_map(of_grid).collect();
    for check in &dossier.checks {
        // A check that failed although the connection was refused did not want it refused.
        let wanted = match check.verdict {
            Verdict::Failed => Wanted::Open,
            _ => Wanted::Unknown,
        };
        let tcp = check.evidence.tcp.iter();
        let tcp = tcp.map(|placed| (placed.place.as_str(), &placed.observation.outcome));
        let http =
            check.evidence.http.iter().filter_map(|placed| match &placed.observation.outcome {
                HttpOutcome::NotConnected(outcome) => Some((placed.place.as_str(), outcome)),
                _ => None,
            });
        all.extend(tcp.chain(http).filter_map(|(place, outcome)| placed(place, outcome, wanted)));
    }
    let mut known = BTreeSet::new();
    all.retain(|socket| known.insert((socket.node.clone(), socket.port, socket.outcome)));
    all
}

fn of_grid(grid: &Grid) -> impl Iterator<Item = Socket<'_>> {
    grid.cells.iter().filter_map(|cell| {
        let endpoint = &cell.endpoint;
        Some(Socket {
            node: Some(endpoint.node.clone()),
            port: endpoint.port,
            role: Some(endpoint.role),
            outcome: &cell.seen.as_ref()?.outcome,
            wanted: match cell.expected {
                Expectation::Accepts => Wanted::Open,
                Expectation::DoesNotAccept => Wanted::Closed,
                Expectation::Unmodelled(_) => Wanted::Unknown,
            },
            place: format!(
                "{} {}:{} ({})",
                endpoint.node, endpoint.address, endpoint.port, endpoint.role
            ),
        })
    })
}

/// Reads a place as entry points write it: `worker2 172.18.0.4:31080 (node port of 80)`.
fn placed<'d>(place: &str, outcome: &'d TcpOutcome, wanted: Wanted) -> Option<Socket<'d>> {
    let mut words = place.split_whitespace();
    let node = words.next()?;
    let port = words.next()?.rsplit_once(':')?.1.parse().ok()?;
    let role = place.rsplit_once('(')?.1.strip_suffix(')')?;
    let role = if role == PortRole::ListenerPort.to_string() {
        PortRole::ListenerPort
    } else if let Some(listener) = role.strip_prefix("node port of ") {
        PortRole::NodePort { listener: listener.parse().ok()? }
    } else {
        return None;
    };
    let place = place.to_owned();
    Some(Socket { node: Some(NodeName::new(node)), port, role: Some(role), outcome, wanted, place })
}

/// Sockets that should have accepted traffic and did not.
pub(in crate::finding) fn dead(dossier: &Dossier) -> Vec<Socket<'_>> {
    let mut dead = sockets(dossier);
    dead.retain(|socket| socket.is_dead() && socket.is_traffic());
    dead
}

/// The nodes of sockets.
pub(in crate::finding) fn nodes_of(sockets: &[Socket<'_>]) -> BTreeSet<NodeName> {
    sockets.iter().filter_map(|socket| socket.node.clone()).collect()
}

/// Sockets as something seen: each outcome with its sockets, the first few by name.
pub(in crate::finding) fn told(sockets: &[Socket<'_>]) -> Vec<Seen> {
    let outcomes: BTreeSet<&TcpOutcome> = sockets.iter().map(|socket| socket.outcome).collect();
    outcomes
        .into_iter()
        .map(|outcome| {
            let places: Vec<&str> = sockets
                .iter()
                .filter(|socket| socket.outcome == outcome)
                .map(|socket| socket.place.as_str())
                .collect();
            let more = places.len().saturating_sub(FEW);
            let shown = places[..places.len() - more].join(", ");
            let more = if more > 0 { format!(" and {more} more") } else { String::new() };
            let source = "TCP probes".to_owned();
            Seen { what: format!("{outcome}: {shown}{more}"), source }
        })
        .collect()
}

/// So many sockets are named; of the others the number is told.
const FEW: usize = 4;
