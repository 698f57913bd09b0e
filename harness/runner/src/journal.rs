//! The journal of a run: what it creates outside its own process, written down *before* it is
//! created and struck out once it is gone, so that a later start or `gateproof clean` can remove
//! what a killed run left.
//!
//! A run owns a folder under the state directory and holds a lock on its `lock` file while it
//! lives; a folder whose lock is free belongs to a dead run ([`dead`]). The lock goes with the
//! process, however it ends, so a reused process id cannot mislead anybody.
//!
//! What is done about a dead run's things is decided in [`leftovers`](crate::leftovers).

use std::collections::BTreeSet;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use gateproof_kubernetes::{Ledger, LedgerError, Thing};
use nix::fcntl::{Flock, FlockArg};
use serde::{Deserialize, Serialize};

pub mod dead;

#[cfg(test)]
mod tests;

/// The file with a run's entries.
const JOURNAL: &str = "journal";

/// One line of a journal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
enum Line {
    /// This is about to be created.
    Noted(Entry),
    /// This is gone.
    Struck(Entry),
}

/// Something that exists outside the process.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Entry {
    /// Files in this folder whose names begin like this; they are renamed or removed before the
    /// run ends.
    TemporaryFiles {
        /// The folder.
        folder: PathBuf,
        /// How their names begin; unique to the process that makes them.
        prefix: String,
    },
    /// A folder with all that is in it, which goes with the run when that is killed.
    Folder {
        /// The folder.
        path: PathBuf,
    },
    /// A file, or something on a Docker engine.
    Thing(Thing),
}

/// The folder and lock of a living run. Clusters of a run write to it side by side.
#[derive(Debug)]
pub struct Journal {
    state: PathBuf,
    folder: PathBuf,
    pages: Mutex<Pages>,
    _lock: Flock<File>,
}

/// What a journal writes to, and what it holds.
#[derive(Debug)]
struct Pages {
    /// `None` once the journal is closed.
    file: Option<File>,
    /// Whether the last line was not written to its end.
    torn: bool,
    /// Things that were noted and not struck.
    open: BTreeSet<Thing>,
}

/// The journal could not be kept or read.
#[derive(Debug, thiserror::Error)]
#[error("failed to {operation} {}", path.display())]
pub struct JournalError {
    /// What was being done.
    pub operation: &'static str,
    /// To what.
    pub path: PathBuf,
    /// Why it failed.
    #[source]
    pub source: io::Error,
}

/// How a journal was closed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Closed {
    /// Nothing was left, so its folder is gone.
    Empty,
    /// These things could not be removed. The folder stays, and the next start tries again.
    Holding(Vec<Thing>),
}

impl Journal {
    /// Opens the journal of a new run below `state`.
    ///
    /// # Errors
    ///
    /// When the folder, the lock or the journal file cannot be made.
    pub fn open(state: &Path, run: &str) -> Result<Self, JournalError> {
        let _alone = alone(state)?;
        let folder = folder_of(state, run);
        fs::create_dir_all(&folder).map_err(|e| error("create the run folder", &folder, e))?;
        let lock_path = folder.join("lock");
        let lock_file =
            File::create(&lock_path).map_err(|e| error("create the lock", &lock_path, e))?;
        let lock = Flock::lock(lock_file, FlockArg::LockExclusiveNonblock)
            .map_err(|(_, errno)| error("take the lock", &lock_path, errno.into()))?;
        let path = folder.join(JOURNAL);
        let file = OpenOptions::new()
            .create(true)
            .append(true)
            .open(&path)
            .map_err(|e| error("open the journal", &path, e))?;
        // A journal whose name is not on disk is lost with the power.
        for folder in [folder.as_path(), state.join("runs").as_path()] {
            File::open(folder)
                .and_then(|folder| folder.sync_all())
                .map_err(|e| error("write to disk", folder, e))?;
        }
        let pages = Pages { file: Some(file), torn: false, open: BTreeSet::new() };
        Ok(Self { state: state.to_owned(), folder, pages: Mutex::new(pages), _lock: lock })
    }

    /// The run's folder; what is kept in it goes with the run.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Writes an entry down; call it before creating the thing.
    ///
    /// # Errors
    ///
    /// When the journal is closed or cannot be written; then the thing must not be created.
    pub fn note(&self, entry: &Entry) -> Result<(), JournalError> {
        let mut pages = self.pages();
        self.write(&mut pages, &Line::Noted(entry.clone()))?;
        if let Entry::Thing(thing) = entry {
            pages.open.insert(thing.clone());
        }
        Ok(())
    }

    /// Strikes an entry out; call it once the thing is gone, or belongs to the user.
    ///
    /// # Errors
    ///
    /// When the journal is closed or cannot be written.
    pub fn strike(&self, entry: &Entry) -> Result<(), JournalError> {
        let mut pages = self.pages();
        self.write(&mut pages, &Line::Struck(entry.clone()))?;
        if let Entry::Thing(thing) = entry {
            pages.open.remove(thing);
        }
        Ok(())
    }

    /// Ends the run. The folder goes when nothing is left; else the next start takes care of what
    /// is. Nothing can be noted any more.
    ///
    /// # Errors
    ///
    /// When the folder cannot be removed.
    pub fn close(&self) -> Result<Closed, JournalError> {
        let mut pages = self.pages();
        pages.file = None;
        if !pages.open.is_empty() {
            return Ok(Closed::Holding(pages.open.iter().cloned().collect()));
        }
        let _alone = alone(&self.state)?;
        match fs::remove_dir_all(&self.folder) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => {
                Err(error("remove the run folder", &self.folder, e))
            }
            _ => Ok(Closed::Empty),
        }
    }

    /// A line, on disk when this returns.
    fn write(&self, pages: &mut Pages, line: &Line) -> Result<(), JournalError> {
        let mut text = serde_json::to_string(line).expect("an entry is plain data");
        text.push('\n');
        // What was written in part must not swallow the line after it.
        if pages.torn {
            text.insert(0, '\n');
        }
        let closed = || io::Error::other("the journal is closed");
        let written = match &mut pages.file {
            Some(file) => file.write_all(text.as_bytes()).and_then(|()| file.sync_data()),
            None => Err(closed()),
        };
        pages.torn = written.is_err();
        written.map_err(|e| error("write the journal in", &self.folder, e))
    }

    /// A thread that panicked with the pages in its hands had written its line, or will be told
    /// that it had not.
    fn pages(&self) -> MutexGuard<'_, Pages> {
        self.pages.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Ledger for Journal {
    fn note(&self, thing: &Thing) -> Result<(), LedgerError> {
        self.note(&Entry::Thing(thing.clone())).map_err(|error| LedgerError(Box::new(error)))
    }

    fn strike(&self, thing: &Thing) -> Result<(), LedgerError> {
        self.strike(&Entry::Thing(thing.clone())).map_err(|error| LedgerError(Box::new(error)))
    }
}

/// What a journal's text says was noted and not struck. A torn line was never acted upon, because
/// a thing is created after its line is on disk.
fn open_entries(text: &str) -> Vec<Entry> {
    let mut open: Vec<Entry> = Vec::new();
    for line in text.lines() {
        match serde_json::from_str::<Line>(line) {
            Ok(Line::Noted(entry)) if !open.contains(&entry) => open.push(entry),
            Ok(Line::Struck(entry)) => open.retain(|noted| *noted != entry),
            Ok(Line::Noted(_)) => {}
            Err(error) if line.is_empty() => drop(error),
            Err(error) => tracing::debug!(%error, line, "a line of a journal is torn"),
        }
    }
    open
}

fn folder_of(state: &Path, run: &str) -> PathBuf {
    state.join("runs").join(run)
}

/// Lets one process at a time open a run, close it or look for dead ones: a run that is just being
/// opened has no lock yet and would be taken for a dead one. The lock is held for moments and goes
/// with the process, so waiting for it ends.
fn alone(state: &Path) -> Result<Flock<File>, JournalError> {
    fs::create_dir_all(state).map_err(|e| error("create the state folder", state, e))?;
    let path = state.join("lock");
    let file = File::create(&path).map_err(|e| error("create the lock", &path, e))?;
    Flock::lock(file, FlockArg::LockExclusive)
        .map_err(|(_, errno)| error("take the lock", &path, errno.into()))
}

fn error(operation: &'static str, path: &Path, source: io::Error) -> JournalError {
    JournalError { operation, path: path.to_owned(), source }
}
