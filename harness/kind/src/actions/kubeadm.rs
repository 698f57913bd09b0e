//! `kubeadm init` and `kubeadm join`, and what goes from one control plane to the others between
//! them.

use futures_util::future::try_join_all;

use super::node_command::NodeShell;
use super::{Progress, Seen};
use crate::engine::Engine;
use crate::plan::{NodePlan, command};
use crate::settings::Deadlines;

/// Starts the first control plane.
pub(crate) async fn init(
    engine: &Engine,
    node: &NodePlan,
    deadlines: &Deadlines,
    progress: &Progress<'_>,
) -> Result<(), Seen> {
    progress.awaiting("kubeadm has not ended yet");
    NodeShell::new(engine, &node.container).run(command::init(), None, deadlines.init).await?;
    Ok(())
}

/// Joins a node.
pub(crate) async fn join(
    engine: &Engine,
    node: &NodePlan,
    deadlines: &Deadlines,
    progress: &Progress<'_>,
) -> Result<(), Seen> {
    progress.awaiting("kubeadm has not ended yet");
    NodeShell::new(engine, &node.container).run(command::join(), None, deadlines.join).await?;
    Ok(())
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
