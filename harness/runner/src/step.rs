//! Steps that change the cluster: apply, patch, delete, await; and how their failure is told.
//!
//! What the API refuses and what Cilium, cert-manager or Kubernetes owe and do not deliver
//! refutes; what the harness could not find out leaves open.

use std::time::Duration;

use gateproof_core::scenario::{ConditionStatus, Manifest, ObjectRef};
use gateproof_core::verdict::{Failure, FailureKind};
use gateproof_kubernetes::apply::{ApplyAllError, ApplyOptions};
use gateproof_kubernetes::condition;
use gateproof_kubernetes::error::{Cause, RequestError};
use gateproof_kubernetes::wait::{self, Poll, WaitError};
use gateproof_kubernetes::{Client, Cluster, Deleted};
use serde_json::Value;

use crate::cause::with_causes;
use crate::intent;

/// Who owns the fields that Gateproof applies.
const FIELD_MANAGER: &str = "gateproof";

/// How long a CustomResourceDefinition may take until its kind is served.
const DEFINITIONS_WITHIN: Duration = Duration::from_mins(1);

/// How long a deleted object may take to be gone.
const GONE_WITHIN: Duration = Duration::from_mins(1);

/// How long a cluster may take to work through a change, where that can be seen at all.
const SETTLED_WITHIN: Duration = Duration::from_mins(2);

/// Where objects come from that no file holds.
const OWN_ORIGIN: &str = "made by gateproof";

/// Where to look when an object is not there.
const LOOK_AT_NAME: &str =
    "are kind, namespace and name right, and does a manifest or an earlier step make the object?";

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
        .map(|object| Manifest {
            origin: OWN_ORIGIN.to_owned(),
            object: intent::labelled(object, run),
        })
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
    // What a controller makes anew at once is not what was to go.
    let there = client.get(object).await.ok().flatten();
    let uid = there.as_ref().and_then(|there| there.pointer("/metadata/uid")?.as_str());
    match client.delete(object).await {
        Ok(Deleted::Accepted) => {}
        // What comes after would speak of a change that did not happen.
        Ok(Deleted::WasAbsent) => return Err(vec![absent(object)]),
        Err(error) => return Err(vec![refusal("the API accepts the deletion", &error)]),
    }
    let gone = match uid {
        Some(uid) => wait::until_gone_or_replaced(client, object, uid, GONE_WITHIN, progress).await,
        None => wait::until_gone(client, object, GONE_WITHIN, progress).await,
    };
    gone.map_err(|error| vec![overdue("the object is gone", &error)])
}

/// Waits until the cluster has worked through a change, so that no claim is judged by what was
/// before it.
pub(crate) async fn settle(cluster: &dyn Cluster) -> Outcome {
    const EXPECTED: &str = "the cluster works through the change";
    match tokio::time::timeout(SETTLED_WITHIN, cluster.settle()).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(error)) => Err(vec![undecided(EXPECTED, &with_causes(&error))]),
        Err(_) => {
            let seen = format!("it has not within {} s", SETTLED_WITHIN.as_secs());
            Err(vec![undecided(EXPECTED, &seen)])
        }
    }
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

/// There was nothing to delete.
fn absent(object: &ObjectRef) -> Failure {
    let seen = match &object.namespace {
        Some(namespace) => {
            format!("there is no {} {} in namespace {namespace}", object.kind, object.name)
        }
        None => format!("there is no {} {}", object.kind, object.name),
    };
    let mut failure = refuted("an object to delete", &seen);
    failure.hints.push(LOOK_AT_NAME.to_owned());
    failure
}

/// A request that failed: an answer refutes, silence leaves open.
fn refusal(expected: &str, error: &RequestError) -> Failure {
    let seen = with_causes(error);
    let open = error.is_transient() || matches!(code(error), Some(401 | 403));
    let mut failure = if open { undecided(expected, &seen) } else { refuted(expected, &seen) };
    failure.hints.extend(hint(error).map(str::to_owned));
    failure
}

/// The HTTP status of a refusal.
fn code(error: &RequestError) -> Option<u16> {
    match &error.cause {
        Cause::Rejected(rejection) => Some(rejection.code),
        Cause::Unreachable(_) | Cause::NotAnObject(_) | Cause::NotServed { .. } => None,
    }
}

/// What to look at after a request that failed.
fn hint(error: &RequestError) -> Option<&'static str> {
    match (&error.cause, code(error)) {
        (Cause::NotServed { .. }, _) => Some(
            "`kubectl api-resources` shows what is served; a kind of the Gateway API may be in the experimental channel only",
        ),
        (Cause::Unreachable(_), _) => Some("is the API server up, and the way to it open?"),
        (_, Some(401 | 403)) => Some(
            "this says nothing about Cilium: the account that gateproof uses may not do this; `kubectl auth can-i` tells",
        ),
        (_, Some(404)) => Some(LOOK_AT_NAME),
        (_, Some(400 | 422)) => Some("correct the object or the patch at the field that is named"),
        _ => None,
    }
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
