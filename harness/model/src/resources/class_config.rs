//! CiliumGatewayClassConfig (cilium/cilium `pkg/k8s/apis/cilium.io/v2alpha1`, 1.18.0 to the main
//! branch before 1.21), with the defaults of its CRD.

use gateproof_core::name::NamespacedName;
use serde::Deserialize;

use super::meta::Object;
use super::shape::Shape;

/// Fields of the spec that are read. Access logs change nothing that can be observed from outside;
/// they are read so that they can be named.
pub(super) const SHAPE: Shape = Shape::Fields(&[
    ("description", Shape::Whole),
    (
        "service",
        Shape::Fields(&[
            ("type", Shape::Whole),
            ("externalTrafficPolicy", Shape::Whole),
            ("loadBalancerClass", Shape::Whole),
            ("ipFamilies", Shape::Whole),
            ("ipFamilyPolicy", Shape::Whole),
            ("allocateLoadBalancerNodePorts", Shape::Whole),
            ("loadBalancerSourceRanges", Shape::Whole),
            ("loadBalancerSourceRangesPolicy", Shape::Whole),
            ("trafficDistribution", Shape::Whole),
        ]),
    ),
    (
        "httpOptions",
        Shape::Fields(&[("grpcWebTranslation", Shape::Fields(&[("enabled", Shape::Whole)]))]),
    ),
    ("telemetry", Shape::Fields(&[("accessLogs", Shape::Whole)])),
]);

/// Parameters of a GatewayClass.
#[derive(Debug, Clone)]
pub(crate) struct ClassConfig {
    pub name: NamespacedName,
    pub generation: Option<i64>,
    pub spec: ClassConfigSpec,
    /// Paths of fields that are not read.
    pub unread: Vec<String>,
}

impl From<Object<ClassConfigSpec>> for ClassConfig {
    fn from(object: Object<ClassConfigSpec>) -> Self {
        Self {
            name: object.metadata.namespaced_name(),
            generation: object.metadata.generation,
            spec: object.spec,
            unread: Vec::new(),
        }
    }
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct ClassConfigSpec {
    pub service: Option<ServiceParameters>,
    pub http_options: Option<HttpOptions>,
    pub telemetry: Option<Telemetry>,
}

/// What the Service of a Gateway is made like.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct ServiceParameters {
    #[serde(rename = "type")]
    pub kind: ServiceKind,
    pub external_traffic_policy: Option<String>,
    pub load_balancer_class: Option<String>,
    pub ip_families: Option<Vec<String>>,
    pub ip_family_policy: Option<String>,
    pub allocate_load_balancer_node_ports: Option<bool>,
    pub load_balancer_source_ranges: Option<Vec<String>>,
    pub load_balancer_source_ranges_policy: Option<String>,
    pub traffic_distribution: Option<String>,
}

/// The types of Service that the CRD admits.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
pub(crate) enum ServiceKind {
    #[default]
    LoadBalancer,
    NodePort,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct HttpOptions {
    pub grpc_web_translation: Option<GrpcWebTranslation>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct GrpcWebTranslation {
    pub enabled: Option<bool>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Telemetry {
    pub access_logs: Vec<serde_json::Value>,
}
