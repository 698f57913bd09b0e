//! The journal of a run: what it creates outside its own process, written down *before* it is
//! created, so that a later start or `gateproof clean` can remove what a killed run left.
//!
//! A run owns a folder under the state directory and holds a lock on its `lock` file while it
//! lives; a folder whose lock is free belongs to a dead run. The lock goes with the process,
//! however it ends, so a reused process id cannot mislead anybody.
//!
//! The embedded cluster lives inside the process and leaves nothing but the temporary files of
//! reports, and kubeconfigs of clusters that stay up; providers that create more add entries of
//! their own kind.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use nix::fcntl::{Flock, FlockArg};
use serde::{Deserialize, Serialize};

/// Something that exists outside the process.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
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
    /// One file outside of the run's folder.
    File {
        /// The file.
        path: PathBuf,
    },
}

/// The folder and lock of a living run.
#[derive(Debug)]
pub struct Journal {
    state: PathBuf,
    folder: PathBuf,
    entries: File,
    _lock: Flock<File>,
}

/// What cleaning found and did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cleaned {
    /// The dead run.
    pub run: String,
    /// What it had left and what is gone now (or would be, in a dry run).
    pub removed: Vec<PathBuf>,
}

/// Whether cleaning acts or only tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CleanMode {
    /// Remove what dead runs left.
    Remove,
    /// Only say what would be removed.
    DryRun,
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

impl Journal {
    /// Opens the journal of a new run below `state`.
    ///
    /// # Errors
    ///
    /// When the folder, the lock or the journal file cannot be made.
    pub fn open(state: &Path, run: &str) -> Result<Self, JournalError> {
        let _alone = alone(state)?;
        let folder = state.join("runs").join(run);
        fs::create_dir_all(&folder).map_err(|e| error("create the run folder", &folder, e))?;
        let lock_path = folder.join("lock");
        let lock_file =
            File::create(&lock_path).map_err(|e| error("create the lock", &lock_path, e))?;
        let lock = Flock::lock(lock_file, FlockArg::LockExclusiveNonblock)
            .map_err(|(_, errno)| error("take the lock", &lock_path, errno.into()))?;
        let path = folder.join("journal");
        let entries = OpenOptions::new()
            .create(true)
            .append(true)
            .open(&path)
            .map_err(|e| error("open the journal", &path, e))?;
        Ok(Self { state: state.to_owned(), folder, entries, _lock: lock })
    }

    /// The run's folder; what is kept in it goes with the run.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Writes an entry down; call it before creating the thing.
    ///
    /// # Errors
    ///
    /// When the journal cannot be written; then the thing must not be created.
    pub fn note(&mut self, entry: &Entry) -> Result<(), JournalError> {
        let mut line = serde_json::to_string(entry).expect("an entry is plain data");
        line.push('\n');
        self.entries
            .write_all(line.as_bytes())
            .and_then(|()| self.entries.sync_data())
            .map_err(|e| error("write the journal in", &self.folder, e))
    }

    /// Ends the run in order: nothing is left, so the folder goes.
    ///
    /// # Errors
    ///
    /// When the folder cannot be removed.
    pub fn close(self) -> Result<(), JournalError> {
        let _alone = alone(&self.state)?;
        fs::remove_dir_all(&self.folder)
            .map_err(|e| error("remove the run folder", &self.folder, e))
    }
}

/// Removes what dead runs left below `state`; living runs are not touched.
///
/// # Errors
///
/// When the state directory cannot be read or something left behind cannot be removed.
pub fn clean(state: &Path, mode: CleanMode) -> Result<Vec<Cleaned>, JournalError> {
    let runs = state.join("runs");
    let mut cleaned = Vec::new();
    if !runs.exists() {
        return Ok(cleaned);
    }
    let _alone = alone(state)?;
    let folders = match fs::read_dir(&runs) {
        Ok(folders) => folders,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(cleaned),
        Err(e) => return Err(error("read", &runs, e)),
    };
    let mut paths = Vec::new();
    for folder in folders {
        paths.push(folder.map_err(|e| error("read", &runs, e))?.path());
    }
    paths.sort();
    for folder in paths {
        if let Some(lock) = lock_of_dead_run(&folder)? {
            cleaned.push(clean_run(&folder, mode)?);
            drop(lock);
        }
    }
    Ok(cleaned)
}

/// Lets one process at a time open a run or clean up: a run that is just being opened has no lock
/// yet and would be taken for a dead one, and two that clean would remove under each other's hands.
/// The lock is held for moments and goes with the process, so waiting for it ends.
fn alone(state: &Path) -> Result<Flock<File>, JournalError> {
    fs::create_dir_all(state).map_err(|e| error("create the state folder", state, e))?;
    let path = state.join("lock");
    let file = File::create(&path).map_err(|e| error("create the lock", &path, e))?;
    Flock::lock(file, FlockArg::LockExclusive)
        .map_err(|(_, errno)| error("take the lock", &path, errno.into()))
}

/// Takes the lock of a run's folder; `None` when the run lives.
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
        Err((_, nix::errno::Errno::EWOULDBLOCK)) => Ok(None),
        Err((_, errno)) => Err(error("take the lock", &path, errno.into())),
    }
}

fn clean_run(folder: &Path, mode: CleanMode) -> Result<Cleaned, JournalError> {
    let run = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let journal = folder.join("journal");
    let text = match fs::read_to_string(&journal) {
        Ok(text) => text,
        Err(e) if e.kind() == io::ErrorKind::NotFound => String::new(),
        Err(e) => return Err(error("read the journal", &journal, e)),
    };
    let mut removed = Vec::new();
    // A torn last line was never acted upon: the thing is created after the line is on disk.
    for entry in text.lines().filter_map(|line| serde_json::from_str::<Entry>(line).ok()) {
        let left = match entry {
            Entry::TemporaryFiles { folder, prefix } => beginning_with(&folder, &prefix)?,
            Entry::File { path } => path.is_file().then_some(path).into_iter().collect(),
        };
        for path in left {
            if mode == CleanMode::Remove {
                fs::remove_file(&path).map_err(|e| error("remove", &path, e))?;
            }
            removed.push(path);
        }
    }
    if mode == CleanMode::Remove {
        fs::remove_dir_all(folder).map_err(|e| error("remove", folder, e))?;
    }
    removed.push(folder.to_owned());
    Ok(Cleaned { run, removed })
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

fn error(operation: &'static str, path: &Path, source: io::Error) -> JournalError {
    JournalError { operation, path: path.to_owned(), source }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::{CleanMode, Entry, Journal, clean};

    fn entry(folder: &Path) -> Entry {
        Entry::TemporaryFiles { folder: folder.to_owned(), prefix: ".gateproof-7-".to_owned() }
    }

    /// Leaves a run's folder behind as a killed process would: the lock is gone, the folder stays.
    fn killed_run(state: &Path, run: &str, entry: &Entry) {
        let mut journal = Journal::open(state, run).expect("a writable state directory");
        journal.note(entry).expect("a writable journal");
        drop(journal);
    }

    fn write(path: &Path) {
        std::fs::write(path, "half").expect("a writable folder");
    }

    #[test]
    fn what_a_killed_run_left_is_removed_and_nothing_else() {
        let dir = tempfile::tempdir().expect("a scratch folder");
        let state = dir.path().join("state");
        let left = dir.path().join(".gateproof-7-abc.partial");
        let others = [dir.path().join("report.xml"), dir.path().join(".gateproof-71-x.partial")];
        write(&left);
        for path in &others {
            write(path);
        }
        killed_run(&state, "dead", &entry(dir.path()));

        let told = clean(&state, CleanMode::DryRun).expect("a readable state directory");
        assert_eq!(told.len(), 1);
        assert!(left.exists(), "a dry run removes nothing");

        let cleaned = clean(&state, CleanMode::Remove).expect("a readable state directory");
        assert_eq!(cleaned, told);
        assert!(!left.exists() && others.iter().all(|path| path.exists()));
        assert!(clean(&state, CleanMode::Remove).expect("readable").is_empty());
    }

    #[test]
    fn a_file_that_was_noted_goes_with_its_run() {
        let dir = tempfile::tempdir().expect("a scratch folder");
        let (file, beside) = (dir.path().join("config"), dir.path().join("config.old"));
        write(&file);
        write(&beside);
        killed_run(&dir.path().join("state"), "dead", &Entry::File { path: file.clone() });
        killed_run(
            &dir.path().join("state"),
            "early",
            &Entry::File { path: dir.path().join("no") },
        );
        let cleaned =
            clean(&dir.path().join("state"), CleanMode::Remove).expect("cleaning goes on");
        assert_eq!(cleaned.len(), 2);
        assert!(!file.exists() && beside.exists());
    }

    #[test]
    fn a_living_run_is_not_touched() {
        let dir = tempfile::tempdir().expect("a scratch folder");
        let file = dir.path().join(".gateproof-7-abc.partial");
        write(&file);
        let mut journal = Journal::open(dir.path(), "alive").expect("a writable state directory");
        journal.note(&entry(dir.path())).expect("a writable journal");

        assert!(clean(dir.path(), CleanMode::Remove).expect("readable").is_empty());
        assert!(file.exists());
        journal.close().expect("a removable folder");
        assert!(clean(dir.path(), CleanMode::Remove).expect("readable").is_empty());
    }

    #[test]
    fn runs_that_open_and_clean_at_once_do_not_disturb_each_other() {
        let dir = tempfile::tempdir().expect("a scratch folder");
        let state = dir.path();
        for round in 0..10 {
            for dead in 0..10 {
                killed_run(state, &format!("dead-{round}-{dead}"), &entry(state));
            }
            std::thread::scope(|scope| {
                for run in 0..4 {
                    scope.spawn(move || {
                        clean(state, CleanMode::Remove).expect("cleaning goes on");
                        let name = format!("alive-{round}-{run}");
                        let journal = Journal::open(state, &name).expect("a journal");
                        journal.close().expect("a removable folder");
                    });
                }
            });
        }
        assert!(clean(state, CleanMode::Remove).expect("readable").is_empty());
    }

    #[test]
    fn a_torn_line_and_a_folder_that_is_gone_do_not_stop_cleaning() {
        let dir = tempfile::tempdir().expect("a scratch folder");
        let left = dir.path().join(".gateproof-7-abc.partial");
        write(&left);
        killed_run(dir.path(), "dead", &entry(dir.path()));
        killed_run(dir.path(), "gone", &entry(&dir.path().join("no-such-folder")));
        let journal = dir.path().join("runs/dead/journal");
        let mut text = std::fs::read_to_string(&journal).expect("a journal");
        text.push_str("{\"temporaryFi");
        std::fs::write(&journal, text).expect("a writable journal");
        assert_eq!(clean(dir.path(), CleanMode::Remove).expect("cleaning goes on").len(), 2);
        assert!(!left.exists());
    }
}
