//! Deleting objects: finalizers, owners and dependants, and namespaces with their contents.
//!
//! Garbage collection happens at once: in the background, the owner goes first, then what it owned;
//! in the foreground, the owner waits with a finalizer until those that block its deletion are gone
//! (kubernetes/kubernetes `pkg/controller/garbagecollector`). An object whose owner never existed is
//! left alone.

use std::sync::Arc;

use serde_json::{Value, json};

use super::definition;
use super::state::State;
use super::write::Persistence;
use super::{Applied, Outcome};
use crate::api::error::ApiError;
use crate::api::object::{ObjectName, has_finalizers, is_terminating, metadata_text, set_metadata};
use crate::api::resources::{Kind, Resource};

/// How to delete.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::api) struct DeleteOptions {
    /// What happens to dependants.
    pub(in crate::api) propagation: Propagation,
    /// Whether to keep the result.
    pub(in crate::api) persistence: Persistence,
    /// The uid the object must have.
    pub(in crate::api) uid: Option<String>,
    /// The resource version the object must have.
    pub(in crate::api) resource_version: Option<String>,
}

/// What happens to the dependants of a deleted object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::api) enum Propagation {
    /// They are deleted afterwards.
    Collect,
    /// They are deleted first; those that block the deletion must be gone before.
    Foreground,
    /// They lose their owner and stay.
    Orphan,
}

impl Default for DeleteOptions {
    fn default() -> Self {
        Self {
            propagation: Propagation::Collect,
            persistence: Persistence::Stored,
            uid: None,
            resource_version: None,
        }
    }
}

/// Deletes an object, or marks it when finalizers or contents hold it.
pub(super) fn delete(
    state: &mut State,
    resource: &Resource,
    name: &ObjectName,
    options: &DeleteOptions,
    now: &str,
) -> Result<Applied, ApiError> {
    let kind = resource.as_kind();
    let live = state.get(&kind, name).ok_or_else(|| ApiError::not_found(resource, name))?;
    for (field, label, wanted) in [
        ("uid", "UID", &options.uid),
        ("resourceVersion", "ResourceVersion", &options.resource_version),
    ] {
        let found = metadata_text(&live, field).unwrap_or_default();
        if let Some(wanted) = wanted
            && wanted != found
        {
            let why = format!(
                "Precondition failed: {label} in precondition: {wanted}, {label} in object meta: \
                 {found}"
            );
            return Err(ApiError::conflict(resource, name, &why));
        }
    }
    let warnings = Vec::new();
    if options.persistence == Persistence::DryRun {
        return Ok(Applied { object: live, outcome: Outcome::Removed, warnings });
    }
    let left = match options.propagation {
        Propagation::Collect => doom(state, &kind, name, now),
        Propagation::Foreground => doom_last(state, &kind, name, now),
        Propagation::Orphan => {
            orphan(state, &live);
            doom(state, &kind, name, now)
        }
    };
    Ok(match left {
        Some(object) => Applied { object, outcome: Outcome::Changed, warnings },
        None => Applied { object: live, outcome: Outcome::Removed, warnings },
    })
}

/// Removes an object that nothing holds any more, then collects what it owned.
pub(super) fn remove(state: &mut State, kind: &Kind, name: &ObjectName, now: &str) {
    let Some(gone) = state.remove(kind, name) else { return };
    if let Some(uid) = metadata_text(&gone, "uid") {
        for (kind, name) in state.dependants(uid) {
            lose_owner(state, &kind, &name, uid, now);
        }
    }
    for owner in gone["metadata"]["ownerReferences"].as_array().into_iter().flatten() {
        finish_foreground(state, owner, name, now);
    }
    definition::removed(state, kind, name, now);
    if let Some(namespace) = &name.namespace {
        finish_namespace(state, namespace, now);
    }
}

/// Deletes an object or marks it; the object, if it is still there.
pub(super) fn doom(
    state: &mut State,
    kind: &Kind,
    name: &ObjectName,
    now: &str,
) -> Option<Arc<Value>> {
    let live = state.get(kind, name)?;
    let is_namespace = *kind == Kind::core("Namespace");
    let held = has_finalizers(&live) || is_namespace && state.contents(&name.name).next().is_some();
    if !held {
        remove(state, kind, name, now);
        return None;
    }
    if !is_terminating(&live) {
        let mut marked = Value::clone(&live);
        mark(&mut marked, now);
        if is_namespace {
            marked["status"]["phase"] = json!("Terminating");
        }
        state.put(kind, name, marked);
    }
    if is_namespace {
        let contents: Vec<_> =
            state.contents(&name.name).map(|(kind, name)| (kind.clone(), name.clone())).collect();
        for (kind, content) in contents {
            doom(state, &kind, &content, now);
        }
    }
    state.get(kind, name)
}

fn mark(object: &mut Value, now: &str) {
    set_metadata(object, "deletionTimestamp", Some(now.into()));
    set_metadata(object, "deletionGracePeriodSeconds", Some(0.into()));
}

/// The finalizer of an object that waits for its dependants.
const FOREGROUND: &str = "foregroundDeletion";

fn finalizers(object: &Value) -> impl Iterator<Item = &str> {
    let finalizers = object["metadata"]["finalizers"].as_array();
    finalizers.into_iter().flatten().filter_map(Value::as_str)
}

/// Deletes an object after its dependants; the object, if it is still there.
fn doom_last(state: &mut State, kind: &Kind, name: &ObjectName, now: &str) -> Option<Arc<Value>> {
    let live = state.get(kind, name)?;
    if !finalizers(&live).any(|finalizer| finalizer == FOREGROUND) {
        let mut marked = Value::clone(&live);
        let all: Vec<&str> = finalizers(&live).chain([FOREGROUND]).collect();
        set_metadata(&mut marked, "finalizers", Some(json!(all)));
        if !is_terminating(&live) {
            mark(&mut marked, now);
        }
        state.put(kind, name, marked);
    }
    let uid = metadata_text(&live, "uid").unwrap_or_default();
    for (dependant, dependant_name) in state.dependants(uid) {
        let Some(found) = state.get(&dependant, &dependant_name) else { continue };
        let others = other_owners(&found, uid);
        if !others.is_empty() {
            set_owners(state, &dependant, &dependant_name, &found, others);
        } else if blocks(&found, uid) {
            doom_last(state, &dependant, &dependant_name, now);
        } else {
            doom(state, &dependant, &dependant_name, now);
        }
    }
    settle_foreground(state, kind, name, now);
    state.get(kind, name)
}

/// Whether an object must be gone before its owner.
fn blocks(object: &Value, owner: &str) -> bool {
    let owners = object["metadata"]["ownerReferences"].as_array().into_iter().flatten();
    owners.filter(|found| found["uid"] == owner).any(|found| found["blockOwnerDeletion"] == true)
}

/// Lets an owner go that waited for an object which is gone now.
fn finish_foreground(state: &mut State, owner: &Value, of: &ObjectName, now: &str) {
    let Some(kind) = Kind::of(owner) else { return };
    let Some(own_name) = owner["name"].as_str() else { return };
    let beside = of
        .namespace
        .clone()
        .map(|namespace| ObjectName { namespace: Some(namespace), name: own_name.to_owned() });
    for name in beside.into_iter().chain([ObjectName::cluster(own_name)]) {
        let found = state.get(&kind, &name);
        if found.is_some_and(|found| found["metadata"]["uid"] == owner["uid"]) {
            settle_foreground(state, &kind, &name, now);
        }
    }
}

/// Takes the finalizer away when nothing blocks the deletion any more.
fn settle_foreground(state: &mut State, kind: &Kind, name: &ObjectName, now: &str) {
    let Some(live) = state.get(kind, name) else { return };
    let waits = is_terminating(&live) && finalizers(&live).any(|one| one == FOREGROUND);
    let uid = metadata_text(&live, "uid").unwrap_or_default();
    let blocked = state
        .dependants(uid)
        .iter()
        .filter_map(|(kind, name)| state.get(kind, name))
        .any(|found| blocks(&found, uid));
    if !waits || blocked {
        return;
    }
    let rest: Vec<&str> = finalizers(&live).filter(|one| *one != FOREGROUND).collect();
    if rest.is_empty() {
        return remove(state, kind, name, now);
    }
    let mut changed = Value::clone(&live);
    set_metadata(&mut changed, "finalizers", Some(json!(rest)));
    state.put(kind, name, changed);
}

/// A namespace that is being deleted goes when its last object has gone.
fn finish_namespace(state: &mut State, namespace: &str, now: &str) {
    let kind = Kind::core("Namespace");
    let name = ObjectName::cluster(namespace);
    let finished =
        state.get(&kind, &name).is_some_and(|live| is_terminating(&live) && !has_finalizers(&live));
    if finished && state.contents(namespace).next().is_none() {
        remove(state, &kind, &name, now);
    }
}

/// Takes an owner away from a dependant, which is deleted when it has no owner left.
fn lose_owner(state: &mut State, kind: &Kind, name: &ObjectName, uid: &str, now: &str) {
    let Some(live) = state.get(kind, name) else { return };
    let rest = other_owners(&live, uid);
    if rest.is_empty() {
        doom(state, kind, name, now);
    } else {
        set_owners(state, kind, name, &live, rest);
    }
}

fn orphan(state: &mut State, owner: &Value) {
    let Some(uid) = metadata_text(owner, "uid") else { return };
    for (kind, name) in state.dependants(uid) {
        if let Some(live) = state.get(&kind, &name) {
            let rest = other_owners(&live, uid);
            set_owners(state, &kind, &name, &live, rest);
        }
    }
}

fn other_owners(object: &Value, uid: &str) -> Vec<Value> {
    let owners = object["metadata"]["ownerReferences"].as_array().into_iter().flatten();
    owners.filter(|owner| owner["uid"] != uid).cloned().collect()
}

fn set_owners(state: &mut State, kind: &Kind, name: &ObjectName, live: &Value, owners: Vec<Value>) {
    let mut changed = live.clone();
    let owners = (!owners.is_empty()).then(|| Value::from(owners));
    set_metadata(&mut changed, "ownerReferences", owners);
    state.put(kind, name, changed);
}
