//! TCP and UDP listeners on the data path: the agents send what comes to a port of the Gateway's
//! Service to the ready endpoints of its EndpointSlices, as for any Service; no Envoy has a part in
//! it (cilium/cilium 1.20 `operator/pkg/model/translation/gateway-api/endpointslices.go`,
//! `pkg/loadbalancer`). A frontend without ready endpoint refuses (`bpf-lb` rejects where a Service
//! has no backend). So these sockets do depend on backends, unlike those of Envoy.

use std::net::IpAddr;

use gateproof_core::exposure::{Endpoint, PortRole};

use super::{
    AgentState, Datagrams, Datapath, Frontend, FrontendKind, Host, NodeSocket, SocketBehaviour,
    has_family,
};
use crate::Input;
use crate::checks::source::Sources;
use crate::facts::Behaviour;
use crate::resources::core::{Service, ServicePort};
use crate::resources::gateway::{Gateway, Protocol};
use crate::translation::names;

/// Adds the sockets of all TCP and UDP listeners.
pub(super) fn add(input: &Input<'_>, hosts: &[Host<'_>], datapath: &mut Datapath) {
    if !input.holds(Behaviour::LayerFourRoutes) {
        return;
    }
    for gateway in input.resources.gateways.values() {
        let Some(service) = input.resources.services.get(&names::service(&gateway.name)) else {
            continue;
        };
        let direct = service.spec.ports.iter().filter(|port| is_direct(input, gateway, port));
        for port in direct {
            let plan = Plan { gateway, service, port };
            match port.transport() {
                "UDP" => plan.datagrams(hosts, datapath),
                _ => plan.connections(hosts, datapath),
            }
        }
    }
}

/// Whether a port of a Gateway's Service belongs to a TCP or UDP listener of the Gateway or of one of
/// its ListenerSets.
pub(super) fn is_direct(input: &Input<'_>, gateway: &Gateway, port: &ServicePort) -> bool {
    let wanted = match port.transport() {
        "UDP" => Protocol::Udp,
        _ => Protocol::Tcp,
    };
    input.holds(Behaviour::LayerFourRoutes)
        && Sources::of(input, gateway)
            .all()
            .flat_map(|source| source.listeners)
            .any(|listener| listener.port == port.port && listener.speaks() == wanted)
}

/// One port of a Gateway's Service.
struct Plan<'a> {
    gateway: &'a Gateway,
    service: &'a Service,
    port: &'a ServicePort,
}

impl Plan<'_> {
    fn connections(&self, hosts: &[Host<'_>], datapath: &mut Datapath) {
        for (host, address, node_port) in self.node_ports(hosts) {
            let role = PortRole::NodePort { listener: self.port.port };
            let node = host.node.name.clone();
            datapath.sockets.push(NodeSocket {
                endpoint: Endpoint { node, address, port: node_port, role },
                behaviour: self.external(host),
                gateway: self.gateway.name.clone(),
            });
        }
        for (address, kind) in self.frontends() {
            let behaviour = match (kind, hosts.first()) {
                (FrontendKind::LoadBalancer, Some(host)) => self.external(host),
                (FrontendKind::ClusterIp, Some(_)) => self.forwards(),
                (_, None) => SocketBehaviour::refuses("there is no node"),
            };
            datapath.frontends.push(Frontend {
                address,
                port: self.port.port,
                kind,
                behaviour,
                gateway: self.gateway.name.clone(),
            });
        }
    }

    fn datagrams(&self, hosts: &[Host<'_>], datapath: &mut Datapath) {
        let own = |address, port, behaviour| Datagrams {
            address,
            port,
            behaviour,
            gateway: self.gateway.name.clone(),
        };
        for (host, address, node_port) in self.node_ports(hosts) {
            datapath.datagrams.push(own(address, node_port, self.external(host)));
        }
        for (address, kind) in self.frontends() {
            let behaviour = match (kind, hosts.first()) {
                (FrontendKind::LoadBalancer, Some(host)) => self.external(host),
                _ => self.forwards(),
            };
            datapath.datagrams.push(own(address, self.port.port, behaviour));
        }
    }

    fn node_ports<'h>(
        &self,
        hosts: &'h [Host<'h>],
    ) -> impl Iterator<Item = (&'h Host<'h>, IpAddr, u16)> {
        let node_port = self.port.node_port;
        let service = self.service;
        hosts.iter().flat_map(move |host| {
            let addresses = host.node.internal_addresses().into_iter();
            addresses
                .filter(move |address| has_family(service, *address))
                .filter_map(move |address| Some((host, address, node_port?)))
        })
    }

    fn frontends(&self) -> impl Iterator<Item = (IpAddr, FrontendKind)> {
        let balanced = self.service.ingress_addresses().into_iter();
        let internal = self.service.cluster_addresses().into_iter();
        balanced
            .map(|address| (address, FrontendKind::LoadBalancer))
            .chain(internal.map(|address| (address, FrontendKind::ClusterIp)))
    }

    /// A port that clients outside the cluster use.
    fn external(&self, host: &Host<'_>) -> SocketBehaviour {
        if let AgentState::StartedWith(started) = &host.state.agent
            && !started.kube_proxy_replacement
        {
            return SocketBehaviour::Unmodelled(
                "an agent without kube-proxy replacement".to_owned(),
            );
        }
        if self.service.traffic_policy() == "Local" {
            return SocketBehaviour::Unmodelled(format!(
                "port {} of a {} listener under externalTrafficPolicy Local, where only nodes \
                 with a backend's Pod forward",
                self.port.port,
                self.port.transport()
            ));
        }
        self.forwards()
    }

    fn forwards(&self) -> SocketBehaviour {
        SocketBehaviour::Forwards {
            service: self.service.name.clone(),
            port: self.port.name.clone(),
        }
    }
}
