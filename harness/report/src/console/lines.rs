//! The lines that events leave on the console while the run goes on.

use gateproof_core::cluster::ProviderKind;
use gateproof_core::event::{CheckResult, Event, Record};
use gateproof_core::name::TrialName;
use gateproof_core::report::{EvidenceReport, RunReport};
use gateproof_core::verdict::{Judgement, Verdict};

use crate::console::terminal::Output;
use crate::console::{ConsoleOptions, Verbosity};
use crate::layout::wrap::hang;
use crate::layout::{Colour, Tone};
use crate::view::cluster::{evidence, kept, longest_actions, of_node};
use crate::view::duration::{human, human_or_dash};
use crate::view::failure::stories;
use crate::view::trials::{checks_in_words, count, shout, tone_of};

/// The lines of a record; most records leave none.
pub(super) fn lines(record: &Record, report: &RunReport, options: ConsoleOptions) -> Vec<String> {
    if options.verbosity == Verbosity::Quiet {
        return Vec::new();
    }
    let page = options.terminal.page();
    let Some(said) = say(&record.event, report, options) else { return Vec::new() };
    let stamp = match options.terminal.output {
        Output::Screen { .. } => String::new(),
        Output::Stream { .. } => format!("[{:>8.1}s] ", record.at.as_secs_f64()),
    };
    let label = match &said.verdict {
        Some(verdict) => format!("{stamp}{:<12} ", shout(*verdict)),
        None => stamp.clone(),
    };
    let mut lines = hang(&label, &said.text, page.width);
    if let (Some(first), Some(verdict)) = (lines.first_mut(), said.verdict) {
        paint_word(first, stamp.len(), verdict, page.colour);
    }
    lines
}

/// What is said of an event.
struct Said {
    verdict: Option<Verdict>,
    text: String,
}

impl Said {
    fn plain(text: String) -> Self {
        Self { verdict: None, text }
    }

    fn verdict(verdict: Verdict, text: String) -> Self {
        Self { verdict: Some(verdict), text }
    }
}

fn say(event: &Event, report: &RunReport, options: ConsoleOptions) -> Option<Said> {
    let verbose = options.verbosity == Verbosity::Verbose;
    let streaming = matches!(options.terminal.output, Output::Stream { .. });
    let said = match event {
        Event::RunStarted { run, gateproof, provider, trials, .. } => Said::plain(format!(
            "run {run}: {}, provider {provider}, gateproof {gateproof}",
            count(trials.len(), "trial")
        )),
        Event::ClusterStarted { cluster, nodes } if streaming || verbose => {
            let doing = match report.provider {
                ProviderKind::Existing => "taking as it is:",
                ProviderKind::Embedded | ProviderKind::Kind => "bringing up",
            };
            Said::plain(format!("cluster {cluster}: {doing} {}", count(*nodes, "node")))
        }
        Event::ClusterReady { cluster, took, .. } if streaming || verbose => {
            let longest = report.cluster(cluster).map(longest_actions).unwrap_or_default();
            let longest = if longest.is_empty() { longest } else { format!(" ({longest})") };
            Said::plain(format!("cluster {cluster}: ready after {}{longest}", human(*took)))
        }
        Event::ClusterFailed { cluster, reason } => Said::verdict(
            Verdict::Inconclusive,
            format!("cluster {cluster} could not be brought up: {reason}"),
        ),
        Event::ActionStarted { cluster, action, node } if verbose => {
            Said::plain(format!("cluster {cluster}: {} started", of_node(action, node.as_deref())))
        }
        Event::ActionAwaiting { cluster, action, node, missing } if verbose => {
            let action = of_node(action, node.as_deref());
            Said::plain(format!("cluster {cluster}: {action} waits for: {missing}"))
        }
        Event::ActionWarned { cluster, warning, .. } => {
            Said::plain(format!("warning: cluster {cluster}: {warning}"))
        }
        Event::ActionFinished { cluster, action, node, problem: Some(problem), took } => {
            let action = of_node(action, node.as_deref());
            let took = human(*took);
            Said::plain(format!("cluster {cluster}: {action} failed after {took}: {problem}"))
        }
        Event::ActionFinished { cluster, action, node, took, .. } if verbose => {
            let action = of_node(action, node.as_deref());
            Said::plain(format!("cluster {cluster}: {action} done in {}", human(*took)))
        }
        Event::TrialStarted { trial, cluster, subject } if streaming || verbose => {
            Said::plain(format!("{trial}: started on cluster {cluster}, {subject}"))
        }
        Event::StepStarted { trial, step } if verbose => {
            Said::plain(format!("{trial}: {step} started"))
        }
        Event::Awaiting { trial, step, missing } if verbose => {
            Said::plain(format!("{trial}: {step} waits for: {missing}"))
        }
        Event::StepFinished { trial, step, failures, took } if !failures.is_empty() => {
            let verdict = Judgement { failures: failures.clone() }.verdict();
            Said::verdict(verdict, format!("{trial}: {step} ({})", human(*took)))
        }
        Event::StepFinished { trial, step, took, .. } if streaming || verbose => {
            Said::plain(format!("{trial}: {step} done in {}", human(*took)))
        }
        Event::CheckFinished { trial, result } => {
            let is_to_fail = report.trial(trial).is_some_and(|it| it.summary.expect.is_some());
            if is_to_fail && !verbose {
                return None;
            }
            return check_finished(trial, result, options);
        }
        Event::TrialFinished { trial, .. } => return trial_finished(trial, report),
        Event::EvidenceCollected { cluster, folder, files, problem, .. } => {
            let (folder, problem) = (folder.clone(), problem.clone());
            let told = evidence(&EvidenceReport { trial: None, folder, files: *files, problem });
            Said::plain(format!("evidence of cluster {cluster}: {told}"))
        }
        Event::ClusterKept { cluster } => Said::plain(kept(cluster.as_str())),
        Event::ClusterRemoved { cluster, problem: Some(problem) } => {
            Said::plain(format!("cluster {cluster} was not removed cleanly: {problem}"))
        }
        Event::ClusterRemoved { cluster, problem: None } if verbose => {
            Said::plain(format!("cluster {cluster}: removed"))
        }
        Event::Interrupted { cause } => {
            Said::plain(format!("interrupted by {cause}: finishing what was begun"))
        }
        // The summary tells findings beside the failures they explain.
        Event::Diagnosed { .. }
        | Event::ClusterStarted { .. }
        | Event::ClusterReady { .. }
        | Event::ActionStarted { .. }
        | Event::ActionAwaiting { .. }
        | Event::ActionFinished { .. }
        | Event::TrialStarted { .. }
        | Event::StepStarted { .. }
        | Event::Awaiting { .. }
        | Event::StepFinished { .. }
        | Event::ClusterRemoved { .. }
        | Event::RunFinished { .. } => return None,
    };
    Some(said)
}

fn check_finished(
    trial: &TrialName,
    result: &CheckResult,
    options: ConsoleOptions,
) -> Option<Said> {
    let text = format!("{trial}: {} ({})", result.check, human(result.took));
    match result.verdict {
        Verdict::Failed | Verdict::Inconclusive => Some(Said::verdict(result.verdict, text)),
        Verdict::Passed | Verdict::Skipped if options.verbosity == Verbosity::Verbose => {
            Some(Said::verdict(result.verdict, text))
        }
        Verdict::Passed | Verdict::Skipped => None,
    }
}

/// The verdict of a trial as the report has it, which may doubt the one the event states.
fn trial_finished(name: &TrialName, report: &RunReport) -> Option<Said> {
    let trial = report.trial(name)?;
    let took = human_or_dash(trial.took);
    let text = match (stories(report, trial).first(), &trial.reason) {
        (Some(story), _) => format!("{name} ({took}): {}", story.headline()),
        (None, Some(reason)) => format!("{name} ({took}): {reason}"),
        (None, None) => format!("{name} ({took}, {})", checks_in_words(&trial.checks)),
    };
    Some(Said::verdict(trial.verdict, text))
}

/// Colours the verdict at the beginning of a line.
fn paint_word(line: &mut String, at: usize, verdict: Verdict, colour: Colour) {
    let word = shout(verdict);
    let (stamp, rest) = line.split_at(at);
    if let Some(rest) = rest.strip_prefix(&word) {
        *line = format!(
            "{}{}{rest}",
            colour.paint(Tone::Quiet, stamp),
            colour.paint(tone_of(verdict), &word)
        );
    }
}
