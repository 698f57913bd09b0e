//! ListenerSet: more listeners for a Gateway
//! (kubernetes-sigs/gateway-api 1.6.1, `apis/v1/listenerset_types.go`).

use gateproof_core::label_selector::LabelSelector;
use gateproof_core::name::NamespacedName;
use serde::Deserialize;

use super::gateway::{LISTENERS, Listener};
use super::meta::Object;
use super::shape::Shape;

/// Fields of `ListenerSet.spec` that are read.
pub(super) const SHAPE: Shape =
    Shape::Fields(&[("parentRef", Shape::Whole), ("listeners", LISTENERS)]);

/// A ListenerSet.
#[derive(Debug, Clone)]
pub(crate) struct ListenerSet {
    pub name: NamespacedName,
    pub generation: Option<i64>,
    pub created: Option<String>,
    /// The Gateway it is for. The operator takes whatever is named for one.
    pub gateway: NamespacedName,
    pub listeners: Vec<Listener>,
    /// Paths of fields that are not read.
    pub unread: Vec<String>,
}

impl ListenerSet {
    /// `ListenerSet namespace/name`.
    pub(crate) fn object(&self) -> String {
        format!("ListenerSet {}", self.name)
    }
}

impl From<Object<ListenerSetSpec>> for ListenerSet {
    fn from(object: Object<ListenerSetSpec>) -> Self {
        let name = object.metadata.namespaced_name();
        let ListenerSetSpec { parent_ref: parent, listeners } = object.spec;
        let namespace = parent.namespace.as_deref().unwrap_or(&name.namespace);
        let gateway = NamespacedName::new(namespace, parent.name);
        let (generation, created) =
            (object.metadata.generation, object.metadata.creation_timestamp);
        Self { name, generation, created, gateway, listeners, unread: Vec::new() }
    }
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ListenerSetSpec {
    parent_ref: Parent,
    #[serde(default)]
    listeners: Vec<Listener>,
}

#[derive(Debug, Clone, Default, Deserialize)]
struct Parent {
    namespace: Option<String>,
    name: String,
}

/// Which ListenerSets may attach to a Gateway; by default none.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct AllowedListeners {
    pub namespaces: ListenerNamespaces,
}

/// From which namespaces.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct ListenerNamespaces {
    pub from: ListenersFrom,
    pub selector: LabelSelector,
}

/// `from` of [`ListenerNamespaces`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
pub(crate) enum ListenersFrom {
    /// No namespace.
    #[default]
    None,
    /// The Gateway's namespace.
    Same,
    /// Every namespace.
    All,
    /// Namespaces by label.
    Selector,
}
