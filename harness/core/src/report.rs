//! The report of a run: a fold of its event log, and nothing else.
//!
//! Console, JSON, JUnit, Markdown and the exit code all read a [`RunReport`], so they cannot
//! disagree, and any of them can be made again from the log. The fold leans to the safe side: a
//! trial is inconclusive until the log decides it, a verdict that its own checks contradict is not
//! believed, and a pass without a single passed check is none.
//!
//! Not here: layout, files and terminals (`gateproof-report`), and judging (the events carry
//! verdicts already).

mod cluster;
mod document;
mod exit_code;
mod fold;
mod merge;
#[cfg(test)]
mod tests;
mod totals;
mod trial;

use std::collections::BTreeSet;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::cluster::{ProviderKind, Subject};
use crate::event::Shard;
use crate::name::{ClusterName, TrialName};

pub use cluster::{ActionReport, BringUp, ClusterReport, EvidenceReport, Removal};
pub use document::{DOCUMENT_FORMAT, Document};
pub use exit_code::{ExitCode, exit_code};
pub use fold::FoldError;
pub use merge::{MergeError, merge};
pub use totals::{Tally, Totals};
pub use trial::{Diagnosis, Stage, StepReport, TrialReport};

/// What a run amounts to, as far as its log goes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RunReport {
    /// Identity of the run; of merged runs, joined with `+`.
    pub run: String,
    /// Gateproof's version.
    pub gateproof: String,
    /// Start of the run, RFC 3339, UTC.
    pub started: String,
    /// Who ran the clusters.
    pub provider: ProviderKind,
    /// Which part of a plan that was split this is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shard: Option<Shard>,
    /// The clusters, in the order in which they were first spoken of.
    pub clusters: Vec<ClusterReport>,
    /// The trials, in plan order.
    pub trials: Vec<TrialReport>,
    /// The signal or cause, if somebody asked the run to stop.
    pub interrupted: Option<String>,
    /// From the run's start to its end, or to the last event of a log that breaks off.
    #[serde(with = "crate::observation::micros", rename = "tookMicros")]
    pub took: Duration,
    /// Whether the log tells the whole run.
    pub log: LogState,
    /// The sequence number that the next record must have.
    #[serde(skip)]
    next: u64,
}

/// Whether an event log tells the whole run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase", tag = "state")]
pub enum LogState {
    /// More records may follow: the run goes on.
    Open,
    /// It ends with `runFinished`.
    Whole,
    /// It ends before `runFinished`: the run was killed, or the log was cut.
    Truncated,
    /// It could not be followed to its end.
    Broken {
        /// Where and why.
        reason: String,
    },
}

impl RunReport {
    /// The trial of this name.
    pub fn trial(&self, name: &TrialName) -> Option<&TrialReport> {
        self.trials.iter().find(|trial| trial.summary.trial == *name)
    }

    /// The cluster of this name, if the log has spoken of it.
    pub fn cluster(&self, name: &ClusterName) -> Option<&ClusterReport> {
        self.clusters.iter().find(|cluster| cluster.name == *name)
    }

    /// What carried traffic in the trials that started, in words, sorted and without repetition.
    pub fn subjects(&self) -> Vec<&Subject> {
        let mut seen = BTreeSet::new();
        let mut subjects: Vec<&Subject> = self
            .trials
            .iter()
            .filter_map(|trial| trial.subject.as_ref())
            .filter(|subject| seen.insert(subject.to_string()))
            .collect();
        subjects.sort_by_key(ToString::to_string);
        subjects
    }

    /// Counts trials, checks and probes.
    pub fn totals(&self) -> Totals {
        Totals::of(self)
    }
}
