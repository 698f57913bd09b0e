//! Providers that fail, hang and panic, over the embedded one: whatever they do, the run ends, says
//! why, takes its cluster away and is inconclusive, never passed.

use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use gateproof_core::cluster::{Node, ProviderKind, Subject};
use gateproof_core::event::{Event, Record};
use gateproof_core::name::ClusterName;
use gateproof_core::plan::selection::Selection;
use gateproof_core::plan::{self, ClusterPlan, Plan};
use gateproof_core::report::{ExitCode, RunReport, exit_code};
use gateproof_core::scenario::catalog;
use gateproof_embedded::EmbeddedProvider;
use gateproof_kubernetes::{
    AddressBook, Client, Cluster, Component, Provider, ProviderError, StackRequest, Surroundings,
};
use gateproof_runner::interrupt::Interrupt;
use gateproof_runner::{Options, clock, discover};

/// What goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Trouble {
    None,
    ProvisionFails,
    ProvisionPanics,
    ProvisionHangs,
    TrialPanics,
    TeardownFails,
    TeardownPanics,
}

struct Troubled {
    trouble: Trouble,
    interrupt: Interrupt,
    taken_away: Arc<AtomicUsize>,
}

struct TroubledCluster {
    cluster: Arc<dyn Cluster>,
    trouble: Trouble,
    taken_away: Arc<AtomicUsize>,
}

fn refusal(operation: &str) -> ProviderError {
    let detail = "the machine is on fire".to_owned();
    ProviderError { operation: operation.to_owned(), detail, source: None }
}

#[async_trait]
impl Provider for Troubled {
    fn kind(&self) -> ProviderKind {
        ProviderKind::Embedded
    }

    async fn provision(
        &self,
        plan: &ClusterPlan,
        surroundings: &Surroundings,
    ) -> Result<Arc<dyn Cluster>, ProviderError> {
        match self.trouble {
            Trouble::ProvisionFails => return Err(refusal("provision")),
            Trouble::ProvisionPanics => panic!("on purpose"),
            Trouble::ProvisionHangs => {
                self.interrupt.trigger("SIGINT");
                std::future::pending::<()>().await;
            }
            _ => {}
        }
        Ok(Arc::new(TroubledCluster {
            cluster: EmbeddedProvider::new().provision(plan, surroundings).await?,
            trouble: self.trouble,
            taken_away: Arc::clone(&self.taken_away),
        }))
    }
}

#[async_trait]
impl Cluster for TroubledCluster {
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

    fn address_book(&self) -> Arc<dyn AddressBook> {
        self.cluster.address_book()
    }

    async fn install(&self, stack: &StackRequest) -> Result<(), ProviderError> {
        assert_ne!(self.trouble, Trouble::TrialPanics, "on purpose");
        self.cluster.install(stack).await
    }

    async fn settle(&self) -> Result<(), ProviderError> {
        self.cluster.settle().await
    }

    async fn logs(&self, component: &Component) -> Result<String, ProviderError> {
        self.cluster.logs(component).await
    }

    async fn teardown(&self) -> Result<(), ProviderError> {
        self.cluster.teardown().await?;
        self.taken_away.fetch_add(1, Ordering::SeqCst);
        match self.trouble {
            Trouble::TeardownFails => Err(refusal("take the cluster away")),
            Trouble::TeardownPanics => panic!("on purpose"),
            _ => Ok(()),
        }
    }
}

/// One cluster of the shortest scenario.
fn one_cluster() -> Plan {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let scenario = root.join("scenarios/redirect-to-https.yaml");
    let tree = discover::discover(&[scenario], None).expect("files");
    let catalog = catalog::load(&tree).expect("a scenario");
    let mut plan =
        plan::make(&catalog, ProviderKind::Embedded, &Selection::default()).expect("a plan");
    plan.clusters.truncate(1);
    plan
}

/// Runs the plan with this trouble; the records, the exit code and how many clusters went away.
async fn play(trouble: Trouble) -> (Vec<Record>, ExitCode, usize) {
    let interrupt = Interrupt::new();
    let taken_away = Arc::new(AtomicUsize::new(0));
    let provider =
        Troubled { trouble, interrupt: interrupt.clone(), taken_away: Arc::clone(&taken_away) };
    let options = Options::new(clock::run_id(), NonZeroUsize::MIN);
    let mut records = Vec::new();
    gateproof_runner::run(&one_cluster(), Arc::new(provider), &options, &interrupt, |record| {
        records.push(record.clone());
    })
    .await;
    let report = RunReport::fold(&records).expect("a whole log");
    (records, exit_code(&report), taken_away.load(Ordering::SeqCst))
}

/// Every text that says why something did not work.
fn reasons(records: &[Record]) -> String {
    let texts = records.iter().filter_map(|record| match &record.event {
        Event::ClusterFailed { reason, .. } => Some(reason.clone()),
        Event::TrialFinished { reason, .. } => reason.clone(),
        Event::ClusterRemoved { problem, .. } => problem.clone(),
        _ => None,
    });
    texts.collect::<Vec<_>>().join("\n")
}

async fn ends(trouble: Trouble, exit: ExitCode, clusters: usize, reason: &str) {
    let (records, code, taken_away) = play(trouble).await;
    let why = reasons(&records);
    assert_eq!((code, taken_away), (exit, clusters), "{trouble:?}: {why}");
    assert!(why.contains(reason), "{trouble:?} is explained: {why}");
    let last = records.last().map(|record| &record.event);
    assert!(matches!(last, Some(Event::RunFinished { .. })), "{trouble:?}: the run ends");
}

#[tokio::test]
async fn a_provider_that_fails_or_panics_makes_the_run_inconclusive() {
    ends(Trouble::None, ExitCode::Passed, 1, "").await;
    ends(Trouble::ProvisionFails, ExitCode::Inconclusive, 0, "on fire").await;
    ends(Trouble::ProvisionPanics, ExitCode::Inconclusive, 0, "panicked (on purpose)").await;
}

#[tokio::test]
async fn a_provider_that_hangs_ends_with_the_interrupt() {
    ends(Trouble::ProvisionHangs, ExitCode::Interrupted, 0, "SIGINT").await;
}

#[tokio::test]
async fn a_panic_in_a_trial_is_inconclusive_and_the_cluster_goes() {
    ends(Trouble::TrialPanics, ExitCode::Inconclusive, 1, "on purpose").await;
}

#[tokio::test]
async fn a_teardown_that_fails_or_panics_is_told() {
    for (trouble, reason) in
        [(Trouble::TeardownFails, "on fire"), (Trouble::TeardownPanics, "panicked (on purpose)")]
    {
        let (records, _, taken_away) = play(trouble).await;
        assert_eq!(taken_away, 1);
        assert!(reasons(&records).contains(reason), "{trouble:?}: {}", reasons(&records));
    }
}
