//! All objects of the cluster at one moment, indexed by kind and name.
//!
//! What controllers decide from: a value, so that a decision is a pure function and a test needs
//! no API server. It does not follow later changes.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;

use super::kind::KindName;
use super::object::{group_kind, name, namespace};

type Named = BTreeMap<(String, String), Arc<Value>>;

/// All objects of the cluster at one moment.
#[derive(Debug, Clone, Default)]
pub(crate) struct Snapshot {
    kinds: BTreeMap<(String, String), Named>,
}

impl Snapshot {
    /// Indexes objects.
    pub(crate) fn of(objects: impl IntoIterator<Item = Arc<Value>>) -> Self {
        let mut kinds: BTreeMap<(String, String), Named> = BTreeMap::new();
        for object in objects {
            let (group, kind) = group_kind(&object);
            let key = (group.to_owned(), kind.to_owned());
            let identity =
                (namespace(&object).unwrap_or_default().to_owned(), name(&object).to_owned());
            kinds.entry(key).or_default().insert(identity, object);
        }
        Self { kinds }
    }

    /// The objects of a kind, sorted by namespace and name.
    pub(crate) fn list(&self, kind: KindName) -> impl Iterator<Item = &Value> + Clone {
        self.kinds
            .get(&(kind.group.to_owned(), kind.kind.to_owned()))
            .into_iter()
            .flat_map(|named| named.values().map(AsRef::as_ref))
    }

    /// The objects of a kind in a namespace, sorted by name.
    pub(crate) fn list_in<'a>(
        &'a self,
        kind: KindName,
        wanted: &'a str,
    ) -> impl Iterator<Item = &'a Value> {
        self.list(kind).filter(move |object| namespace(object) == Some(wanted))
    }

    /// One object; `namespace` is `None` for cluster-scoped kinds.
    pub(crate) fn get(
        &self,
        kind: KindName,
        namespace: Option<&str>,
        name: &str,
    ) -> Option<&Value> {
        self.find(kind.group, kind.kind, namespace, name)
    }

    /// One object by group and kind as an object itself names them.
    pub(crate) fn find(
        &self,
        group: &str,
        kind: &str,
        namespace: Option<&str>,
        name: &str,
    ) -> Option<&Value> {
        self.kinds
            .get(&(group.to_owned(), kind.to_owned()))?
            .get(&(namespace.unwrap_or_default().to_owned(), name.to_owned()))
            .map(AsRef::as_ref)
    }

    /// The object that is stored under the identity of this one.
    pub(crate) fn live(&self, object: &Value) -> Option<&Value> {
        let (group, kind) = group_kind(object);
        self.find(group, kind, namespace(object), name(object))
    }

    /// Every object, sorted by kind, namespace and name.
    pub(crate) fn objects(&self) -> impl Iterator<Item = &Value> {
        self.kinds.values().flat_map(|named| named.values().map(AsRef::as_ref))
    }
}

#[cfg(test)]
impl Snapshot {
    /// A snapshot of plain values.
    pub(crate) fn from_values(objects: impl IntoIterator<Item = Value>) -> Self {
        Self::of(objects.into_iter().map(Arc::new))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::Snapshot;
    use crate::controllers::kind::{NODE, POD};

    #[test]
    fn objects_are_found_by_kind_and_scope() {
        let snapshot = Snapshot::from_values([
            json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a", "namespace": "n"}}),
            json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a", "namespace": "m"}}),
            json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": "a"}}),
        ]);
        assert_eq!(snapshot.list(POD).count(), 2);
        assert_eq!(snapshot.list_in(POD, "n").count(), 1);
        assert!(snapshot.get(NODE, None, "a").is_some());
        assert!(snapshot.get(POD, Some("x"), "a").is_none(), "another namespace is another pod");
    }
}
