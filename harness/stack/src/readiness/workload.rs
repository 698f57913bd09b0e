//! Whether a DaemonSet or Deployment has done what it asks for. Pure.

use serde_json::Value;

use super::WorkloadKind;

/// What is missing until every pod runs the newest template and is available; `None` when nothing
/// is.
pub(crate) fn missing(kind: WorkloadKind, object: &Value) -> Option<String> {
    let number = |pointer: &str| object.pointer(pointer).and_then(Value::as_u64).unwrap_or(0);
    let (namespace, name) = (text(object, "namespace"), text(object, "name"));
    let generation = number("/metadata/generation");
    if number("/status/observedGeneration") < generation {
        return Some(format!("{namespace}/{name} was changed, and its controller has not seen it"));
    }
    let (wanted, updated, available, all) = match kind {
        WorkloadKind::DaemonSet => (
            number("/status/desiredNumberScheduled"),
            number("/status/updatedNumberScheduled"),
            number("/status/numberAvailable"),
            number("/status/currentNumberScheduled"),
        ),
        WorkloadKind::Deployment => (
            object.pointer("/spec/replicas").and_then(Value::as_u64).unwrap_or(1),
            number("/status/updatedReplicas"),
            number("/status/availableReplicas"),
            number("/status/replicas"),
        ),
    };
    if wanted == 0 && kind == WorkloadKind::DaemonSet {
        return Some(format!("{namespace}/{name} fits no node"));
    }
    if updated < wanted {
        Some(format!("{updated} of {wanted} pods of {namespace}/{name} run the newest template"))
    } else if available < wanted {
        Some(format!("{available} of {wanted} pods of {namespace}/{name} are available"))
    } else if all > wanted {
        Some(format!("{} pods of {namespace}/{name} are being replaced", all - wanted))
    } else {
        None
    }
}

/// Whether labels of a pod match a selector; an empty selector chooses nothing here.
pub(crate) fn selects(selector: &Value, pod: &Value) -> bool {
    let labels = pod.pointer("/metadata/labels");
    selector.as_object().is_some_and(|selector| {
        !selector.is_empty()
            && selector.iter().all(|(key, value)| labels.and_then(|l| l.get(key)) == Some(value))
    })
}

fn text<'v>(object: &'v Value, field: &str) -> &'v str {
    object.pointer(&format!("/metadata/{field}")).and_then(Value::as_str).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{WorkloadKind, missing, selects};

    fn daemon_set(status: &Value) -> Value {
        json!({"metadata": {"namespace": "kube-system", "name": "cilium", "generation": 2},
            "status": status})
    }

    #[test]
    fn a_daemon_set_is_done_when_every_pod_is_new_and_available() {
        for (observed, wanted, updated, available, expected) in [
            (2, 3, 3, 3, None),
            (1, 3, 3, 3, Some("has not seen it")),
            (2, 3, 1, 3, Some("1 of 3 pods of kube-system/cilium run the newest template")),
            (2, 3, 3, 2, Some("2 of 3 pods of kube-system/cilium are available")),
            (2, 0, 0, 0, Some("fits no node")),
        ] {
            let status = json!({"observedGeneration": observed, "desiredNumberScheduled": wanted,
                "updatedNumberScheduled": updated, "numberAvailable": available,
                "currentNumberScheduled": wanted});
            let told = missing(WorkloadKind::DaemonSet, &daemon_set(&status));
            assert_eq!(told.is_none(), expected.is_none(), "{told:?}");
            let told = told.unwrap_or_default();
            assert!(told.contains(expected.unwrap_or_default()), "{told}");
        }
    }

    #[test]
    fn a_deployment_is_done_when_old_pods_are_gone_as_well() {
        for (replicas, updated, available, expected) in [
            (1, 1, 1, None),
            (2, 1, 1, Some("1 pods of a/b are being replaced")),
            (1, 0, 1, Some("0 of 1 pods of a/b run")),
            (1, 1, 0, Some("0 of 1 pods of a/b are available")),
        ] {
            let object = json!({"metadata": {"namespace": "a", "name": "b"}, "spec": {"replicas": 1},
                "status": {"replicas": replicas, "updatedReplicas": updated,
                    "availableReplicas": available}});
            let told = missing(WorkloadKind::Deployment, &object);
            assert_eq!(told.is_none(), expected.is_none(), "{told:?}");
            assert!(told.unwrap_or_default().contains(expected.unwrap_or_default()));
        }
    }

    #[test]
    fn a_selector_chooses_by_all_its_labels_and_an_empty_one_nothing() {
        let pod = json!({"metadata": {"labels": {"k8s-app": "cilium", "x": "y"}}});
        assert!(selects(&json!({"k8s-app": "cilium"}), &pod));
        assert!(!selects(&json!({"k8s-app": "cilium", "x": "z"}), &pod));
        assert!(!selects(&json!({}), &pod) && !selects(&Value::Null, &pod));
    }
}
