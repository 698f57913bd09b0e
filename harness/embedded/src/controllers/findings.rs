//! What the controllers could not do, do not cover, or cannot settle: evidence for reports.

use gateproof_model::Unmodelled;

use crate::dataplane::Applied;

/// Findings of the newest pass over everything.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Findings {
    /// What is asked for and not covered; trials that depend on it are inconclusive. Sorted.
    pub(crate) unmodelled: Vec<Unmodelled>,
    /// Writes that the API refused, each with its reason.
    pub(crate) refused_writes: Vec<String>,
    /// What kept changing when the controllers gave up: they disagree among themselves, or with
    /// somebody who writes the same fields.
    pub(crate) livelock: Option<Vec<String>>,
    /// What came of the data plane's program.
    pub(crate) applied: Applied,
}
