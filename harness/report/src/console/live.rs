//! Live progress on a terminal: a line for each cluster that comes up and each trial that runs,
//! with what it waits for and what is missing, and a line for the run.
//!
//! Only plain ASCII is drawn, so that it looks the same under every locale.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::time::Duration;

use gateproof_core::event::Event;
use gateproof_core::name::{ClusterName, TrialName};
use gateproof_core::report::{RunReport, Stage, TrialReport};
use gateproof_core::verdict::Verdict;
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};

use crate::layout::wrap::clean;
use crate::view::duration::human;
use crate::view::trials::count;

/// How often the clocks move.
const TICK: Duration = Duration::from_millis(200);

/// The progress lines.
pub(super) struct Live {
    screen: MultiProgress,
    run: ProgressBar,
    clusters: BTreeMap<ClusterName, ProgressBar>,
    trials: BTreeMap<TrialName, ProgressBar>,
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
        for bar in self.clusters.values().chain(self.trials.values()).chain([&self.run]) {
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
            Event::TrialStarted { trial, .. } => {
                let bar = self.screen.insert_before(&self.run, spinner());
                bar.enable_steady_tick(TICK);
                self.trials.insert(trial.clone(), bar);
                self.show(trial, report);
            }
            Event::StepStarted { trial, .. }
            | Event::Awaiting { trial, .. }
            | Event::StepFinished { trial, .. }
            | Event::CheckFinished { trial, .. } => self.show(trial, report),
            Event::TrialFinished { trial, .. } => {
                if let Some(bar) = self.trials.remove(trial) {
                    bar.finish_and_clear();
                }
            }
            Event::RunStarted { .. } => self.run.enable_steady_tick(TICK),
            Event::ClusterRemoved { .. }
            | Event::Interrupted { .. }
            | Event::RunFinished { .. } => {}
        }
        self.run.set_message(progress_of_run(report));
    }

    fn show(&self, name: &TrialName, report: &RunReport) {
        if let (Some(bar), Some(trial)) = (self.trials.get(name), report.trial(name)) {
            bar.set_message(progress_of_trial(trial, report));
        }
    }
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

/// The trial, what it does and what is missing. With one scenario its name is left out: the line
/// is short and the end of it matters most.
fn progress_of_trial(trial: &TrialReport, report: &RunReport) -> String {
    let summary = &trial.summary;
    let alone = report.trials.iter().all(|other| other.summary.scenario == summary.scenario);
    let short = format!("{}/{}", summary.variant, summary.cilium);
    let name = if alone { short } else { format!("{}::{short}", summary.scenario) };
    let doing = match trial.open_step() {
        Some(step) => match &step.awaiting {
            Some(missing) => format!("{}, waits for: {missing}", step.step),
            None => step.step.clone(),
        },
        None => match trial.checks.last() {
            Some(check) => format!("{} {}", check.check, check.verdict),
            None => "started".to_owned(),
        },
    };
    clean(&format!("{name}: {doing}"))
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
