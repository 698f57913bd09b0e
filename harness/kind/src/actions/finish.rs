//! What makes a cluster of one node useful, and kind's StorageClass where it is wished.

use super::node_command::NodeShell;
use super::{Progress, Seen};
use crate::engine::Engine;
use crate::plan::version::KubernetesVersion;
use crate::plan::{NodePlan, command};
use crate::settings::Deadlines;

/// Lets the only node of a cluster take workloads, and load balancers lead to it.
pub(crate) async fn open_single_node(
    engine: &Engine,
    node: &NodePlan,
    version: &KubernetesVersion,
    deadlines: &Deadlines,
) -> Result<(), Seen> {
    let shell = NodeShell::new(engine, &node.container);
    for command in command::open_single_node(version) {
        shell.run(command, None, deadlines.command).await?;
    }
    Ok(())
}

/// Applies the StorageClass that the node image brings along.
pub(crate) async fn storage_class(
    engine: &Engine,
    node: &NodePlan,
    deadlines: &Deadlines,
    progress: &Progress<'_>,
) -> Result<(), Seen> {
    let shell = NodeShell::new(engine, &node.container);
    progress.awaiting(command::STORAGE_MANIFEST);
    let manifest = shell.read(command::STORAGE_MANIFEST, deadlines.command).await?;
    let apply = command::apply_storage_class();
    shell.run(apply, Some(manifest.into_bytes()), deadlines.command).await?;
    Ok(())
}
