//! What trials bring to a cluster that is not theirs, and taking it away again: namespaces with all
//! that is in them, and objects that are in none of these. What was there before is the user's and
//! stays, also where a trial changed it.

use std::collections::BTreeSet;
use std::time::Duration;

use gateproof_core::plan::{ClusterPlan, TrialPlan};
use gateproof_core::scenario::{Action, ObjectRef};
use gateproof_kubernetes::{Cause, Client, wait};
use serde_json::Value;

use crate::prerequisite::{backend, issuer};

/// How long an object may take to be gone.
const GONE_WITHIN: Duration = Duration::from_mins(1);

/// What the trials of a plan bring to a cluster that has it not yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Brought(Vec<ObjectRef>);

impl Brought {
    /// What of it is not there yet: to be asked before the first trial.
    pub(super) async fn to(client: &Client, plan: &ClusterPlan) -> Result<Self, String> {
        let mut absent = Vec::new();
        for object in of_plan(plan) {
            if !has(client, &object).await? {
                absent.push(object);
            }
        }
        Ok(Self(without_content(absent)))
    }

    /// Takes it away, what came last first, and waits until it is gone.
    pub(super) async fn remove(&self, client: &Client) -> Result<(), String> {
        let mut going = Vec::new();
        for object in self.0.iter().rev() {
            if has(client, object).await? {
                client.delete(object).await.map_err(|error| error.to_string())?;
                going.push(object);
            }
        }
        for object in going {
            wait::until_gone(client, object, GONE_WITHIN, |_: &str| ())
                .await
                .map_err(|error| error.to_string())?;
        }
        Ok(())
    }
}

/// Whether a cluster has an object. One of a kind that is not served (yet) is not there.
async fn has(client: &Client, object: &ObjectRef) -> Result<bool, String> {
    match client.get(object).await {
        Ok(found) => Ok(found.is_some()),
        Err(error) if matches!(error.cause, Cause::NotServed { .. }) => Ok(false),
        Err(error) => Err(error.to_string()),
    }
}

/// Everything that the trials of a plan apply, in that order: namespaces before what is in them.
fn of_plan(plan: &ClusterPlan) -> Vec<ObjectRef> {
    let mut all: Vec<ObjectRef> = Vec::new();
    for object in plan.trials.iter().flat_map(of_trial) {
        let namespace = object.namespace.as_deref().map(ObjectRef::namespace);
        for object in namespace.into_iter().chain([object]) {
            if !all.contains(&object) {
                all.push(object);
            }
        }
    }
    all
}

fn of_trial(trial: &TrialPlan) -> Vec<ObjectRef> {
    let definition = &trial.definition;
    let steps = definition.steps.iter().filter_map(|step| match &step.action {
        Action::Apply(manifests) => Some(manifests),
        _ => None,
    });
    let applied = steps.flatten().map(|manifest| manifest.object.clone());
    let backends = definition.backends.iter().flat_map(|it| backend::objects(it, ""));
    let issuers = issuer::objects(&definition.issuer);
    issuers.into_iter().chain(backends).chain(applied).filter_map(|it| reference(&it)).collect()
}

fn reference(object: &Value) -> Option<ObjectRef> {
    let text = |value: &Value| value.as_str().map(str::to_owned);
    Some(ObjectRef {
        api_version: text(&object["apiVersion"])?,
        kind: text(&object["kind"])?,
        namespace: text(&object["metadata"]["namespace"]),
        name: text(&object["metadata"]["name"])?,
    })
}

/// Without what goes with its namespace.
fn without_content(objects: Vec<ObjectRef>) -> Vec<ObjectRef> {
    let going: BTreeSet<String> = objects
        .iter()
        .filter(|object| object.kind == "Namespace" && object.api_version == "v1")
        .map(|object| object.name.clone())
        .collect();
    let stays = |object: &ObjectRef| {
        object.namespace.as_ref().is_none_or(|namespace| !going.contains(namespace))
    };
    objects.into_iter().filter(stays).collect()
}

#[cfg(test)]
mod tests {
    use gateproof_core::scenario::ObjectRef;
    use serde_json::json;

    use super::{reference, without_content};

    fn object(kind: &str, namespace: Option<&str>, name: &str) -> ObjectRef {
        let mut value = json!({"apiVersion": "x/v1", "kind": kind, "metadata": {"name": name}});
        if let Some(namespace) = namespace {
            value["metadata"]["namespace"] = namespace.into();
        }
        reference(&value).expect("an object")
    }

    #[test]
    fn what_is_in_a_namespace_that_goes_needs_no_removal_of_its_own() {
        let all = vec![
            ObjectRef::namespace("shop"),
            object("Gateway", Some("shop"), "a"),
            object("Gateway", Some("default"), "b"),
            object("ClusterIssuer", None, "c"),
        ];
        let left = without_content(all.clone());
        assert_eq!(left, [all[0].clone(), all[2].clone(), all[3].clone()]);
    }
}
