//! From the model's data path to a program for the data plane.
//!
//! Pure: every behaviour of a socket becomes one of the data plane's; what is refused has no
//! socket, and what is not modelled is collected and has none either.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use gateproof_core::exposure::PortRole;
use gateproof_core::name::{NamespacedName, NodeName};
use gateproof_model::datapath::{Datapath, Frontend, FrontendKind, SocketBehaviour, datapath};
use gateproof_model::translation::envoy::EnvoyConfig;
use gateproof_model::{Input, Resources, Unmodelled};

use super::agent::node_states;
use super::announcing::{self, Way};
use super::deviation::{Lack, lacking};
use super::endpoint::{Backends, Transport, sockets, targets};
use super::{Deviations, Stack};
use crate::controllers::kind::{CONFIG_MAP, SECRET};
use crate::controllers::snapshot::Snapshot;
use crate::controllers::tls_secret::TlsData;
use crate::dataplane::{
    Behaviour, CertifiedKeyPem, DatagramProgram, Program, SocketProgram, Target,
};

/// What the data plane should do, and what the model could not say.
#[derive(Debug, Default)]
pub(crate) struct Programmed {
    /// The program.
    pub(crate) program: Program,
    /// What is not modelled.
    pub(crate) unmodelled: Vec<Unmodelled>,
}

/// The program for these configurations on all nodes.
pub(crate) fn program(
    snapshot: &Snapshot,
    stack: &Stack,
    resources: &Resources,
    configs: Vec<EnvoyConfig>,
    backends: &Backends,
) -> Programmed {
    let input = Input::new(&stack.version, &stack.config, resources);
    let datapath = datapath(&input, &configs, &node_states(snapshot, stack));
    let certificates = certificates(snapshot, &configs);
    let authorities = authorities(snapshot, &configs);
    let endpoints = endpoints(snapshot, &configs, backends);
    let mut sockets = SocketTable {
        targets: &|service, port, transport| {
            targets(snapshot, (service, port), transport, backends)
        },
        seen: BTreeSet::new(),
        programs: Vec::new(),
        datagrams: Vec::new(),
        forwards: Vec::new(),
        unmodelled: Vec::new(),
        configs,
        copies: BTreeMap::new(),
    };
    let way = announcing::way(snapshot, stack);
    let plight = Plight(&stack.faults);
    let mut out_of_reach = BTreeSet::new();
    for socket in &datapath.sockets {
        let node = &socket.endpoint.node;
        if plight.is_out_of_reach(node) {
            out_of_reach.insert(socket.endpoint.address);
        }
        let place = format!("{node} port {}", socket.endpoint.port);
        let behaviour = plight.befalls(node, socket.behaviour.clone());
        let behaviour = sockets.as_envoy_has_it(behaviour, plight.lacks(node));
        sockets.add(socket.endpoint.address, socket.endpoint.port, behaviour, &place);
    }
    for frontend in &datapath.frontends {
        let gap = matches!(frontend.behaviour, SocketBehaviour::Unmodelled(_));
        if gap && frontend.kind == FrontendKind::ClusterIp {
            // Probes come from outside, where cluster addresses lead nowhere: no claim can rest
            // on this gap.
            continue;
        }
        let place =
            format!("{}:{} of Gateway {}", frontend.address, frontend.port, frontend.gateway);
        let behaviour = match (&way, frontend.kind) {
            (Way::Announced(by), FrontendKind::LoadBalancer) => match by.get(&frontend.address) {
                Some(node) => {
                    let there = at_node(&datapath, frontend, node);
                    sockets.as_envoy_has_it(plight.befalls(node, there), plight.lacks(node))
                }
                None => SocketBehaviour::Silent { why: "no node announces it".to_owned() },
            },
            _ => frontend.behaviour.clone(),
        };
        sockets.add(frontend.address, frontend.port, behaviour, &place);
    }
    for found in datapath.datagrams {
        if out_of_reach.contains(&found.address) {
            continue;
        }
        let place = format!("{}:{} (UDP) of Gateway {}", found.address, found.port, found.gateway);
        sockets.add_datagrams(found.address, found.port, found.behaviour, &place);
    }
    Programmed {
        program: Program {
            certificates,
            authorities,
            endpoints,
            sockets: sockets.programs,
            datagrams: sockets.datagrams,
            forwards: sockets.forwards,
            configs: sockets.configs,
        },
        unmodelled: sockets.unmodelled,
    }
}

/// What a frontend does on the node that announces its address: what the node port does there.
fn at_node(datapath: &Datapath, frontend: &Frontend, node: &NodeName) -> SocketBehaviour {
    let role = PortRole::NodePort { listener: frontend.port };
    let there = datapath.sockets.iter().find(|socket| {
        socket.endpoint.node == *node
            && socket.endpoint.role == role
            && socket.gateway == frontend.gateway
    });
    there.map_or_else(|| frontend.behaviour.clone(), |socket| socket.behaviour.clone())
}

/// What faults do to nodes.
struct Plight<'a>(&'a Deviations);

impl Plight<'_> {
    /// Whether packets to the node's ports get no answer.
    fn is_out_of_reach(&self, node: &NodeName) -> bool {
        self.0.pods.lost_nodes.contains(node.as_str()) || self.0.filtered.contains(node.as_str())
    }

    /// What becomes of a socket on the node.
    fn befalls(&self, node: &NodeName, behaviour: SocketBehaviour) -> SocketBehaviour {
        if self.is_out_of_reach(node) {
            return SocketBehaviour::Silent { why: "packets are dropped".to_owned() };
        }
        if self.0.pods.agents.contains_key(node.as_str()) {
            // Nothing was ever put in place, so the node itself answers.
            return SocketBehaviour::Refuses { why: "the agent never came up".to_owned() };
        }
        behaviour
    }

    /// What the node's Envoy was not given.
    fn lacks(&self, node: &NodeName) -> Option<Lack> {
        let on = |nodes: &BTreeSet<String>| nodes.contains(node.as_str());
        if on(&self.0.without_routes) {
            Some(Lack::Routes)
        } else {
            on(&self.0.without_endpoints).then_some(Lack::Endpoints)
        }
    }
}

/// Sockets, each address and port once.
struct SocketTable<'a> {
    targets: &'a dyn Fn(&NamespacedName, &str, Transport) -> Vec<Target>,
    seen: BTreeSet<(IpAddr, u16)>,
    programs: Vec<SocketProgram>,
    datagrams: Vec<DatagramProgram>,
    forwards: Vec<Vec<Target>>,
    unmodelled: Vec<Unmodelled>,
    configs: Vec<EnvoyConfig>,
    /// Where the copies of configurations are that lack something.
    copies: BTreeMap<(usize, Lack), usize>,
}

impl SocketTable<'_> {
    /// Leads to the copy of a configuration that an Envoy has which lacks something.
    fn as_envoy_has_it(
        &mut self,
        behaviour: SocketBehaviour,
        lack: Option<Lack>,
    ) -> SocketBehaviour {
        let (SocketBehaviour::Serves { config, listener }, Some(lack)) = (&behaviour, lack) else {
            return behaviour;
        };
        let (config, listener) = (*config, *listener);
        let configs = &mut self.configs;
        let copy = *self.copies.entry((config, lack)).or_insert_with(|| {
            configs.push(lacking(&configs[config], lack));
            configs.len() - 1
        });
        SocketBehaviour::Serves { config: copy, listener }
    }

    fn add(&mut self, address: IpAddr, port: u16, behaviour: SocketBehaviour, place: &str) {
        let behaviour = match behaviour {
            SocketBehaviour::Serves { config, listener } => Behaviour::Serve { config, listener },
            SocketBehaviour::Forwards { service, port } => {
                match self.forward(&service, &port, Transport::Tcp) {
                    Some(to) => Behaviour::Forward { to },
                    None => return,
                }
            }
            SocketBehaviour::Silent { .. } => Behaviour::Silent,
            SocketBehaviour::Answers { status } => Behaviour::Status(status),
            SocketBehaviour::Refuses { .. } => return,
            SocketBehaviour::Unmodelled(what) => {
                self.unmodelled.push(Unmodelled { object: place.to_owned(), what });
                return;
            }
        };
        if self.seen.insert((address, port)) {
            self.programs.push(SocketProgram { address, port, behaviour });
        } else {
            self.unmodelled.push(Unmodelled {
                object: place.to_owned(),
                what: "two Gateways on one address and port".to_owned(),
            });
        }
    }

    fn add_datagrams(
        &mut self,
        address: IpAddr,
        port: u16,
        behaviour: SocketBehaviour,
        place: &str,
    ) {
        match behaviour {
            SocketBehaviour::Forwards { service, port: name } => {
                if let Some(to) = self.forward(&service, &name, Transport::Udp) {
                    self.datagrams.push(DatagramProgram { address, port, to });
                }
            }
            SocketBehaviour::Unmodelled(what) => {
                self.unmodelled.push(Unmodelled { object: place.to_owned(), what });
            }
            // Nothing listens for UDP.
            SocketBehaviour::Serves { .. }
            | SocketBehaviour::Refuses { .. }
            | SocketBehaviour::Silent { .. }
            | SocketBehaviour::Answers { .. } => {}
        }
    }

    /// Where a port of a Gateway's Service leads; `None` while there is nothing that takes it.
    fn forward(
        &mut self,
        service: &NamespacedName,
        port: &str,
        transport: Transport,
    ) -> Option<usize> {
        let targets = (self.targets)(service, port, transport);
        if targets.is_empty() {
            return None;
        }
        if let Some(known) = self.forwards.iter().position(|known| *known == targets) {
            return Some(known);
        }
        self.forwards.push(targets);
        Some(self.forwards.len() - 1)
    }
}

/// Certificates by the name that chains ask for: `<namespace>/<Secret>` of the copies that agents
/// read. A Secret that is not there, or lacks a part, has no entry.
fn certificates(snapshot: &Snapshot, configs: &[EnvoyConfig]) -> BTreeMap<String, CertifiedKeyPem> {
    configs
        .iter()
        .flat_map(|config| &config.listeners)
        .flat_map(|listener| &listener.terminate)
        .filter_map(|chain| {
            let (namespace, name) = chain.sds_name.split_once('/')?;
            let data = TlsData::read(snapshot.get(SECRET, Some(namespace), name)?);
            let certified =
                CertifiedKeyPem { chain_pem: data.chain?, key_pem: data.key?.expose().to_owned() };
            Some((chain.sds_name.clone(), certified))
        })
        .collect()
}

/// Certificates of authorities by the name that clusters ask for, as their ConfigMaps hold them. One
/// that is not there, or lacks `ca.crt`, has no entry.
fn authorities(snapshot: &Snapshot, configs: &[EnvoyConfig]) -> BTreeMap<String, String> {
    let clusters = configs.iter().flat_map(|config| config.clusters.values());
    clusters
        .filter_map(|cluster| {
            let tls = cluster.tls.as_ref()?;
            let NamespacedName { namespace, name } = &tls.authority;
            let config_map = snapshot.get(CONFIG_MAP, Some(namespace), name)?;
            let pem = config_map.pointer("/data/ca.crt")?.as_str()?;
            Some((tls.sds_name.clone(), pem.to_owned()))
        })
        .collect()
}

fn endpoints(
    snapshot: &Snapshot,
    configs: &[EnvoyConfig],
    backends: &Backends,
) -> BTreeMap<String, Vec<std::net::SocketAddr>> {
    configs
        .iter()
        .flat_map(|config| config.clusters.values())
        .map(|cluster| (cluster.name.clone(), sockets(snapshot, cluster, backends)))
        .collect()
}
