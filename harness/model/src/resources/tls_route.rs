//! TLSRoute, with the defaults of the Gateway API's CRD
//! (kubernetes-sigs/gateway-api 1.6.1, `apis/v1/tlsroute_types.go`; v1alpha2 and v1alpha3 have the
//! same fields).

use gateproof_core::name::NamespacedName;
use serde::Deserialize;

use super::http_route::{BACKENDS, BackendRef, ParentRef};
use super::meta::Object;
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
#[derive(Debug, Clone)]
pub(crate) struct TlsRoute {
    pub name: NamespacedName,
    pub generation: Option<i64>,
    pub spec: TlsRouteSpec,
    /// Paths of fields that are not read.
    pub unread: Vec<String>,
}

impl From<Object<TlsRouteSpec>> for TlsRoute {
    fn from(object: Object<TlsRouteSpec>) -> Self {
        Self {
            name: object.metadata.namespaced_name(),
            generation: object.metadata.generation,
            spec: object.spec,
            unread: Vec::new(),
        }
    }
}

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
