//! Translation: what Envoy is told to do for one Gateway, and the Kubernetes objects around it.
//!
//! The types in [`envoy`] mirror the Envoy resources that Cilium's operator writes into a
//! CiliumEnvoyConfig (cilium/cilium 1.20: `operator/pkg/model/translation/`), so that they render
//! to those resources and drive the embedded data plane alike.

pub mod envoy;

mod clusters;
pub(crate) mod config;
pub(crate) mod endpoint_slices;
pub(crate) mod http_manager;
pub(crate) mod names;
pub(crate) mod objects;
pub(crate) mod render;
pub(crate) mod route_table;
