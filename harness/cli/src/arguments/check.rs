//! `gateproof check`: what can be typed.

use std::path::PathBuf;

use clap::Args;
use gateproof_core::cilium::CiliumVersion;
use gateproof_core::name::NamespacedName;

use super::existing::ExistingArguments;

/// `gateproof check`.
#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "options as they are typed")]
pub(crate) struct CheckArguments {
    #[command(flatten)]
    pub(crate) existing: ExistingArguments,
    /// Only this Gateway, such as `gateway/shared-gateway`; repeatable. By default every Gateway of
    /// a class of Cilium's.
    #[arg(long = "gateway", value_name = "NAMESPACE/NAME")]
    pub(crate) gateways: Vec<NamespacedName>,
    /// Send no HTTP requests: ask sockets for connections alone. By default a HEAD request goes to
    /// a few hosts of the routes.
    #[arg(long)]
    pub(crate) no_requests: bool,
    /// Ask no sockets at all; then what traffic does stays open.
    #[arg(long)]
    pub(crate) no_probes: bool,
    /// From where sockets are asked: `outside` (here), `inside` (a pod of the cluster, which has to
    /// be allowed with `--allow-writes`), or `auto`, which takes a pod where one is allowed and no
    /// node answers from here.
    #[arg(long, value_name = "PLACE", conflicts_with_all = ["no_probes", "from"])]
    pub(crate) vantage: Option<String>,
    /// An image of the gateproof program that the nodes can pull, for the pod that asks from inside.
    #[arg(long, value_name = "IMAGE")]
    pub(crate) image: Option<String>,
    /// Let the check make the pod that asks from inside, in a namespace of its own; both are removed
    /// again. Nothing else is ever made.
    #[arg(long)]
    pub(crate) allow_writes: bool,
    /// The load balancer whose health checks are made, 20 times faster than it makes them.
    #[arg(long, value_name = "PROFILE", default_value = "aws-lbc-cluster")]
    pub(crate) profile: String,
    /// Cilium's version, where the cluster does not tell it.
    #[arg(long, value_name = "VERSION")]
    pub(crate) cilium: Option<CiliumVersion>,
    /// Reports to write: `jsonl=PATH,junit=PATH,json=PATH,markdown=PATH,html=PATH`; `-` is
    /// standard output.
    #[arg(long, value_name = "KIND=PATH,…")]
    pub(crate) report: Vec<String>,
    /// Judge what was dumped from a cluster instead of a cluster: a folder of YAML, JSON and logs
    /// (`kubectl get -o yaml`, an unpacked `cilium sysdump`), or a bundle. Nothing is asked of any
    /// cluster; what traffic does stays open.
    #[arg(long, value_name = "PATH", conflicts_with_all = ["kubeconfig", "context", "no_requests", "no_probes"])]
    pub(crate) from: Option<PathBuf>,
    /// Write what the check rests on as one file, secrets redacted; `--from` reads it again.
    #[arg(long, value_name = "FILE")]
    pub(crate) bundle: Option<PathBuf>,
    /// Print the ClusterRole that a check needs, for `kubectl apply -f -`, and do nothing else.
    #[arg(long)]
    pub(crate) print_role: bool,
    /// Say less (`-q`: failures and the last line).
    #[arg(short, long, conflicts_with = "verbose")]
    pub(crate) quiet: bool,
    /// Say more (every check).
    #[arg(short, long)]
    pub(crate) verbose: bool,
}
