//! The end of the console: the table of trials, exposure grids, target health, failures, and what
//! it all amounts to in the last line.

use std::collections::BTreeSet;

use gateproof_core::event::CheckResult;
use gateproof_core::report::{RunReport, TrialReport};
use gateproof_core::verdict::Verdict;

use crate::console::{ConsoleOptions, Verbosity};
use crate::layout::wrap::{hang, wrap};
use crate::layout::{Page, Text, Tone};
use crate::view::failure::{Detail, headline, tell_all};
use crate::view::measured::{self, Measured, Shown};
use crate::view::subject::{model_sentence, provider_and_subject};
use crate::view::trials::{as_expected, by_scenario, outcome, skipped, totals_line, word};
use crate::view::{cluster, diagnosis, grid, targets};

/// The summary in lines, sections apart by an empty line.
pub(super) fn lines(report: &RunReport, options: ConsoleOptions) -> Vec<String> {
    let page = options.terminal.page();
    let mut sections = Vec::new();
    if options.verbosity > Verbosity::Quiet {
        sections.push(trials(report, page));
        sections.push(notes(report, page));
        sections.push(exposure(report, options));
        sections.push(target_health(report, options));
    }
    let detail = match options.verbosity {
        Verbosity::Quiet | Verbosity::Normal => Detail::Brief,
        Verbosity::Verbose => Detail::Full,
    };
    for trial in &report.trials {
        sections.extend(tell_all(report, trial, page, detail));
        sections.push(diagnosis::tell(trial, page, detail));
    }
    if options.verbosity == Verbosity::Quiet {
        let kept = cluster::notes(report);
        sections.push(kept.iter().flat_map(|note| hang("", note, page.width)).collect());
    }
    sections.push(recap(report, page));
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

/// The grids. Among several trials, one that is as expected takes a line.
fn exposure(report: &RunReport, options: ConsoleOptions) -> Vec<String> {
    let page = options.terminal.page();
    let mut shown = Measurements { whole_up_to: FEW_TRIALS, ..Measurements::default() };
    for (trial, check) in checks(report) {
        if let Some(measured) = measured::exposure(report, trial, check, page) {
            shown.add(measured, report, trial, options);
        }
    }
    shown.titled(&format!("exposure ({})", grid::LEGEND), page)
}

/// The targets; how they were checked is said once when it is the same for all.
fn target_health(report: &RunReport, options: ConsoleOptions) -> Vec<String> {
    let page = options.terminal.page();
    let shown = match options.verbosity {
        Verbosity::Quiet | Verbosity::Normal => Shown::Brief,
        Verbosity::Verbose => Shown::Whole,
    };
    let settings: BTreeSet<_> = checks(report)
        .filter_map(|(_, check)| check.evidence.targets.as_ref().map(targets::settings))
        .collect();
    let mut all = Measurements { whole_up_to: 1, ..Measurements::default() };
    if let (Some(settings), 1) = (settings.first(), settings.len()) {
        all.lines.extend(hang("  ", settings, page.width));
    }
    for (trial, check) in checks(report) {
        if let Some(measured) = measured::target_health(trial, check, shown, page) {
            let measured = if settings.len() > 1 { measured.with_settings() } else { measured };
            all.add(measured, report, trial, options);
        }
    }
    all.titled("target health (times on the load balancer's clock)", page)
}

fn checks(report: &RunReport) -> impl Iterator<Item = (&TrialReport, &CheckResult)> {
    report.trials.iter().flat_map(|trial| trial.checks.iter().map(move |check| (trial, check)))
}

/// So many grids are shown in full even when they are as expected: the grid is the main result.
const FEW_TRIALS: usize = 4;

/// What is shown of all measurements of a kind.
#[derive(Default)]
struct Measurements {
    /// With more trials than these, a measurement that is as expected is a line.
    whole_up_to: usize,
    /// What takes a line each.
    lines: Vec<String>,
    /// What takes a table each; they come after the lines, apart by an empty line.
    tables: Vec<Vec<String>>,
}

impl Measurements {
    fn add(
        &mut self,
        measured: Measured,
        report: &RunReport,
        trial: &TrialReport,
        options: ConsoleOptions,
    ) {
        let name = trial.summary.trial.as_str();
        let many = report.trials.len() > self.whole_up_to;
        if many && options.verbosity < Verbosity::Verbose && measured.is_as_expected() {
            self.lines.extend(measured.line(name));
        } else {
            self.tables.push(measured.whole(Some(name)));
        }
    }

    /// Everything under a title; nothing when there is nothing.
    fn titled(self, title: &str, page: Page) -> Vec<String> {
        if self.lines.is_empty() && self.tables.is_empty() {
            return Vec::new();
        }
        let title = wrap(title, page.width);
        let title = title.iter().map(|line| page.colour.paint(Tone::Heading, line));
        let mut lines: Vec<_> = title.chain(self.lines).collect();
        for table in self.tables {
            if lines.len() > 1 {
                lines.push(String::new());
            }
            lines.extend(table);
        }
        lines
    }
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

/// Skipped trials with their reasons, and what is to be said of clusters.
fn notes(report: &RunReport, page: Page) -> Vec<String> {
    skipped(report)
        .chain(as_expected(report))
        .chain(cluster::notes(report))
        .flat_map(|note| hang("", &note, page.width))
        .collect()
}

/// So many trials are called to mind at the end; the tables have the others.
const RECALLED: usize = 8;

/// What did not pass and why, a line each, where more than one screen may lie above the end.
fn recap(report: &RunReport, page: Page) -> Vec<String> {
    let troubled = report.trials.iter().filter(|trial| trial.verdict > Verdict::Passed);
    let troubled: Vec<_> = troubled.collect();
    if troubled.len() < 2 {
        return Vec::new();
    }
    let mut lines = vec![page.colour.paint(Tone::Heading, "what did not pass, told above")];
    for trial in troubled.iter().take(RECALLED) {
        let Text { tone, words } = word(trial);
        let why = diagnosis::headline(trial).or_else(|| headline(report, trial));
        let why = why.unwrap_or_default();
        let label = format!("  {words:<12} ");
        let mut hung = hang(&label, &format!("{}: {why}", trial.summary.trial), page.width);
        if let Some(first) = hung.first_mut() {
            *first = first.replacen(&words, &page.colour.paint(tone, &words), 1);
        }
        lines.extend(hung);
    }
    if troubled.len() > RECALLED {
        lines.push(format!("  and {} more", troubled.len() - RECALLED));
    }
    lines
}

/// The last lines: a sentence when a model ran, then the totals.
fn conclusion(report: &RunReport, page: Page) -> Vec<String> {
    let Text { tone, words } = outcome(report);
    let word = words.to_uppercase();
    let mut lines = Vec::new();
    if let Some(sentence) = model_sentence(report) {
        let sentence = wrap(&sentence, page.width);
        lines.extend(sentence.iter().map(|line| page.colour.paint(Tone::Unsure, line)));
    }
    let mut totals = hang(&format!("{word}  "), &totals_line(report), page.width);
    if let Some(first) = totals.first_mut() {
        *first = format!("{}{}", page.colour.paint(tone, &word), &first[word.len()..]);
    }
    lines.extend(totals);
    lines
}
