//! One embedded cluster: its API, its controllers and its data plane, started and stopped together.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use gateproof_core::cert_manager::{GatewaySupport, gateway_support, with_switches};
use gateproof_core::cilium::CiliumVersion;
use gateproof_core::cluster::{Node, Subject};
use gateproof_core::name::ClusterName;
use gateproof_core::plan::ClusterPlan;
use gateproof_core::versions::CERT_MANAGER;
use gateproof_kubernetes::{AddressBook, Client, Cluster, Component, ProviderError, StackRequest};
use gateproof_model::Unmodelled;
use serde_json::json;

use super::installation::Revision;
use super::nodes::{control_plane, nodes};
use crate::address::{AddressBlock, LoopbackBook};
use crate::api::server::ServeError;
use crate::api::{ApiServer, Clock, ClockWithPast, Part, Store, service};
use crate::controllers::cluster_dns;
use crate::controllers::kind::{CONFIG_MAP, NAMESPACE};
use crate::controllers::kubernetes::namespace::{AUTHORITY_NAMESPACE, ROOT_AUTHORITY};
use crate::controllers::kubernetes::node::{NodeState, node_writes};
use crate::controllers::object::skeleton;
use crate::controllers::write::{FieldManager, Write, perform};
use crate::controllers::{ComponentLogs, Controllers, Installation, Surroundings};
use crate::dataplane::{AccessRecord, Applied, DataPlane};

/// Namespaces that every cluster has.
const NAMESPACES: [&str; 3] = ["default", "kube-system", "kube-public"];

/// An embedded cluster. Dropping it ends every task and closes every socket.
pub struct EmbeddedCluster {
    pub(super) name: ClusterName,
    pub(super) nodes: Vec<Node>,
    pub(super) store: Store,
    pub(super) client: Client,
    pub(super) logs: ComponentLogs,
    pub(super) controllers: Controllers,
    pub(super) data_plane: Arc<DataPlane>,
    pub(super) version: Mutex<Option<CiliumVersion>>,
    pub(super) clock: Arc<ClockWithPast>,
    pub(super) releases: Mutex<Vec<Revision>>,
}

impl EmbeddedCluster {
    /// Brings up nodes and the API; Kubernetes' own controllers run, nothing is installed.
    pub(super) async fn start(
        plan: &ClusterPlan,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, ProviderError> {
        let operation = format!("provision cluster {}", plan.name);
        let block = AddressBlock::claim().map_err(|error| ProviderError {
            operation: operation.clone(),
            detail: error.to_string(),
            source: Some(Box::new(error)),
        })?;
        block.must_carry().await.map_err(|error| ProviderError {
            operation: operation.clone(),
            detail: error.to_string(),
            source: Some(Box::new(error)),
        })?;
        let nodes = nodes(&plan.topology, &block).map_err(|detail| refusal(&operation, detail))?;
        let with_past = Arc::new(ClockWithPast::new(clock));
        let clock: Arc<dyn Clock> = Arc::clone(&with_past) as Arc<dyn Clock>;
        let store = Store::new(Arc::clone(&clock));
        let data_plane = Arc::new(DataPlane::new(block));
        let logs = ComponentLogs::default();
        let mut cluster = Self {
            name: plan.name.clone(),
            client: Client::over(service(store.clone())),
            controllers: Controllers::start(Surroundings {
                store: store.clone(),
                clock: Arc::clone(&clock),
                data_plane: Some(Arc::clone(&data_plane)),
                logs: logs.clone(),
                installation: Installation::Told,
            }),
            nodes,
            store,
            logs,
            data_plane,
            version: Mutex::new(plan.trials.first().map(|trial| trial.cilium.clone())),
            clock: with_past,
            releases: Mutex::default(),
        };
        let taint = control_plane(&cluster.nodes);
        let now = clock.now();
        let mut writes: Vec<Write> = Vec::new();
        for namespace in NAMESPACES {
            writes.push(Write::Apply(FieldManager::Helm, skeleton(NAMESPACE, None, namespace)));
        }
        for node in &cluster.nodes {
            writes.extend(node_writes(node, taint, NodeState::Ready, &now));
        }
        let mut names = skeleton(CONFIG_MAP, Some(cluster_dns::NAMESPACE), cluster_dns::CONFIG);
        names["data"] = json!({"Corefile": cluster_dns::COREFILE});
        writes.push(Write::Apply(FieldManager::Helm, names));
        cluster.write(&operation, writes)?;
        cluster.nodes.sort_by(|one, other| one.name.cmp(&other.name));
        cluster.settle_for(&operation).await?;
        Ok(cluster)
    }

    /// The cluster's objects, without the way over its API.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// Serves the API on a loopback socket, for kubectl and any other client.
    ///
    /// # Errors
    ///
    /// When no socket can be opened or no certificate made.
    pub async fn serve_api(&self) -> Result<ApiServer, ServeError> {
        let server = ApiServer::start(service(self.store.clone()), self.name.as_str()).await?;
        let mut authority = skeleton(CONFIG_MAP, Some(AUTHORITY_NAMESPACE), ROOT_AUTHORITY);
        authority["data"] = json!({"ca.crt": server.access().authority});
        let manager = FieldManager::KubeControllerManager.as_str();
        if let Err(error) = self.store.apply(manager, authority, Part::Whole) {
            tracing::warn!(%error, "failed to publish the API server's certificate authority");
        }
        Ok(server)
    }

    /// What is asked of this cluster and not covered by the reference model or the embedded
    /// controllers, as of the newest pass. A trial that depends on it is inconclusive.
    pub fn unmodelled(&self) -> Vec<Unmodelled> {
        self.controllers.findings().unmodelled
    }

    /// What came of the newest program of the data plane.
    pub fn data_plane_state(&self) -> Applied {
        self.controllers.findings().applied
    }

    /// The newest requests and refused connections, oldest first.
    pub fn access_log(&self) -> Vec<AccessRecord> {
        self.data_plane.access_log()
    }

    /// Returns once the controllers have worked through everything that exists now.
    ///
    /// # Errors
    ///
    /// When the cluster has been taken away.
    pub async fn settled(&self) -> Result<(), ProviderError> {
        self.settle_for(&format!("settle cluster {}", self.name)).await
    }

    pub(super) async fn settle_for(&self, operation: &str) -> Result<(), ProviderError> {
        self.controllers
            .settled(self.store.revision())
            .await
            .map_err(|stopped| refusal(operation, stopped.to_string()))
    }

    pub(super) fn write(&self, operation: &str, writes: Vec<Write>) -> Result<(), ProviderError> {
        for write in writes {
            let description = write.describe();
            perform(&self.store, write).map_err(|error| {
                refusal(operation, format!("the embedded API refused to {description}: {error}"))
            })?;
        }
        Ok(())
    }

    pub(super) fn book(&self) -> Arc<LoopbackBook> {
        self.data_plane.address_book()
    }
}

impl fmt::Debug for EmbeddedCluster {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EmbeddedCluster")
            .field("name", &self.name)
            .field("store", &self.store)
            .finish_non_exhaustive()
    }
}

pub(super) fn refusal(operation: &str, detail: String) -> ProviderError {
    ProviderError { operation: operation.to_owned(), detail, source: None }
}

/// Whether cert-manager would make certificates for Gateways with the values of a request.
fn cert_manager_support(stack: &StackRequest) -> GatewaySupport {
    let asked = stack.cert_manager.as_deref().and_then(|version| version.parse().ok());
    let version = asked.unwrap_or_else(|| CERT_MANAGER[0].version());
    gateway_support(&version, &with_switches(&version, &stack.cert_manager_values))
}

#[async_trait]
impl Cluster for EmbeddedCluster {
    fn name(&self) -> &ClusterName {
        &self.name
    }

    fn subject(&self) -> Subject {
        let version = self.version.lock().unwrap_or_else(PoisonError::into_inner);
        let cilium = match &*version {
            Some(version) => format!("1.{}", version.minor()),
            None => "(none installed)".to_owned(),
        };
        Subject::ReferenceModel { cilium }
    }

    fn client(&self) -> Client {
        self.client.clone()
    }

    fn nodes(&self) -> Vec<Node> {
        self.nodes.clone()
    }

    fn address_book(&self) -> Arc<dyn AddressBook> {
        self.book()
    }

    async fn install(&self, stack: &StackRequest) -> Result<(), ProviderError> {
        if cert_manager_support(stack) == GatewaySupport::Off {
            let operation = format!("install Cilium {} in cluster {}", stack.cilium, self.name);
            let detail = "the values for cert-manager switch its support for Gateways off, which \
                          this cluster does not follow; use --provider kind";
            return Err(refusal(&operation, detail.to_owned()));
        }
        self.install_stack(stack).await
    }

    /// Nothing here waits for anything but the controllers, and those take milliseconds; the rest
    /// is for a busy machine.
    fn settles_within(&self) -> Option<Duration> {
        Some(Duration::from_secs(10))
    }

    async fn settle(&self) -> Result<(), ProviderError> {
        self.settled().await
    }

    fn not_covered(&self) -> Vec<String> {
        self.unmodelled().iter().map(ToString::to_string).collect()
    }

    /// Writes that the API refused, controllers that do not settle or have died, sockets that
    /// could not be opened, and what this machine denied the data plane.
    fn problems(&self) -> Vec<String> {
        let findings = self.controllers.findings();
        let mut problems = findings.refused_writes;
        if self.controllers.have_died() {
            problems.push(format!(
                "the controllers of cluster {} panicked, so nothing follows changes any more; \
                 standard error has the panic, please report it",
                self.name
            ));
        }
        problems.extend(self.data_plane.shortages());
        if let Some(changes) = findings.livelock {
            problems.push(format!(
                "the controllers of cluster {} do not settle; what keeps changing: {}",
                self.name,
                changes.join("; ")
            ));
        }
        problems.extend(findings.applied.closed.iter().map(|closed| {
            format!("{}:{} could not be opened: {}", closed.address, closed.port, closed.reason)
        }));
        problems
    }

    async fn logs(&self, component: &Component) -> Result<String, ProviderError> {
        Ok(self.logs.read(component))
    }

    async fn teardown(&self) -> Result<(), ProviderError> {
        self.controllers.shutdown().await;
        self.data_plane.shutdown().await;
        Ok(())
    }
}
