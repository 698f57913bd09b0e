//! Namespaces: active, labelled with their own name, with a default ServiceAccount and the API
//! server's certificate authority, and empty once they are gone.

use std::collections::BTreeSet;

use serde_json::json;

use crate::controllers::kind::{CONFIG_MAP, NAMESPACE, SERVICE_ACCOUNT};
use crate::controllers::object::{identity, name, namespace, skeleton, text};
use crate::controllers::snapshot::Snapshot;
use crate::controllers::write::{FieldManager, Write};

/// The label that every namespace carries (kubernetes/kubernetes `NamespaceDefaultLabelName`).
pub(crate) const NAME_LABEL: &str = "kubernetes.io/metadata.name";

/// The ConfigMap with the certificate authority of the API server, in every namespace
/// (kubernetes/kubernetes v1.33 `pkg/controller/certificates/rootcacertpublisher/publisher.go`).
pub(crate) const ROOT_AUTHORITY: &str = "kube-root-ca.crt";

/// Where the API server puts it down; the other namespaces have copies.
pub(crate) const AUTHORITY_NAMESPACE: &str = "kube-system";

/// Labels and activates namespaces, and deletes what a deleted namespace left behind.
pub(crate) fn desired(snapshot: &Snapshot) -> Vec<Write> {
    let mut writes = Vec::new();
    let mut known = BTreeSet::new();
    let authority = snapshot
        .list_in(CONFIG_MAP, AUTHORITY_NAMESPACE)
        .find(|map| name(map) == ROOT_AUTHORITY)
        .and_then(|map| map.get("data"));
    for object in snapshot.list(NAMESPACE) {
        known.insert(name(object));
        // Not again and again: a namespace that was deleted meanwhile would be made anew.
        if object["metadata"]["labels"][NAME_LABEL] != name(object) {
            let mut labels = identity(object);
            labels["metadata"]["labels"] = json!({ NAME_LABEL: name(object) });
            writes.push(Write::Apply(FieldManager::KubeControllerManager, labels));
        }
        let mut status = identity(object);
        status["status"] = json!({"phase": "Active"});
        writes.push(Write::ApplyStatus(FieldManager::KubeControllerManager, status));
        if text(object, "/metadata/deletionTimestamp").is_none() {
            let account = skeleton(SERVICE_ACCOUNT, Some(name(object)), "default");
            writes.push(Write::Apply(FieldManager::KubeControllerManager, account));
            if let Some(data) = authority.filter(|_| name(object) != AUTHORITY_NAMESPACE) {
                let mut copy = skeleton(CONFIG_MAP, Some(name(object)), ROOT_AUTHORITY);
                copy["data"] = data.clone();
                writes.push(Write::Apply(FieldManager::KubeControllerManager, copy));
            }
        }
    }
    let stranded = snapshot
        .objects()
        .filter(|object| namespace(object).is_some_and(|namespace| !known.contains(namespace)));
    writes.extend(stranded.map(|object| Write::Delete(identity(object))));
    writes
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::desired;
    use crate::controllers::snapshot::Snapshot;
    use crate::controllers::write::Write;

    #[test]
    fn objects_of_a_missing_namespace_are_deleted_and_others_stay() {
        let snapshot = Snapshot::from_values([
            json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "here"}}),
            json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a", "namespace": "here"}}),
            json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "b", "namespace": "gone"}}),
            json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": "worker"}}),
        ]);
        let deleted: Vec<_> = desired(&snapshot)
            .into_iter()
            .filter_map(|write| match write {
                Write::Delete(object) => Some(object["metadata"]["name"].clone()),
                _ => None,
            })
            .collect();
        assert_eq!(deleted, [json!("b")], "only what lives in no namespace goes");
    }

    #[test]
    fn each_living_namespace_has_the_authority_once_there_is_one() {
        let namespace = |name: &str| json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}});
        let mut going = namespace("going");
        going["metadata"]["deletionTimestamp"] = json!("now");
        let map = json!({"apiVersion": "v1", "kind": "ConfigMap", "data": {"ca.crt": "PEM"},
            "metadata": {"name": "kube-root-ca.crt", "namespace": "kube-system"}});
        let copies = |objects: Vec<serde_json::Value>| -> Vec<_> {
            desired(&Snapshot::from_values(objects))
                .into_iter()
                .filter_map(|write| match write {
                    Write::Apply(_, object) if object["kind"] == "ConfigMap" => Some((
                        object["metadata"]["namespace"].clone(),
                        object["data"]["ca.crt"].clone(),
                    )),
                    _ => None,
                })
                .collect()
        };
        let namespaces = vec![namespace("apps"), namespace("kube-system"), going];
        assert_eq!(copies(namespaces.clone()), [], "no server, no authority");
        let all = namespaces.into_iter().chain([map]).collect();
        assert_eq!(copies(all), [(json!("apps"), json!("PEM"))]);
    }

    #[test]
    fn a_namespace_is_labelled_with_its_name() {
        let snapshot = Snapshot::from_values([
            json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "apps"}}),
        ]);
        let Write::Apply(_, object) = &desired(&snapshot)[0] else {
            panic!("an apply comes first")
        };
        assert_eq!(object["metadata"]["labels"]["kubernetes.io/metadata.name"], "apps");
        let labelled = Snapshot::from_values([object.clone()]);
        let again = |write: &Write| matches!(write, Write::Apply(_, object) if object["kind"] == "Namespace");
        assert!(!desired(&labelled).iter().any(again), "one that is gone by now would come back");
    }
}
