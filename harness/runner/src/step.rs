//! Steps that change the cluster: apply, patch, delete, await; and how their failure is told.
//!
//! What the API refuses and what Cilium, cert-manager or Kubernetes owe and do not deliver
//! refutes; what the harness could not find out leaves open.

use std::time::Duration;

use gateproof_core::scenario::{ConditionStatus, Manifest, ObjectRef};
use gateproof_core::verdict::{Failure, FailureKind};
use gateproof_kubernetes::Client;
use gateproof_kubernetes::apply::{ApplyAllError, ApplyOptions};
use gateproof_kubernetes::condition;
use gateproof_kubernetes::error::RequestError;
use gateproof_kubernetes::wait::{self, Poll, WaitError};
use serde_json::Value;

use crate::cause::with_causes;

/// Who owns the fields that Gateproof applies.
const FIELD_MANAGER: &str = "gateproof";

/// How long a CustomResourceDefinition may take until its kind is served.
const DEFINITIONS_WITHIN: Duration = Duration::from_mins(1);

/// How long a deleted object may take to be gone.
const GONE_WITHIN: Duration = Duration::from_mins(1);

/// Where objects come from that no file holds.
const OWN_ORIGIN: &str = "made by gateproof";

/// What a step that did not succeed leaves behind.
pub(crate) type Outcome = Result<(), Vec<Failure>>;

/// Tells what is still missing.
pub(crate) type Progress<'p> = &'p mut (dyn FnMut(&str) + Send);

/// Applies the manifests of a scenario.
pub(crate) async fn apply(client: &Client, run: &str, manifests: &[Manifest]) -> Outcome {
    let options = ApplyOptions {
        manager: FIELD_MANAGER.to_owned(),
        run: run.to_owned(),
        definitions_within: DEFINITIONS_WITHIN,
    };
    match client.apply_all(manifests, &options).await {
        Ok(_) => Ok(()),
        Err(ApplyAllError::Refused { failures }) => {
            Err(failures.iter().map(|error| refusal("the API accepts the object", error)).collect())
        }
        Err(error @ ApplyAllError::NotServed { .. }) => {
            Err(vec![refuted("the kind is served", &with_causes(&error))])
        }
    }
}

/// Applies objects of the harness's own.
pub(crate) async fn apply_own(client: &Client, run: &str, objects: &[Value]) -> Outcome {
    let manifests: Vec<Manifest> = objects
        .iter()
        .map(|object| Manifest { origin: OWN_ORIGIN.to_owned(), object: object.clone() })
        .collect();
    apply(client, run, &manifests).await
}

/// Merge-patches an object.
pub(crate) async fn patch(client: &Client, object: &ObjectRef, patch: &Value) -> Outcome {
    match client.merge_patch(object, patch, FIELD_MANAGER).await {
        Ok(_) => Ok(()),
        Err(error) => Err(vec![refusal("the API accepts the patch", &error)]),
    }
}

/// Deletes an object and waits until it is gone.
pub(crate) async fn delete(client: &Client, object: &ObjectRef, progress: Progress<'_>) -> Outcome {
    if let Err(error) = client.delete(object).await {
        return Err(vec![refusal("the API accepts the deletion", &error)]);
    }
    wait::until_gone(client, object, GONE_WITHIN, progress)
        .await
        .map_err(|error| vec![overdue("the object is gone", &error)])
}

/// Waits until an object's condition `Ready` is true.
pub(crate) async fn await_ready(
    client: &Client,
    object: &ObjectRef,
    within: Duration,
    progress: Progress<'_>,
) -> Outcome {
    await_object(client, object, within, progress, |found| {
        let Some(found) = found else {
            return Some(format!("{} {} does not exist", object.kind, object.name));
        };
        let ready = condition::of_object(found, "Ready");
        match ready {
            Some(ready) if ready.status() == ConditionStatus::True => None,
            Some(ready) => Some(format!("{} {} is not ready: {ready}", object.kind, object.name)),
            None => Some(format!("{} {} has no condition Ready yet", object.kind, object.name)),
        }
    })
    .await
}

/// Waits until nothing is missing of an object any more.
pub(crate) async fn await_object(
    client: &Client,
    object: &ObjectRef,
    within: Duration,
    progress: Progress<'_>,
    missing: impl Fn(Option<&Value>) -> Option<String>,
) -> Outcome {
    wait::until_object(client, object, within, progress, |found| match missing(found) {
        None => Poll::Ready(()),
        Some(missing) => Poll::NotYet { missing },
    })
    .await
    .map_err(|error| {
        let expected = format!("{} {} becomes ready", object.kind, object.name);
        vec![overdue(&expected, &error)]
    })
}

/// A request that failed: an answer refutes, silence leaves open.
fn refusal(expected: &str, error: &RequestError) -> Failure {
    let seen = with_causes(error);
    if error.is_transient() { undecided(expected, &seen) } else { refuted(expected, &seen) }
}

/// Something that was owed and did not come.
fn overdue(expected: &str, error: &WaitError) -> Failure {
    refuted(expected, &error.to_string())
}

/// The claim could not be decided.
pub(crate) fn undecided(expected: &str, seen: &str) -> Failure {
    failure(FailureKind::Undecided, expected, seen, "the harness")
}

/// The claim is refuted.
pub(crate) fn refuted(expected: &str, seen: &str) -> Failure {
    failure(FailureKind::Refuted, expected, seen, "the cluster")
}

fn failure(kind: FailureKind, expected: &str, seen: &str, place: &str) -> Failure {
    Failure {
        kind,
        expected: expected.to_owned(),
        seen: seen.to_owned(),
        place: place.to_owned(),
        hints: Vec::new(),
    }
}
