//! What a cluster looks like from outside, whichever provider runs it.

use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::name::NodeName;

/// Who runs the cluster under test.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ProviderKind {
    /// In process: real sockets, TLS and certificates; Cilium is the reference model.
    Embedded,
    /// kind clusters over the Docker API.
    Kind,
    /// A cluster somebody runs already.
    Existing,
}

impl fmt::Display for ProviderKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Embedded => "embedded",
            Self::Kind => "kind",
            Self::Existing => "existing",
        })
    }
}

/// What carried the traffic: said in every report, because a model never passes for Cilium.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Subject {
    /// The reference model of a Cilium version (written in words: "reference model of Cilium 1.20").
    ReferenceModel {
        /// Major and minor version that is modelled.
        cilium: String,
    },
    /// A real Cilium of this version.
    Cilium {
        /// The full version.
        version: String,
    },
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ReferenceModel { cilium } => write!(f, "reference model of Cilium {cilium}"),
            Self::Cilium { version } => write!(f, "Cilium {version}"),
        }
    }
}

/// What a node does in the cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NodeRole {
    /// Runs the control plane.
    ControlPlane,
    /// Runs workloads.
    Worker,
}

/// A node as the harness sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Node {
    /// Its name.
    pub name: NodeName,
    /// Its role.
    pub role: NodeRole,
    /// Its labels, role labels included.
    pub labels: BTreeMap<String, String>,
    /// Its addresses inside the cluster (`InternalIP`), in the order of its status.
    pub addresses: Vec<IpAddr>,
}

impl Node {
    /// The address a load balancer would use.
    pub fn primary_address(&self) -> Option<IpAddr> {
        self.addresses.first().copied()
    }

    /// The value of `topology.kubernetes.io/zone`, if labelled.
    pub fn zone(&self) -> Option<&str> {
        self.labels.get("topology.kubernetes.io/zone").map(String::as_str)
    }
}

/// Chooses nodes by label, as scenario files write it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum NodeSelector {
    /// Every node.
    All,
    /// Nodes whose labels contain all of these.
    Labels(BTreeMap<String, String>),
    /// Nodes whose labels do not contain all of these.
    Not(BTreeMap<String, String>),
    /// Nodes by name.
    Names(Vec<NodeName>),
}

impl NodeSelector {
    /// Whether the node is chosen.
    pub fn matches(&self, node: &Node) -> bool {
        let has = |labels: &BTreeMap<String, String>| {
            labels.iter().all(|(key, value)| node.labels.get(key) == Some(value))
        };
        match self {
            Self::All => true,
            Self::Labels(labels) => has(labels),
            Self::Not(labels) => !has(labels),
            Self::Names(names) => names.contains(&node.name),
        }
    }
}

impl fmt::Display for NodeSelector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |labels: &BTreeMap<String, String>| {
            labels.iter().map(|(k, v)| format!("{k}={v}")).collect::<Vec<_>>().join(",")
        };
        match self {
            Self::All => f.write_str("every node"),
            Self::Labels(labels) => write!(f, "nodes with {}", list(labels)),
            Self::Not(labels) => write!(f, "nodes without {}", list(labels)),
            Self::Names(names) => {
                let names: Vec<_> = names.iter().map(NodeName::as_str).collect();
                write!(f, "nodes {}", names.join(", "))
            }
        }
    }
}
