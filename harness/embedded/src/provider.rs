//! The embedded provider: clusters in this process, up in well under a second.
//!
//! Brings up nodes and a Kubernetes API, installs "Cilium" and "cert-manager" as controllers that
//! act like them, and hands over what every provider hands over. What carries traffic is the
//! reference model, and [`Subject`](gateproof_core::cluster::Subject) says so.

mod cluster;
mod helm_release;
mod installation;
mod nodes;
mod stack_objects;
mod workloads;

use std::sync::Arc;

use async_trait::async_trait;
use gateproof_core::cluster::ProviderKind;
use gateproof_core::plan::ClusterPlan;
use gateproof_kubernetes::{Cluster, Provider, ProviderError, Surroundings};

pub use cluster::EmbeddedCluster;

use crate::api::{Clock, SystemClock};

/// Brings up embedded clusters.
#[derive(Clone)]
pub struct EmbeddedProvider {
    clock: Arc<dyn Clock>,
}

impl std::fmt::Debug for EmbeddedProvider {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("EmbeddedProvider")
    }
}

impl EmbeddedProvider {
    /// A provider on the machine's own clock.
    pub fn new() -> Self {
        Self::with_clock(Arc::new(SystemClock))
    }

    /// A provider whose clusters live by another clock.
    pub fn with_clock(clock: Arc<dyn Clock>) -> Self {
        Self { clock }
    }

    /// Brings up one cluster, as its own type. Must be called in a Tokio runtime.
    ///
    /// # Errors
    ///
    /// When no block of loopback addresses is free, or when the topology asks for IPv6 or for more
    /// nodes than a block holds.
    pub async fn start(&self, plan: &ClusterPlan) -> Result<Arc<EmbeddedCluster>, ProviderError> {
        EmbeddedCluster::start(plan, Arc::clone(&self.clock)).await.map(Arc::new)
    }
}

impl Default for EmbeddedProvider {
    fn default() -> Self {
        Self::new()
    }
}

#[async_trait]
impl Provider for EmbeddedProvider {
    fn kind(&self) -> ProviderKind {
        ProviderKind::Embedded
    }

    async fn provision(
        &self,
        plan: &ClusterPlan,
        _surroundings: &Surroundings,
    ) -> Result<Arc<dyn Cluster>, ProviderError> {
        Ok(self.start(plan).await?)
    }
}
