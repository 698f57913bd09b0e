//! `gateproof clean`: removes what killed runs left behind.

use gateproof_runner::journal::{self, CleanMode};

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
    let mut text = String::new();
    for run in &cleaned {
        for path in &run.removed {
            text.push_str(&format!("{verb} {} (run {})\n", path.display(), run.run));
        }
    }
    if text.is_empty() {
        text.push_str("nothing is left of killed runs\n");
    }
    print(&text)?;
    Ok(0)
}
