//! Endpoints of Envoy's clusters and of TCP and UDP listeners: from a Service port to the sockets of
//! its ready endpoints.
//!
//! What Envoy learns over EDS (`ns/service:port`), and what agents make of the EndpointSlices of a
//! Gateway's Service. Endpoints that are pods of this cluster are
//! their echo servers' sockets; every other address is outside the cluster and is refused, because
//! nothing here may connect to a foreign address.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};

use gateproof_core::name::NamespacedName;
use gateproof_model::translation::envoy::Cluster;
use serde_json::Value;

use crate::controllers::kind::{ENDPOINT_SLICE, SERVICE};
use crate::controllers::kubernetes::endpoint_slice::SERVICE_NAME;
use crate::controllers::kubernetes::kubelet::PodSockets;
use crate::controllers::object::{items, label, port, text};
use crate::controllers::snapshot::Snapshot;
use crate::dataplane::Target;

/// Where the pods of the cluster really listen.
#[derive(Debug)]
pub(crate) struct Backends {
    /// Sockets by pod address.
    pub(crate) pods: BTreeMap<IpAddr, PodSockets>,
    /// A socket on which connections are refused.
    pub(crate) refused: SocketAddr,
}

/// The sockets of a cluster's ready endpoints; empty when there are none.
pub(crate) fn sockets(
    snapshot: &Snapshot,
    cluster: &Cluster,
    backends: &Backends,
) -> Vec<SocketAddr> {
    let Some(port_name) = port_name(snapshot, cluster) else { return Vec::new() };
    snapshot
        .list_in(ENDPOINT_SLICE, &cluster.service.namespace)
        .filter(|slice| label(slice, SERVICE_NAME) == Some(cluster.service.name.as_str()))
        .flat_map(|slice| of_slice(slice, &port_name, &addressed(backends, Transport::Tcp)))
        .collect()
}

/// What the agents forward connections or datagrams to that come to a port of a Gateway's Service:
/// ready endpoints of its slices with the weights of these. A slice of weight zero counts as under
/// maintenance, one that says nothing as 100 (cilium/cilium 1.20 `pkg/k8s/endpoints.go`,
/// `pkg/loadbalancer/loadbalancer.go`). Pods that listen on no such port are left out: they refuse.
pub(crate) fn targets(
    snapshot: &Snapshot,
    (service, port): (&NamespacedName, &str),
    transport: Transport,
    backends: &Backends,
) -> Vec<Target> {
    let slices = snapshot
        .list_in(ENDPOINT_SLICE, &service.namespace)
        .filter(|slice| label(slice, SERVICE_NAME) == Some(service.name.as_str()));
    let weighted = slices.filter_map(|slice| {
        let weight = text(slice, "/metadata/annotations/service.cilium.io~1weight");
        let weight = weight.map_or(Some(USUAL_WEIGHT), |weight| weight.parse().ok())?;
        (weight > 0).then_some((slice, weight))
    });
    weighted
        .flat_map(|(slice, weight)| {
            let sockets = of_slice(slice, port, &addressed(backends, transport));
            sockets.into_iter().map(move |socket| Target { socket, weight })
        })
        .filter(|target| target.socket != backends.refused)
        .collect()
}

/// What agents give a backend without a weight.
const USUAL_WEIGHT: u16 = 100;

/// UDP or TCP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Transport {
    /// TCP.
    Tcp,
    /// UDP.
    Udp,
}

/// From an address and port of a pod to its socket.
fn addressed(backends: &Backends, transport: Transport) -> impl Fn(IpAddr, u16) -> SocketAddr {
    move |address, port| {
        let pod = backends.pods.get(&address);
        let ports = pod.map(|pod| match transport {
            Transport::Tcp => &pod.tcp,
            Transport::Udp => &pod.udp,
        });
        ports.and_then(|ports| ports.get(&port).copied()).unwrap_or(backends.refused)
    }
}

/// The name of the Service's port with the cluster's number; `None` when there is no such port.
fn port_name(snapshot: &Snapshot, cluster: &Cluster) -> Option<String> {
    let service = snapshot.get(SERVICE, Some(&cluster.service.namespace), &cluster.service.name)?;
    items(service, "/spec/ports")
        .iter()
        .find(|entry| port(entry, "/port") == Some(cluster.port))
        .map(|entry| text(entry, "/name").unwrap_or_default().to_owned())
}

fn of_slice(
    slice: &Value,
    port_name: &str,
    addressed: &impl Fn(IpAddr, u16) -> SocketAddr,
) -> Vec<SocketAddr> {
    let ports: Vec<u16> = items(slice, "/ports")
        .iter()
        .filter(|entry| text(entry, "/name").unwrap_or_default() == port_name)
        .filter_map(|entry| port(entry, "/port"))
        .collect();
    items(slice, "/endpoints")
        .iter()
        // An endpoint without the condition counts as ready (Kubernetes EndpointConditions).
        .filter(|endpoint| endpoint.pointer("/conditions/ready") != Some(&Value::Bool(false)))
        .flat_map(|endpoint| items(endpoint, "/addresses"))
        .filter_map(|address| address.as_str()?.parse::<IpAddr>().ok())
        .flat_map(|address| ports.iter().map(move |port| (address, *port)))
        .map(|(address, port)| addressed(address, port))
        .collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::net::SocketAddr;

    use gateproof_core::name::NamespacedName;
    use gateproof_model::translation::envoy::{Cluster, UpstreamProtocol};
    use serde_json::{Value, json};

    use super::{Backends, sockets};
    use crate::controllers::kubernetes::kubelet::PodSockets;
    use crate::controllers::snapshot::Snapshot;

    const REFUSED: &str = "127.70.0.1:61001";
    const ECHO: &str = "127.70.0.1:40000";

    fn found(port: u16, slice_ports: &Value, endpoint: &Value) -> Vec<SocketAddr> {
        let snapshot = Snapshot::from_values([
            json!({
                "apiVersion": "v1", "kind": "Service",
                "metadata": {"name": "web", "namespace": "apps"},
                "spec": {"ports": [{"name": "http", "port": 80}, {"name": "admin", "port": 81}]},
            }),
            json!({
                "apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice",
                "metadata": {"name": "web-x", "namespace": "apps",
                    "labels": {"kubernetes.io/service-name": "web"}},
                "ports": slice_ports, "endpoints": [endpoint],
            }),
        ]);
        let cluster = Cluster {
            name: format!("apps:web:{port}"),
            service: NamespacedName::new("apps", "web"),
            port,
            protocol: UpstreamProtocol::AsDownstream,
            tls: None,
        };
        let echo = ECHO.parse().expect("a socket");
        let pod = PodSockets { tcp: BTreeMap::from([(8080, echo)]), udp: BTreeMap::new() };
        let backends = Backends {
            pods: BTreeMap::from([("10.244.1.2".parse().expect("an address"), pod)]),
            refused: REFUSED.parse().expect("a socket"),
        };
        sockets(&snapshot, &cluster, &backends)
    }

    fn socket(text: &str) -> SocketAddr {
        text.parse().expect("a socket")
    }

    #[test]
    fn a_ready_pod_is_reached_at_its_echo_server() {
        let ports = json!([{"name": "http", "port": 8080}]);
        let ready = json!({"addresses": ["10.244.1.2"], "conditions": {"ready": true}});
        assert_eq!(found(80, &ports, &ready), [socket(ECHO)]);
        let unready = json!({"addresses": ["10.244.1.2"], "conditions": {"ready": false}});
        assert!(found(80, &ports, &unready).is_empty());
        assert!(found(81, &ports, &ready).is_empty(), "the slice has no port admin");
        assert!(found(82, &ports, &ready).is_empty(), "the Service has no port 82");
    }

    #[test]
    fn a_port_that_the_pod_does_not_serve_is_refused() {
        let ports = json!([{"name": "http", "port": 9090}]);
        let ready = json!({"addresses": ["10.244.1.2"], "conditions": {"ready": true}});
        assert_eq!(found(80, &ports, &ready), [socket(REFUSED)]);
    }

    #[test]
    fn a_foreign_address_is_never_dialled() {
        let ports = json!([{"name": "http", "port": 8080}]);
        let foreign = json!({"addresses": ["192.0.2.7"]});
        assert_eq!(found(80, &ports, &foreign), [socket(REFUSED)]);
    }
}
