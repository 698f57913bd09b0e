//! `gateproof run`: the main job.

mod existing;

use std::io::{Write, stderr, stdout};
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context;
use gateproof_core::cluster::ProviderKind;
use gateproof_core::event::Shard;
use gateproof_core::plan::Plan;
use gateproof_core::report::ExitCode;
use gateproof_kubernetes::Ledger;
use gateproof_report::console::{Console, ConsoleOptions, Verbosity};
use gateproof_report::{ReportError, ReportSpec, Reporters, Target};
use gateproof_runner::interrupt::Interrupt;
use gateproof_runner::journal::{self, Closed, Entry, Journal};
use gateproof_runner::leftovers::{self, Reach};
use gateproof_runner::provider::{self, Setup};
use gateproof_runner::{Keep, Options, clock, descriptors, process, with_causes, workplace};

use super::{CommandError, clean, journal_error, plan_of, selection, setup};
use crate::arguments::{KeepChoice, RunArguments};
use crate::environment::{Audience, Environment};

pub(crate) fn run(arguments: &RunArguments, environment: &Environment) -> Result<u8, CommandError> {
    let specs = specs(&arguments.report)?;
    let plan = plan_of(&arguments.choice)?;
    let run_id = clock::run_id();
    let runtime = super::threaded_runtime()?;
    let (plan, setup) = if plan.provider == ProviderKind::Existing {
        // A client lives as long as the runtime that it was made in.
        runtime.block_on(existing::prepare(arguments, plan, &run_id))?
    } else {
        let setup = setup(plan.provider, &arguments.kind)?;
        (plan, setup)
    };
    let mut setup = reusing(setup, arguments, environment)?;
    let mut options = Options::new(run_id, jobs(arguments, &plan));
    let plan = plan.of_run(&options.run);
    options.shard = shard(arguments)?;
    options.keep = keep(arguments, plan.provider, environment)?;
    let reach = match plan.provider {
        ProviderKind::Embedded | ProviderKind::Existing => Reach::Journals,
        ProviderKind::Kind => Reach::Engines,
    };
    clean::before_start(environment, reach)?;
    let evidence = Evidence::of(arguments, environment, &options.run);
    let journal = Arc::new(
        journal(environment, &options.run, &specs, &evidence)
            .map_err(|e| journal_error(e, &environment.state))?,
    );
    options.ledger = Arc::clone(&journal) as Arc<dyn Ledger>;
    evidence.folder().clone_into(&mut options.evidence);
    if let Setup::Kind(workplace) | Setup::KindOrReused { workplace, .. } = &mut setup {
        // What Helm needs for a moment goes with the run, however that ends.
        journal.folder().clone_into(&mut workplace.stack.scratch);
    }
    let provider = provider::make(setup);
    let console = console(verbosity(arguments), environment, &specs);
    let mut reporters = open(&specs)?.with_console(console);

    descriptors::raise_limit();
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
    close(&journal, environment)?;
    Ok(code)
}

/// Ends the journal, and tells what it still holds.
pub(super) fn close(journal: &Journal, environment: &Environment) -> Result<(), CommandError> {
    let closed = journal.close().map_err(|e| journal_error(e, &environment.state))?;
    if let Closed::Holding(things) = closed {
        let words: Vec<String> = things.iter().map(leftovers::in_words).collect();
        super::tell(&format!(
            "warning: not removed: {}; the next start or `gateproof clean` tries again\n",
            words.join(", ")
        ));
        for command in things.iter().filter_map(leftovers::by_hand) {
            super::tell(&format!("  by hand: {command}\n"));
        }
    }
    Ok(())
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
    told(arguments.quiet, arguments.verbose)
}

/// How much `--quiet` and `--verbose` ask for.
pub(super) const fn told(quiet: bool, verbose: bool) -> Verbosity {
    match (quiet, verbose) {
        (true, _) => Verbosity::Quiet,
        (false, true) => Verbosity::Verbose,
        (false, false) => Verbosity::Normal,
    }
}

fn jobs(arguments: &RunArguments, plan: &Plan) -> NonZeroUsize {
    // On a cluster that exists trials follow each other: they make the same namespaces.
    if plan.provider == ProviderKind::Existing {
        return NonZeroUsize::MIN;
    }
    arguments.jobs.unwrap_or_else(|| {
        let cores = std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
        provider::usual_jobs(plan, cores, process::available_mib())
    })
}

/// Whether clusters that are up are taken.
fn reusing(
    setup: Setup,
    arguments: &RunArguments,
    environment: &Environment,
) -> Result<Setup, CommandError> {
    match setup {
        setup if !arguments.reuse => Ok(setup),
        Setup::Kind(workplace) => {
            Ok(Setup::KindOrReused { workplace, state: environment.state.clone() })
        }
        Setup::Embedded | Setup::Existing { .. } | Setup::KindOrReused { .. } => {
            Err(CommandError::Usage(
                "--reuse: only kind clusters outlive a run; `--provider kind` uses them".to_owned(),
            ))
        }
    }
}

/// Which clusters stay. What lives in the process of the run cannot.
fn keep(
    arguments: &RunArguments,
    provider: ProviderKind,
    environment: &Environment,
) -> Result<Keep, CommandError> {
    let wished = arguments.keep.map(|keep| match keep {
        KeepChoice::Always => Keep::Always,
        KeepChoice::OnFailure => Keep::OnFailure,
        KeepChoice::Never => Keep::Never,
    });
    if provider == ProviderKind::Existing {
        // The cluster stays in any case, and what the run makes there goes in any case.
        return Ok(Keep::Never);
    }
    if provider == ProviderKind::Embedded {
        return match wished {
            None | Some(Keep::Never) => Ok(Keep::Never),
            Some(Keep::Always | Keep::OnFailure) => Err(CommandError::Usage(
                "--keep: an embedded cluster lives in the process of the run and ends with it; \
                 `gateproof cluster up` brings one up that stays, and `--provider kind` keeps clusters"
                    .to_owned(),
            )),
        };
    }
    Ok(wished.unwrap_or(match environment.audience {
        Audience::Person => Keep::OnFailure,
        Audience::Program => Keep::Never,
    }))
}

/// Where evidence goes.
pub(super) enum Evidence {
    /// To a folder of the run below one of the user's.
    Wished(PathBuf),
    /// To a folder of the run below the state folder. When the run is killed no report tells of
    /// it, so it goes with the run.
    Usual(PathBuf),
}

impl Evidence {
    fn of(arguments: &RunArguments, environment: &Environment, run: &str) -> Self {
        match &arguments.evidence {
            Some(folder) => Self::Wished(absolute(&folder.join(run))),
            None => Self::usual(environment, run),
        }
    }

    /// Where it goes unless the user names a folder.
    pub(super) fn usual(environment: &Environment, run: &str) -> Self {
        Self::Usual(absolute(&workplace::usual_evidence(&environment.state, run)))
    }

    pub(super) fn folder(&self) -> &Path {
        match self {
            Self::Wished(folder) | Self::Usual(folder) => folder,
        }
    }
}

/// Opens the journal and notes where reports put their temporary files.
pub(super) fn journal(
    environment: &Environment,
    run: &str,
    specs: &[ReportSpec],
    evidence: &Evidence,
) -> Result<Journal, journal::JournalError> {
    let journal = Journal::open(&environment.state, run)?;
    if let Evidence::Usual(path) = evidence {
        journal.note(&Entry::Folder { path: path.clone() })?;
    }
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
