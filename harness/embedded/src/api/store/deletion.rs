//! Deleting objects: finalizers, owners and dependants, and namespaces with their contents.
//!
//! Garbage collection happens at once and in the background sense: the owner goes first, then what
//! it owned. Foreground deletion ends in the same state and is treated alike. An object whose
//! owner never existed is left alone.

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
    /// They are deleted.
    Collect,
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
    if options.propagation == Propagation::Orphan {
        orphan(state, &live);
    }
    Ok(match doom(state, &kind, name, now) {
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
        set_metadata(&mut marked, "deletionTimestamp", Some(now.into()));
        set_metadata(&mut marked, "deletionGracePeriodSeconds", Some(0.into()));
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
