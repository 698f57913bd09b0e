//! One file per subcommand; what they share is here: loading, planning, and how failure is told.

use std::path::{Path, PathBuf};

use anyhow::Context;
use gateproof_core::cluster::ProviderKind;
use gateproof_core::plan::selection::{Selection, SelectionError, Shard};
use gateproof_core::plan::{self as planning, Plan};
use gateproof_core::scenario::catalog::{self, Catalog};
use gateproof_core::source::problem::Problems;
use gateproof_core::source::render::Style;
use gateproof_runner::discover;
use gateproof_runner::engines::Engines;
use gateproof_runner::journal::JournalError;
use gateproof_runner::provider::{NotAvailable, Setup};
use gateproof_runner::workplace::{self, Workplace};
use tokio::runtime::Runtime;

use crate::arguments::kind::KindArguments;
use crate::arguments::{Choice, ProviderChoice};
use crate::environment::{self, Environment};

pub(crate) mod check;
pub(crate) mod clean;
pub(crate) mod cluster;
pub(crate) mod dns;
pub(crate) mod echo;
pub(crate) mod explain;
pub(crate) mod facts;
pub(crate) mod images;
pub(crate) mod plan;
pub(crate) mod predict;
pub(crate) mod prober;
pub(crate) mod report;
pub(crate) mod run;
pub(crate) mod schema;
mod standpoint;
pub(crate) mod validate;
pub(crate) mod versions;

/// Why a command could not be carried out.
#[derive(Debug)]
pub(crate) enum CommandError {
    /// Problems in scenario files and what they name.
    Input(Box<Problems>),
    /// The command line itself is wrong; one or more lines.
    Usage(String),
    /// Nothing was selected, and what there would be.
    NothingSelected(String),
    /// The harness could not do its work.
    Infrastructure(anyhow::Error),
}

impl CommandError {
    /// The message for a person, with its line break.
    pub(crate) fn render(&self, environment: &Environment) -> String {
        match self {
            Self::Input(problems) => render_problems(problems, environment),
            Self::Usage(message) | Self::NothingSelected(message) => format!("error: {message}\n"),
            Self::Infrastructure(error) => format!("error: {error:#}\n"),
        }
    }
}

impl From<anyhow::Error> for CommandError {
    fn from(error: anyhow::Error) -> Self {
        Self::Infrastructure(error)
    }
}

/// Every problem, and how many there are.
fn render_problems(problems: &Problems, environment: &Environment) -> String {
    let style = if environment.colours_messages() { Style::Coloured } else { Style::Plain };
    let count = problems.len();
    let noun = if count == 1 { "problem" } else { "problems" };
    format!("{}\nerror: {count} {noun} found; nothing was run\n", problems.render(style).trim_end())
}

/// Reads and checks scenarios and topologies.
fn load(paths: &[PathBuf], clusters: Option<&Path>) -> Result<Catalog, CommandError> {
    let tree = discover::discover(paths, clusters).map_err(|errors| {
        let lines: Vec<String> = errors.iter().map(ToString::to_string).collect();
        CommandError::Usage(lines.join("\nerror: "))
    })?;
    catalog::load(&tree).map_err(|problems| CommandError::Input(Box::new(problems)))
}

/// Loads and plans what was chosen.
fn plan_of(choice: &Choice) -> Result<Plan, CommandError> {
    let catalog = load(&choice.paths, choice.clusters.as_deref())?;
    let selection = selection(choice)?;
    planning::make(&catalog, provider(choice.provider), &selection).map_err(|error| match error {
        SelectionError::BadGlob { .. } => CommandError::Usage(error.to_string()),
        SelectionError::NothingMatches { .. }
        | SelectionError::NothingTogether(_)
        | SelectionError::NoScenarios => CommandError::NothingSelected(error.to_string()),
    })
}

/// What was typed as a selection; every mistake in it together.
fn selection(choice: &Choice) -> Result<Selection, CommandError> {
    let mut mistakes = Vec::new();
    let mut labels = Vec::new();
    for label in &choice.labels {
        match label.parse() {
            Ok(label) => labels.push(label),
            Err(error) => mistakes.push(format!("--label: {error}")),
        }
    }
    let shard = match choice.shard.as_deref().map(str::parse::<Shard>).transpose() {
        Ok(shard) => shard,
        Err(error) => {
            mistakes.push(format!("--shard: {error}"));
            None
        }
    };
    if !mistakes.is_empty() {
        return Err(CommandError::Usage(mistakes.join("\nerror: ")));
    }
    let (names, variants) = (choice.select.clone(), choice.variants.clone());
    Ok(Selection { names, variants, labels, shard })
}

fn provider(choice: ProviderChoice) -> ProviderKind {
    match choice {
        ProviderChoice::Embedded => ProviderKind::Embedded,
        ProviderChoice::Kind => ProviderKind::Kind,
        ProviderChoice::Existing => ProviderKind::Existing,
    }
}

/// The provider of a plan, from what was typed and the environment.
fn setup(provider: ProviderKind, kind: &KindArguments) -> Result<Setup, CommandError> {
    match provider {
        ProviderKind::Embedded => Ok(Setup::Embedded),
        ProviderKind::Kind => workplace(kind).map(Box::new).map(Setup::Kind),
        ProviderKind::Existing => {
            let error = NotAvailable(provider.to_string());
            Err(CommandError::Usage(error.to_string()))
        }
    }
}

/// Where and how kind clusters are made.
fn workplace(kind: &KindArguments) -> Result<Workplace, CommandError> {
    workplace::workplace(&kind.wishes(), &environment::variable)
        .map_err(|mistakes| CommandError::Usage(mistakes.join("\nerror: ")))
}

/// The Docker engines that this process can reach.
fn engines() -> Result<Engines, CommandError> {
    let usual = workplace::endpoint(&environment::variable).map_err(CommandError::Usage)?;
    Ok(Engines { usual, search_path: environment::variable("PATH").map(Into::into) })
}

/// A runtime for a command that waits for an engine.
pub(super) fn runtime() -> Result<Runtime, CommandError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    Ok(runtime.context("failed to start the runtime")?)
}

/// A runtime for a command that serves, or does much side by side.
pub(super) fn threaded_runtime() -> Result<Runtime, CommandError> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    Ok(runtime.context("failed to start the runtime")?)
}

/// The journal of runs cannot be kept or read.
fn journal_error(error: JournalError, state: &Path) -> CommandError {
    let context = format!(
        "the journal of runs is kept in {}; GATEPROOF_STATE_DIR names another folder",
        state.display()
    );
    CommandError::Infrastructure(anyhow::Error::new(error).context(context))
}

/// Writes to standard error. When nobody listens there is nobody to tell, and the exit code still
/// says how it ended.
pub(crate) fn tell(text: &str) {
    use std::io::Write;
    let mut err = std::io::stderr().lock();
    if let Err(error) = err.write_all(text.as_bytes()).and_then(|()| err.flush()) {
        tracing::debug!(%error, "standard error cannot be written to");
    }
}

/// Writes to standard output; a reader that went away is no error.
fn print(text: &str) -> Result<(), CommandError> {
    use std::io::Write;
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(CommandError::Infrastructure(
                anyhow::Error::new(error).context("failed to write to standard output"),
            ))
        }
        _ => Ok(()),
    }
}
