//! What makes a plan impossible, and what is only worth knowing.

use std::fmt;

use gateproof_core::topology::Topology;
use gateproof_core::topology::fit::Note;

use super::kubeadm::{DocumentError, Kubeadm, NodeAddresses};
use super::version::KubernetesVersion;
use super::{NodePlan, Request, containers};
use crate::container::Privileges;
use crate::engine_facts::CgroupVersion;

/// The longest name that a machine can have (Linux: `sethostname(2)`, 64 with its end).
const LONGEST_HOST_NAME: usize = 63;

/// Something that makes a cluster impossible.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlanProblem {
    /// The cluster's name is none for kind.
    #[error(
        "`{0}` is no name of a kind cluster; expected small letters, digits, `.` and `-`, with a \
         letter or digit at both ends"
    )]
    Name(String),
    /// A node's name would be too long.
    #[error(
        "the cluster's name makes `{host_name}`, {length} characters; a host name has \
         {LONGEST_HOST_NAME} at most, so the cluster's name may have {left}"
    )]
    TooLong {
        /// The name of the container.
        host_name: String,
        /// How long that is.
        length: usize,
        /// How long the cluster's name may be.
        left: usize,
    },
    /// A node image with a Kubernetes that is too old.
    #[error(
        "node {node} has the image {image}, Kubernetes {version}; the oldest that is supported is \
         1.{oldest}",
        oldest = KubernetesVersion::OLDEST
    )]
    TooOld {
        /// The node's short name.
        node: String,
        /// Its image.
        image: String,
        /// The version that the image's tag names.
        version: String,
    },
    /// A node's documents cannot be made for the version that its image promises.
    #[error(transparent)]
    Documents(#[from] DocumentError),
}

/// What is wrong with a node, as far as the tag of its image says which Kubernetes it has.
pub(super) fn of_node(node: &NodePlan, kubeadm: &Kubeadm) -> Option<PlanProblem> {
    let version = node.promised.as_ref()?;
    if !version.is_supported() {
        return Some(PlanProblem::TooOld {
            node: node.name.to_string(),
            image: node.container.image.clone(),
            version: version.to_string(),
        });
    }
    let later = |family: &str| Some(format!("<{family}>"));
    let addresses = NodeAddresses { v4: later("IPv4"), v6: later("IPv6") };
    kubeadm.documents(node, version, &addresses).err().map(PlanProblem::Documents)
}

/// Everything that makes a cluster impossible.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlanProblems(pub Vec<PlanProblem>);

impl fmt::Display for PlanProblems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines: Vec<String> = self.0.iter().map(ToString::to_string).collect();
        f.write_str(&lines.join("\n"))
    }
}

impl std::error::Error for PlanProblems {}

/// Problems with the names of containers.
///
/// kind wants `^[a-z0-9.-]+$` (`pkg/internal/apis/config/validate.go`) and only warns of long
/// names; Docker and Kubernetes refuse both a name that begins or ends otherwise and a host name
/// that is too long.
pub(super) fn of_names(cluster: &str, topology: &Topology) -> Vec<PlanProblem> {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let fine = cluster.chars().all(|c| plain(c) || c == '.' || c == '-')
        && cluster.starts_with(plain)
        && cluster.ends_with(plain);
    if !fine {
        return vec![PlanProblem::Name(cluster.to_owned())];
    }
    let several = topology.control_planes().count() > 1;
    let balancer = several.then_some("external-load-balancer");
    let longest = topology
        .nodes
        .iter()
        .map(|node| node.name.as_str())
        .chain(balancer)
        .max_by_key(|name| name.len())
        .unwrap_or_default();
    let host_name = format!("{cluster}-{longest}");
    let length = host_name.len();
    if length <= LONGEST_HOST_NAME {
        return Vec::new();
    }
    let left = LONGEST_HOST_NAME - longest.len() - 1;
    vec![PlanProblem::TooLong { host_name, length, left }]
}

/// What a reader should know beforehand.
pub(super) fn notes(request: &Request<'_>, nodes: &[NodePlan], kubeadm: &Kubeadm) -> Vec<Note> {
    let mut found = Vec::new();
    let refuses =
        |node: &&NodePlan| node.promised.as_ref().is_some_and(KubernetesVersion::refuses_cgroup_v1);
    if request.engine.cgroups == CgroupVersion::V1
        && let Some(node) = nodes.iter().find(refuses)
    {
        found.push(Note::new(
            format!(
                "the engine's host has cgroup v1, and node {} Kubernetes 1.35 or newer",
                node.name
            ),
            "the kubelet refuses to start there; use a host with cgroup v2, an older node image, \
             or a patch of KubeletConfiguration with `failCgroupV1: false`",
        ));
    }
    if matches!(request.settings.privileges, Privileges::Capabilities(_))
        && !containers::may_write_control_groups(request.engine)
    {
        found.push(Note::new(
            "nodes run with a list of capabilities, and this engine lets only privileged \
             containers write to control groups",
            "the init system of a real node image cannot start there; use Docker 28 or newer on \
             cgroup v2, neither rootless nor with remapped users",
        ));
    }
    found.extend(kubeadm.notes(nodes));
    found
}
