//! What a cluster will be made of, as values, before anything happens.
//!
//! [`make`] turns a topology, the user's settings and the engine's facts into a [`KindPlan`]:
//! containers, the files in them, the commands to run and in which order. What only a running node
//! knows comes in later: the network's subnets by [`KindPlan::on_network`], the node's Kubernetes
//! version and addresses by [`KindPlan::kubeadm_file`]. [`mod@show`] prints all of it.
//!
//! Everything here follows kubernetes-sigs/kind v0.33.0, as read at commit fed26882 and in the
//! release notes; where we differ on purpose, the item says so. No function here waits, reads a
//! clock, a file or the environment.

use std::path::Path;

use gateproof_core::cluster::NodeRole;
use gateproof_core::name::{ClusterName, NodeName};
use gateproof_core::topology::Topology;
use gateproof_core::topology::fit::{Note, StackNeeds, fit};
use gateproof_core::topology::patch::{ContainerdPatches, KubeadmPatches};
use gateproof_kubernetes::Owner;

use crate::container::ContainerSpec;
use crate::engine_facts::EngineFacts;
use crate::settings::{Settings, StorageClass};

pub mod command;
pub mod containerd;
pub mod image;
pub mod kubeadm;
pub mod load_balancer;
pub mod mirror;
pub mod proxy;
pub mod shape;
pub mod show;
pub mod version;

mod containers;
mod problem;
mod yaml;

pub use problem::{PlanProblem, PlanProblems};

use kubeadm::Kubeadm;
use load_balancer::LoadBalancerPlan;
use mirror::Mirror;
use proxy::NoProxy;
use version::KubernetesVersion;

/// The port of the API server in every control plane and in the load balancer.
pub const API_SERVER_PORT: u16 = 6443;

/// What a plan is made from.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// The cluster's name.
    pub name: &'a ClusterName,
    /// The run's identity, for labels.
    pub run: &'a str,
    /// The process that runs it, for labels.
    pub owner: &'a Owner,
    /// Its shape.
    pub topology: &'a Topology,
    /// What the stack asks of it.
    pub needs: StackNeeds,
    /// What the user chose.
    pub settings: &'a Settings,
    /// What nodes will be asked to pull, as far as it is known: for mirrors of its registries.
    pub images: &'a [String],
    /// What the engine is like.
    pub engine: &'a EngineFacts,
    /// The folder that relative paths of mounts count from; absolute.
    pub folder: &'a Path,
}

/// A cluster as planned.
#[derive(Debug, Clone, PartialEq)]
pub struct KindPlan {
    /// The cluster's name.
    pub name: ClusterName,
    /// The Docker network of all containers.
    pub network: String,
    /// The nodes, in the topology's order.
    pub nodes: Vec<NodePlan>,
    /// The load balancer, when there are several control planes.
    pub load_balancer: Option<LoadBalancerPlan>,
    /// Mirrors of registries, where the user wants them.
    pub mirrors: Vec<Mirror>,
    /// Whether the StorageClass of the node image is applied.
    pub storage_class: StorageClass,
    /// What a person who reads the plan should know.
    pub notes: Vec<Note>,
    pub(crate) kubeadm: Kubeadm,
    pub(crate) containerd: ContainerdPatches,
    no_proxy: Option<NoProxy>,
}

/// A node as planned.
#[derive(Debug, Clone, PartialEq)]
pub struct NodePlan {
    /// Its short name, as scenarios and reports use it: `worker2`. The Kubernetes node and the
    /// container have the cluster's name before it.
    pub name: NodeName,
    /// Its role.
    pub role: NodeRole,
    /// What it does while the cluster comes up.
    pub part: Part,
    /// Its container.
    pub container: ContainerSpec,
    /// The Kubernetes version that the image's tag promises; the node itself has the last word.
    pub promised: Option<KubernetesVersion>,
    labels: String,
    patches: KubeadmPatches,
}

/// What a node does while the cluster comes up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// The first control plane: `kubeadm init`.
    Init,
    /// A further control plane: joins, one after another.
    JoinControlPlane,
    /// A worker: joins, concurrently.
    JoinWorker,
}

/// A file to be written into a node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FilePlan {
    /// Where; absolute.
    pub path: String,
    /// What it contains.
    pub content: String,
}

/// Makes the plan.
///
/// # Errors
///
/// Everything that makes the cluster impossible, all at once.
pub fn make(request: &Request<'_>) -> Result<KindPlan, PlanProblems> {
    let Request { name, topology, settings, .. } = *request;
    let fitted = fit(&topology.networking, request.needs);
    let mut told = fitted.notes;
    let mut problems = problem::of_names(name.as_str(), topology);
    let kubeadm = Kubeadm::new(request, fitted.kube_proxy_mode);
    let no_proxy = NoProxy::wanted(request);
    let nodes = containers::nodes(request);
    for problem in nodes.iter().filter_map(|node| problem::of_node(node, &kubeadm)) {
        // A patch of the cluster is the same problem on every node.
        if !problems.contains(&problem) {
            problems.push(problem);
        }
    }
    told.extend(problem::notes(request, &nodes, &kubeadm));
    if !problems.is_empty() {
        return Err(PlanProblems(problems));
    }
    let plan = KindPlan {
        name: name.clone(),
        network: settings.network.clone(),
        nodes,
        load_balancer: load_balancer::plan(request),
        mirrors: mirror::plan(request),
        storage_class: settings.storage_class,
        notes: told,
        kubeadm,
        containerd: topology.containerd_patches.clone(),
        no_proxy,
    };
    Ok(plan.on_network(&[]))
}

impl KindPlan {
    /// The same plan on a network with these subnets (CIDR), which a node behind a proxy must
    /// reach without it.
    #[must_use]
    pub fn on_network(mut self, subnets: &[String]) -> Self {
        if let Some(no_proxy) = &self.no_proxy {
            let nodes = self.nodes.iter_mut().map(|node| &mut node.container);
            let balancer = self.load_balancer.iter_mut().map(|balancer| &mut balancer.container);
            let mirrors = self.mirrors.iter_mut().map(|mirror| &mut mirror.container);
            for container in nodes.chain(balancer).chain(mirrors) {
                no_proxy.set(&mut container.env, subnets);
            }
        }
        self
    }

    /// Every container: the nodes in their order, then the load balancer, then mirrors.
    pub fn containers(&self) -> impl Iterator<Item = &ContainerSpec> {
        let balancer = self.load_balancer.iter().map(|balancer| &balancer.container);
        let mirrors = self.mirrors.iter().map(|mirror| &mirror.container);
        self.nodes.iter().map(|node| &node.container).chain(balancer).chain(mirrors)
    }

    /// Every image, sorted.
    pub fn images(&self) -> Vec<&str> {
        let mut images: Vec<&str> = self.containers().map(|spec| spec.image.as_str()).collect();
        images.sort_unstable();
        images.dedup();
        images
    }

    /// The node that runs `kubeadm init`.
    pub fn first(&self) -> &NodePlan {
        let first = self.nodes.iter().find(|node| node.part == Part::Init);
        first.expect("a topology has a control plane")
    }

    /// The host and port by which nodes reach the API server: the load balancer's, or that of the
    /// only control plane.
    pub fn endpoint(&self) -> String {
        self.kubeadm.endpoint.clone()
    }

    /// Whether the whole cluster is one container; then its node takes workloads.
    pub fn is_single(&self) -> bool {
        self.nodes.len() == 1
    }

    /// The file that `kubeadm` reads on a node, once the node's Kubernetes version
    /// (`/kind/version`) and its addresses are known.
    ///
    /// # Errors
    ///
    /// A version that is not supported, a family of addresses that the node lacks, or a patch that
    /// cannot be applied or would be ignored.
    pub fn kubeadm_file(
        &self,
        node: &NodePlan,
        version: &KubernetesVersion,
        addresses: &kubeadm::NodeAddresses,
    ) -> Result<FilePlan, kubeadm::DocumentError> {
        let content = self.kubeadm.documents(node, version, addresses)?;
        Ok(FilePlan { path: command::KUBEADM_CONFIG.to_owned(), content })
    }

    /// containerd's configuration with the topology's patches, from what a node has; `None` when
    /// there are none to apply.
    ///
    /// # Errors
    ///
    /// When the node's configuration or a patch makes no sense.
    pub fn containerd_file(
        &self,
        current: &str,
    ) -> Result<Option<FilePlan>, containerd::ContainerdError> {
        if self.containerd.is_empty() {
            return Ok(None);
        }
        let content = containerd::patched(current, &self.containerd)?;
        Ok(Some(FilePlan { path: command::CONTAINERD_CONFIG.to_owned(), content }))
    }
}

#[cfg(test)]
mod tests;
