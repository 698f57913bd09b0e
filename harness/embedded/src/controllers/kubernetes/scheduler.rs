//! The scheduler: pods without a node get the node with the fewest pods.
//!
//! Looks at node selectors, taints and tolerations; not at resources, affinity or spreading rules.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::controllers::kind::{NODE, POD};
use crate::controllers::object::{has_labels, identity, is_going, items, name, text, texts};
use crate::controllers::snapshot::Snapshot;
use crate::controllers::transition::stamp;
use crate::controllers::write::{FieldManager, Write};

/// Chooses nodes for pods that have none; says so where no node fits.
pub(crate) fn desired(snapshot: &Snapshot, now: &str) -> Vec<Write> {
    let mut load: BTreeMap<&str, usize> = snapshot.list(NODE).map(|node| (name(node), 0)).collect();
    for pod in snapshot.list(POD) {
        if let Some(count) = text(pod, "/spec/nodeName").and_then(|node| load.get_mut(node)) {
            *count += 1;
        }
    }
    let mut writes = Vec::new();
    let waiting =
        snapshot.list(POD).filter(|pod| text(pod, "/spec/nodeName").is_none() && !is_going(pod));
    for pod in waiting {
        let chosen = snapshot
            .list(NODE)
            .filter(|node| fits(pod, node))
            .map(name)
            .min_by_key(|node| (load.get(node).copied().unwrap_or_default(), *node));
        match chosen {
            Some(node) => {
                *load.entry(node).or_default() += 1;
                let mut bound = identity(pod);
                bound["spec"] = json!({"nodeName": node});
                writes.push(Write::Apply(FieldManager::KubeScheduler, bound));
            }
            None => writes.push(unschedulable(pod, load.len(), now)),
        }
    }
    writes
}

fn fits(pod: &Value, node: &Value) -> bool {
    let tolerated = |taint: &Value| {
        items(pod, "/spec/tolerations").iter().any(|toleration| {
            let same =
                |field: &str| toleration.get(field).is_none_or(|v| Some(v) == taint.get(field));
            let value = text(toleration, "/operator") == Some("Exists") || same("value");
            same("key") && same("effect") && value
        })
    };
    has_labels(node, &texts(pod, "/spec/nodeSelector"))
        && items(node, "/spec/taints")
            .iter()
            .filter(|taint| text(taint, "/effect") != Some("PreferNoSchedule"))
            .all(tolerated)
}

fn unschedulable(pod: &Value, nodes: usize, now: &str) -> Write {
    let mut status = identity(pod);
    status["status"] = json!({
        "phase": "Pending",
        "conditions": [{
            "type": "PodScheduled",
            "status": "False",
            "reason": "Unschedulable",
            "message": format!(
                "0/{nodes} nodes are available: none satisfies the pod's node selector and \
                 tolerates its taints"
            ),
        }],
    });
    stamp(&mut status["status"], pod.get("status"), now);
    Write::ApplyStatus(FieldManager::KubeScheduler, status)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::desired;
    use crate::controllers::snapshot::Snapshot;
    use crate::controllers::write::Write;

    fn node(name: &str, taints: Value) -> Value {
        let mut node = json!({
            "apiVersion": "v1", "kind": "Node",
            "metadata": {"name": name, "labels": {"name": name}},
        });
        node["spec"]["taints"] = taints;
        node
    }

    fn pod(name: &str, spec: Value) -> Value {
        let mut pod = json!({
            "apiVersion": "v1", "kind": "Pod",
            "metadata": {"name": name, "namespace": "apps"},
        });
        pod["spec"] = spec;
        pod
    }

    fn nodes() -> Vec<Value> {
        let taint =
            json!([{"key": "node-role.kubernetes.io/control-plane", "effect": "NoSchedule"}]);
        vec![node("control-plane", taint), node("worker", json!([])), node("worker2", json!([]))]
    }

    fn chosen(pods: impl IntoIterator<Item = Value>) -> Vec<Value> {
        desired(&Snapshot::from_values(nodes().into_iter().chain(pods)), "now")
            .into_iter()
            .map(|write| match write {
                Write::Apply(_, object) => object["spec"]["nodeName"].clone(),
                Write::ApplyStatus(_, object) => {
                    object["status"]["conditions"][0]["reason"].clone()
                }
                other => panic!("unexpected: {other:?}"),
            })
            .collect()
    }

    #[test]
    fn pods_spread_over_untainted_nodes() {
        let pods = ["a", "b", "c"].map(|name| pod(name, json!({})));
        assert_eq!(chosen(pods), ["worker", "worker2", "worker"]);
    }

    #[test]
    fn a_toleration_opens_the_control_plane() {
        let tolerant = json!({"tolerations": [{"operator": "Exists"}]});
        assert_eq!(chosen([pod("a", tolerant)]), ["control-plane"]);
        let other = json!({"tolerations": [{"key": "dedicated", "operator": "Exists"}]});
        assert_eq!(chosen([pod("a", other)]), ["worker"], "another taint's toleration does not");
    }

    #[test]
    fn a_selector_that_fits_nowhere_leaves_the_pod_unschedulable() {
        let selector = |name: &str| json!({"nodeSelector": {"name": name}});
        assert_eq!(chosen([pod("a", selector("worker2"))]), ["worker2"]);
        assert_eq!(chosen([pod("a", selector("elsewhere"))]), ["Unschedulable"]);
    }
}
