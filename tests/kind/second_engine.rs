//! A Docker engine of this suite's own beside the machine's, to be stopped and started at will: own
//! socket, own data, no rules in the machine's firewall and no default bridge.
//!
//! `timeout` bounds it, so that it goes also when this process is killed.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use gateproof_kind::endpoint::Endpoint;
use gateproof_kind::engine::Engine;
use gateproof_kubernetes::wait::{self, Poll};
use nix::sys::signal::{self, Signal};
use nix::unistd::Pid;
use tempfile::TempDir;
use tokio::runtime::Runtime;

use crate::image::in_words;

/// After this it ends by itself.
const LIVES_FOR: &str = "900";
/// How long it may take to answer, and to end.
const WITHIN: Duration = Duration::from_secs(40);
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// A running engine; ends when dropped.
pub(crate) struct SecondEngine {
    runtime: Runtime,
    folder: TempDir,
    process: Mutex<Option<Child>>,
}

/// How an engine ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// As on an update: it stops its containers first.
    Orderly,
    /// As in a crash: its containers are not told.
    Killed,
}

impl SecondEngine {
    /// Starts it; why that is impossible here, in words.
    pub(crate) fn start() -> Result<Self, String> {
        if !nix::unistd::geteuid().is_root() {
            return Err("a second engine can be started by root only".to_owned());
        }
        let engine = Self {
            runtime: Runtime::new().map_err(|error| error.to_string())?,
            folder: tempfile::tempdir().map_err(|error| error.to_string())?,
            process: Mutex::default(),
        };
        engine.begin()?;
        Ok(engine)
    }

    /// Where it listens.
    pub(crate) fn endpoint(&self) -> Endpoint {
        Endpoint::Unix(self.file("socket"))
    }

    /// Starts it again, and returns once it answers.
    pub(crate) fn begin(&self) -> Result<(), String> {
        let log = self.file("log");
        let log = File::options().create(true).append(true).open(&log);
        let log = log.map_err(|error| error.to_string())?;
        let option = |name: &str, value: &Path| format!("--{name}={}", value.display());
        let child = Command::new("timeout")
            .args([LIVES_FOR, "dockerd", "--bridge=none", "--iptables=false", "--ip6tables=false"])
            .arg(format!("--host=unix://{}", self.file("socket").display()))
            .arg(option("data-root", &self.file("data")))
            .arg(option("exec-root", &self.file("exec")))
            .arg(option("pidfile", &self.file("pid")))
            // Nobody else on the machine counts on these.
            .arg("--default-address-pool=base=10.213.0.0/16,size=24")
            .stdin(Stdio::null())
            .stdout(log.try_clone().map_err(|error| error.to_string())?)
            .stderr(log)
            .spawn()
            .map_err(|error| format!("dockerd cannot be started: {error}"))?;
        *self.process() = Some(child);
        let answers = || async {
            let ended = self.process().as_mut().and_then(|child| child.try_wait().ok().flatten());
            match (ended, Engine::connect(self.endpoint(), None).await) {
                (Some(_), _) => Poll::Never { why: format!("it has ended: {}", self.said()) },
                (None, Ok(_)) => Poll::Ready(()),
                (None, Err(error)) => Poll::NotYet { missing: in_words(&error) },
            }
        };
        let up = wait::until(WITHIN, LOOK_EVERY, |_| (), answers);
        self.runtime.block_on(up).map_err(|error| {
            self.end(End::Orderly);
            format!("a second engine does not come up: {error}")
        })
    }

    /// Ends it, and returns once its process is gone.
    pub(crate) fn end(&self, how: End) {
        let Some(mut child) = self.process().take() else { return };
        let signal = match how {
            End::Orderly => Signal::SIGTERM,
            End::Killed => Signal::SIGKILL,
        };
        let containerd = self.pid("exec/containerd/containerd.pid");
        self.signal(signal);
        let mut gone = || {
            // containerd goes a moment after the engine; a new engine would take it for alive.
            let gone = child.try_wait().is_ok_and(|status| status.is_some())
                && containerd.is_none_or(|pid| signal::kill(pid, None).is_err());
            let poll = if gone { Poll::Ready(()) } else { Poll::NotYet { missing: String::new() } };
            std::future::ready(poll)
        };
        let ended = wait::until(WITHIN, LOOK_EVERY, |_| (), &mut gone);
        if self.runtime.block_on(ended).is_err() {
            self.signal(Signal::SIGKILL);
            let ended = wait::until(WITHIN, LOOK_EVERY, |_| (), &mut gone);
            if let Err(error) = self.runtime.block_on(ended) {
                eprintln!("the second engine runs on for at most {LIVES_FOR} s: {error}");
            }
        }
    }

    fn signal(&self, signal: Signal) {
        let Some(pid) = self.pid("pid") else { return };
        if let Err(error) = signal::kill(pid, signal) {
            eprintln!("the second engine is not told to end: {error}");
        }
    }

    /// The process whose id a file has.
    fn pid(&self, file: &str) -> Option<Pid> {
        let text = fs::read_to_string(self.file(file)).ok()?;
        text.trim().parse().ok().map(Pid::from_raw)
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The last lines of its log.
    fn said(&self) -> String {
        let log = fs::read_to_string(self.file("log")).unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(3)..].join("; ")
    }

    fn process(&self) -> MutexGuard<'_, Option<Child>> {
        self.process.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for SecondEngine {
    fn drop(&mut self) {
        self.end(End::Orderly);
        // One that was killed has left its data mounted on itself, which nobody undoes.
        let unmounted =
            Command::new("umount").arg(self.file("data")).stderr(Stdio::null()).status();
        if let Err(error) = unmounted {
            eprintln!("{} may still be mounted: {error}", self.file("data").display());
        }
    }
}
