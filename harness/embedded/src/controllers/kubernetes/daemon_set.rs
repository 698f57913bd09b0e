//! DaemonSets: one pod on every node, and the status.
//!
//! Taints are not looked at: the DaemonSets of this cluster (Cilium's) tolerate everything.

use serde_json::{Value, json};

use super::pod;
use crate::controllers::kind::{DAEMON_SET, NODE, POD};
use crate::controllers::object::{
    has_labels, identity, is_controlled_by, name, namespace, suffix, texts,
};
use crate::controllers::snapshot::Snapshot;
use crate::controllers::write::{FieldManager, Write};

/// Creates and deletes pods of DaemonSets, and reports on them.
pub(crate) fn desired(snapshot: &Snapshot) -> Vec<Write> {
    snapshot.list(DAEMON_SET).flat_map(|set| pods_and_status(snapshot, set)).collect()
}

fn pods_and_status(snapshot: &Snapshot, set: &Value) -> Vec<Write> {
    let selector = texts(set, "/spec/template/spec/nodeSelector");
    let nodes: Vec<&Value> =
        snapshot.list(NODE).filter(|node| has_labels(node, &selector)).collect();
    let template = set.pointer("/spec/template").unwrap_or(&Value::Null).to_string();
    let hash = suffix(&template, 5);
    let mut writes = Vec::new();
    let mut wanted = Vec::new();
    for node in &nodes {
        let pod_name = format!("{}-{}", name(set), suffix(&format!("{hash}{}", name(node)), 5));
        let mut pod =
            pod::from_template(set, &pod_name, &json!({"controller-revision-hash": hash}));
        pod["spec"]["nodeName"] = name(node).into();
        writes.push(Write::Apply(FieldManager::KubeControllerManager, pod));
        wanted.push(pod_name);
    }
    let existing: Vec<&Value> = snapshot
        .list_in(POD, namespace(set).unwrap_or_default())
        .filter(|pod| is_controlled_by(pod, set))
        .collect();
    for pod in existing.iter().filter(|pod| !wanted.iter().any(|wanted| wanted == name(pod))) {
        writes.push(Write::Delete(identity(pod)));
    }
    let current = || existing.iter().filter(|pod| wanted.iter().any(|wanted| wanted == name(pod)));
    let ready = current().filter(|pod| pod::is_ready(pod)).count();
    let mut status = identity(set);
    status["status"] = json!({
        "observedGeneration": set.pointer("/metadata/generation"),
        "desiredNumberScheduled": wanted.len(),
        "currentNumberScheduled": current().count(),
        "updatedNumberScheduled": current().count(),
        "numberReady": ready,
        "numberAvailable": ready,
        "numberUnavailable": wanted.len() - ready,
        "numberMisscheduled": 0,
    });
    writes.push(Write::ApplyStatus(FieldManager::KubeControllerManager, status));
    writes
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::desired;
    use crate::controllers::snapshot::Snapshot;
    use crate::controllers::write::Write;

    fn node(name: &str) -> Value {
        json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": name}})
    }

    fn set() -> Value {
        json!({
            "apiVersion": "apps/v1", "kind": "DaemonSet",
            "metadata": {"name": "cilium-envoy", "namespace": "kube-system", "uid": "s"},
            "spec": {"template": {"metadata": {"labels": {"k8s-app": "cilium-envoy"}}, "spec": {}}},
        })
    }

    #[test]
    fn every_node_gets_one_pod_and_an_unready_one_shows_in_the_status() {
        let first = desired(&Snapshot::from_values([node("a"), node("b"), set()]));
        let mut pods: Vec<Value> = first
            .into_iter()
            .filter_map(|write| match write {
                Write::Apply(_, pod) => Some(pod),
                _ => None,
            })
            .collect();
        assert_eq!(pods.len(), 2);
        assert_eq!(pods[1]["spec"]["nodeName"], "b");
        pods[0]["status"] = json!({"conditions": [{"type": "Ready", "status": "True"}]});
        let writes =
            desired(&Snapshot::from_values([node("a"), node("b"), set()].into_iter().chain(pods)));
        let Some(Write::ApplyStatus(_, object)) = writes.last() else {
            panic!("a status comes last")
        };
        assert_eq!(object["status"]["desiredNumberScheduled"], 2);
        assert_eq!(object["status"]["numberReady"], 1);
        assert_eq!(object["status"]["numberUnavailable"], 1);
    }
}
