//! From an address of a Service to the sockets of a pod behind it, for name servers.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};

use gateproof_dns::Endpoint;
use serde_json::Value;

use super::cluster_dns;
use super::kind::{ENDPOINT_SLICE, SERVICE};
use super::kubernetes::endpoint_slice::SERVICE_NAME;
use super::kubernetes::kubelet::PodSockets;
use super::object::{items, label, name, namespace, port, text};
use super::snapshot::Snapshot;

/// The address of the cluster's DNS where no Service says it (kubeadm's default).
const USUAL_DNS: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 96, 0, 10));

/// Services of a snapshot, and where their pods really listen.
pub(crate) struct ClusterNetwork<'a> {
    snapshot: &'a Snapshot,
    pods: &'a BTreeMap<IpAddr, PodSockets>,
}

impl<'a> ClusterNetwork<'a> {
    /// The network of these objects and pods.
    pub(crate) fn new(snapshot: &'a Snapshot, pods: &'a BTreeMap<IpAddr, PodSockets>) -> Self {
        Self { snapshot, pods }
    }

    /// Its objects.
    pub(crate) fn snapshot(&self) -> &'a Snapshot {
        self.snapshot
    }

    /// Address and port of the cluster's own DNS.
    pub(crate) fn dns_socket(&self) -> SocketAddr {
        let service = self.snapshot.get(SERVICE, Some(cluster_dns::NAMESPACE), "kube-dns");
        let address = service.and_then(|service| text(service, "/spec/clusterIP")?.parse().ok());
        SocketAddr::new(address.unwrap_or(USUAL_DNS), gateproof_dns::PORT)
    }

    /// Where the name server behind a Service's address and port really listens: a ready pod that
    /// serves it by UDP and TCP.
    pub(crate) fn name_server(&self, at: SocketAddr) -> Option<Endpoint> {
        let address = at.ip().to_string();
        let service = self
            .snapshot
            .list(SERVICE)
            .find(|service| text(service, "/spec/clusterIP") == Some(&address))?;
        let udp = self.target(service, "UDP", at.port())?;
        let tcp = self.target(service, "TCP", at.port())?;
        Some(Endpoint { udp, tcp })
    }

    fn target(&self, service: &Value, protocol: &str, number: u16) -> Option<SocketAddr> {
        let of_protocol = |entry: &&Value| text(entry, "/protocol").unwrap_or("TCP") == protocol;
        let ports = items(service, "/spec/ports");
        let wanted = ports
            .iter()
            .filter(of_protocol)
            .find(|entry| port(entry, "/port") == Some(number))
            .map(|entry| text(entry, "/name").unwrap_or_default())?;
        self.snapshot
            .list_in(ENDPOINT_SLICE, namespace(service)?)
            .filter(|slice| label(slice, SERVICE_NAME) == Some(name(service)))
            .find_map(|slice| {
                let entry = items(slice, "/ports")
                    .iter()
                    .filter(of_protocol)
                    .find(|entry| text(entry, "/name").unwrap_or_default() == wanted)?;
                let target = port(entry, "/port")?;
                items(slice, "/endpoints")
                    .iter()
                    .filter(|it| it.pointer("/conditions/ready") != Some(&false.into()))
                    .flat_map(|endpoint| items(endpoint, "/addresses"))
                    .filter_map(|address| address.as_str()?.parse::<IpAddr>().ok())
                    .find_map(|address| {
                        let pod = self.pods.get(&address)?;
                        let sockets = if protocol == "UDP" { &pod.udp } else { &pod.tcp };
                        sockets.get(&target).copied()
                    })
            })
    }
}
