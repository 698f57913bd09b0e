//! What the engine tells about itself.

use std::collections::BTreeSet;
use std::path::PathBuf;

use bollard::models::{
    SystemInfo, SystemInfoCgroupDriverEnum, SystemInfoCgroupVersionEnum, SystemVersion,
};

use super::error::EngineError;
use super::{Engine, within};
use crate::endpoint::Endpoint;
use crate::engine_facts::{
    CgroupVersion, EngineFacts, EngineKind, EngineLocation, EngineRights, Limit,
};
use crate::host;
use crate::preflight::{self, Problem, Wishes};

impl Engine {
    /// The engine's abilities and habits.
    ///
    /// # Errors
    ///
    /// When it does not tell.
    pub async fn facts(&self) -> Result<EngineFacts, EngineError> {
        let fail = |cause| EngineError::Facts { endpoint: self.endpoint.to_string(), cause };
        let version = within(self.patience, self.docker.version()).await.map_err(fail)?;
        let info = within(self.patience, self.docker.info()).await.map_err(fail)?;
        let here = Machine::this().await;
        Ok(facts(version, info, &self.endpoint, &here))
    }
}

impl Engine {
    /// Everything that would go wrong with clusters on this engine, the fatal problems first.
    /// What cannot be known from here is not judged.
    pub async fn preflight(&self, facts: &EngineFacts, wishes: &Wishes<'_>) -> Vec<Problem> {
        preflight::problems(facts, &host::read(&self.endpoint, facts).await, wishes)
    }
}

/// What tells one machine from another, as far as an engine tells it too. A part that cannot be
/// read is empty and equals nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Machine {
    kernel: String,
    host_name: String,
}

impl Machine {
    async fn this() -> Self {
        let read = async |file: &str| {
            let text = tokio::fs::read_to_string(file).await.unwrap_or_default();
            text.trim().to_owned()
        };
        Self {
            kernel: read("/proc/sys/kernel/osrelease").await,
            host_name: read("/proc/sys/kernel/hostname").await,
        }
    }
}

fn facts(
    version: SystemVersion,
    info: SystemInfo,
    endpoint: &Endpoint,
    here: &Machine,
) -> EngineFacts {
    let options = info.security_options.unwrap_or_default();
    let option = |name: &str| {
        options.iter().any(|option| option.split(',').any(|part| part == format!("name={name}")))
    };
    let rights = if option("rootless") { EngineRights::Rootless } else { EngineRights::Rootful };
    let there = Machine {
        kernel: info.kernel_version.unwrap_or_default(),
        host_name: info.name.unwrap_or_default(),
    };
    let kind = engine_kind(&version);
    // Without a driver for cgroups the engine limits nothing, whatever it lists.
    let limited = info.cgroup_driver != Some(SystemInfoCgroupDriverEnum::NONE);
    let limits: BTreeSet<Limit> = [
        (info.memory_limit, Limit::Memory),
        (info.pids_limit, Limit::Pids),
        (info.cpu_shares, Limit::CpuShares),
    ]
    .into_iter()
    .filter_map(|(can, limit)| (limited && can == Some(true)).then_some(limit))
    .collect();
    EngineFacts {
        kind,
        version: version.version.unwrap_or_default(),
        api_version: version.api_version.unwrap_or_default(),
        architecture: version.arch.unwrap_or_default(),
        cgroups: match info.cgroup_version {
            Some(SystemInfoCgroupVersionEnum::_2) => CgroupVersion::V2,
            _ => CgroupVersion::V1,
        },
        rights,
        remaps_users: option("userns"),
        backing_filesystem: backing_filesystem(info.driver_status.unwrap_or_default()),
        storage_driver: info.driver.unwrap_or_default(),
        limits,
        location: location(endpoint, rights, &there, here),
        operating_system: info.operating_system.unwrap_or_default(),
        root_directory: info.docker_root_dir.filter(|path| !path.is_empty()).map(PathBuf::from),
        may_privilege: None,
    }
}

/// Podman answers the Docker API and says who it is among its components.
fn engine_kind(version: &SystemVersion) -> EngineKind {
    let names = version.components.iter().flatten().map(|component| component.name.as_str());
    let mut podman = names.filter(|name| name.contains("Podman"));
    if podman.next().is_some() { EngineKind::Podman } else { EngineKind::Docker }
}

/// The pair that an engine lists as `Backing Filesystem`.
fn backing_filesystem(pairs: Vec<Vec<String>>) -> Option<String> {
    pairs.into_iter().find_map(|pair| match <[String; 2]>::try_from(pair) {
        Ok([key, value]) if key == "Backing Filesystem" => Some(value),
        _ => None,
    })
}

/// Local only when it is certain: an engine of another kernel or host name is behind a socket
/// that a virtual machine or a tunnel serves, or we are in a container ourselves. Taking a local
/// engine for a remote one costs a detour; the reverse makes every probe fail.
fn location(
    endpoint: &Endpoint,
    rights: EngineRights,
    there: &Machine,
    here: &Machine,
) -> EngineLocation {
    let same = there == here && !here.kernel.is_empty() && !here.host_name.is_empty();
    match (endpoint, rights) {
        // Containers of a rootless engine live in a network namespace of their own.
        (_, EngineRights::Rootful) if same => EngineLocation::Local,
        (Endpoint::Unix(_), _) => EngineLocation::Enclosed,
        (Endpoint::Tcp { .. } | Endpoint::Ssh(_), _) => EngineLocation::Remote,
    }
}

#[cfg(test)]
mod tests {
    use bollard::models::SystemVersionComponents;

    use super::*;

    fn machine(kernel: &str, host_name: &str) -> Machine {
        Machine { kernel: kernel.to_owned(), host_name: host_name.to_owned() }
    }

    #[test]
    fn container_addresses_count_as_reachable_only_on_this_very_machine() {
        use EngineLocation::{Enclosed, Local, Remote};
        use EngineRights::{Rootful, Rootless};
        let here = machine("6.12.0", "box");
        for (endpoint, rights, there, expected) in [
            ("unix://", Rootful, machine("6.12.0", "box"), Local),
            ("tcp://localhost", Rootful, machine("6.12.0", "box"), Local),
            ("unix://", Rootless, machine("6.12.0", "box"), Enclosed),
            ("unix://", Rootful, machine("6.10.14-linuxkit", "docker-desktop"), Enclosed),
            ("unix://", Rootful, machine("6.12.0", "f00dcafe"), Enclosed),
            ("tcp://localhost", Rootful, machine("6.12.0", "other"), Remote),
            ("ssh://box", Rootful, machine("6.11.0", "box"), Remote),
        ] {
            let endpoint = Endpoint::parse(endpoint).expect("an endpoint");
            assert_eq!(
                location(&endpoint, rights, &there, &here),
                expected,
                "{endpoint} {there:?}"
            );
        }
        let unknown = machine("", "");
        let endpoint = Endpoint::parse("unix://").expect("an endpoint");
        assert_eq!(location(&endpoint, Rootful, &unknown, &unknown), Enclosed);
    }

    #[test]
    fn facts_are_read_from_what_an_engine_reports() {
        let info = SystemInfo {
            cgroup_version: Some(SystemInfoCgroupVersionEnum::_2),
            security_options: Some(vec![
                "name=seccomp,profile=builtin".to_owned(),
                "name=rootless".to_owned(),
                "name=cgroupns".to_owned(),
            ]),
            memory_limit: Some(true),
            pids_limit: Some(true),
            cpu_shares: Some(false),
            driver: Some("overlay2".to_owned()),
            driver_status: Some(vec![
                vec!["Backing Filesystem".to_owned(), "xfs".to_owned()],
                vec!["Supports d_type".to_owned(), "true".to_owned()],
            ]),
            ..SystemInfo::default()
        };
        let version = SystemVersion {
            components: Some(vec![SystemVersionComponents {
                name: "Podman Engine".to_owned(),
                ..SystemVersionComponents::default()
            }]),
            ..SystemVersion::default()
        };
        let endpoint = Endpoint::parse("unix://").expect("an endpoint");
        let found = facts(version.clone(), info.clone(), &endpoint, &Machine::default());
        assert_eq!(found.kind, EngineKind::Podman);
        assert_eq!(found.cgroups, CgroupVersion::V2);
        assert_eq!(found.rights, EngineRights::Rootless);
        assert!(!found.remaps_users, "`name=userns` is not listed");
        assert_eq!(found.limits, BTreeSet::from([Limit::Memory, Limit::Pids]));
        assert_eq!(found.backing_filesystem.as_deref(), Some("xfs"));

        let unlimited =
            SystemInfo { cgroup_driver: Some(SystemInfoCgroupDriverEnum::NONE), ..info };
        let found = facts(version, unlimited, &endpoint, &Machine::default());
        assert_eq!(found.limits, BTreeSet::new(), "no driver, no limits");
    }
}
