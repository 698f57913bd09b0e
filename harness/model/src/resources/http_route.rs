//! HTTPRoute, with the defaults of the Gateway API's CRD
//! (kubernetes-sigs/gateway-api 1.6.1, `apis/v1/httproute_types.go`).

use gateproof_core::name::NamespacedName;
use serde::Deserialize;
use serde_json::{Value, json};

use super::gateway::GROUP;
use super::route_object::RouteObject;
use super::shape::Shape;

const HEADERS: Shape =
    Shape::Fields(&[("set", Shape::Whole), ("add", Shape::Whole), ("remove", Shape::Whole)]);

pub(super) const FILTERS: Shape = Shape::List(&Shape::Fields(&[
    ("type", Shape::Whole),
    ("requestHeaderModifier", HEADERS),
    ("responseHeaderModifier", HEADERS),
    (
        "requestMirror",
        Shape::Fields(&[
            ("backendRef", Shape::Whole),
            ("percent", Shape::Whole),
            ("fraction", Shape::Whole),
        ]),
    ),
    (
        "requestRedirect",
        Shape::Fields(&[
            ("scheme", Shape::Whole),
            ("hostname", Shape::Whole),
            ("path", Shape::Whole),
            ("port", Shape::Whole),
            ("statusCode", Shape::Whole),
        ]),
    ),
    ("urlRewrite", Shape::Fields(&[("hostname", Shape::Whole), ("path", Shape::Whole)])),
    (
        "cors",
        Shape::Fields(&[
            ("allowOrigins", Shape::Whole),
            ("allowCredentials", Shape::Whole),
            ("allowMethods", Shape::Whole),
            ("allowHeaders", Shape::Whole),
            ("exposeHeaders", Shape::Whole),
            ("maxAge", Shape::Whole),
        ]),
    ),
    // No version looks at an ExtensionRef; ExternalAuth is named by its type, not by its field.
    ("extensionRef", Shape::Whole),
    ("externalAuth", Shape::Whole),
]));

/// Fields of a reference to a backend that are read. Filters in it are read whole: Cilium takes the
/// header modifiers and passes over everything else.
pub(super) const BACKENDS: Shape = Shape::List(&Shape::Fields(&[
    ("group", Shape::Whole),
    ("kind", Shape::Whole),
    ("name", Shape::Whole),
    ("namespace", Shape::Whole),
    ("port", Shape::Whole),
    ("weight", Shape::Whole),
    ("filters", FILTERS),
]));

/// Fields of `HTTPRoute.spec` that are read.
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
                Shape::List(&Shape::Fields(&[
                    ("path", Shape::Whole),
                    ("headers", Shape::Whole),
                    ("queryParams", Shape::Whole),
                    ("method", Shape::Whole),
                ])),
            ),
            ("filters", FILTERS),
            ("backendRefs", BACKENDS),
            (
                "timeouts",
                Shape::Fields(&[("request", Shape::Whole), ("backendRequest", Shape::Whole)]),
            ),
            (
                "retry",
                Shape::Fields(&[
                    ("codes", Shape::Whole),
                    ("attempts", Shape::Whole),
                    ("backoff", Shape::Whole),
                ]),
            ),
            // No version of Cilium looks at it.
            ("sessionPersistence", Shape::Whole),
        ])),
    ),
]);

/// An HTTPRoute.
pub(crate) type HttpRoute = RouteObject<HttpRouteSpec>;

#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct HttpRouteSpec {
    #[serde(default)]
    pub parent_refs: Vec<ParentRef>,
    #[serde(default)]
    pub hostnames: Vec<String>,
    #[serde(default = "one_rule")]
    pub rules: Vec<Rule>,
}

fn one_rule() -> Vec<Rule> {
    vec![Rule { matches: one_match(), ..Rule::default() }]
}

/// What a route attaches to.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ParentRef {
    #[serde(default = "gateway_group")]
    pub group: String,
    #[serde(default = "gateway_kind")]
    pub kind: String,
    pub namespace: Option<String>,
    pub name: String,
    pub section_name: Option<String>,
    pub port: Option<u16>,
}

fn gateway_group() -> String {
    GROUP.to_owned()
}

fn gateway_kind() -> String {
    "Gateway".to_owned()
}

impl ParentRef {
    /// The Gateway that a route in this namespace names; `None` when it names something else.
    pub(crate) fn gateway(&self, namespace: &str) -> Option<NamespacedName> {
        (self.group == GROUP && self.kind == "Gateway").then(|| {
            NamespacedName::new(self.namespace.as_deref().unwrap_or(namespace), self.name.as_str())
        })
    }

    /// The ListenerSet that a route in this namespace names; `None` when it names something else.
    pub(crate) fn listener_set(&self, namespace: &str) -> Option<NamespacedName> {
        (self.group == GROUP && self.kind == "ListenerSet").then(|| {
            NamespacedName::new(self.namespace.as_deref().unwrap_or(namespace), self.name.as_str())
        })
    }

    /// As it is repeated in a status.
    pub(crate) fn to_json(&self) -> Value {
        let mut value = json!({"group": self.group, "kind": self.kind, "name": self.name});
        if let Some(namespace) = &self.namespace {
            value["namespace"] = json!(namespace);
        }
        if let Some(section) = &self.section_name {
            value["sectionName"] = json!(section);
        }
        if let Some(port) = self.port {
            value["port"] = json!(port);
        }
        value
    }
}

/// A rule.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Rule {
    #[serde(default = "one_match")]
    pub matches: Vec<Match>,
    #[serde(default)]
    pub filters: Vec<Filter>,
    #[serde(default)]
    pub backend_refs: Vec<BackendRef>,
    #[serde(default)]
    pub timeouts: Timeouts,
    pub retry: Option<Retry>,
}

fn one_match() -> Vec<Match> {
    vec![Match::default()]
}

/// When a rule applies.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Match {
    pub path: Path,
    pub headers: Vec<ValueMatch>,
    pub query_params: Vec<ValueMatch>,
    pub method: Option<String>,
}

/// A path match.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(default)]
pub(crate) struct Path {
    #[serde(rename = "type")]
    pub kind: PathKind,
    pub value: String,
}

impl Default for Path {
    fn default() -> Self {
        Self { kind: PathKind::PathPrefix, value: "/".to_owned() }
    }
}

/// How a path is matched.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub(crate) enum PathKind {
    Exact,
    PathPrefix,
    RegularExpression,
}

/// A match on a header field or query parameter.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(crate) struct ValueMatch {
    #[serde(rename = "type", default)]
    pub kind: ValueKind,
    pub name: String,
    pub value: String,
}

/// How a value is matched.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
pub(crate) enum ValueKind {
    #[default]
    Exact,
    RegularExpression,
}

/// A filter; which of the parts is set goes by `type`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Filter {
    #[serde(rename = "type")]
    pub kind: String,
    pub request_header_modifier: Option<HeaderModifier>,
    pub response_header_modifier: Option<HeaderModifier>,
    pub request_mirror: Option<RequestMirror>,
    pub request_redirect: Option<RequestRedirect>,
    pub url_rewrite: Option<UrlRewrite>,
    pub cors: Option<Cors>,
    pub external_auth: Option<ExternalAuth>,
}

#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
pub(crate) struct HeaderModifier {
    pub set: Vec<Header>,
    pub add: Vec<Header>,
    pub remove: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(crate) struct Header {
    pub name: String,
    pub value: String,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RequestMirror {
    pub backend_ref: BackendRef,
    pub percent: Option<u32>,
    pub fraction: Option<Fraction>,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(crate) struct Fraction {
    pub numerator: u32,
    #[serde(default = "hundred")]
    pub denominator: u32,
}

fn hundred() -> u32 {
    100
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RequestRedirect {
    pub scheme: Option<String>,
    pub hostname: Option<String>,
    pub path: Option<PathModifier>,
    pub port: Option<u16>,
    #[serde(default = "found")]
    pub status_code: u16,
}

fn found() -> u16 {
    302
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(crate) struct UrlRewrite {
    pub hostname: Option<String>,
    pub path: Option<PathModifier>,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PathModifier {
    #[serde(rename = "type")]
    pub kind: PathModifierKind,
    pub replace_full_path: Option<String>,
    pub replace_prefix_match: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub(crate) enum PathModifierKind {
    ReplaceFullPath,
    ReplacePrefixMatch,
}

/// Which pages of other origins may read answers.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Cors {
    pub allow_origins: Vec<String>,
    pub allow_credentials: Option<bool>,
    pub allow_methods: Vec<String>,
    pub allow_headers: Vec<String>,
    pub expose_headers: Vec<String>,
    pub max_age: Option<i32>,
}

/// An authorization service; only its reference is read, which counts among the backends.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ExternalAuth {
    pub backend_ref: BackendRef,
}

/// When a request is sent again.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
pub(crate) struct Retry {
    pub codes: Vec<u16>,
    pub attempts: Option<u32>,
    pub backoff: Option<String>,
}

/// A reference to a backend.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(crate) struct BackendRef {
    #[serde(default)]
    pub group: String,
    #[serde(default = "service")]
    pub kind: String,
    pub namespace: Option<String>,
    pub name: String,
    pub port: Option<u16>,
    #[serde(default = "one")]
    pub weight: u32,
    #[serde(default)]
    pub filters: Vec<Filter>,
}

fn service() -> String {
    "Service".to_owned()
}

fn one() -> u32 {
    1
}

impl BackendRef {
    /// The Service, seen from a route in this namespace.
    pub(crate) fn service(&self, namespace: &str) -> NamespacedName {
        NamespacedName::new(self.namespace.as_deref().unwrap_or(namespace), self.name.as_str())
    }

    /// Whether it names a Service.
    pub(crate) fn is_service(&self) -> bool {
        self.kind == "Service" && self.group.is_empty()
    }

    /// Whether it names a ServiceImport of the Multi-Cluster Services API.
    pub(crate) fn is_service_import(&self) -> bool {
        self.kind == "ServiceImport" && self.group == "multicluster.x-k8s.io"
    }
}

/// Timeouts, in the notation of the Gateway API (`GEP-2257`), such as `500ms`.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Timeouts {
    pub request: Option<String>,
    pub backend_request: Option<String>,
}
