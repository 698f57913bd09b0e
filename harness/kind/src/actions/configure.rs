//! What a node needs before kubeadm runs: kubeadm's documents, which depend on the node's own
//! Kubernetes version and addresses, and containerd's configuration where the topology patches it.

use super::node_command::NodeShell;
use super::{Progress, Seen};
use crate::engine::Engine;
use crate::plan::kubeadm::NodeAddresses;
use crate::plan::mirror::Mirror;
use crate::plan::version::KubernetesVersion;
use crate::plan::{KindPlan, NodePlan, command};
use crate::settings::Deadlines;

/// Writes the files of one node and returns its Kubernetes version.
pub(crate) async fn configure(
    engine: &Engine,
    plan: &KindPlan,
    node: &NodePlan,
    deadlines: &Deadlines,
    progress: &Progress<'_>,
) -> Result<KubernetesVersion, Seen> {
    let shell = NodeShell::new(engine, &node.container);
    progress.awaiting("its Kubernetes version");
    let read = shell.run(command::read_version(), None, deadlines.command).await?;
    let version = version(&String::from_utf8_lossy(&read.stdout))?;
    progress.awaiting("its addresses");
    let addresses = addresses(engine, plan, shell.container()).await?;
    let file = plan
        .kubeadm_file(node, &version, &addresses)
        .map_err(|error| Seen::new(error.to_string()))?;
    progress.awaiting(&format!("{} is not written yet", file.path));
    shell.write(&file.path, file.content.as_bytes(), deadlines.command).await?;
    patch_containerd(plan, &shell, deadlines, progress).await?;
    for file in plan.mirrors.iter().map(Mirror::hosts_file) {
        progress.awaiting(&format!("{} is not written yet", file.path));
        shell.write(&file.path, file.content.as_bytes(), deadlines.command).await?;
    }
    Ok(version)
}

/// Reads the one line of `/kind/version`.
fn version(text: &str) -> Result<KubernetesVersion, Seen> {
    text.parse().map_err(|error| {
        Seen::new(format!("{}: {error}; is this a node image?", command::VERSION_FILE))
    })
}

async fn addresses(
    engine: &Engine,
    plan: &KindPlan,
    container: &str,
) -> Result<NodeAddresses, Seen> {
    let gone = || Seen::new("the container is gone");
    let state = engine.inspect_container(container).await?.ok_or_else(gone)?;
    let on_network = state.addresses.get(&plan.network).ok_or_else(|| {
        Seen::new(format!("the container is not attached to the Docker network {}", plan.network))
    })?;
    Ok(NodeAddresses {
        v4: on_network.v4.map(|address| address.to_string()),
        v6: on_network.v6.map(|address| address.to_string()),
    })
}

async fn patch_containerd(
    plan: &KindPlan,
    shell: &NodeShell,
    deadlines: &Deadlines,
    progress: &Progress<'_>,
) -> Result<(), Seen> {
    if plan.containerd.is_empty() {
        return Ok(());
    }
    progress.awaiting("containerd's configuration is not patched yet");
    let read = shell.run(command::read_containerd_config(), None, deadlines.command).await?;
    let current = String::from_utf8_lossy(&read.stdout);
    let patched = plan.containerd_file(&current).map_err(|error| Seen::new(error.to_string()))?;
    if let Some(file) = patched {
        shell.write(&file.path, file.content.as_bytes(), deadlines.command).await?;
        shell.run(command::restart_containerd(), None, deadlines.command).await?;
    }
    Ok(())
}
