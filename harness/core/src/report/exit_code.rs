//! The exit code of a run, from its report alone.
//!
//! Exit code 2, wrong input, is not here: such a run never starts, so there is no report.

use serde::{Deserialize, Serialize};

use super::{BringUp, LogState, Removal, RunReport};
use crate::cluster::ProviderKind;
use crate::verdict::Verdict;

/// How a run ends for the shell that started it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum ExitCode {
    /// 0: at least one trial passed, and none did anything else but pass or be skipped.
    Passed,
    /// 1: a trial failed.
    Failed,
    /// 3: a trial is inconclusive, a cluster could not be brought up, or the log is not whole.
    Inconclusive,
    /// 4: nothing was selected, or everything that was selected was skipped.
    NothingSelected,
    /// 130: somebody asked the run to stop.
    Interrupted,
}

impl ExitCode {
    /// The number for the operating system.
    pub fn code(self) -> u8 {
        match self {
            Self::Passed => 0,
            Self::Failed => 1,
            Self::Inconclusive => 3,
            Self::NothingSelected => 4,
            Self::Interrupted => 130,
        }
    }
}

/// Decides the exit code: interrupted outranks failed, failed outranks inconclusive, and only a
/// whole log with a passed trial is a pass.
///
/// A cluster of our own that could not be *removed* changes nothing here: every verdict is in, and
/// reports warn of it. What stays on a cluster that somebody else runs does: nobody may take such a
/// run for one that is over.
pub fn exit_code(report: &RunReport) -> ExitCode {
    let trials = report.totals().trials;
    let cluster_failed =
        report.clusters.iter().any(|cluster| matches!(cluster.bring_up, BringUp::Failed { .. }));
    let left_behind = report.provider == ProviderKind::Existing
        && report
            .clusters
            .iter()
            .any(|cluster| matches!(cluster.removal, Some(Removal::Removed { problem: Some(_) })));
    if report.interrupted.is_some() {
        ExitCode::Interrupted
    } else if trials.count(Verdict::Failed) > 0 {
        ExitCode::Failed
    } else if trials.inconclusive > 0
        || cluster_failed
        || left_behind
        || report.log != LogState::Whole
    {
        ExitCode::Inconclusive
    } else if trials.passed == 0 {
        ExitCode::NothingSelected
    } else {
        ExitCode::Passed
    }
}
