//! Live progress on a terminal: a line for each cluster that comes up, two for each trial that
//! runs (what it does; what is missing, or else what it has done), and a line for the run.
//!
//! What is missing has a line of its own because it is long and matters most; and a trial keeps
//! both lines while it runs, so that nothing jumps. Only plain ASCII is drawn, so that it looks the same under every locale.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::time::Duration;

use console::Term;
use gateproof_core::event::{Event, TrialSummary};
use gateproof_core::name::{ClusterName, TrialName};
use gateproof_core::report::{RunReport, Stage, TrialReport};
use gateproof_core::verdict::Verdict;
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};

use crate::layout::wrap::clean;
use crate::view::cluster::of_node;
use crate::view::duration::human;
use crate::view::trials::count;

/// How often the clocks move.
const TICK: Duration = Duration::from_millis(200);
/// How far the second line of a trial is indented: to where the text of the first begins, and two.
const INDENT: usize = 11;

/// The progress lines.
pub(super) struct Live {
    screen: MultiProgress,
    run: ProgressBar,
    clusters: BTreeMap<ClusterName, ProgressBar>,
    trials: BTreeMap<TrialName, Lines>,
}

/// The lines of a trial.
struct Lines {
    doing: ProgressBar,
    missing: ProgressBar,
}

impl Lines {
    fn bars(&self) -> [&ProgressBar; 2] {
        [&self.doing, &self.missing]
    }
}

impl Live {
    /// Draws on standard error.
    pub(super) fn new() -> Self {
        Self::on(ProgressDrawTarget::stderr())
    }

    fn on(target: ProgressDrawTarget) -> Self {
        let screen = MultiProgress::with_draw_target(target);
        let run = screen.add(spinner());
        Self { screen, run, clusters: BTreeMap::new(), trials: BTreeMap::new() }
    }

    /// Lets something else write to the terminal.
    pub(super) fn suspend<R>(&self, write: impl FnOnce() -> R) -> R {
        self.screen.suspend(write)
    }

    /// Takes the lines away.
    pub(super) fn clear(self) {
        let trials = self.trials.values().flat_map(Lines::bars);
        for bar in self.clusters.values().chain(trials).chain([&self.run]) {
            bar.finish_and_clear();
        }
    }

    /// Follows an event that the report has taken in already.
    pub(super) fn update(&mut self, event: &Event, report: &RunReport) {
        match event {
            Event::ClusterStarted { cluster, nodes } => {
                let bar = self.screen.insert_before(&self.run, spinner());
                bar.set_message(format!(
                    "cluster {cluster}: bringing up {}",
                    count(*nodes, "node")
                ));
                bar.enable_steady_tick(TICK);
                self.clusters.insert(cluster.clone(), bar);
            }
            Event::ClusterReady { cluster, .. } | Event::ClusterFailed { cluster, .. } => {
                if let Some(bar) = self.clusters.remove(cluster) {
                    bar.finish_and_clear();
                }
            }
            Event::ActionStarted { cluster, action, node } => {
                if let Some(bar) = self.clusters.get(cluster) {
                    let action = of_node(action, node.as_deref());
                    bar.set_message(format!("cluster {cluster}: {action}"));
                }
            }
            Event::ActionAwaiting { cluster, action, node, missing } => {
                if let Some(bar) = self.clusters.get(cluster) {
                    let action = of_node(action, node.as_deref());
                    bar.set_message(format!("cluster {cluster}: {action} waits for: {missing}"));
                }
            }
            Event::TrialStarted { trial, .. } => {
                let doing = self.screen.insert_before(&self.run, spinner());
                let missing = self.screen.insert_before(&self.run, below());
                doing.enable_steady_tick(TICK);
                self.trials.insert(trial.clone(), Lines { doing, missing });
                self.show(trial, report);
            }
            Event::StepStarted { trial, .. }
            | Event::Awaiting { trial, .. }
            | Event::StepFinished { trial, .. }
            | Event::CheckFinished { trial, .. } => self.show(trial, report),
            Event::TrialFinished { trial, .. } => {
                for bar in self.trials.remove(trial).iter().flat_map(Lines::bars) {
                    bar.finish_and_clear();
                }
            }
            Event::RunStarted { .. } => self.run.enable_steady_tick(TICK),
            Event::ActionWarned { .. }
            | Event::ActionFinished { .. }
            | Event::Diagnosed { .. }
            | Event::EvidenceCollected { .. }
            | Event::ClusterKept { .. }
            | Event::ClusterRemoved { .. }
            | Event::Interrupted { .. }
            | Event::RunFinished { .. } => {}
        }
        self.run.set_message(progress_of_run(report));
    }

    fn show(&self, name: &TrialName, report: &RunReport) {
        if let (Some(lines), Some(trial)) = (self.trials.get(name), report.trial(name)) {
            let (doing, missing) = progress_of_trial(trial, report);
            lines.doing.set_message(doing);
            let columns = usize::from(Term::stderr().size().1);
            lines.missing.set_message(shorten(&missing, columns.saturating_sub(INDENT)));
        }
    }
}

/// A line without a clock under one that has it.
fn below() -> ProgressBar {
    let style = ProgressStyle::with_template(&format!("{}{{wide_msg}}", " ".repeat(INDENT)))
        .expect("the template is well-formed");
    ProgressBar::new_spinner().with_style(style)
}

/// The text with its middle left out if it is too long: where something is missing stands at the
/// beginning, and what was seen instead at the end.
fn shorten(text: &str, columns: usize) -> String {
    const GAP: &str = " ... ";
    let length = text.chars().count();
    if length <= columns || columns < 2 * GAP.len() {
        return text.to_owned();
    }
    let head = (columns - GAP.len()) / 2;
    let tail = columns - GAP.len() - head;
    let start: String = text.chars().take(head).collect();
    let end: String = text.chars().skip(length - tail).collect();
    format!("{}{GAP}{}", start.trim_end(), end.trim_start())
}

/// A line that is cut at the terminal's width, with its own clock.
fn spinner() -> ProgressBar {
    let style = ProgressStyle::with_template("{spinner} {since:>6} {wide_msg}")
        .expect("the template is well-formed")
        .tick_chars("|/-\\ ")
        .with_key("since", |state: &ProgressState, out: &mut dyn Write| {
            let whole = Duration::from_secs(state.elapsed().as_secs());
            // A clock that cannot be written is not worth ending a run for.
            out.write_str(&human(whole).replace(".0s", "s")).unwrap_or_default();
        });
    ProgressBar::new_spinner().with_style(style)
}

/// The trial and what it does; and what is missing, or else what it has done last. Scenario and
/// version are named only when there are several.
fn progress_of_trial(trial: &TrialReport, report: &RunReport) -> (String, String) {
    let summary = &trial.summary;
    let all = |same: &dyn Fn(&TrialSummary) -> bool| report.trials.iter().all(|t| same(&t.summary));
    let mut name = summary.variant.to_string();
    if !all(&|other| other.scenario == summary.scenario) {
        name = format!("{}::{name}", summary.scenario);
    }
    if !all(&|other| other.cilium == summary.cilium) {
        name = format!("{name}/{}", summary.cilium);
    }
    let checked = trial.checks.last().map(|check| format!("{} {}", check.verdict, check.check));
    let stepped = || trial.steps.iter().rev().find(|step| step.took.is_some());
    let last = || checked.clone().or_else(|| Some(format!("done: {}", stepped()?.step)));
    let (doing, below) = match trial.open_step() {
        Some(step) => match &step.awaiting {
            Some(missing) => (step.step.clone(), Some(format!("waits for: {missing}"))),
            None => (step.step.clone(), last()),
        },
        None => ("between two steps".to_owned(), last()),
    };
    (clean(&format!("{name}: {doing}")), clean(&below.unwrap_or_default()))
}

fn progress_of_run(report: &RunReport) -> String {
    let finished: Vec<_> =
        report.trials.iter().filter(|trial| trial.stage == Stage::Finished).collect();
    let mut parts =
        vec![format!("{} of {} done", finished.len(), count(report.trials.len(), "trial"))];
    for verdict in [Verdict::Failed, Verdict::Inconclusive] {
        let number = finished.iter().filter(|trial| trial.verdict == verdict).count();
        if number > 0 {
            parts.push(format!("{number} {verdict}"));
        }
    }
    parts.join(", ")
}

#[cfg(test)]
mod tests {
    use gateproof_core::cluster::ProviderKind;
    use gateproof_core::report::RunReport;
    use gateproof_core::verdict::Verdict;

    use super::{progress_of_trial, shorten};
    use crate::sample::{HOST_NETWORK, Log, check, trial_name};

    #[test]
    fn trial_says_what_it_does_and_what_is_missing_or_done() {
        let start = Log::of(ProviderKind::Embedded, &[HOST_NETWORK]).start(HOST_NETWORK);
        let waiting = start.clone().awaiting(HOST_NETWORK, "install", "1 of 2 pods");
        let installed = start.clone().installed(HOST_NETWORK);
        let checked = check("http", "http on each node", Verdict::Passed);
        let checked = installed.clone().check(HOST_NETWORK, checked);
        let cases = [
            (start, "host-network: between two steps", ""),
            (waiting, "host-network: install", "waits for: 1 of 2 pods"),
            (installed, "host-network: between two steps", "done: install"),
            (checked, "host-network: between two steps", "passed http on each node"),
        ];
        for (log, doing, below) in cases {
            let report = RunReport::fold(&log.records).expect("a sound log");
            let trial = report.trial(&trial_name(HOST_NETWORK)).expect("the trial");
            assert_eq!(progress_of_trial(trial, &report), (doing.to_owned(), below.to_owned()));
        }
    }

    #[test]
    fn long_line_keeps_its_beginning_and_its_end() {
        let text = "worker2 127.9.0.4:31080 (node port of 80): expected a response, seen refused";
        assert_eq!(shorten(text, 200), text);
        assert_eq!(shorten(text, 40), "worker2 127.9.0.4 ... onse, seen refused");
        for columns in 10..100 {
            assert!(shorten(text, columns).len() <= columns.max(10), "{columns}");
        }
    }
}
