//! The parts every Kubernetes object has.

use std::collections::BTreeMap;

use gateproof_core::name::NamespacedName;
use serde::Deserialize;
use serde_json::Value;

/// An object with metadata and a spec.
#[derive(Debug, Clone, Deserialize)]
#[serde(bound(deserialize = "S: Deserialize<'de> + Default"))]
pub(crate) struct Object<S> {
    pub metadata: Metadata,
    #[serde(default)]
    pub spec: S,
}

/// The metadata the model reads.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Metadata {
    pub name: String,
    pub namespace: Option<String>,
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
    #[serde(default)]
    pub annotations: BTreeMap<String, String>,
    pub uid: Option<String>,
    pub generation: Option<i64>,
    pub creation_timestamp: Option<String>,
}

impl Metadata {
    /// Namespace and name; an object without a namespace is in `default`.
    pub(crate) fn namespaced_name(&self) -> NamespacedName {
        NamespacedName::new(self.namespace.as_deref().unwrap_or("default"), self.name.as_str())
    }
}

/// `Kind namespace/name`, as far as the object says.
pub fn identity(value: &Value) -> String {
    let text = |pointer| value.pointer(pointer).and_then(Value::as_str);
    let kind = text("/kind").unwrap_or("object without kind");
    match (text("/metadata/namespace"), text("/metadata/name")) {
        (Some(namespace), Some(name)) => format!("{kind} {namespace}/{name}"),
        (None, Some(name)) => format!("{kind} {name}"),
        (_, None) => format!("{kind} without name"),
    }
}
