//! The plan: scenarios × variants × versions × selection as clusters and trials, a value that can
//! be printed, split and compared before anything happens.
//!
//! [`selection`] says which trials are wanted, [`make`] makes the plan, [`mod@format`] prints it.
//! Every trial gets a cluster of its own, so that no trial can spoil another.

use serde_json::Value;

use crate::cilium::{CiliumConfig, CiliumVersion};
use crate::cluster::ProviderKind;
use crate::dossier::Unread;
use crate::expectation::Expected;
use crate::name::{ClusterName, ScenarioName, TrialName, VariantName};
use crate::scenario::{Fault, Scenario};
use crate::topology::Topology;

pub mod selection;

mod make;

pub mod format;

pub use make::make;

/// Everything a run will do.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// Who will run the clusters.
    pub provider: ProviderKind,
    /// The clusters, in the order in which they start.
    pub clusters: Vec<ClusterPlan>,
}

impl Plan {
    /// The plan as one run carries it out. kind clusters outlive processes and share an engine, so
    /// there a name has something of the run: the same plan can be run twice at the same time, and
    /// again beside what an earlier run kept. Names of trials stay as they are.
    #[must_use]
    pub fn of_run(mut self, run: &str) -> Self {
        if self.provider == ProviderKind::Kind {
            for cluster in &mut self.clusters {
                cluster.name = make::name_in_run(&cluster.name, run);
            }
        }
        self
    }
}

/// One cluster and the trials that run on it, one after another.
#[derive(Debug, Clone, PartialEq)]
pub struct ClusterPlan {
    /// Its name.
    pub name: ClusterName,
    /// Its shape.
    pub topology: Topology,
    /// The trials.
    pub trials: Vec<TrialPlan>,
}

/// One scenario on one variant on one set of versions.
#[derive(Debug, Clone, PartialEq)]
pub struct TrialPlan {
    /// The stable name.
    pub name: TrialName,
    /// The scenario's name.
    pub scenario: ScenarioName,
    /// The variant's name.
    pub variant: VariantName,
    /// The Cilium version.
    pub cilium: CiliumVersion,
    /// Helm values: the scenario's with the variant's merged over them.
    pub values: Value,
    /// What those values amount to.
    pub config: CiliumConfig,
    /// Deviations of the embedded cluster.
    pub faults: Vec<Fault>,
    /// What must become of it when it is not to pass.
    pub expect: Option<Expected>,
    /// The scenario itself.
    pub definition: std::sync::Arc<Scenario>,
    /// What it does not look at although a user might think so.
    pub unasked: Vec<Unread>,
}

impl TrialPlan {
    /// The same trial on another version of Cilium.
    #[must_use]
    pub fn at_version(&self, cilium: &CiliumVersion) -> Self {
        Self {
            name: TrialName::compose(&self.scenario, &self.variant, cilium),
            cilium: cilium.clone(),
            config: crate::cilium::values::config(cilium, &self.values),
            ..self.clone()
        }
    }
}
