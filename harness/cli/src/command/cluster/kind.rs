//! `gateproof cluster kubeconfig|logs|down` for kind clusters, whoever made them.

use std::path::{Path, PathBuf};

use gateproof_runner::kind_clusters::{self, Access, KindCluster, Ownership};
use gateproof_runner::kubeconfig_file::{self, KubeconfigFileError};

use super::super::{CommandError, engines, print, runtime};
use super::unknown;
use crate::arguments::cluster::KubeconfigArguments;
use crate::environment::{self, Environment};

/// Whether a cluster that is not the user's may be taken down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Force {
    /// No.
    No,
    /// Yes.
    Yes,
}

pub(super) fn kubeconfig(
    arguments: &KubeconfigArguments,
    environment: &Environment,
) -> Result<u8, CommandError> {
    let name = &arguments.name;
    let (engines, _) = found(name, environment)?;
    let text =
        runtime()?.block_on(kind_clusters::kubeconfig(&engines, name)).map_err(infrastructure)?;
    let merged = match (&arguments.merge_into, arguments.export) {
        (Some(file), _) => Some(file.clone()),
        (None, true) => Some(users_kubeconfig()?),
        (None, false) => None,
    };
    if let Some(file) = merged {
        kubeconfig_file::merge(&file, &text).map_err(file_error)?;
        print(&format!("context kind-{name} is the current one in {}\n", file.display()))?;
        return Ok(0);
    }
    let file = own_kubeconfig(&environment.state, name);
    kubeconfig_file::write_private(&file, &text).map_err(file_error)?;
    print(&format!("{}\n", file.display()))?;
    Ok(0)
}

pub(super) fn logs(
    name: &str,
    folder: &Path,
    environment: &Environment,
) -> Result<u8, CommandError> {
    let (engines, _) = found(name, environment)?;
    let files =
        runtime()?.block_on(kind_clusters::logs(&engines, name, folder)).map_err(infrastructure)?;
    print(&format!("{} files below {}\n", files.len(), folder.display()))?;
    Ok(0)
}

pub(super) fn down(
    name: &str,
    force: Force,
    environment: &Environment,
) -> Result<u8, CommandError> {
    let (engines, cluster) = found(name, environment)?;
    if force == Force::No
        && let Some(why) = not_yours(&cluster)
    {
        return Err(CommandError::Usage(format!("cluster {name} {why}; --force takes it down")));
    }
    runtime()?.block_on(kind_clusters::remove(&engines, name)).map_err(infrastructure)?;
    let file = own_kubeconfig(&environment.state, name);
    match std::fs::remove_file(&file) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            return Err(CommandError::Infrastructure(
                anyhow::Error::new(error).context(format!("failed to remove {}", file.display())),
            ));
        }
        _ => {}
    }
    print(&format!("cluster {name} is down\n"))?;
    Ok(0)
}

/// Why a cluster is not the user's to take down without further ado.
fn not_yours(cluster: &KindCluster) -> Option<String> {
    match &cluster.ownership {
        Ownership::User | Ownership::DeadRun { .. } => None,
        Ownership::OtherProgram => Some(format!(
            "was not made by gateproof; `kind delete cluster --name {}` removes it",
            cluster.name
        )),
        Ownership::LivingRun { run } => Some(format!("belongs to run {run}, which goes on")),
        Ownership::Unclear { run } => Some(format!(
            "belongs to run {run} on another machine or in another container, which may go on"
        )),
    }
}

/// The kind cluster of this name.
fn found(
    name: &str,
    environment: &Environment,
) -> Result<(gateproof_runner::engines::Engines, KindCluster), CommandError> {
    let engines = engines()?;
    let embedded = gateproof_runner::registry::living(&environment.state)
        .map_err(super::infrastructure)?
        .into_iter()
        .map(|cluster| cluster.name);
    let mut known: Vec<String> = embedded.collect();
    let clusters = match runtime()?.block_on(kind_clusters::list(&engines, &environment.state)) {
        Ok(clusters) => clusters,
        Err(problem) => {
            let beside = format!(" (kind clusters were not looked for: {problem})");
            return Err(unknown(name, &known, &beside));
        }
    };
    known.extend(clusters.iter().map(|cluster| cluster.name.clone()));
    known.sort();
    match clusters.into_iter().find(|cluster| cluster.name == name) {
        Some(cluster) => Ok((engines, cluster)),
        None => Err(unknown(name, &known, "")),
    }
}

/// Where the kubeconfig of a kind cluster goes unless the user wishes it elsewhere.
pub(super) fn own_kubeconfig(state: &Path, name: &str) -> PathBuf {
    state.join("kubeconfigs").join(kind_clusters::context_name(name))
}

/// The file that kubectl writes to (kubernetes/client-go: `tools/clientcmd/config.go`): the first
/// one in `KUBECONFIG` that exists, else its last, else `~/.kube/config`.
fn users_kubeconfig() -> Result<PathBuf, CommandError> {
    let said = |name| environment::variable(name).filter(|value| !value.is_empty());
    if let Some(list) = said("KUBECONFIG") {
        let files: Vec<PathBuf> =
            std::env::split_paths(&list).filter(|file| !file.as_os_str().is_empty()).collect();
        let existing = files.iter().find(|file| file.exists()).or(files.last());
        if let Some(file) = existing {
            return Ok(file.clone());
        }
    }
    said("HOME").map(|home| PathBuf::from(home).join(".kube/config")).ok_or_else(|| {
        CommandError::Usage(
            "--export: neither KUBECONFIG nor HOME is set; --merge-into names a file".to_owned(),
        )
    })
}

/// How to reach a cluster that is up.
pub(super) fn greeting(name: &str, access: &Access) -> String {
    format!(
        "cluster {name} is up: {}, API at {}\n\n  \
         export KUBECONFIG=$(gateproof cluster kubeconfig {name})\n  \
         kubectl get gatewayclass,nodes\n\n\
         take it down with `gateproof cluster down {name}`\n",
        access.subject, access.api
    )
}

fn infrastructure(problem: String) -> CommandError {
    CommandError::Infrastructure(anyhow::anyhow!(problem))
}

fn file_error(error: KubeconfigFileError) -> CommandError {
    match error {
        KubeconfigFileError::NoKubeconfig { .. } => CommandError::Usage(error.to_string()),
        error => CommandError::Infrastructure(error.into()),
    }
}
