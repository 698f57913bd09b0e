//! Patches of kubeadm's documents and of containerd's configuration, read and checked.
//!
//! kind applies what matches and says nothing of what does not; here every patch names a document
//! that exists, or it is a problem of the file. Which *version* of a document a cluster uses
//! depends on its Kubernetes version, so that is for whoever applies the patches.

use std::fmt;

use serde_json::Value;

mod containerd;
mod kubeadm;
mod operations;

pub(super) use containerd::{json_patches as containerd_json, merge_patches as containerd_merge};
pub(super) use kubeadm::{json_patches as kubeadm_json, merge_patches as kubeadm_merge};

/// Patches of kubeadm's documents; merge patches are applied first.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct KubeadmPatches {
    /// `kubeadmConfigPatches`, every document of every text on its own.
    pub merge: Vec<KubeadmMergePatch>,
    /// `kubeadmConfigPatchesJSON6902`
    pub json: Vec<KubeadmJsonPatch>,
}

impl KubeadmPatches {
    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.merge.is_empty() && self.json.is_empty()
    }
}

/// A merge patch (RFC 7386) of one of kubeadm's documents.
#[derive(Debug, Clone, PartialEq)]
pub struct KubeadmMergePatch {
    /// The document that it changes.
    pub target: Target,
    /// What is merged, a mapping; with `kind` and `apiVersion` as written.
    pub body: Value,
    /// `file:line` of the patch.
    pub origin: String,
}

/// A JSON patch (RFC 6902) of one of kubeadm's documents.
#[derive(Debug, Clone, PartialEq)]
pub struct KubeadmJsonPatch {
    /// The document that it changes.
    pub target: Target,
    /// The list of operations.
    pub operations: Value,
    /// `file:line` of the patch.
    pub origin: String,
}

/// The document that a patch changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// Its kind.
    pub kind: DocumentKind,
    /// Its version, where the patch names one; else the patch fits every version.
    pub api_version: Option<String>,
}

/// The documents that kubeadm reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum DocumentKind {
    /// What all nodes share.
    ClusterConfiguration,
    /// How the first control plane starts.
    InitConfiguration,
    /// How every other node joins.
    JoinConfiguration,
    /// The kubelet's own configuration.
    KubeletConfiguration,
    /// kube-proxy's.
    KubeProxyConfiguration,
}

impl DocumentKind {
    /// All of them, in the order in which kind writes them.
    pub const ALL: [Self; 5] = [
        Self::ClusterConfiguration,
        Self::InitConfiguration,
        Self::JoinConfiguration,
        Self::KubeletConfiguration,
        Self::KubeProxyConfiguration,
    ];

    /// Its `kind`.
    pub fn word(self) -> &'static str {
        match self {
            Self::ClusterConfiguration => "ClusterConfiguration",
            Self::InitConfiguration => "InitConfiguration",
            Self::JoinConfiguration => "JoinConfiguration",
            Self::KubeletConfiguration => "KubeletConfiguration",
            Self::KubeProxyConfiguration => "KubeProxyConfiguration",
        }
    }

    /// The versions in which it exists, from Kubernetes 1.15 on.
    pub fn api_versions(self) -> &'static [&'static str] {
        match self {
            Self::ClusterConfiguration | Self::InitConfiguration | Self::JoinConfiguration => &[
                "kubeadm.k8s.io/v1beta4",
                "kubeadm.k8s.io/v1beta3",
                "kubeadm.k8s.io/v1beta2",
                "kubeadm.k8s.io/v1beta1",
            ],
            Self::KubeletConfiguration => &["kubelet.config.k8s.io/v1beta1"],
            Self::KubeProxyConfiguration => &["kubeproxy.config.k8s.io/v1alpha1"],
        }
    }
}

impl fmt::Display for DocumentKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}

/// Patches of containerd's configuration; merge patches are applied first.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ContainerdPatches {
    /// `containerdConfigPatches`
    pub merge: Vec<ContainerdMergePatch>,
    /// `containerdConfigPatchesJSON6902`
    pub json: Vec<ContainerdJsonPatch>,
}

impl ContainerdPatches {
    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.merge.is_empty() && self.json.is_empty()
    }
}

/// A TOML merge patch of containerd's configuration.
#[derive(Debug, Clone, PartialEq)]
pub struct ContainerdMergePatch {
    /// The `version` of the configuration that it is meant for; without one it fits all.
    pub version: Option<i64>,
    /// What is merged.
    pub body: Value,
    /// `file:line` of the patch.
    pub origin: String,
}

/// A JSON patch of containerd's configuration.
#[derive(Debug, Clone, PartialEq)]
pub struct ContainerdJsonPatch {
    /// The list of operations.
    pub operations: Value,
    /// `file:line` of the patch.
    pub origin: String,
}
