//! A run: every cluster of a plan, side by side as far as allowed, in one order of events.

use std::fmt;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::StreamExt;
use gateproof_core::event::{Event, FORMAT, Record, Shard, TrialSummary};
use gateproof_core::plan::{ClusterPlan, Plan, TrialPlan};
use gateproof_kubernetes::{Ledger, Provider, Surroundings};

use crate::clock;
use crate::diagnosis::Diagnose;
use crate::dispatcher::{self, Emitter};
use crate::interrupt::Interrupt;
use crate::life::Life;

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
    /// Which clusters are handed over to the user in the end.
    pub keep: Keep,
    /// Which trials are diagnosed.
    pub diagnose: Diagnose,
    /// How long all trials together may take; what is not decided by then is inconclusive.
    pub within: Option<Duration>,
}

/// Which clusters are handed over to the user in the end, instead of being taken away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keep {
    /// All of them, also what there is of one that did not come up.
    Always,
    /// Those on which a trial failed or was inconclusive, unless the run was interrupted: whoever
    /// interrupts a run did not wait for what it finds.
    OnFailure,
    /// None.
    Never,
}

impl Options {
    /// The options of a run that is no shard, and whose provider creates nothing outside of this
    /// process.
    pub fn new(run: String, jobs: NonZeroUsize) -> Self {
        let none = Surroundings::none(&run);
        Self {
            run,
            jobs,
            shard: None,
            ledger: none.ledger,
            evidence: none.evidence,
            keep: Keep::Never,
            diagnose: Diagnose::NotPassed,
            within: None,
        }
    }
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options")
            .field("run", &self.run)
            .field("jobs", &self.jobs)
            .field("shard", &self.shard)
            .field("evidence", &self.evidence)
            .field("keep", &self.keep)
            .field("diagnose", &self.diagnose)
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
    let deadline = options.within.map(|within| started + within);
    let clusters = futures_util::stream::iter(&plan.clusters).for_each_concurrent(
        options.jobs.get(),
        |cluster| {
            let life = Life {
                plan: cluster,
                options,
                deadline,
                provider: provider.as_ref(),
                emitter: emitter.clone(),
                interrupt,
            };
            life.run()
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

pub(crate) fn summaries(plan: &Plan) -> Vec<TrialSummary> {
    let of = |cluster: &ClusterPlan, trial: &TrialPlan| TrialSummary {
        trial: trial.name.clone(),
        scenario: trial.scenario.clone(),
        description: trial.definition.description.clone(),
        variant: trial.variant.clone(),
        cilium: trial.cilium.clone(),
        cluster: cluster.name.clone(),
        expect: trial.expect.clone(),
    };
    plan.clusters
        .iter()
        .flat_map(|cluster| cluster.trials.iter().map(move |trial| of(cluster, trial)))
        .collect()
}
