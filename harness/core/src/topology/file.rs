//! kind's cluster files, `kind.x-k8s.io/v1alpha4`, field by field.
//!
//! Mirrors kubernetes-sigs/kind `pkg/apis/config/v1alpha4/types.go` (v0.33.0). kind decodes
//! strictly, and so does this. What the fields do is the business of the provider.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

/// A cluster.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[expect(dead_code, reason = "some fields are only there to be accepted")]
pub(crate) struct ClusterFile {
    /// The version of kind's format.
    api_version: ApiVersion,
    /// What this document is.
    kind: Kind,
    /// A name for the cluster; Gateproof gives clusters names of its own.
    name: Option<String>,
    /// The nodes; one control plane when there are none.
    #[serde(default)]
    pub(crate) nodes: Vec<NodeFile>,
    /// Networks and the API server.
    #[serde(default)]
    pub(crate) networking: NetworkingFile,
    /// Kubernetes feature gates.
    #[serde(default)]
    pub(crate) feature_gates: BTreeMap<String, bool>,
    /// Settings of the API server's `--runtime-config`.
    #[serde(default)]
    pub(crate) runtime_config: BTreeMap<String, String>,
    /// Merge patches for kubeadm's documents.
    #[serde(default)]
    pub(crate) kubeadm_config_patches: Vec<String>,
    /// JSON patches for kubeadm's documents.
    #[serde(default, rename = "kubeadmConfigPatchesJSON6902")]
    pub(crate) kubeadm_config_patches_json6902: Vec<JsonPatchFile>,
    /// TOML merge patches for containerd's configuration.
    #[serde(default)]
    pub(crate) containerd_config_patches: Vec<String>,
    /// JSON patches for containerd's configuration.
    #[serde(default, rename = "containerdConfigPatchesJSON6902")]
    pub(crate) containerd_config_patches_json6902: Vec<String>,
}

/// The version of kind's format.
#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) enum ApiVersion {
    /// The only one that kind reads.
    #[serde(rename = "kind.x-k8s.io/v1alpha4")]
    V1alpha4,
}

/// The kind of document.
#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) enum Kind {
    /// A cluster.
    Cluster,
}

/// A node.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct NodeFile {
    /// What the node does.
    #[serde(default)]
    pub(crate) role: RoleFile,
    /// The node image.
    pub(crate) image: Option<String>,
    /// Labels that the kubelet sets.
    #[serde(default)]
    pub(crate) labels: BTreeMap<String, String>,
    /// Folders of the host inside the node.
    #[serde(default)]
    pub(crate) extra_mounts: Vec<MountFile>,
    /// Ports of the host that lead to the node.
    #[serde(default)]
    pub(crate) extra_port_mappings: Vec<PortMappingFile>,
    /// Merge patches for kubeadm's documents, after those of the cluster.
    #[serde(default)]
    pub(crate) kubeadm_config_patches: Vec<String>,
    /// JSON patches for kubeadm's documents, after those of the cluster.
    #[serde(default, rename = "kubeadmConfigPatchesJSON6902")]
    pub(crate) kubeadm_config_patches_json6902: Vec<JsonPatchFile>,
}

/// What a node does.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum RoleFile {
    /// Runs the control plane.
    #[default]
    ControlPlane,
    /// Runs workloads.
    Worker,
}

/// A folder of the host inside a node.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct MountFile {
    /// The folder on the host.
    #[schemars(length(min = 1))]
    pub(crate) host_path: String,
    /// Where it appears in the node.
    #[schemars(length(min = 1))]
    pub(crate) container_path: String,
    /// Whether the node may not write.
    #[serde(default)]
    pub(crate) read_only: bool,
    /// Whether to relabel for SELinux.
    #[serde(default)]
    pub(crate) selinux_relabel: bool,
    /// How mounts below it spread.
    pub(crate) propagation: Option<PropagationFile>,
}

/// How mounts spread.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
pub(crate) enum PropagationFile {
    /// Not at all.
    None,
    /// From the host into the node.
    HostToContainer,
    /// Both ways.
    Bidirectional,
}

/// A port of the host that leads to a node.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct PortMappingFile {
    /// The port in the node.
    #[schemars(range(min = 1, max = 65535))]
    pub(crate) container_port: i32,
    /// The port on the host; 0 lets kind choose, -1 lets Docker choose.
    #[serde(default)]
    #[schemars(range(min = -1, max = 65535))]
    pub(crate) host_port: i32,
    /// The address on the host.
    pub(crate) listen_address: Option<String>,
    /// The protocol: TCP, UDP or SCTP, in capitals or small letters.
    pub(crate) protocol: Option<String>,
}

/// A JSON patch for one of kubeadm's documents.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct JsonPatchFile {
    /// The document's API group.
    pub(crate) group: Option<String>,
    /// The document's API version.
    pub(crate) version: Option<String>,
    /// The document's kind.
    pub(crate) kind: String,
    /// The patch.
    pub(crate) patch: String,
}

/// Networks and the API server.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct NetworkingFile {
    /// The IP family of pods, Services and nodes.
    #[serde(default)]
    pub(crate) ip_family: IpFamilyFile,
    /// The API server's port on the host; 0 lets kind choose, -1 lets Docker choose.
    #[schemars(range(min = -1, max = 65535))]
    #[serde(default)]
    pub(crate) api_server_port: i32,
    /// The API server's address on the host.
    pub(crate) api_server_address: Option<String>,
    /// Address ranges of pods: one, or one of each family.
    pub(crate) pod_subnet: Option<String>,
    /// Address ranges of Services: one, or one of each family.
    pub(crate) service_subnet: Option<String>,
    /// Whether kind leaves out its own network plug-in; Cilium needs that.
    #[serde(rename = "disableDefaultCNI")]
    pub(crate) disable_default_cni: Option<bool>,
    /// How kube-proxy works, if at all.
    pub(crate) kube_proxy_mode: Option<KubeProxyModeFile>,
    /// DNS search domains of the nodes; without it those of the host.
    pub(crate) dns_search: Option<Vec<String>>,
}

/// The IP family.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) enum IpFamilyFile {
    /// IPv4 only.
    #[default]
    Ipv4,
    /// IPv6 only.
    Ipv6,
    /// Both.
    Dual,
}

/// How kube-proxy works.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) enum KubeProxyModeFile {
    /// With iptables.
    Iptables,
    /// With IPVS.
    Ipvs,
    /// With nftables.
    Nftables,
    /// Not at all.
    None,
}
