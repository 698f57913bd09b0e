//! The object store: every object of the cluster, its history for watchers, and all ways to write.
//!
//! Thread-safe and synchronous; one lock. Every write goes through the same steps ([`write`]) and
//! gets the next revision of the whole store, which is the object's `resourceVersion`. A write that
//! changes nothing gets no revision and no event, so controllers may apply until nothing changes.

mod change;
mod definition;
mod deletion;
mod precondition;
mod state;
mod write;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use serde_json::Value;
use tokio::sync::watch;

use super::clock::Clock;
use super::error::ApiError;
use super::kinds::Kinds;
use super::object::{ObjectName, metadata_text, set_metadata};
use super::pod_log::PodLogs;
use super::pod_network::PodNetwork;
use super::resources::{Kind, definition as compiled_in};
use state::State;

pub(super) use change::{Change, ChangeKind, TooOld};
pub(super) use deletion::{DeleteOptions, Propagation};
pub(super) use write::{Conflicts, Operation, Persistence, Write};

/// The objects of one cluster; cheap to clone, all clones are the same store.
#[derive(Clone)]
pub struct Store {
    shared: Arc<Shared>,
}

struct Shared {
    state: RwLock<State>,
    newest: watch::Sender<u64>,
    clock: Arc<dyn Clock>,
    pod_logs: PodLogs,
    pod_network: PodNetwork,
}

/// Which part of an object a write is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// Everything but the status, where the status is a subresource; else everything.
    Whole,
    /// The status alone.
    Status,
}

/// What a write came to.
#[derive(Debug, Clone, PartialEq)]
pub struct Applied {
    /// The object as it is stored now; after a removal, as it was last.
    pub object: Arc<Value>,
    /// What happened to it.
    pub outcome: Outcome,
    /// What the writer should know, such as dropped fields.
    pub warnings: Vec<String>,
}

/// What happened to an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It is new.
    Created,
    /// It differs from before.
    Changed,
    /// Nothing: no revision, no event.
    Unchanged,
    /// It is gone.
    Removed,
}

impl Store {
    /// A store that holds the definitions of the served custom kinds and nothing else.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        let mut state = State::default();
        let now = clock.now();
        for mut object in compiled_in::definitions() {
            let name = ObjectName::of(&object).expect("a definition is named after its kind");
            let resource = compiled_in::served_by(&name.name).expect("the kind is served");
            set_metadata(&mut object, "uid", Some(state::new_uid().into()));
            set_metadata(&mut object, "generation", Some(1.into()));
            set_metadata(&mut object, "creationTimestamp", Some(now.clone().into()));
            object["status"] = compiled_in::established(resource, &now);
            let kind = Kind::new("apiextensions.k8s.io", "CustomResourceDefinition");
            state.put(&kind, &name, object);
        }
        let newest = watch::Sender::new(state.revision());
        let pod_logs = PodLogs::new(Arc::clone(&clock));
        let pod_network = PodNetwork::default();
        let state = RwLock::new(state);
        Self { shared: Arc::new(Shared { state, newest, clock, pod_logs, pod_network }) }
    }

    /// What the pods of the cluster have written.
    pub fn pod_logs(&self) -> &PodLogs {
        &self.shared.pod_logs
    }

    /// Where the pods of the cluster really listen.
    pub(crate) fn pod_network(&self) -> &PodNetwork {
        &self.shared.pod_network
    }

    /// An object; `None` when it does not exist.
    pub fn get(&self, kind: &Kind, name: &ObjectName) -> Option<Arc<Value>> {
        self.read().get(kind, name)
    }

    /// The objects of a kind, sorted by namespace and name.
    pub fn list(&self, kind: &Kind) -> Vec<Arc<Value>> {
        self.read()
            .of_kind(kind)
            .map(|objects| objects.values().cloned().collect())
            .unwrap_or_default()
    }

    /// Every object, sorted by group, kind, namespace and name.
    pub fn all(&self) -> Vec<Arc<Value>> {
        self.read().everything().flat_map(BTreeMap::values).cloned().collect()
    }

    /// Server-side apply with force, as controllers do it: takes over fields that others own,
    /// removes fields this manager applied before and no longer does.
    ///
    /// Refused when the kind is not served, the namespace does not exist, the object breaks the
    /// rules of its kind, or its status is applied before the object exists.
    pub fn apply(&self, manager: &str, object: Value, part: Part) -> Result<Applied, ApiError> {
        let kinds = self.kinds();
        let operation = Operation::Apply(Conflicts::Force);
        self.write(&Write::controller(&kinds, manager, part, operation, object)?)
    }

    /// Creates an object; refused when it exists.
    pub fn create(&self, manager: &str, object: Value) -> Result<Applied, ApiError> {
        let kinds = self.kinds();
        self.write(&Write::controller(&kinds, manager, Part::Whole, Operation::Create, object)?)
    }

    /// Replaces an object; refused when it does not exist or has another `resourceVersion` than
    /// the one given, if one is given.
    pub fn replace(&self, manager: &str, object: Value, part: Part) -> Result<Applied, ApiError> {
        let kinds = self.kinds();
        self.write(&Write::controller(&kinds, manager, part, Operation::Replace, object)?)
    }

    /// Deletes an object, then what it owned; with finalizers it is only marked.
    pub fn delete(&self, kind: &Kind, name: &ObjectName) -> Result<Applied, ApiError> {
        self.delete_with(kind, name, &DeleteOptions::default())
    }

    /// The revision of the newest change.
    pub fn revision(&self) -> u64 {
        self.read().revision()
    }

    /// Tells the revision of the newest change, and when there is a newer one.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.shared.newest.subscribe()
    }

    /// What is served.
    pub(super) fn kinds(&self) -> Arc<Kinds> {
        Arc::clone(self.read().kinds())
    }

    /// The time as this store sees it.
    pub(super) fn now(&self) -> String {
        self.shared.clock.now()
    }

    /// The objects of a kind in a namespace (`None`: everywhere) and the revision they are of.
    pub(super) fn snapshot(&self, kind: &Kind, namespace: Option<&str>) -> (Vec<Arc<Value>>, u64) {
        let state = self.read();
        let objects = match namespace {
            Some(namespace) => {
                state.in_namespace(kind, namespace).map(|(_, object)| object.clone()).collect()
            }
            None => state
                .of_kind(kind)
                .map(|objects| objects.values().cloned().collect())
                .unwrap_or_default(),
        };
        (objects, state.revision())
    }

    /// The objects as they were at an earlier revision: the newest, with what came since undone.
    pub(super) fn snapshot_at(
        &self,
        kind: &Kind,
        namespace: Option<&str>,
        revision: u64,
    ) -> Result<Vec<Arc<Value>>, TooOld> {
        let state = self.read();
        let mut objects = state.of_kind(kind).cloned().unwrap_or_default();
        for change in state.changes_after(kind, revision)?.into_iter().rev() {
            let name = ObjectName::of(&change.object).expect("stored objects have a name");
            match change.previous {
                Some(previous) => objects.insert(name, previous),
                None => objects.remove(&name),
            };
        }
        drop(state);
        let in_namespace =
            |name: &ObjectName| namespace.is_none() || name.namespace.as_deref() == namespace;
        objects.retain(|name, _| in_namespace(name));
        Ok(objects.into_values().collect())
    }

    /// The changes of a kind after a revision, oldest first, and the revision they reach.
    pub(super) fn changes_after(
        &self,
        kind: &Kind,
        revision: u64,
    ) -> Result<(Vec<Change>, u64), TooOld> {
        let state = self.read();
        Ok((state.changes_after(kind, revision)?, state.revision()))
    }

    /// Any write but a deletion.
    pub(super) fn write(&self, write: &Write<'_>) -> Result<Applied, ApiError> {
        let now = self.now();
        let mut state = self.lock();
        let applied = write::perform(&mut state, write, &now);
        self.publish(state);
        applied
    }

    /// A deletion with options.
    pub(super) fn delete_with(
        &self,
        kind: &Kind,
        name: &ObjectName,
        options: &DeleteOptions,
    ) -> Result<Applied, ApiError> {
        let resource = self.kinds().of_kind(kind).ok_or_else(|| ApiError::no_such_kind(kind))?;
        let now = self.now();
        let mut state = self.lock();
        let applied = deletion::delete(&mut state, resource, name, options, &now);
        self.publish(state);
        applied
    }

    fn publish(&self, state: RwLockWriteGuard<'_, State>) {
        let revision = state.revision();
        drop(state);
        self.shared.newest.send_if_modified(|newest| {
            let newer = revision > *newest;
            *newest = revision.max(*newest);
            newer
        });
    }

    // A writer that panicked has not touched the state: it is changed in one step at the end.
    fn read(&self) -> RwLockReadGuard<'_, State> {
        self.shared.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn lock(&self) -> RwLockWriteGuard<'_, State> {
        self.shared.state.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Store {
    // Secrets are among the objects, so none is shown.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store").field("revision", &self.revision()).finish_non_exhaustive()
    }
}

/// The resource version of an object as a number; 0 when it has none.
pub(super) fn revision_of(object: &Value) -> u64 {
    metadata_text(object, "resourceVersion").and_then(|text| text.parse().ok()).unwrap_or_default()
}

#[cfg(test)]
mod tests;
