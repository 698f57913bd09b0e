//! `gateproof run`: the main job.

use std::io::{Write, stderr, stdout};
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context;
use gateproof_core::event::Shard;
use gateproof_core::report::ExitCode;
use gateproof_kubernetes::Ledger;
use gateproof_report::console::{Console, ConsoleOptions, Verbosity};
use gateproof_report::{ReportError, ReportSpec, Reporters, Target};
use gateproof_runner::interrupt::Interrupt;
use gateproof_runner::journal::{self, Closed, Entry, Journal};
use gateproof_runner::leftovers::{self, NoEngines, Reach};
use gateproof_runner::{Options, clock, descriptors, provider, with_causes};

use super::{CommandError, clean, journal_error, plan_of, selection};
use crate::arguments::RunArguments;
use crate::environment::Environment;

/// Clusters side by side when the machine has few processors: a trial mostly waits.
const FEWEST_JOBS: NonZeroUsize = NonZeroUsize::new(3).expect("three is not zero");

pub(crate) fn run(arguments: &RunArguments, environment: &Environment) -> Result<u8, CommandError> {
    let specs = specs(&arguments.report)?;
    let plan = plan_of(&arguments.choice)?;
    let provider =
        provider::make(plan.provider).map_err(|error| CommandError::Usage(error.to_string()))?;
    let mut options = Options::new(clock::run_id(), jobs(arguments));
    options.shard = shard(arguments)?;
    clean::before_start(environment, &NoEngines, Reach::Journals)?;
    let journal = Arc::new(
        journal(environment, &options.run, &specs)
            .map_err(|e| journal_error(e, &environment.state))?,
    );
    options.ledger = Arc::clone(&journal) as Arc<dyn Ledger>;
    let console = console(verbosity(arguments), environment, &specs);
    let mut reporters = open(&specs)?.with_console(console);

    descriptors::raise_limit();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("failed to start the runtime")?;
    let mut problems = Vec::new();
    runtime.block_on(async {
        let interrupt = Interrupt::new();
        interrupt.listen(leave_at_once).context("failed to listen for signals")?;
        gateproof_runner::run(&plan, provider, &options, &interrupt, |record| {
            problems.extend(reporters.record(record).err());
        })
        .await;
        anyhow::Ok(())
    })?;
    let code = end(reporters, problems);
    let closed = journal.close().map_err(|e| journal_error(e, &environment.state))?;
    if let Closed::Holding(things) = closed {
        let things: Vec<String> = things.iter().map(leftovers::in_words).collect();
        super::tell(&format!(
            "warning: not removed: {}; the next start or `gateproof clean` tries again\n",
            things.join(", ")
        ));
    }
    Ok(code)
}

/// Reads every `--report`.
pub(super) fn specs(lists: &[String]) -> Result<Vec<ReportSpec>, CommandError> {
    if lists.is_empty() {
        return Ok(Vec::new());
    }
    ReportSpec::parse(&lists.join(","))
        .map_err(|error| CommandError::Usage(format!("--report: {error}")))
}

/// The console; on standard error when standard output belongs to a report.
pub(super) fn console(
    verbosity: Verbosity,
    environment: &Environment,
    specs: &[ReportSpec],
) -> Console {
    let taken = specs.iter().any(|spec| spec.target == Target::Stdout);
    let (terminal, out): (_, Box<dyn Write + Send>) = if taken {
        (environment.messages, Box::new(stderr()))
    } else {
        (environment.output, Box::new(stdout()))
    };
    Console::new(ConsoleOptions { verbosity, terminal }, out)
}

/// Ends the reports, tells what went wrong with them, and says how the run ended.
pub(super) fn end(reporters: Reporters, mut problems: Vec<ReportError>) -> u8 {
    let finished = reporters.finish();
    problems.extend(finished.problems);
    for problem in &problems {
        super::tell(&format!("error: failed to {}\n", with_causes(problem)));
    }
    match finished.exit {
        ExitCode::Passed if !problems.is_empty() => ExitCode::Inconclusive.code(),
        code => code.code(),
    }
}

/// Opens every report, so that one that cannot be written is found before anything runs.
pub(super) fn open(specs: &[ReportSpec]) -> Result<Reporters, CommandError> {
    Reporters::open(specs)
        .map_err(|error| CommandError::Usage(format!("failed to {}", with_causes(&error))))
}

/// The shard, as the event log tells it.
fn shard(arguments: &RunArguments) -> Result<Option<Shard>, CommandError> {
    let shard = selection(&arguments.choice)?.shard;
    Ok(shard.map(|shard| Shard {
        index: u32::try_from(shard.index()).unwrap_or(u32::MAX),
        count: u32::try_from(shard.count()).unwrap_or(u32::MAX),
    }))
}

fn verbosity(arguments: &RunArguments) -> Verbosity {
    match (arguments.quiet, arguments.verbose) {
        (true, _) => Verbosity::Quiet,
        (false, true) => Verbosity::Verbose,
        (false, false) => Verbosity::Normal,
    }
}

fn jobs(arguments: &RunArguments) -> NonZeroUsize {
    arguments.jobs.unwrap_or_else(|| {
        std::thread::available_parallelism().map_or(FEWEST_JOBS, |cores| cores.max(FEWEST_JOBS))
    })
}

/// Opens the journal and notes where reports put their temporary files.
fn journal(
    environment: &Environment,
    run: &str,
    specs: &[ReportSpec],
) -> Result<Journal, journal::JournalError> {
    let journal = Journal::open(&environment.state, run)?;
    for spec in specs {
        if let Target::File(path) = &spec.target {
            journal.note(&Entry::TemporaryFiles {
                folder: absolute(path.parent().unwrap_or(Path::new(""))),
                prefix: gateproof_report::scratch_prefix(),
            })?;
        }
    }
    Ok(journal)
}

fn absolute(folder: &Path) -> PathBuf {
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    std::path::absolute(folder).unwrap_or_else(|_| folder.to_owned())
}

/// The second signal: the user does not want to wait for the clean-up.
#[expect(clippy::exit, reason = "asked for by a second signal; nothing is left to unwind for")]
pub(super) fn leave_at_once() {
    std::process::exit(i32::from(ExitCode::Interrupted.code()));
}
