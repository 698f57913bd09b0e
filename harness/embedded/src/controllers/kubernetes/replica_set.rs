//! ReplicaSets: pods from the template, and the status.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::pod;
use crate::controllers::kind::{POD, REPLICA_SET};
use crate::controllers::object::{identity, is_controlled_by, is_going, name, namespace};
use crate::controllers::snapshot::Snapshot;
use crate::controllers::write::{FieldManager, Write};

/// Creates and deletes pods of ReplicaSets, and reports on them.
pub(crate) fn desired(snapshot: &Snapshot) -> Vec<Write> {
    snapshot
        .list(REPLICA_SET)
        .filter(|set| !is_going(set))
        .flat_map(|set| {
            let mut writes = pods(snapshot, set);
            writes.push(status(snapshot, set));
            writes
        })
        .collect()
}

/// How many pods a workload wants.
pub(super) fn replicas(workload: &Value) -> u64 {
    workload.pointer("/spec/replicas").and_then(Value::as_u64).unwrap_or(1)
}

/// The pods of a ReplicaSet.
pub(super) fn owned<'a>(snapshot: &'a Snapshot, set: &'a Value) -> impl Iterator<Item = &'a Value> {
    snapshot
        .list_in(POD, namespace(set).unwrap_or_default())
        .filter(move |pod| is_controlled_by(pod, set))
}

fn pods(snapshot: &Snapshot, set: &Value) -> Vec<Write> {
    let wanted: BTreeSet<String> =
        (0..replicas(set)).map(|n| format!("{}-{n}", name(set))).collect();
    let made = wanted.iter().map(|wanted| {
        let pod = pod::from_template(set, wanted, &json!({}));
        Write::Apply(FieldManager::KubeControllerManager, pod)
    });
    let unwanted = owned(snapshot, set)
        .filter(|pod| !wanted.contains(name(pod)))
        .map(|pod| Write::Delete(identity(pod)));
    made.chain(unwanted).collect()
}

fn status(snapshot: &Snapshot, set: &Value) -> Write {
    let pods: Vec<&Value> = owned(snapshot, set).collect();
    let ready = pods.iter().filter(|pod| pod::is_ready(pod)).count();
    let mut object = identity(set);
    object["status"] = json!({
        "observedGeneration": set.pointer("/metadata/generation"),
        "replicas": pods.len(),
        "fullyLabeledReplicas": pods.len(),
        "readyReplicas": ready,
        "availableReplicas": ready,
    });
    Write::ApplyStatus(FieldManager::KubeControllerManager, object)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::desired;
    use crate::controllers::snapshot::Snapshot;
    use crate::controllers::write::Write;

    fn set(replicas: u64) -> Value {
        json!({
            "apiVersion": "apps/v1", "kind": "ReplicaSet",
            "metadata": {"name": "web-x", "namespace": "apps", "uid": "r", "generation": 1},
            "spec": {"replicas": replicas, "template": {
                "metadata": {"labels": {"app": "web"}}, "spec": {"containers": []}}},
        })
    }

    fn run(set: Value, pods: &[Value]) -> Vec<Write> {
        desired(&Snapshot::from_values(pods.iter().cloned().chain([set])))
    }

    fn pods(writes: &[Write]) -> Vec<Value> {
        let pods = writes.iter().filter_map(|write| match write {
            Write::Apply(_, object) if object["kind"] == "Pod" => Some(object.clone()),
            _ => None,
        });
        pods.collect()
    }

    #[test]
    fn each_replica_is_a_pod_of_the_set_with_the_labels_of_the_template() {
        let made = pods(&run(set(2), &[]));
        assert_eq!(made.len(), 2);
        assert_eq!(made[0]["metadata"]["labels"]["app"], "web");
        assert_eq!(made[0]["metadata"]["ownerReferences"][0]["kind"], "ReplicaSet");
        assert_ne!(made[0]["metadata"]["name"], made[1]["metadata"]["name"]);
    }

    #[test]
    fn fewer_replicas_delete_pods_and_only_own_ones() {
        let mut made = pods(&run(set(3), &[]));
        made[2]["metadata"]["ownerReferences"][0]["uid"] = "another".into();
        let writes = run(set(1), &made);
        let deleted = writes.iter().filter(|write| matches!(write, Write::Delete(_))).count();
        assert_eq!(deleted, 1);
        let Some(Write::ApplyStatus(_, object)) = writes.last() else { panic!("a status") };
        assert_eq!(object["status"]["replicas"], 2);
    }
}
