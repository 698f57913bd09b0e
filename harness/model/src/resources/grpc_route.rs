//! GRPCRoute, with the defaults of the Gateway API's CRD
//! (kubernetes-sigs/gateway-api 1.6.1, `apis/v1/grpcroute_types.go`).
//!
//! References and filters are those of HTTPRoute, of which a GRPCRoute has fewer.

use serde::Deserialize;

use super::http_route::{BACKENDS, BackendRef, FILTERS, Filter, ParentRef, ValueMatch};
use super::route_object::RouteObject;
use super::shape::Shape;

/// Fields of `GRPCRoute.spec` that are read.
pub(super) const SHAPE: Shape = Shape::Fields(&[
    ("parentRefs", Shape::Whole),
    // No version of Cilium looks at it.
    ("useDefaultGateways", Shape::Whole),
    ("hostnames", Shape::Whole),
    (
        "rules",
        Shape::List(&Shape::Fields(&[
            ("name", Shape::Whole),
            (
                "matches",
                Shape::List(&Shape::Fields(&[("method", Shape::Whole), ("headers", Shape::Whole)])),
            ),
            ("filters", FILTERS),
            ("backendRefs", BACKENDS),
            // No version of Cilium looks at it.
            ("sessionPersistence", Shape::Whole),
        ])),
    ),
]);

/// A GRPCRoute.
pub(crate) type GrpcRoute = RouteObject<GrpcRouteSpec>;

#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct GrpcRouteSpec {
    pub parent_refs: Vec<ParentRef>,
    pub hostnames: Vec<String>,
    pub rules: Vec<GrpcRule>,
}

/// A rule. Without matches it applies to every request.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct GrpcRule {
    pub matches: Vec<GrpcMatch>,
    pub filters: Vec<Filter>,
    pub backend_refs: Vec<BackendRef>,
}

/// When a rule applies.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
pub(crate) struct GrpcMatch {
    pub method: Option<MethodMatch>,
    pub headers: Vec<ValueMatch>,
}

/// A match on what is called: service and method make up the path of the request.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
pub(crate) struct MethodMatch {
    #[serde(rename = "type")]
    pub kind: super::http_route::ValueKind,
    pub service: Option<String>,
    pub method: Option<String>,
}
