//! Creating containers so that none is lost: each is written down before it is created, and its
//! creation runs in a task of its own, which goes on when whoever asked for it has gone.
//!
//! Whoever cleans up closes the door first ([`Creations::close`]) and waits for what is under way;
//! then a listing shows all there will ever be.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use gateproof_kubernetes::{Ledger, Thing};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::Seen;
use crate::container::{ContainerSpec, ContainerState};
use crate::engine::{Cause, Engine, EngineError};
use crate::label;

/// What became of a thing that was written down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    /// It exists, or existed.
    Created,
    /// The engine was asked and has not said.
    Unknown,
}

/// The containers of one cluster while it comes up.
#[derive(Debug, Clone)]
pub(crate) struct Creations {
    inner: Arc<Inner>,
}

struct Inner {
    engine: Engine,
    ledger: Arc<dyn Ledger>,
    tasks: TaskTracker,
    closed: CancellationToken,
    noted: Mutex<BTreeMap<Thing, Fate>>,
}

impl std::fmt::Debug for Inner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Inner").field("noted", &self.noted).finish_non_exhaustive()
    }
}

impl Creations {
    pub(crate) fn new(engine: Engine, ledger: Arc<dyn Ledger>) -> Self {
        let inner = Inner {
            engine,
            ledger,
            tasks: TaskTracker::new(),
            closed: CancellationToken::new(),
            noted: Mutex::default(),
        };
        Self { inner: Arc::new(inner) }
    }

    /// Creates and starts a container. May be dropped: the creation comes to its end nevertheless.
    pub(crate) async fn create(&self, spec: &ContainerSpec) -> Result<(), Seen> {
        let (inner, spec) = (Arc::clone(&self.inner), spec.clone());
        let task = self.inner.tasks.spawn(async move { inner.create(&spec).await });
        match task.await {
            Ok(done) => done,
            Err(error) => Err(Seen::new(format!("the creation did not come to an end: {error}"))),
        }
    }

    /// Lets no further creation begin and waits for those under way; `false` when some are still
    /// under way at the deadline.
    pub(crate) async fn close(&self, deadline: Duration) -> bool {
        self.inner.closed.cancel();
        self.inner.tasks.close();
        tokio::time::timeout(deadline, self.inner.tasks.wait()).await.is_ok()
    }

    /// Strikes out what is not among `left`. What the engine was asked for without an answer stays
    /// written down, because it may still come, unless it is among the `removed`; its names are
    /// returned.
    pub(crate) fn strike(&self, removed: &[String], left: &[String]) -> Result<Vec<String>, Seen> {
        let mut unknown = Vec::new();
        let mut noted = self.inner.noted();
        let mut failure = None;
        noted.retain(|thing, fate| {
            let Thing::Container { name, .. } = thing else { return true };
            if *fate == Fate::Unknown && !removed.contains(name) {
                unknown.push(name.clone());
                return true;
            }
            if left.contains(name) {
                return true;
            }
            if let Err(error) = self.inner.ledger.strike(thing) {
                failure = Some(in_words(&error));
                return true;
            }
            false
        });
        failure.map_or(Ok(unknown), |words| Err(Seen::new(words)))
    }

    /// Takes everything off the books without removing it: it belongs to somebody else now.
    pub(crate) fn hand_over(&self) -> Result<(), Seen> {
        let mut noted = self.inner.noted();
        for thing in std::mem::take(&mut *noted).into_keys() {
            self.inner.ledger.strike(&thing).map_err(|error| Seen::new(in_words(&error)))?;
        }
        Ok(())
    }
}

impl Inner {
    fn noted(&self) -> MutexGuard<'_, BTreeMap<Thing, Fate>> {
        self.noted.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn create(&self, spec: &ContainerSpec) -> Result<(), Seen> {
        if self.closed.is_cancelled() {
            return Err(Seen::new("not created: the bring-up has ended"));
        }
        let thing = Thing::Container {
            engine: self.engine.endpoint().to_string(),
            name: spec.name.clone(),
        };
        self.ledger.note(&thing).map_err(|error| Seen::new(in_words(&error)))?;
        self.noted().insert(thing.clone(), Fate::Unknown);
        match self.engine.create_container(spec).await {
            Ok(_) => {
                self.noted().insert(thing, Fate::Created);
            }
            Err(error) => {
                let was_refused = matches!(
                    error.cause(),
                    Some(Cause::NotFound(_) | Cause::Conflict(_) | Cause::Refused { .. })
                );
                if was_refused {
                    self.noted().remove(&thing);
                    self.ledger.strike(&thing).map_err(|error| Seen::new(in_words(&error)))?;
                }
                return Err(self.explained(spec, error).await);
            }
        }
        // Once it exists, an end of the bring-up saves the start.
        if self.closed.is_cancelled() {
            return Err(Seen::new("created and not started: the bring-up has ended"));
        }
        self.engine.start_container(&spec.name).await?;
        Ok(())
    }

    /// A name that is taken is told with whose it is.
    async fn explained(&self, spec: &ContainerSpec, error: EngineError) -> Seen {
        if !error.is_conflict() {
            return error.into();
        }
        match self.engine.inspect_container(&spec.name).await {
            Ok(Some(other)) => Seen::new(format!(
                "a container named {} exists already; {}",
                spec.name,
                whose(&other)
            )),
            _ => error.into(),
        }
    }
}

/// Whose a container is, and how it is removed.
pub(crate) fn whose(container: &ContainerState) -> String {
    let labelled = |name: &str| container.labels.get(name);
    match (labelled(label::CLUSTER), labelled(label::RUN)) {
        (Some(_), Some(run)) => format!(
            "it is of Gateproof's run {run}; `gateproof clean` removes it once that run has ended"
        ),
        (Some(cluster), None) => format!(
            "it is of the kind cluster `{cluster}`, which is not ours; choose another name, or \
             remove it with `kind delete cluster --name {cluster}`"
        ),
        (None, _) => format!(
            "it is no kind cluster's (image {}); choose another name, or remove it with `docker \
             rm --force {}`",
            container.image, container.name
        ),
    }
}

fn in_words(error: &gateproof_kubernetes::LedgerError) -> String {
    format!("{error}: {}", error.0)
}
