//! The data path: what agents and Envoys make of the Envoy configurations, node by node
//! (cilium/cilium `pkg/ciliumenvoyconfig`, `bpf/lib/nodeport.h`).
//!
//! A socket of Envoy's accepts because of the agent and Envoy of its node, never because of routes,
//! backends or pods; one of a TCP or UDP listener leads to backends. Requests inside a connection
//! are [`crate::routing`]'s.

mod layer_four;

use std::net::IpAddr;

use gateproof_core::cilium::CiliumConfig;
use gateproof_core::exposure::{Endpoint, PortRole};
use gateproof_core::name::{NamespacedName, NodeName};

use crate::Input;
use crate::facts::Behaviour;
use crate::resources::core::{Node, Service, ServicePort};
use crate::translation::envoy::EnvoyConfig;

/// Host ports that Cilium's own components hold on every node: Envoy's health and metrics ports,
/// Hubble and Envoy's admin port (cilium/charts 1.20.0 `values.yaml`).
const RESERVED_PORTS: [u16; 4] = [9878, 9964, 4244, 9901];

/// The lowest port that can be bound without a capability.
const FIRST_UNPRIVILEGED_PORT: u16 = 1024;

/// The state of Cilium on one node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeState {
    /// The node.
    pub node: NodeName,
    /// Its agent.
    pub agent: AgentState,
    /// Its Envoy.
    pub envoy: EnvoyState,
}

/// What configuration an agent runs with. Agents read it once, when their pod starts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AgentState {
    /// The current one.
    Current,
    /// The one it started with, which has been changed since.
    StartedWith(CiliumConfig),
}

/// Whether a node's Envoy runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EnvoyState {
    /// It runs.
    Running,
    /// It does not.
    Down,
}

/// What every socket of every Gateway does.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Datapath {
    /// Sockets on nodes, sorted by endpoint.
    pub sockets: Vec<NodeSocket>,
    /// Addresses that belong to no node, sorted.
    pub frontends: Vec<Frontend>,
    /// Where UDP is taken, on nodes and elsewhere, sorted.
    pub datagrams: Vec<Datagrams>,
}

/// A socket on a node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeSocket {
    /// Where.
    pub endpoint: Endpoint,
    /// What it does.
    pub behaviour: SocketBehaviour,
    /// Whose it is.
    pub gateway: NamespacedName,
}

/// A load-balancer or cluster address with a port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frontend {
    /// The address.
    pub address: IpAddr,
    /// The Service's port, which is the listener port.
    pub port: u16,
    /// Which kind of address it is.
    pub kind: FrontendKind,
    /// What it does, seen from the node that serves it best.
    pub behaviour: SocketBehaviour,
    /// Whose it is.
    pub gateway: NamespacedName,
}

/// An address and port at which UDP is taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Datagrams {
    /// A node's, a load balancer's or a cluster address.
    pub address: IpAddr,
    /// The port.
    pub port: u16,
    /// What becomes of them.
    pub behaviour: SocketBehaviour,
    /// Whose it is.
    pub gateway: NamespacedName,
}

/// Which kind of address a frontend is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum FrontendKind {
    /// From `status.loadBalancer.ingress`.
    LoadBalancer,
    /// From `spec.clusterIPs`.
    ClusterIp,
}

/// What happens to a TCP connection, or to datagrams.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SocketBehaviour {
    /// An Envoy listener takes it.
    Serves {
        /// Index of the configuration.
        config: usize,
        /// Index of the listener in it.
        listener: usize,
    },
    /// The agent sends it to a ready endpoint, past Envoy; while there is none it is refused.
    Forwards {
        /// The Gateway's Service, whose EndpointSlices hold the endpoints.
        service: NamespacedName,
        /// The name of the Service's port.
        port: String,
    },
    /// It is refused.
    Refuses {
        /// Why.
        why: String,
    },
    /// The first packet is dropped: the client times out.
    Silent {
        /// Why.
        why: String,
    },
    /// The agent's health check answers over HTTP.
    Answers {
        /// With this status code.
        status: u16,
    },
    /// The model does not know.
    Unmodelled(String),
}

impl SocketBehaviour {
    fn refuses(why: &str) -> Self {
        Self::Refuses { why: why.to_owned() }
    }
}

/// A node with its state.
struct Host<'a> {
    node: &'a Node,
    state: &'a NodeState,
}

/// Works out what every socket does. Nodes without a Node object are left out.
pub fn datapath(input: &Input<'_>, envoy: &[EnvoyConfig], nodes: &[NodeState]) -> Datapath {
    let hosts: Vec<Host<'_>> = nodes
        .iter()
        .filter_map(|state| {
            let node = input.resources.nodes.get(state.node.as_str())?;
            Some(Host { node, state })
        })
        .collect();
    let mut datapath = Datapath::default();
    for (index, config) in envoy.iter().enumerate() {
        let plan = Plan { input, envoy, index, config };
        let service = input.resources.services.get(&config.service.service);
        for host in &hosts {
            datapath.sockets.extend(plan.node_sockets(host, service));
        }
        datapath.frontends.extend(plan.frontends(&hosts, service));
    }
    layer_four::add(input, &hosts, &mut datapath);
    datapath.datagrams.sort_by_key(|found| (found.address, found.port));
    datapath.sockets.sort_by(|a, b| (&a.endpoint, &a.gateway).cmp(&(&b.endpoint, &b.gateway)));
    datapath.frontends.sort_by(|a, b| {
        (a.address, a.port, a.kind, &a.gateway).cmp(&(b.address, b.port, b.kind, &b.gateway))
    });
    datapath
}

/// One configuration among all.
struct Plan<'a> {
    input: &'a Input<'a>,
    envoy: &'a [EnvoyConfig],
    index: usize,
    config: &'a EnvoyConfig,
}

impl Plan<'_> {
    /// Whether Envoy binds listener ports on nodes.
    fn is_host_network(&self) -> bool {
        self.config.listeners.iter().any(|listener| !listener.host_ports.is_empty())
    }

    fn node_sockets(&self, host: &Host<'_>, service: Option<&Service>) -> Vec<NodeSocket> {
        let mut sockets = Vec::new();
        let mut add = |address: IpAddr, port: u16, role: PortRole, behaviour: SocketBehaviour| {
            let endpoint = Endpoint { node: host.node.name.clone(), address, port, role };
            sockets.push(NodeSocket { endpoint, behaviour, gateway: self.config.gateway.clone() });
        };
        for address in host.node.internal_addresses() {
            for (index, listener) in self.config.listeners.iter().enumerate() {
                for port in listener.host_ports.iter().filter(|_| self.has_host_family(address)) {
                    add(address, *port, PortRole::ListenerPort, self.host_port(host, index, *port));
                }
            }
            let Some(service) = service.filter(|service| has_family(service, address)) else {
                continue;
            };
            for port in self.envoy_ports(service) {
                if let Some(node_port) = port.node_port {
                    let role = PortRole::NodePort { listener: port.port };
                    add(address, node_port, role, self.service_port(host, port.port));
                }
            }
            if let Some(port) = service.spec.health_check_node_port {
                add(address, port, PortRole::HealthCheckNodePort, self.health_check(host));
            }
        }
        sockets
    }

    fn has_host_family(&self, address: IpAddr) -> bool {
        if address.is_ipv4() { self.input.config.ipv4 } else { self.input.config.ipv6 }
    }

    /// A listener port that Envoy binds on the node.
    fn host_port(&self, host: &Host<'_>, listener: usize, port: u16) -> SocketBehaviour {
        if let Err(behaviour) = self.applied(host) {
            return behaviour;
        }
        if host.state.envoy == EnvoyState::Down {
            return SocketBehaviour::refuses("the node's Envoy is not running");
        }
        let claimed =
            |config: &&EnvoyConfig| config.listeners.iter().any(|l| l.host_ports.contains(&port));
        if self.envoy.iter().filter(claimed).count() > 1 || RESERVED_PORTS.contains(&port) {
            return SocketBehaviour::Unmodelled(format!(
                "host port {port}, which something else claims too"
            ));
        }
        let ports = &self.config.listeners[listener].host_ports;
        let low = ports.iter().find(|port| **port < FIRST_UNPRIVILEGED_PORT);
        if let Some(low) = low
            && !self.input.config.envoy_may_bind_low_ports
        {
            // That one refused address keeps the whole listener away is inferred; that the port
            // itself stays closed is documented.
            return SocketBehaviour::Refuses {
                why: format!(
                    "Envoy may not bind port {low}: it needs keepCapNetBindService and NET_BIND_SERVICE"
                ),
            };
        }
        SocketBehaviour::Serves { config: self.index, listener }
    }

    /// A frontend of the Service on this node: node port, load-balancer or cluster address.
    fn service_port(&self, host: &Host<'_>, port: u16) -> SocketBehaviour {
        if self.is_host_network() {
            // Inferred from getProxyRedirect (cilium/cilium pkg/ciliumenvoyconfig/controller.go):
            // the frontend leads to the bound port, for which no TPROXY rule is installed.
            return SocketBehaviour::refuses(
                "the node port of a host-network Gateway leads to no proxy port [inferred]",
            );
        }
        if let Err(behaviour) = self.applied(host) {
            return behaviour;
        }
        let listener = match self.config.listener_of(port) {
            Ok(Some(listener)) => listener,
            Ok(None) => return self.unredirected(),
            Err(what) => return SocketBehaviour::Unmodelled(what),
        };
        match host.state.envoy {
            EnvoyState::Down => SocketBehaviour::refuses(
                "connections lead to the node's Envoy, which is not running [inferred]",
            ),
            EnvoyState::Running => SocketBehaviour::Serves { config: self.index, listener },
        }
    }

    /// The ports of the Service that are redirected to Envoy, if any is.
    fn envoy_ports<'s>(&'s self, service: &'s Service) -> impl Iterator<Item = &'s ServicePort> {
        let gateway = self.input.resources.gateways.get(&self.config.gateway);
        service.spec.ports.iter().filter(move |port| {
            let is_direct =
                gateway.is_some_and(|gateway| layer_four::is_direct(self.input, gateway, port));
            port.transport() == "TCP" && !is_direct
        })
    }

    /// The health-check node port: 200 once frontends are redirected, since then every node counts
    /// as having a local endpoint (cilium/cilium commit 3a21748f3, 1.16).
    fn health_check(&self, host: &Host<'_>) -> SocketBehaviour {
        match self.applied(host) {
            Ok(()) => SocketBehaviour::Answers { status: 200 },
            Err(SocketBehaviour::Unmodelled(what)) => SocketBehaviour::Unmodelled(what),
            // Inferred: without the redirect there is no local endpoint.
            Err(_) => SocketBehaviour::Answers { status: 503 },
        }
    }

    /// Whether the node's agent applies the configuration; else what its sockets do.
    fn applied(&self, host: &Host<'_>) -> Result<(), SocketBehaviour> {
        if let AgentState::StartedWith(started) = &host.state.agent {
            if !started.kube_proxy_replacement {
                return Err(SocketBehaviour::Unmodelled(
                    "an agent without kube-proxy replacement".to_owned(),
                ));
            }
            if !started.gateway_api {
                return Err(if self.is_host_network() {
                    SocketBehaviour::refuses(
                        "the agent started before Gateway API was enabled and ignores the CiliumEnvoyConfig",
                    )
                } else {
                    self.unredirected()
                });
            }
            let has_tls =
                self.config.listeners.iter().any(|listener| !listener.terminate.is_empty());
            if has_tls && started.secrets_namespace != self.input.config.secrets_namespace {
                return Err(SocketBehaviour::Unmodelled(
                    "an agent with another secrets namespace".to_owned(),
                ));
            }
        }
        let selects = |labels: &std::collections::BTreeMap<String, String>| {
            labels.iter().all(|(key, value)| host.node.labels.get(key) == Some(value))
        };
        if self.config.node_selector.as_ref().is_some_and(|selector| !selects(selector)) {
            return Err(SocketBehaviour::refuses(
                "the node is not selected by hostNetwork.nodes.matchLabels",
            ));
        }
        let repeated = self.config.listeners.iter().find_map(|listener| {
            listener.repeated_server_name().map(|name| (&listener.name, name))
        });
        if let Some((listener, name)) = repeated {
            // Envoy keeps whatever it had before, which the model cannot know.
            return Err(SocketBehaviour::Unmodelled(format!(
                "{listener} with two filter chains for server name {name}, which Envoy refuses"
            )));
        }
        Ok(())
    }

    /// What a Service port does that is not redirected to Envoy: 1.18 and later have no backend
    /// for it and refuse; before, the placeholder is a backend that nobody answers for. Inferred.
    fn unredirected(&self) -> SocketBehaviour {
        if self.input.holds(Behaviour::BackendlessServiceRefuses) {
            SocketBehaviour::refuses(
                "the agent ignores the CiliumEnvoyConfig and the Service has no backend [inferred]",
            )
        } else {
            SocketBehaviour::Silent {
                why: "the agent ignores the CiliumEnvoyConfig and sends connections to the placeholder 192.192.192.192:9999 [inferred]".to_owned(),
            }
        }
    }

    fn frontends(&self, hosts: &[Host<'_>], service: Option<&Service>) -> Vec<Frontend> {
        let Some(service) = service else { return Vec::new() };
        let balanced =
            service.ingress_addresses().into_iter().map(|a| (a, FrontendKind::LoadBalancer));
        let internal =
            service.cluster_addresses().into_iter().map(|a| (a, FrontendKind::ClusterIp));
        balanced
            .chain(internal)
            .flat_map(|(address, kind)| {
                self.envoy_ports(service).map(move |port| Frontend {
                    address,
                    port: port.port,
                    kind,
                    behaviour: self.best_of(hosts, port.port),
                    gateway: self.config.gateway.clone(),
                })
            })
            .collect()
    }

    /// What the best node does for an address that any node may serve.
    fn best_of(&self, hosts: &[Host<'_>], port: u16) -> SocketBehaviour {
        if self.is_host_network() {
            return SocketBehaviour::Unmodelled(
                "the cluster address of a host-network Gateway".to_owned(),
            );
        }
        let mut behaviours: Vec<SocketBehaviour> =
            hosts.iter().map(|host| self.service_port(host, port)).collect();
        match behaviours.iter().position(|found| matches!(found, SocketBehaviour::Serves { .. })) {
            Some(serving) => behaviours.swap_remove(serving),
            None => {
                behaviours.pop().unwrap_or_else(|| SocketBehaviour::refuses("there is no node"))
            }
        }
    }
}

/// Whether a Service has node ports in the family of an address; IPv4 where it does not say.
fn has_family(service: &Service, address: IpAddr) -> bool {
    let family = if address.is_ipv4() { "IPv4" } else { "IPv6" };
    let families = &service.spec.ip_families;
    if families.is_empty() {
        address.is_ipv4()
    } else {
        families.iter().any(|found| found == family)
    }
}

#[cfg(test)]
mod tests;
