//! The stream of objects that one would read back from the cluster.
//!
//! Objects that Cilium made are there whole; objects that somebody applied are reduced to their
//! metadata and the status that Cilium wrote, because that is all there is to predict of them.
//! What only a server knows (times, ids, versions) is left out.

use serde_json::{Map, Value, json};

use crate::{Outcome, StatusUpdate};

/// Kinds in the order in which they come; others follow by name.
const ORDER: &[&str] =
    &["GatewayClass", "Service", "Endpoints", "EndpointSlice", "CiliumEnvoyConfig", "Gateway"];

/// Metadata that only a server or a tool puts there.
const NOT_SHOWN: &[&str] = &[
    "creationTimestamp",
    "deletionGracePeriodSeconds",
    "deletionTimestamp",
    "generation",
    "managedFields",
    "resourceVersion",
    "selfLink",
    "uid",
];

/// The annotation `kubectl apply` keeps for itself.
const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

/// Makes the stream; `stored` finds an object as the cluster has it, if it is there.
/// `waiting` are applied objects that nobody wrote a status for.
pub(super) fn read_back(
    outcome: &Outcome,
    waiting: Vec<Value>,
    stored: impl Fn(&Value) -> Option<Value>,
) -> Vec<Value> {
    let made =
        outcome.objects.iter().map(|object| stored(object).unwrap_or_else(|| object.clone()));
    let judged = outcome.statuses.iter().map(|update| with_status(update, &stored));
    let waiting = waiting.into_iter().map(reduced);
    let mut objects: Vec<Value> =
        made.chain(judged).chain(waiting).map(without_server_fields).collect();
    objects.sort_by_cached_key(order);
    objects
}

fn order(object: &Value) -> (usize, String, String, String) {
    let text =
        |pointer| object.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
    let kind = text("/kind");
    let rank = ORDER.iter().position(|known| *known == kind).unwrap_or(ORDER.len());
    (rank, kind, text("/metadata/namespace"), text("/metadata/name"))
}

/// An applied object reduced to its metadata and status.
fn with_status(update: &StatusUpdate, stored: &impl Fn(&Value) -> Option<Value>) -> Value {
    let mut metadata = Map::new();
    metadata.insert("name".to_owned(), json!(update.name));
    if let Some(namespace) = &update.namespace {
        metadata.insert("namespace".to_owned(), json!(namespace));
    }
    let mut object = json!({
        "apiVersion": update.api_version,
        "kind": update.kind,
        "metadata": metadata,
    });
    let live = stored(&object);
    object["status"] = update.status.clone();
    if let Some(live) = live {
        object["metadata"] = live["metadata"].clone();
        keep_other_parents(&live, &mut object);
    }
    object
}

/// An applied object reduced to its metadata and the status it has.
fn reduced(object: Value) -> Value {
    let mut reduced = object;
    if let Some(fields) = reduced.as_object_mut() {
        fields
            .retain(|key, _| matches!(key.as_str(), "apiVersion" | "kind" | "metadata" | "status"));
    }
    for condition in reduced
        .pointer_mut("/status/conditions")
        .and_then(Value::as_array_mut)
        .into_iter()
        .flatten()
        .filter_map(Value::as_object_mut)
    {
        condition.remove("lastTransitionTime");
    }
    reduced
}

/// What other controllers say of a route stays.
fn keep_other_parents(live: &Value, object: &mut Value) {
    let others = live.pointer("/status/parents").and_then(Value::as_array).into_iter().flatten();
    let others: Vec<Value> = others
        .filter(|parent| {
            parent["controllerName"]
                .as_str()
                .is_some_and(|name| name != crate::reconcile::CONTROLLER)
        })
        .cloned()
        .collect();
    if let Some(parents) = object.pointer_mut("/status/parents").and_then(Value::as_array_mut) {
        parents.extend(others);
    }
}

fn without_server_fields(mut object: Value) -> Value {
    if let Some(metadata) = object["metadata"].as_object_mut() {
        metadata.retain(|key, _| !NOT_SHOWN.contains(&key.as_str()));
        if let Some(annotations) = metadata.get_mut("annotations").and_then(Value::as_object_mut) {
            annotations.remove(LAST_APPLIED);
            if annotations.is_empty() {
                metadata.remove("annotations");
            }
        }
        let owners = metadata.get_mut("ownerReferences").and_then(Value::as_array_mut);
        for owner in owners.into_iter().flatten().filter_map(Value::as_object_mut) {
            owner.remove("uid");
        }
    }
    object
}
