//! Verdicts: passed, failed, inconclusive, skipped; and what a failure says.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The verdict on a check or a trial.
///
/// The order is that of gravity: a failed check outranks an inconclusive one, and that a pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// Not applicable here, with the reason told beside it.
    Skipped,
    /// The claim holds.
    Passed,
    /// The harness could not find out. Never a pass.
    Inconclusive,
    /// The claim does not hold.
    Failed,
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Skipped => "skipped",
            Self::Passed => "passed",
            Self::Inconclusive => "inconclusive",
            Self::Failed => "failed",
        })
    }
}

/// One way in which a claim does not hold, or could not be decided.
///
/// Read by a human at 3 a.m.: what was claimed, what was seen, where, and what to look at next.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Failure {
    /// Whether the claim is refuted or undecided.
    pub kind: FailureKind,
    /// What should have been, such as `status 200`.
    pub expected: String,
    /// What was, such as `status 404`.
    pub seen: String,
    /// Where: a node and socket, or an object.
    pub place: String,
    /// What to look at or do next, most useful first.
    pub hints: Vec<String>,
}

impl fmt::Display for Failure {
    /// Several lines: where, what was expected and seen, and what to look at; the last line is
    /// terminated too.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} at {}", self.kind, self.place)?;
        writeln!(f, "  expected  {}", self.expected)?;
        writeln!(f, "  seen      {}", self.seen)?;
        for (index, hint) in self.hints.iter().enumerate() {
            writeln!(f, "  {}  {hint}", if index == 0 { "next    " } else { "        " })?;
        }
        Ok(())
    }
}

/// Whether a failure refutes the claim or leaves it open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FailureKind {
    /// The claim is refuted: the check has failed.
    Refuted,
    /// The harness could not find out: the check is inconclusive.
    Undecided,
}

impl fmt::Display for FailureKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Refuted => "refuted",
            Self::Undecided => "undecided",
        })
    }
}

/// What a judge concludes from observations.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Judgement {
    /// Empty when the claim holds.
    pub failures: Vec<Failure>,
}

impl Judgement {
    /// The claim holds.
    pub fn holds() -> Self {
        Self::default()
    }

    /// The verdict that these failures amount to.
    pub fn verdict(&self) -> Verdict {
        if self.failures.iter().any(|f| f.kind == FailureKind::Refuted) {
            Verdict::Failed
        } else if self.failures.is_empty() {
            Verdict::Passed
        } else {
            Verdict::Inconclusive
        }
    }
}
