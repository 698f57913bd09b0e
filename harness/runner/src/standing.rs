//! A cluster that stays up for other clients: brought up, installed, and served over a socket.
//!
//! The way is the one that trials go; only the API's socket is added, and nothing is applied.

use std::sync::Arc;

use gateproof_core::name::ClusterName;
use gateproof_core::plan::ClusterPlan;
use gateproof_core::scenario::GatewayApi;
use gateproof_core::setup::CiliumSetup;
use gateproof_core::topology::Topology;
use gateproof_embedded::api::server::ServeError;
use gateproof_embedded::api::{Access, ApiServer};
use gateproof_embedded::{EmbeddedCluster, EmbeddedProvider};
use gateproof_kubernetes::{Cluster, ProviderError, StackRequest};

/// What to bring up.
#[derive(Debug, Clone)]
pub struct StandingPlan {
    /// The cluster's name.
    pub name: String,
    /// Its nodes.
    pub topology: Topology,
    /// The Cilium to install.
    pub cilium: CiliumSetup,
    /// LB-IPAM pools; without any, loopback addresses.
    pub address_pools: Vec<String>,
}

impl StandingPlan {
    /// What is installed on it.
    pub fn stack(&self) -> StackRequest {
        StackRequest {
            cilium: self.cilium.version.clone(),
            config: self.cilium.config.clone(),
            values: self.cilium.values.clone(),
            gateway_api: GatewayApi::default(),
            cert_manager: None,
            cert_manager_values: serde_json::Value::default(),
            address_pools: self.address_pools.clone(),
            faults: Vec::new(),
        }
    }
}

/// A cluster that is up and served.
#[derive(Debug)]
pub struct Standing {
    cluster: Arc<EmbeddedCluster>,
    server: ApiServer,
}

/// The cluster could not be brought up.
#[derive(Debug, thiserror::Error)]
pub enum StandingError {
    /// The provider could not do its work.
    #[error(transparent)]
    Provider(#[from] ProviderError),
    /// The API could not be served.
    #[error("failed to serve the API of the cluster")]
    Serve(#[from] ServeError),
}

impl Standing {
    /// Brings it up.
    ///
    /// # Errors
    ///
    /// When no address is free, or the stack cannot be installed.
    pub async fn up(plan: StandingPlan) -> Result<Self, StandingError> {
        let stack = plan.stack();
        let shape = ClusterPlan {
            name: ClusterName::new(plan.name),
            topology: plan.topology,
            trials: Vec::new(),
        };
        let cluster = EmbeddedProvider::new().start(&shape).await?;
        cluster.install(&stack).await?;
        let server = cluster.serve_api().await?;
        Ok(Self { cluster, server })
    }

    /// What clients need.
    pub fn access(&self) -> &Access {
        self.server.access()
    }

    /// The cluster.
    pub fn cluster(&self) -> &EmbeddedCluster {
        &self.cluster
    }

    /// Takes it away.
    ///
    /// # Errors
    ///
    /// When the provider cannot.
    pub async fn down(self) -> Result<(), ProviderError> {
        self.server.shutdown().await;
        self.cluster.teardown().await
    }
}
