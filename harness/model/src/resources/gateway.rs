//! GatewayClass, Gateway and ReferenceGrant, with the defaults of the Gateway API's CRDs
//! (kubernetes-sigs/gateway-api 1.6.1, `apis/v1`).

use std::collections::BTreeMap;

use gateproof_core::label_selector::LabelSelector;
use gateproof_core::name::NamespacedName;
use serde::Deserialize;

use super::listener_set::AllowedListeners;
use super::meta::Object;
use super::shape::Shape;

/// The group of all Gateway API kinds.
pub(crate) const GROUP: &str = "gateway.networking.k8s.io";

/// Fields of `Gateway.spec` that are read.
pub(super) const SHAPE: Shape = Shape::Fields(&[
    ("gatewayClassName", Shape::Whole),
    ("addresses", Shape::Whole),
    ("allowedListeners", Shape::Whole),
    (
        "infrastructure",
        Shape::Fields(&[
            ("labels", Shape::Whole),
            ("annotations", Shape::Whole),
            ("parametersRef", Shape::Whole),
        ]),
    ),
    ("listeners", LISTENERS),
]);

/// Fields of listeners that are read.
pub(super) const LISTENERS: Shape = Shape::List(&Shape::Fields(&[
    ("name", Shape::Whole),
    ("hostname", Shape::Whole),
    ("port", Shape::Whole),
    ("protocol", Shape::Whole),
    ("allowedRoutes", Shape::Fields(&[("namespaces", Shape::Whole), ("kinds", Shape::Whole)])),
    (
        "tls",
        Shape::Fields(&[
            ("mode", Shape::Whole),
            ("certificateRefs", Shape::Whole),
            // Cilium never looks at these.
            ("options", Shape::Whole),
        ]),
    ),
]));

/// A GatewayClass.
#[derive(Debug, Clone)]
pub(crate) struct GatewayClass {
    pub name: String,
    pub generation: Option<i64>,
    pub controller: String,
    pub parameters: Option<ParametersRef>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct GatewayClassSpec {
    controller_name: String,
    parameters_ref: Option<ParametersRef>,
}

/// A reference to parameters of a class.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct ParametersRef {
    pub group: String,
    pub kind: String,
    #[serde(default)]
    pub name: String,
    pub namespace: Option<String>,
}

impl ParametersRef {
    /// Whether it means a CiliumGatewayClassConfig.
    pub(crate) fn is_class_config(&self) -> bool {
        self.group == "cilium.io" && self.kind == "CiliumGatewayClassConfig"
    }

    /// The object's full name, if there is one.
    pub(crate) fn full_name(&self) -> Option<NamespacedName> {
        let namespace = self.namespace.as_deref().filter(|namespace| !namespace.is_empty())?;
        (!self.name.is_empty()).then(|| NamespacedName::new(namespace, self.name.as_str()))
    }
}

impl From<Object<GatewayClassSpec>> for GatewayClass {
    fn from(object: Object<GatewayClassSpec>) -> Self {
        Self {
            name: object.metadata.name,
            generation: object.metadata.generation,
            controller: object.spec.controller_name,
            parameters: object.spec.parameters_ref,
        }
    }
}

/// A Gateway.
#[derive(Debug, Clone)]
pub(crate) struct Gateway {
    pub name: NamespacedName,
    pub uid: Option<String>,
    pub generation: Option<i64>,
    pub spec: GatewaySpec,
    /// Paths of fields that are not read.
    pub unread: Vec<String>,
}

impl From<Object<GatewaySpec>> for Gateway {
    fn from(object: Object<GatewaySpec>) -> Self {
        Self {
            name: object.metadata.namespaced_name(),
            uid: object.metadata.uid,
            generation: object.metadata.generation,
            spec: object.spec,
            unread: Vec::new(),
        }
    }
}

impl Gateway {
    /// `Gateway namespace/name`.
    pub(crate) fn object(&self) -> String {
        format!("Gateway {}", self.name)
    }
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct GatewaySpec {
    pub gateway_class_name: String,
    pub listeners: Vec<Listener>,
    #[serde(default)]
    pub addresses: Vec<Address>,
    #[serde(default)]
    pub infrastructure: Infrastructure,
    #[serde(default)]
    pub allowed_listeners: AllowedListeners,
}

/// Labels and annotations for what is made for the Gateway.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Infrastructure {
    pub labels: BTreeMap<String, String>,
    pub annotations: BTreeMap<String, String>,
    pub parameters_ref: Option<serde_json::Value>,
}

/// A requested address.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Address {
    #[serde(rename = "type", default = "ip_address")]
    pub kind: String,
    #[serde(default)]
    pub value: String,
}

fn ip_address() -> String {
    "IPAddress".to_owned()
}

/// A listener.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Listener {
    pub name: String,
    pub hostname: Option<String>,
    pub port: u16,
    pub protocol: String,
    pub tls: Option<ListenerTls>,
    #[serde(default)]
    pub allowed_routes: AllowedRoutes,
}

/// What a listener speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Protocol {
    Http,
    Https,
    Tls,
    Tcp,
    Udp,
    /// Something of an implementation's own.
    Other,
}

impl Listener {
    /// The host name, where an empty one is none.
    pub(crate) fn hostname(&self) -> Option<&str> {
        self.hostname.as_deref().filter(|hostname| !hostname.is_empty())
    }

    /// What it speaks.
    pub(crate) fn speaks(&self) -> Protocol {
        match self.protocol.as_str() {
            "HTTP" => Protocol::Http,
            "HTTPS" => Protocol::Https,
            "TLS" => Protocol::Tls,
            "TCP" => Protocol::Tcp,
            "UDP" => Protocol::Udp,
            _ => Protocol::Other,
        }
    }

    /// Whether it can become part of an Envoy configuration.
    pub(crate) fn is_envoys(&self) -> bool {
        matches!(self.speaks(), Protocol::Http | Protocol::Https | Protocol::Tls)
    }

    /// Whether TLS is passed through: protocol TLS whose mode says so, where nothing said is
    /// `Terminate` (the CRD's default).
    pub(crate) fn passes_through(&self) -> bool {
        self.speaks() == Protocol::Tls
            && self.tls.as_ref().and_then(|tls| tls.mode.as_deref()) == Some("Passthrough")
    }
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct ListenerTls {
    pub mode: Option<String>,
    pub certificate_refs: Vec<CertificateRef>,
}

/// A reference to a certificate.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct CertificateRef {
    #[serde(default)]
    pub group: String,
    #[serde(default = "secret")]
    pub kind: String,
    pub namespace: Option<String>,
    pub name: String,
}

fn secret() -> String {
    "Secret".to_owned()
}

impl CertificateRef {
    /// Whether the reference is to a Secret, and to no other kind.
    pub(crate) fn is_secret(&self) -> bool {
        self.group.is_empty() && self.kind == "Secret"
    }

    /// The Secret, seen from a Gateway or ListenerSet in this namespace.
    pub(crate) fn secret(&self, namespace: &str) -> NamespacedName {
        NamespacedName::new(self.namespace.as_deref().unwrap_or(namespace), self.name.as_str())
    }
}

/// Which routes may attach.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct AllowedRoutes {
    pub namespaces: RouteNamespaces,
    pub kinds: Vec<RouteKind>,
}

/// From which namespaces.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct RouteNamespaces {
    pub from: NamespacesFrom,
    pub selector: LabelSelector,
}

/// `from` of [`RouteNamespaces`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
pub(crate) enum NamespacesFrom {
    /// The namespace of the Gateway or ListenerSet.
    #[default]
    Same,
    /// Every namespace.
    All,
    /// Namespaces by label.
    Selector,
}

/// A kind of route.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct RouteKind {
    #[serde(default = "group")]
    pub group: String,
    pub kind: String,
}

fn group() -> String {
    GROUP.to_owned()
}

/// A ReferenceGrant.
#[derive(Debug, Clone)]
pub(crate) struct ReferenceGrant {
    pub namespace: String,
    pub spec: ReferenceGrantSpec,
}

#[derive(Debug, Clone, Default, Deserialize)]
pub(crate) struct ReferenceGrantSpec {
    pub from: Vec<GrantFrom>,
    pub to: Vec<GrantTo>,
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct GrantFrom {
    pub group: String,
    pub kind: String,
    pub namespace: String,
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct GrantTo {
    #[serde(default)]
    pub group: String,
    pub kind: String,
    pub name: Option<String>,
}

impl From<Object<ReferenceGrantSpec>> for ReferenceGrant {
    fn from(object: Object<ReferenceGrantSpec>) -> Self {
        Self { namespace: object.metadata.namespaced_name().namespace, spec: object.spec }
    }
}
