//! What can be typed about a cluster that somebody runs.

use std::path::PathBuf;

use clap::Args;
use gateproof_kubernetes::Access;

/// Which cluster.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Existing clusters")]
pub(crate) struct ExistingArguments {
    /// The kubeconfig; by default the files of KUBECONFIG, else ~/.kube/config, else, in a pod, the
    /// cluster around it.
    #[arg(long, value_name = "FILE")]
    pub(crate) kubeconfig: Option<PathBuf>,
    /// The context in it; by default the current one.
    #[arg(long, value_name = "NAME")]
    pub(crate) context: Option<String>,
}

impl ExistingArguments {
    /// The same as a value.
    pub(crate) fn access(&self) -> Access {
        Access { kubeconfig: self.kubeconfig.clone(), context: self.context.clone() }
    }
}
