//! Clusters to look at: embedded ones on which a scenario has run and which stay.

use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use gateproof_core::cluster::{Node, ProviderKind, Subject};
use gateproof_core::event::Event;
use gateproof_core::name::ClusterName;
use gateproof_core::plan::selection::Selection;
use gateproof_core::plan::{self, ClusterPlan};
use gateproof_core::scenario::{Fault, catalog};
use gateproof_core::verdict::Verdict;
use gateproof_embedded::{EmbeddedCluster, EmbeddedProvider};
use gateproof_kubernetes::{
    AddressBook, Client, Cluster, Component, Provider, ProviderError, StackRequest, Surroundings,
};
use gateproof_runner::interrupt::Interrupt;
use gateproof_runner::{Options, clock, discover};

use crate::proxy::{Manners, Proxy};
use crate::support::{Place, Run};

/// An embedded cluster that stays when the run that filled it is over.
pub(crate) struct Bed {
    pub(crate) cluster: Arc<EmbeddedCluster>,
    pub(crate) place: Place,
    stack: StackRequest,
    runtime: tokio::runtime::Runtime,
}

impl Bed {
    /// Runs a scenario's variant from this repository and keeps its cluster; `verdict` is what the
    /// trial must come to, so that what is checked later is what was meant.
    pub(crate) fn of(scenario: &str, variant: &str, verdict: Verdict) -> Self {
        let (plan, stack) = planned(scenario, variant);
        let runtime =
            tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
        let kept = Arc::new(Keeping::default());
        let provider = Arc::clone(&kept) as Arc<dyn Provider>;
        let options = Options::new(clock::run_id(), std::num::NonZeroUsize::MIN);
        let mut seen = None;
        runtime.block_on(gateproof_runner::run(
            &plan,
            provider,
            &options,
            &Interrupt::new(),
            |record| {
                if let Event::TrialFinished { verdict, .. } = &record.event {
                    seen = Some(*verdict);
                }
            },
        ));
        assert_eq!(seen, Some(verdict), "{scenario}, {variant}");
        let cluster = kept.cluster.lock().expect("nobody panicked").take().expect("a cluster");
        Self { cluster, place: Place::new(), stack, runtime }
    }

    /// Breaks it: the same stack again, with a fault.
    pub(crate) fn strike(&self, fault: Fault) {
        let stack = StackRequest { faults: vec![fault], ..self.stack.clone() };
        self.runtime.block_on(async {
            self.cluster.install(&stack).await.expect("a stack");
            self.cluster.settled().await.expect("a settled cluster");
        });
    }

    /// A cluster with the stack of a variant and nothing else.
    pub(crate) fn bare(variant: &str) -> Self {
        let (plan, stack) = planned("shared-gateway", variant);
        let runtime =
            tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
        let cluster = runtime.block_on(async {
            let cluster = EmbeddedProvider::new().start(&plan.clusters[0]).await.expect("up");
            cluster.install(&stack).await.expect("a stack");
            cluster.settled().await.expect("a settled cluster");
            cluster
        });
        Self { cluster, place: Place::new(), stack, runtime }
    }

    /// The founding scenario, healthy.
    pub(crate) fn healthy(variant: &str) -> Self {
        Self::of("shared-gateway", variant, Verdict::Passed)
    }

    /// Changes what is there, or adds to it.
    pub(crate) fn apply(&self, objects: &[serde_json::Value]) {
        self.runtime.block_on(async {
            for object in objects {
                self.cluster.client().apply(object, "somebody").await.expect("an object");
            }
            self.cluster.settled().await.expect("a settled cluster");
        });
    }

    /// A way to its API.
    pub(crate) fn proxy(&self, manners: Manners) -> Proxy {
        let store = self.cluster.store().clone();
        let proxy = self.runtime.block_on(Proxy::start(store, manners));
        self.place.write("kubeconfig", &proxy.kubeconfig());
        proxy
    }

    /// Runs the command behind the proxy.
    pub(crate) fn gateproof(&self, arguments: &[&str]) -> Run {
        self.place.run(&[arguments, &["--kubeconfig", "kubeconfig"]].concat())
    }

    /// The cluster's objects of a kind, as `namespace/name`.
    pub(crate) fn names(&self, kind: &str) -> Vec<String> {
        let objects = self.cluster.store().all();
        let of_kind = objects.iter().filter(|object| object["kind"] == kind);
        let mut names: Vec<String> = of_kind
            .map(|object| {
                let text = |pointer| object.pointer(pointer).and_then(|v| v.as_str()).unwrap_or("");
                format!("{}/{}", text("/metadata/namespace"), text("/metadata/name"))
            })
            .collect();
        names.sort();
        names
    }
}

/// The first trial of a scenario's variant as a plan, and its stack.
fn planned(scenario: &str, variant: &str) -> (plan::Plan, StackRequest) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let file = root.join("scenarios").join(format!("{scenario}.yaml"));
    let tree = discover::discover(&[file], None).expect("files");
    let catalog = catalog::load(&tree).expect("a scenario");
    let selection = Selection { variants: vec![variant.to_owned()], ..Selection::default() };
    let plan = plan::make(&catalog, ProviderKind::Embedded, &selection).expect("a plan");
    let plan = plan::Plan { clusters: plan.clusters.into_iter().take(1).collect(), ..plan };
    let trial = &plan.clusters[0].trials[0];
    let stack = StackRequest {
        cilium: trial.cilium.clone(),
        config: trial.config.clone(),
        values: trial.values.clone(),
        gateway_api: trial.definition.gateway_api.clone(),
        cert_manager: None,
        cert_manager_values: trial.definition.cert_manager_values.clone(),
        address_pools: trial.definition.address_pools.clone(),
        faults: Vec::new(),
    };
    (plan, stack)
}

/// A provider whose cluster is not taken away.
#[derive(Default)]
struct Keeping {
    cluster: Mutex<Option<Arc<EmbeddedCluster>>>,
}

#[async_trait]
impl Provider for Keeping {
    fn kind(&self) -> ProviderKind {
        ProviderKind::Embedded
    }

    async fn provision(
        &self,
        plan: &ClusterPlan,
        _surroundings: &Surroundings,
    ) -> Result<Arc<dyn Cluster>, ProviderError> {
        let cluster = EmbeddedProvider::new().start(plan).await?;
        *self.cluster.lock().expect("nobody panicked") = Some(Arc::clone(&cluster));
        Ok(Arc::new(Kept(cluster)))
    }
}

struct Kept(Arc<EmbeddedCluster>);

#[async_trait]
impl Cluster for Kept {
    fn name(&self) -> &ClusterName {
        self.0.name()
    }

    fn subject(&self) -> Subject {
        self.0.subject()
    }

    fn client(&self) -> Client {
        self.0.client()
    }

    fn nodes(&self) -> Vec<Node> {
        self.0.nodes()
    }

    fn address_book(&self) -> Arc<dyn AddressBook> {
        self.0.address_book()
    }

    async fn install(&self, stack: &StackRequest) -> Result<(), ProviderError> {
        self.0.install(stack).await
    }

    fn settles_within(&self) -> Option<Duration> {
        self.0.settles_within()
    }

    async fn settle(&self) -> Result<(), ProviderError> {
        self.0.settle().await
    }

    fn not_covered(&self) -> Vec<String> {
        self.0.not_covered()
    }

    fn problems(&self) -> Vec<String> {
        self.0.problems()
    }

    async fn logs(&self, component: &Component) -> Result<String, ProviderError> {
        self.0.logs(component).await
    }

    async fn teardown(&self) -> Result<(), ProviderError> {
        Ok(())
    }
}
