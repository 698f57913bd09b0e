//! The end of the console: what was measured in each trial, the table of trials, failures, and
//! what it all amounts to.

use gateproof_core::report::{BringUp, ExitCode, RunReport, TrialReport, exit_code};
use gateproof_core::verdict::Verdict;

use crate::console::{ConsoleOptions, Verbosity};
use crate::layout::wrap::{hang, wrap};
use crate::layout::{Page, Tone};
use crate::view::failure::{Detail, stories, tell};
use crate::view::measured;
use crate::view::subject::{model_sentence, provider_and_subject};
use crate::view::trials::{by_scenario, totals_line};

/// The summary in lines, sections apart by an empty line.
pub(super) fn lines(report: &RunReport, options: ConsoleOptions) -> Vec<String> {
    let page = options.terminal.page();
    let mut sections = Vec::new();
    if options.verbosity > Verbosity::Quiet {
        sections.extend(report.trials.iter().map(|trial| measured_in(report, trial, page)));
        sections.push(trials(report, page));
        sections.push(notes(report, page));
    }
    let detail = match options.verbosity {
        Verbosity::Quiet | Verbosity::Normal => Detail::Brief,
        Verbosity::Verbose => Detail::Full,
    };
    for trial in &report.trials {
        for story in stories(report, trial) {
            sections.push(tell(&story, trial.summary.trial.as_str(), page, detail));
        }
    }
    sections.push(conclusion(report, page));
    let mut lines = Vec::new();
    for section in sections.into_iter().filter(|section| !section.is_empty()) {
        if !lines.is_empty() || options.verbosity > Verbosity::Quiet {
            lines.push(String::new());
        }
        lines.extend(section);
    }
    lines
}

fn measured_in(report: &RunReport, trial: &TrialReport, page: Page) -> Vec<String> {
    let measured = measured::lines(report, trial, page);
    if measured.is_empty() {
        return measured;
    }
    let mut lines = vec![page.colour.paint(Tone::Heading, trial.summary.trial.as_str())];
    lines.extend(measured);
    lines
}

fn trials(report: &RunReport, page: Page) -> Vec<String> {
    let mut lines = Vec::new();
    for view in by_scenario(report) {
        let title = page.colour.paint(Tone::Heading, view.scenario.as_str());
        lines.push(title);
        lines.extend(hang("  ", view.description, page.width));
        lines.extend(view.table.lay_out(2, page));
    }
    if !lines.is_empty() {
        lines.extend(hang("", &provider_and_subject(report), page.width));
    }
    lines
}

/// Skipped trials with their reasons, and clusters that did not come or go as they should.
fn notes(report: &RunReport, page: Page) -> Vec<String> {
    let skipped = report.trials.iter().filter(|trial| trial.verdict == Verdict::Skipped);
    let skipped = skipped.map(|trial| {
        let reason = trial.reason.as_deref().unwrap_or("no reason given");
        format!("skipped {}: {reason}", trial.summary.trial)
    });
    let failed = report.clusters.iter().filter_map(|cluster| match &cluster.bring_up {
        BringUp::Failed { reason } => {
            Some(format!("cluster {} could not be brought up: {reason}", cluster.name))
        }
        BringUp::Running | BringUp::Ready { .. } => None,
    });
    let left = report.clusters.iter().filter_map(|cluster| {
        let problem = cluster.removal.as_ref()?.problem.as_ref()?;
        Some(format!("cluster {} was not removed cleanly: {problem}", cluster.name))
    });
    skipped.chain(failed).chain(left).flat_map(|note| hang("", &note, page.width)).collect()
}

/// The last lines: a sentence when a model ran, then the totals.
fn conclusion(report: &RunReport, page: Page) -> Vec<String> {
    let (word, tone) = match exit_code(report) {
        ExitCode::Passed => ("PASSED", Tone::Good),
        ExitCode::Failed => ("FAILED", Tone::Bad),
        ExitCode::Inconclusive => ("INCONCLUSIVE", Tone::Unsure),
        ExitCode::NothingSelected => ("NOTHING RAN", Tone::Unsure),
        ExitCode::Interrupted => ("INTERRUPTED", Tone::Unsure),
    };
    let mut lines = Vec::new();
    if let Some(sentence) = model_sentence(report) {
        let sentence = wrap(&sentence, page.width);
        lines.extend(sentence.iter().map(|line| page.colour.paint(Tone::Unsure, line)));
    }
    let mut totals = hang(&format!("{word}  "), &totals_line(report), page.width);
    if let Some(first) = totals.first_mut() {
        *first = format!("{}{}", page.colour.paint(tone, word), &first[word.len()..]);
    }
    lines.extend(totals);
    lines
}
