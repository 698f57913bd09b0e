//! Entry points: where traffic enters a Gateway in a variant, as a pure function of what the
//! cluster says.
//!
//! With a LoadBalancer (or NodePort) Service it is that Service's node port on every node; in
//! host-network mode it is the listener port on the nodes that Cilium's selector chooses; and a
//! load balancer's address takes the listener port itself. "No entry point" is never an empty
//! list, which every claim would hold for: it is a [`NoEntry`] that says why.
//!
//! Whether an entry point works is not decided here; nothing is dialled.

mod facts;

mod missing;

use std::fmt;
use std::net::{IpAddr, SocketAddr};

pub use facts::{
    Address, GatewayFacts, ListenerFacts, ListenerProtocol, ServiceFacts, ServicePort, ServiceType,
    Unreadable,
};
pub use missing::NoEntry;

use crate::cilium::CiliumConfig;
use crate::cluster::{Node, NodeSelector};
use crate::exposure::{Endpoint, PortRole};
use crate::name::{ListenerName, NodeName};
use crate::scenario::{Entry, TargetPorts, TcpPort};

/// A socket of the cluster, in its own terms (before the address book).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct EntryPoint {
    /// The node whose socket it is; `None` for a load balancer's address.
    pub node: Option<NodeName>,
    /// The address.
    pub address: IpAddr,
    /// The port to dial.
    pub port: u16,
    /// Why this port: `None` for a load balancer's address or a port given by number alone.
    pub role: Option<PortRole>,
    /// The Gateway's listener port that traffic enters by, if it is one's.
    pub listener_port: Option<u16>,
    /// The zone of the node, if labelled.
    pub zone: Option<String>,
    /// For reports: `worker2 127.9.0.4:31080 (node port of 80)`.
    pub place: String,
}

impl EntryPoint {
    /// A port of a node; `None` when the node has no address.
    fn on_node(node: &Node, port: u16, role: Option<PortRole>) -> Option<Self> {
        let mut point = Self::socket(&node.name, node.primary_address()?, port, role);
        point.zone = node.zone().map(str::to_owned);
        Some(point)
    }

    fn socket(node: &NodeName, address: IpAddr, port: u16, role: Option<PortRole>) -> Self {
        let socket = SocketAddr::new(address, port);
        let what = role.map_or_else(|| "port by number".to_owned(), |role| role.to_string());
        Self {
            node: Some(node.clone()),
            address,
            port,
            role,
            listener_port: match role {
                Some(PortRole::NodePort { listener }) => Some(listener),
                Some(PortRole::ListenerPort) => Some(port),
                Some(PortRole::HealthCheckNodePort) | None => None,
            },
            zone: None,
            place: format!("{node} {socket} ({what})"),
        }
    }

    /// A load balancer's address.
    fn on_load_balancer(address: IpAddr, port: u16) -> Self {
        let socket = SocketAddr::new(address, port);
        Self {
            node: None,
            address,
            port,
            role: None,
            listener_port: Some(port),
            zone: None,
            place: format!("{socket} (load balancer address)"),
        }
    }

    /// The socket as a cell of the exposure grid knows it; `None` when it is not in the grid.
    pub fn endpoint(&self) -> Option<Endpoint> {
        Some(Endpoint {
            node: self.node.clone()?,
            address: self.address,
            port: self.port,
            role: self.role?,
        })
    }
}

impl From<&Endpoint> for EntryPoint {
    /// A cell's socket as an entry point; its zone is not known.
    fn from(endpoint: &Endpoint) -> Self {
        Self::socket(&endpoint.node, endpoint.address, endpoint.port, Some(endpoint.role))
    }
}

impl fmt::Display for EntryPoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.place)
    }
}

/// What decides where traffic enters: one Gateway in one cluster.
#[derive(Debug, Clone, Copy)]
pub struct Site<'a> {
    /// Cilium's configuration in this variant.
    pub config: &'a CiliumConfig,
    /// The cluster's nodes.
    pub nodes: &'a [Node],
    /// The Gateway.
    pub gateway: &'a GatewayFacts,
    /// The Service that Cilium made for it, if there is one.
    pub service: Option<&'a ServiceFacts>,
}

impl Site<'_> {
    /// Where requests enter for a listener port; never empty.
    pub fn entry_points(
        &self,
        entry: &Entry,
        listener_port: u16,
    ) -> Result<Vec<EntryPoint>, NoEntry> {
        self.require_listener_port(listener_port)?;
        match entry {
            Entry::LoadBalancer => self.load_balancer(listener_port),
            Entry::EachNode(selector) if self.config.host_network.is_on() => {
                self.listener_ports_where_bound(&[listener_port], selector)
            }
            Entry::EachNode(selector) => self.node_ports(&[listener_port], selector),
        }
    }

    /// The sockets that a TCP claim speaks of; never empty.
    ///
    /// Unlike [`Self::entry_points`] this does not leave out nodes that Cilium's selector does not
    /// choose: that they refuse is what such claims are for.
    pub fn tcp_ports(
        &self,
        port: &TcpPort,
        selector: &NodeSelector,
    ) -> Result<Vec<EntryPoint>, NoEntry> {
        match port {
            TcpPort::Listener(name) => {
                let port = self.listener(name)?.port;
                on_each_node(&chosen(self.nodes, selector)?, port, Some(PortRole::ListenerPort))
            }
            TcpPort::NodePort(name) => self.node_ports(&[self.listener(name)?.port], selector),
            TcpPort::Number(port) => {
                let role = self.role_of(*port);
                on_each_node(&chosen(self.nodes, selector)?, *port, role)
            }
        }
    }

    /// The sockets that a load balancer would have as targets; never empty.
    ///
    /// The nodes are those that somebody registered, whether or not Cilium serves there.
    pub fn targets(
        &self,
        ports: TargetPorts,
        selector: &NodeSelector,
    ) -> Result<Vec<EntryPoint>, NoEntry> {
        let listener_ports = self.gateway.ports();
        let host_network = self.config.host_network.is_on();
        match (ports, host_network) {
            (TargetPorts::NodePorts, _) | (TargetPorts::Exposed, false) => {
                self.node_ports(&listener_ports, selector)
            }
            (TargetPorts::ListenerPorts, _) | (TargetPorts::Exposed, true) => {
                let nodes = chosen(self.nodes, selector)?;
                each(&listener_ports, self.no_listeners(), |port| {
                    on_each_node(&nodes, port, Some(PortRole::ListenerPort))
                })
            }
        }
    }

    /// Every socket worth looking at: on each node the listener ports, the node ports that the
    /// Service has, and its health-check node port. Sorted.
    ///
    /// A missing Service or node port is no error here: the grid shows what there is, and what
    /// should have been is the reference's to say.
    pub fn sockets(&self) -> Result<Vec<Endpoint>, NoEntry> {
        let nodes = chosen(self.nodes, &NodeSelector::All)?;
        let mut ports: Vec<(u16, PortRole)> =
            self.gateway.ports().into_iter().map(|port| (port, PortRole::ListenerPort)).collect();
        if let Some(service) = self.service {
            ports.extend(service.ports.iter().filter_map(|port| {
                Some((port.node_port?, PortRole::NodePort { listener: port.port }))
            }));
            ports.extend(
                service.health_check_node_port.map(|port| (port, PortRole::HealthCheckNodePort)),
            );
        }
        let points = each(&ports, self.no_listeners(), |(port, role)| {
            on_each_node(&nodes, port, Some(role))
        })?;
        let mut sockets: Vec<Endpoint> = points.iter().filter_map(EntryPoint::endpoint).collect();
        sockets.sort();
        sockets.dedup();
        Ok(sockets)
    }

    /// The listener ports at the addresses that a load balancer gave; never empty.
    pub fn addresses(&self) -> Result<Vec<EntryPoint>, NoEntry> {
        each(&self.gateway.ports(), self.no_listeners(), |port| self.load_balancer(port))
    }

    fn load_balancer(&self, listener_port: u16) -> Result<Vec<EntryPoint>, NoEntry> {
        let service = self.require_service()?;
        let addresses: Vec<IpAddr> = service.addresses.iter().filter_map(Address::ip).collect();
        if addresses.is_empty() {
            return Err(if service.addresses.is_empty() {
                NoEntry::NoAddress {
                    service: service.name.clone(),
                    service_type: service.service_type.clone(),
                }
            } else {
                NoEntry::OnlyHostNames {
                    service: service.name.clone(),
                    names: service.addresses.iter().map(Address::to_string).collect(),
                }
            });
        }
        if !service.ports.iter().any(|port| port.port == listener_port) {
            return Err(no_service_port(service, listener_port));
        }
        let point = |address| EntryPoint::on_load_balancer(address, listener_port);
        Ok(addresses.into_iter().map(point).collect())
    }

    fn node_ports(
        &self,
        listener_ports: &[u16],
        selector: &NodeSelector,
    ) -> Result<Vec<EntryPoint>, NoEntry> {
        let service = self.require_service()?;
        let nodes = chosen(self.nodes, selector)?;
        each(listener_ports, self.no_listeners(), |listener| {
            let Some(port) = service.ports.iter().find(|port| port.port == listener) else {
                return Err(no_service_port(service, listener));
            };
            let node_port = port.node_port.ok_or_else(|| NoEntry::NoNodePort {
                service: service.name.clone(),
                service_type: service.service_type.clone(),
                port: listener,
                host_network: self.config.host_network.clone(),
            })?;
            on_each_node(&nodes, node_port, Some(PortRole::NodePort { listener }))
        })
    }

    fn listener_ports_where_bound(
        &self,
        listener_ports: &[u16],
        selector: &NodeSelector,
    ) -> Result<Vec<EntryPoint>, NoEntry> {
        let nodes = chosen(self.nodes, selector)?;
        let bound: Vec<&Node> = nodes
            .iter()
            .filter(|node| self.config.host_network.selects(&node.labels))
            .copied()
            .collect();
        if bound.is_empty() {
            return Err(NoEntry::NotServedThere {
                host_network: self.config.host_network.clone(),
                nodes: missing::labelled(&nodes),
            });
        }
        each(listener_ports, self.no_listeners(), |port| {
            on_each_node(&bound, port, Some(PortRole::ListenerPort))
        })
    }

    fn role_of(&self, number: u16) -> Option<PortRole> {
        if let Some(service) = self.service {
            if let Some(port) = service.ports.iter().find(|port| port.node_port == Some(number)) {
                return Some(PortRole::NodePort { listener: port.port });
            }
            if service.health_check_node_port == Some(number) {
                return Some(PortRole::HealthCheckNodePort);
            }
        }
        self.gateway.ports().contains(&number).then_some(PortRole::ListenerPort)
    }

    fn listener(&self, name: &ListenerName) -> Result<&ListenerFacts, NoEntry> {
        self.gateway.listeners.iter().find(|listener| listener.name == *name).ok_or_else(|| {
            NoEntry::NoListener {
                gateway: self.gateway.name.clone(),
                asked: format!("named `{name}`"),
                listeners: self.gateway.listeners_in_words(),
            }
        })
    }

    /// A port that is none of the Gateway's own listeners may be one of a ListenerSet's: the Service
    /// that was made for the Gateway has the ports of both.
    fn require_listener_port(&self, port: u16) -> Result<(), NoEntry> {
        let of_service = |service: &ServiceFacts| service.ports.iter().any(|one| one.port == port);
        if self.gateway.ports().contains(&port) || self.service.is_some_and(of_service) {
            return Ok(());
        }
        Err(NoEntry::NoListener {
            gateway: self.gateway.name.clone(),
            asked: format!("on port {port}"),
            listeners: self.gateway.listeners_in_words(),
        })
    }

    fn require_service(&self) -> Result<&ServiceFacts, NoEntry> {
        self.service.ok_or_else(|| NoEntry::NoService { gateway: self.gateway.name.clone() })
    }

    fn no_listeners(&self) -> NoEntry {
        NoEntry::NoListener {
            gateway: self.gateway.name.clone(),
            asked: "at all".to_owned(),
            listeners: Vec::new(),
        }
    }
}

/// A port by number on the chosen nodes, for claims that name no Gateway; never empty.
pub fn numbered(
    port: u16,
    nodes: &[Node],
    selector: &NodeSelector,
) -> Result<Vec<EntryPoint>, NoEntry> {
    on_each_node(&chosen(nodes, selector)?, port, None)
}

fn no_service_port(service: &ServiceFacts, port: u16) -> NoEntry {
    NoEntry::NoServicePort {
        service: service.name.clone(),
        port,
        ports: service.ports.iter().map(|port| port.port).collect(),
    }
}

/// The chosen nodes; never empty.
fn chosen<'n>(nodes: &'n [Node], selector: &NodeSelector) -> Result<Vec<&'n Node>, NoEntry> {
    let chosen: Vec<&Node> = nodes.iter().filter(|node| selector.matches(node)).collect();
    if chosen.is_empty() {
        let all: Vec<&Node> = nodes.iter().collect();
        return Err(NoEntry::NoNodeChosen {
            selector: selector.clone(),
            nodes: missing::labelled(&all),
        });
    }
    Ok(chosen)
}

/// The port on each of the nodes; a node without an address is an error, not left out.
fn on_each_node(
    nodes: &[&Node],
    port: u16,
    role: Option<PortRole>,
) -> Result<Vec<EntryPoint>, NoEntry> {
    nodes
        .iter()
        .map(|node| {
            EntryPoint::on_node(node, port, role)
                .ok_or_else(|| NoEntry::NodeWithoutAddress { node: node.name.clone() })
        })
        .collect()
}

/// All of `items` resolved and joined; `none` when there is nothing to resolve.
fn each<T: Copy>(
    items: &[T],
    none: NoEntry,
    resolve: impl Fn(T) -> Result<Vec<EntryPoint>, NoEntry>,
) -> Result<Vec<EntryPoint>, NoEntry> {
    let mut points = Vec::new();
    for item in items {
        points.extend(resolve(*item)?);
    }
    if points.is_empty() { Err(none) } else { Ok(points) }
}

#[cfg(test)]
mod tests;
