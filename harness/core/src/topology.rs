//! A topology: the nodes of a cluster, as kind's own `v1alpha4` files describe them.

use std::collections::BTreeMap;

use crate::cluster::NodeRole;
use crate::name::NodeName;

mod file;
mod read;
mod rules;

pub(crate) use read::{read, schema, stem};

/// A cluster's shape.
#[derive(Debug, Clone, PartialEq)]
pub struct Topology {
    /// The file's stem, such as `five-workers`.
    pub name: String,
    /// The nodes in file order.
    pub nodes: Vec<TopologyNode>,
    /// IP family of pods, services and nodes.
    pub ip_family: IpFamily,
    /// The whole document as written, for providers that need every field.
    pub document: serde_json::Value,
}

/// A node of a topology.
#[derive(Debug, Clone, PartialEq)]
pub struct TopologyNode {
    /// The name it gets, after kind's scheme without the cluster's name: `control-plane`,
    /// `worker`, `worker2`, …
    pub name: NodeName,
    /// Its role.
    pub role: NodeRole,
    /// `nodes[].labels`.
    pub labels: BTreeMap<String, String>,
    /// `nodes[].image`.
    pub image: Option<String>,
}

/// `networking.ipFamily`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IpFamily {
    /// `ipv4`
    V4,
    /// `ipv6`
    V6,
    /// `dual`
    Dual,
}
