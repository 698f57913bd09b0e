//! A proposal: the manifests, Helm values and nodes that somebody wants a prediction for.
//!
//! Reads what `kubectl apply -f` and `helm install -f` would be given, with every problem of every
//! file at once, and fills in what a cluster has anyway: Cilium's GatewayClass, namespaces. Every
//! such assumption is a note; nothing is assumed without a word. What Cilium makes of it is the
//! reference model's business.

mod assumed;
mod manifests;
mod nodes;
mod setting;
mod values;

use serde_json::Value;

use crate::cilium::{CiliumConfig, CiliumVersion};
use crate::scenario::Manifest;
use crate::setup::GivenFile;
use crate::source::SourceTree;
use crate::source::problem::Problems;

pub use setting::{Setting, SettingKind};

/// What somebody gave.
#[derive(Debug, Clone)]
pub struct Given {
    /// Files with manifests.
    pub manifests: SourceTree,
    /// The namespace of objects that name none.
    pub namespace: String,
    /// Values files in order, later ones over earlier ones.
    pub values: Vec<GivenFile>,
    /// Single values, over those of files.
    pub settings: Vec<Setting>,
    /// A topology that stands for the nodes.
    pub topology: Option<GivenFile>,
    /// Address pools in CIDR notation, besides those among the manifests.
    pub pools: Vec<String>,
    /// The Cilium versions that are asked about.
    pub versions: Vec<CiliumVersion>,
}

/// What can be predicted.
#[derive(Debug, Clone)]
pub struct Proposal {
    /// The objects in a cluster before Cilium does anything, each with where it was written.
    pub objects: Vec<Manifest>,
    /// The Helm values, merged.
    pub values: Value,
    /// What was assumed, in sentences.
    pub notes: Vec<String>,
}

impl Proposal {
    /// What the values amount to on a version.
    pub fn config(&self, version: &CiliumVersion) -> CiliumConfig {
        crate::cilium::values::config(version, &self.values)
    }
}

/// Reads everything.
///
/// # Errors
///
/// Every problem of every file.
pub fn read(given: &Given) -> Result<Proposal, Problems> {
    let mut problems = Vec::new();
    let mut sources = Vec::new();
    let mut notes = Vec::new();
    let mut objects = manifests::read(given, &mut sources, &mut notes, &mut problems);
    let values = values::read(given, &mut sources, &mut notes, &mut problems);
    nodes::add(given, &mut objects, &mut sources, &mut notes, &mut problems);
    if !problems.is_empty() {
        return Err(Problems::new(problems, &sources));
    }
    assumed::add(given, &values, &mut objects, &mut notes);
    Ok(Proposal { objects, values, notes })
}

#[cfg(test)]
mod tests;
