//! A run: every cluster of a plan, side by side as far as allowed, in one order of events.

use std::fmt;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::{FutureExt, StreamExt};
use gateproof_core::event::{Event, FORMAT, Record, Shard, TrialSummary};
use gateproof_core::plan::{ClusterPlan, Plan, TrialPlan};
use gateproof_core::verdict::Verdict;
use gateproof_kubernetes::{Cluster, Ledger, Provider, Surroundings};

use crate::clock;
use crate::dispatcher::{self, Emitter};
use crate::interrupt::Interrupt;
use crate::process;
use crate::trial;
use crate::witness::ActionWitness;

/// How long taking a cluster away may take before the run goes on without waiting.
const TEARDOWN_LIMIT: Duration = Duration::from_secs(10);

/// What a run needs to know beside the plan.
#[derive(Clone)]
pub struct Options {
    /// The run's identity, from [`clock::run_id`].
    pub run: String,
    /// How many clusters may be up at the same time.
    pub jobs: NonZeroUsize,
    /// Which part of a split plan this is.
    pub shard: Option<Shard>,
    /// Where providers write down what they are about to create.
    pub ledger: Arc<dyn Ledger>,
    /// The folder for evidence.
    pub evidence: PathBuf,
}

impl Options {
    /// The options of a run that is no shard, and whose provider creates nothing outside of this
    /// process.
    pub fn new(run: String, jobs: NonZeroUsize) -> Self {
        let none = Surroundings::none(&run);
        Self { run, jobs, shard: None, ledger: none.ledger, evidence: none.evidence }
    }
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options")
            .field("run", &self.run)
            .field("jobs", &self.jobs)
            .field("shard", &self.shard)
            .field("evidence", &self.evidence)
            .finish_non_exhaustive()
    }
}

/// Runs the plan and passes every event to `sink`, in order.
///
/// Ends when every cluster is gone again, also after an interrupt. The verdict is in the events;
/// fold them to learn it.
pub async fn run(
    plan: &Plan,
    provider: Arc<dyn Provider>,
    options: &Options,
    interrupt: &Interrupt,
    sink: impl FnMut(&Record),
) {
    let (emitter, dispatcher) = dispatcher::channel();
    let conduct = conduct(plan, provider, options, interrupt, emitter);
    tokio::join!(conduct, dispatcher.run(sink));
}

/// Emits the frame of the run and drives the clusters in between.
async fn conduct(
    plan: &Plan,
    provider: Arc<dyn Provider>,
    options: &Options,
    interrupt: &Interrupt,
    emitter: Emitter,
) {
    let started = Instant::now();
    emitter.emit(Event::RunStarted {
        format: FORMAT,
        run: options.run.clone(),
        gateproof: env!("CARGO_PKG_VERSION").to_owned(),
        started: clock::now_rfc3339(),
        provider: provider.kind(),
        shard: options.shard,
        trials: summaries(plan),
    });
    // One task for all clusters: they mostly wait, and what works hard (the embedded cluster,
    // Docker) does so elsewhere.
    let clusters = futures_util::stream::iter(&plan.clusters).for_each_concurrent(
        options.jobs.get(),
        |cluster| {
            let work = ClusterWork {
                plan: cluster,
                options,
                provider: provider.as_ref(),
                emitter: emitter.clone(),
                interrupt,
            };
            work.run()
        },
    );
    let mut clusters = pin!(clusters);
    let tell = || {
        let cause = interrupt.cause().unwrap_or("unknown cause").to_owned();
        emitter.emit(Event::Interrupted { cause });
    };
    // The interrupt goes first: clusters heed it too, and may all be done before it is told of.
    tokio::select! {
        biased;
        () = interrupt.triggered() => {
            tell();
            clusters.await;
        }
        () = &mut clusters => {
            if interrupt.cause().is_some() {
                tell();
            }
        }
    }
    emitter.emit(Event::RunFinished { took: started.elapsed() });
}

fn summaries(plan: &Plan) -> Vec<TrialSummary> {
    let of = |cluster: &ClusterPlan, trial: &TrialPlan| TrialSummary {
        trial: trial.name.clone(),
        scenario: trial.scenario.clone(),
        description: trial.definition.description.clone(),
        variant: trial.variant.clone(),
        cilium: trial.cilium.clone(),
        cluster: cluster.name.clone(),
    };
    plan.clusters
        .iter()
        .flat_map(|cluster| cluster.trials.iter().map(move |trial| of(cluster, trial)))
        .collect()
}

/// One cluster's life: up, trials, gone.
struct ClusterWork<'a> {
    plan: &'a ClusterPlan,
    options: &'a Options,
    provider: &'a dyn Provider,
    emitter: Emitter,
    interrupt: &'a Interrupt,
}

impl ClusterWork<'_> {
    async fn run(self) {
        if let Some(cause) = self.interrupt.cause() {
            self.give_up(&self.plan.trials, Verdict::Skipped, &format!("not started: {cause}"));
            return;
        }
        let Some(cluster) = self.bring_up().await else { return };
        for (position, trial) in self.plan.trials.iter().enumerate() {
            if let Some(cause) = self.interrupt.cause() {
                let left = &self.plan.trials[position..];
                self.give_up(left, Verdict::Skipped, &format!("not started: {cause}"));
                break;
            }
            Box::pin(self.run_trial(&cluster, trial)).await;
        }
        self.take_away(&cluster).await;
    }

    async fn bring_up(&self) -> Option<Arc<dyn Cluster>> {
        let name = &self.plan.name;
        let started = Instant::now();
        self.emitter.emit(Event::ClusterStarted {
            cluster: name.clone(),
            nodes: self.plan.topology.nodes.len(),
        });
        let surroundings = self.surroundings();
        let provisioned = tokio::select! {
            provisioned = unpanicked(self.provider.provision(self.plan, &surroundings)) => match provisioned {
                Ok(provisioned) => provisioned.map_err(|error| crate::cause::with_causes(&error)),
                Err(panic) => Err(panic),
            },
            () = self.interrupt.triggered() => {
                let cause = self.interrupt.cause().unwrap_or("interrupted");
                let reason = format!("{cause} while the cluster was coming up");
                self.cluster_failed(&reason);
                return None;
            }
        };
        match provisioned {
            Ok(cluster) => {
                self.emitter.emit(Event::ClusterReady {
                    cluster: name.clone(),
                    nodes: cluster.nodes(),
                    took: started.elapsed(),
                });
                Some(cluster)
            }
            Err(error) => {
                self.cluster_failed(&error);
                None
            }
        }
    }

    fn surroundings(&self) -> Surroundings {
        Surroundings {
            run: self.options.run.clone(),
            owner: process::owner(),
            witness: Arc::new(ActionWitness {
                cluster: self.plan.name.clone(),
                emitter: self.emitter.clone(),
            }),
            ledger: Arc::clone(&self.options.ledger),
            evidence: self.options.evidence.clone(),
        }
    }

    fn cluster_failed(&self, reason: &str) {
        self.emitter.emit(Event::ClusterFailed {
            cluster: self.plan.name.clone(),
            reason: reason.to_owned(),
        });
        let reason = format!("cluster {} did not come up: {reason}", self.plan.name);
        self.give_up(&self.plan.trials, Verdict::Inconclusive, &reason);
    }

    /// Decides trials that do not get to run.
    fn give_up(&self, trials: &[TrialPlan], verdict: Verdict, reason: &str) {
        for trial in trials {
            self.emitter.emit(Event::TrialFinished {
                trial: trial.name.clone(),
                verdict,
                reason: Some(reason.to_owned()),
                took: Duration::ZERO,
            });
        }
    }

    async fn run_trial(&self, cluster: &Arc<dyn Cluster>, plan: &TrialPlan) {
        let started = Instant::now();
        self.emitter.emit(Event::TrialStarted {
            trial: plan.name.clone(),
            cluster: self.plan.name.clone(),
            subject: cluster.subject(),
        });
        let trial = trial::run(plan, Arc::clone(cluster), &self.options.run, self.emitter.clone());
        // A panic is the harness's own fault: inconclusive, said aloud, and the run goes on.
        let (verdict, reason) = tokio::select! {
            done = unpanicked(trial) => match done {
                Ok(verdict) => (verdict, None),
                Err(panic) => (Verdict::Inconclusive, Some(panic)),
            },
            () = self.interrupt.triggered() => {
                let cause = self.interrupt.cause().unwrap_or("unknown cause");
                (Verdict::Inconclusive, Some(format!("interrupted by {cause}")))
            }
        };
        self.emitter.emit(Event::TrialFinished {
            trial: plan.name.clone(),
            verdict,
            reason,
            took: started.elapsed(),
        });
    }

    async fn take_away(&self, cluster: &Arc<dyn Cluster>) {
        let gone = tokio::time::timeout(TEARDOWN_LIMIT, unpanicked(cluster.teardown()));
        let problem = match gone.await {
            Ok(Ok(Ok(()))) => None,
            Ok(Err(panic)) => Some(panic),
            Ok(Ok(Err(error))) => Some(crate::cause::with_causes(&error)),
            Err(_) => Some(format!("not gone after {} s", TEARDOWN_LIMIT.as_secs())),
        };
        self.emitter.emit(Event::ClusterRemoved { cluster: self.plan.name.clone(), problem });
    }
}

/// What comes of the work, or the text of its panic.
async fn unpanicked<T>(work: impl Future<Output = T>) -> Result<T, String> {
    std::panic::AssertUnwindSafe(work)
        .catch_unwind()
        .await
        .map_err(|panic| panic_text(panic.as_ref()))
}

fn panic_text(panic: &(dyn std::any::Any + Send)) -> String {
    let message = panic
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "no message".to_owned());
    format!("the harness itself panicked ({message}); please report this")
}
