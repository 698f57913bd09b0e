//! Providers that fail, hang and panic, over the embedded one: whatever they do, the run ends, says
//! why, puts evidence away, takes its cluster away or hands it over, and is inconclusive, never
//! passed.

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

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
    AddressBook, Client, Cluster, Component, Limits, Provider, ProviderError, Remains,
    StackRequest, Surroundings,
};
use gateproof_probe::prober::RemoteProber;
use gateproof_probe::{LocalProber, Prober};
use gateproof_runner::interrupt::Interrupt;
use gateproof_runner::{Keep, Options, clock, discover};

/// What goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Trouble {
    None,
    ProvisionFails,
    ProvisionPanics,
    ProvisionHangs,
    TrialPanics,
    TrialHangs,
    ProberDies,
    TeardownFails,
    TeardownPanics,
    TeardownHangs,
    EvidenceHangs,
    AbandonFails,
    KeepFails,
}

struct Troubled {
    trouble: Trouble,
    interrupt: Interrupt,
    deeds: Arc<Deeds>,
}

struct TroubledCluster {
    prober: Arc<dyn Prober>,
    cluster: Arc<dyn Cluster>,
    trouble: Trouble,
    interrupt: Interrupt,
    deeds: Arc<Deeds>,
}

/// What was done in the end, in order.
#[derive(Default)]
struct Deeds(Mutex<Vec<&'static str>>);

impl Deeds {
    fn done(&self, deed: &'static str) {
        self.0.lock().expect("no panic").push(deed);
    }

    fn all(&self) -> Vec<&'static str> {
        self.0.lock().expect("no panic").clone()
    }
}

/// Writes a file of evidence.
fn write_evidence(folder: &Path) -> Vec<PathBuf> {
    std::fs::create_dir_all(folder).expect("a writable folder");
    let file = folder.join("kubelet.log");
    std::fs::write(&file, "it was the kubelet").expect("a writable folder");
    vec![file]
}

fn refusal(operation: &str) -> ProviderError {
    let detail = "the machine is on fire".to_owned();
    ProviderError { operation: operation.to_owned(), detail, source: None }
}

/// A prober that greets and is killed.
async fn dead_prober() -> RemoteProber {
    let version = gateproof_probe::prober::protocol::VERSION;
    let greeting = format!("{{\"hello\":{{\"version\":{version},\"program\":\"0.1.0\"}}}}\n");
    let greeting = std::io::Cursor::new(greeting.into_bytes());
    RemoteProber::start("of the test", greeting, tokio::io::sink()).await.expect("it greets")
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
            Trouble::ProvisionFails | Trouble::AbandonFails => return Err(refusal("provision")),
            Trouble::ProvisionPanics => panic!("on purpose"),
            Trouble::ProvisionHangs => {
                self.interrupt.trigger("SIGINT");
                std::future::pending::<()>().await;
            }
            // What is put away in advance, for the case that something fails.
            Trouble::None => drop(write_evidence(&surroundings.evidence.join(plan.name.as_str()))),
            _ => {}
        }
        let prober: Arc<dyn Prober> = match self.trouble {
            Trouble::ProberDies => Arc::new(dead_prober().await),
            _ => Arc::new(LocalProber),
        };
        Ok(Arc::new(TroubledCluster {
            prober,
            cluster: EmbeddedProvider::new().provision(plan, surroundings).await?,
            trouble: self.trouble,
            interrupt: self.interrupt.clone(),
            deeds: Arc::clone(&self.deeds),
        }))
    }

    async fn abandon(
        &self,
        plan: &ClusterPlan,
        surroundings: &Surroundings,
        remains: Remains,
    ) -> Result<Vec<PathBuf>, ProviderError> {
        let files = write_evidence(&surroundings.evidence.join(plan.name.as_str()));
        if self.trouble == Trouble::AbandonFails {
            return Err(refusal("remove what there is"));
        }
        self.deeds.done(match remains {
            Remains::Remove => "abandoned",
            Remains::Keep => "left standing",
        });
        Ok(files)
    }

    fn limits(&self) -> Limits {
        Limits { evidence: Duration::from_millis(50), removal: Duration::from_millis(500) }
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

    fn prober(&self) -> Arc<dyn Prober> {
        Arc::clone(&self.prober)
    }

    async fn install(&self, stack: &StackRequest) -> Result<(), ProviderError> {
        assert_ne!(self.trouble, Trouble::TrialPanics, "on purpose");
        if matches!(self.trouble, Trouble::TrialHangs | Trouble::EvidenceHangs) {
            self.interrupt.trigger("SIGTERM");
            std::future::pending::<()>().await;
        }
        self.cluster.install(stack).await
    }

    fn settles_within(&self) -> Option<Duration> {
        let patience = match self.trouble {
            // Nobody will answer: a little patience says as much as a lot.
            Trouble::ProberDies => Some(Duration::from_millis(200)),
            _ => None,
        };
        patience.or(self.cluster.settles_within())
    }

    async fn settle(&self) -> Result<(), ProviderError> {
        self.cluster.settle().await
    }

    async fn logs(&self, component: &Component) -> Result<String, ProviderError> {
        self.cluster.logs(component).await
    }

    async fn collect_evidence(&self, folder: &Path) -> Result<Vec<PathBuf>, ProviderError> {
        let files = write_evidence(folder);
        if self.trouble == Trouble::EvidenceHangs {
            std::future::pending::<()>().await;
        }
        self.deeds.done("evidence");
        Ok(files)
    }

    async fn keep(&self) -> Result<(), ProviderError> {
        if self.trouble == Trouble::KeepFails {
            return Err(refusal("keep the cluster"));
        }
        self.deeds.done("kept");
        Ok(())
    }

    async fn teardown(&self) -> Result<(), ProviderError> {
        self.cluster.teardown().await?;
        self.deeds.done("removed");
        match self.trouble {
            Trouble::TeardownHangs => std::future::pending().await,
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

/// What came of a run.
struct Played {
    records: Vec<Record>,
    code: ExitCode,
    deeds: Vec<&'static str>,
    /// Whether evidence lies there in the end.
    evidence: bool,
}

/// Runs a cluster with this trouble.
async fn play(trouble: Trouble, keep: Keep) -> Played {
    let plan = one_cluster();
    let folder = tempfile::tempdir().expect("a scratch folder");
    let interrupt = Interrupt::new();
    let deeds = Arc::new(Deeds::default());
    let provider = Troubled { trouble, interrupt: interrupt.clone(), deeds: Arc::clone(&deeds) };
    let mut options = Options::new(clock::run_id(), NonZeroUsize::MIN);
    options.evidence = folder.path().to_owned();
    options.keep = keep;
    let mut records = Vec::new();
    gateproof_runner::run(&plan, Arc::new(provider), &options, &interrupt, |record| {
        records.push(record.clone());
    })
    .await;
    let last = records.last().map(|record| &record.event);
    assert!(matches!(last, Some(Event::RunFinished { .. })), "{trouble:?}: the run ends");
    let report = RunReport::fold(&records).expect("a whole log");
    for cluster in &report.clusters {
        for evidence in &cluster.evidence {
            let file = Path::new(&evidence.folder).join("kubelet.log");
            assert!(
                file.exists(),
                "{trouble:?}: evidence lies where the report says: {evidence:?}"
            );
            // A trial that was diagnosed leaves what its diagnosis rests on beside it.
            let there = std::fs::read_dir(&evidence.folder).expect("a folder").count();
            assert_eq!(evidence.files, there, "{trouble:?}: {evidence:?}");
        }
    }
    let lies = |cluster: &ClusterPlan| folder.path().join(cluster.name.as_str()).exists();
    let evidence = plan.clusters.iter().any(lies);
    Played { code: exit_code(&report), evidence, records, deeds: deeds.all() }
}

/// Every text that says why something did not work.
fn reasons(records: &[Record]) -> String {
    let texts = records.iter().filter_map(|record| match &record.event {
        Event::ClusterFailed { reason, .. } => Some(reason.clone()),
        Event::TrialFinished { reason, .. } => reason.clone(),
        Event::ClusterRemoved { problem, .. } | Event::EvidenceCollected { problem, .. } => {
            problem.clone()
        }
        Event::CheckFinished { result, .. } => {
            result.failures.first().map(|failure| failure.seen.clone())
        }
        _ => None,
    });
    texts.collect::<Vec<_>>().join("\n")
}

async fn ends(trouble: Trouble, exit: ExitCode, deeds: &[&str], reason: &str) {
    let played = play(trouble, Keep::Never).await;
    let why = reasons(&played.records);
    assert_eq!((played.code, &played.deeds[..]), (exit, deeds), "{trouble:?}: {why}");
    assert!(why.contains(reason), "{trouble:?} is explained: {why}");
}

#[tokio::test]
async fn a_run_that_passes_puts_nothing_away() {
    ends(Trouble::None, ExitCode::Passed, &["removed"], "").await;
    assert!(!play(Trouble::None, Keep::Never).await.evidence, "also what was put away in advance");
    assert!(play(Trouble::TrialPanics, Keep::Never).await.evidence);
}

#[tokio::test]
async fn a_provider_that_fails_or_panics_makes_the_run_inconclusive() {
    let abandoned = &["abandoned"];
    ends(Trouble::ProvisionFails, ExitCode::Inconclusive, abandoned, "on fire").await;
    let panicked = "panicked (on purpose)";
    ends(Trouble::ProvisionPanics, ExitCode::Inconclusive, abandoned, panicked).await;
    let not_removed = "failed to remove what there is: the machine is on fire";
    ends(Trouble::AbandonFails, ExitCode::Inconclusive, &[], not_removed).await;
}

#[tokio::test]
async fn a_provider_that_hangs_ends_with_the_interrupt() {
    ends(Trouble::ProvisionHangs, ExitCode::Interrupted, &["abandoned"], "SIGINT").await;
    ends(Trouble::TrialHangs, ExitCode::Interrupted, &["evidence", "removed"], "SIGTERM").await;
}

#[tokio::test]
async fn a_panic_in_a_trial_is_inconclusive_and_evidence_comes_before_removal() {
    let deeds = &["evidence", "removed"];
    ends(Trouble::TrialPanics, ExitCode::Inconclusive, deeds, "on purpose").await;
}

#[tokio::test]
async fn a_prober_that_dies_makes_the_run_inconclusive_and_never_failed() {
    let reason = "the prober of the test ended";
    ends(Trouble::ProberDies, ExitCode::Inconclusive, &["evidence", "removed"], reason).await;
}

#[tokio::test]
async fn evidence_that_takes_too_long_is_cut_short_and_told() {
    let limit = "not done after";
    ends(Trouble::EvidenceHangs, ExitCode::Interrupted, &["removed"], limit).await;
}

#[tokio::test]
async fn a_teardown_that_fails_hangs_or_panics_is_told() {
    for (trouble, reason) in [
        (Trouble::TeardownFails, "on fire"),
        (Trouble::TeardownPanics, "panicked (on purpose)"),
        (Trouble::TeardownHangs, "not done after"),
    ] {
        ends(trouble, ExitCode::Passed, &["removed"], reason).await;
    }
}

#[tokio::test]
async fn clusters_are_handed_over_as_the_user_wishes() {
    let cases: &[(Trouble, Keep, &[&str])] = &[
        (Trouble::None, Keep::Always, &["kept"]),
        (Trouble::None, Keep::OnFailure, &["removed"]),
        (Trouble::TrialPanics, Keep::Always, &["evidence", "kept"]),
        (Trouble::TrialPanics, Keep::OnFailure, &["evidence", "kept"]),
        (Trouble::TrialPanics, Keep::Never, &["evidence", "removed"]),
        (Trouble::TrialHangs, Keep::OnFailure, &["evidence", "removed"]),
        (Trouble::ProvisionFails, Keep::OnFailure, &["abandoned"]),
        (Trouble::ProvisionFails, Keep::Always, &["left standing"]),
    ];
    for (trouble, keep, deeds) in cases {
        let played = play(*trouble, *keep).await;
        assert_eq!(played.deeds, *deeds, "{trouble:?}, {keep:?}");
        let told = played.records.iter().any(|r| matches!(r.event, Event::ClusterKept { .. }));
        let stands = deeds.iter().any(|deed| matches!(*deed, "kept" | "left standing"));
        assert_eq!(told, stands, "{trouble:?}, {keep:?}: what stands is told");
    }
}

#[tokio::test]
async fn a_cluster_that_cannot_be_kept_is_removed_and_that_is_told() {
    let played = play(Trouble::KeepFails, Keep::Always).await;
    assert_eq!(played.deeds, ["removed"]);
    let why = reasons(&played.records);
    assert!(why.contains("could not be kept") && why.contains("on fire"), "{why}");
}
