//! `gateproof cluster up --detach`: the same command in a process of its own.
//!
//! The child says that it is up with one line on its standard output; what it has to say
//! otherwise goes to a log file, which is shown when it fails.

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Read};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::Context;
use gateproof_runner::registry::ClusterRecord;

use super::super::{CommandError, print, tell};
use super::up;
use crate::arguments::cluster::UpArguments;
use crate::environment::Environment;

/// Where a detached cluster logs.
pub(super) fn log_of(environment: &Environment, name: &str) -> PathBuf {
    environment.state.join("logs").join(format!("cluster-{name}.log"))
}

/// Tells the waiting parent that the cluster is up.
pub(super) fn announce(record: &ClusterRecord) -> Result<(), CommandError> {
    let line = serde_json::to_string(record).context("failed to write a record")?;
    print(&format!("{line}\n"))
}

pub(super) fn run(arguments: &UpArguments, environment: &Environment) -> Result<u8, CommandError> {
    // Mistakes are told here, where somebody reads them.
    up::plan(arguments)?;
    let log_path = log_of(environment, &arguments.name);
    let folder = log_path.parent().expect("the log has a folder");
    fs::create_dir_all(folder).with_context(|| format!("failed to create {}", folder.display()))?;
    // A cluster of this name that is up goes on writing to its own file, which has no name then.
    if log_path.exists() {
        fs::remove_file(&log_path)
            .with_context(|| format!("failed to remove {}", log_path.display()))?;
    }
    let log = File::create(&log_path)
        .with_context(|| format!("failed to create {}", log_path.display()))?;
    // The child removes its log when it ends in order; what was opened before can still be read.
    let mut said =
        File::open(&log_path).with_context(|| format!("failed to open {}", log_path.display()))?;
    let program = std::env::current_exe().context("failed to find this program's own file")?;
    let mut child = Command::new(program)
        .args(typed(arguments))
        .env("GATEPROOF_STATE_DIR", &environment.state)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(log)
        // Ctrl-C in this terminal is not for the cluster.
        .process_group(0)
        .spawn()
        .context("failed to start the cluster's process")?;
    let output = child.stdout.take().context("the child has no output")?;
    let mut line = String::new();
    BufReader::new(output)
        .read_line(&mut line)
        .context("failed to hear from the cluster's process")?;
    if let Ok(record) = serde_json::from_str::<ClusterRecord>(&line) {
        let stop = format!("take it down with `gateproof cluster down {}`", record.name);
        print(&up::greeting(&record, arguments, &stop))?;
        return Ok(0);
    }
    let status = child.wait().context("failed to wait for the cluster's process")?;
    let mut text = String::new();
    said.read_to_string(&mut text).context("failed to read the log of the cluster's process")?;
    tell(&text);
    match fs::remove_file(&log_path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            tracing::debug!(%error, "the log stays");
        }
        _ => {}
    }
    match status.code().and_then(|code| u8::try_from(code).ok()) {
        Some(code) if code != 0 => Ok(code),
        _ => Err(CommandError::Infrastructure(anyhow::anyhow!(
            "the cluster's process ended before the cluster was up ({status})"
        ))),
    }
}

/// The arguments of the child.
fn typed(arguments: &UpArguments) -> Vec<std::ffi::OsString> {
    let mut typed: Vec<std::ffi::OsString> =
        vec!["cluster".into(), "up".into(), "--detached".into()];
    let mut option = |name: &str, value: std::ffi::OsString| {
        typed.push(name.into());
        typed.push(value);
    };
    option("--name", (&arguments.name).into());
    option("--cilium", arguments.cilium.to_string().into());
    option("--nodes", (&arguments.nodes).into());
    for file in &arguments.values {
        option("--values", file.into());
    }
    for pool in &arguments.pools {
        option("--pool", pool.into());
    }
    if let Some(path) = &arguments.kubeconfig {
        option("--kubeconfig", up::absolute(path).into());
    }
    typed
}
