//! Small pieces of Envoy configuration, and a data plane to run them on.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};

use gateproof_core::name::NamespacedName;
use gateproof_kubernetes::cluster::AddressBook as _;
use gateproof_model::translation::envoy::{
    Action, Cluster, EnvoyConfig, Forward, HeaderEdits, HttpChain, HttpManager, Listener,
    PathMatch, PortRedirect, Route, RouteMatch, RouteTable, ServiceRedirect, TlsChain,
    UpstreamProtocol, VirtualHost, WeightedCluster,
};

use crate::address::AddressBlock;
use crate::dataplane::{Behaviour, CertifiedKeyPem, DataPlane, Program, SocketProgram};
use gateproof_echo::{EchoIdentity, EchoServer};

pub(crate) fn path(prefix: &str) -> RouteMatch {
    let path = match prefix {
        "/" => PathMatch::Prefix("/".into()),
        other => PathMatch::SeparatedPrefix(other.into()),
    };
    RouteMatch { path, method: None, headers: vec![], query: vec![] }
}

pub(crate) fn weighted(cluster: &str, weight: u32) -> WeightedCluster {
    WeightedCluster {
        cluster: cluster.into(),
        weight,
        request_headers: HeaderEdits::default(),
        response_headers: HeaderEdits::default(),
    }
}

pub(crate) fn forwarding(clusters: &[(&str, u32)]) -> Forward {
    Forward {
        clusters: clusters.iter().map(|(name, weight)| weighted(name, *weight)).collect(),
        host_rewrite: None,
        path_rewrite: None,
        timeout: None,
        mirrors: vec![],
        retry: None,
    }
}

pub(crate) fn forward(clusters: &[(&str, u32)]) -> Action {
    Action::Forward(forwarding(clusters))
}

pub(crate) fn route(matcher: RouteMatch, action: Action) -> Route {
    Route {
        matcher,
        action,
        request_headers: HeaderEdits::default(),
        response_headers: HeaderEdits::default(),
        cors: None,
    }
}

pub(crate) fn virtual_host(domains: &[&str], routes: Vec<Route>) -> VirtualHost {
    VirtualHost {
        name: domains[0].into(),
        domains: domains.iter().map(|domain| (*domain).to_owned()).collect(),
        routes,
    }
}

/// A listener with a chain for plain connections.
pub(crate) fn listener() -> Listener {
    Listener {
        name: "listener".into(),
        host_ports: vec![],
        proxy_protocol: false,
        plain: Some(HttpChain { route_table: "listener-insecure".into() }),
        terminate: vec![],
        passthrough: vec![],
    }
}

pub(crate) fn tls(secret: &str, names: &[&str]) -> TlsChain {
    TlsChain {
        server_names: names.iter().map(|name| (*name).to_owned()).collect(),
        secret: NamespacedName::new("apps", secret),
        sds_name: secret.into(),
        alpn: vec![],
        http: HttpChain { route_table: "listener-secure".into() },
    }
}

pub(crate) fn certificate(names: &[&str]) -> CertifiedKeyPem {
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    let made = rcgen::generate_simple_self_signed(names).expect("names make a certificate");
    CertifiedKeyPem { chain_pem: made.cert.pem(), key_pem: made.signing_key.serialize_pem() }
}

/// A configuration whose routes, in `listener-insecure` and `listener-secure` alike, serve every
/// host, and which has the clusters `a`, `b` and `c`.
pub(crate) fn config(listener: Listener, routes: Vec<Route>) -> EnvoyConfig {
    let table = RouteTable { virtual_hosts: vec![virtual_host(&["*"], routes)] };
    let cluster = |name: &str| Cluster {
        name: name.into(),
        service: NamespacedName::new("apps", name),
        port: 80,
        protocol: UpstreamProtocol::AsDownstream,
        tls: None,
    };
    EnvoyConfig {
        name: NamespacedName::new("apps", "cilium-gateway-web"),
        gateway: NamespacedName::new("apps", "web"),
        node_selector: None,
        service: ServiceRedirect {
            service: NamespacedName::new("apps", "cilium-gateway-web"),
            redirects: vec![PortRedirect { listener: None, ports: vec![80] }],
        },
        http: HttpManager::default(),
        listeners: vec![listener],
        route_tables: BTreeMap::from([
            ("listener-insecure".to_owned(), table.clone()),
            ("listener-secure".to_owned(), table),
        ]),
        clusters: ["a", "b", "c"].map(|name| (name.to_owned(), cluster(name))).into(),
    }
}

/// A data plane with one node.
pub(crate) struct World {
    pub(crate) plane: DataPlane,
    pub(crate) node: IpAddr,
}

impl World {
    /// Choices by weight are the same in every run.
    pub(crate) fn new() -> Self {
        let block = AddressBlock::claim().expect("a free block");
        let node = block.node(0).expect("a first node").into();
        Self { plane: DataPlane::with_seed(block, 7), node }
    }

    /// A program that serves the configuration's first listener at these ports of the node.
    pub(crate) fn program(&self, config: EnvoyConfig, ports: &[u16]) -> Program {
        let behaviour = Behaviour::Serve { config: 0, listener: 0 };
        Program {
            configs: vec![config],
            sockets: ports.iter().map(|port| self.socket_program(*port, behaviour)).collect(),
            ..Program::default()
        }
    }

    pub(crate) fn socket_program(&self, port: u16, behaviour: Behaviour) -> SocketProgram {
        SocketProgram { address: self.node, port, behaviour }
    }

    /// The socket to dial for a port of the node.
    pub(crate) fn dial(&self, port: u16) -> SocketAddr {
        self.plane.address_book().resolve(self.node, port).expect("the node's own address")
    }
}

/// A running echo server of a pod.
pub(crate) async fn echo(pod: &str) -> EchoServer {
    let identity =
        EchoIdentity { namespace: "apps".into(), service: "web".into(), pod: pod.into() };
    EchoServer::start(identity, [127, 0, 0, 1].into()).await.expect("a port on loopback")
}

/// Endpoints of a program.
pub(crate) fn endpoints(of: &[(&str, SocketAddr)]) -> BTreeMap<String, Vec<SocketAddr>> {
    let mut endpoints: BTreeMap<String, Vec<SocketAddr>> = BTreeMap::new();
    for (cluster, socket) in of {
        endpoints.entry((*cluster).to_owned()).or_default().push(*socket);
    }
    endpoints
}
