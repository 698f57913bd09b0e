//! The Service and the placeholder endpoint of a Gateway
//! (cilium/cilium `operator/pkg/model/translation/gateway-api/translator.go`).
//!
//! Only what the operator itself writes; defaults and allocations are the API server's.

use std::collections::{BTreeMap, BTreeSet};

use gateproof_core::cilium::{HostNetwork, TrafficPolicy};
use serde_json::{Map, Value, json};

use super::names;
use crate::Input;
use crate::facts::Behaviour;
use crate::resources::class_config::{ServiceKind, ServiceParameters};
use crate::resources::core::Service;
use crate::resources::gateway::Gateway;

/// The address of the placeholder: on every healthy Gateway, in every mode.
const PLACEHOLDER: &str = "192.192.192.192";
const PLACEHOLDER_PORT: u16 = 9999;

/// The alias under which `spec.addresses` are asked of LB-IPAM.
const IPAM_IPS: &str = "io.cilium/lb-ipam-ips";

/// The label that names the Gateway.
const GATEWAY_NAME: &str = "gateway.networking.k8s.io/gateway-name";

/// The annotation for the policy of source ranges, and the one that names nodes.
const SOURCE_RANGES_POLICY: &str = "service.cilium.io/src-ranges-policy";
const NODE_SELECTOR: &str = "service.cilium.io/node-selector";

/// Of which type the Service is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ServiceType {
    LoadBalancer,
    NodePort,
    ClusterIp,
}

/// The type of Service this configuration asks for.
pub(crate) fn service_type(
    input: &Input<'_>,
    parameters: Option<&ServiceParameters>,
) -> ServiceType {
    match (&input.config.host_network, parameters.map(|parameters| parameters.kind)) {
        (HostNetwork::On { .. }, _) if input.holds(Behaviour::HostNetworkNodePort) => {
            ServiceType::NodePort
        }
        (HostNetwork::On { .. }, _) => ServiceType::ClusterIp,
        (HostNetwork::Off, Some(ServiceKind::NodePort)) => ServiceType::NodePort,
        (HostNetwork::Off, Some(ServiceKind::LoadBalancer) | None) => ServiceType::LoadBalancer,
    }
}

/// The Service, with these ports in the order of their listeners.
pub(crate) fn service(
    input: &Input<'_>,
    gateway: &Gateway,
    parameters: Option<&ServiceParameters>,
    mut ports: Vec<ServicePort>,
    balancing: Balancing,
) -> Value {
    if input.holds(Behaviour::SortedServicePorts) {
        ports.sort_unstable();
    }
    let mut seen = BTreeSet::new();
    ports.retain(|port| seen.insert(*port));
    let kind = service_type(input, parameters);
    let mut spec = json!({
        "type": match kind {
            ServiceType::LoadBalancer => "LoadBalancer",
            ServiceType::NodePort => "NodePort",
            ServiceType::ClusterIp => "ClusterIP",
        },
        "ports": ports.into_iter().map(ServicePort::to_json).collect::<Vec<_>>(),
    });
    if let Some(policy) = traffic_policy(input, parameters) {
        spec["externalTrafficPolicy"] = json!(policy);
    }
    if input.holds(Behaviour::ServiceIpFamilies) {
        write_families(input, parameters, &mut spec);
    }
    if let Some(parameters) = parameters {
        let live = input.resources.services.get(&names::service(&gateway.name));
        write_parameters(parameters, kind, live, &mut spec);
    }
    let mut annotations = service_annotations(input, gateway, parameters);
    if balancing == Balancing::ByWeight {
        annotations.insert("service.cilium.io/lb-algorithm".to_owned(), "maglev".to_owned());
    }
    let metadata = metadata(gateway, owned_labels(input, gateway), annotations);
    json!({"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": spec})
}

/// Whether the agent spreads connections of the Service over weighted backends, for which it needs
/// another algorithm than usual.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Balancing {
    Usual,
    ByWeight,
}

/// A port of the Service: TCP before UDP where a number has both.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ServicePort {
    pub port: u16,
    pub transport: Transport,
}

/// What is carried.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Transport {
    Tcp,
    Udp,
}

impl Transport {
    /// As Kubernetes names it.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Tcp => "TCP",
            Self::Udp => "UDP",
        }
    }
}

impl ServicePort {
    pub(crate) fn tcp(port: u16) -> Self {
        Self { port, transport: Transport::Tcp }
    }

    fn to_json(self) -> Value {
        let name = port_name(self.port, self.transport);
        json!({"name": name, "port": self.port, "protocol": self.transport.as_str()})
    }
}

/// The name of a port of the Service.
pub(crate) fn port_name(port: u16, transport: Transport) -> String {
    match transport {
        Transport::Tcp => format!("port-{port}"),
        Transport::Udp => format!("port-{port}-udp"),
    }
}

/// The setting of the installation, unless the class has its own; none on host network.
fn traffic_policy<'a>(
    input: &Input<'_>,
    parameters: Option<&'a ServiceParameters>,
) -> Option<&'a str> {
    if input.config.host_network.is_on() {
        return None;
    }
    let policy = parameters.map(|parameters| parameters.external_traffic_policy.as_deref());
    Some(match (policy, input.config.external_traffic_policy) {
        (Some(Some(policy)), _) => policy,
        // What the CRD fills in.
        (Some(None), _) | (None, TrafficPolicy::Cluster) => "Cluster",
        (None, TrafficPolicy::Local) => "Local",
    })
}

/// Families and their policy. Parameters for the Service that name no families leave the choice to
/// the API server.
fn write_families(input: &Input<'_>, parameters: Option<&ServiceParameters>, spec: &mut Value) {
    let enabled: Vec<&str> = [(input.config.ipv4, "IPv4"), (input.config.ipv6, "IPv6")]
        .into_iter()
        .filter_map(|(enabled, family)| enabled.then_some(family))
        .collect();
    let policy = if enabled.len() == 2 { "PreferDualStack" } else { "SingleStack" };
    spec["ipFamilyPolicy"] = json!(policy);
    let Some(parameters) = parameters else {
        spec["ipFamilies"] = json!(enabled);
        return;
    };
    if let Some(policy) = &parameters.ip_family_policy {
        spec["ipFamilyPolicy"] = json!(policy);
    }
    if let Some(families) = parameters.ip_families.as_ref().filter(|families| !families.is_empty())
    {
        spec["ipFamilies"] = json!(families);
    }
}

/// The other parameters; most are for load balancers only. A class of load balancers is written
/// once: afterwards whatever is there stays.
fn write_parameters(
    parameters: &ServiceParameters,
    kind: ServiceType,
    live: Option<&Service>,
    spec: &mut Value,
) {
    if let Some(distribution) = &parameters.traffic_distribution {
        spec["trafficDistribution"] = json!(distribution);
    }
    let class = match live {
        Some(live) => &live.spec.load_balancer_class,
        None => &parameters.load_balancer_class,
    };
    if kind != ServiceType::LoadBalancer {
        return;
    }
    if let Some(class) = class {
        spec["loadBalancerClass"] = json!(class);
    }
    if let Some(ranges) = parameters.load_balancer_source_ranges.as_ref().filter(|r| !r.is_empty())
    {
        spec["loadBalancerSourceRanges"] = json!(ranges);
    }
    if let Some(allocate) = parameters.allocate_load_balancer_node_ports {
        spec["allocateLoadBalancerNodePorts"] = json!(allocate);
    }
}

/// Annotations of the Service.
fn service_annotations(
    input: &Input<'_>,
    gateway: &Gateway,
    parameters: Option<&ServiceParameters>,
) -> BTreeMap<String, String> {
    let mut annotations = annotations(input, gateway);
    if let Some(nodes) = selected_nodes(input) {
        annotations.entry(NODE_SELECTOR.to_owned()).or_insert(nodes);
    }
    if let Some(parameters) = parameters {
        let policy = parameters.load_balancer_source_ranges_policy.as_deref().unwrap_or("Allow");
        annotations.insert(SOURCE_RANGES_POLICY.to_owned(), policy.to_owned());
    }
    annotations
}

/// Annotations of what is made beside the Service. It shares the Service's map, additions and all,
/// when the Gateway has any infrastructure, as operator recordings of 1.21-dev show.
pub(crate) fn shared_annotations(
    input: &Input<'_>,
    gateway: &Gateway,
    parameters: Option<&ServiceParameters>,
) -> BTreeMap<String, String> {
    let annotations = annotations(input, gateway);
    if annotations.is_empty() && gateway.spec.infrastructure.labels.is_empty() {
        return annotations;
    }
    service_annotations(input, gateway, parameters)
}

/// The placeholder endpoint.
pub(crate) fn placeholder(
    input: &Input<'_>,
    gateway: &Gateway,
    parameters: Option<&ServiceParameters>,
) -> Value {
    let mut labels = owned_labels(input, gateway);
    let mut annotations = shared_annotations(input, gateway, parameters);
    if !input.holds(Behaviour::InfrastructureOnEveryObject) {
        annotations.clear();
        labels.retain(|key, _| key == "io.cilium.gateway/owning-gateway");
    }
    if !input.holds(Behaviour::PlaceholderEndpointSlice) {
        return json!({
            "apiVersion": "v1",
            "kind": "Endpoints",
            "metadata": metadata(gateway, labels, annotations),
            "subsets": [{
                "addresses": [{"ip": PLACEHOLDER}],
                "ports": [{"port": PLACEHOLDER_PORT, "protocol": "TCP"}],
            }],
        });
    }
    let ready = input.holds(Behaviour::PlaceholderReady);
    if ready {
        labels.insert("kubernetes.io/service-name".to_owned(), names::service(&gateway.name).name);
    }
    json!({
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": metadata(gateway, labels, annotations),
        "addressType": "IPv4",
        "endpoints": [{
            "addresses": [PLACEHOLDER],
            "conditions": if ready { json!({"ready": true}) } else { json!({}) },
        }],
        "ports": [{"name": "", "port": PLACEHOLDER_PORT, "protocol": "TCP"}],
    })
}

/// Labels of Service and placeholder.
///
/// Infrastructure labels overwrite Cilium's own here.
fn owned_labels(input: &Input<'_>, gateway: &Gateway) -> BTreeMap<String, String> {
    let name = names::shorten(&gateway.name.name);
    let mut labels =
        BTreeMap::from([("io.cilium.gateway/owning-gateway".to_owned(), name.clone())]);
    if input.holds(Behaviour::GatewayNameLabel) {
        labels.insert(GATEWAY_NAME.to_owned(), name);
    }
    labels.extend(gateway.spec.infrastructure.labels.clone());
    labels
}

/// Infrastructure labels and the Gateway's name, for the CiliumEnvoyConfig.
pub(crate) fn gateway_labels(input: &Input<'_>, gateway: &Gateway) -> BTreeMap<String, String> {
    let mut labels = gateway.spec.infrastructure.labels.clone();
    if input.holds(Behaviour::GatewayNameLabel) {
        labels.insert(GATEWAY_NAME.to_owned(), names::shorten(&gateway.name.name));
    }
    labels
}

/// Infrastructure annotations and requested addresses. Annotations of the Gateway itself are
/// never copied.
pub(crate) fn annotations(input: &Input<'_>, gateway: &Gateway) -> BTreeMap<String, String> {
    let mut annotations = gateway.spec.infrastructure.annotations.clone();
    let wanted = gateway.spec.addresses.iter().filter(|address| address.kind == "IPAddress");
    let addresses: Vec<&str> = wanted.map(|address| address.value.as_str()).collect();
    if !addresses.is_empty()
        && input.holds(Behaviour::SpecAddresses)
        && annotations.get(IPAM_IPS).is_none_or(String::is_empty)
    {
        annotations.insert(IPAM_IPS.to_owned(), addresses.join(","));
    }
    annotations
}

/// The nodes selected for host network, as the annotation names them.
fn selected_nodes(input: &Input<'_>) -> Option<String> {
    match &input.config.host_network {
        HostNetwork::On { match_labels }
            if !match_labels.is_empty() && input.holds(Behaviour::NodeSelectorAnnotation) =>
        {
            let selector: Vec<String> =
                match_labels.iter().map(|(key, value)| format!("{key}={value}")).collect();
            Some(selector.join(","))
        }
        HostNetwork::On { .. } | HostNetwork::Off => None,
    }
}

fn metadata(
    gateway: &Gateway,
    labels: BTreeMap<String, String>,
    annotations: BTreeMap<String, String>,
) -> Value {
    let name = names::service(&gateway.name);
    object_metadata(&name.namespace, &name.name, gateway, (labels, annotations))
}

/// Metadata of an object owned by a Gateway; empty maps are left out.
pub(crate) fn object_metadata(
    namespace: &str,
    name: &str,
    gateway: &Gateway,
    (labels, annotations): (BTreeMap<String, String>, BTreeMap<String, String>),
) -> Value {
    let mut owner = json!({
        "apiVersion": "gateway.networking.k8s.io/v1",
        "controller": true,
        "kind": "Gateway",
        "name": gateway.name.name,
    });
    if let Some(uid) = &gateway.uid {
        owner["uid"] = json!(uid);
    }
    let mut metadata = Map::new();
    metadata.insert("name".to_owned(), json!(name));
    metadata.insert("namespace".to_owned(), json!(namespace));
    metadata.insert("ownerReferences".to_owned(), json!([owner]));
    for (key, map) in [("labels", labels), ("annotations", annotations)] {
        if !map.is_empty() {
            metadata.insert(key.to_owned(), json!(map));
        }
    }
    Value::Object(metadata)
}
