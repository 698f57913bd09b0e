//! Runs that have ended without closing their journal, and what they left.

use std::collections::BTreeSet;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use gateproof_kubernetes::Thing;
use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};

use super::{Entry, JOURNAL, JournalError, alone, error, open_entries};

/// The runs of a state folder.
#[derive(Debug)]
pub struct Runs {
    /// Those that live, by name.
    pub living: BTreeSet<String>,
    /// Those that are dead, sorted by name.
    pub dead: Vec<DeadRun>,
}

/// A run that has ended without closing its journal. Nobody else cleans it while this is held.
#[derive(Debug)]
pub struct DeadRun {
    /// Its name.
    pub run: String,
    state: PathBuf,
    folder: PathBuf,
    pub(crate) entries: Vec<Entry>,
    _lock: Flock<File>,
}

/// Looks at the runs of a state folder; none when there is no such folder.
///
/// # Errors
///
/// When the folder or a journal in it cannot be read.
pub fn runs(state: &Path) -> Result<Runs, JournalError> {
    let folder = state.join("runs");
    let mut found = Runs { living: BTreeSet::new(), dead: Vec::new() };
    if !folder.exists() {
        return Ok(found);
    }
    let _alone = alone(state)?;
    let mut paths = Vec::new();
    for entry in fs::read_dir(&folder).map_err(|e| error("read", &folder, e))? {
        paths.push(entry.map_err(|e| error("read", &folder, e))?.path());
    }
    paths.sort();
    for path in paths {
        let run = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        match lock_of_dead_run(&path)? {
            None => {
                found.living.insert(run);
            }
            Some(lock) => {
                let entries = open_entries(&text_of(&path.join(JOURNAL))?);
                let state = state.to_owned();
                found.dead.push(DeadRun { run, state, folder: path, entries, _lock: lock });
            }
        }
    }
    Ok(found)
}

impl DeadRun {
    /// The files and folders that it left, its own folder last.
    ///
    /// # Errors
    ///
    /// When a folder cannot be read.
    pub fn files(&self) -> Result<Vec<PathBuf>, JournalError> {
        let mut files = Vec::new();
        for entry in &self.entries {
            match entry {
                Entry::TemporaryFiles { folder, prefix } => {
                    files.extend(beginning_with(folder, prefix)?);
                }
                Entry::Folder { path } if path.is_dir() => files.push(path.clone()),
                Entry::Thing(Thing::File { path }) if path.is_file() => files.push(path.clone()),
                Entry::Thing(_) | Entry::Folder { .. } => {}
            }
        }
        files.push(self.folder.clone());
        Ok(files)
    }

    /// Whether it wrote its journal a moment ago, so that an engine may still be at work for it.
    pub fn ended_lately(&self) -> bool {
        const A_MOMENT: Duration = Duration::from_mins(1);
        let written = fs::metadata(self.folder.join(JOURNAL)).and_then(|file| file.modified());
        // A clock that was set back leaves it open, and so does a journal that cannot be read.
        written.is_ok_and(|at| at.elapsed().is_ok_and(|since| since < A_MOMENT))
    }

    /// What it had noted on Docker engines.
    pub fn on_engines(&self) -> impl Iterator<Item = &Thing> {
        self.entries.iter().filter_map(|entry| match entry {
            Entry::Thing(thing) if engine_of(thing).is_some() => Some(thing),
            _ => None,
        })
    }

    /// Removes the files it left, and its folder unless something of it is left elsewhere: then
    /// the journal has to go on telling.
    ///
    /// # Errors
    ///
    /// When one cannot be removed.
    pub fn remove_files(&self, elsewhere: Elsewhere) -> Result<(), JournalError> {
        for path in self.files()? {
            if path == self.folder {
                continue;
            }
            let removed =
                if path.is_dir() { fs::remove_dir_all(&path) } else { fs::remove_file(&path) };
            match removed {
                Err(e) if e.kind() != io::ErrorKind::NotFound => {
                    return Err(error("remove", &path, e));
                }
                _ => {}
            }
        }
        if elsewhere == Elsewhere::SomethingLeft {
            return Ok(());
        }
        let _alone = alone(&self.state)?;
        fs::remove_dir_all(&self.folder).map_err(|e| error("remove", &self.folder, e))
    }
}

/// Whether a dead run's things on Docker engines are gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Elsewhere {
    /// They are.
    NothingLeft,
    /// Not all of them, or nobody could be asked.
    SomethingLeft,
}

/// The engine on which a thing is; `None` for files.
pub fn engine_of(thing: &Thing) -> Option<&str> {
    match thing {
        Thing::Container { engine, .. }
        | Thing::Volume { engine, .. }
        | Thing::Network { engine, .. }
        | Thing::Image { engine, .. } => Some(engine),
        Thing::File { .. } | Thing::Objects { .. } => None,
    }
}

/// Takes the lock of a run's folder; `None` when the run lives, or is being cleaned up.
fn lock_of_dead_run(folder: &Path) -> Result<Option<Flock<File>>, JournalError> {
    let path = folder.join("lock");
    let file = OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .open(&path)
        .map_err(|e| error("open the lock", &path, e))?;
    match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
        Ok(lock) => Ok(Some(lock)),
        Err((_, Errno::EWOULDBLOCK)) => Ok(None),
        Err((_, errno)) => Err(error("take the lock", &path, errno.into())),
    }
}

/// A journal's text, as far as it can be read: what is torn may not even be text.
fn text_of(journal: &Path) -> Result<String, JournalError> {
    match fs::read(journal) {
        Ok(bytes) => Ok(String::from_utf8_lossy(&bytes).into_owned()),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(String::new()),
        Err(e) => Err(error("read the journal", journal, e)),
    }
}

/// The files of a folder whose names begin like this, sorted; none when the folder is gone.
fn beginning_with(folder: &Path, prefix: &str) -> Result<Vec<PathBuf>, JournalError> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(e) => return Err(error("read", folder, e)),
    };
    let mut found = Vec::new();
    for entry in entries {
        let path = entry.map_err(|e| error("read", folder, e))?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if name.starts_with(prefix) && path.is_file() {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}
