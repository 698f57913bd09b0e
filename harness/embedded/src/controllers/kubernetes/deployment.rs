//! Deployments: pods from the template, and the status.
//!
//! A Deployment owns its pods directly; there are no ReplicaSets. When the template changes, new
//! pods come first and old ones go once the new ones are ready, all at a time.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::pod;
use crate::controllers::kind::{DEPLOYMENT, POD};
use crate::controllers::object::{identity, is_controlled_by, label, name, namespace, suffix};
use crate::controllers::snapshot::Snapshot;
use crate::controllers::transition::stamp;
use crate::controllers::write::{FieldManager, Write};

/// The label that tells pods of one template from those of another (kubernetes/kubernetes
/// `DefaultDeploymentUniqueLabelKey`).
const TEMPLATE_HASH: &str = "pod-template-hash";

/// Creates and deletes pods of Deployments, and reports on them.
pub(crate) fn desired(snapshot: &Snapshot, now: &str) -> Vec<Write> {
    snapshot
        .list(DEPLOYMENT)
        .flat_map(|deployment| {
            let mut writes = pods(snapshot, deployment);
            writes.push(status(snapshot, deployment, now));
            writes
        })
        .collect()
}

fn replicas(deployment: &Value) -> u64 {
    deployment.pointer("/spec/replicas").and_then(Value::as_u64).unwrap_or(1)
}

fn template_hash(deployment: &Value) -> String {
    let template = deployment.pointer("/spec/template").unwrap_or(&Value::Null);
    suffix(&template.to_string(), 9)
}

fn owned<'a>(snapshot: &'a Snapshot, deployment: &'a Value) -> impl Iterator<Item = &'a Value> {
    snapshot
        .list_in(POD, namespace(deployment).unwrap_or_default())
        .filter(move |pod| is_controlled_by(pod, deployment))
}

fn pods(snapshot: &Snapshot, deployment: &Value) -> Vec<Write> {
    let hash = template_hash(deployment);
    let wanted: BTreeSet<String> =
        (0..replicas(deployment)).map(|n| format!("{}-{hash}-{n}", name(deployment))).collect();
    let existing: Vec<&Value> = owned(snapshot, deployment).collect();
    let mut writes: Vec<Write> = wanted
        .iter()
        .map(|wanted| {
            let pod = pod::from_template(deployment, wanted, &json!({ TEMPLATE_HASH: hash }));
            Write::Apply(FieldManager::KubeControllerManager, pod)
        })
        .collect();
    let rolled_out = wanted
        .iter()
        .all(|wanted| existing.iter().any(|pod| name(pod) == wanted && pod::is_ready(pod)));
    for pod in existing.iter().filter(|pod| !wanted.contains(name(pod))) {
        let is_old_template = label(pod, TEMPLATE_HASH) != Some(hash.as_str());
        if !is_old_template || rolled_out {
            writes.push(Write::Delete(identity(pod)));
        }
    }
    writes
}

fn status(snapshot: &Snapshot, deployment: &Value, now: &str) -> Write {
    let hash = template_hash(deployment);
    let wanted = replicas(deployment);
    let pods: Vec<&Value> = owned(snapshot, deployment).collect();
    let current =
        pods.iter().filter(|pod| label(pod, TEMPLATE_HASH) == Some(hash.as_str())).count();
    let ready = pods.iter().filter(|pod| pod::is_ready(pod)).count() as u64;
    let unavailable = wanted.saturating_sub(ready);
    let (available, reason, message) = if unavailable == 0 {
        ("True", "MinimumReplicasAvailable", "Deployment has minimum availability.")
    } else {
        ("False", "MinimumReplicasUnavailable", "Deployment does not have minimum availability.")
    };
    let (progress, progress_message) = if unavailable == 0 {
        ("NewReplicaSetAvailable", "every pod of the current template is ready".to_owned())
    } else {
        ("ReplicaSetUpdated", format!("{ready} of {wanted} pods are ready"))
    };
    let mut object = identity(deployment);
    object["status"] = json!({
        "observedGeneration": deployment.pointer("/metadata/generation"),
        "replicas": pods.len(),
        "updatedReplicas": current,
        "readyReplicas": ready,
        "availableReplicas": ready,
        "unavailableReplicas": unavailable,
        "conditions": [
            {"type": "Available", "status": available, "reason": reason, "message": message},
            {"type": "Progressing", "status": "True", "reason": progress, "message": progress_message},
        ],
    });
    stamp(&mut object["status"], deployment.get("status"), now);
    Write::ApplyStatus(FieldManager::KubeControllerManager, object)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::desired;
    use crate::controllers::snapshot::Snapshot;
    use crate::controllers::write::Write;

    fn deployment(replicas: u64, image: &str) -> Value {
        json!({
            "apiVersion": "apps/v1", "kind": "Deployment",
            "metadata": {"name": "web", "namespace": "apps", "uid": "d", "generation": 1},
            "spec": {"replicas": replicas, "template": {
                "metadata": {"labels": {"app": "web"}},
                "spec": {"containers": [{"name": "c", "image": image}]},
            }},
        })
    }

    /// The pods that exist once the writes are done, each with the readiness told.
    fn pods(writes: &[Write], ready: &str) -> Vec<Value> {
        writes
            .iter()
            .filter_map(|write| match write {
                Write::Apply(_, object) if object["kind"] == "Pod" => {
                    let mut pod = object.clone();
                    pod["status"] = json!({"conditions": [{"type": "Ready", "status": ready}]});
                    Some(pod)
                }
                _ => None,
            })
            .collect()
    }

    fn deleted(writes: &[Write]) -> usize {
        writes.iter().filter(|write| matches!(write, Write::Delete(_))).count()
    }

    fn status(writes: &[Write]) -> Value {
        writes
            .iter()
            .find_map(|write| match write {
                Write::ApplyStatus(_, object) => Some(object["status"].clone()),
                _ => None,
            })
            .expect("a status")
    }

    fn run(deployment: &Value, pods: &[Value]) -> Vec<Write> {
        let objects = pods.iter().cloned().chain([deployment.clone()]);
        desired(&Snapshot::from_values(objects), "now")
    }

    #[test]
    fn each_replica_is_a_pod_with_the_labels_of_the_template() {
        let made = pods(&run(&deployment(2, "a"), &[]), "True");
        assert_eq!(made.len(), 2);
        assert_eq!(made[0]["metadata"]["labels"]["app"], "web");
        assert_ne!(made[0]["metadata"]["name"], made[1]["metadata"]["name"]);
    }

    #[test]
    fn scaling_down_deletes_pods() {
        let made = pods(&run(&deployment(3, "a"), &[]), "True");
        assert_eq!(deleted(&run(&deployment(1, "a"), &made)), 2);
        assert_eq!(deleted(&run(&deployment(3, "a"), &made)), 0);
    }

    #[test]
    fn old_pods_stay_until_the_new_ones_are_ready() {
        let old = pods(&run(&deployment(2, "a"), &[]), "True");
        let changed = deployment(2, "b");
        let unready = pods(&run(&changed, &old), "False");
        let both: Vec<Value> = old.iter().cloned().chain(unready).collect();
        assert_eq!(deleted(&run(&changed, &both)), 0);
        let ready = pods(&run(&changed, &old), "True");
        let both: Vec<Value> = old.into_iter().chain(ready).collect();
        assert_eq!(deleted(&run(&changed, &both)), 2);
    }

    #[test]
    fn a_deployment_is_available_when_every_pod_is_ready() {
        let web = deployment(2, "a");
        let made = pods(&run(&web, &[]), "True");
        assert_eq!(status(&run(&web, &made))["conditions"][0]["status"], "True");
        assert_eq!(status(&run(&web, &made[..1]))["conditions"][0]["status"], "False");
        assert_eq!(status(&run(&web, &made[..1]))["unavailableReplicas"], 1);
    }

    #[test]
    fn pods_of_an_earlier_deployment_of_the_same_name_are_not_counted() {
        let mut made = pods(&run(&deployment(1, "a"), &[]), "True");
        made[0]["metadata"]["ownerReferences"][0]["uid"] = "another".into();
        assert_eq!(status(&run(&deployment(1, "a"), &made))["readyReplicas"], 0);
    }
}
