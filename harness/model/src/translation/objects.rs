//! The Service and the placeholder endpoint of a Gateway
//! (cilium/cilium `operator/pkg/model/translation/gateway-api/translator.go`).
//!
//! Only what the operator itself writes; defaults and allocations are the API server's.

use std::collections::BTreeMap;

use gateproof_core::cilium::{HostNetwork, TrafficPolicy};
use serde_json::{Map, Value, json};

use super::names;
use crate::Input;
use crate::facts::Behaviour;
use crate::ingestion::HttpListener;
use crate::resources::gateway::Gateway;

/// The address of the placeholder: on every healthy Gateway, in every mode.
const PLACEHOLDER: &str = "192.192.192.192";
const PLACEHOLDER_PORT: u16 = 9999;

/// The alias under which `spec.addresses` are asked of LB-IPAM.
const IPAM_IPS: &str = "io.cilium/lb-ipam-ips";

/// Of which type the Service is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ServiceType {
    LoadBalancer,
    NodePort,
    ClusterIp,
}

/// The type of Service this configuration asks for.
pub(crate) fn service_type(input: &Input<'_>) -> ServiceType {
    match input.config.host_network {
        HostNetwork::Off => ServiceType::LoadBalancer,
        HostNetwork::On { .. } if input.holds(Behaviour::HostNetworkNodePort) => {
            ServiceType::NodePort
        }
        HostNetwork::On { .. } => ServiceType::ClusterIp,
    }
}

/// The Service.
pub(crate) fn service(input: &Input<'_>, gateway: &Gateway, listeners: &[HttpListener]) -> Value {
    let mut ports: Vec<u16> = Vec::new();
    for listener in listeners {
        if !ports.contains(&listener.port) {
            ports.push(listener.port);
        }
    }
    if input.holds(Behaviour::SortedServicePorts) {
        ports.sort_unstable();
    }
    let kind = service_type(input);
    let mut spec = json!({
        "type": match kind {
            ServiceType::LoadBalancer => "LoadBalancer",
            ServiceType::NodePort => "NodePort",
            ServiceType::ClusterIp => "ClusterIP",
        },
        "ports": ports
            .iter()
            .map(|port| json!({"name": format!("port-{port}"), "port": port, "protocol": "TCP"}))
            .collect::<Vec<_>>(),
    });
    if kind == ServiceType::LoadBalancer {
        spec["externalTrafficPolicy"] = json!(match input.config.external_traffic_policy {
            TrafficPolicy::Cluster => "Cluster",
            TrafficPolicy::Local => "Local",
        });
    }
    if input.holds(Behaviour::ServiceIpFamilies) {
        let families: Vec<&str> = [(input.config.ipv4, "IPv4"), (input.config.ipv6, "IPv6")]
            .into_iter()
            .filter_map(|(enabled, family)| enabled.then_some(family))
            .collect();
        spec["ipFamilyPolicy"] =
            json!(if families.len() == 2 { "PreferDualStack" } else { "SingleStack" });
        spec["ipFamilies"] = json!(families);
    }
    let mut annotations = annotations(input, gateway);
    annotations.extend(selected_nodes(input));
    let metadata = metadata(gateway, owned_labels(input, gateway), annotations);
    json!({"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": spec})
}

/// The placeholder endpoint.
pub(crate) fn placeholder(input: &Input<'_>, gateway: &Gateway) -> Value {
    let mut labels = owned_labels(input, gateway);
    let mut annotations = annotations(input, gateway);
    if !annotations.is_empty() {
        // Service and placeholder share one map when it was made before the annotation is added,
        // as operator recordings of 1.21-dev show.
        annotations.extend(selected_nodes(input));
    }
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
fn owned_labels(input: &Input<'_>, gateway: &Gateway) -> BTreeMap<String, String> {
    let mut labels = gateway_labels(input, gateway);
    labels
        .insert("io.cilium.gateway/owning-gateway".to_owned(), names::shorten(&gateway.name.name));
    labels
}

/// Infrastructure labels and the Gateway's name.
pub(crate) fn gateway_labels(input: &Input<'_>, gateway: &Gateway) -> BTreeMap<String, String> {
    let mut labels = gateway.spec.infrastructure.labels.clone();
    if input.holds(Behaviour::GatewayNameLabel) {
        labels.insert(
            "gateway.networking.k8s.io/gateway-name".to_owned(),
            names::shorten(&gateway.name.name),
        );
    }
    labels
}

/// Infrastructure annotations and requested addresses. Annotations of the Gateway itself are
/// never copied.
pub(crate) fn annotations(input: &Input<'_>, gateway: &Gateway) -> BTreeMap<String, String> {
    let mut annotations = gateway.spec.infrastructure.annotations.clone();
    let addresses: Vec<&str> =
        gateway.spec.addresses.iter().map(|address| address.value.as_str()).collect();
    if !addresses.is_empty() && input.holds(Behaviour::SpecAddresses) {
        annotations.entry(IPAM_IPS.to_owned()).or_insert_with(|| addresses.join(","));
    }
    annotations
}

/// The annotation that names the nodes selected for host network.
fn selected_nodes(input: &Input<'_>) -> Option<(String, String)> {
    match &input.config.host_network {
        HostNetwork::On { match_labels }
            if !match_labels.is_empty() && input.holds(Behaviour::NodeSelectorAnnotation) =>
        {
            let selector: Vec<String> =
                match_labels.iter().map(|(key, value)| format!("{key}={value}")).collect();
            Some(("service.cilium.io/node-selector".to_owned(), selector.join(",")))
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
