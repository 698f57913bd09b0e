//! Kubernetes versions, and what depends on them.

use std::fmt;
use std::str::FromStr;

/// A Kubernetes version as a node has it in `/kind/version`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KubernetesVersion {
    text: String,
    minor: u32,
}

/// What is no Kubernetes version.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no Kubernetes version; expected one such as `v1.36.4`")]
pub struct VersionError(pub String);

impl FromStr for KubernetesVersion {
    type Err = VersionError;

    /// Reads `v1.36.4`, also with what a pre-release or a build of one's own has after it. Like
    /// kind, which compares without that part, so that `v1.36.0-rc.1` counts as 1.36.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let text = text.trim();
        let error = || VersionError(text.to_owned());
        let rest = text.strip_prefix("v1.").ok_or_else(error)?;
        let mut parts = rest.splitn(2, '.');
        let minor = parts.next().and_then(|minor| minor.parse().ok()).ok_or_else(error)?;
        let patch = parts.next().ok_or_else(error)?;
        if !patch.starts_with(|c: char| c.is_ascii_digit()) {
            return Err(error());
        }
        Ok(Self { text: text.to_owned(), minor })
    }
}

impl fmt::Display for KubernetesVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.text)
    }
}

/// The version of kubeadm's own documents.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KubeadmApi {
    /// `kubeadm.k8s.io/v1beta3`: extra arguments are a mapping.
    V1beta3,
    /// `kubeadm.k8s.io/v1beta4`: extra arguments are a list of names and values.
    V1beta4,
}

impl KubeadmApi {
    /// Its `apiVersion`.
    pub fn api_version(self) -> &'static str {
        match self {
            Self::V1beta3 => "kubeadm.k8s.io/v1beta3",
            Self::V1beta4 => "kubeadm.k8s.io/v1beta4",
        }
    }
}

impl KubernetesVersion {
    /// The oldest minor version that is supported: the first whose kubeadm takes the phases to
    /// skip from its documents.
    pub const OLDEST: u32 = 23;

    /// The minor version.
    pub fn minor(&self) -> u32 {
        self.minor
    }

    /// Whether clusters of this version can be made.
    pub fn is_supported(&self) -> bool {
        self.minor >= Self::OLDEST
    }

    /// The version of kubeadm's documents: v1beta4 from 1.36 on (kubernetes-sigs/kind v0.33.0:
    /// `pkg/cluster/internal/kubeadm/config.go`); 1.37 reads nothing older.
    pub fn kubeadm_api(&self) -> KubeadmApi {
        if self.minor >= 36 { KubeadmApi::V1beta4 } else { KubeadmApi::V1beta3 }
    }

    /// The kubelet's cgroup driver in kind's node images.
    pub(crate) fn cgroup_driver(&self) -> &'static str {
        if self.minor >= 24 { "systemd" } else { "cgroupfs" }
    }

    /// The taints that kubeadm puts on control planes.
    pub(crate) fn control_plane_taints(&self) -> &'static [&'static str] {
        match self.minor {
            ..=23 => &["node-role.kubernetes.io/master"],
            24 => &["node-role.kubernetes.io/control-plane", "node-role.kubernetes.io/master"],
            _ => &["node-role.kubernetes.io/control-plane"],
        }
    }

    /// Whether the kubelet refuses to start on cgroup v1 unless it is told not to
    /// (kubernetes-sigs/kind, release notes of v0.31.0).
    pub(crate) fn refuses_cgroup_v1(&self) -> bool {
        self.minor >= 35
    }
}

#[cfg(test)]
mod tests {
    use super::{KubeadmApi, KubernetesVersion};

    #[test]
    fn versions_are_read_as_kind_reads_them() {
        for (text, minor) in [
            ("v1.36.4", 36),
            ("v1.37.0-rc.1\n", 37),
            ("v1.30.0-alpha.1.592+370031cadac624", 30),
            ("v1.23.17", 23),
        ] {
            let version: KubernetesVersion = text.parse().expect(text);
            assert_eq!(version.minor(), minor);
            assert_eq!(version.to_string(), text.trim(), "as it is in the node");
        }
        for text in ["", "latest", "1.36.4", "v1.36", "v2.0.0", "v1.x.0", "v1.36.x"] {
            assert!(text.parse::<KubernetesVersion>().is_err(), "{text}");
        }
    }

    #[test]
    fn documents_and_taints_follow_the_version() {
        for (text, api, driver, taints) in [
            ("v1.23.17", KubeadmApi::V1beta3, "cgroupfs", &["master"][..]),
            ("v1.24.0", KubeadmApi::V1beta3, "systemd", &["control-plane", "master"]),
            ("v1.35.8", KubeadmApi::V1beta3, "systemd", &["control-plane"]),
            ("v1.36.0-rc.0", KubeadmApi::V1beta4, "systemd", &["control-plane"]),
            ("v1.40.0", KubeadmApi::V1beta4, "systemd", &["control-plane"]),
        ] {
            let version: KubernetesVersion = text.parse().expect(text);
            assert_eq!(version.kubeadm_api(), api, "{text}");
            assert_eq!(version.cgroup_driver(), driver, "{text}");
            let named: Vec<&str> = version
                .control_plane_taints()
                .iter()
                .map(|taint| taint.strip_prefix("node-role.kubernetes.io/").expect("a role"))
                .collect();
            assert_eq!(named, taints, "{text}");
        }
        assert!(!"v1.22.17".parse::<KubernetesVersion>().expect("a version").is_supported());
    }
}
