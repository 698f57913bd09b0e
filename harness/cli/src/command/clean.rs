//! `gateproof clean`: removes what killed runs left behind.

use std::path::Path;
use std::time::Duration;

use gateproof_core::report::ExitCode;
use gateproof_runner::leftovers::{self, Caretaker, Cleaned, Cleaning, LINGER, Mode, Reach, What};

use super::{CommandError, engines, print, tell};
use crate::arguments::CleanArguments;
use crate::environment::Environment;

/// How long each Docker engine may take when cleaning is what was asked for.
const THOROUGH: Duration = Duration::from_mins(2);

/// How long each Docker engine may take before a run starts.
const BEFORE_A_RUN: Duration = Duration::from_secs(20);

pub(crate) fn run(
    arguments: &CleanArguments,
    environment: &Environment,
) -> Result<u8, CommandError> {
    let mode = if arguments.dry_run { Mode::DryRun } else { Mode::Remove };
    let cleaning = Cleaning { mode, reach: Reach::Engines, within: THOROUGH, linger: LINGER };
    let cleaned = clean(&environment.state, &engines()?, cleaning)?;
    print(&text(&cleaned, mode))?;
    for problem in &cleaned.problems {
        tell(&format!("error: {problem}\n"));
    }
    Ok(if cleaned.problems.is_empty() { 0 } else { ExitCode::Inconclusive.code() })
}

/// Cleans before a run or a cluster starts, so that nobody has to remember to. What cannot be
/// cleaned is told and left to the next start: it hinders nobody.
pub(super) fn before_start(environment: &Environment, reach: Reach) -> Result<(), CommandError> {
    // An engine that is named wrongly hinders only those who need one.
    let caretaker: Box<dyn Caretaker> = match engines() {
        Ok(engines) => Box::new(engines),
        Err(error) if reach == Reach::Engines => return Err(error),
        Err(_) => Box::new(leftovers::NoEngines),
    };
    let cleaning = Cleaning { mode: Mode::Remove, reach, within: BEFORE_A_RUN, linger: LINGER };
    let cleaned = clean(&environment.state, caretaker.as_ref(), cleaning)?;
    for problem in &cleaned.problems {
        tell(&format!("warning: {problem}\n"));
    }
    Ok(())
}

fn clean(
    state: &Path,
    caretaker: &dyn Caretaker,
    cleaning: Cleaning,
) -> Result<Cleaned, CommandError> {
    super::runtime()?
        .block_on(leftovers::clean(state, caretaker, cleaning))
        .map_err(|error| super::journal_error(error, state))
}

/// What was done, a line for each thing.
fn text(cleaned: &Cleaned, mode: Mode) -> String {
    let verb = match mode {
        Mode::Remove => "removed",
        Mode::DryRun => "would remove",
    };
    let mut lines: Vec<String> = cleaned
        .removed
        .iter()
        .map(|removed| {
            let what = match &removed.what {
                What::OnEngine(thing) => leftovers::in_words(thing),
                What::OnCluster(object) => object.clone(),
                What::Path(path) => path.display().to_string(),
            };
            format!("{verb} {what} (run {})\n", removed.run)
        })
        .collect();
    lines.extend(cleaned.left_alone.iter().map(|what| format!("left alone: {what}\n")));
    if lines.is_empty() && cleaned.problems.is_empty() {
        lines.push("nothing is left of killed runs\n".to_owned());
    }
    let silent = cleaned.silent.iter();
    lines.extend(silent.map(|why| format!("no Docker engine was asked: {why}\n")));
    lines.concat()
}
