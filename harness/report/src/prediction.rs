//! Predictions for people: what each Gateway would look like, which sockets would accept, and where
//! requests would go.
//!
//! Lays out what the model put into words; decides nothing. The title always says that a model
//! spoke.

mod gateway;
mod grid;
mod routing;

mod comparison;
mod diff;
mod facts;

pub use comparison::changes;
pub use diff::unified;
pub use facts::{facts_page, facts_table};

use gateproof_core::cilium::CiliumVersion;
use gateproof_model::Unmodelled;
use gateproof_model::predict::overview::GatewayOverview;

use crate::console::{Output, Terminal};
use crate::layout::wrap::{hang, wrap};
use crate::layout::{Page, Tone};

/// What is shown.
#[derive(Debug, Clone, Copy)]
pub struct Shown<'a> {
    /// The Cilium version.
    pub version: &'a CiliumVersion,
    /// The Gateways.
    pub gateways: &'a [GatewayOverview],
    /// What the model does not cover.
    pub unmodelled: &'a [Unmodelled],
    /// What was assumed or is worth knowing.
    pub notes: &'a [String],
}

/// The prediction as a report for a terminal or a stream.
pub fn table(shown: &Shown<'_>, terminal: &Terminal) -> String {
    let page = page(terminal);
    let title = format!("reference model of Cilium {}, no cluster was asked", shown.version);
    let mut lines = vec![page.colour.paint(Tone::Quiet, &title)];
    if shown.gateways.is_empty() {
        lines.push("no Gateway of Cilium's is among the manifests".to_owned());
    }
    for gateway in shown.gateways {
        lines.push(String::new());
        lines.extend(gateway::lines(gateway, page));
    }
    if !shown.unmodelled.is_empty() {
        lines.push(String::new());
        lines.push(page.colour.paint(Tone::Unsure, "not covered: this prediction is incomplete"));
        for limit in shown.unmodelled {
            lines.extend(item(&limit.to_string(), page));
        }
    }
    if !shown.notes.is_empty() {
        lines.push(String::new());
        lines.push(page.colour.paint(Tone::Heading, "notes"));
        shown.notes.iter().for_each(|note| lines.extend(item(note, page)));
    }
    ended(&lines)
}

/// Lines with their breaks.
pub(crate) fn ended(lines: &[String]) -> String {
    let mut text = lines.join("\n");
    if !lines.is_empty() {
        text.push('\n');
    }
    text
}

pub(crate) fn page(terminal: &Terminal) -> Page {
    let (Output::Screen { columns: width } | Output::Stream { columns: width }) = terminal.output;
    Page { width, colour: terminal.colour }
}

/// An item of a list.
fn item(text: &str, page: Page) -> Vec<String> {
    hang("  - ", text, page.width)
}

/// A paragraph below a heading.
fn paragraph(text: &str, page: Page) -> Vec<String> {
    wrap(text, page.width.saturating_sub(2)).into_iter().map(|line| format!("  {line}")).collect()
}
