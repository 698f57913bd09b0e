//! Counting what a run decided. The counts are always made from the trials, never kept beside
//! them.

use serde::{Deserialize, Serialize};

use super::RunReport;
use crate::verdict::Verdict;

/// How many trials and checks came out how, and how many probes were sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Totals {
    /// The trials by verdict; unfinished ones count as inconclusive.
    pub trials: Tally,
    /// The decided checks by verdict.
    pub checks: Tally,
    /// Probes sent by decided checks.
    pub probes: u64,
}

/// A count for each verdict.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Tally {
    /// Passed.
    pub passed: usize,
    /// Failed.
    pub failed: usize,
    /// Inconclusive.
    pub inconclusive: usize,
    /// Skipped.
    pub skipped: usize,
}

impl Tally {
    /// Counts verdicts.
    pub fn of(verdicts: impl IntoIterator<Item = Verdict>) -> Self {
        let mut tally = Self::default();
        for verdict in verdicts {
            match verdict {
                Verdict::Passed => tally.passed += 1,
                Verdict::Failed => tally.failed += 1,
                Verdict::Inconclusive => tally.inconclusive += 1,
                Verdict::Skipped => tally.skipped += 1,
            }
        }
        tally
    }

    /// All together.
    pub fn total(self) -> usize {
        self.passed + self.failed + self.inconclusive + self.skipped
    }

    /// The count for one verdict.
    pub fn count(self, verdict: Verdict) -> usize {
        match verdict {
            Verdict::Passed => self.passed,
            Verdict::Failed => self.failed,
            Verdict::Inconclusive => self.inconclusive,
            Verdict::Skipped => self.skipped,
        }
    }
}

impl Totals {
    pub(super) fn of(report: &RunReport) -> Self {
        let checks = || report.trials.iter().flat_map(|trial| &trial.checks);
        Self {
            trials: Tally::of(report.trials.iter().map(|trial| trial.verdict)),
            checks: Tally::of(checks().map(|check| check.verdict)),
            probes: checks().map(|check| check.evidence.probes).sum(),
        }
    }
}
