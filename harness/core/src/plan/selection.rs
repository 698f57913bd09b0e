//! Which trials are wanted: by name, variant, label and shard.
//!
//! A selection that cannot match anything is an error with the nearest names, because a run of
//! nothing would look like a success.

use std::fmt;
use std::str::FromStr;

use globset::{GlobBuilder, GlobMatcher};

/// What to select; an empty selection takes everything.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Selection {
    /// Globs over trial names and scenario names, such as `shared-gateway` or
    /// `*::host-network/*`; a trial must match one of them.
    pub names: Vec<String>,
    /// Globs over variant names; a trial must match one of them.
    pub variants: Vec<String>,
    /// Labels that the scenario must have, all of them.
    pub labels: Vec<LabelRequirement>,
    /// The part to take of what the rest selects.
    pub shard: Option<Shard>,
}

/// A label and its value, written `key=value`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LabelRequirement {
    /// The label.
    pub key: String,
    /// Its value.
    pub value: String,
}

/// Text that is no label requirement.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not of the form key=value such as suite=smoke")]
pub struct NotALabel(pub String);

impl FromStr for LabelRequirement {
    type Err = NotALabel;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.split_once('=') {
            Some((key, value)) if !key.is_empty() => {
                Ok(Self { key: key.to_owned(), value: value.to_owned() })
            }
            _ => Err(NotALabel(text.to_owned())),
        }
    }
}

impl fmt::Display for LabelRequirement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}={}", self.key, self.value)
    }
}

/// One of several parts of a run, written `index/count`, from `1/count`.
///
/// Parts are disjoint, and together they are the whole; which trials a part has depends only on
/// the selected trials' names and the count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shard {
    index: usize,
    count: usize,
}

/// Text that is no shard.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a shard; write index/count with an index from 1 to count, such as 2/5")]
pub struct NotAShard(pub String);

impl Shard {
    /// The part of this index, from 1.
    ///
    /// # Errors
    ///
    /// When there is no such part.
    pub fn new(index: usize, count: usize) -> Result<Self, NotAShard> {
        if index >= 1 && index <= count {
            Ok(Self { index, count })
        } else {
            Err(NotAShard(format!("{index}/{count}")))
        }
    }

    /// Which part, from 1.
    pub fn index(self) -> usize {
        self.index
    }

    /// Into how many parts.
    pub fn count(self) -> usize {
        self.count
    }

    /// Whether the part has the trial at this position, from 0.
    pub fn takes(self, position: usize) -> bool {
        position % self.count == self.index - 1
    }
}

impl FromStr for Shard {
    type Err = NotAShard;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = || NotAShard(text.to_owned());
        let (index, count) = text.split_once('/').ok_or_else(wrong)?;
        let index = index.parse().map_err(|_| wrong())?;
        let count = count.parse().map_err(|_| wrong())?;
        Self::new(index, count).map_err(|_| wrong())
    }
}

impl fmt::Display for Shard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.index, self.count)
    }
}

/// Why a selection makes no plan.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SelectionError {
    /// A glob is malformed.
    #[error("`{glob}` is no glob pattern: {reason}")]
    BadGlob {
        /// The glob.
        glob: String,
        /// Why, in words.
        reason: String,
    },
    /// Part of the selection matches nothing at all.
    #[error("no {what} matches `{pattern}`{}", hint(nearest))]
    NothingMatches {
        /// What was looked for: a trial or scenario, a variant, a label.
        what: &'static str,
        /// The pattern.
        pattern: String,
        /// The nearest names there are.
        nearest: Vec<String>,
    },
    /// Each part of the selection matches something, but no trial matches all of it.
    #[error("no trial matches all of {0} together")]
    NothingTogether(String),
    /// There are no scenarios.
    #[error("there are no scenarios to select from")]
    NoScenarios,
}

fn hint(nearest: &[String]) -> String {
    if nearest.is_empty() {
        "; `gateproof plan` lists all trials".to_owned()
    } else {
        let names: Vec<String> = nearest.iter().map(|name| format!("`{name}`")).collect();
        format!("; did you mean {}?", names.join(" or "))
    }
}

/// Globs of which one must match.
pub(super) struct Globs {
    globs: Vec<(String, GlobMatcher)>,
}

impl Globs {
    pub(super) fn compile(patterns: &[String]) -> Result<Self, SelectionError> {
        let globs = patterns
            .iter()
            .map(|pattern| match GlobBuilder::new(pattern).literal_separator(false).build() {
                Ok(glob) => Ok((pattern.clone(), glob.compile_matcher())),
                Err(error) => Err(SelectionError::BadGlob {
                    glob: pattern.clone(),
                    reason: error.kind().to_string(),
                }),
            })
            .collect::<Result<_, _>>()?;
        Ok(Self { globs })
    }

    /// Whether one of them matches one of the names, or there are none.
    pub(super) fn accept(&self, names: &[&str]) -> bool {
        self.globs.is_empty()
            || self.globs.iter().any(|(_, glob)| names.iter().any(|name| glob.is_match(name)))
    }

    /// The first pattern that matches none of the names.
    pub(super) fn idle(&self, names: &[&str]) -> Option<&str> {
        self.globs
            .iter()
            .find(|(_, glob)| !names.iter().any(|name| glob.is_match(name)))
            .map(|(pattern, _)| pattern.as_str())
    }
}
