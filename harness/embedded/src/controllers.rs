//! The controllers of the embedded cluster: what Kubernetes, cert-manager and Cilium would do.
//!
//! One task waits for changes of the store, runs all controllers until nothing changes any more,
//! and then programs the data plane. Controllers decide in pure functions from a `Snapshot` to
//! `Write`s; this loop does the writes. It never polls: it wakes for a change, for new settings,
//! or when a certificate is due.
//!
//! Not here: leader election, rate limits, back-off. A write that the API refuses is recorded and
//! tried again at the next change.

mod cert_manager;
pub(crate) mod cilium;
pub(crate) mod cluster_dns;
mod cluster_network;
pub(crate) mod component_log;
pub(crate) mod findings;
pub(crate) mod installed;
pub(crate) mod kind;
pub(crate) mod kubernetes;
pub(crate) mod object;
mod reconciler;
pub(crate) mod snapshot;
mod tls_secret;
mod transition;
pub(crate) mod write;
mod writer;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::api::{Clock, Store};
use crate::dataplane::DataPlane;
use cilium::Stack;
pub(crate) use component_log::ComponentLogs;
use findings::Findings;
use reconciler::Reconciler;

/// What controllers work with.
#[derive(Clone)]
pub(crate) struct Surroundings {
    /// The cluster's objects.
    pub(crate) store: Store,
    /// The time.
    pub(crate) clock: Arc<dyn Clock>,
    /// What carries traffic on all nodes; `None` where the nodes are machines of their own and
    /// do so themselves.
    pub(crate) data_plane: Option<Arc<DataPlane>>,
    /// Where components say what they do.
    pub(crate) logs: ComponentLogs,
    /// How the controllers learn what is installed.
    pub(crate) installation: Installation,
}

/// How the controllers learn what is installed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Installation {
    /// They are told ([`Controllers::install`]).
    Told,
    /// By the releases that Helm recorded in the cluster.
    Recorded,
}

/// What the loop is told.
#[derive(Debug, Clone, Default)]
struct Settings {
    /// What is installed; nothing before the first installation.
    stack: Option<Stack>,
    /// Counts installations.
    generation: u64,
}

/// How far the loop has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Settled {
    revision: u64,
    generation: u64,
}

/// The running controllers. Dropping them ends their task.
#[derive(Debug)]
pub(crate) struct Controllers {
    settings: watch::Sender<Settings>,
    settled: watch::Receiver<Settled>,
    findings: Arc<Mutex<Findings>>,
    stop: CancellationToken,
    task: Mutex<Option<JoinHandle<()>>>,
}

/// The task of the controllers has ended, so nothing will settle any more.
#[derive(Debug, thiserror::Error)]
#[error("the controllers of the embedded cluster have stopped")]
pub(crate) struct Stopped;

impl Controllers {
    /// Starts the controllers; Kubernetes' own run at once, Cilium and cert-manager from the first
    /// installation.
    pub(crate) fn start(surroundings: Surroundings) -> Self {
        let (settings, settings_seen) = watch::channel(Settings::default());
        let (settled, settled_seen) = watch::channel(Settled::default());
        let findings = Arc::new(Mutex::new(Findings::default()));
        let stop = CancellationToken::new();
        let task = tokio::spawn(run(
            Reconciler::new(surroundings.clone()),
            surroundings.store,
            Channels { settings: settings_seen, settled, findings: Arc::clone(&findings) },
            stop.clone(),
        ));
        Self { settings, settled: settled_seen, findings, stop, task: Mutex::new(Some(task)) }
    }

    /// Installs or reconfigures Cilium and cert-manager, and returns once everything that exists
    /// at `revision` has been worked through.
    pub(crate) async fn install(&self, stack: Stack, revision: u64) -> Result<(), Stopped> {
        let mut generation = 0;
        self.settings.send_modify(|settings| {
            settings.stack = Some(stack);
            settings.generation += 1;
            generation = settings.generation;
        });
        self.settled_at(revision, generation).await
    }

    /// Returns once everything that exists at `revision` has been worked through.
    pub(crate) async fn settled(&self, revision: u64) -> Result<(), Stopped> {
        self.settled_at(revision, 0).await
    }

    async fn settled_at(&self, revision: u64, generation: u64) -> Result<(), Stopped> {
        self.settled
            .clone()
            .wait_for(|settled| settled.revision >= revision && settled.generation >= generation)
            .await
            .map(|_| ())
            .map_err(|_| Stopped)
    }

    /// What the last pass could not do or does not cover.
    pub(crate) fn findings(&self) -> Findings {
        self.findings.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Whether the task has ended although nobody told it to: it panicked.
    pub(crate) fn have_died(&self) -> bool {
        let task = self.task.lock().unwrap_or_else(PoisonError::into_inner);
        !self.stop.is_cancelled() && task.as_ref().is_some_and(JoinHandle::is_finished)
    }

    /// Ends the task, and with it every echo server. Safe to call twice.
    pub(crate) async fn shutdown(&self) {
        self.stop.cancel();
        let task = self.task.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(task) = task
            && let Err(error) = task.await
        {
            tracing::error!(%error, "the controllers of the embedded cluster ended abnormally");
        }
    }
}

impl Drop for Controllers {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

struct Channels {
    settings: watch::Receiver<Settings>,
    settled: watch::Sender<Settled>,
    findings: Arc<Mutex<Findings>>,
}

async fn run(
    mut reconciler: Reconciler,
    store: Store,
    mut channels: Channels,
    stop: CancellationToken,
) {
    let mut changes = store.changes();
    loop {
        let settings = channels.settings.borrow_and_update().clone();
        let pass = tokio::select! {
            biased;
            () = stop.cancelled() => break,
            pass = reconciler.settle(settings.stack.as_ref()) => pass,
        };
        let wake = pass.wake_in;
        let livelocked = pass.findings.livelock.is_some();
        *channels.findings.lock().unwrap_or_else(PoisonError::into_inner) = pass.findings;
        channels
            .settled
            .send_replace(Settled { revision: pass.revision, generation: settings.generation });
        let newest = *changes.borrow_and_update();
        // What changed while the last round ran has not been seen. After a livelock the changes
        // are the controllers' own, and only somebody else's end it.
        if newest > pass.revision && !livelocked {
            continue;
        }
        tokio::select! {
            biased;
            () = stop.cancelled() => break,
            news = changes.changed() => if news.is_err() { break },
            news = channels.settings.changed() => if news.is_err() { break },
            () = due(wake) => {}
        }
    }
    reconciler.shutdown().await;
}

/// Completes when the time has come, and never without one.
async fn due(wake: Option<Duration>) {
    let never = std::future::pending::<()>();
    match wake {
        None => never.await,
        Some(left) => {
            if tokio::time::timeout(left, never).await.is_ok() {
                tracing::debug!("a wait without end has ended");
            }
        }
    }
}

#[cfg(test)]
mod tests;
