//! What every cluster provider hands over, and nothing more.
//!
//! A provider brings up a cluster and installs the stack; the rest (apply, wait, probe, judge,
//! diagnose, report) is written once against [`Cluster`] and runs on all of them.

use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use gateproof_core::cilium::{CiliumConfig, CiliumVersion};
use gateproof_core::cluster::{Node, ProviderKind, Subject};
use gateproof_core::entry::Address;
use gateproof_core::name::{ClusterName, NodeName};
use gateproof_core::plan::ClusterPlan;
use gateproof_probe::{LocalProber, Prober};

use crate::client::Client;
use crate::provision::{Limits, Remains, Surroundings};

/// Brings up clusters.
#[async_trait]
pub trait Provider: Send + Sync {
    /// Which provider this is.
    fn kind(&self) -> ProviderKind;

    /// Brings up one cluster as planned: nodes and a Kubernetes API, no stack yet.
    ///
    /// May be dropped before it ends; [`Provider::abandon`] is called then.
    async fn provision(
        &self,
        plan: &ClusterPlan,
        surroundings: &Surroundings,
    ) -> Result<Arc<dyn Cluster>, ProviderError>;

    /// Collects evidence of a provision that failed, panicked or was dropped, in the folder of the
    /// cluster's name below the surroundings' folder for evidence, and removes whatever it had created, or hands it over to
    /// the user. Says which files it wrote. Called for everything that `provision` did not return,
    /// also when nothing was created yet. Providers that create nothing outside of this process
    /// have nothing to do.
    async fn abandon(
        &self,
        _plan: &ClusterPlan,
        _surroundings: &Surroundings,
        _remains: Remains,
    ) -> Result<Vec<PathBuf>, ProviderError> {
        Ok(Vec::new())
    }

    /// How long evidence and removal may take here. The run waits no longer.
    fn limits(&self) -> Limits {
        Limits { evidence: Duration::from_secs(10), removal: Duration::from_secs(10) }
    }
}

/// A running cluster.
#[async_trait]
pub trait Cluster: Send + Sync {
    /// Its name.
    fn name(&self) -> &ClusterName;

    /// What carries traffic here, as reports say it.
    fn subject(&self) -> Subject;

    /// A Kubernetes client.
    fn client(&self) -> Client;

    /// The nodes, sorted by name.
    fn nodes(&self) -> Vec<Node>;

    /// The name of a node's object in Kubernetes. Everywhere else nodes go by the names of the
    /// topology, so that reports are the same on every provider.
    fn kubernetes_name(&self, node: &NodeName) -> NodeName {
        node.clone()
    }

    /// How to reach an address of the cluster from here.
    fn address_book(&self) -> Arc<dyn AddressBook>;

    /// The IP addresses to ask for the addresses that a load balancer gave a Service of this
    /// cluster, each with what it was given as; from then on the address book leads there where
    /// it can. Names stay names where nobody resolves them.
    async fn balanced(&self, addresses: &[Address]) -> Vec<Address> {
        addresses.to_vec()
    }

    /// Who asks the cluster's sockets: from here, unless they can only be reached from elsewhere.
    /// It dials what the address book says.
    fn prober(&self) -> Arc<dyn Prober> {
        Arc::new(LocalProber)
    }

    /// The image that holds the gateproof program, as the nodes of this cluster know it: echo
    /// servers run it.
    fn own_image(&self) -> String {
        concat!("gateproof.local/gateproof:", env!("CARGO_PKG_VERSION")).to_owned()
    }

    /// Installs or reconfigures Gateway API, Cilium and cert-manager.
    async fn install(&self, stack: &StackRequest) -> Result<(), ProviderError>;

    /// Whether nothing is ever installed here, so that there is no such step to tell of.
    fn is_taken_as_it_is(&self) -> bool {
        false
    }

    /// The longest that anything in this cluster takes to become true after a change, where that
    /// is known: waiting longer would only delay the news.
    fn settles_within(&self) -> Option<Duration> {
        None
    }

    /// Returns once the cluster has worked through every change made before, where the provider
    /// can see that. Until then the state from before the change still answers, and would fulfil
    /// claims that the change makes untrue. Where nobody can see it, there is nothing to wait for.
    async fn settle(&self) -> Result<(), ProviderError> {
        Ok(())
    }

    /// What is asked of this cluster and not covered by what carries its traffic, each in words.
    /// A trial that depends on it is inconclusive. Empty wherever Cilium itself runs.
    fn not_covered(&self) -> Vec<String> {
        Vec::new()
    }

    /// What the harness itself could not do for this cluster, each in words. Empty unless
    /// something is wrong with the harness or this machine; then no result counts.
    fn problems(&self) -> Vec<String> {
        Vec::new()
    }

    /// What a component logged, newest last, as text; empty when it logged nothing.
    async fn logs(&self, component: &Component) -> Result<String, ProviderError>;

    /// Writes what helps to understand a failure (logs of nodes and components) below `folder`,
    /// and says which files. Must end in bounded time; what could not be had is a file that says
    /// why.
    async fn collect_evidence(&self, _folder: &Path) -> Result<Vec<PathBuf>, ProviderError> {
        Ok(Vec::new())
    }

    /// Hands the cluster over to the user: marks it as theirs, so that no clean-up takes it, and
    /// strikes what belongs to it from the run's ledger. The run does not touch it any more.
    async fn keep(&self) -> Result<(), ProviderError> {
        Err(ProviderError {
            operation: format!("keep cluster {}", self.name()),
            detail: "it lives in the process of the run and goes with it".to_owned(),
            source: None,
        })
    }

    /// Takes the cluster away. Safe to call twice.
    async fn teardown(&self) -> Result<(), ProviderError>;
}

/// Maps an address and port of the cluster to the socket to dial from here.
pub trait AddressBook: Send + Sync {
    /// The socket to dial; `None` when the address is not one of this cluster, which a probe
    /// must not touch.
    fn resolve(&self, address: IpAddr, port: u16) -> Option<SocketAddr>;
}

/// What to install.
#[derive(Debug, Clone, PartialEq)]
pub struct StackRequest {
    /// Cilium's version.
    pub cilium: CiliumVersion,
    /// What its Helm values amount to.
    pub config: CiliumConfig,
    /// The merged Helm values themselves.
    pub values: serde_json::Value,
    /// The Gateway API release asked for; what is left open is chosen to fit.
    pub gateway_api: gateproof_core::scenario::GatewayApi,
    /// The cert-manager version asked for; `None` takes one that fits.
    pub cert_manager: Option<String>,
    /// Helm values for cert-manager, over what Gateways need.
    pub cert_manager_values: serde_json::Value,
    /// LB-IPAM pools the scenario asks for (CIDRs); empty lets the provider choose one.
    pub address_pools: Vec<String>,
    /// Deviations to inject, where the provider can.
    pub faults: Vec<gateproof_core::scenario::Fault>,
}

/// A component whose logs can be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Component {
    /// Cilium's operator.
    CiliumOperator,
    /// Cilium's agent on a node.
    CiliumAgent(NodeName),
    /// The Envoy that serves a node.
    Envoy(NodeName),
    /// cert-manager's controller.
    CertManager,
}

/// A provider could not do its work.
#[derive(Debug, thiserror::Error)]
#[error("failed to {operation}: {detail}")]
pub struct ProviderError {
    /// What was being done, such as `provision cluster gp-x`.
    pub operation: String,
    /// What went wrong and where, for a human.
    pub detail: String,
    /// The cause, when there is one.
    #[source]
    pub source: Option<Box<dyn std::error::Error + Send + Sync>>,
}
