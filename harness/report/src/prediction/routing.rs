//! Where requests that come in one way go.

use gateproof_model::predict::overview::Entry;

use super::paragraph;
use crate::layout::{Page, Table, Text, Tone};

/// The routes behind one way in, host by host in the order in which Envoy tries them.
pub(super) fn lines(entry: &Entry, page: Page) -> Vec<String> {
    let ports: Vec<String> = entry.ports.iter().map(ToString::to_string).collect();
    let noun = if ports.len() == 1 { "port" } else { "ports" };
    let title = format!("  {} on {noun} {}", entry.protocol, ports.join(", "));
    let mut lines = vec![page.colour.paint(Tone::Heading, &title)];
    for certificate in &entry.certificates {
        lines.extend(paragraph(&format!("certificate for {certificate}"), page));
    }
    if entry.hosts.is_empty() {
        lines.extend(paragraph("no routes: every request is answered 404", page));
        return lines;
    }
    let mut rows = Vec::new();
    for host in &entry.hosts {
        for (index, route) in host.routes.iter().enumerate() {
            let name = if index == 0 { host.name.as_str() } else { "" };
            rows.push(vec![
                Text::plain(name),
                Text::plain(&route.when),
                Text::plain(&route.goes_to),
                Text::plain(route.with.join("; ")),
            ]);
        }
    }
    let mut head = ["host", "request", "goes to", "with"].map(str::to_owned).to_vec();
    if rows.iter().all(|row| row[3].words.is_empty()) {
        head.pop();
        for row in &mut rows {
            row.pop();
        }
    }
    lines.extend(Table { head, rows }.lay_out(2, page));
    lines
}
