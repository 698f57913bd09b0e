//! Text as people wrote it: YAML with the place of every key and value, and the problems found in
//! it.
//!
//! Files come in as text ([`SourceTree`]) and become [`tree::Node`]s that know their byte spans.
//! Everything that is wrong becomes a [`problem::Problem`]; nothing stops at the first one, so a
//! person sees all mistakes of all files at once. This module reads no files, and it knows nothing
//! of scenarios: what a document may contain is said by a JSON Schema ([`schema`]).

use std::collections::BTreeMap;

pub mod nearest;
pub mod parse;
pub mod problem;
pub mod render;
pub mod schema;
pub mod tree;

/// What a file is read as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// A scenario file.
    Scenario,
    /// A topology: kind's `v1alpha4` cluster file.
    Topology,
    /// Kubernetes objects that a scenario applies.
    Manifest,
}

/// One file of a [`SourceTree`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct File {
    /// What it is read as.
    pub role: Role,
    /// Its text, or why it could not be read.
    pub content: Result<String, String>,
}

/// Files as the caller read them: path → text. Paths are relative, with `/`, as messages shall
/// show them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SourceTree {
    files: BTreeMap<String, File>,
}

impl SourceTree {
    /// An empty tree.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a file that was read. A byte order mark at its start is dropped, so that columns and
    /// spans count what a person sees.
    pub fn insert(&mut self, role: Role, path: impl Into<String>, text: impl Into<String>) {
        let text = text.into();
        let text = text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text);
        self.files.insert(path.into(), File { role, content: Ok(text) });
    }

    /// Adds a file that could not be read, with the reason in words. Loading reports it where the
    /// file is asked for.
    pub fn insert_unreadable(
        &mut self,
        role: Role,
        path: impl Into<String>,
        reason: impl Into<String>,
    ) {
        self.files.insert(path.into(), File { role, content: Err(reason.into()) });
    }

    /// The file at this path.
    pub fn get(&self, path: &str) -> Option<&File> {
        self.files.get(path)
    }

    /// All files by path.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &File)> {
        self.files.iter().map(|(path, file)| (path.as_str(), file))
    }
}
