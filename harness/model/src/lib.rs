//! The reference model: what Cilium's Gateway implementation makes of a set of Kubernetes
//! resources, by Cilium version and configuration.
//!
//! Pure: resources in, objects, statuses and data path out; no I/O, no clock. The stages follow
//! Cilium's operator and go one way only:
//! `resources → checks → ingestion → translation → exposure → datapath`.
//! Differences between versions sit in one table (`facts`). What is not covered is
//! [`Unmodelled`], never a guess.

pub mod routing;
pub mod translation;

/// Something the reference model does not cover; a trial that depends on it is inconclusive.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
pub struct Unmodelled {
    /// The object that asks for it, such as `HTTPRoute apps/web`.
    pub object: String,
    /// What it asks for, such as `filter ExtensionRef`.
    pub what: String,
}
