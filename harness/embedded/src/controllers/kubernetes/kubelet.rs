//! The kubelets of all nodes: runs echo servers for pods and reports on every pod.
//!
//! Pods whose image the embedded cluster cannot run stay pending, with the image in the
//! condition's message. Probes, restarts and volumes do not exist: an echo server that listens is
//! ready.

mod pod_status;

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use serde_json::Value;

use super::container_image::{ContainerImage, SystemComponent};
use super::pod;
use crate::controllers::kind::{DEPLOYMENT, NODE, POD};
use crate::controllers::object::{is_controlled_by, items, name, namespace, text, uid};
use crate::controllers::snapshot::Snapshot;
use crate::controllers::write::Write;
use crate::echo::{EchoIdentity, EchoServer};
use pod_status::{PodState, status_write};

/// The first pod address: kind's and kubeadm's usual pod network is 10.244.0.0/16. Pods are known
/// by these addresses in the cluster; their sockets are elsewhere on loopback.
const FIRST_POD_IP: Ipv4Addr = Ipv4Addr::new(10, 244, 1, 2);

/// Where a pod's echo server really listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PodSocket {
    /// The ports that the pod serves, in the cluster's terms.
    pub(crate) ports: BTreeSet<u16>,
    /// The socket behind all of them.
    pub(crate) socket: SocketAddr,
}

/// The kubelets of all nodes.
#[derive(Debug)]
pub(crate) struct Kubelet {
    base: IpAddr,
    running: BTreeMap<String, RunningPod>,
}

#[derive(Debug)]
struct RunningPod {
    address: IpAddr,
    ports: BTreeSet<u16>,
    server: EchoServer,
}

impl Kubelet {
    /// Kubelets that start echo servers at this loopback address.
    pub(crate) fn new(base: IpAddr) -> Self {
        Self { base, running: BTreeMap::new() }
    }

    /// Starts what is scheduled and not running yet, stops what is gone, and reports on all pods.
    /// On the nodes named, Envoy does not run.
    pub(crate) async fn sync(
        &mut self,
        snapshot: &Snapshot,
        envoy_down: &BTreeSet<String>,
        now: &str,
    ) -> Vec<Write> {
        self.stop_gone(snapshot).await;
        let mut writes = Vec::new();
        for pod in snapshot.list(POD) {
            let Some(node) = text(pod, "/spec/nodeName") else { continue };
            let state = match pod::echo_container(pod) {
                Some((container, image)) => self.run(snapshot, pod, container, image).await,
                None => system_state(snapshot, pod, node, envoy_down),
            };
            let host = host_address(snapshot, node);
            writes.push(status_write(pod, &state, host, now));
        }
        writes
    }

    /// Where pods really listen, by their address in the cluster.
    pub(crate) fn sockets(&self) -> BTreeMap<IpAddr, PodSocket> {
        self.running
            .values()
            .map(|pod| {
                let socket = PodSocket { ports: pod.ports.clone(), socket: pod.server.socket() };
                (pod.address, socket)
            })
            .collect()
    }

    /// Stops every echo server.
    pub(crate) async fn shutdown(&mut self) {
        for pod in std::mem::take(&mut self.running).into_values() {
            pod.server.shutdown().await;
        }
    }

    async fn stop_gone(&mut self, snapshot: &Snapshot) {
        let alive: BTreeSet<&str> = snapshot.list(POD).filter_map(uid).collect();
        let gone: Vec<String> =
            self.running.keys().filter(|uid| !alive.contains(uid.as_str())).cloned().collect();
        for uid in gone {
            if let Some(pod) = self.running.remove(&uid) {
                pod.server.shutdown().await;
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
        let identity = identity_of(snapshot, pod, container, image);
        match EchoServer::start(identity, self.base).await {
            Ok(server) => {
                let address = self.free_address();
                let ports = pod::echo_ports(pod, container, image);
                self.running.insert(uid.to_owned(), RunningPod { address, ports, server });
                PodState::Running(address)
            }
            Err(error) => PodState::Failed(format!(
                "start the echo server of pod {}: {error}",
                pod::full_name(pod)
            )),
        }
    }

    fn free_address(&self) -> IpAddr {
        let taken: BTreeSet<IpAddr> = self.running.values().map(|pod| pod.address).collect();
        (u32::from(FIRST_POD_IP)..=u32::MAX)
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
    let owner = || {
        snapshot
            .list_in(DEPLOYMENT, namespace(pod).unwrap_or_default())
            .find(|deployment| is_controlled_by(pod, deployment))
            .map(|deployment| name(deployment).to_owned())
            .unwrap_or_default()
    };
    EchoIdentity {
        namespace: variable("NAMESPACE")
            .unwrap_or_else(|| own(&|| namespace(pod).unwrap_or_default().to_owned())),
        service: variable("SERVICE_NAME").unwrap_or_else(|| own(&owner)),
        pod: variable("POD_NAME").unwrap_or_else(|| own(&|| name(pod).to_owned())),
    }
}

/// The state of a pod that is no echo server.
fn system_state(
    snapshot: &Snapshot,
    pod: &Value,
    node: &str,
    envoy_down: &BTreeSet<String>,
) -> PodState {
    let images: Vec<&str> = pod::containers(pod)
        .iter()
        .map(|container| text(container, "/image").unwrap_or_default())
        .collect();
    let kinds: Vec<_> = images.iter().map(|image| ContainerImage::classify(image)).collect();
    let unknown = kinds.iter().position(|kind| !matches!(kind, ContainerImage::System(_)));
    if let Some(index) = unknown {
        return PodState::CannotRun { image: images[index].to_owned() };
    }
    let envoy = kinds.contains(&ContainerImage::System(SystemComponent::CiliumEnvoy));
    match host_address(snapshot, node) {
        Some(address) if envoy && envoy_down.contains(node) => PodState::CrashLoop(address),
        Some(address) if !kinds.is_empty() => PodState::Running(address),
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
