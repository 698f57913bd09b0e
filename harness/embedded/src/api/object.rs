//! Names of objects, and reading and writing the metadata of an untyped object.

use std::fmt;

use serde_json::{Map, Value};

/// The name of an object within its kind.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectName {
    /// The namespace; `None` for cluster-scoped kinds.
    pub namespace: Option<String>,
    /// The name.
    pub name: String,
}

impl ObjectName {
    /// The name of an object in a namespace.
    pub fn namespaced(namespace: impl Into<String>, name: impl Into<String>) -> Self {
        Self { namespace: Some(namespace.into()), name: name.into() }
    }

    /// The name of a cluster-scoped object.
    pub fn cluster(name: impl Into<String>) -> Self {
        Self { namespace: None, name: name.into() }
    }

    /// The name in an object's metadata; `None` when it has none.
    pub fn of(object: &Value) -> Option<Self> {
        let name = metadata_text(object, "name")?.to_owned();
        Some(Self { namespace: metadata_text(object, "namespace").map(str::to_owned), name })
    }
}

impl fmt::Display for ObjectName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.namespace {
            Some(namespace) => write!(f, "{namespace}/{}", self.name),
            None => f.write_str(&self.name),
        }
    }
}

/// A text in the metadata; `None` when it is missing or empty.
pub(super) fn metadata_text<'o>(object: &'o Value, field: &str) -> Option<&'o str> {
    object["metadata"][field].as_str().filter(|text| !text.is_empty())
}

/// The metadata, made an object if it is none.
pub(super) fn metadata_mut(object: &mut Value) -> &mut Map<String, Value> {
    let metadata = &mut object["metadata"];
    if !metadata.is_object() {
        *metadata = Value::Object(Map::new());
    }
    metadata.as_object_mut().expect("it was made an object above")
}

/// Sets or, with `None`, removes a field of the metadata.
pub(super) fn set_metadata(object: &mut Value, field: &str, value: Option<Value>) {
    let metadata = metadata_mut(object);
    match value {
        Some(value) => metadata.insert(field.to_owned(), value),
        None => metadata.remove(field),
    };
}

/// Whether the object is being deleted and waits for its finalizers.
pub(super) fn is_terminating(object: &Value) -> bool {
    metadata_text(object, "deletionTimestamp").is_some()
}

/// Whether a finalizer holds the object.
pub(super) fn has_finalizers(object: &Value) -> bool {
    object["metadata"]["finalizers"].as_array().is_some_and(|list| !list.is_empty())
}

/// The uids of the objects that own this one.
pub(super) fn owner_uids(object: &Value) -> impl Iterator<Item = &str> {
    object["metadata"]["ownerReferences"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|reference| reference["uid"].as_str())
}

/// The object without one top-level field.
pub(super) fn without(mut object: Value, field: &str) -> Value {
    if let Some(fields) = object.as_object_mut() {
        fields.remove(field);
    }
    object
}
