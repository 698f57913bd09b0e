//! ListenerSet: more listeners for a Gateway
//! (kubernetes-sigs/gateway-api 1.6.1, `apis/v1/listenerset_types.go`). Read is only what tells
//! whether the Gateway lets it attach.

use gateproof_core::name::NamespacedName;
use serde::Deserialize;

use super::gateway::GROUP;
use super::meta::Object;
use super::selector::LabelSelector;

/// A ListenerSet.
#[derive(Debug, Clone)]
pub(crate) struct ListenerSet {
    pub name: NamespacedName,
    pub generation: Option<i64>,
    /// The Gateway it is for; `None` when its parent is something else.
    pub gateway: Option<NamespacedName>,
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
        let parent = object.spec.parent_ref;
        let is_gateway = parent.group.as_deref().unwrap_or(GROUP) == GROUP
            && parent.kind.as_deref().unwrap_or("Gateway") == "Gateway";
        let gateway = is_gateway.then(|| {
            let namespace = parent.namespace.as_deref().unwrap_or(&name.namespace);
            NamespacedName::new(namespace, parent.name.as_str())
        });
        Self { name, generation: object.metadata.generation, gateway }
    }
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ListenerSetSpec {
    parent_ref: Parent,
}

#[derive(Debug, Clone, Default, Deserialize)]
struct Parent {
    group: Option<String>,
    kind: Option<String>,
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
