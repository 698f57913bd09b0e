//! Facts about Cilium that planning, validation and the reference model share: its versions and
//! the configuration that its Helm values become.

pub mod chart;
pub mod config;
pub mod config_map;
pub mod values;
pub mod version;

pub use config::{CiliumConfig, HostNetwork, TrafficPolicy};
pub use version::CiliumVersion;
