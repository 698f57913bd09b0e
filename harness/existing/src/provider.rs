//! The existing provider: hands over a cluster that is there already.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use gateproof_core::cilium::CiliumVersion;
use gateproof_core::cluster::ProviderKind;
use gateproof_core::dossier::Dossier;
use gateproof_core::plan::ClusterPlan;
use gateproof_kubernetes::{Cluster, Provider, ProviderError, Surroundings};

use crate::cluster::ExistingCluster;
use crate::connect::Connected;
use crate::survey::Survey;

/// What is known of the cluster before a run.
#[derive(Debug, Clone)]
pub struct Found {
    /// The cluster.
    pub connected: Connected,
    /// Its nodes and the way to them.
    pub survey: Survey,
    /// Its Cilium's version.
    pub cilium: Option<CiliumVersion>,
    /// What its nodes say of their operating system.
    pub os_images: Vec<String>,
}

impl Found {
    /// Puts together what was found out.
    pub fn new(connected: Connected, survey: Survey, dossier: &Dossier) -> Self {
        let image = |node: &serde_json::Value| {
            node["status"]["nodeInfo"]["osImage"].as_str().map(str::to_owned)
        };
        Self {
            connected,
            survey,
            cilium: dossier.versions.cilium.clone(),
            os_images: dossier.list("", "Node").filter_map(image).collect(),
        }
    }
}

/// Hands over the one cluster that was found.
#[derive(Clone)]
pub struct ExistingProvider {
    found: Arc<Found>,
}

impl fmt::Debug for ExistingProvider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ExistingProvider").field("place", &self.found.connected.place).finish()
    }
}

impl ExistingProvider {
    /// A provider of this cluster.
    pub fn new(found: Found) -> Self {
        Self { found: Arc::new(found) }
    }
}

#[async_trait]
impl Provider for ExistingProvider {
    fn kind(&self) -> ProviderKind {
        ProviderKind::Existing
    }

    async fn provision(
        &self,
        plan: &ClusterPlan,
        _surroundings: &Surroundings,
    ) -> Result<Arc<dyn Cluster>, ProviderError> {
        Ok(Arc::new(ExistingCluster::new(plan.name.clone(), Arc::clone(&self.found))))
    }
}
