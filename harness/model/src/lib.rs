//! The reference model: what Cilium's Gateway implementation makes of a set of Kubernetes
//! resources, by Cilium version and configuration.
//!
//! Pure: resources in, objects, statuses and data path out; no I/O, no clock. The stages follow
//! Cilium's operator and go one way only:
//! `resources → checks → ingestion → translation → exposure → datapath`.
//! Differences between versions sit in one table ([`facts`]). What is not covered is
//! [`Unmodelled`], never a guess.

pub mod facts;
pub mod resources;

mod checks;
mod ingestion;
pub mod translation;

pub mod reconcile;

pub mod datapath;
pub mod exposure;

pub mod lb_ipam;

pub mod routing;

pub mod predict;

pub mod unread_secrets;

mod re2;

#[cfg(test)]
mod fixture;

use gateproof_core::cilium::{CiliumConfig, CiliumVersion};

pub use reconcile::{GivenUp, Outcome, StatusUpdate, SyncedSecret, reconcile};
pub use resources::{Resources, SkipReason, Skipped};
pub use translation::names::{secret_copies, service as gateway_service};

/// What every stage starts from.
#[derive(Debug, Clone, Copy)]
pub struct Input<'a> {
    /// The Cilium version to act like.
    pub version: &'a CiliumVersion,
    /// The configuration that the operator started with.
    pub config: &'a CiliumConfig,
    /// The objects in the cluster.
    pub resources: &'a Resources,
    /// A behaviour that is turned over, to learn what it alone changes.
    pub(crate) turned: Option<facts::Behaviour>,
}

impl<'a> Input<'a> {
    /// A version as it is.
    pub fn new(
        version: &'a CiliumVersion,
        config: &'a CiliumConfig,
        resources: &'a Resources,
    ) -> Self {
        Self { version, config, resources, turned: None }
    }

    /// Whether this version shows a behaviour.
    pub(crate) fn holds(&self, behaviour: facts::Behaviour) -> bool {
        facts::holds(self.version, behaviour) != (self.turned == Some(behaviour))
    }
}

/// Something the reference model does not cover; a trial that depends on it is inconclusive.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
pub struct Unmodelled {
    /// The object that asks for it, such as `HTTPRoute apps/web`.
    pub object: String,
    /// What it asks for, such as `filter ExtensionRef`.
    pub what: String,
}

impl Unmodelled {
    /// Names an object and what it asks for.
    pub(crate) fn new(object: impl Into<String>, what: impl Into<String>) -> Self {
        Self { object: object.into(), what: what.into() }
    }
}

impl std::fmt::Display for Unmodelled {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: the reference model does not cover {}", self.object, self.what)
    }
}
