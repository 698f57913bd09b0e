//! What the suites in this folder share: where the project's files are, and how a folder of
//! scenarios becomes tests.

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use gateproof_core::cluster::ProviderKind;
use gateproof_core::finding::Role;
use gateproof_core::plan::selection::Selection;
use gateproof_core::plan::{self, ClusterPlan, Plan};
use gateproof_core::report::{ExitCode as RunExit, RunReport, exit_code};
use gateproof_core::scenario::catalog;
use gateproof_core::source::render::Style;
use gateproof_core::verdict::Verdict;
use gateproof_echo::pod;
use gateproof_kubernetes::Ledger;
use gateproof_probe::prober::serve;
use gateproof_runner::engines::Engines;
use gateproof_runner::interrupt::Interrupt;
use gateproof_runner::journal::{Closed, Entry, Journal};
use gateproof_runner::leftovers::{self, Cleaning, LINGER, Mode, Reach};
use gateproof_runner::provider::{self, Setup};
use gateproof_runner::workplace::{self, Wishes, Workplace};
use gateproof_runner::{Diagnose, Options, clock, descriptors, discover};
use libtest_mimic::{Arguments, Failed, Trial};
use tokio::runtime::Runtime;

/// The root of the checkout.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Every file below `folder` with this extension, sorted; `target` folders are left out.
///
/// # Panics
///
/// When a folder cannot be read.
pub fn files(folder: &Path, extension: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let entries = std::fs::read_dir(folder)
        .unwrap_or_else(|error| panic!("{} is readable: {error}", folder.display()));
    for entry in entries {
        let path = entry.expect("a readable folder entry").path();
        if path.is_dir() {
            if path.file_name().is_some_and(|name| name != "target") {
                found.extend(files(&path, extension));
            }
        } else if path.extension().is_some_and(|found| found == extension) {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// Every trial of the scenarios in a folder of the checkout as a test of its own.
///
/// `GATEPROOF_PROVIDER` chooses who runs the clusters (default `embedded`). A trial's name is the
/// same on every provider. Each test runs one cluster of the plan and takes it away again, also
/// when it fails. Topologies come from the project's `clusters` folder.
pub fn scenarios_as_tests(folder: &str) -> ExitCode {
    if let Some(code) = inside_a_container() {
        return code;
    }
    let arguments = Arguments::from_args();
    let trials = match plan(folder) {
        Ok(plan) => trials(plan),
        // A file that does not load is a failing test, never a shorter list of tests.
        Err(problem) => {
            vec![Trial::test("scenarios_load_without_problems", || Err(Failed::from(problem)))]
        }
    };
    libtest_mimic::run(&arguments, trials).exit_code()
}

/// What the program does inside of containers, when it was asked for that: our own image is made
/// of the program that runs, and here that is a suite of tests.
///
/// # Panics
///
/// When there is no runtime, or the port is taken.
pub fn inside_a_container() -> Option<ExitCode> {
    let runtime = || Runtime::new().expect("a runtime");
    match std::env::args().nth(1).as_deref() {
        Some("echo") => runtime().block_on(async {
            #[expect(clippy::disallowed_methods, reason = "this is the entry point of a program")]
            let identity = pod::identity(|name| std::env::var(name).ok());
            let server = pod::listen(identity, pod::PORT).await.expect("the port is free");
            pod::until_told_to_end().await.expect("signals can be awaited");
            server.shutdown().await;
            Some(ExitCode::SUCCESS)
        }),
        Some("prober") => {
            let runtime = runtime();
            let served = runtime.block_on(serve(tokio::io::stdin(), tokio::io::stdout()));
            runtime.shutdown_background();
            Some(if served.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
        }
        _ => None,
    }
}

/// The whole plan, or what is wrong with it, for a person.
fn plan(folder: &str) -> Result<Plan, String> {
    let provider = chosen_provider()?;
    std::env::set_current_dir(root()).map_err(|error| error.to_string())?;
    let tree = discover::discover(&[folder.into()], Some(Path::new("clusters")))
        .map_err(|errors| errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))?;
    let catalog = catalog::load(&tree).map_err(|problems| problems.render(Style::Plain))?;
    plan::make(&catalog, provider, &Selection::default()).map_err(|error| error.to_string())
}

fn chosen_provider() -> Result<ProviderKind, String> {
    let name = variable("GATEPROOF_PROVIDER").unwrap_or_else(|| "embedded".to_owned());
    provider::named(&name).map_err(|error| format!("GATEPROOF_PROVIDER: {error}"))
}

fn trials(plan: Plan) -> Vec<Trial> {
    descriptors::raise_limit();
    let runtime = Arc::new(Runtime::new().expect("the runtime starts"));
    let kind = plan.provider;
    plan.clusters
        .into_iter()
        .map(|cluster| {
            let runtime = Arc::clone(&runtime);
            let name = cluster.trials[0].name.to_string();
            Trial::test(name, move || run(&runtime, kind, cluster))
        })
        .collect()
}

/// Runs a plan, one cluster after another, and folds what happened; what did not pass is
/// diagnosed.
///
/// # Errors
///
/// When there is no such provider, or the events make no report.
pub fn report_of(runtime: &Runtime, plan: &Plan) -> Result<RunReport, Failed> {
    diagnosed(runtime, plan, Diagnose::NotPassed)
}

/// The same, with a word on which trials are diagnosed.
///
/// # Errors
///
/// When there is no such provider, or the events make no report.
pub fn diagnosed(runtime: &Runtime, plan: &Plan, diagnose: Diagnose) -> Result<RunReport, Failed> {
    let mut options = Options::new(clock::run_id(), NonZeroUsize::MIN);
    let plan = &plan.clone().of_run(&options.run);
    options.diagnose = diagnose;
    let (setup, journal) = match plan.provider {
        ProviderKind::Embedded => (Setup::Embedded, None),
        ProviderKind::Kind => {
            let (workplace, journal) = workplace_of(runtime, &mut options)?;
            (Setup::Kind(Box::new(workplace)), Some(journal))
        }
        ProviderKind::Existing => {
            return Err(
                "clusters that exist are asked with `gateproof run --provider existing`".into()
            );
        }
    };
    let provider = provider::make(setup);
    let mut records = Vec::new();
    runtime.block_on(gateproof_runner::run(
        plan,
        provider,
        &options,
        &Interrupt::new(),
        |record| records.push(record.clone()),
    ));
    if let Some(Closed::Holding(things)) = journal.map(|journal| journal.close()).transpose()? {
        let left: Vec<String> = things.iter().map(leftovers::in_words).collect();
        return Err(format!("not removed: {}; `gateproof clean` does it", left.join(", ")).into());
    }
    Ok(RunReport::fold(&records)?)
}

/// Where kind clusters are made, by the variables that the command line reads too, and the journal
/// of what is created there. What killed runs have left goes first.
fn workplace_of(
    runtime: &Runtime,
    options: &mut Options,
) -> Result<(Workplace, Arc<Journal>), Failed> {
    /// How long each engine may take to be cleaned.
    const WITHIN: Duration = Duration::from_secs(20);
    let wishes = Wishes::of(&variable);
    let mut workplace =
        workplace::workplace(&wishes, &variable).map_err(|mistakes| mistakes.join("\n"))?;
    let state = workplace::state_folder(&variable);
    let engines =
        Engines { usual: workplace.endpoint.clone(), search_path: workplace.search_path.clone() };
    let cleaning =
        Cleaning { mode: Mode::Remove, reach: Reach::Engines, within: WITHIN, linger: LINGER };
    runtime.block_on(leftovers::clean(&state, &engines, cleaning))?;
    let journal = Arc::new(Journal::open(&state, &options.run)?);
    options.ledger = Arc::clone(&journal) as Arc<dyn Ledger>;
    options.evidence = workplace::usual_evidence(&state, &options.run);
    journal.note(&Entry::Folder { path: options.evidence.clone() })?;
    journal.folder().clone_into(&mut workplace.stack.scratch);
    Ok((workplace, journal))
}

#[expect(clippy::disallowed_methods, reason = "this is the entry point of a program")]
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// A trial in which everything holds must have no finding that names a cause.
///
/// # Errors
///
/// With the findings, when it has.
pub fn no_false_alarm(report: &RunReport) -> Result<(), Failed> {
    let healthy = report
        .trials
        .iter()
        .filter(|trial| trial.verdict == Verdict::Passed && trial.summary.expect.is_none());
    let alarms: Vec<String> = healthy
        .filter_map(|trial| trial.diagnosis.as_ref())
        .flat_map(|diagnosis| &diagnosis.findings)
        .filter(|finding| finding.role == Role::Cause)
        .map(|finding| format!("{finding:#?}"))
        .collect();
    if alarms.is_empty() {
        return Ok(());
    }
    Err(format!("everything holds, and yet a rule names a cause:\n{}", alarms.join("\n")).into())
}

/// Runs one cluster's trials; anything but a pass is a failure that tells why.
fn run(runtime: &Runtime, kind: ProviderKind, cluster: ClusterPlan) -> Result<(), Failed> {
    let plan = Plan { provider: kind, clusters: vec![cluster] };
    let report = report_of(runtime, &plan)?;
    match exit_code(&report) {
        RunExit::Passed => Ok(()),
        _ => Err(Failed::from(gateproof_report::failures(&report))),
    }
}
