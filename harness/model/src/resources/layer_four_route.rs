//! TCPRoute and UDPRoute, with the defaults of the Gateway API's CRDs
//! (kubernetes-sigs/gateway-api 1.6.1, `apis/v1/tcproute_types.go`, `udproute_types.go`).

use gateproof_core::name::NamespacedName;
use serde::Deserialize;

use super::http_route::{BACKENDS, BackendRef, ParentRef};
use super::meta::Object;
use super::shape::Shape;

/// Fields of `spec` that are read.
pub(super) const SHAPE: Shape = Shape::Fields(&[
    ("parentRefs", Shape::Whole),
    // No version of Cilium looks at it.
    ("useDefaultGateways", Shape::Whole),
    ("rules", Shape::List(&Shape::Fields(&[("name", Shape::Whole), ("backendRefs", BACKENDS)]))),
]);

/// A TCPRoute or UDPRoute.
#[derive(Debug, Clone)]
pub(crate) struct LayerFourRoute {
    pub name: NamespacedName,
    pub generation: Option<i64>,
    pub created: Option<String>,
    pub spec: LayerFourRouteSpec,
    /// Paths of fields that are not read.
    pub unread: Vec<String>,
}

impl From<Object<LayerFourRouteSpec>> for LayerFourRoute {
    fn from(object: Object<LayerFourRouteSpec>) -> Self {
        Self {
            name: object.metadata.namespaced_name(),
            generation: object.metadata.generation,
            created: object.metadata.creation_timestamp,
            spec: object.spec,
            unread: Vec::new(),
        }
    }
}

#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct LayerFourRouteSpec {
    pub parent_refs: Vec<ParentRef>,
    pub rules: Vec<LayerFourRule>,
}

/// A rule.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct LayerFourRule {
    pub backend_refs: Vec<BackendRef>,
}
