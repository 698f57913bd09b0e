//! Checks as people write them: the frame, and claims about status.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

use super::form::ConditionForm;
use super::request::HttpCheckFile;
use super::socket::{ExposureCheckFile, TargetHealthCheckFile, TcpCheckFile};
use crate::name::NamespacedName;
use crate::scenario::text::{DurationText, Label};

/// A claim: exactly one of `gateway`, `route`, `service`, `certificate`, `http`, `https`, `tcp`,
/// `exposure` and `targetHealth`, with its circumstances.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(extend("oneOf" = [
    {"required": ["gateway"]}, {"required": ["route"]}, {"required": ["service"]},
    {"required": ["certificate"]}, {"required": ["http"]}, {"required": ["https"]},
    {"required": ["tcp"]}, {"required": ["exposure"]}, {"required": ["targetHealth"]}
]))]
pub(crate) struct CheckFile {
    /// The name in reports, unique in the scenario; without it, one is made from the claim.
    #[schemars(length(min = 1))]
    pub(crate) name: Option<String>,
    /// The variants that the claim is for; without it, all of them.
    #[schemars(length(min = 1))]
    pub(crate) variants: Option<Vec<Label>>,
    /// How long the claim may take to become true; 60s without it.
    pub(crate) within: Option<DurationText>,
    /// Claims about a Gateway's status.
    pub(crate) gateway: Option<GatewayCheckFile>,
    /// Claims about an HTTPRoute's status.
    pub(crate) route: Option<RouteCheckFile>,
    /// Claims about a Service.
    pub(crate) service: Option<ServiceCheckFile>,
    /// Claims about a cert-manager Certificate.
    pub(crate) certificate: Option<CertificateCheckFile>,
    /// HTTP requests and what must come of them.
    pub(crate) http: Option<HttpCheckFile>,
    /// HTTPS requests and what must come of them.
    pub(crate) https: Option<HttpCheckFile>,
    /// TCP connections to a port of nodes and what must come of them.
    pub(crate) tcp: Option<TcpCheckFile>,
    /// Which ports accept connections on which nodes.
    pub(crate) exposure: Option<ExposureCheckFile>,
    /// What a cloud load balancer would conclude from its health checks.
    pub(crate) target_health: Option<TargetHealthCheckFile>,
}

/// Claims about a Gateway's status; at least one.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct GatewayCheckFile {
    /// The Gateway.
    pub(crate) name: NamespacedName,
    /// Conditions by type, such as `Programmed: true`.
    #[serde(default)]
    pub(crate) conditions: BTreeMap<String, ConditionForm>,
    /// Its addresses: exactly these, in any order.
    pub(crate) addresses: Option<Vec<String>>,
    /// Claims about listeners by name.
    #[serde(default)]
    pub(crate) listeners: BTreeMap<String, ListenerCheckFile>,
}

/// Claims about a listener's status; at least one.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct ListenerCheckFile {
    /// How many routes are attached.
    pub(crate) attached_routes: Option<u32>,
    /// Conditions by type, such as `ResolvedRefs: true`.
    #[serde(default)]
    pub(crate) conditions: BTreeMap<String, ConditionForm>,
}

/// Claims about an HTTPRoute's status, for every parent looked at; at least one.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct RouteCheckFile {
    /// The HTTPRoute.
    pub(crate) name: NamespacedName,
    /// Look only at the parent that is this Gateway.
    pub(crate) parent: Option<NamespacedName>,
    /// The condition `Accepted`.
    pub(crate) accepted: Option<bool>,
    /// The condition `ResolvedRefs`.
    pub(crate) resolved_refs: Option<bool>,
    /// Conditions by type, with a reason if that is claimed.
    #[serde(default)]
    pub(crate) conditions: BTreeMap<String, ConditionForm>,
}

/// Claims about a Service, named by `name` or by the `gateway` it was made for; at least one.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(extend("oneOf" = [{"required": ["name"]}, {"required": ["gateway"]}]))]
pub(crate) struct ServiceCheckFile {
    /// The Service.
    pub(crate) name: Option<NamespacedName>,
    /// The Service that Cilium made for this Gateway.
    pub(crate) gateway: Option<NamespacedName>,
    /// Its type.
    #[serde(rename = "type")]
    pub(crate) service_type: Option<ServiceTypeFile>,
    /// Annotations with their values; null claims that there is none.
    #[serde(default)]
    pub(crate) annotations: BTreeMap<String, Option<String>>,
    /// Labels with their values; null claims that there is none.
    #[serde(default)]
    pub(crate) labels: BTreeMap<String, Option<String>>,
    /// Its load-balancer addresses: exactly these, in any order.
    pub(crate) addresses: Option<Vec<String>>,
}

/// The type of a Service.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
pub(crate) enum ServiceTypeFile {
    /// Reachable inside the cluster.
    ClusterIP,
    /// Also on a port of every node.
    NodePort,
    /// Also at a load balancer's address.
    LoadBalancer,
}

/// Claims about a cert-manager Certificate.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct CertificateCheckFile {
    /// The Certificate. One made for a Gateway is named after the listener's Secret.
    pub(crate) name: NamespacedName,
    /// Whether it must be ready.
    #[serde(default = "yes")]
    pub(crate) ready: bool,
    /// Its DNS names: exactly these, in any order.
    pub(crate) dns_names: Option<Vec<String>>,
}

fn yes() -> bool {
    true
}
