//! A cluster whose nodes are machines of their own: containers, each with its own address.
//!
//! The parts are those of an embedded cluster, put together another way. The [`ControlPlane`] has
//! the objects, the API and the controllers; it learns what is installed from the releases that
//! Helm records. Each machine has a [`NodeAgent`], which follows the API as kubelets and Cilium's
//! agents do, runs the pods of its node and serves the node's ports on the node's own address.
//! Pods have addresses of the cluster's pod network that no machine can reach: where they really
//! listen, on the address of their node, stands in their annotation [`SOCKETS`].
//!
//! Not here: several control planes, load-balancer addresses on the nodes' network, and logs of
//! pods that run on another machine than the API's.

mod control_plane;
mod node_agent;

pub use control_plane::{ControlPlane, ControlPlaneError};
pub use node_agent::{Machine, NodeAgent, NodeAgentError};

use std::collections::BTreeMap;

use gateproof_core::cilium::{CiliumConfig, CiliumVersion};

use crate::controllers::cilium::config_map;

/// The annotation of a pod that says where it really listens.
pub(crate) const SOCKETS: &str = "gateproof.dev/sockets";

/// The entries of ConfigMap `kube-system/cilium-config` that have to do with Gateways.
pub fn cilium_config(config: &CiliumConfig, version: &CiliumVersion) -> BTreeMap<String, String> {
    config_map::entries(config, version)
}
