//! One embedded cluster: its API, its controllers and its data plane, started and stopped together.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use gateproof_core::cilium::CiliumVersion;
use gateproof_core::cluster::{Node, Subject};
use gateproof_core::name::ClusterName;
use gateproof_core::plan::ClusterPlan;
use gateproof_kubernetes::{AddressBook, Client, Cluster, Component, ProviderError, StackRequest};
use gateproof_model::Unmodelled;
use serde_json::{Value, json};

use super::nodes::{control_plane, nodes};
use super::stack_objects::{Cidr, GATEWAY_CLASS_NAME, INSTALLED, objects};
use crate::address::{AddressBlock, LoopbackBook};
use crate::api::server::ServeError;
use crate::api::{ApiServer, Clock, Part, Store, service};
use crate::controllers::cilium::{NodeFaults, Stack};
use crate::controllers::kind::{CONFIG_MAP, DAEMON_SET, GATEWAY_CLASS, NAMESPACE, NODE};
use crate::controllers::kubernetes::namespace::{AUTHORITY_NAMESPACE, ROOT_AUTHORITY};
use crate::controllers::kubernetes::node::node_object;
use crate::controllers::object::{identity, label, skeleton};
use crate::controllers::write::{FieldManager, Write, perform};
use crate::controllers::{ComponentLogs, Controllers, Installation, Surroundings};
use crate::dataplane::{AccessRecord, Applied, DataPlane};

/// Namespaces that every cluster has.
const NAMESPACES: [&str; 3] = ["default", "kube-system", "kube-public"];

/// An embedded cluster. Dropping it ends every task and closes every socket.
pub struct EmbeddedCluster {
    name: ClusterName,
    nodes: Vec<Node>,
    store: Store,
    client: Client,
    logs: ComponentLogs,
    controllers: Controllers,
    data_plane: Arc<DataPlane>,
    version: Mutex<Option<CiliumVersion>>,
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
        };
        let taint = control_plane(&cluster.nodes);
        let now = clock.now();
        let mut writes: Vec<Write> = Vec::new();
        for namespace in NAMESPACES {
            writes.push(Write::Apply(FieldManager::Helm, skeleton(NAMESPACE, None, namespace)));
        }
        for node in &cluster.nodes {
            let object = node_object(node, taint, &now);
            let mut status = skeleton(NODE, None, node.name.as_str());
            status["status"] = object["status"].clone();
            writes.push(Write::Apply(FieldManager::Kubelet, object));
            writes.push(Write::ApplyStatus(FieldManager::Kubelet, status));
        }
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

    async fn settle_for(&self, operation: &str) -> Result<(), ProviderError> {
        self.controllers
            .settled(self.store.revision())
            .await
            .map_err(|stopped| refusal(operation, stopped.to_string()))
    }

    fn write(&self, operation: &str, writes: Vec<Write>) -> Result<(), ProviderError> {
        for write in writes {
            let description = write.describe();
            perform(&self.store, write).map_err(|error| {
                refusal(operation, format!("the embedded API refused to {description}: {error}"))
            })?;
        }
        Ok(())
    }

    fn book(&self) -> Arc<LoopbackBook> {
        self.data_plane.address_book()
    }

    /// Objects of an earlier installation that this one does not make.
    fn obsolete(&self, wanted: &[Value]) -> Vec<Write> {
        let is_wanted = |object: &Value| wanted.iter().any(|one| identity(one) == identity(object));
        self.store
            .all()
            .into_iter()
            .filter(|object| {
                let kind = object.get("kind").and_then(Value::as_str).unwrap_or_default();
                let object_name = crate::controllers::object::name(object);
                let class = kind == GATEWAY_CLASS.kind && object_name == GATEWAY_CLASS_NAME;
                let envoy = kind == DAEMON_SET.kind && object_name == "cilium-envoy";
                class || envoy || label(object, INSTALLED.0) == Some(INSTALLED.1)
            })
            .filter(|object| !is_wanted(object))
            .map(|object| Write::Delete(identity(&object)))
            .collect()
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

fn refusal(operation: &str, detail: String) -> ProviderError {
    ProviderError { operation: operation.to_owned(), detail, source: None }
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
        let operation = format!("install Cilium {} in cluster {}", stack.cilium, self.name);
        let own = Vec::from_iter(self.data_plane.block().load_balancer_pool());
        let written = if stack.address_pools.is_empty() { &own } else { &stack.address_pools };
        let pools = written
            .iter()
            .map(|pool| Cidr::parse(pool))
            .collect::<Result<Vec<_>, _>>()
            .map_err(|detail| refusal(&operation, detail))?;
        for pool in &pools {
            self.book().admit(pool.network, pool.prefix_length);
        }
        *self.version.lock().unwrap_or_else(PoisonError::into_inner) = Some(stack.cilium.clone());
        self.logs.clear();
        let wanted = objects(stack, &pools, &self.nodes);
        let mut writes = self.obsolete(&wanted);
        writes.extend(wanted.into_iter().map(|object| Write::Apply(FieldManager::Helm, object)));
        self.write(&operation, writes)?;
        let installed = Stack {
            version: stack.cilium.clone(),
            config: stack.config.clone(),
            faults: NodeFaults::resolve(&stack.faults, &self.nodes),
            started_with: BTreeMap::new(),
        };
        self.controllers
            .install(installed, self.store.revision())
            .await
            .map_err(|stopped| refusal(&operation, stopped.to_string()))
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
