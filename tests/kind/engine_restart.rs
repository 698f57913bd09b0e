//! The engine goes away while a cluster comes up: a message that names the node, the action and
//! what was seen, evidence, and nothing left once the engine is back.
//!
//! The engine is one of this suite's own ([`SecondEngine`]); nobody else's containers are touched.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use gateproof_core::cluster::ProviderKind;
use gateproof_core::event::{Event, Record};
use gateproof_core::plan::Plan;
use gateproof_core::report::{ExitCode, exit_code};
use gateproof_kind::provider::KindProvider;
use gateproof_kind::settings::Deadlines;
use gateproof_kubernetes::Ledger;
use gateproof_runner::engines::Engines;
use gateproof_runner::journal::{Closed, Journal};
use gateproof_runner::leftovers::{self, Cleaning, LINGER, Mode, Reach};
use gateproof_runner::{Options, clock};
use libtest_mimic::{Failed, Trial};
use regex::Regex;

use crate::bench::{Bench, Ran};
use crate::misbehaviour::{impatient, reason};
use crate::second_engine::{End, SecondEngine};

/// How long such a run may take.
const BOUND: Duration = Duration::from_secs(90);

/// When the engine goes, how, and when it comes back.
struct Case {
    name: &'static str,
    /// What a node does meanwhile, so that the moment is a certain one.
    node_does: &'static str,
    action: &'static str,
    node: &'static str,
    /// What the action waits for at that moment.
    awaiting: &'static str,
    end: End,
    back: Back,
}

/// When an engine comes back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Back {
    AtOnce,
    AfterTheRun,
}

const CASES: [Case; 3] = [
    Case {
        name: "restarts_during_kubeadm_join",
        node_does: "join-hangs:worker",
        action: "kubeadm join",
        node: "worker",
        awaiting: "kubeadm is at",
        end: End::Orderly,
        back: Back::AtOnce,
    },
    Case {
        name: "crashes_during_kubeadm_init",
        node_does: "exec-hangs",
        action: "kubeadm init",
        node: "control-plane",
        awaiting: "kubeadm is at",
        end: End::Killed,
        back: Back::AtOnce,
    },
    Case {
        name: "goes_while_a_node_boots_and_is_back_after_the_run",
        node_does: "no-ready-line:worker2",
        action: "boot",
        node: "worker2",
        awaiting: "",
        end: End::Orderly,
        back: Back::AfterTheRun,
    },
];

/// The names of the tests.
pub(crate) fn names() -> Vec<String> {
    CASES.iter().map(|case| format!("engine::{}", case.name)).collect()
}

/// Tests for [`SecondEngine`], or their names with the reason why there is none.
pub(crate) fn trials(engine: Result<SecondEngine, String>) -> Vec<Trial> {
    let engine = Arc::new(engine);
    CASES
        .iter()
        .zip(names())
        .map(|(case, name)| {
            if let Err(reason) = &*engine {
                let ignored = Trial::test(name, || Ok(())).with_ignored_flag(true);
                return ignored.with_kind(reason.lines().collect::<Vec<_>>().join(" "));
            }
            let engine = Arc::clone(&engine);
            Trial::test(name, move || ends_with_a_message(engine.as_ref().as_ref()?, case))
        })
        .collect()
}

fn ends_with_a_message(engine: &SecondEngine, case: &'static Case) -> Result<(), Failed> {
    let bench = Bench::on(engine.endpoint())?;
    let done = goes_away(engine, &bench, case);
    bench.clear();
    done
}

fn goes_away(engine: &SecondEngine, bench: &Bench, case: &'static Case) -> Result<(), Failed> {
    let image = bench.misbehaving(case.node_does)?;
    let plan = Plan { provider: ProviderKind::Kind, clusters: vec![Bench::small_plan()?] };
    let mut workplace = bench.workplace(&image);
    workplace.settings.deadlines = Deadlines { removal: Duration::from_secs(20), ..impatient() };
    let engines = Engines { usual: engine.endpoint(), search_path: None };
    let state = bench.folder().join(format!("state-{}", case.name));
    let mut options = Options::new(clock::run_id(), NonZeroUsize::MIN);
    let journal = Arc::new(Journal::open(&state, &options.run)?);
    options.ledger = Arc::clone(&journal) as Arc<dyn Ledger>;
    let ran = std::thread::scope(|scope| {
        let mut going = None;
        let ran =
            bench.run_watched(&plan, Arc::new(KindProvider::new(workplace)), options, |record| {
                if going.is_none() && case.is_the_moment(record) {
                    going = Some(scope.spawn(|| {
                        engine.end(case.end);
                        if case.back == Back::AtOnce { engine.begin() } else { Ok(()) }
                    }));
                }
            });
        let gone = going.map(|going| going.join().map_err(|_| "a panic".to_owned()));
        gone.ok_or("the moment never came")???;
        ran
    })?;
    if case.back == Back::AfterTheRun {
        engine.begin()?;
    }
    let closed = journal.close()?;
    drop(journal);
    is_told(&ran, case)?;
    let cleaning =
        Cleaning { mode: Mode::Remove, reach: Reach::Engines, within: BOUND, linger: LINGER };
    let cleaned = bench.block_on(leftovers::clean(&state, &engines, cleaning))?;
    if !cleaned.problems.is_empty() {
        return Err(format!("not cleaned: {}", cleaned.problems.join("; ")).into());
    }
    if case.back == Back::AfterTheRun && matches!(closed, Closed::Empty) {
        return Err("the journal forgets what no engine could remove".into());
    }
    bench.must_be_gone(&plan)
}

impl Case {
    /// Whether the engine is to go now.
    fn is_the_moment(&self, record: &Record) -> bool {
        match &record.event {
            Event::ActionAwaiting { action, node, missing, .. } => {
                action == self.action
                    && node.as_deref() == Some(self.node)
                    && missing.contains(self.awaiting)
            }
            _ => false,
        }
    }
}

/// The run ended in time, with a message that is of use.
fn is_told(ran: &Ran, case: &Case) -> Result<(), Failed> {
    if exit_code(&ran.report) != ExitCode::Inconclusive {
        return Err(format!("exit code {:?}", exit_code(&ran.report)).into());
    }
    if ran.took > BOUND {
        return Err(format!("it took {:?}, longer than {BOUND:?}", ran.took).into());
    }
    let reason = reason(ran)?;
    // Whatever was under way on some node has failed, and the first of it is told.
    let told = format!(
        r"action `[a-z ]+` on {}-\S+ failed after .*no connection to the engine.*\n(  \| .*\n)*evidence: {}",
        ran.report.clusters[0].name,
        regex::escape(&ran.evidence.display().to_string()),
    );
    if !Regex::new(&told)?.is_match(&reason) {
        return Err(format!("expected {told}, found: {reason}").into());
    }
    // Without an engine there are no logs, and a file says so.
    let kept = match case.back {
        Back::AtOnce => "log",
        Back::AfterTheRun => "txt",
    };
    if gateproof_tests::files(&ran.evidence, kept).is_empty() {
        return Err(format!("no evidence in {}: {reason}", ran.evidence.display()).into());
    }
    Ok(())
}
