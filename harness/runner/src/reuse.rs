//! Using clusters that are up already, where they fit, instead of bringing up new ones.
//!
//! Only clusters that gateproof brought up and that belong to the user are taken, each by one
//! trial at a time, also among runs. The stack is installed over what is there, and afterwards what
//! the trials brought with them is removed again ([`brought`]). Where none fits a new cluster is
//! brought up, and the run says why not.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use gateproof_core::cluster::{Node, NodeRole, ProviderKind, Subject};
use gateproof_core::entry::Address;
use gateproof_core::name::{ClusterName, NodeName};
use gateproof_core::plan::ClusterPlan;
use gateproof_kind::container::Phase;
use gateproof_kind::discovery::{self, Found};
use gateproof_kind::label;
use gateproof_kind::plan::shape::Shape;
use gateproof_kind::provider::KindProvider;
use gateproof_kubernetes::{
    Action, AddressBook, Client, Cluster, Component, Limits, News, Provider, ProviderError,
    Remains, StackRequest, Surroundings,
};
use gateproof_probe::Prober;
use nix::fcntl::{Flock, FlockArg};

use crate::engines::Engines;
use crate::journal::dead;
use crate::kind_clusters::{Ownership, ownership};

mod brought;

use brought::Brought;

/// Takes clusters that fit, and brings up others.
#[derive(Debug)]
pub struct Reusing {
    /// Brings up what cannot be taken.
    pub provider: Arc<KindProvider>,
    /// Where clusters are looked for.
    pub engines: Engines,
    /// The state folder: who uses a cluster holds a lock there.
    pub state: PathBuf,
    /// The node image that was asked for, which a cluster must have.
    pub node_image: Option<String>,
}

impl Reusing {
    /// A cluster that fits and is free, or why each does not do.
    async fn take(
        &self,
        plan: &ClusterPlan,
        surroundings: &Surroundings,
    ) -> Result<Reused, Vec<String>> {
        let engine = self.engines.usual().await.map_err(|problem| vec![problem])?;
        let runs =
            dead::runs(&self.state).map_err(|error| vec![crate::cause::with_causes(&error)])?;
        let found = discovery::clusters(&engine).await.map_err(|error| vec![error.to_string()])?;
        let mut reasons = Vec::new();
        for found in found.iter().filter(|found| ownership(&found.maker, &runs) == Ownership::User)
        {
            match self.try_one(plan, found, surroundings).await {
                Ok(reused) => return Ok(reused),
                Err(why) => reasons.push(format!("{}: {why}", found.name)),
            }
        }
        if reasons.is_empty() {
            reasons.push("`gateproof cluster up --provider kind` has brought up none".to_owned());
        }
        Err(reasons)
    }

    async fn try_one(
        &self,
        plan: &ClusterPlan,
        found: &Found,
        surroundings: &Surroundings,
    ) -> Result<Reused, String> {
        let shape = self.provider.shape(plan);
        if let Some(why) = misfit(plan, &shape, found, self.node_image.as_deref()) {
            return Err(why);
        }
        let lock = self.lock(&found.name)?;
        let name = ClusterName::new(found.name.clone());
        let cilium = plan.trials.first().map(|trial| trial.cilium.clone());
        let adopted = self.provider.adopt(&name, surroundings, cilium).await;
        let cluster = adopted.map_err(|error| crate::cause::with_causes(&error))?;
        if let Some(why) = misfit_of_nodes(plan, &cluster.nodes()) {
            return Err(why);
        }
        let brought = Brought::to(&cluster.client(), plan).await?;
        Ok(Reused { cluster, brought, _lock: lock })
    }

    fn lock(&self, cluster: &str) -> Result<Flock<File>, String> {
        let folder = self.state.join("reuse");
        let path = folder.join(format!("{cluster}.lock"));
        let file = fs::create_dir_all(&folder)
            .and_then(|()| File::create(&path))
            .map_err(|error| format!("failed to create {}: {error}", path.display()))?;
        Flock::lock(file, FlockArg::LockExclusiveNonblock)
            .map_err(|_| "another trial uses it".to_owned())
    }
}

/// What of a cluster's containers does not fit a plan.
fn misfit(
    plan: &ClusterPlan,
    shape: &Shape,
    found: &Found,
    node_image: Option<&str>,
) -> Option<String> {
    let count = |role: NodeRole| {
        let wanted = plan.topology.nodes.iter().filter(|node| node.role == role).count();
        let there = found.nodes().filter(|container| Found::role(container) == role).count();
        (wanted, there)
    };
    for (role, noun) in [(NodeRole::ControlPlane, "control plane"), (NodeRole::Worker, "worker")] {
        let (wanted, there) = count(role);
        if wanted != there {
            return Some(format!("it has {}, and the plan wants {wanted}", many(there, noun)));
        }
    }
    // What nobody can see in a cluster that is up.
    let label = found.nodes().find_map(|node| node.labels.get(label::SHAPE));
    let made = Shape::from_label(label.map(String::as_str).unwrap_or_default());
    let differing = made.differing(shape);
    if !differing.is_empty() {
        return Some(format!(
            "it was made with other {} than topology {} wants",
            differing.join(", ").replace('-', " "),
            plan.topology.name
        ));
    }
    let running =
        found.containers.iter().filter(|container| container.phase == Phase::Running).count();
    if running < found.containers.len() {
        return Some(format!("{running} of its {} containers run", found.containers.len()));
    }
    let image = found.image().unwrap_or_default();
    match node_image {
        Some(wanted) if wanted != image => {
            Some(format!("its nodes have the image {image}, and {wanted} is asked for"))
        }
        _ => None,
    }
}

fn many(number: usize, noun: &str) -> String {
    if number == 1 { format!("1 {noun}") } else { format!("{number} {noun}s") }
}

/// What of a cluster's nodes does not fit a plan: their labels, of which scenarios choose nodes.
fn misfit_of_nodes(plan: &ClusterPlan, nodes: &[Node]) -> Option<String> {
    for wanted in &plan.topology.nodes {
        let Some(node) = nodes.iter().find(|node| node.name == wanted.name) else {
            return Some(format!("it has no node {}", wanted.name));
        };
        let missing =
            wanted.labels.iter().find(|(key, value)| node.labels.get(*key) != Some(value));
        if let Some((key, value)) = missing {
            return Some(format!("its node {} has no label {key}={value}", wanted.name));
        }
    }
    None
}

#[async_trait]
impl Provider for Reusing {
    fn kind(&self) -> ProviderKind {
        ProviderKind::Kind
    }

    async fn provision(
        &self,
        plan: &ClusterPlan,
        surroundings: &Surroundings,
    ) -> Result<Arc<dyn Cluster>, ProviderError> {
        let action = Action { name: "reuse".to_owned(), node: None };
        let started = Instant::now();
        surroundings.witness.tell(&action, News::Started);
        let taken = self.take(plan, surroundings).await;
        if let Err(reasons) = &taken {
            let reasons = reasons.join("; ");
            let told = format!("a cluster that fits, so a new one comes up ({reasons})");
            surroundings.witness.tell(&action, News::Awaiting(told));
        }
        let took = started.elapsed();
        surroundings.witness.tell(&action, News::Finished { took, problem: None });
        match taken {
            Ok(reused) => Ok(Arc::new(reused)),
            Err(_) => self.provider.provision(plan, surroundings).await,
        }
    }

    async fn abandon(
        &self,
        plan: &ClusterPlan,
        surroundings: &Surroundings,
        remains: Remains,
    ) -> Result<Vec<PathBuf>, ProviderError> {
        self.provider.abandon(plan, surroundings, remains).await
    }

    fn limits(&self) -> Limits {
        self.provider.limits()
    }
}

/// A cluster that was taken. It stays when the run is done with it.
struct Reused {
    cluster: Arc<dyn Cluster>,
    /// What the trials bring with them.
    brought: Brought,
    _lock: Flock<File>,
}

#[async_trait]
impl Cluster for Reused {
    fn name(&self) -> &ClusterName {
        self.cluster.name()
    }

    fn subject(&self) -> Subject {
        self.cluster.subject()
    }

    fn client(&self) -> Client {
        self.cluster.client()
    }

    fn nodes(&self) -> Vec<Node> {
        self.cluster.nodes()
    }

    fn kubernetes_name(&self, node: &NodeName) -> NodeName {
        self.cluster.kubernetes_name(node)
    }

    fn address_book(&self) -> Arc<dyn AddressBook> {
        self.cluster.address_book()
    }

    async fn balanced(&self, addresses: &[Address]) -> Vec<Address> {
        self.cluster.balanced(addresses).await
    }

    fn prober(&self) -> Arc<dyn Prober> {
        self.cluster.prober()
    }

    async fn install(&self, stack: &StackRequest) -> Result<(), ProviderError> {
        self.cluster.install(stack).await
    }

    fn settles_within(&self) -> Option<Duration> {
        self.cluster.settles_within()
    }

    async fn settle(&self) -> Result<(), ProviderError> {
        self.cluster.settle().await
    }

    fn not_covered(&self) -> Vec<String> {
        self.cluster.not_covered()
    }

    fn problems(&self) -> Vec<String> {
        self.cluster.problems()
    }

    async fn logs(&self, component: &Component) -> Result<String, ProviderError> {
        self.cluster.logs(component).await
    }

    async fn collect_evidence(&self, folder: &Path) -> Result<Vec<PathBuf>, ProviderError> {
        self.cluster.collect_evidence(folder).await
    }

    async fn keep(&self) -> Result<(), ProviderError> {
        self.cluster.keep().await
    }

    async fn teardown(&self) -> Result<(), ProviderError> {
        let cleaned = self.brought.remove(&self.client()).await.map_err(|detail| ProviderError {
            operation: format!("remove what trials have brought to cluster {}", self.name()),
            detail,
            source: None,
        });
        cleaned.and(self.cluster.teardown().await)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::path::Path;

    use gateproof_core::cluster::NodeRole;
    use gateproof_core::name::ClusterName;
    use gateproof_core::plan::ClusterPlan;
    use gateproof_core::topology::fit::{ServicesBy, StackNeeds};
    use gateproof_core::topology::{IpFamily, Topology, TopologyNode};
    use gateproof_kind::container::{ContainerState, Phase};
    use gateproof_kind::discovery::{Found, Maker};
    use gateproof_kind::label;
    use gateproof_kind::plan::shape::Shape;

    use super::misfit;

    fn planned() -> ClusterPlan {
        let nodes = [("control-plane", NodeRole::ControlPlane), ("worker", NodeRole::Worker)];
        let nodes = nodes.map(|(name, role)| TopologyNode::plain(name, role)).to_vec();
        let topology = Topology::of_nodes("pair", nodes);
        ClusterPlan { name: ClusterName::new("planned"), topology, trials: Vec::new() }
    }

    fn shape(plan: &ClusterPlan) -> Shape {
        let needs = StackNeeds { services: ServicesBy::Cilium };
        Shape::of(&plan.topology, needs, Path::new("/"))
    }

    /// The cluster of a plan.
    fn up(plan: &ClusterPlan) -> Found {
        let containers = plan.topology.nodes.iter().map(|node| {
            let role = match node.role {
                NodeRole::ControlPlane => "control-plane",
                NodeRole::Worker => "worker",
            };
            let labels = [(label::ROLE, role.to_owned()), (label::SHAPE, shape(plan).to_label())];
            ContainerState {
                id: node.name.to_string(),
                name: format!("up-{}", node.name),
                image: "node:1".to_owned(),
                labels: labels.map(|(key, value)| (key.to_owned(), value)).into(),
                phase: Phase::Running,
                addresses: BTreeMap::new(),
                ports: Vec::new(),
            }
        });
        let (name, maker) = ("up".to_owned(), Maker::SomebodyElse);
        Found { name, maker, containers: containers.collect() }
    }

    #[test]
    fn a_cluster_is_used_only_where_all_of_it_fits() {
        let plan = planned();
        let why = |plan: &ClusterPlan, found: &Found, image: Option<&str>| {
            misfit(plan, &shape(plan), found, image).unwrap_or_default()
        };
        assert_eq!(why(&plan, &up(&plan), None), "");
        assert_eq!(why(&plan, &up(&plan), Some("node:1")), "");
        assert!(why(&plan, &up(&plan), Some("node:2")).contains("node:2 is asked for"));

        let changed = |change: &dyn Fn(&mut Topology)| {
            let mut plan = planned();
            change(&mut plan.topology);
            plan
        };
        let dual = changed(&|it| it.networking.ip_family = IpFamily::Dual);
        let gated = changed(&|it| it.feature_gates = [("A".to_owned(), true)].into());
        let larger = changed(&|it| it.nodes.push(TopologyNode::plain("w2", NodeRole::Worker)));
        for (other, part) in [
            (&dual, "made with other networking than topology pair wants"),
            (&gated, "made with other features than"),
            (&larger, "it has 1 worker, and the plan wants 2"),
        ] {
            let told = why(other, &up(&plan), None);
            assert!(told.contains(part), "{part}: {told}");
            assert_eq!(why(other, &up(other), None), "", "it fits itself");
        }
        let mut unlabelled = up(&plan);
        unlabelled
            .containers
            .iter_mut()
            .for_each(|it| it.labels.retain(|name, _| name != label::SHAPE));
        assert!(why(&plan, &unlabelled, None).contains("containerd patches"));
        let mut stopped = up(&plan);
        stopped.containers[1].phase = Phase::Exited { code: 0, out_of_memory: false };
        assert!(why(&plan, &stopped, None).contains("1 of its 2 containers run"));
    }
}
