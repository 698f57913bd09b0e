//! The exposure grid as a table: rows are nodes, columns are ports with their role. What was seen
//! as expected is written small, what was not in capitals, so that the grid is narrow and needs no
//! colour; [`LEGEND`] says so.

use std::collections::BTreeSet;
use std::net::IpAddr;

use gateproof_core::cluster::Node;
use gateproof_core::exposure::{Cell, CellState, Expectation, Grid, PortRole};
use gateproof_core::observation::TcpOutcome;

use crate::layout::{Table, Text, Tone};
use crate::view::trials::count;

/// How to read the cells.
pub(crate) const LEGEND: &str = "CAPITALS: not as expected, ?: undecided";

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
        0 => format!("{port}\nlistener"),
        1 => format!("{port}\nnode port of {listener}"),
        _ => format!("{port}\nhealth check"),
    }
}

fn cell_text(cell: &Cell) -> Text {
    let how = cell.seen.as_ref().map(|seen| &seen.outcome);
    match (cell.state(), how) {
        (CellState::AsExpected, Some(TcpOutcome::Accepted)) => Text::new(Tone::Good, "open"),
        (CellState::AsExpected, _) => Text::new(Tone::Good, "closed"),
        (CellState::UnexpectedlyOpen, _) => Text::new(Tone::Bad, "OPEN"),
        (CellState::UnexpectedlyClosed, Some(how)) => {
            Text::new(Tone::Bad, format!("CLOSED ({how})"))
        }
        (CellState::UnexpectedlyClosed, None) => Text::new(Tone::Bad, "CLOSED"),
        (CellState::Undecided, None) => Text::new(Tone::Unsure, "? not probed"),
        (CellState::Undecided, Some(TcpOutcome::Accepted)) => Text::new(Tone::Unsure, "? open"),
        (CellState::Undecided, Some(how)) => Text::new(Tone::Unsure, format!("? {how}")),
    }
}

/// The grid in one line: `24 of 24 sockets as expected (12 open, 12 closed)`.
pub(crate) fn summary(grid: &Grid) -> String {
    let number = |state| grid.cells.iter().filter(|cell| cell.state() == state).count();
    let right = number(CellState::AsExpected);
    let sockets = count(grid.cells.len(), "socket");
    if right == grid.cells.len() {
        let accepted =
            |cell: &&Cell| cell.seen.as_ref().is_some_and(|s| s.outcome == TcpOutcome::Accepted);
        let open = grid.cells.iter().filter(accepted).count();
        return format!("{right} of {sockets} as expected ({open} open, {} closed)", right - open);
    }
    let others = [
        (number(CellState::UnexpectedlyOpen), "OPEN but expected closed"),
        (number(CellState::UnexpectedlyClosed), "CLOSED but expected open"),
        (number(CellState::Undecided), "undecided"),
    ];
    let others = others.into_iter().filter(|(number, _)| *number > 0);
    let others: Vec<_> = others.map(|(number, words)| format!("{number} {words}")).collect();
    format!("{right} of {sockets} as expected, {}", others.join(", "))
}

/// Whether every socket was seen as expected.
pub(crate) fn is_as_expected(grid: &Grid) -> bool {
    grid.cells.iter().all(|cell| cell.state() == CellState::AsExpected)
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
