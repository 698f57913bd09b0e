//! The kind provider: brings up clusters, and cleans up after those that did not come up.
//!
//! `provision` may be dropped at any await. Containers are created in tasks that go on, and what
//! exists is known by label, so `abandon` finds everything: it lets nothing new begin, waits for
//! what is under way, collects evidence, and removes until nothing is left.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use gateproof_core::cilium::CiliumVersion;
use gateproof_core::cluster::ProviderKind;
use gateproof_core::name::ClusterName;
use gateproof_core::plan::ClusterPlan;
use gateproof_core::topology::fit::{ServicesBy, StackNeeds};
use gateproof_kubernetes::{
    Client, Cluster, Limits, Provider, ProviderError, Remains, Surroundings,
};
use gateproof_stack::{ClusterFacts, KubeProxy};
use tokio::sync::OnceCell;

use crate::actions::create::{Creations, whose};
use crate::actions::images::Images;
use crate::actions::own_image::{self, Own, OwnImages};
use crate::actions::preload::{Archives, preload};
use crate::actions::prober::Inside;
use crate::actions::{ActionError, Place, Progress, Scene, Seen};
use crate::address_pool;
use crate::adoption;
use crate::api_endpoint;
use crate::bring_up::BringUp;
use crate::cidr::Cidr;
use crate::cluster::{Belongs, HelmChoices, KindCluster, Parts, kube_proxy};
use crate::endpoint::Endpoint;
use crate::engine::{Engine, EngineError};
use crate::engine_facts::EngineFacts;
use crate::evidence::remains::collect_remains;
use crate::images::needed;
use crate::kept;
use crate::label;
use crate::network::{NetworkSpec, NetworkState};
use crate::plan::shape::Shape;
use crate::plan::{self, KindPlan};
use crate::preflight::{self, Wishes};
use crate::removal::{self, Whose};
use crate::settings::{Deadlines, Settings};
use crate::stack_fit;
use crate::transcript::Transcripts;

/// How much longer than their own deadlines evidence and removal may take.
const GRACE: Duration = Duration::from_secs(10);

/// Where clusters are made, and from what.
#[derive(Debug, Clone)]
pub struct Workplace {
    /// The engine.
    pub endpoint: Endpoint,
    /// Where programs such as `ssh` are looked for; `None` for this process's own `PATH`.
    pub search_path: Option<OsString>,
    /// The folder that relative paths of mounts count from; absolute.
    pub folder: PathBuf,
    /// What the user chose about clusters.
    pub settings: Settings,
    /// What the user chose about the stack on them.
    pub stack: gateproof_stack::Settings,
}

/// Brings up kind clusters. Connects to the engine when the first one is wanted.
pub struct KindProvider {
    workplace: Workplace,
    connection: OnceCell<Connection>,
    images: Images,
    own_images: OwnImages,
    archives: Archives,
    attempts: Mutex<BTreeMap<ClusterName, Attempt>>,
    pools: Arc<Pools>,
}

impl std::fmt::Debug for KindProvider {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("KindProvider")
            .field("endpoint", &self.workplace.endpoint)
            .finish_non_exhaustive()
    }
}

/// A bring-up that has begun to create.
#[derive(Debug, Clone)]
struct Attempt {
    creations: Creations,
    transcripts: Transcripts,
}

#[derive(Debug, Clone)]
pub(crate) struct Connection {
    pub(crate) engine: Engine,
    pub(crate) facts: EngineFacts,
}

/// The addresses for load balancers that clusters of this process hold.
#[derive(Debug, Default)]
pub(crate) struct Pools(Mutex<BTreeMap<ClusterName, Vec<Cidr>>>);

impl Pools {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<ClusterName, Vec<Cidr>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Gives a cluster's addresses back.
    pub(crate) fn release(&self, cluster: &ClusterName) {
        self.lock().remove(cluster);
    }
}

impl KindProvider {
    /// A provider of clusters on this engine.
    pub fn new(workplace: Workplace) -> Self {
        Self {
            workplace,
            connection: OnceCell::new(),
            images: Images::default(),
            own_images: OwnImages::default(),
            archives: Archives::default(),
            attempts: Mutex::default(),
            pools: Arc::default(),
        }
    }

    fn deadlines(&self) -> &Deadlines {
        &self.workplace.settings.deadlines
    }

    fn attempts(&self) -> MutexGuard<'_, BTreeMap<ClusterName, Attempt>> {
        self.attempts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The engine. The first cluster that is wanted on it says what it must carry.
    async fn connect(
        &self,
        scene: &Scene,
        plan: Option<&ClusterPlan>,
    ) -> Result<Connection, ActionError> {
        if let Some(connection) = self.connection.get() {
            return Ok(connection.clone());
        }
        let deadline = self.deadlines().request * 4;
        scene
            .act("engine", Place::Cluster, deadline, async |progress| {
                progress.awaiting(&format!("{} has not answered yet", self.workplace.endpoint));
                let connection = self.connection.get_or_try_init(async || {
                    let Workplace { endpoint, search_path, .. } = self.workplace.clone();
                    let engine = Engine::connect(endpoint, search_path)
                        .await?
                        .with_patience(self.deadlines().request)
                        .with_docker_settings(self.workplace.settings.docker.clone());
                    let facts = engine.facts().await?;
                    self.must_carry_clusters(&engine, &facts, plan).await?;
                    Ok::<_, EngineError>(Connection { engine, facts })
                });
                Ok(connection.await?.clone())
            })
            .await
    }

    /// Refuses an engine on which no cluster can come up, with everything that stands against it.
    async fn must_carry_clusters(
        &self,
        engine: &Engine,
        facts: &EngineFacts,
        plan: Option<&ClusterPlan>,
    ) -> Result<(), EngineError> {
        let settings = &self.workplace.settings;
        // At least those of this cluster; how many there will be is for the runner to know.
        let nodes = plan.map_or(0, |plan| plan.topology.nodes.len());
        let version = plan.and_then(|plan| needed::promised(plan, settings.node_image.as_deref()));
        let minor = version.as_deref().and_then(|version| version.split('.').nth(1));
        let wishes = Wishes {
            privileges: &settings.privileges,
            nodes: u32::try_from(nodes).unwrap_or(u32::MAX),
            kubernetes_minor: minor.and_then(|minor| minor.parse().ok()),
        };
        let problems = engine.preflight(facts, &wishes).await;
        for warning in preflight::judge(engine.endpoint(), problems)? {
            tracing::warn!(%warning, "clusters on this engine may fail");
        }
        Ok(())
    }

    async fn bring_up(
        &self,
        plan: &ClusterPlan,
        scene: &Scene,
        begin: impl FnOnce(&Engine) -> Attempt,
    ) -> Result<KindCluster, ActionError> {
        let Connection { engine, facts } = self.connect(scene, Some(plan)).await?;
        let kind_plan = self.plan(plan, scene, &facts).await?;
        self.must_be_free(scene, &engine, &plan.name).await?;
        let network = async {
            let spec =
                NetworkSpec { name: kind_plan.network.clone(), mtu: None, labels: BTreeMap::new() };
            scene
                .act("network", Place::Cluster, self.deadlines().request * 4, async |_| {
                    Ok(engine.ensure_network(&spec).await?)
                })
                .await
        };
        let images = futures_util::future::try_join_all(
            kind_plan
                .images()
                .into_iter()
                .map(|image| self.images.ensure(scene, &engine, image, self.deadlines())),
        );
        let (network, _) = tokio::try_join!(network, images)?;
        let mut kind_plan = kind_plan.clone().on_network(&network.subnets);
        let pools = self.take_pools(plan, scene, &engine, &network).await?;
        mark(&mut kind_plan, label::ADDRESS_POOL, &address_pool::to_label(&pools));
        mark(&mut kind_plan, label::SHAPE, &self.shape(plan).to_label());
        let Attempt { creations, transcripts } = begin(&engine);
        let bring_up = BringUp {
            scene,
            engine: &engine,
            plan: &kind_plan,
            creations: &creations,
            transcripts: &transcripts,
            deadlines: self.deadlines(),
        };
        let up = Box::pin(bring_up.run()).await?;
        let (network, pools) = self.settled_pools(plan, scene, &engine, network, pools).await?;
        let kube_proxy = self.kube_proxy(scene, &up.access.client).await?;
        let settings = &self.workplace.settings;
        let own = self.own_images.get(scene, &facts, settings).await?;
        let nodes: Vec<String> =
            kind_plan.nodes.iter().map(|node| node.container.name.clone()).collect();
        let privileges = &settings.privileges;
        if let Own::Packed(archive) = &own {
            own_image::into_nodes(scene, &engine, &nodes, archive, privileges).await?;
        }
        let kubernetes = up.version.to_string().trim_start_matches('v').to_owned();
        let stack = (plan, kubernetes.as_str());
        let images = preload(scene, &engine, &self.archives, stack, &nodes, privileges).await?;
        let inside = Inside {
            scene,
            engine: &engine,
            facts: &facts,
            settings,
            network: &kind_plan.network,
            nodes: &up.nodes,
            creations: &creations,
        };
        let prober = inside.prober(&own, &self.own_images, &self.images).await?;
        let parts = Parts {
            name: plan.name.clone(),
            facts: ClusterFacts {
                kubernetes: Some(kubernetes),
                nodes: up.nodes.len(),
                api_server: None,
                kube_proxy,
                ip_family: plan.topology.networking.ip_family,
                images,
            },
            own_image: own.reference().to_owned(),
            prober,
            access: up.access,
            containers: up.containers,
            nodes: up.nodes,
            engine,
            network,
            pools,
            transcripts,
            belongs: Belongs::ToRun { creations, held: Arc::clone(&self.pools) },
            surroundings: scene.surroundings.clone(),
            deadlines: *self.deadlines(),
            stack: self.workplace.stack.clone(),
            helm: HelmChoices::of(settings),
        };
        scene
            .act("ready", Place::Cluster, self.deadlines().request, async |_| {
                let cilium = plan.trials.first().map(|trial| trial.cilium.clone());
                Ok(KindCluster::new(parts).await?.expecting(cilium))
            })
            .await
    }

    async fn kube_proxy(&self, scene: &Scene, client: &Client) -> Result<KubeProxy, ActionError> {
        let deadline = self.deadlines().request;
        scene.act("kube-proxy", Place::Cluster, deadline, async |_| kube_proxy(client).await).await
    }

    async fn plan(
        &self,
        plan: &ClusterPlan,
        scene: &Scene,
        facts: &EngineFacts,
    ) -> Result<KindPlan, ActionError> {
        scene
            .act("plan", Place::Cluster, self.deadlines().request, async |_| {
                let networking = &plan.topology.networking;
                let endpoint = &self.workplace.endpoint;
                if let Some(machine) = api_endpoint::machine(endpoint)
                    && networking.api_server_address.is_loopback()
                {
                    return Err(Seen::new(format!(
                        "the topology publishes the API server on {} of the engine's machine \
                         ({machine}), which cannot be reached from here; set \
                         `networking.apiServerAddress` to an address of that machine, or to \
                         0.0.0.0",
                        networking.api_server_address
                    )));
                }
                stack_fit::check(plan, self.workplace.settings.node_image.as_deref())
                    .map_err(Seen::new)?;
                let images = needed::pulled_by_nodes(plan, &self.workplace.settings);
                let request = plan::Request {
                    name: &plan.name,
                    run: &scene.surroundings.run,
                    owner: &scene.surroundings.owner,
                    topology: &plan.topology,
                    needs: needs(plan),
                    settings: &self.workplace.settings,
                    images: &images,
                    engine: facts,
                    folder: &self.workplace.folder,
                };
                plan::make(&request).map_err(|problems| Seen::new(problems.to_string()))
            })
            .await
    }

    /// A cluster of that name, whoever made it, is left alone.
    async fn must_be_free(
        &self,
        scene: &Scene,
        engine: &Engine,
        name: &ClusterName,
    ) -> Result<(), ActionError> {
        scene
            .act("name", Place::Cluster, self.deadlines().request * 2, async |_| {
                let there = removal::containers(engine, name.as_str(), Whose::Anybody).await?;
                match there.first() {
                    None => Ok(()),
                    Some(container) => Err(Seen::new(format!(
                        "there is a cluster `{name}` already, with container {}; {}",
                        container.name,
                        whose(container)
                    ))),
                }
            })
            .await
    }

    /// Finds addresses for load balancers and holds them for the cluster.
    async fn take_pools(
        &self,
        plan: &ClusterPlan,
        scene: &Scene,
        engine: &Engine,
        network: &NetworkState,
    ) -> Result<Vec<Cidr>, ActionError> {
        let deadline = self.deadlines().request * 2;
        let work = async |_: &Progress<'_>| {
            let others = engine.list_containers(&[(label::ADDRESS_POOL, None)]).await?;
            let mut held: Vec<Cidr> = others
                .iter()
                .filter_map(|container| container.labels.get(label::ADDRESS_POOL))
                .flat_map(|blocks| address_pool::from_label(blocks))
                .collect();
            let mut pools = self.pools.lock();
            let mine = pools.iter().filter(|(name, _)| **name != plan.name);
            held.extend(mine.flat_map(|(_, blocks)| blocks.iter().copied()));
            let family = plan.topology.networking.ip_family;
            let blocks = address_pool::blocks(network, family, plan.name.as_str(), &held)
                .map_err(|error| Seen::new(error.to_string()))?;
            pools.insert(plan.name.clone(), blocks.clone());
            Ok(blocks)
        };
        scene.act("load balancer addresses", Place::Cluster, deadline, work).await
    }
}

impl KindProvider {
    /// What a cluster of this plan is made from, as far as it cannot be seen once it is up.
    pub fn shape(&self, plan: &ClusterPlan) -> Shape {
        Shape::of(&plan.topology, needs(plan), &self.workplace.folder)
    }

    /// Takes a cluster that runs already, whoever made it, to install this Cilium on it. It is used
    /// and stays: taking it away is its owner's business.
    ///
    /// # Errors
    ///
    /// When there is no such cluster, or it does not work.
    pub async fn adopt(
        &self,
        name: &ClusterName,
        surroundings: &Surroundings,
        cilium: Option<CiliumVersion>,
    ) -> Result<Arc<dyn Cluster>, ProviderError> {
        let scene = Scene { cluster: name.clone(), surroundings: surroundings.clone() };
        let adopted = async {
            let connection = self.connect(&scene, None).await?;
            Box::pin(adoption::adopt(&scene, connection, &self.workplace, &self.own_images, cilium))
                .await
        };
        match adopted.await {
            Ok(cluster) => Ok(Arc::new(cluster)),
            Err(error) => Err(ProviderError {
                operation: format!("use kind cluster {name}"),
                detail: error.to_string(),
                source: None,
            }),
        }
    }
}

impl KindProvider {
    /// The network as it is once containers are attached, and the cluster's addresses in it. Until
    /// then it could lose against one that somebody else made at the same time; then the subnets
    /// are others, and so must be the addresses. And another run may have chosen the same
    /// addresses before they were on a label.
    async fn settled_pools(
        &self,
        plan: &ClusterPlan,
        scene: &Scene,
        engine: &Engine,
        before: NetworkState,
        pools: Vec<Cidr>,
    ) -> Result<(NetworkState, Vec<Cidr>), ActionError> {
        let deadline = self.deadlines().request * 2;
        let network = scene
            .act("look at network", Place::Cluster, deadline, async |_| {
                let gone =
                    || Seen::new(format!("there is no Docker network {} any more", before.name));
                engine.inspect_network(&before.name).await?.ok_or_else(gone)
            })
            .await?;
        let others = scene
            .act("look at addresses", Place::Cluster, deadline, async |_| {
                Ok(engine.list_containers(&[(label::ADDRESS_POOL, None)]).await?)
            })
            .await?;
        let held = others.iter().filter_map(|container| {
            let label = |name: &str| container.labels.get(name);
            Some((label(label::CLUSTER)?.as_str(), label(label::ADDRESS_POOL)?.as_str()))
        });
        let is_lost = address_pool::is_lost(plan.name.as_str(), &pools, held);
        if network.subnets == before.subnets && !is_lost {
            return Ok((network, pools));
        }
        let pools = self.take_pools(plan, scene, engine, &network).await?;
        Ok((network, pools))
    }
}

/// What the trials of a cluster ask of it; without trials it is made for Cilium alone.
fn needs(plan: &ClusterPlan) -> StackNeeds {
    plan.trials
        .first()
        .map_or(StackNeeds { services: ServicesBy::Cilium }, |trial| StackNeeds::of(&trial.config))
}

/// Writes a label on the cluster's nodes, where other clusters and later runs look for it.
fn mark(plan: &mut KindPlan, label: &str, value: &str) {
    for node in &mut plan.nodes {
        node.container.labels.insert(label.to_owned(), value.to_owned());
    }
}

#[async_trait]
impl Provider for KindProvider {
    fn kind(&self) -> ProviderKind {
        ProviderKind::Kind
    }

    async fn provision(
        &self,
        plan: &ClusterPlan,
        surroundings: &Surroundings,
    ) -> Result<Arc<dyn Cluster>, ProviderError> {
        let scene = Scene { cluster: plan.name.clone(), surroundings: surroundings.clone() };
        let begin = |engine: &Engine| {
            let attempt = Attempt {
                creations: Creations::new(engine.clone(), Arc::clone(&surroundings.ledger)),
                transcripts: Transcripts::default(),
            };
            self.attempts().insert(plan.name.clone(), attempt.clone());
            attempt
        };
        match Box::pin(self.bring_up(plan, &scene, begin)).await {
            Ok(cluster) => {
                self.attempts().remove(&plan.name);
                Ok(Arc::new(cluster))
            }
            Err(error) => Err(ProviderError {
                operation: format!("bring up kind cluster {}", plan.name),
                detail: error.to_string(),
                source: None,
            }),
        }
    }

    async fn abandon(
        &self,
        plan: &ClusterPlan,
        surroundings: &Surroundings,
        remains: Remains,
    ) -> Result<Vec<PathBuf>, ProviderError> {
        let attempt = self.attempts().remove(&plan.name);
        let connection = self.connection.get();
        let (Some(attempt), Some(Connection { engine, .. })) = (attempt, connection) else {
            self.pools.release(&plan.name);
            return Ok(Vec::new());
        };
        let fail = |detail: String| ProviderError {
            operation: format!("clean up after kind cluster {}", plan.name),
            detail,
            source: None,
        };
        let deadlines = self.deadlines();
        let Attempt { creations, transcripts } = attempt;
        let all_ended = creations.close(deadlines.request).await;
        let whose = Whose::Run(&surroundings.run);
        let folder = surroundings.evidence.join(plan.name.as_str());
        let name = plan.name.as_str();
        let mut written = Vec::new();
        // An empty folder is for nobody.
        if !surroundings.evidence.as_os_str().is_empty() {
            written = collect_remains(engine, name, whose, &folder, deadlines.evidence).await;
        }
        if !written.is_empty() {
            written.extend(transcripts.save(&folder).await);
            written.sort();
        }
        if remains == Remains::Keep {
            kept::mark(engine, name, surroundings)
                .await
                .map_err(|error| fail(error.to_string()))?;
            creations.hand_over().map_err(|seen| fail(seen.to_string()))?;
            return Ok(written);
        }
        let removed = removal::remove(engine, name, whose, deadlines.removal).await;
        let removed = match removed {
            Ok(removed) => removed,
            Err(remaining) => return Err(fail(remaining.to_string())),
        };
        self.pools.release(&plan.name);
        let unknown = creations.strike(&removed, &[]).map_err(|seen| fail(seen.to_string()))?;
        if !unknown.is_empty() || !all_ended {
            return Err(fail(format!(
                "the engine has not said whether it created {}; if it did after all, `gateproof \
                 clean` removes it",
                unknown.join(", ")
            )));
        }
        Ok(written)
    }

    fn limits(&self) -> Limits {
        let Deadlines { evidence, removal, request, .. } = *self.deadlines();
        Limits { evidence: evidence + request + GRACE, removal: removal + GRACE }
    }
}
