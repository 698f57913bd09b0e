//! The clusters that are up on this machine, as later commands find them.
//!
//! A cluster's entry is a run folder of the [journal](crate::journal) named `cluster-<name>`: its
//! lock says whether the cluster lives, its kubeconfig and its record lie in it and go with it.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::Duration;

use gateproof_kubernetes::Thing;
use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde::{Deserialize, Serialize};

use crate::journal::{Entry, Journal, JournalError};

const PREFIX: &str = "cluster-";
const RECORD: &str = "cluster.json";
const KUBECONFIG: &str = "kubeconfig";

/// A cluster that is up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ClusterRecord {
    /// Its name.
    pub name: String,
    /// The process that runs it.
    pub pid: i32,
    /// The address of its API.
    pub url: String,
    /// Its kubeconfig.
    pub kubeconfig: PathBuf,
    /// The Cilium version it models.
    pub cilium: String,
    /// The name of its topology.
    pub topology: String,
    /// How many nodes it has.
    pub nodes: usize,
    /// Since when it is up.
    pub since: String,
}

/// Something about the clusters of this machine went wrong.
#[derive(Debug, thiserror::Error)]
pub enum RegistryError {
    /// The name is taken.
    #[error(
        "a cluster named `{0}` is up already; choose another --name, or take it down with `gateproof cluster down {0}`"
    )]
    NameTaken(String),
    /// The journal failed.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// A file could not be read or written.
    #[error("failed to {operation} {}: {source}", path.display())]
    File {
        /// What was being done.
        operation: &'static str,
        /// To what.
        path: PathBuf,
        /// Why it failed.
        #[source]
        source: io::Error,
    },
    /// The kubeconfig would replace a file.
    #[error("{} exists already; a kubeconfig is written to a new file only, so that no other is lost", .0.display())]
    KubeconfigExists(PathBuf),
    /// The process cannot be told to stop.
    #[error("failed to stop process {pid} of cluster `{name}`: {source}")]
    Signal {
        /// The cluster.
        name: String,
        /// The process.
        pid: i32,
        /// Why it failed.
        #[source]
        source: Errno,
    },
    /// The process does not stop.
    #[error(
        "cluster `{name}` was told to stop and its process {pid} still runs after {waited:?}; `kill -KILL {pid}` ends it, and `gateproof clean` removes what it leaves"
    )]
    DoesNotStop {
        /// The cluster.
        name: String,
        /// The process.
        pid: i32,
        /// How long it was waited for.
        waited: Duration,
    },
}

/// The entry of a cluster that this process runs. Dropped without [`Registration::close`], it is
/// what a killed process leaves.
#[derive(Debug)]
pub struct Registration {
    journal: Journal,
    kubeconfig: PathBuf,
    outside: Vec<PathBuf>,
}

impl Registration {
    /// Takes a cluster's name.
    ///
    /// # Errors
    ///
    /// When the name is taken or the state folder cannot be written to.
    pub fn open(state: &Path, name: &str) -> Result<Self, RegistryError> {
        let journal = match Journal::open(state, &format!("{PREFIX}{name}")) {
            Err(error) if error.source.raw_os_error() == Some(Errno::EWOULDBLOCK as i32) => {
                return Err(RegistryError::NameTaken(name.to_owned()));
            }
            opened => opened?,
        };
        let kubeconfig = journal.folder().join(KUBECONFIG);
        Ok(Self { journal, kubeconfig, outside: Vec::new() })
    }

    /// Counts a file outside of the state folder among the cluster's; it is removed with it.
    ///
    /// # Errors
    ///
    /// When the journal cannot be written.
    pub fn note_file(&mut self, path: &Path) -> Result<(), RegistryError> {
        self.journal.note(&Entry::Thing(Thing::File { path: path.to_owned() }))?;
        self.outside.push(path.to_owned());
        Ok(())
    }

    /// Writes the kubeconfig, readable for its owner only; to `path` when one is wished.
    ///
    /// # Errors
    ///
    /// When the wished file exists or cannot be written.
    pub fn write_kubeconfig(
        &mut self,
        text: &str,
        path: Option<&Path>,
    ) -> Result<PathBuf, RegistryError> {
        if let Some(path) = path {
            // Noted only when it is not there: what is noted is removed.
            if path.symlink_metadata().is_ok() {
                return Err(RegistryError::KubeconfigExists(path.to_owned()));
            }
            self.note_file(path)?;
            path.clone_into(&mut self.kubeconfig);
        }
        let written = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&self.kubeconfig)
            .and_then(|mut file| file.write_all(text.as_bytes()));
        match written {
            Ok(()) => Ok(self.kubeconfig.clone()),
            Err(source) => Err(file_error("write the kubeconfig", &self.kubeconfig, source)),
        }
    }

    /// Makes the cluster known to other commands.
    ///
    /// # Errors
    ///
    /// When the record cannot be written.
    pub fn publish(&self, record: &ClusterRecord) -> Result<(), RegistryError> {
        let path = self.journal.folder().join(RECORD);
        // Readers take the record whole or not at all.
        let half = self.journal.folder().join("cluster.json.partial");
        let text = serde_json::to_string(record).expect("a record is plain data");
        fs::write(&half, text)
            .and_then(|()| fs::rename(&half, &path))
            .map_err(|source| file_error("write", &path, source))
    }

    /// Removes everything that belongs to the cluster on disk.
    ///
    /// # Errors
    ///
    /// When something cannot be removed.
    pub fn close(self) -> Result<(), RegistryError> {
        for path in &self.outside {
            match fs::remove_file(path) {
                Err(source) if source.kind() != io::ErrorKind::NotFound => {
                    return Err(file_error("remove", path, source));
                }
                _ => {}
            }
            self.journal.strike(&Entry::Thing(Thing::File { path: path.clone() }))?;
        }
        self.journal.close()?;
        Ok(())
    }
}

/// The clusters that are up, sorted by name. One that is just starting is not among them.
///
/// # Errors
///
/// When the state folder cannot be read.
pub fn living(state: &Path) -> Result<Vec<ClusterRecord>, RegistryError> {
    let runs = state.join("runs");
    let entries = match fs::read_dir(&runs) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(source) => return Err(file_error("read", &runs, source)),
    };
    let mut living = Vec::new();
    for entry in entries {
        let folder = entry.map_err(|source| file_error("read", &runs, source))?.path();
        let name = folder.file_name().unwrap_or_default().to_string_lossy();
        if !name.starts_with(PREFIX) || !is_locked(&folder)? {
            continue;
        }
        // It may end, or not have begun, while it is looked at.
        if let Ok(text) = fs::read_to_string(folder.join(RECORD))
            && let Ok(record) = serde_json::from_str(&text)
        {
            living.push(record);
        }
    }
    living.sort_by(|a: &ClusterRecord, b| a.name.cmp(&b.name));
    Ok(living)
}

/// Tells a cluster's process to stop and returns when it has.
///
/// # Errors
///
/// When it cannot be told, or still runs after `patience`.
pub fn stop(state: &Path, record: &ClusterRecord, patience: Duration) -> Result<(), RegistryError> {
    let folder = state.join("runs").join(format!("{PREFIX}{}", record.name));
    let Some(file) = lock_file(&folder)? else { return Ok(()) };
    match kill(Pid::from_raw(record.pid), Signal::SIGTERM) {
        Ok(()) | Err(Errno::ESRCH) => {}
        Err(source) => {
            let (name, pid) = (record.name.clone(), record.pid);
            return Err(RegistryError::Signal { name, pid, source });
        }
    }
    // The lock goes with the process, so getting it is the news that it has ended.
    let (sender, ended) = mpsc::channel();
    std::thread::spawn(move || {
        let lock = Flock::lock(file, FlockArg::LockExclusive);
        // Nobody listens any more when patience has run out.
        if sender.send(()).is_err() {
            tracing::debug!("the cluster has ended after all");
        }
        drop(lock);
    });
    match ended.recv_timeout(patience) {
        Ok(()) => Ok(()),
        Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {
            Err(RegistryError::DoesNotStop {
                name: record.name.clone(),
                pid: record.pid,
                waited: patience,
            })
        }
    }
}

fn is_locked(folder: &Path) -> Result<bool, RegistryError> {
    let Some(file) = lock_file(folder)? else { return Ok(false) };
    Ok(matches!(Flock::lock(file, FlockArg::LockExclusiveNonblock), Err((_, Errno::EWOULDBLOCK))))
}

fn lock_file(folder: &Path) -> Result<Option<File>, RegistryError> {
    let path = folder.join("lock");
    match OpenOptions::new().write(true).open(&path) {
        Ok(file) => Ok(Some(file)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(file_error("open the lock", &path, source)),
    }
}

fn file_error(operation: &'static str, path: &Path, source: io::Error) -> RegistryError {
    RegistryError::File { operation, path: path.to_owned(), source }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;
    use std::path::Path;

    use super::{ClusterRecord, Registration, RegistryError, living};
    use crate::leftovers::{Cleaning, Mode, NoEngines, Reach, clean};

    fn clean_files(state: &Path) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let within = std::time::Duration::from_mins(1);
        let linger = std::time::Duration::ZERO;
        let cleaning = Cleaning { mode: Mode::Remove, reach: Reach::Journals, within, linger };
        let cleaned = runtime.expect("a runtime").block_on(clean(state, &NoEngines, cleaning));
        assert_eq!(cleaned.expect("cleaning goes on").problems, Vec::<String>::new());
    }

    fn record(name: &str, kubeconfig: &Path) -> ClusterRecord {
        ClusterRecord {
            name: name.to_owned(),
            pid: 1,
            url: "https://127.0.0.1:1".to_owned(),
            kubeconfig: kubeconfig.to_owned(),
            cilium: "1.20.2".to_owned(),
            topology: "three-nodes".to_owned(),
            nodes: 3,
            since: "2026-11-26T00:00:00Z".to_owned(),
        }
    }

    #[test]
    fn a_cluster_is_known_while_it_lives_and_leaves_nothing() {
        let dir = tempfile::tempdir().expect("a scratch folder");
        let mut cluster = Registration::open(dir.path(), "a").expect("a free name");
        assert_eq!(living(dir.path()).expect("readable"), [], "it is still starting");
        let kubeconfig = cluster.write_kubeconfig("x", None).expect("a new file");
        cluster.publish(&record("a", &kubeconfig)).expect("a record");
        assert_eq!(living(dir.path()).expect("readable"), [record("a", &kubeconfig)]);
        let mode = kubeconfig.metadata().expect("a file").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert!(matches!(
            Registration::open(dir.path(), "a"),
            Err(RegistryError::NameTaken(name)) if name == "a"
        ));
        cluster.close().expect("removable");
        assert!(!kubeconfig.exists());
        assert_eq!(living(dir.path()).expect("readable"), []);
    }

    #[test]
    fn an_existing_file_is_never_replaced_and_never_removed() {
        let dir = tempfile::tempdir().expect("a scratch folder");
        let own = dir.path().join("config");
        std::fs::write(&own, "mine").expect("a file");
        let mut cluster = Registration::open(dir.path(), "a").expect("a free name");
        let refused = cluster.write_kubeconfig("x", Some(&own)).expect_err("it exists");
        assert!(refused.to_string().contains("exists already"), "{refused}");
        drop(cluster);
        clean_files(dir.path());
        assert_eq!(std::fs::read_to_string(&own).expect("still there"), "mine");
    }

    #[test]
    fn a_killed_cluster_is_not_known_and_cleaning_takes_its_kubeconfig() {
        let dir = tempfile::tempdir().expect("a scratch folder");
        let wished = dir.path().join("wished");
        let mut cluster = Registration::open(dir.path(), "a").expect("a free name");
        let kubeconfig = cluster.write_kubeconfig("x", Some(&wished)).expect("a new file");
        cluster.publish(&record("a", &kubeconfig)).expect("a record");
        drop(cluster);
        assert_eq!(living(dir.path()).expect("readable"), []);
        clean_files(dir.path());
        assert!(!wished.exists());
        Registration::open(dir.path(), "a").expect("the name is free again");
    }
}
