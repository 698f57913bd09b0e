//! What a cluster looks like from outside, whichever provider runs it.

use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::cilium::CiliumVersion;
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

/// How the operating system of a node begins (`status.nodeInfo.osImage`) where a stand-in of a real
/// node runs: a container that looks like one and has the reference model in it. Only tests make
/// such nodes, and their reports must not speak of Cilium.
pub const STAND_IN: &str = "Gateproof stand-in";

/// What nodes of an embedded cluster say there, to whoever comes through its API.
pub const EMBEDDED: &str = "Gateproof embedded cluster";

impl Subject {
    /// What carries traffic in a cluster on which a Cilium of this version was installed, by what
    /// its nodes say of their operating system.
    pub fn installed<'a>(
        cilium: &CiliumVersion,
        os_images: impl IntoIterator<Item = &'a str>,
    ) -> Self {
        let is_model = |image: &str| image.starts_with(STAND_IN) || image.starts_with(EMBEDDED);
        if os_images.into_iter().any(is_model) {
            let version = cilium.as_semver();
            return Self::ReferenceModel { cilium: format!("{}.{}", version.major, version.minor) };
        }
        Self::Cilium { version: cilium.to_string() }
    }
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

#[cfg(test)]
mod tests {
    use super::{EMBEDDED, STAND_IN, Subject};

    #[test]
    fn stand_in_of_a_node_never_passes_for_cilium() {
        let cilium = "1.20.2".parse().expect("a version");
        let stand_in = format!("{STAND_IN} 0.1.0");
        let debian = "Debian GNU/Linux 13 (trixie)";
        let real = Subject::Cilium { version: "1.20.2".to_owned() };
        assert_eq!(Subject::installed(&cilium, [debian, debian]), real);
        let model = Subject::ReferenceModel { cilium: "1.20".to_owned() };
        assert_eq!(Subject::installed(&cilium, [debian, &stand_in]), model, "one is enough");
        assert_eq!(Subject::installed(&cilium, [EMBEDDED]), model);
    }
}
