//! Services as the API server completes them: defaults, cluster IPs and node ports.
//!
//! Follows kubernetes/kubernetes 1.36 `pkg/registry/core/service` and `pkg/apis/core/v1/defaults.go`
//! for what the harness looks at. Choices that the real server makes at random are made by name
//! here, so that the same cluster comes out twice. Not covered: IPv6, session affinity timeouts,
//! static allocation by annotation.

mod node_port;
mod ownership;

use std::collections::BTreeSet;
use std::net::Ipv4Addr;

use serde_json::{Map, Value, json};

use crate::controllers::kind::SERVICE;
use crate::controllers::object::{items, name, namespace, text};
use crate::controllers::snapshot::Snapshot;
use crate::controllers::write::Write;
use node_port::NodePorts;

/// kubeadm's default Service network, 10.96.0.0/12; its first addresses are the API server's and
/// the DNS server's.
const FIRST_CLUSTER_IP: Ipv4Addr = Ipv4Addr::new(10, 96, 1, 0);

/// `spec.type` of a Service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ServiceType {
    ClusterIp,
    NodePort,
    LoadBalancer,
    ExternalName,
}

impl ServiceType {
    fn of(service: &Value) -> Self {
        match text(service, "/spec/type") {
            Some("NodePort") => Self::NodePort,
            Some("LoadBalancer") => Self::LoadBalancer,
            Some("ExternalName") => Self::ExternalName,
            _ => Self::ClusterIp,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::ClusterIp => "ClusterIP",
            Self::NodePort => "NodePort",
            Self::LoadBalancer => "LoadBalancer",
            Self::ExternalName => "ExternalName",
        }
    }
}

/// Completes every Service that is not complete yet.
pub(crate) fn desired(snapshot: &Snapshot) -> Vec<Write> {
    let mut cluster_ips = taken_cluster_ips(snapshot);
    let mut node_ports = NodePorts::taken_by(snapshot.list(SERVICE));
    snapshot
        .list(SERVICE)
        .filter_map(|live| {
            let completed = complete(live, &mut cluster_ips, &mut node_ports);
            (completed != *live).then_some(Write::Complete(completed))
        })
        .collect()
}

fn complete(live: &Value, cluster_ips: &mut BTreeSet<Ipv4Addr>, ports: &mut NodePorts) -> Value {
    let mut service = live.clone();
    let kind = ServiceType::of(&service);
    let title = format!("{}/{}", namespace(live).unwrap_or_default(), name(live));
    ownership::drop_abandoned_ports(&mut service);
    let Some(spec) = service.get_mut("spec").and_then(Value::as_object_mut) else {
        return service;
    };
    default(spec, "type", || kind.name().into());
    default(spec, "sessionAffinity", || "None".into());
    if kind == ServiceType::ExternalName {
        return service;
    }
    default(spec, "internalTrafficPolicy", || "Cluster".into());
    default(spec, "ipFamilies", || json!(["IPv4"]));
    default(spec, "ipFamilyPolicy", || "SingleStack".into());
    if spec.get("clusterIP").and_then(Value::as_str).is_none_or(str::is_empty) {
        spec.insert("clusterIP".to_owned(), next_cluster_ip(cluster_ips).to_string().into());
    }
    let cluster_ip = spec["clusterIP"].clone();
    default(spec, "clusterIPs", || json!([cluster_ip]));
    for port in spec.get_mut("ports").and_then(Value::as_array_mut).into_iter().flatten() {
        if let Some(port) = port.as_object_mut() {
            default(port, "protocol", || "TCP".into());
            let number = port.get("port").cloned().unwrap_or_default();
            default(port, "targetPort", || number);
        }
    }
    match kind {
        ServiceType::ClusterIp | ServiceType::ExternalName => release(spec),
        ServiceType::NodePort => {
            spec.remove("allocateLoadBalancerNodePorts");
            default(spec, "externalTrafficPolicy", || "Cluster".into());
            ports.allocate(&title, spec);
        }
        ServiceType::LoadBalancer => {
            default(spec, "externalTrafficPolicy", || "Cluster".into());
            default(spec, "allocateLoadBalancerNodePorts", || true.into());
            if spec["allocateLoadBalancerNodePorts"] == Value::Bool(true) {
                ports.allocate(&title, spec);
            }
        }
    }
    ports.allocate_health_check(&title, spec);
    service
}

/// Takes away what only Services with node ports have: the API server drops these fields when the
/// type changes to ClusterIP.
fn release(spec: &mut Map<String, Value>) {
    spec.remove("externalTrafficPolicy");
    spec.remove("allocateLoadBalancerNodePorts");
    for port in spec.get_mut("ports").and_then(Value::as_array_mut).into_iter().flatten() {
        if let Some(port) = port.as_object_mut() {
            port.remove("nodePort");
        }
    }
}

fn default(fields: &mut Map<String, Value>, key: &str, value: impl FnOnce() -> Value) {
    let absent = match fields.get(key) {
        None | Some(Value::Null) => true,
        Some(Value::String(text)) => text.is_empty(),
        Some(Value::Array(list)) => list.is_empty(),
        Some(_) => false,
    };
    if absent {
        fields.insert(key.to_owned(), value());
    }
}

fn taken_cluster_ips(snapshot: &Snapshot) -> BTreeSet<Ipv4Addr> {
    snapshot
        .list(SERVICE)
        .flat_map(|service| {
            items(service, "/spec/clusterIPs")
                .iter()
                .filter_map(Value::as_str)
                .chain(text(service, "/spec/clusterIP"))
                .filter_map(|address| address.parse().ok())
                .collect::<Vec<_>>()
        })
        .collect()
}

fn next_cluster_ip(taken: &mut BTreeSet<Ipv4Addr>) -> Ipv4Addr {
    let free = (u32::from(FIRST_CLUSTER_IP)..=u32::MAX)
        .map(Ipv4Addr::from)
        .find(|address| !taken.contains(address))
        .expect("the Service network is larger than the number of Services");
    taken.insert(free);
    free
}

#[cfg(test)]
mod tests;
