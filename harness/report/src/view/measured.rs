//! What was measured in a trial, as text: its exposure grids and target health, each under the
//! name of its check and what it amounts to in one line.

use gateproof_core::event::CheckResult;
use gateproof_core::report::{RunReport, TrialReport};
use gateproof_core::verdict::Verdict;

use crate::layout::wrap::{hang, wrap};
use crate::layout::{Page, Tone};
use crate::view::{grid, targets};

/// How much of a measurement is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shown {
    /// What says the same is put together, and a measurement that is as expected may be one line.
    Brief,
    /// Every socket.
    Whole,
}

/// Everything that was measured in a trial, for a report that tells of the trial itself; empty
/// when that is nothing.
pub(crate) fn lines(report: &RunReport, trial: &TrialReport, page: Page) -> Vec<String> {
    let mut lines = Vec::new();
    for check in &trial.checks {
        if let Some(measured) = exposure(report, trial, check, page) {
            lines.extend(measured.whole(None));
        }
        if let Some(measured) = target_health(trial, check, Shown::Whole, page) {
            lines.extend(measured.with_settings().whole(None));
        }
    }
    lines
}

/// What one check measured.
pub(crate) struct Measured {
    check: String,
    summary: String,
    /// How it was measured, where that can differ.
    settings: Option<String>,
    told: Told,
    outcome: Outcome,
    table: Vec<String>,
    page: Page,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Outcome {
    AsExpected,
    /// Different, or undecided.
    Notable,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Told {
    Here,
    Elsewhere,
}

impl Measured {
    /// The same, with how it was measured above the table.
    pub(crate) fn with_settings(self) -> Self {
        Self { told: Told::Here, ..self }
    }

    /// Whether there is nothing to look at.
    pub(crate) fn is_as_expected(&self) -> bool {
        self.outcome == Outcome::AsExpected
    }

    /// The trial and what the measurement amounts to.
    pub(crate) fn line(&self, trial: &str) -> Vec<String> {
        hang("  ", &format!("{trial}: {}", self.summary), self.page.width)
    }

    /// Heading, settings and table; the heading names the trial where several are told of.
    pub(crate) fn whole(self, trial: Option<&str>) -> Vec<String> {
        let whose = trial.map(|trial| format!("{trial}, ")).unwrap_or_default();
        let heading = format!("{whose}{}: {}", self.check, self.summary);
        let heading = wrap(&heading, self.page.width.saturating_sub(2));
        let heading = heading.iter();
        let mut lines: Vec<_> = heading
            .map(|line| format!("  {}", self.page.colour.paint(Tone::Heading, line)))
            .collect();
        if let (Some(settings), Told::Here) = (&self.settings, self.told) {
            lines.extend(hang("  ", settings, self.page.width));
        }
        lines.extend(self.table);
        lines
    }
}

/// The exposure that a check measured.
pub(crate) fn exposure(
    report: &RunReport,
    trial: &TrialReport,
    check: &CheckResult,
    page: Page,
) -> Option<Measured> {
    let measured = check.evidence.grid.as_ref()?;
    let nodes = report.cluster(&trial.summary.cluster).map_or(&[][..], |cluster| &cluster.nodes);
    let view = grid::view(measured, nodes);
    let mut table = view.table.lay_out(2, page);
    table.extend(view.notes.iter().flat_map(|note| hang("  ", note, page.width)));
    let right = check.verdict == Verdict::Passed && grid::is_as_expected(measured);
    let expected = right || trial.is_as_expected();
    Some(Measured {
        check: check.check.clone(),
        summary: grid::summary(measured),
        settings: None,
        told: Told::Elsewhere,
        outcome: if expected { Outcome::AsExpected } else { Outcome::Notable },
        table,
        page,
    })
}

/// The target health that a check measured.
pub(crate) fn target_health(
    trial: &TrialReport,
    check: &CheckResult,
    shown: Shown,
    page: Page,
) -> Option<Measured> {
    let measured = check.evidence.targets.as_ref()?;
    let mut summary = targets::summary(measured);
    let outcome = if check.verdict == Verdict::Passed {
        summary.push_str(", as expected");
        Outcome::AsExpected
    } else if trial.is_as_expected() {
        Outcome::AsExpected
    } else {
        Outcome::Notable
    };
    Some(Measured {
        check: check.check.clone(),
        summary,
        settings: Some(targets::settings(measured)),
        told: Told::Elsewhere,
        outcome,
        table: targets::table(measured, shown).lay_out(2, page),
        page,
    })
}
