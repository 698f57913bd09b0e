//! The kubelets of all nodes, or of the one that this machine is: runs echo servers for pods and reports on every pod.
//!
//! Pods whose image the embedded cluster cannot run stay pending, with the image in the
//! condition's message. Probes and restarts do not exist: servers that listen are ready. A pod
//! whose files are missing is tried again whenever something changes.

pub(crate) mod pebble;
mod pod_status;
mod program;
pub(crate) mod responder;
pub(crate) mod troubles;
mod volume;

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::container_image::ContainerImage;
use super::pod;
use crate::api::{ObjectName, PodLogs, PodNetwork};
use crate::controllers::kind::{NODE, POD};
use crate::controllers::object::{items, name, namespace, text, uid};
use crate::controllers::snapshot::Snapshot;
use crate::controllers::write::Write;
use gateproof_core::scenario::PodTrouble;
use gateproof_dns::{Authority, NameServer, SharedKey, Zone};
use gateproof_echo::datagram::DatagramServer;
use gateproof_echo::{EchoError, EchoIdentity, EchoServer, Log, Serving};
use pebble::Pebble;
use pod_status::{PodState, status_write};
use program::{Listener, Service};
use responder::{Answers, Responder};
pub(crate) use troubles::Troubles;

/// The first pod address: kind's and kubeadm's usual pod network is 10.244.0.0/16. Pods are known
/// by these addresses in the cluster; their sockets are elsewhere on loopback.
const FIRST_POD_IP: Ipv4Addr = Ipv4Addr::new(10, 244, 1, 2);

/// Where a pod's servers really listen, by the port that the pod serves in the cluster's terms.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) struct PodSockets {
    /// Of TCP.
    pub(crate) tcp: BTreeMap<u16, SocketAddr>,
    /// Of UDP.
    pub(crate) udp: BTreeMap<u16, SocketAddr>,
}

/// Whose pods a kubelet runs.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Scope {
    /// Those of all nodes.
    AllNodes,
    /// Those of one node, which has a range of pod addresses of its own.
    Node(String),
}

/// The kubelets of all nodes, or of one.
#[derive(Debug)]
pub(crate) struct Kubelet {
    scope: Scope,
    base: IpAddr,
    logs: PodLogs,
    network: PodNetwork,
    running: BTreeMap<String, RunningPod>,
    /// Addresses of pods that have one and do not run, by uid.
    reserved: BTreeMap<String, IpAddr>,
}

#[derive(Debug)]
struct RunningPod {
    name: ObjectName,
    address: IpAddr,
    sockets: PodSockets,
    servers: Vec<EchoServer>,
    /// They end when they are dropped.
    #[expect(dead_code, reason = "kept so that they run")]
    datagram_servers: Vec<DatagramServer>,
    #[expect(dead_code, reason = "kept so that they run")]
    responders: Vec<Responder>,
    #[expect(dead_code, reason = "kept so that they run")]
    name_servers: Vec<NameServer>,
    /// The ACME server that it is, if it is one.
    pebble: Option<Arc<Pebble>>,
}

/// The servers of a pod, started.
#[derive(Debug, Default)]
struct Started {
    sockets: PodSockets,
    servers: Vec<EchoServer>,
    datagram_servers: Vec<DatagramServer>,
    responders: Vec<Responder>,
    name_servers: Vec<NameServer>,
    pebble: Option<Arc<Pebble>>,
}

/// A server of a pod could not be started.
#[derive(Debug, thiserror::Error)]
enum StartError {
    /// An echo server.
    #[error(transparent)]
    Echo(#[from] EchoError),
    /// A server of known answers.
    #[error(transparent)]
    Responder(#[from] responder::ResponderError),
    /// A name server.
    #[error(transparent)]
    Names(#[from] gateproof_dns::ListenError),
}

impl Kubelet {
    /// Kubelets that start echo servers at this loopback address.
    pub(crate) fn new(base: IpAddr, logs: PodLogs, network: PodNetwork) -> Self {
        Self::with(Scope::AllNodes, base, logs, network)
    }

    /// The kubelet of one node, which starts echo servers at the node's address.
    pub(crate) fn of_node(node: &str, address: IpAddr, logs: PodLogs) -> Self {
        Self::with(Scope::Node(node.to_owned()), address, logs, PodNetwork::default())
    }

    fn with(scope: Scope, base: IpAddr, logs: PodLogs, network: PodNetwork) -> Self {
        let (running, reserved) = (BTreeMap::new(), BTreeMap::new());
        Self { scope, base, logs, network, running, reserved }
    }

    /// Starts what is scheduled and not running yet, stops what is gone, and reports on all pods;
    /// those in trouble do not come up.
    pub(crate) async fn sync(
        &mut self,
        snapshot: &Snapshot,
        troubles: &Troubles,
        now: &str,
    ) -> Vec<Write> {
        self.stop_gone(snapshot).await;
        let mut writes = Vec::new();
        for pod in snapshot.list(POD) {
            let Some(node) = text(pod, "/spec/nodeName") else { continue };
            if matches!(&self.scope, Scope::Node(own) if own != node) {
                continue;
            }
            let host = host_address(snapshot, node);
            let trouble = troubles.of(snapshot, pod, node);
            let is_lost = troubles.lost_nodes.contains(node);
            let state = if is_lost || trouble.is_some() {
                self.keep_down(snapshot, pod, host, trouble).await
            } else {
                match pod::echo_container(pod) {
                    Some((container, image)) => self.run(snapshot, pod, container, image).await,
                    None => system_state(pod, node, host),
                }
            };
            writes.push(status_write(pod, &state, host, now));
        }
        writes
    }

    /// Where the pod with this uid really listens.
    pub(crate) fn sockets_of(&self, uid: &str) -> Option<&PodSockets> {
        self.running.get(uid).map(|pod| &pod.sockets)
    }

    /// Where pods really listen, by their address in the cluster.
    pub(crate) fn sockets(&self) -> BTreeMap<IpAddr, PodSockets> {
        self.running.values().map(|pod| (pod.address, pod.sockets.clone())).collect()
    }

    /// The ACME servers among the pods, by their address in the cluster.
    pub(crate) fn acme_servers(&self) -> BTreeMap<IpAddr, Arc<Pebble>> {
        let pods = self.running.values();
        pods.filter_map(|pod| Some((pod.address, Arc::clone(pod.pebble.as_ref()?)))).collect()
    }

    /// Stops every echo server.
    pub(crate) async fn shutdown(&mut self) {
        for pod in std::mem::take(&mut self.running).into_values() {
            self.stop(pod).await;
        }
    }

    /// Stops a pod that is in trouble, or lost with its node, and keeps its address for it.
    async fn keep_down(
        &mut self,
        snapshot: &Snapshot,
        pod: &Value,
        host: Option<IpAddr>,
        trouble: Option<PodTrouble>,
    ) -> PodState {
        let uid = uid(pod).unwrap_or_default();
        let before = match self.running.remove(uid) {
            Some(running) => {
                let address = running.address;
                self.stop(running).await;
                Some(address)
            }
            None => self.reserved.get(uid).copied(),
        };
        let of_host = host.filter(|_| pod.pointer("/spec/hostNetwork") == Some(&Value::Bool(true)));
        let fresh = || self.range(snapshot).map(|range| self.free_address(range));
        let Some(address) = before.or(of_host).or_else(fresh) else {
            return PodState::Failed("the node has no range of pod addresses yet".to_owned());
        };
        if of_host.is_none() {
            self.reserved.insert(uid.to_owned(), address);
        }
        match trouble {
            Some(trouble) => PodState::InTrouble(trouble, address),
            None => PodState::Lost(address),
        }
    }

    async fn stop(&self, pod: RunningPod) {
        for server in &pod.servers {
            server.shutdown().await;
        }
        self.network.leave(pod.address);
        self.logs.forget(&pod.name);
    }

    async fn stop_gone(&mut self, snapshot: &Snapshot) {
        let alive: BTreeSet<&str> = snapshot.list(POD).filter_map(uid).collect();
        let gone: Vec<String> =
            self.running.keys().filter(|uid| !alive.contains(uid.as_str())).cloned().collect();
        self.reserved.retain(|uid, _| alive.contains(uid.as_str()));
        for uid in gone {
            if let Some(pod) = self.running.remove(&uid) {
                self.stop(pod).await;
            }
        }
    }

    async fn run(
        &mut self,
        snapshot: &Snapshot,
        pod: &Value,
        container: &Value,
        image: ContainerImage,
    ) -> PodState {
        let Some(uid) = uid(pod) else {
            return PodState::Failed("the pod has no uid yet".to_owned());
        };
        if let Some(running) = self.running.get(uid) {
            return PodState::Running(running.address);
        }
        let Some(range) = self.range(snapshot) else {
            return PodState::Failed("the node has no range of pod addresses yet".to_owned());
        };
        let file = |path: &str| volume::file(snapshot, pod, container, path);
        let listeners = match program::listeners(pod, container, image, &file) {
            Ok(listeners) => listeners,
            Err(why) => return PodState::Failed(why),
        };
        let identity = identity_of(snapshot, pod, container, image);
        let name = ObjectName::namespaced(namespace(pod).unwrap_or_default(), name(pod));
        match self.start(&listeners, &identity, Arc::new(self.logs.of(name.clone()))).await {
            Ok(started) => {
                let kept = self.reserved.remove(uid);
                let address = kept.unwrap_or_else(|| self.free_address(range));
                self.network.join(address, &started.sockets.tcp);
                let pod = RunningPod {
                    name,
                    address,
                    sockets: started.sockets,
                    servers: started.servers,
                    datagram_servers: started.datagram_servers,
                    responders: started.responders,
                    name_servers: started.name_servers,
                    pebble: started.pebble,
                };
                self.running.insert(uid.to_owned(), pod);
                PodState::Running(address)
            }
            Err(error) => PodState::Failed(format!(
                "start the servers of pod {}: {error}",
                pod::full_name(pod)
            )),
        }
    }

    async fn start(
        &self,
        listeners: &[Listener],
        identity: &EchoIdentity,
        log: Arc<dyn Log>,
    ) -> Result<Started, StartError> {
        let mut started = Started::default();
        for Listener { ports, service } in listeners {
            let Some(port) = ports.first().copied() else { continue };
            let (identity, log) = (identity.clone(), Some(Arc::clone(&log)));
            match service {
                Service::Stream(application, tls) => {
                    let serving =
                        Serving { application: *application, tls: tls.clone(), port, log };
                    let server = EchoServer::serve(identity, self.base, serving).await?;
                    let socket = server.socket();
                    started.sockets.tcp.extend(ports.iter().map(|port| (*port, socket)));
                    started.servers.push(server);
                }
                Service::Datagram(application) => {
                    let server =
                        DatagramServer::start(identity, self.base, *application, log).await?;
                    let socket = server.socket();
                    started.sockets.udp.extend(ports.iter().map(|port| (*port, socket)));
                    started.datagram_servers.push(server);
                }
                Service::Answers(answers) => {
                    if let Answers::Directory(pebble) = answers {
                        started.pebble = Some(Arc::clone(pebble));
                    }
                    let server = Responder::start(self.base, answers.clone(), log).await?;
                    let socket = server.socket();
                    started.sockets.tcp.extend(ports.iter().map(|port| (*port, socket)));
                    started.responders.push(server);
                }
                Service::Names(zones, key) => {
                    let server = self.name_server(zones, key.as_ref(), log).await?;
                    let (udp, tcp) = (server.udp(), server.tcp());
                    started.sockets.udp.extend(ports.iter().map(|port| (*port, udp)));
                    started.sockets.tcp.extend(ports.iter().map(|port| (*port, tcp)));
                    started.name_servers.push(server);
                }
            }
        }
        Ok(started)
    }

    async fn name_server(
        &self,
        zones: &[Zone],
        key: Option<&SharedKey>,
        log: Option<Arc<dyn Log>>,
    ) -> Result<NameServer, gateproof_dns::ListenError> {
        let authority = || Authority::new(zones.to_vec(), key.cloned());
        let told = || {
            let log = log.clone()?;
            Some(Arc::new(move |line| log.say(line)) as gateproof_dns::Log)
        };
        match NameServer::start((self.base, 0).into(), authority(), told()).await {
            Ok(server) => Ok(server),
            Err(_) => NameServer::start((Ipv4Addr::LOCALHOST, 0).into(), authority(), told()).await,
        }
    }

    /// The first address for pods; `None` while the node has no range.
    fn range(&self, snapshot: &Snapshot) -> Option<Ipv4Addr> {
        let Scope::Node(node) = &self.scope else { return Some(FIRST_POD_IP) };
        let range = text(snapshot.get(NODE, None, node)?, "/spec/podCIDR")?;
        let network: Ipv4Addr = range.split_once('/')?.0.parse().ok()?;
        // The first two are the network's and Cilium's own (`cilium_host`).
        Some(Ipv4Addr::from_bits(network.to_bits() + 2))
    }

    fn free_address(&self, first: Ipv4Addr) -> IpAddr {
        let running = self.running.values().map(|pod| pod.address);
        let taken: BTreeSet<IpAddr> = running.chain(self.reserved.values().copied()).collect();
        (u32::from(first)..=u32::MAX)
            .map(|bits| IpAddr::V4(Ipv4Addr::from(bits)))
            .find(|address| !taken.contains(address))
            .expect("the pod network is larger than the number of pods")
    }
}

/// Who an echo server says it is. The Gateway API's image repeats its environment and nothing
/// else; Gateproof's own image knows its pod, and takes the Deployment's name for the Service's.
fn identity_of(
    snapshot: &Snapshot,
    pod: &Value,
    container: &Value,
    image: ContainerImage,
) -> EchoIdentity {
    let variable = |name: &str| pod::environment(pod, container, name);
    let own = |value: &dyn Fn() -> String| match image {
        ContainerImage::GateproofEcho => value(),
        _ => String::new(),
    };
    let owner = || troubles::deployment_of(snapshot, pod).unwrap_or_default().to_owned();
    EchoIdentity {
        namespace: variable("NAMESPACE")
            .unwrap_or_else(|| own(&|| namespace(pod).unwrap_or_default().to_owned())),
        service: variable("SERVICE_NAME").unwrap_or_else(|| own(&owner)),
        pod: variable("POD_NAME").unwrap_or_else(|| own(&|| name(pod).to_owned())),
    }
}

/// The state of a pod that is no echo server.
fn system_state(pod: &Value, node: &str, host: Option<IpAddr>) -> PodState {
    let images = pod::containers(pod).iter().map(|one| text(one, "/image").unwrap_or_default());
    let is_system =
        |image: &str| matches!(ContainerImage::classify(image), ContainerImage::System(_));
    if let Some(image) = images.clone().find(|image| !is_system(image)) {
        return PodState::CannotRun { image: image.to_owned() };
    }
    match host {
        Some(address) if images.count() > 0 => PodState::Running(address),
        Some(_) => PodState::CannotRun { image: "(the pod has no containers)".to_owned() },
        None => PodState::Failed(format!("node {node} does not exist or has no InternalIP")),
    }
}

fn host_address(snapshot: &Snapshot, node: &str) -> Option<IpAddr> {
    let node = snapshot.get(NODE, None, node)?;
    items(node, "/status/addresses")
        .iter()
        .find(|entry| text(entry, "/type") == Some("InternalIP"))
        .and_then(|entry| text(entry, "/address")?.parse().ok())
}

#[cfg(test)]
mod tests;
