//! TLSRoute, with the defaults of the Gateway API's CRD
//! (kubernetes-sigs/gateway-api 1.6.1, `apis/v1/tlsroute_types.go`; v1alpha2 and v1alpha3 have the
//! same fields).

use serde::Deserialize;

use super::http_route::{BACKENDS, BackendRef, ParentRef};
use super::route_object::RouteObject;
use super::shape::Shape;

/// Fields of `TLSRoute.spec` that are read.
pub(super) const SHAPE: Shape = Shape::Fields(&[
    ("parentRefs", Shape::Whole),
    // No version of Cilium looks at it.
    ("useDefaultGateways", Shape::Whole),
    ("hostnames", Shape::Whole),
    ("rules", Shape::List(&Shape::Fields(&[("name", Shape::Whole), ("backendRefs", BACKENDS)]))),
]);

/// A TLSRoute.
pub(crate) type TlsRoute = RouteObject<TlsRouteSpec>;

#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct TlsRouteSpec {
    pub parent_refs: Vec<ParentRef>,
    pub hostnames: Vec<String>,
    pub rules: Vec<TlsRule>,
}

/// A rule.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct TlsRule {
    pub backend_refs: Vec<BackendRef>,
}
