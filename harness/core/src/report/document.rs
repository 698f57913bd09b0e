//! The JSON report: a [`RunReport`] with what a reader would otherwise have to work out.
//!
//! Keys are camelCase; durations are whole microseconds in keys that end in `Micros`; verdicts
//! are `passed`, `failed`, `inconclusive` and `skipped`. Unlike the event log it holds no history:
//! the log can be folded into this document, but not the other way round.

use serde::{Deserialize, Serialize};

use super::{ExitCode, RunReport, Totals, exit_code};

/// Version of the JSON report; raised when a reader of the old one would be misled.
pub const DOCUMENT_FORMAT: u32 = 1;

/// The JSON report of a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Document {
    /// [`DOCUMENT_FORMAT`].
    pub format: u32,
    /// How the run ended.
    pub outcome: ExitCode,
    /// The number that goes with it.
    pub exit_code: u8,
    /// What carried traffic, in words, such as `reference model of Cilium 1.20`.
    pub subjects: Vec<String>,
    /// The counts.
    pub totals: Totals,
    /// Everything else.
    pub report: RunReport,
}

impl Document {
    /// Makes the document of a report.
    pub fn of(report: &RunReport) -> Self {
        let outcome = exit_code(report);
        Self {
            format: DOCUMENT_FORMAT,
            outcome,
            exit_code: outcome.code(),
            subjects: report.subjects().into_iter().map(ToString::to_string).collect(),
            totals: report.totals(),
            report: report.clone(),
        }
    }
}
