//! The EndpointSlices of TCP and UDP listeners
//! (cilium/cilium 1.20 `operator/pkg/model/translation/gateway-api/endpointslices.go`).
//!
//! They come without endpoints: a controller of its own fills them in from the EndpointSlices of
//! the backend, and with them the backend's port numbers.

use std::collections::{BTreeMap, BTreeSet};

use gateproof_core::name::NamespacedName;
use serde_json::{Value, json};

use super::names;
use super::objects::{Transport, object_metadata, port_name};
use crate::Input;
use crate::ingestion::layer_four::LayerFourListener;
use crate::ingestion::passthrough::PassthroughBackend;
use crate::resources::gateway::Gateway;

/// The largest weight the agent knows.
const HEAVIEST: u32 = 65_535;

/// Which listeners share a slice: those with the same backend, port and transport.
type Key<'a> = (&'a NamespacedName, u16, Transport, Family);

/// A slice in the making: the first backend of its key, and the ports by name.
type Group<'a> = (&'a PassthroughBackend, BTreeSet<(String, u16)>);

/// An address family, as a suffix and an address type.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Family {
    V4,
    V6,
}

impl Family {
    fn as_str(self) -> &'static str {
        match self {
            Self::V4 => "IPv4",
            Self::V6 => "IPv6",
        }
    }
}

/// The slices for a Gateway's Service, sorted by name.
pub(crate) fn desired(
    input: &Input<'_>,
    gateway: &Gateway,
    listeners: &[LayerFourListener],
    service: &Value,
) -> Vec<Value> {
    let families = families(service);
    let mut groups: BTreeMap<Key<'_>, Group<'_>> = BTreeMap::new();
    for listener in listeners {
        for backend in &listener.backends {
            for family in &families {
                let key = (&backend.service, backend.port, listener.transport, *family);
                let (_, ports) = groups.entry(key).or_insert((backend, BTreeSet::new()));
                ports.insert((port_name(listener.port, listener.transport), listener.port));
            }
        }
    }
    let mut slices: Vec<Value> = groups
        .into_iter()
        .filter(|((service, _, _, family), _)| has_family(input, service, *family))
        .map(|((_, _, transport, family), (backend, ports))| {
            slice(gateway, backend, (transport, family), &ports)
        })
        .collect();
    slices.sort_by_key(|slice| slice["metadata"]["name"].as_str().map(str::to_owned));
    slices
}

/// The families of the Gateway's Service; IPv4 where it does not say.
fn families(service: &Value) -> Vec<Family> {
    let named = service.pointer("/spec/ipFamilies").and_then(Value::as_array);
    match named {
        Some(named) if !named.is_empty() => named
            .iter()
            .filter_map(|family| match family.as_str() {
                Some("IPv4") => Some(Family::V4),
                Some("IPv6") => Some(Family::V6),
                _ => None,
            })
            .collect(),
        _ => vec![Family::V4],
    }
}

/// Whether the backend may have addresses of a family, as far as its Service says.
fn has_family(input: &Input<'_>, service: &NamespacedName, family: Family) -> bool {
    let named = input.resources.services.get(service).map(|service| &service.spec.ip_families);
    named.is_none_or(|named| named.is_empty() || named.iter().any(|name| name == family.as_str()))
}

fn slice(
    gateway: &Gateway,
    backend: &PassthroughBackend,
    (transport, family): (Transport, Family),
    ports: &BTreeSet<(String, u16)>,
) -> Value {
    let service = names::service(&gateway.name);
    let suffix = family.as_str().to_ascii_lowercase();
    let hash = hash(backend, transport);
    let name = names::shorten(&format!("{}-{hash}-{suffix}", service.name));
    let text = |key: &str, value: String| (key.to_owned(), value);
    let labels = BTreeMap::from([
        text("kubernetes.io/service-name", service.name),
        text("endpointslice.kubernetes.io/managed-by", "cilium-operator".to_owned()),
        text("gateway.networking.k8s.io/gateway-name", names::shorten(&gateway.name.name)),
    ]);
    let annotations = BTreeMap::from([
        text("gateway.cilium.io/backend-service", backend.service.to_string()),
        text("gateway.cilium.io/backend-port", backend.port.to_string()),
        text("service.cilium.io/weight", backend.weight.min(HEAVIEST).to_string()),
    ]);
    let ports = ports
        .iter()
        .map(|(name, port)| json!({"name": name, "port": port, "protocol": transport.as_str()}));
    json!({
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata":
            object_metadata(&gateway.name.namespace, &name, gateway, (labels, annotations)),
        "addressType": family.as_str(),
        "endpoints": [],
        "ports": ports.collect::<Vec<_>>(),
    })
}

/// The start of a SHA-256 over backend, port and transport.
fn hash(backend: &PassthroughBackend, transport: Transport) -> String {
    let text = format!("{}|{}|{}", backend.service, backend.port, transport.as_str());
    names::sha256_hex(text.as_bytes()).chars().take(8).collect()
}
