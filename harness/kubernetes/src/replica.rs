//! A copy of the objects of some kinds that follows the cluster, as the agents of a node keep one.
//!
//! Each kind is listed once and then watched; when a watch breaks off it is listed again. The copy
//! is of no single point in time: kinds arrive one after the other. Secrets are in it as they are.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::StreamExt;
use gateproof_core::scenario::ObjectRef;
use kube::api::WatchEvent;
use serde_json::Value;
use tokio::sync::watch;
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::client::Client;
use crate::error::Cause;
use crate::object::reference;
use crate::snapshot::KindRef;
use crate::wait::{Followed, follow, pause};

/// How long to rest before a kind is asked for again that could not be followed.
const AGAIN_AFTER: Duration = Duration::from_millis(500);

/// A copy that follows the cluster for as long as the value lives.
#[derive(Debug)]
pub struct Replica {
    shared: Arc<Shared>,
    changes: watch::Receiver<u64>,
    _stop: DropGuard,
}

#[derive(Debug)]
struct Shared {
    kinds: Mutex<BTreeMap<KindRef, Option<Objects>>>,
    changed: watch::Sender<u64>,
}

/// By namespace and name.
type Objects = BTreeMap<(String, String), Arc<Value>>;

impl Replica {
    /// Follows all objects of these kinds. Must be called within a tokio runtime.
    pub fn follow(client: &Client, kinds: &[KindRef]) -> Self {
        let (sender, changes) = watch::channel(0);
        let unknown = kinds.iter().map(|kind| (*kind, None)).collect();
        let shared = Arc::new(Shared { kinds: Mutex::new(unknown), changed: sender });
        let stop = CancellationToken::new();
        for kind in kinds {
            let (client, shared, stop) = (client.clone(), Arc::clone(&shared), stop.clone());
            let kind = *kind;
            tokio::spawn(async move {
                tokio::select! {
                    () = stop.cancelled() => {}
                    () = shared.keep(&client, kind) => {}
                }
            });
        }
        Self { shared, changes, _stop: stop.drop_guard() }
    }

    /// Every object, kind by kind.
    pub fn objects(&self) -> Vec<Arc<Value>> {
        let kinds = self.shared.kinds.lock().unwrap_or_else(PoisonError::into_inner);
        kinds.values().flatten().flat_map(BTreeMap::values).cloned().collect()
    }

    /// The kinds that have not been read yet.
    pub fn missing(&self) -> Vec<KindRef> {
        let kinds = self.shared.kinds.lock().unwrap_or_else(PoisonError::into_inner);
        kinds.iter().filter(|(_, objects)| objects.is_none()).map(|(kind, _)| *kind).collect()
    }

    /// Counts changes.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.changes.clone()
    }
}

impl Shared {
    async fn keep(&self, client: &Client, kind: KindRef) {
        loop {
            let mut served = false;
            for version in kind.versions {
                match self.keep_version(client, kind, &kind.api_version(version)).await {
                    Err(Cause::NotServed { .. }) => {}
                    outcome => {
                        served = true;
                        if let Err(cause) = outcome {
                            tracing::debug!(kind = kind.kind, %cause, "not followed for now");
                        }
                        break;
                    }
                }
            }
            if !served {
                // A kind that is not served has no objects.
                self.update(kind, BTreeMap::clear);
            }
            pause(AGAIN_AFTER).await;
        }
    }

    /// Follows until the watch breaks off.
    async fn keep_version(
        &self,
        client: &Client,
        kind: KindRef,
        api_version: &str,
    ) -> Result<(), Cause> {
        let Followed { objects, mut events } = follow(client, api_version, kind.kind).await?;
        let listed = objects.into_iter().filter_map(|object| Some((key(&object)?, object.into())));
        let listed: Objects = listed.collect();
        self.update(kind, |objects| *objects = listed);
        while let Some(event) = events.next().await {
            match event.map_err(|error| Cause::of(&error))? {
                WatchEvent::Added(object) | WatchEvent::Modified(object) => {
                    let Some(key) = key(&object) else { continue };
                    self.update(kind, |objects| {
                        objects.insert(key, object.into());
                    });
                }
                WatchEvent::Deleted(object) => {
                    let Some(key) = key(&object) else { continue };
                    self.update(kind, |objects| {
                        objects.remove(&key);
                    });
                }
                WatchEvent::Bookmark(_) => {}
                // The list is taken anew.
                WatchEvent::Error(_) => return Ok(()),
            }
        }
        Ok(())
    }

    fn update(&self, kind: KindRef, change: impl FnOnce(&mut Objects)) {
        let mut kinds = self.kinds.lock().unwrap_or_else(PoisonError::into_inner);
        let objects = kinds.entry(kind).or_default();
        let before = objects.as_ref().map(BTreeMap::len);
        change(objects.get_or_insert_default());
        let nothing = before == Some(0) && objects.as_ref().is_some_and(BTreeMap::is_empty);
        drop(kinds);
        if nothing {
            return;
        }
        self.changed.send_modify(|count| *count += 1);
    }
}

fn key(object: &Value) -> Option<(String, String)> {
    let ObjectRef { namespace, name, .. } = reference(object).ok()?;
    Some((namespace.unwrap_or_default(), name))
}
