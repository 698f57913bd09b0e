//! Using clusters that are up already, where they fit, instead of bringing up new ones.
//!
//! Only clusters that gateproof brought up and that belong to the user are taken, each by one
//! trial at a time, also among runs. The stack is installed over what is there, and afterwards the
//! namespaces that the trials brought with them are removed again. Where none fits a new cluster is brought up,
//! and the run says why not.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use gateproof_core::cluster::{Node, NodeRole, ProviderKind, Subject};
use gateproof_core::name::{ClusterName, NodeName};
use gateproof_core::plan::ClusterPlan;
use gateproof_core::scenario::{Action as ScenarioAction, Manifest, ObjectRef};
use gateproof_kind::container::Phase;
use gateproof_kind::discovery::{self, Found};
use gateproof_kind::provider::KindProvider;
use gateproof_kubernetes::{
    Action, AddressBook, Client, Cluster, Component, Limits, News, Provider, ProviderError,
    Remains, StackRequest, Surroundings, wait,
};
use gateproof_probe::Prober;
use nix::fcntl::{Flock, FlockArg};
use serde_json::Value;

use crate::engines::Engines;
use crate::journal::dead;
use crate::kind_clusters::{Ownership, ownership};

/// How long a namespace may take to be gone.
const GONE_WITHIN: Duration = Duration::from_mins(1);

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
        if let Some(why) = misfit(plan, found, self.node_image.as_deref()) {
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
        // What is there already is the user's, and stays.
        let there = namespaces(&cluster.client()).await?;
        let own = namespaces_of(plan).into_iter().filter(|name| !there.contains(name)).collect();
        Ok(Reused { cluster, own, _lock: lock })
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

/// The namespaces that the trials of a plan bring with them.
fn namespaces_of(plan: &ClusterPlan) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for trial in &plan.trials {
        names.extend(trial.definition.backends.iter().map(|b| b.name.namespace.clone()));
        for step in &trial.definition.steps {
            let ScenarioAction::Apply(manifests) = &step.action else { continue };
            for Manifest { object, .. } in manifests {
                let name = match object["kind"].as_str() {
                    Some("Namespace") => &object["metadata"]["name"],
                    _ => &object["metadata"]["namespace"],
                };
                names.extend(name.as_str().map(str::to_owned));
            }
        }
    }
    names
}

/// The namespaces of a cluster.
async fn namespaces(client: &Client) -> Result<BTreeSet<String>, String> {
    let all = client.list("v1", "Namespace", None).await.map_err(|error| error.to_string())?;
    let name = |namespace: &Value| namespace["metadata"]["name"].as_str().map(str::to_owned);
    Ok(all.iter().filter_map(name).collect())
}

/// What of a cluster's containers does not fit a plan.
fn misfit(plan: &ClusterPlan, found: &Found, node_image: Option<&str>) -> Option<String> {
    let shape = |role: NodeRole| {
        let wanted = plan.topology.nodes.iter().filter(|node| node.role == role).count();
        let there = found.nodes().filter(|container| Found::role(container) == role).count();
        (wanted, there)
    };
    for (role, noun) in [(NodeRole::ControlPlane, "control plane"), (NodeRole::Worker, "worker")] {
        let (wanted, there) = shape(role);
        if wanted != there {
            return Some(format!("it has {}, and the plan wants {wanted}", many(there, noun)));
        }
    }
    let topology = &plan.topology;
    let hidden = topology.nodes.iter().any(|node| {
        !node.mounts.is_empty() || !node.port_mappings.is_empty() || node.image.is_some()
    }) || !topology.feature_gates.is_empty()
        || !topology.runtime_config.is_empty();
    if hidden {
        return Some(format!(
            "topology {} asks for mounts, ports, images or features, which a cluster does not show",
            topology.name
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
    /// The namespaces that the trials bring with them and that were not there before.
    own: BTreeSet<String>,
    _lock: Flock<File>,
}

impl Reused {
    /// Removes the namespaces that the trials have brought.
    async fn clean(&self) -> Result<(), String> {
        let client = self.cluster.client();
        let there = namespaces(&client).await?;
        let own: Vec<ObjectRef> = self
            .own
            .iter()
            .filter(|name| there.contains(*name))
            .map(|name| namespace(name))
            .collect();
        for namespace in &own {
            client.delete(namespace).await.map_err(|error| error.to_string())?;
        }
        for namespace in &own {
            wait::until_gone(&client, namespace, GONE_WITHIN, |_: &str| ())
                .await
                .map_err(|error| error.to_string())?;
        }
        Ok(())
    }
}

fn namespace(name: &str) -> ObjectRef {
    ObjectRef {
        api_version: "v1".to_owned(),
        kind: "Namespace".to_owned(),
        namespace: None,
        name: name.to_owned(),
    }
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
        let cleaned = self.clean().await.map_err(|detail| ProviderError {
            operation: format!("clean the namespaces of cluster {}", self.name()),
            detail,
            source: None,
        });
        cleaned.and(self.cluster.teardown().await)
    }
}
