//! Deployments: a ReplicaSet for each template, and the status.
//!
//! When the template changes, the pods of the new ReplicaSet come first and the old ReplicaSets are
//! scaled to nothing once all new pods are ready, all at a time: surge and unavailability are not
//! looked at. Old ReplicaSets are never removed.

use serde_json::{Value, json};

use super::pod;
use super::replica_set::{owned as pods_of, replicas};
use crate::controllers::kind::{DEPLOYMENT, REPLICA_SET};
use crate::controllers::object::{
    annotation, controller_reference, identity, is_controlled_by, is_going, name, namespace,
    skeleton, suffix,
};
use crate::controllers::snapshot::Snapshot;
use crate::controllers::transition::stamp;
use crate::controllers::write::{FieldManager, Write};

/// The label that tells pods of one template from those of another (kubernetes/kubernetes
/// `DefaultDeploymentUniqueLabelKey`).
const TEMPLATE_HASH: &str = "pod-template-hash";
/// Which rollout a ReplicaSet belongs to (kubernetes/kubernetes
/// `pkg/controller/deployment/util/deployment_util.go`).
const REVISION: &str = "deployment.kubernetes.io/revision";

/// Creates and scales ReplicaSets of Deployments, and reports on them.
pub(crate) fn desired(snapshot: &Snapshot, now: &str) -> Vec<Write> {
    snapshot
        .list(DEPLOYMENT)
        .filter(|deployment| !is_going(deployment))
        .flat_map(|deployment| Rollout::of(snapshot, deployment).writes(now))
        .collect()
}

/// A Deployment with its ReplicaSets.
struct Rollout<'a> {
    snapshot: &'a Snapshot,
    deployment: &'a Value,
    /// The name of the ReplicaSet for the template.
    wanted: String,
    hash: String,
    sets: Vec<&'a Value>,
}

impl<'a> Rollout<'a> {
    fn of(snapshot: &'a Snapshot, deployment: &'a Value) -> Self {
        let template = deployment.pointer("/spec/template").unwrap_or(&Value::Null);
        let hash = suffix(&template.to_string(), 9);
        let sets = snapshot
            .list_in(REPLICA_SET, namespace(deployment).unwrap_or_default())
            .filter(|set| is_controlled_by(set, deployment));
        Self {
            snapshot,
            deployment,
            wanted: format!("{}-{hash}", name(deployment)),
            hash,
            sets: sets.collect(),
        }
    }

    /// The ReplicaSet for the template, if it is there.
    fn current(&self) -> Option<&'a Value> {
        self.sets.iter().find(|set| name(set) == self.wanted).copied()
    }

    fn old(&self) -> impl Iterator<Item = &'a Value> {
        self.sets.iter().filter(|set| name(set) != self.wanted).copied()
    }

    fn ready(&self, set: &'a Value) -> u64 {
        pods_of(self.snapshot, set).filter(|pod| pod::is_ready(pod)).count() as u64
    }

    fn writes(&self, now: &str) -> Vec<Write> {
        let mut writes = vec![self.numbered(), self.new_set()];
        let wanted = replicas(self.deployment);
        if self.current().is_some_and(|set| self.ready(set) >= wanted) {
            let full = self.old().filter(|set| replicas(set) > 0);
            writes.extend(full.map(emptied));
        }
        writes.push(self.status(now));
        writes
    }

    /// The number of the rollout of the current template: it stays while no other is newer.
    fn revision(&self) -> u64 {
        let of = |set: &Value| annotation(set, REVISION).and_then(|text| text.parse().ok());
        let newest_old = self.old().filter_map(of).max().unwrap_or(0);
        let own = self.current().and_then(of).unwrap_or(0);
        own.max(newest_old + 1)
    }

    /// The Deployment with that number.
    fn numbered(&self) -> Write {
        let mut object = identity(self.deployment);
        object["metadata"]["annotations"] = json!({ REVISION: self.revision().to_string() });
        Write::Apply(FieldManager::KubeControllerManager, object)
    }

    fn new_set(&self) -> Write {
        let deployment = self.deployment;
        let mut set = skeleton(REPLICA_SET, namespace(deployment), &self.wanted);
        let mut template = deployment.pointer("/spec/template").cloned().unwrap_or_default();
        template["metadata"]["labels"][TEMPLATE_HASH] = self.hash.clone().into();
        let mut selector = deployment
            .pointer("/spec/selector")
            .cloned()
            .unwrap_or_else(|| json!({"matchLabels": {}}));
        selector["matchLabels"][TEMPLATE_HASH] = self.hash.clone().into();
        let wanted = replicas(deployment);
        set["metadata"]["labels"] = template["metadata"]["labels"].clone();
        set["metadata"]["ownerReferences"] = json!([controller_reference(deployment)]);
        set["metadata"]["annotations"] = json!({
            REVISION: self.revision().to_string(),
            "deployment.kubernetes.io/desired-replicas": wanted.to_string(),
        });
        set["spec"] = json!({"replicas": wanted, "selector": selector, "template": template});
        Write::Apply(FieldManager::KubeControllerManager, set)
    }

    fn status(&self, now: &str) -> Write {
        let deployment = self.deployment;
        let wanted = replicas(deployment);
        let updated = self.current().map_or(0, |set| pods_of(self.snapshot, set).count());
        let all: usize = self.sets.iter().map(|set| pods_of(self.snapshot, set).count()).sum();
        let ready: u64 = self.sets.iter().map(|set| self.ready(set)).sum();
        let new_ready = self.current().map_or(0, |set| self.ready(set));
        let unavailable = wanted.saturating_sub(ready);
        let (available, reason, message) = if unavailable == 0 {
            ("True", "MinimumReplicasAvailable", "Deployment has minimum availability.")
        } else {
            (
                "False",
                "MinimumReplicasUnavailable",
                "Deployment does not have minimum availability.",
            )
        };
        let set = &self.wanted;
        let is_done = new_ready >= wanted && all == updated;
        let (progress, progress_message) = if is_done {
            (
                "NewReplicaSetAvailable",
                format!("every pod of ReplicaSet {set} is ready and no other is left"),
            )
        } else {
            (
                "ReplicaSetUpdated",
                format!("{new_ready} of {wanted} pods of ReplicaSet {set} are ready"),
            )
        };
        let mut object = identity(deployment);
        object["status"] = json!({
            "observedGeneration": deployment.pointer("/metadata/generation"),
            "replicas": all,
            "updatedReplicas": updated,
            "readyReplicas": ready,
            "availableReplicas": ready,
            "unavailableReplicas": unavailable,
            "conditions": [
                {"type": "Available", "status": available, "reason": reason, "message": message},
                {"type": "Progressing", "status": "True", "reason": progress,
                 "message": progress_message},
            ],
        });
        stamp(&mut object["status"], deployment.get("status"), now);
        Write::ApplyStatus(FieldManager::KubeControllerManager, object)
    }
}

/// An old ReplicaSet without pods.
fn emptied(set: &Value) -> Write {
    let mut object = identity(set);
    for field in ["labels", "annotations", "ownerReferences"] {
        object["metadata"][field] = set["metadata"][field].clone();
    }
    object["spec"] = set["spec"].clone();
    object["spec"]["replicas"] = 0.into();
    Write::Apply(FieldManager::KubeControllerManager, object)
}

#[cfg(test)]
mod tests;
