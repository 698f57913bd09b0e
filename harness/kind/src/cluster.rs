//! A kind cluster that is up, as the harness uses it.
//!
//! Everything goes to the real thing: requests to its API server, probes to its nodes. What
//! happens to the containers meanwhile is watched, so that no verdict rests on a node that died.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicU32;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use gateproof_core::cilium::CiliumVersion;
use gateproof_core::cluster::{Node, Subject};
use gateproof_core::name::{ClusterName, NodeName};
use gateproof_core::scenario::ObjectRef;
use gateproof_kubernetes::wait::{self, unreadable};
use gateproof_kubernetes::{
    AddressBook, Client, Cluster, Component, Poll, ProviderError, StackRequest, Surroundings,
};
use gateproof_probe::Prober;
use gateproof_stack::target::Beside;
use gateproof_stack::{ApiServer, ClusterFacts, KubeProxy, Kubeconfig, LoadBalancing, Target};

use crate::actions::Seen;
use crate::actions::create::Creations;
use crate::address_book::KindBook;
use crate::api_endpoint::ApiEndpoint;
use crate::bring_up::Access;
use crate::cidr::Cidr;
use crate::container::ContainerState;
use crate::engine::Engine;
use crate::evidence::{self, remains};
use crate::helm::{self, ContainerHelm};
use crate::kept;
use crate::kubeconfig::{self, KubeconfigError, Server};
use crate::network::NetworkState;
use crate::provider::Pools;
use crate::removal::{self, Whose};
use crate::settings::{Deadlines, Settings};
use crate::transcript::Transcripts;
use crate::watch::Watch;

/// Where nodes announce the addresses of load balancers: Docker's first interface, as every node
/// of a kind cluster has it.
const ANNOUNCE_ON: &str = "^eth0$";

/// How long Cilium's operator may take to see a change before claims are judged regardless.
const SETTLE_WITHIN: Duration = Duration::from_secs(10);

/// How long an API server may not answer a simple question.
const LOOK_FOR: Duration = Duration::from_secs(20);

/// Between two such questions.
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// A cluster that is up.
pub struct KindCluster {
    name: ClusterName,
    nodes: Vec<Node>,
    os_images: Vec<String>,
    containers: Vec<ContainerState>,
    client: Client,
    kubeconfigs: Kubeconfigs,
    facts: ClusterFacts,
    network: NetworkState,
    pools: Vec<Cidr>,
    book: Arc<KindBook>,
    prober: Arc<dyn Prober>,
    own_image: String,
    engine: Engine,
    belongs: Belongs,
    surroundings: Surroundings,
    deadlines: Deadlines,
    stack: gateproof_stack::Settings,
    helm: HelmChoices,
    version: Mutex<Option<CiliumVersion>>,
    watch: Watch,
    transcripts: Transcripts,
}

impl fmt::Debug for KindCluster {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KindCluster")
            .field("name", &self.name)
            .field("nodes", &self.nodes)
            .field("pools", &self.pools)
            .finish_non_exhaustive()
    }
}

/// Whose a cluster is.
#[derive(Debug, Clone)]
pub(crate) enum Belongs {
    /// The run's, which takes it away.
    ToRun {
        /// What was created for it.
        creations: Creations,
        /// Where its addresses are held.
        held: Arc<Pools>,
    },
    /// Somebody else's; it is used and stays.
    ToSomebodyElse,
}

/// What a cluster is made of.
pub(crate) struct Parts {
    pub(crate) name: ClusterName,
    pub(crate) facts: ClusterFacts,
    pub(crate) own_image: String,
    pub(crate) prober: Arc<dyn Prober>,
    pub(crate) access: Access,
    pub(crate) containers: Vec<ContainerState>,
    pub(crate) nodes: Vec<Node>,
    pub(crate) engine: Engine,
    pub(crate) network: NetworkState,
    pub(crate) pools: Vec<Cidr>,
    pub(crate) transcripts: Transcripts,
    pub(crate) belongs: Belongs,
    pub(crate) surroundings: Surroundings,
    pub(crate) deadlines: Deadlines,
    pub(crate) stack: gateproof_stack::Settings,
    pub(crate) helm: HelmChoices,
}

/// What a user chose about Helm in a container.
#[derive(Debug, Clone)]
pub(crate) struct HelmChoices {
    image: String,
    proxies: BTreeMap<String, String>,
    created: String,
}

impl HelmChoices {
    pub(crate) fn of(settings: &Settings) -> Self {
        Self {
            image: settings.helm_image.clone(),
            proxies: settings.proxies.clone(),
            created: settings.created.clone(),
        }
    }
}

/// The administrator's kubeconfig for both vantages. Secret.
#[derive(Debug, Clone)]
struct Kubeconfigs {
    here: Kubeconfig,
    beside: Kubeconfig,
}

impl Kubeconfigs {
    fn of(
        cluster: &str,
        endpoint: &ApiEndpoint,
        admin_conf: &str,
    ) -> Result<Self, KubeconfigError> {
        let here =
            Server::At { url: &endpoint.server, certificate_name: endpoint.certificate_name };
        Ok(Self {
            here: Kubeconfig::new(kubeconfig::rewrite(admin_conf, cluster, here)?),
            beside: Kubeconfig::new(kubeconfig::rewrite(admin_conf, cluster, Server::Internal)?),
        })
    }
}

impl KindCluster {
    pub(crate) async fn new(parts: Parts) -> Result<Self, Seen> {
        let Parts { name, access, containers, nodes, engine, surroundings, .. } = parts;
        let Access { client, endpoint, admin_conf } = access;
        let kubeconfigs = Kubeconfigs::of(name.as_str(), &endpoint, &admin_conf)
            .map_err(|error| Seen::new(error.to_string()))?;
        let (host, port) = endpoint.internal;
        let os_images = os_images(&client).await?;
        let book = KindBook::new(&nodes);
        book.set_pools(parts.pools.clone());
        let watch = Watch::start(&engine, &containers);
        Ok(Self {
            name,
            nodes,
            os_images,
            containers,
            client,
            kubeconfigs,
            facts: ClusterFacts { api_server: Some(ApiServer { host, port }), ..parts.facts },
            network: parts.network,
            pools: parts.pools,
            book: Arc::new(book),
            prober: parts.prober,
            own_image: parts.own_image,
            engine,
            belongs: parts.belongs,
            surroundings,
            deadlines: parts.deadlines,
            stack: parts.stack,
            helm: parts.helm,
            version: Mutex::default(),
            watch,
            transcripts: parts.transcripts,
        })
    }

    /// The same cluster, on which this Cilium will be installed: reports name it before it is.
    pub(crate) fn expecting(self, cilium: Option<CiliumVersion>) -> Self {
        Self { version: Mutex::new(cilium), ..self }
    }

    /// The addresses for load balancers that are used for a request: those that the scenario asks
    /// for, else the cluster's own.
    fn pools(&self, request: &StackRequest) -> Vec<String> {
        if request.address_pools.is_empty() {
            self.pools.iter().map(ToString::to_string).collect()
        } else {
            request.address_pools.clone()
        }
    }

    /// Of these blocks those that lie in the cluster's network. Whatever lies outside leads to
    /// somebody else, and no probe goes there.
    fn reachable(&self, pools: &[String]) -> Vec<Cidr> {
        let subnets: Vec<Cidr> =
            self.network.subnets.iter().filter_map(|subnet| subnet.parse().ok()).collect();
        pools
            .iter()
            .filter_map(|pool| pool.parse::<Cidr>().ok())
            .filter(|pool| {
                subnets.iter().any(|subnet| {
                    subnet.length() <= pool.length() && subnet.contains(pool.network())
                })
            })
            .collect()
    }

    /// Helm on the cluster's network.
    fn beside(&self) -> Beside {
        let host = self.facts.api_server.as_ref().map_or("", |server| server.host.as_str());
        let helm = ContainerHelm {
            engine: self.engine.clone(),
            image: self.helm.image.clone(),
            cluster: self.name.to_string(),
            network: self.network.name.clone(),
            env: helm::environment(&self.helm.proxies, host, &self.network.subnets),
            surroundings: self.surroundings.clone(),
            created: self.helm.created.clone(),
            deadlines: self.deadlines,
            count: AtomicU32::new(0),
        };
        Beside { helm: Arc::new(helm), kubeconfig: self.kubeconfigs.beside.clone() }
    }

    fn fail(&self, what: &str, detail: impl Into<String>) -> ProviderError {
        ProviderError {
            operation: format!("{what} kind cluster {}", self.name),
            detail: detail.into(),
            source: None,
        }
    }
}

/// What the nodes say of their operating system: a stand-in of a node says that it is one.
async fn os_images(client: &Client) -> Result<Vec<String>, Seen> {
    let nodes = client.list("v1", "Node", None).await.map_err(|e| Seen::new(e.to_string()))?;
    let image = |node: &serde_json::Value| {
        node["status"]["nodeInfo"]["osImage"].as_str().map(str::to_owned)
    };
    Ok(nodes.iter().filter_map(image).collect())
}

/// Whether kube-proxy runs in a cluster.
pub(crate) async fn kube_proxy(client: &Client) -> Result<KubeProxy, Seen> {
    let object = ObjectRef {
        api_version: "apps/v1".to_owned(),
        kind: "DaemonSet".to_owned(),
        namespace: Some("kube-system".to_owned()),
        name: "kube-proxy".to_owned(),
    };
    let look = || async {
        match client.get(&object).await {
            Ok(Some(_)) => Poll::Ready(KubeProxy::Present),
            Ok(None) => Poll::Ready(KubeProxy::Absent),
            Err(error) => unreadable(&error),
        }
    };
    Ok(wait::until(LOOK_FOR, LOOK_EVERY, |_| (), look).await?)
}

#[async_trait]
impl Cluster for KindCluster {
    fn name(&self) -> &ClusterName {
        &self.name
    }

    fn subject(&self) -> Subject {
        let version = self.version.lock().unwrap_or_else(PoisonError::into_inner);
        match &*version {
            Some(version) => Subject::installed(version, self.os_images.iter().map(String::as_str)),
            None => Subject::Cilium { version: "(none installed)".to_owned() },
        }
    }

    fn client(&self) -> Client {
        self.client.clone()
    }

    fn nodes(&self) -> Vec<Node> {
        self.nodes.clone()
    }

    fn kubernetes_name(&self, node: &NodeName) -> NodeName {
        NodeName::new(format!("{}-{node}", self.name))
    }

    fn address_book(&self) -> Arc<dyn AddressBook> {
        Arc::clone(&self.book) as Arc<dyn AddressBook>
    }

    fn prober(&self) -> Arc<dyn Prober> {
        Arc::clone(&self.prober)
    }

    fn own_image(&self) -> String {
        self.own_image.clone()
    }

    async fn install(&self, stack: &StackRequest) -> Result<(), ProviderError> {
        let pools = self.pools(stack);
        self.book.set_pools(self.reachable(&pools));
        let target = Target {
            cluster: self.name.to_string(),
            client: self.client.clone(),
            kubeconfig: self.kubeconfigs.here.clone(),
            beside: Some(self.beside()),
            facts: self.facts.clone(),
            load_balancing: Some(LoadBalancing {
                pools,
                announce_on: vec![ANNOUNCE_ON.to_owned()],
            }),
        };
        *self.version.lock().unwrap_or_else(PoisonError::into_inner) = Some(stack.cilium.clone());
        let installing = gateproof_stack::install(&target, stack, &self.stack, &self.surroundings);
        // Boxed, because it is large.
        Box::pin(installing).await.map_err(|error| {
            self.fail(&format!("install Cilium {} in", stack.cilium), error.in_words())
        })?;
        Ok(())
    }

    fn problems(&self) -> Vec<String> {
        self.watch.problems()
    }

    /// Returns once Cilium's operator has seen every change made before. What it has not seen in
    /// time is for the claims to judge: an operator that does not answer is Cilium's failure.
    async fn settle(&self) -> Result<(), ProviderError> {
        let unseen = gateproof_stack::settle(&self.client, SETTLE_WITHIN).await;
        let unseen = unseen.map_err(|error| self.fail("settle", error.in_words()))?;
        for what in unseen {
            tracing::debug!(cluster = %self.name, what, "not seen by Cilium's operator in time");
        }
        Ok(())
    }

    async fn logs(&self, component: &Component) -> Result<String, ProviderError> {
        let node = match component {
            Component::CiliumAgent(node) | Component::Envoy(node) => {
                Some(self.kubernetes_name(node))
            }
            Component::CiliumOperator | Component::CertManager => None,
        };
        let node = node.as_ref().map(NodeName::as_str);
        gateproof_stack::logs(&self.client, component, node)
            .await
            .map_err(|error| self.fail("read logs of", error.in_words()))
    }

    async fn collect_evidence(&self, folder: &Path) -> Result<Vec<PathBuf>, ProviderError> {
        // As they are now: a node that has ended since cannot run commands.
        let now = match self.belongs {
            Belongs::ToRun { .. } => Whose::Run(&self.surroundings.run),
            Belongs::ToSomebodyElse => Whose::Anybody,
        };
        let started = Instant::now();
        let (name, deadline) = (self.name.as_str(), self.deadlines.evidence);
        let containers = remains::containers(&self.engine, name, now, deadline / 2).await;
        let containers = containers.unwrap_or_else(|_| self.containers.clone());
        let left = deadline.saturating_sub(started.elapsed());
        let collected = evidence::collect(&self.engine, &containers, folder, left).await;
        let mut written =
            collected.map_err(|error| self.fail("collect evidence of", error.to_string()))?;
        written.extend(self.transcripts.save(folder).await);
        written.sort();
        Ok(written)
    }

    async fn keep(&self) -> Result<(), ProviderError> {
        let Belongs::ToRun { creations, .. } = &self.belongs else { return Ok(()) };
        self.watch.stop();
        kept::mark(&self.engine, self.name.as_str(), &self.surroundings)
            .await
            .map_err(|error| self.fail("keep", error.to_string()))?;
        creations.hand_over().map_err(|seen| self.fail("keep", seen.to_string()))
    }

    async fn teardown(&self) -> Result<(), ProviderError> {
        self.watch.stop();
        let Belongs::ToRun { creations, held } = &self.belongs else { return Ok(()) };
        creations.close(self.deadlines.request).await;
        let whose = Whose::Run(&self.surroundings.run);
        let removed =
            removal::remove(&self.engine, self.name.as_str(), whose, self.deadlines.removal)
                .await
                .map_err(|remaining| self.fail("remove", remaining.to_string()))?;
        held.release(&self.name);
        creations
            .strike(&removed, &[])
            .map(|_| ())
            .map_err(|seen| self.fail("remove", seen.to_string()))
    }
}
