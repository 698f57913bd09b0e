//! What the plan needs to know of the Docker engine, as a value, so that plans are pure.

use std::collections::BTreeSet;
use std::path::PathBuf;

/// An engine's abilities and habits, from `GET /info` and `GET /version`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EngineFacts {
    /// Whose engine it is.
    pub kind: EngineKind,
    /// The engine's version, such as `28.2.2`.
    pub version: String,
    /// The API's version, such as `1.41`.
    pub api_version: String,
    /// The machine's architecture in Docker's words, such as `amd64`.
    pub architecture: String,
    /// The cgroup version of the engine's host.
    pub cgroups: CgroupVersion,
    /// Whether the engine runs without root.
    pub rights: EngineRights,
    /// Whether user namespaces are remapped (`userns-remap`).
    pub remaps_users: bool,
    /// The storage driver, such as `overlay2`.
    pub storage_driver: String,
    /// The filesystem below the storage driver, when the engine says so.
    pub backing_filesystem: Option<String>,
    /// The resources that the engine can limit.
    pub limits: BTreeSet<Limit>,
    /// Where the engine stands as seen from here.
    pub location: EngineLocation,
    /// The system it runs on, in its own words, such as `Docker Desktop`.
    pub operating_system: String,
    /// Where it keeps images and containers, on its own machine.
    pub root_directory: Option<PathBuf>,
    /// Containers of a privileged kind can be started; `None` when it was not tried.
    pub may_privilege: Option<bool>,
}

impl EngineFacts {
    /// A Docker as most people have it on Linux, for a plan that is shown without asking one.
    pub fn usual() -> Self {
        Self {
            kind: EngineKind::Docker,
            version: "28.2.2".to_owned(),
            api_version: "1.50".to_owned(),
            architecture: "amd64".to_owned(),
            cgroups: CgroupVersion::V2,
            rights: EngineRights::Rootful,
            remaps_users: false,
            storage_driver: "overlay2".to_owned(),
            backing_filesystem: Some("extfs".to_owned()),
            limits: BTreeSet::from([Limit::Memory, Limit::Pids, Limit::CpuShares]),
            location: EngineLocation::Local,
            operating_system: "Linux".to_owned(),
            root_directory: None,
            may_privilege: None,
        }
    }
}

/// Whose engine it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EngineKind {
    /// Docker's own.
    Docker,
    /// Podman, which answers Docker's API.
    Podman,
}

/// cgroup version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CgroupVersion {
    /// Version 1.
    V1,
    /// Version 2.
    V2,
}

/// With which rights the engine runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EngineRights {
    /// As root.
    Rootful,
    /// In a user namespace.
    Rootless,
}

/// A resource that the engine can limit; kind wants all three of a rootless engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Limit {
    /// Memory.
    Memory,
    /// Number of processes.
    Pids,
    /// CPU shares.
    CpuShares,
}

/// Where the engine stands as seen from here; decides whether container addresses are reachable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EngineLocation {
    /// On this machine's own kernel: addresses of containers are reachable.
    Local,
    /// Enclosed on this machine: in a virtual machine, as Docker Desktop has it, or in a network
    /// namespace of its own, as a rootless engine (Docker manual, "Rootless mode", known
    /// limitations). Only published ports are reachable.
    Enclosed,
    /// On another machine.
    Remote,
}
