//! What the objects of all kinds of routes have in common.

use gateproof_core::name::NamespacedName;

use super::meta::Object;

/// A route of some kind, by its spec.
#[derive(Debug, Clone)]
pub(crate) struct RouteObject<S> {
    pub name: NamespacedName,
    pub generation: Option<i64>,
    pub created: Option<String>,
    pub spec: S,
    /// Paths of fields that are not read.
    pub unread: Vec<String>,
}

impl<S> From<Object<S>> for RouteObject<S> {
    fn from(object: Object<S>) -> Self {
        Self {
            name: object.metadata.namespaced_name(),
            generation: object.metadata.generation,
            created: object.metadata.creation_timestamp,
            spec: object.spec,
            unread: Vec::new(),
        }
    }
}
