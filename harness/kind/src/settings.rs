//! What a user may choose about kind clusters, and how patient every action is.
//!
//! Plain values: the command line reads arguments and environment once and passes them on.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use crate::container::Privileges;
use crate::docker_config::DockerEnvironment;
use crate::helm::DEFAULT_HELM_IMAGE;
use crate::plan::kubeadm::Etcd;
use crate::prober::vantage::Vantage;

/// kind's network, shared by every cluster (kubernetes-sigs/kind v0.33.0:
/// `pkg/cluster/internal/providers/docker/network.go`).
pub const DEFAULT_NETWORK: &str = "kind";

/// What a user may choose about kind clusters.
#[derive(Debug, Clone)]
pub struct Settings {
    /// When the run began, RFC 3339, UTC; the value of [`crate::label::CREATED`].
    pub created: String,
    /// The Docker network of the nodes: [`DEFAULT_NETWORK`], or what
    /// `KIND_EXPERIMENTAL_DOCKER_NETWORK` says.
    pub network: String,
    /// The image of every node that the topology gives none; `None` for the pinned default.
    pub node_image: Option<String>,
    /// The image of the load balancer before several control planes; `None` for the default.
    pub load_balancer_image: Option<String>,
    /// The image of mirrors of the registries that nodes pull from; `None` for no mirrors.
    pub registry_mirror: Option<String>,
    /// The image that Helm runs in where this machine has none; its entrypoint is Helm.
    pub helm_image: String,
    /// With which rights nodes run.
    pub privileges: Privileges,
    /// `HTTP_PROXY`, `HTTPS_PROXY` and `NO_PROXY` for the nodes, as far as set.
    pub proxies: BTreeMap<String, String>,
    /// `KIND_EXPERIMENTAL_CONTAINERD_SNAPSHOTTER`, passed on to the nodes when set.
    pub snapshotter: Option<String>,
    /// Whether clusters get kind's StorageClass.
    pub storage_class: StorageClass,
    /// How careful etcd is.
    pub etcd: Etcd,
    /// What the environment says about Docker: credentials for registries are found with it.
    pub docker: DockerEnvironment,
    /// Where our own image comes from: backends and the prober inside run it.
    pub own_image: OwnImage,
    /// From where the cluster's sockets are asked.
    pub vantage: Vantage,
    /// How long each action may take.
    pub deadlines: Deadlines,
}

impl Settings {
    /// kind's own habits, in a run that began then.
    pub fn new(created: String) -> Self {
        Self {
            created,
            network: DEFAULT_NETWORK.to_owned(),
            node_image: None,
            load_balancer_image: None,
            registry_mirror: None,
            helm_image: DEFAULT_HELM_IMAGE.to_owned(),
            privileges: Privileges::Privileged,
            proxies: BTreeMap::new(),
            snapshotter: None,
            storage_class: StorageClass::None,
            etcd: Etcd::default(),
            docker: DockerEnvironment::default(),
            own_image: OwnImage::ThisProgram,
            vantage: Vantage::Auto,
            deadlines: Deadlines::default(),
        }
    }
}

/// Where our own image comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OwnImage {
    /// It is packed from the executable of this process, and loaded where it is needed. The
    /// program must understand `echo` and `prober`, as `gateproof` does.
    ThisProgram,
    /// It was published under this name, and nodes pull it.
    Published(String),
}

/// Whether clusters get the StorageClass `standard` with the provisioner of the node image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StorageClass {
    /// No: a cluster for Gateways needs no volumes, and is up sooner.
    None,
    /// Yes, as kind does it.
    Standard,
}

/// How long each action may take before it has failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Deadlines {
    /// A request to the engine that moves no data: create, start, inspect, list, network.
    pub request: Duration,
    /// Pulling one image.
    pub pull: Duration,
    /// From a node's start to the log line that says its init system is up.
    pub boot: Duration,
    /// A short command in a node: reading and writing files, version, restart of containerd.
    pub command: Duration,
    /// `kubeadm init`.
    pub init: Duration,
    /// `kubeadm join` of one node.
    pub join: Duration,
    /// Until the API answers and every node is registered, after the last join.
    pub registration: Duration,
    /// Collecting evidence of one cluster, all in all.
    pub evidence: Duration,
    /// Removing one cluster, all in all.
    pub removal: Duration,
}

impl Default for Deadlines {
    /// kind waits 30 s for a node's log line and without end for kubeadm, which itself gives up
    /// on a control plane after four minutes (kubernetes/kubernetes v1.36:
    /// `cmd/kubeadm/app/constants/constants.go`); a busy machine gets twice kind's time to boot.
    fn default() -> Self {
        Self {
            request: Duration::from_mins(1),
            pull: Duration::from_mins(20),
            boot: Duration::from_mins(1),
            command: Duration::from_mins(1),
            init: Duration::from_mins(6),
            join: Duration::from_mins(6),
            registration: Duration::from_mins(1),
            evidence: Duration::from_secs(30),
            removal: Duration::from_mins(1),
        }
    }
}

/// The word for [`explicit_capabilities`].
pub const DEFAULT_CAPABILITIES: &str = "default-capabilities";

/// The capabilities of a node where privileged containers are refused, besides Docker's default
/// ones: all that Docker 20.10 knows, without `SYS_RESOURCE`, whose absence is the usual reason
/// for the refusal (Docker starts no privileged container without it).
///
/// Inferred from what privileged means; whether every Cilium feature works with it is not known.
pub fn explicit_capabilities() -> Vec<String> {
    [
        "AUDIT_CONTROL",
        "AUDIT_READ",
        "BLOCK_SUSPEND",
        "DAC_READ_SEARCH",
        "IPC_LOCK",
        "IPC_OWNER",
        "LEASE",
        "LINUX_IMMUTABLE",
        "MAC_ADMIN",
        "MAC_OVERRIDE",
        "NET_ADMIN",
        "NET_BROADCAST",
        "SYSLOG",
        "SYS_ADMIN",
        "SYS_BOOT",
        "SYS_MODULE",
        "SYS_NICE",
        "SYS_PACCT",
        "SYS_PTRACE",
        "SYS_RAWIO",
        "SYS_TIME",
        "SYS_TTY_CONFIG",
        "WAKE_ALARM",
    ]
    .map(str::to_owned)
    .to_vec()
}

/// What is no way to say privileges.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{found}` says no node privileges: {problem}; expected `privileged`, \
     `{DEFAULT_CAPABILITIES}`, or a list of capabilities such as `SYS_ADMIN,NET_ADMIN`"
)]
pub struct PrivilegesError {
    /// What was written.
    pub found: String,
    /// What is wrong with it.
    pub problem: String,
}

impl FromStr for Privileges {
    type Err = PrivilegesError;

    /// Reads `--node-privileges`.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "privileged" => return Ok(Self::Privileged),
            DEFAULT_CAPABILITIES => return Ok(Self::Capabilities(explicit_capabilities())),
            _ => {}
        }
        let wrong = |problem: String| PrivilegesError { found: text.to_owned(), problem };
        let mut names: Vec<String> = Vec::new();
        for word in text.split(',').map(str::trim) {
            let name = word.strip_prefix("CAP_").unwrap_or(word);
            if name.is_empty() {
                return Err(wrong("a name is empty".to_owned()));
            }
            if !name.chars().all(|c| c.is_ascii_uppercase() || c == '_') {
                return Err(wrong(format!("`{word}` is no capability")));
            }
            names.push(name.to_owned());
        }
        names.sort();
        names.dedup();
        Ok(Self::Capabilities(names))
    }
}

impl fmt::Display for Privileges {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.pad("none besides Docker's default capabilities"),
            Self::Privileged => f.pad("privileged"),
            Self::Capabilities(names) => f.pad(&names.join(",")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Privileges, explicit_capabilities};

    #[test]
    fn privileges_are_read_as_they_are_written() {
        let list = |names: &[&str]| {
            Privileges::Capabilities(names.iter().map(|name| (*name).to_owned()).collect())
        };
        for (text, read) in [
            ("privileged", Privileges::Privileged),
            ("default-capabilities", Privileges::Capabilities(explicit_capabilities())),
            ("NET_ADMIN", list(&["NET_ADMIN"])),
            ("SYS_ADMIN, CAP_NET_ADMIN,SYS_ADMIN", list(&["NET_ADMIN", "SYS_ADMIN"])),
        ] {
            assert_eq!(text.parse::<Privileges>(), Ok(read), "{text}");
        }
    }

    #[test]
    fn what_says_no_privileges_is_refused_with_what_is_accepted() {
        for (text, problem) in [
            ("", "a name is empty"),
            ("NET_ADMIN,", "a name is empty"),
            ("Privileged", "`Privileged` is no capability"),
            ("net_admin", "`net_admin` is no capability"),
        ] {
            let error = text.parse::<Privileges>().expect_err(text).to_string();
            assert!(error.contains(problem), "{error}");
            assert!(error.contains("expected `privileged`"), "{error}");
        }
    }

    #[test]
    fn the_explicit_list_leaves_out_what_hosts_refuse() {
        let names = explicit_capabilities();
        assert!(names.is_sorted());
        assert!(!names.iter().any(|name| name == "SYS_RESOURCE"), "its absence is the reason");
        assert!(names.iter().any(|name| name == "SYS_ADMIN"));
    }
}
