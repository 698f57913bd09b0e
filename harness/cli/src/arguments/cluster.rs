//! `gateproof cluster …`: what can be typed.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use gateproof_core::cilium::CiliumVersion;

use super::ProviderChoice;
use super::kind::KindArguments;

/// The name that a cluster gets when none is given.
pub(crate) const DEFAULT_NAME: &str = "gateproof";

/// The subcommands.
#[derive(Debug, Subcommand)]
pub(crate) enum ClusterCommand {
    /// Bring up a cluster for kubectl, curl and any other client. An embedded one lives in the
    /// command until Ctrl-C; one of the kind provider stays until `gateproof cluster down`.
    Up(Box<UpArguments>),
    /// List the clusters that are up, also those of killed runs and of the kind program.
    List,
    /// Print the path of a cluster's kubeconfig. Your own kubeconfig is touched only on wish.
    Kubeconfig(KubeconfigArguments),
    /// Write the logs of a kind cluster's nodes below a folder, as `kind export logs` lays them out.
    Logs {
        /// The cluster.
        name: String,
        /// The folder.
        folder: PathBuf,
    },
    /// Take a cluster down.
    Down {
        /// The cluster.
        #[arg(default_value = DEFAULT_NAME)]
        name: String,
        /// Also when it belongs to a run that goes on, or was made by somebody else.
        #[arg(long)]
        force: bool,
    },
}

/// `gateproof cluster kubeconfig`.
#[derive(Debug, Args)]
pub(crate) struct KubeconfigArguments {
    /// The cluster.
    #[arg(default_value = DEFAULT_NAME)]
    pub(crate) name: String,
    /// Put it into this kubeconfig file and make it the current context; of kind clusters only.
    #[arg(long, value_name = "FILE", conflicts_with = "export")]
    pub(crate) merge_into: Option<PathBuf>,
    /// The same with the file that kubectl uses: the first one in KUBECONFIG, else ~/.kube/config.
    #[arg(long)]
    pub(crate) export: bool,
}

/// `gateproof cluster up`.
#[derive(Debug, Args)]
pub(crate) struct UpArguments {
    /// Its name; lower-case letters, digits and `-`.
    #[arg(long, default_value = DEFAULT_NAME)]
    pub(crate) name: String,
    /// Who runs it.
    #[arg(long, value_enum, env = "GATEPROOF_PROVIDER", default_value_t)]
    pub(crate) provider: ProviderChoice,
    #[command(flatten)]
    pub(crate) kind: KindArguments,
    /// The Cilium version to install, or to act like.
    #[arg(long, value_name = "VERSION", default_value = "1.20.2")]
    pub(crate) cilium: CiliumVersion,
    /// Helm values, merged over `gatewayAPI.enabled` and `kubeProxyReplacement`; repeatable.
    #[arg(short = 'f', long, value_name = "FILE")]
    pub(crate) values: Vec<PathBuf>,
    /// The nodes: a file in kind's format, or `single-node`, `three-nodes`, `five-workers`.
    #[arg(long, value_name = "TOPOLOGY", default_value = "three-nodes")]
    pub(crate) nodes: String,
    /// LB-IPAM pool (CIDR); repeatable. Without any, addresses that curl can reach.
    #[arg(long = "pool", value_name = "CIDR")]
    pub(crate) pools: Vec<String>,
    /// Where to write the kubeconfig; a new file, removed with the cluster. Embedded clusters only.
    #[arg(long, value_name = "PATH")]
    pub(crate) kubeconfig: Option<PathBuf>,
    /// Return when the cluster is up and leave it running; `gateproof cluster down` ends it. kind
    /// clusters always do.
    #[arg(long)]
    pub(crate) detach: bool,
    /// Set for the process that `--detach` leaves running.
    #[arg(long, hide = true, conflicts_with = "detach")]
    pub(crate) detached: bool,
}
