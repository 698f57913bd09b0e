//! `kubeadm init` and `kubeadm join`, and what goes from one control plane to the others between
//! them.

use std::time::Duration;

use futures_util::future::try_join_all;

use super::node_command::NodeShell;
use super::{Progress, Seen};
use crate::engine::Engine;
use crate::evidence::redaction::redact;
use crate::plan::{NodePlan, command};
use crate::settings::Deadlines;
use crate::transcript::Transcripts;

/// Starts the first control plane.
pub(crate) async fn init(
    engine: &Engine,
    node: &NodePlan,
    deadlines: &Deadlines,
    transcripts: &Transcripts,
    progress: &Progress<'_>,
) -> Result<(), Seen> {
    run(
        engine,
        node,
        Run { argv: command::init(), deadline: deadlines.init },
        transcripts,
        progress,
    )
    .await
}

/// Joins a node.
pub(crate) async fn join(
    engine: &Engine,
    node: &NodePlan,
    deadlines: &Deadlines,
    transcripts: &Transcripts,
    progress: &Progress<'_>,
) -> Result<(), Seen> {
    run(
        engine,
        node,
        Run { argv: command::join(), deadline: deadlines.join },
        transcripts,
        progress,
    )
    .await
}

struct Run {
    argv: Vec<String>,
    deadline: Duration,
}

/// Runs kubeadm, and keeps what it writes: nothing in the node does.
async fn run(
    engine: &Engine,
    node: &NodePlan,
    run: Run,
    transcripts: &Transcripts,
    progress: &Progress<'_>,
) -> Result<(), Seen> {
    progress.awaiting("kubeadm has not written anything yet");
    let shell = NodeShell::new(engine, &node.container);
    // kubeadm's phases write their names in brackets; at `--v=6` there is much else.
    let on_line = |line: &str| {
        if line.starts_with('[') {
            progress.awaiting(&format!("kubeadm is at {}", redact(line)));
        }
    };
    transcripts
        .record(engine, &shell.command(run.argv), shell.container(), run.deadline, on_line)
        .await
}

/// Copies the authorities and the administrator's credentials from the first control plane to
/// another one. They pass through memory alone.
pub(crate) async fn share_certificates(
    engine: &Engine,
    first: &NodePlan,
    other: &NodePlan,
    deadlines: &Deadlines,
) -> Result<(), Seen> {
    let from = NodeShell::new(engine, &first.container);
    let to = NodeShell::new(engine, &other.container);
    let copies = command::SHARED_BY_CONTROL_PLANES.iter().map(async |path| {
        let content = from.read(path, deadlines.command).await?;
        to.write(path, content.as_bytes(), deadlines.command).await
    });
    try_join_all(copies).await?;
    Ok(())
}
