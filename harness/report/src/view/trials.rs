//! The table of trials, their checks in numbers, and the line of totals.

use std::collections::BTreeSet;

use gateproof_core::event::CheckResult;
use gateproof_core::finding::Role;
use gateproof_core::name::ScenarioName;
use gateproof_core::report::{
    BringUp, ExitCode, LogState, RunReport, Tally, TrialReport, exit_code,
};
use gateproof_core::verdict::Verdict;

use crate::layout::{Table, Text, Tone};
use crate::view::duration::{human, human_or_dash};

/// The trials of one scenario as a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ScenarioView<'a> {
    pub(crate) scenario: &'a ScenarioName,
    pub(crate) description: &'a str,
    pub(crate) table: Table,
}

/// The scenarios in plan order, each with the table of its trials.
pub(crate) fn by_scenario(report: &RunReport) -> Vec<ScenarioView<'_>> {
    let mut scenarios: Vec<ScenarioView<'_>> = Vec::new();
    for trial in &report.trials {
        let summary = &trial.summary;
        let known = scenarios.iter().position(|known| *known.scenario == summary.scenario);
        let index = known.unwrap_or_else(|| {
            let head = ["variant, Cilium", "verdict", "bring-up", "install", "checks", "total"];
            let table = Table { head: head.map(ToOwned::to_owned).to_vec(), rows: Vec::new() };
            let (scenario, description) = (&summary.scenario, summary.description.as_str());
            scenarios.push(ScenarioView { scenario, description, table });
            scenarios.len() - 1
        });
        scenarios[index].table.rows.push(row(report, trial));
    }
    scenarios
}

/// Bring-up is that of the cluster, which trials may share.
fn row(report: &RunReport, trial: &TrialReport) -> Vec<Text> {
    let bring_up =
        report.cluster(&trial.summary.cluster).and_then(|cluster| match cluster.bring_up {
            BringUp::Ready { took } => Some(took),
            BringUp::Running | BringUp::Failed { .. } => None,
        });
    let install = trial.step("install").and_then(|step| step.took);
    vec![
        Text::plain(format!("{}, {}", trial.summary.variant, trial.summary.cilium)),
        word(trial),
        Text::plain(human_or_dash(bring_up)),
        Text::plain(human_or_dash(install)),
        Text::plain(human_or_dash(trial.checks_took())),
        Text::plain(human_or_dash(trial.took)),
    ]
}

/// The verdict as a word; what was expected to fail and did says so.
pub(crate) fn word(trial: &TrialReport) -> Text {
    let words =
        if trial.is_as_expected() { "as expected".to_owned() } else { shout(trial.verdict) };
    Text::new(tone_of(trial.verdict), words)
}

/// What trials came to that were not to pass, and did as they were expected to, a line each; then
/// what was seen there that is normal, because people take it for the cause.
pub(crate) fn as_expected(report: &RunReport) -> impl Iterator<Item = String> {
    let expected = || report.trials.iter().filter(|trial| trial.is_as_expected());
    let trials = expected().map(|trial| {
        format!("{}: {}", trial.summary.trial, trial.reason.as_deref().unwrap_or("as expected"))
    });
    let diagnoses = expected().filter_map(|trial| trial.diagnosis.as_ref());
    let normal: BTreeSet<_> = diagnoses
        .flat_map(|diagnosis| &diagnosis.findings)
        .filter(|finding| finding.role == Role::Explanation)
        .map(|finding| format!("not why they failed: {} {}", finding.rule, finding.title))
        .collect();
    trials.chain(normal)
}

/// Trials that were skipped, each with its reason, a line each.
pub(crate) fn skipped(report: &RunReport) -> impl Iterator<Item = String> {
    let skipped = report.trials.iter().filter(|trial| trial.verdict == Verdict::Skipped);
    skipped.map(|trial| {
        let reason = trial.reason.as_deref().unwrap_or("no reason given");
        format!("skipped {}: {reason}", trial.summary.trial)
    })
}

/// How the run ended, in a word or two; what needs somebody's eyes stands out without colour.
pub(crate) fn outcome(report: &RunReport) -> Text {
    match exit_code(report) {
        ExitCode::Passed => Text::new(Tone::Good, "passed"),
        ExitCode::Failed => Text::new(Tone::Bad, "FAILED"),
        ExitCode::Inconclusive => Text::new(Tone::Unsure, "INCONCLUSIVE"),
        ExitCode::NothingSelected => Text::new(Tone::Unsure, "nothing ran"),
        ExitCode::Interrupted => Text::new(Tone::Unsure, "INTERRUPTED"),
    }
}

/// The tone of a verdict.
pub(crate) fn tone_of(verdict: Verdict) -> Tone {
    match verdict {
        Verdict::Passed => Tone::Good,
        Verdict::Failed => Tone::Bad,
        Verdict::Inconclusive => Tone::Unsure,
        Verdict::Skipped => Tone::Quiet,
    }
}

/// The verdict as a word; the bad ones stand out without colour.
pub(crate) fn shout(verdict: Verdict) -> String {
    match verdict {
        Verdict::Passed | Verdict::Skipped => verdict.to_string(),
        Verdict::Failed | Verdict::Inconclusive => verdict.to_string().to_uppercase(),
    }
}

/// What a trial's checks amount to, such as `5 of 6 checks passed`.
pub(crate) fn checks_in_words(checks: &[CheckResult]) -> String {
    let tally = Tally::of(checks.iter().map(|check| check.verdict));
    match (checks.len(), tally.passed) {
        (0, _) => "no checks".to_owned(),
        (1, 1) => "1 check".to_owned(),
        (all, passed) if all == passed => format!("{all} checks"),
        (all, passed) => format!("{passed} of {all} checks passed"),
    }
}

/// What the whole run amounts to, in one line.
pub(crate) fn totals_line(report: &RunReport) -> String {
    let totals = report.totals();
    let trials = totals.trials;
    let mut parts = vec![if report.trials.is_empty() {
        "no trial was selected, so nothing was proven".to_owned()
    } else if trials.skipped == trials.total() {
        format!("{} skipped, so nothing was proven", count(trials.total(), "trial"))
    } else {
        format!("{}: {}", count(trials.total(), "trial"), tally_in_words(trials))
    }];
    let probes = usize::try_from(totals.probes).unwrap_or(usize::MAX);
    parts.push(format!("{}, {}", count(totals.checks.total(), "check"), count(probes, "probe")));
    parts.push(human(report.took));
    parts.extend(report.interrupted.iter().map(|cause| format!("interrupted by {cause}")));
    match &report.log {
        LogState::Truncated => parts.push("the event log ends before the run did".to_owned()),
        LogState::Broken { reason } => parts.push(format!("the event log is broken: {reason}")),
        LogState::Open | LogState::Whole => {}
    }
    parts.join("; ")
}

/// The counts that are not zero, gravest first.
fn tally_in_words(tally: Tally) -> String {
    [Verdict::Failed, Verdict::Inconclusive, Verdict::Passed, Verdict::Skipped]
        .into_iter()
        .filter(|verdict| tally.count(*verdict) > 0)
        .map(|verdict| format!("{} {verdict}", tally.count(verdict)))
        .collect::<Vec<_>>()
        .join(", ")
}

/// `1 trial`, `2 trials`.
pub(crate) fn count(number: usize, noun: &str) -> String {
    if number == 1 { format!("1 {noun}") } else { format!("{number} {noun}s") }
}
