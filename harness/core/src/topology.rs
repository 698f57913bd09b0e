//! A topology: the nodes of a cluster, as kind's own `v1alpha4` files describe them.
//!
//! Everything that kind knows is here as a typed value with kind's defaults filled in; what the
//! fields do is the business of the provider. What a file leaves to Gateproof is settled by
//! [`fit`], from the stack that the cluster will run. kind's `kubeadmConfigPatches` and
//! `containerdConfigPatches` are read into [`patch`]es, so that a broken one is told with its file
//! and not by a node.

use std::collections::BTreeMap;
use std::net::IpAddr;

use crate::cluster::NodeRole;
use crate::name::NodeName;

pub mod patch;

pub mod fit;

pub mod toml;

mod file;
mod labels;
mod loosen;
mod networking;
mod ports;
mod read;
mod rules;

pub(crate) use read::{read, schema, stem};

use patch::{ContainerdPatches, KubeadmPatches};

/// A cluster's shape.
#[derive(Debug, Clone, PartialEq)]
pub struct Topology {
    /// The file's stem, such as `five-workers`.
    pub name: String,
    /// The nodes in file order.
    pub nodes: Vec<TopologyNode>,
    /// Networks and the API server.
    pub networking: Networking,
    /// `featureGates` of every component.
    pub feature_gates: BTreeMap<String, bool>,
    /// `runtimeConfig` of the API server.
    pub runtime_config: BTreeMap<String, String>,
    /// Patches of every node's kubeadm documents.
    pub kubeadm_patches: KubeadmPatches,
    /// Patches of every node's containerd configuration.
    pub containerd_patches: ContainerdPatches,
}

impl Topology {
    /// A topology of these nodes that leaves everything else to the defaults.
    pub fn of_nodes(name: &str, nodes: Vec<TopologyNode>) -> Self {
        Self {
            name: name.to_owned(),
            nodes,
            networking: Networking::defaults(IpFamily::V4),
            feature_gates: BTreeMap::new(),
            runtime_config: BTreeMap::new(),
            kubeadm_patches: KubeadmPatches::default(),
            containerd_patches: ContainerdPatches::default(),
        }
    }

    /// The nodes that run the control plane, in file order; there is one at least.
    pub fn control_planes(&self) -> impl Iterator<Item = &TopologyNode> {
        self.nodes.iter().filter(|node| node.role == NodeRole::ControlPlane)
    }
}

/// A node of a topology.
#[derive(Debug, Clone, PartialEq)]
pub struct TopologyNode {
    /// The name it gets, after kind's scheme without the cluster's name: `control-plane`,
    /// `worker`, `worker2`, …
    pub name: NodeName,
    /// Its role.
    pub role: NodeRole,
    /// `labels`, which the kubelet sets.
    pub labels: BTreeMap<String, String>,
    /// `image`.
    pub image: Option<String>,
    /// `extraMounts`.
    pub mounts: Vec<Mount>,
    /// `extraPortMappings`.
    pub port_mappings: Vec<PortMapping>,
    /// Patches of its kubeadm documents, after those of the cluster.
    pub kubeadm_patches: KubeadmPatches,
}

impl TopologyNode {
    /// A node with a name and a role and nothing else.
    pub fn plain(name: &str, role: NodeRole) -> Self {
        Self {
            name: NodeName::new(name),
            role,
            labels: BTreeMap::new(),
            image: None,
            mounts: Vec::new(),
            port_mappings: Vec::new(),
            kubeadm_patches: KubeadmPatches::default(),
        }
    }
}

/// A folder or file of the host inside a node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mount {
    /// Where it is on the host; a relative path counts from the caller's folder, as for kind.
    pub host_path: String,
    /// Where it appears in the node; absolute.
    pub container_path: String,
    /// Whether the node may write.
    pub access: MountAccess,
    /// Whether it is relabelled for SELinux.
    pub selinux_relabel: bool,
    /// How mounts below it spread.
    pub propagation: MountPropagation,
}

/// Whether a node may write to a mount.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MountAccess {
    /// It may.
    ReadWrite,
    /// `readOnly: true`
    ReadOnly,
}

/// How mounts below a mount spread.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MountPropagation {
    /// `None`: not at all.
    Private,
    /// `HostToContainer`
    HostToContainer,
    /// `Bidirectional`
    Bidirectional,
}

/// A port of the host that leads to a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PortMapping {
    /// The port in the node.
    pub container_port: u16,
    /// The port on the host.
    pub host_port: HostPort,
    /// The address on the host: as written, else every address of the cluster's IP family.
    pub listen_address: IpAddr,
    /// The protocol.
    pub protocol: TransportProtocol,
}

/// A port on the host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HostPort {
    /// Whichever is free: 0, where kind would choose one, or -1, where it lets Docker choose.
    Any,
    /// This one.
    Fixed(u16),
}

/// A transport protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum TransportProtocol {
    /// TCP.
    Tcp,
    /// UDP.
    Udp,
    /// SCTP.
    Sctp,
}

/// `networking`, with kind's defaults.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Networking {
    /// IP family of pods, Services and nodes.
    pub ip_family: IpFamily,
    /// Where the API server listens on the host.
    pub api_server_address: IpAddr,
    /// On which port.
    pub api_server_port: HostPort,
    /// Address ranges of pods, as written.
    pub pod_subnets: Vec<Subnet>,
    /// Address ranges of Services, as written; the first one's family comes first in every node.
    pub service_subnets: Vec<Subnet>,
    /// kind's own network plug-in.
    pub default_cni: DefaultCni,
    /// `kubeProxyMode`; `None` leaves it to [`fit`].
    pub kube_proxy_mode: Option<KubeProxyMode>,
    /// `dnsSearch`: `None` keeps the host's search domains, an empty list drops them.
    pub dns_search: Option<Vec<String>>,
}

/// What a file says of kind's own network plug-in. That it be on is a problem of the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DefaultCni {
    /// `disableDefaultCNI: true`
    Off,
    /// Nothing; with Cilium it is off.
    Unsaid,
}

/// `networking.kubeProxyMode`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KubeProxyMode {
    /// `iptables`
    Iptables,
    /// `ipvs`
    Ipvs,
    /// `nftables`
    Nftables,
    /// `none`: no kube-proxy.
    None,
}

impl KubeProxyMode {
    /// kind's word for it, which is kube-proxy's too, except for `none`.
    pub fn word(self) -> &'static str {
        match self {
            Self::Iptables => "iptables",
            Self::Ipvs => "ipvs",
            Self::Nftables => "nftables",
            Self::None => "none",
        }
    }
}

/// An address range.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subnet {
    /// As written, such as `10.244.0.0/16`.
    pub text: String,
    /// Its family.
    pub family: AddressFamily,
}

/// A family of addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum AddressFamily {
    /// IPv4.
    V4,
    /// IPv6.
    V6,
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

impl IpFamily {
    /// Whether nodes need IPv6.
    pub fn has_v6(self) -> bool {
        matches!(self, Self::V6 | Self::Dual)
    }
}
