//! The grid of sockets that were predicted: rows are nodes, columns are ports.

use std::collections::BTreeSet;

use gateproof_core::exposure::PortRole;
use gateproof_model::predict::overview::{Does, GatewayOverview, ListenerOverview, Socket};

use super::paragraph;
use crate::layout::wrap::hang;
use crate::layout::{Page, Table, Text, Tone};

/// The grid and why sockets are shut.
pub(super) fn lines(gateway: &GatewayOverview, page: Page) -> Vec<String> {
    let mut lines = vec![String::new(), page.colour.paint(Tone::Heading, "  sockets on nodes")];
    if gateway.sockets.is_empty() {
        let past_envoy =
            |listener: &ListenerOverview| matches!(listener.protocol.as_str(), "TCP" | "UDP");
        let why = if gateway.listeners.iter().any(past_envoy) {
            "not shown: connections of TCP and UDP listeners go past Envoy, which the model does \
             not cover"
        } else if gateway.routing.is_empty() {
            "none: Cilium has Envoy serve nothing for this Gateway"
        } else {
            "not shown: no nodes are given; add Node objects or --nodes"
        };
        lines.extend(paragraph(why, page));
        return lines;
    }
    lines.extend(table(&gateway.sockets).lay_out(2, page));
    for (index, reason) in reasons(&gateway.sockets).into_iter().enumerate() {
        lines.extend(hang(&format!("  [{}] ", index + 1), reason, page.width));
    }
    lines
}

/// Reasons why connections are not taken, each once, in the order of the columns.
fn reasons(sockets: &[Socket]) -> Vec<&str> {
    let mut reasons: Vec<&str> = Vec::new();
    let mut sockets: Vec<&Socket> = sockets.iter().collect();
    sockets.sort_by_key(|socket| column(socket));
    for reason in sockets.iter().filter_map(|socket| reason(&socket.does)) {
        if !reasons.contains(&reason) {
            reasons.push(reason);
        }
    }
    reasons
}

fn reason(does: &Does) -> Option<&str> {
    match does {
        Does::Refuses { why } | Does::Silent { why } => Some(why),
        Does::NotCovered { what } => Some(what),
        Does::Accepts | Does::Forwards | Does::Answers(_) => None,
    }
}

fn table(sockets: &[Socket]) -> Table {
    let reasons = reasons(sockets);
    let columns: BTreeSet<(u8, u16, Option<u16>)> = sockets.iter().map(column).collect();
    let rows: BTreeSet<(&str, &str)> =
        sockets.iter().map(|socket| (socket.node.as_str(), socket.address.as_str())).collect();
    let mut head = vec!["node".to_owned(), "address".to_owned()];
    head.extend(columns.iter().map(|column| title(*column)));
    let cell = |node: &str, address: &str, wanted: &(u8, u16, Option<u16>)| {
        let here = |socket: &&Socket| {
            socket.node == node && socket.address == address && column(socket) == *wanted
        };
        sockets.iter().find(here).map_or(Text::new(Tone::Quiet, "-"), |socket| {
            let number = reason(&socket.does)
                .and_then(|reason| reasons.iter().position(|known| *known == reason))
                .map_or(String::new(), |index| format!(" [{}]", index + 1));
            let (tone, word) = match &socket.does {
                Does::Accepts => (Tone::Good, "accepts".to_owned()),
                Does::Forwards => (Tone::Good, "to a ready backend".to_owned()),
                Does::Answers(status) => (Tone::Good, format!("answers {status}")),
                Does::Refuses { .. } => (Tone::Plain, "refuses".to_owned()),
                Does::Silent { .. } => (Tone::Plain, "silent".to_owned()),
                Does::NotCovered { .. } => (Tone::Unsure, "? not covered".to_owned()),
            };
            Text::new(tone, word + &number)
        })
    };
    let rows = rows.iter().map(|(node, address)| {
        let mut row = vec![Text::plain(*node), Text::plain(*address)];
        row.extend(columns.iter().map(|column| cell(node, address, column)));
        row
    });
    Table { head, rows: rows.collect() }
}

/// Listener ports, then node ports by the listener's port, then health checks.
fn column(socket: &Socket) -> (u8, u16, Option<u16>) {
    match socket.role {
        PortRole::ListenerPort => (0, socket.port.unwrap_or_default(), socket.port),
        PortRole::NodePort { listener } => (1, listener, socket.port),
        PortRole::HealthCheckNodePort => (2, 0, socket.port),
    }
}

fn title((rank, listener, port): (u8, u16, Option<u16>)) -> String {
    let port = port.map_or("allocated".to_owned(), |port| port.to_string());
    match rank {
        0 => format!("{port}\nlistener"),
        1 => format!("{port}\nnode port of {listener}"),
        _ => format!("{port}\nhealth check"),
    }
}
