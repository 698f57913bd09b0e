//! `gateproof report`: reports made again from event logs.

use std::path::{Path, PathBuf};

use anyhow::Context;
use gateproof_core::event::Record;
use gateproof_core::report::merge as merge_logs;
use gateproof_report::console::{Console, Verbosity};
use gateproof_report::{ReportSpec, read_log};

use super::CommandError;
use super::run::{console, end, open, specs};
use crate::environment::Environment;

/// Joins event logs into one report.
pub(crate) fn merge(
    logs: &[PathBuf],
    report: &[String],
    environment: &Environment,
) -> Result<u8, CommandError> {
    let specs = specs(report)?;
    let mut read = Vec::new();
    for log in logs {
        read.push(records(log)?);
    }
    let merged = merge_logs(read).map_err(|error| CommandError::Usage(error.to_string()))?;
    replay(&merged, &specs, console(Verbosity::Normal, environment, &specs))
}

/// Shows one event log.
pub(crate) fn show(
    log: &Path,
    report: &[String],
    environment: &Environment,
) -> Result<u8, CommandError> {
    let specs = specs(report)?;
    let records = records(log)?;
    replay(&records, &specs, console(Verbosity::Normal, environment, &specs))
}

fn records(log: &Path) -> Result<Vec<Record>, CommandError> {
    let text = std::fs::read(log).with_context(|| format!("failed to read {}", log.display()));
    let text = text.map_err(|error| CommandError::Usage(format!("{error:#}")))?;
    read_log(text)
        .map_err(|error| CommandError::Usage(format!("{}: failed to {error}", log.display())))
}

fn replay(records: &[Record], specs: &[ReportSpec], console: Console) -> Result<u8, CommandError> {
    let mut reporters = open(specs)?.with_console(console);
    let mut problems = Vec::new();
    for record in records {
        problems.extend(reporters.record(record).err());
    }
    Ok(end(reporters, problems))
}
