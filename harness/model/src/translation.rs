//! Translation: what Envoy is told to do for one Gateway.
//!
//! The types mirror the Envoy resources that Cilium's operator writes into a CiliumEnvoyConfig
//! (cilium/cilium 1.20: `operator/pkg/model/translation/`), so that they render to those
//! resources and drive the embedded data plane alike.

pub mod envoy;
