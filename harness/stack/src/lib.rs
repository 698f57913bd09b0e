//! The stack on a cluster: Gateway API CRDs, Cilium and cert-manager, one small step a file, each
//! told as an action, and waited for until it works.
//!
//! Works through a Kubernetes client and Helm, so that it is the same for kind clusters and for
//! clusters that somebody runs. Read in this order: [`target`] (which cluster, and what a provider
//! knows of it), [`settings`] (what a user may choose), [`mod@install`] (the order of the steps),
//! [`values`] (what Helm is given, and why), [`helm`] (the program), `readiness` (when it works),
//! [`fn@settle`] and [`fn@logs`] (afterwards).
//!
//! # What Helm is asked
//!
//! Three commands, and nothing else; `CHART` is `NAME --repo URL`, `oci://…` or a path, and
//! `--version` is left out for a path:
//!
//! ```text
//! helm version --template {{.Version}}
//! helm show values CHART --version 1.20.2
//! helm upgrade cilium CHART --install --version 1.20.2 --namespace kube-system
//!      --create-namespace --reset-values --values FILE --timeout 300s --kubeconfig FILE
//! ```
//!
//! and the last two again for cert-manager (`cert-manager` in namespace `cert-manager`, version
//! `v1.21.1`). `--wait` is not used: waiting is done here, where it can say what is missing.
//! Variables that would send Helm to another cluster (`HELM_KUBE…`, `HELM_NAMESPACE`) are taken
//! from its environment. Where this machine has no Helm, the same commands run in a container beside
//! the cluster ([`HelmBeside`]), which is given the files instead.

mod bundle;
mod component;
mod download;
pub mod error;
mod evidence;
pub mod helm;
pub mod install;
mod private_file;
mod readiness;
pub mod settings;
mod settle;
mod staleness;
mod step;
pub mod target;
pub mod values;

pub use component::logs;
pub use error::StackError;
pub use helm::beside::HelmBeside;
pub use install::{Installed, install};
pub use readiness::pods::{Outlook, hindrance};
pub use settings::{ChartSource, CrdSource, Downloads, HelmSource, Settings};
pub use settle::settle;
pub use target::{
    ApiServer, Beside, ClusterFacts, Images, KubeProxy, Kubeconfig, LoadBalancing, Target,
};
