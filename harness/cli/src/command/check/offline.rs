//! `gateproof check --from`: the same claims and the same rules on what was dumped from a cluster.
//! Nothing is asked of any cluster, so nothing passes: what traffic does stays open.

use std::path::Path;

use anyhow::Context;
use gateproof_core::name::ClusterName;
use gateproof_existing::plan;
use gateproof_existing::plan::Wishes;
use gateproof_inspect::FolderError;
use gateproof_report::ReportSpec;
use gateproof_runner::{clock, offline};

use super::{CommandError, file_name, nothing, run, write_bundle};
use crate::arguments::check::CheckArguments;
use crate::environment::Environment;

/// Why traffic stays open.
pub(super) const NO_SOCKETS: &str = "a folder has no sockets to ask (--from)";

pub(super) fn look(
    path: &Path,
    arguments: &CheckArguments,
    wishes: &Wishes,
    environment: &Environment,
    specs: &[ReportSpec],
) -> Result<u8, CommandError> {
    let dossier = gateproof_inspect::folder(path).map_err(|error| not_read(path, error))?;
    let name = path.file_name().map(|name| name.to_string_lossy()).unwrap_or_default();
    let cluster = ClusterName::new(file_name(&name));
    let plan = plan(&cluster, &dossier, wishes).map_err(nothing)?;
    let verbosity = run::told(arguments.quiet, arguments.verbose);
    let console = run::console(verbosity, environment, specs);
    let mut reporters = run::open(specs)?.with_console(console);
    let mut problems = Vec::new();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("failed to start the runtime")?;
    runtime.block_on(offline::run(&plan, &dossier, &clock::run_id(), |record| {
        problems.extend(reporters.record(record).err());
    }));
    let code = run::end(reporters, problems);
    if let Some(bundle) = &arguments.bundle {
        write_bundle(&dossier, bundle)?;
    }
    Ok(code)
}

/// What was given is the user's to change.
fn not_read(path: &Path, error: FolderError) -> CommandError {
    match error {
        FolderError::Unreadable { source, .. } => {
            CommandError::Usage(format!("--from: failed to read {}: {source}", path.display()))
        }
        error => CommandError::Usage(format!("--from: {error}")),
    }
}
