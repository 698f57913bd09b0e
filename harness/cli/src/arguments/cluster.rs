//! `gateproof cluster …`: what can be typed.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use gateproof_core::cilium::CiliumVersion;

/// The name that a cluster gets when none is given.
pub(crate) const DEFAULT_NAME: &str = "gateproof";

/// The subcommands.
#[derive(Debug, Subcommand)]
pub(crate) enum ClusterCommand {
    /// Bring up an embedded cluster for kubectl, curl and any other client; Ctrl-C takes it down.
    Up(UpArguments),
    /// List the clusters that are up.
    List,
    /// Print the path of a cluster's kubeconfig.
    Kubeconfig {
        /// The cluster.
        #[arg(default_value = DEFAULT_NAME)]
        name: String,
    },
    /// Take a cluster down.
    Down {
        /// The cluster.
        #[arg(default_value = DEFAULT_NAME)]
        name: String,
    },
}

/// `gateproof cluster up`.
#[derive(Debug, Args)]
pub(crate) struct UpArguments {
    /// Its name; lower-case letters, digits and `-`.
    #[arg(long, default_value = DEFAULT_NAME)]
    pub(crate) name: String,
    /// The Cilium version to act like.
    #[arg(long, value_name = "VERSION", default_value = "1.20.2")]
    pub(crate) cilium: CiliumVersion,
    /// Helm values, merged over `gatewayAPI.enabled` and `kubeProxyReplacement`; repeatable.
    #[arg(short = 'f', long, value_name = "FILE")]
    pub(crate) values: Vec<PathBuf>,
    /// The nodes: a file in kind's format, or `single-node`, `three-nodes`, `five-workers`.
    #[arg(long, value_name = "TOPOLOGY", default_value = "three-nodes")]
    pub(crate) nodes: String,
    /// LB-IPAM pool (CIDR); repeatable. Without any, loopback addresses that curl can reach.
    #[arg(long = "pool", value_name = "CIDR")]
    pub(crate) pools: Vec<String>,
    /// Where to write the kubeconfig; a new file, removed with the cluster.
    #[arg(long, value_name = "PATH")]
    pub(crate) kubeconfig: Option<PathBuf>,
    /// Return when the cluster is up and leave it running; `gateproof cluster down` ends it.
    #[arg(long)]
    pub(crate) detach: bool,
    /// Set for the process that `--detach` leaves running.
    #[arg(long, hide = true, conflicts_with = "detach")]
    pub(crate) detached: bool,
}
