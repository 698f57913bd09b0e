//! TCPRoute and UDPRoute, with the defaults of the Gateway API's CRDs
//! (kubernetes-sigs/gateway-api 1.6.1, `apis/v1/tcproute_types.go`, `udproute_types.go`).

use serde::Deserialize;

use super::http_route::{BACKENDS, BackendRef, ParentRef};
use super::route_object::RouteObject;
use super::shape::Shape;

/// Fields of `spec` that are read.
pub(super) const SHAPE: Shape = Shape::Fields(&[
    ("parentRefs", Shape::Whole),
    // No version of Cilium looks at it.
    ("useDefaultGateways", Shape::Whole),
    ("rules", Shape::List(&Shape::Fields(&[("name", Shape::Whole), ("backendRefs", BACKENDS)]))),
]);

/// A TCPRoute or UDPRoute.
pub(crate) type LayerFourRoute = RouteObject<LayerFourRouteSpec>;

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
