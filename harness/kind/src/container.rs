//! A container to be created, and a container as it is, as values.
//!
//! The fields are those of the Docker Engine API (1.41); [`crate::engine`] puts them into a
//! request and nothing else decides there.

use std::collections::BTreeMap;
use std::net::IpAddr;

use serde::Serialize;

/// A container to be created.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ContainerSpec {
    /// Its name, which is also its host name.
    pub name: String,
    /// The image reference, with digest where one is pinned.
    pub image: String,
    /// Labels.
    pub labels: BTreeMap<String, String>,
    /// Environment, `NAME=value`, sorted.
    pub env: Vec<String>,
    /// What runs; empty for the image's own command.
    pub command: Vec<String>,
    /// What runs it; `None` for the image's own entrypoint.
    pub entrypoint: Option<Vec<String>>,
    /// The network it is attached to.
    pub network: String,
    /// With which rights it runs.
    pub privileges: Privileges,
    /// Options of `--security-opt`, as the docker program takes them; `systempaths=unconfined`
    /// among them, which the API has another way to say.
    pub security_options: Vec<String>,
    /// In-memory filesystems by mount point, with their options.
    pub tmpfs: BTreeMap<String, String>,
    /// Mount points of anonymous volumes.
    pub anonymous_volumes: Vec<String>,
    /// Binds, `host:container[:options]`.
    pub binds: Vec<String>,
    /// Devices of the host, the same path inside.
    pub devices: Vec<String>,
    /// Kernel settings of its namespaces.
    pub sysctls: BTreeMap<String, String>,
    /// Ports of the host that lead to it.
    pub ports: Vec<PortBinding>,
    /// When Docker starts it again.
    pub restart: RestartPolicy,
    /// Whether it has a terminal: then its log is one raw stream.
    pub tty: bool,
    /// The user namespace of the host instead of a remapped one.
    pub host_user_namespace: bool,
}

impl ContainerSpec {
    /// A container that has nothing but its image, a name, labels and a network.
    #[must_use]
    pub fn new(
        name: impl Into<String>,
        image: impl Into<String>,
        labels: BTreeMap<String, String>,
        network: impl Into<String>,
    ) -> Self {
        Self {
            name: name.into(),
            image: image.into(),
            labels,
            env: Vec::new(),
            command: Vec::new(),
            entrypoint: None,
            network: network.into(),
            privileges: Privileges::Default,
            security_options: Vec::new(),
            tmpfs: BTreeMap::new(),
            anonymous_volumes: Vec::new(),
            binds: Vec::new(),
            devices: Vec::new(),
            sysctls: BTreeMap::new(),
            ports: Vec::new(),
            restart: RestartPolicy::No,
            tty: false,
            host_user_namespace: false,
        }
    }
}

/// With which rights a container runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Privileges {
    /// Docker's default set.
    Default,
    /// All of them, as kind has it.
    Privileged,
    /// These capabilities besides the default ones, for hosts that refuse privileged containers.
    Capabilities(Vec<String>),
}

/// A port of the host that leads to a container.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PortBinding {
    /// The port in the container.
    pub container_port: u16,
    /// `tcp`, `udp` or `sctp`.
    pub protocol: Protocol,
    /// The address on the host.
    pub host_address: IpAddr,
    /// The port on the host; `None` lets Docker choose one, which cannot clash.
    pub host_port: Option<u16>,
}

/// The protocol of a port.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Protocol {
    /// TCP.
    Tcp,
    /// UDP.
    Udp,
    /// SCTP.
    Sctp,
}

/// When Docker starts a container again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum RestartPolicy {
    /// Never.
    No,
    /// After a failure, at most this often.
    OnFailure(u32),
}

/// A container as the engine has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContainerState {
    /// The engine's id.
    pub id: String,
    /// Its name, without the leading slash.
    pub name: String,
    /// The image reference it was created with.
    pub image: String,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// What it is doing.
    pub phase: Phase,
    /// Its addresses by network name.
    pub addresses: BTreeMap<String, Addresses>,
    /// Ports of the host that lead to it; visible once it runs.
    pub ports: Vec<PortBinding>,
}

/// A container's addresses on one network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Addresses {
    /// IPv4.
    pub v4: Option<IpAddr>,
    /// Global IPv6.
    pub v6: Option<IpAddr>,
}

/// What a container is doing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Phase {
    /// Created and not started.
    Created,
    /// Running.
    Running,
    /// Not running any more.
    Exited {
        /// Its exit code.
        code: i64,
        /// Whether the kernel killed it for memory.
        out_of_memory: bool,
    },
    /// Anything else in Docker's words, such as `restarting`, `paused`, `dead`.
    Other(String),
}

/// A command to run in a container.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ExecCommand {
    /// Program and arguments.
    pub argv: Vec<String>,
    /// What it reads; `None` for nothing.
    #[serde(skip)]
    pub stdin: Option<Vec<u8>>,
    /// Extra environment.
    pub env: Vec<String>,
    /// With all rights, as kind runs commands in nodes; only where the container has them.
    pub privileged: bool,
}

/// What came of a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExecOutcome {
    /// Its exit code. A missing program is 126 or 127 with the reason on standard output.
    pub exit_code: i64,
    /// Standard output.
    pub stdout: Vec<u8>,
    /// Standard error.
    pub stderr: Vec<u8>,
}
