//! The embedded cluster: an in-process Kubernetes API, controllers that run the reference model, and a data plane on loopback, or on nodes that are machines of their own.

pub mod address;
pub mod api;
pub mod dataplane;

mod controllers;
pub mod machines;
pub mod provider;

pub use provider::{EmbeddedCluster, EmbeddedProvider};
