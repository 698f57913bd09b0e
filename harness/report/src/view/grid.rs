//! The exposure grid as a table: rows are nodes, columns are ports with their role, and every
//! cell says in words whether what was seen was expected.

use std::collections::BTreeSet;
use std::net::IpAddr;

use gateproof_core::cluster::Node;
use gateproof_core::exposure::{Cell, CellState, Expectation, Grid, PortRole};
use gateproof_core::observation::TcpOutcome;

use crate::layout::{Table, Text, Tone};

/// The grid as a table, and what its question marks mean.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct GridView {
    pub(crate) table: Table,
    /// Sentences for below the table.
    pub(crate) notes: Vec<String>,
}

/// Makes the table of a grid. The nodes give the zones.
pub(crate) fn view(grid: &Grid, nodes: &[Node]) -> GridView {
    let rows: BTreeSet<(usize, &str, IpAddr)> = grid
        .cells
        .iter()
        .map(|cell| {
            let name = cell.endpoint.node.as_str();
            let order = nodes.iter().position(|node| node.name.as_str() == name);
            (order.unwrap_or(usize::MAX), name, cell.endpoint.address)
        })
        .collect();
    let columns: BTreeSet<(u8, u16, u16)> = grid.cells.iter().map(column_of).collect();
    let zone = |name: &str| nodes.iter().find(|node| node.name.as_str() == name)?.zone();
    let zoned = rows.iter().any(|(_, name, _)| zone(name).is_some());

    let mut head = vec!["node".to_owned(), "address".to_owned()];
    if zoned {
        head.push("zone".to_owned());
    }
    head.extend(columns.iter().map(|column| column_title(*column)));
    let row = |&(_, name, address): &(usize, &str, IpAddr)| {
        let mut row = vec![Text::plain(name), Text::plain(address.to_string())];
        if zoned {
            row.push(Text::plain(zone(name).unwrap_or("-")));
        }
        row.extend(columns.iter().map(|column| {
            let here = |cell: &&Cell| {
                cell.endpoint.node.as_str() == name
                    && cell.endpoint.address == address
                    && column_of(cell) == *column
            };
            grid.cells.iter().find(here).map_or(Text::new(Tone::Quiet, "-"), cell_text)
        }));
        row
    };
    GridView { table: Table { head, rows: rows.iter().map(row).collect() }, notes: notes(grid) }
}

/// What decides the column of a cell, in the order of the columns: listener ports, their node
/// ports, health-check ports. The second number is the listener port of a node port.
fn column_of(cell: &Cell) -> (u8, u16, u16) {
    let port = cell.endpoint.port;
    match cell.endpoint.role {
        PortRole::ListenerPort => (0, port, port),
        PortRole::NodePort { listener } => (1, listener, port),
        PortRole::HealthCheckNodePort => (2, port, port),
    }
}

fn column_title((rank, listener, port): (u8, u16, u16)) -> String {
    match rank {
        0 => format!("{port} (listener)"),
        1 => format!("{port} (node port of {listener})"),
        _ => format!("{port} (health check)"),
    }
}

fn cell_text(cell: &Cell) -> Text {
    let how = match cell.seen.as_ref().map(|seen| &seen.outcome) {
        None => "not probed".to_owned(),
        Some(TcpOutcome::Accepted) => "open".to_owned(),
        Some(outcome) => outcome.to_string(),
    };
    match (cell.state(), how.as_str()) {
        (CellState::AsExpected, "open") => Text::new(Tone::Good, "ok open"),
        (CellState::AsExpected, _) => Text::new(Tone::Good, "ok closed"),
        (CellState::UnexpectedlyOpen, _) => Text::new(Tone::Bad, "OPEN, expected closed"),
        (CellState::UnexpectedlyClosed, how) => {
            Text::new(Tone::Bad, format!("CLOSED, expected open ({how})"))
        }
        (CellState::Undecided, how) => Text::new(Tone::Unsure, format!("? {how}")),
    }
}

fn notes(grid: &Grid) -> Vec<String> {
    let reasons: BTreeSet<&str> = grid
        .cells
        .iter()
        .filter_map(|cell| match &cell.expected {
            Expectation::Unmodelled(what) => Some(what.as_str()),
            Expectation::Accepts | Expectation::DoesNotAccept => None,
        })
        .collect();
    reasons.into_iter().map(|what| format!("? the reference does not cover {what}")).collect()
}
