//! `gateproof clean`: removes what killed runs left behind.

use std::path::PathBuf;

use gateproof_runner::journal::{self, CleanMode, Cleaned};

use super::{CommandError, print};
use crate::arguments::CleanArguments;
use crate::environment::Environment;

pub(crate) fn run(
    arguments: &CleanArguments,
    environment: &Environment,
) -> Result<u8, CommandError> {
    let mode = if arguments.dry_run { CleanMode::DryRun } else { CleanMode::Remove };
    let cleaned = journal::clean(&environment.state, mode)
        .map_err(|error| CommandError::Infrastructure(error.into()))?;
    let verb = match mode {
        CleanMode::Remove => "removed",
        CleanMode::DryRun => "would remove",
    };
    let line =
        |run: &Cleaned, path: &PathBuf| format!("{verb} {} (run {})\n", path.display(), run.run);
    let mut text: String = cleaned
        .iter()
        .flat_map(|run| run.removed.iter().map(move |path| line(run, path)))
        .collect();
    if text.is_empty() {
        "nothing is left of killed runs\n".clone_into(&mut text);
    }
    print(&text)?;
    Ok(0)
}
