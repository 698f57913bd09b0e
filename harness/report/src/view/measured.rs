//! What was measured in a trial, as text: its exposure grids and target health.

use gateproof_core::event::CheckResult;
use gateproof_core::report::{RunReport, TrialReport};

use crate::layout::wrap::{hang, wrap};
use crate::layout::{Page, Tone};
use crate::view::{grid, targets};

/// The grids and targets of a trial in lines, each under the claim it was measured for; empty
/// when the trial measured none.
pub(crate) fn lines(report: &RunReport, trial: &TrialReport, page: Page) -> Vec<String> {
    let nodes = report.cluster(&trial.summary.cluster).map_or(&[][..], |cluster| &cluster.nodes);
    let mut lines = Vec::new();
    for check in &trial.checks {
        if let Some(measured) = &check.evidence.grid {
            heading(&mut lines, "exposure", check, page);
            let view = grid::view(measured, nodes);
            lines.extend(view.table.lay_out(4, page));
            lines.extend(view.notes.iter().flat_map(|note| hang("    ", note, page.width)));
        }
        if let Some(measured) = &check.evidence.targets {
            heading(&mut lines, "target health", check, page);
            let view = targets::view(measured);
            lines.extend(hang("    ", &view.settings, page.width));
            lines.extend(view.table.lay_out(4, page));
        }
    }
    lines
}

fn heading(lines: &mut Vec<String>, what: &str, check: &CheckResult, page: Page) {
    let text = format!("{what}: {}", check.claim);
    let words = wrap(&text, page.width.saturating_sub(2));
    lines.extend(words.iter().map(|line| format!("  {}", page.colour.paint(Tone::Heading, line))));
}
