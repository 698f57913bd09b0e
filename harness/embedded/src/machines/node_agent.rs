//! The kubelet, Cilium's agent and the Envoy of the one node that this machine is.
//!
//! One task: it wakes when its copy of the cluster changes, runs the node's pods, programs the data
//! plane for the node's own address, and reports over the API. What Envoy is to do is computed here
//! from the same objects and by the same model as on the control plane, because typed
//! configurations do not travel; only those whose CiliumEnvoyConfig exists are used.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use gateproof_kubernetes::object::reference;
use gateproof_kubernetes::replica::Replica;
use gateproof_kubernetes::snapshot::{KindRef, REFERENCE_KINDS};
use gateproof_kubernetes::{ApplyError, Client, Operation, wait};
use gateproof_model::Resources;
use serde_json::{Value, json};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::SOCKETS;
use crate::address::{AddressBlock, AddressError};
use crate::api::{Clock, Store, SystemClock};
use crate::controllers::cilium::endpoint::Backends;
use crate::controllers::cilium::operator::Operator;
use crate::controllers::cilium::program::program;
use crate::controllers::component_log::component_pods::runs;
use crate::controllers::installed;
use crate::controllers::kind::{CILIUM_NODE, NODE, POD};
use crate::controllers::kubernetes::container_image::SystemComponent;
use crate::controllers::kubernetes::kubelet::{Kubelet, PodSockets, Troubles};
use crate::controllers::object::{
    annotation, condition, identity, is_true, items, label, skeleton, text, uid,
};
use crate::controllers::snapshot::Snapshot;
use crate::controllers::write::{FieldManager, Write};
use crate::dataplane::{DataPlane, Program};

/// What is followed besides what the model reads.
const KINDS: [KindRef; 5] = [
    KindRef::new("", "Pod", &["v1"]),
    KindRef::new("", "ConfigMap", &["v1"]),
    KindRef::new("apps", "Deployment", &["v1"]),
    KindRef::new("apps", "ReplicaSet", &["v1"]),
    KindRef::new("cilium.io", "CiliumNode", &["v2"]),
];
/// Changes within this time are taken together.
const GATHER: Duration = Duration::from_millis(20);
/// How long to rest after the API did not take a report.
const AGAIN_AFTER: Duration = Duration::from_millis(500);

/// The taint of a node that is not ready (kubernetes/kubernetes v1.36
/// `staging/src/k8s.io/api/core/v1/well_known_taints.go`).
const NOT_READY: &str = "node.kubernetes.io/not-ready";

/// The node that this machine is.
#[derive(Debug, Clone)]
pub struct Machine {
    /// The node's name in Kubernetes.
    pub name: String,
    /// Its address, which must be this machine's.
    pub address: IpAddr,
    /// The Node object to register, without its status.
    pub node: Value,
    /// `status.nodeInfo`.
    pub info: Value,
}

/// A running node. Dropping it ends its pods and closes its ports.
#[derive(Debug)]
pub struct NodeAgent {
    data_plane: Arc<DataPlane>,
    problems: Arc<Mutex<Vec<String>>>,
    stop: CancellationToken,
    task: Mutex<Option<JoinHandle<()>>>,
}

/// The node could not be started.
#[derive(Debug, thiserror::Error)]
pub enum NodeAgentError {
    /// Its address is not this machine's.
    #[error(transparent)]
    Address(#[from] AddressError),
    /// The API does not take the node.
    #[error("failed to register the node: {0}")]
    Register(#[from] ApplyError),
}

impl NodeAgent {
    /// Registers the node and runs it.
    ///
    /// # Errors
    ///
    /// When the address is not this machine's, or the API refuses the node.
    pub async fn start(client: Client, machine: Machine) -> Result<Self, NodeAgentError> {
        let block = AddressBlock::of_machine(machine.address)?;
        let clock = SystemClock;
        client.apply(&machine.node, FieldManager::Kubelet.as_str()).await?;
        let status = status(&machine, Readiness::NoNetwork, &clock.now());
        client.apply_status(&status, FieldManager::Kubelet.as_str()).await?;
        let data_plane = Arc::new(DataPlane::new(block));
        let stop = CancellationToken::new();
        let problems = Arc::new(Mutex::new(Vec::new()));
        // A store of its own lends the place for what pods write.
        let logs = Store::new(Arc::new(SystemClock)).pod_logs().clone();
        let kubelet = Kubelet::of_node(&machine.name, machine.address, logs);
        let node = RunningNode {
            client,
            machine,
            kubelet,
            operator: Operator::default(),
            data_plane: Arc::clone(&data_plane),
            clock,
            reported: BTreeMap::new(),
            problems: Arc::clone(&problems),
        };
        let task = tokio::spawn(node.run(stop.clone()));
        Ok(Self { data_plane, problems, stop, task: Mutex::new(Some(task)) })
    }

    /// What could not be done, as of the newest pass, each in words.
    pub fn problems(&self) -> Vec<String> {
        let mut problems = self.problems.lock().unwrap_or_else(PoisonError::into_inner).clone();
        problems.extend(self.data_plane.shortages());
        problems
    }

    /// Ends everything. Safe to call twice.
    pub async fn shutdown(&self) {
        self.stop.cancel();
        let task = self.task.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(task) = task
            && let Err(error) = task.await
        {
            tracing::error!(%error, "the node ended abnormally");
        }
        self.data_plane.shutdown().await;
    }
}

impl Drop for NodeAgent {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// Whether pods can run on a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Readiness {
    /// They can.
    Ready,
    /// No network plug-in has come up.
    NoNetwork,
}

struct RunningNode {
    client: Client,
    machine: Machine,
    kubelet: Kubelet,
    operator: Operator,
    data_plane: Arc<DataPlane>,
    clock: SystemClock,
    /// What was reported last, by what it is about.
    reported: BTreeMap<String, Write>,
    problems: Arc<Mutex<Vec<String>>>,
}

impl RunningNode {
    async fn run(mut self, stop: CancellationToken) {
        let kinds: Vec<KindRef> = REFERENCE_KINDS.iter().chain(&KINDS).copied().collect();
        let replica = Replica::follow(&self.client, &kinds);
        let mut changes = replica.changes();
        loop {
            changes.borrow_and_update();
            let complete = replica.missing().is_empty();
            let passed = async {
                if !complete {
                    self.say_missing(&replica);
                    return Ok(());
                }
                let snapshot = Snapshot::of(replica.objects());
                self.pass(&snapshot).await
            };
            let passed = tokio::select! {
                () = stop.cancelled() => break,
                passed = passed => passed,
            };
            let next = async {
                if let Err(error) = passed {
                    tracing::warn!(%error, "the API did not take a report");
                    wait::pause(AGAIN_AFTER).await;
                    return true;
                }
                let more = changes.changed().await.is_ok();
                wait::pause(GATHER).await;
                more
            };
            tokio::select! {
                () = stop.cancelled() => break,
                more = next => if !more { break },
            }
        }
        self.kubelet.shutdown().await;
    }

    fn say_missing(&self, replica: &Replica) {
        let kinds: Vec<&str> = replica.missing().iter().map(|kind| kind.kind).collect();
        *self.problems.lock().unwrap_or_else(PoisonError::into_inner) =
            vec![format!("the cluster's objects are not all known yet: {}", kinds.join(", "))];
    }

    async fn pass(&mut self, snapshot: &Snapshot) -> Result<(), ApplyError> {
        let now = self.clock.now();
        self.report(snapshot, self.registration(snapshot, &now)).await?;
        self.open(snapshot).await?;
        let statuses = self.kubelet.sync(snapshot, &Troubles::default(), &now).await;
        self.report(snapshot, self.places(snapshot)).await?;
        self.report(snapshot, statuses).await?;
        self.program(snapshot, &now).await;
        Ok(())
    }

    /// What the kubelet and the agent say of the node itself.
    fn registration(&self, snapshot: &Snapshot, now: &str) -> Vec<Write> {
        let Some(live) = snapshot.get(NODE, None, &self.machine.name) else { return Vec::new() };
        let agent = snapshot.list(POD).any(|pod| {
            text(pod, "/spec/nodeName") == Some(&self.machine.name)
                && runs(pod, SystemComponent::CiliumAgent)
                && crate::controllers::kubernetes::pod::is_ready(pod)
        });
        let readiness = if agent { Readiness::Ready } else { Readiness::NoNetwork };
        let status = status(&self.machine, readiness, now);
        let mut writes = Vec::new();
        // The times in it are no news.
        let told = condition(live, "Ready").and_then(|told| text(told, "/status"));
        let tells = condition(&status, "Ready").and_then(|tells| text(tells, "/status"));
        if told != tells {
            writes.push(Write::ApplyStatus(FieldManager::Kubelet, status));
        }
        if agent {
            writes.push(Write::Apply(FieldManager::Kubelet, self.cilium_node(live)));
        }
        writes
    }

    /// Takes the taint away that keeps pods from a node that is not ready. The list has several
    /// writers, so it is changed and not applied.
    async fn open(&self, snapshot: &Snapshot) -> Result<(), ApplyError> {
        let Some(live) = snapshot.get(NODE, None, &self.machine.name) else { return Ok(()) };
        let tainted = |taint: &&Value| text(taint, "/key") == Some(NOT_READY);
        let taints = items(live, "/spec/taints");
        if !is_true(live, "Ready") || !taints.iter().any(|taint| tainted(&taint)) {
            return Ok(());
        }
        let left: Vec<&Value> = taints.iter().filter(|taint| !tainted(taint)).collect();
        let patch = json!({"spec": {"taints": left}});
        let node = reference(live).map_err(|cause| ApplyError {
            operation: Operation::Patch,
            target: format!("Node {}", self.machine.name),
            origin: None,
            cause,
        })?;
        self.client.merge_patch(&node, &patch, FieldManager::Kubelet.as_str()).await?;
        Ok(())
    }

    fn cilium_node(&self, live: &Value) -> Value {
        let mut object = skeleton(CILIUM_NODE, None, &self.machine.name);
        object["metadata"]["labels"] = live["metadata"]["labels"].clone();
        let address = self.machine.address.to_string();
        object["spec"] = json!({"addresses": [{"type": "InternalIP", "ip": address}]});
        object
    }

    /// Where the node's pods really listen.
    fn places(&self, snapshot: &Snapshot) -> Vec<Write> {
        snapshot
            .list(POD)
            .filter_map(|pod| {
                let sockets = self.kubelet.sockets_of(uid(pod)?)?;
                let mut write = identity(pod);
                write["metadata"]["annotations"] = json!({SOCKETS: json!(sockets).to_string()});
                Some(Write::Apply(FieldManager::Kubelet, write))
            })
            .collect()
    }

    async fn program(&mut self, snapshot: &Snapshot, now: &str) {
        let Some(stack) = installed::stack(snapshot) else {
            self.data_plane.apply(Program::default()).await;
            self.problems.lock().unwrap_or_else(PoisonError::into_inner).clear();
            return;
        };
        let (resources, _) = Resources::from_objects(snapshot.objects());
        // The writes are the control plane's to do.
        self.operator.reconcile(snapshot, &stack, &resources, now);
        let (configs, _) = self.operator.configs(snapshot);
        let backends =
            Backends { pods: places(snapshot), refused: self.data_plane.block().refused() };
        let mut programmed = program(snapshot, &stack, &resources, configs, &backends);
        programmed.program.sockets.retain(|socket| socket.address == self.machine.address);
        let applied = self.data_plane.apply(programmed.program).await;
        let problems = applied
            .closed
            .iter()
            .map(|one| format!("{}:{} could not be opened: {}", one.address, one.port, one.reason))
            .chain(applied.mapped.iter().map(|one| {
                format!("{}:{} is served elsewhere: {}", one.address, one.port, one.reason)
            }))
            .collect();
        *self.problems.lock().unwrap_or_else(PoisonError::into_inner) = problems;
    }

    /// Writes over the API what has not been written like that before.
    async fn report(&mut self, snapshot: &Snapshot, writes: Vec<Write>) -> Result<(), ApplyError> {
        for write in writes {
            let live = snapshot.live(write.object()).and_then(uid).unwrap_or_default();
            let about = format!("{} {live}", write.describe());
            if self.reported.get(&about) == Some(&write) {
                continue;
            }
            match &write {
                Write::Apply(manager, object) => {
                    self.client.apply(object, manager.as_str()).await?;
                }
                Write::ApplyStatus(manager, object) => {
                    match self.client.apply_status(object, manager.as_str()).await {
                        Ok(_) => {}
                        // The pod went meanwhile, which its copy here will show.
                        Err(error) if is_absent(&error) => continue,
                        Err(error) => return Err(error),
                    }
                }
                other => tracing::error!(write = ?other, "a node does not write that"),
            }
            self.reported.insert(about, write);
        }
        Ok(())
    }
}

fn is_absent(error: &ApplyError) -> bool {
    matches!(&error.cause, gateproof_kubernetes::Cause::Rejected(no) if no.code == 404)
}

/// Where the pods of all nodes really listen, by their address in the cluster.
fn places(snapshot: &Snapshot) -> BTreeMap<IpAddr, PodSockets> {
    snapshot
        .list(POD)
        .filter_map(|pod| {
            let address: IpAddr = text(pod, "/status/podIP")?.parse().ok()?;
            let sockets = serde_json::from_str(annotation(pod, SOCKETS)?).ok()?;
            Some((address, sockets))
        })
        .collect()
}

/// The status of the node, as its kubelet writes it.
fn status(machine: &Machine, readiness: Readiness, now: &str) -> Value {
    let mut object = skeleton(NODE, None, &machine.name);
    // Nominal: nothing is measured or reserved here.
    let resources =
        json!({"cpu": "4", "memory": "8Gi", "ephemeral-storage": "64Gi", "pods": "110"});
    let (ready, reason, message) = match readiness {
        Readiness::Ready => ("True", "KubeletReady", "kubelet is posting ready status"),
        Readiness::NoNetwork => (
            "False",
            "KubeletNotReady",
            "container runtime network not ready: NetworkReady=false \
             reason:NetworkPluginNotReady message:Network plugin returns error: cni plugin not \
             initialized",
        ),
    };
    object["status"] = json!({
        "addresses": [
            {"type": "InternalIP", "address": machine.address.to_string()},
            {"type": "Hostname", "address": label(&machine.node, "kubernetes.io/hostname")
                .unwrap_or(&machine.name)},
        ],
        "capacity": resources,
        "allocatable": resources,
        "conditions": [{
            "type": "Ready", "status": ready, "reason": reason, "message": message,
            "lastHeartbeatTime": now, "lastTransitionTime": now,
        }],
        "nodeInfo": machine.info,
    });
    object
}
