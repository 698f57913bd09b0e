//! `kubeadm init` and `kubeadm join`, and what goes from one control plane to the others between
//! them.

use futures_util::future::try_join_all;

use super::node_command::NodeShell;
use super::{Progress, Seen};
use crate::engine::Engine;
use crate::plan::{NodePlan, Part, command};
use crate::settings::Deadlines;
use crate::transcript::Transcripts;
use gateproof_core::redaction::text as redact;

/// Runs kubeadm as the node's part wants it, and keeps what it writes: nothing in the node does.
pub(crate) async fn start(
    engine: &Engine,
    node: &NodePlan,
    deadlines: &Deadlines,
    transcripts: &Transcripts,
    progress: &Progress<'_>,
) -> Result<(), Seen> {
    let (argv, deadline) = match node.part {
        Part::Init => (command::init(), deadlines.init),
        Part::JoinControlPlane | Part::JoinWorker => (command::join(), deadlines.join),
    };
    progress.awaiting("kubeadm has not written anything yet");
    let shell = NodeShell::new(engine, &node.container);
    // kubeadm's phases write their names in brackets; at `--v=6` there is much else.
    let on_line = |line: &str| {
        if line.starts_with('[') {
            progress.awaiting(&format!("kubeadm is at {}", redact(line)));
        }
    };
    transcripts.record(engine, &shell.command(argv), shell.container(), deadline, on_line).await
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
