//! What would go wrong with clusters on an engine, all at once and before anything is created.
//!
//! Pure: judges facts that others have read. What cannot be known, such as the disk of a remote
//! engine, is not judged.

use std::fmt;
use std::path::PathBuf;

use crate::capability::{self, CapabilitySet};
use crate::container::Privileges;
use crate::endpoint::Endpoint;
use crate::engine_facts::{
    CgroupVersion, EngineFacts, EngineKind, EngineLocation, EngineRights, Limit,
};

/// What clusters will want of the engine.
#[derive(Debug, Clone, Copy)]
pub struct Wishes<'a> {
    /// With which rights nodes run.
    pub privileges: &'a Privileges,
    /// How many nodes there will be, in all clusters that are up at the same time.
    pub nodes: u32,
    /// The Kubernetes minor version (the 36 of 1.36); `None` while it is not known.
    pub kubernetes_minor: Option<u32>,
}

/// What is known of the engine's machine; only of this one, and only what can be read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Host {
    /// `fs.inotify.max_user_watches`.
    pub inotify_watches: Option<u64>,
    /// `fs.inotify.max_user_instances`.
    pub inotify_instances: Option<u64>,
    /// Where images and containers are kept, and how many bytes are free there.
    pub free: Option<(PathBuf, u64)>,
    /// The capabilities that the daemon can hand on.
    pub daemon_may: Option<CapabilitySet>,
}

/// Something that would go wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// How bad it is.
    pub severity: Severity,
    /// What was found.
    pub found: String,
    /// What to do.
    pub remedy: String,
}

/// How bad a problem is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// No cluster will come up.
    Fatal,
    /// Clusters may fail.
    Warning,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}; {}", self.found, self.remedy)
    }
}

/// An engine on which no cluster will come up, with everything that stands against it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the Docker engine at {endpoint} cannot carry clusters:{}", Listed(problems))]
pub struct Unfit {
    /// Where it answers.
    pub endpoint: String,
    /// All problems, those that are no more than warnings too.
    pub problems: Vec<Problem>,
}

struct Listed<'a>(&'a [Problem]);

impl fmt::Display for Listed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|problem| write!(f, "\n- {problem}"))
    }
}

/// The warnings of an engine that can carry clusters.
///
/// # Errors
///
/// When one of the problems is fatal; the error tells all of them.
pub fn judge(endpoint: &Endpoint, problems: Vec<Problem>) -> Result<Vec<Problem>, Unfit> {
    if problems.iter().any(|problem| problem.severity == Severity::Fatal) {
        return Err(Unfit { endpoint: endpoint.to_string(), problems });
    }
    Ok(problems)
}

/// The oldest engine that works: the first whose API takes the mode of the cgroup namespace
/// (kubernetes-sigs/kind v0.20.0 release notes).
const OLDEST: (u32, u32) = (20, 10);
/// The API version of that engine.
const OLDEST_API: (u32, u32) = (1, 41);

/// What kind asks for (kubernetes-sigs/kind v0.33.0: `site/content/docs/user/known-issues.md`).
const WATCHES: u64 = 524_288;
/// The same, for instances.
const INSTANCES: u64 = 512;
/// Below the kernel's own defaults not even one node's services start (inferred).
const FEWEST_WATCHES: u64 = 8_192;
/// The same, for instances.
const FEWEST_INSTANCES: u64 = 128;

const GIB: u64 = 1 << 30;
/// A node image alone takes about 1.2 GB unpacked (kind v0.33.0: `working-offline.md`).
const LEAST_FREE: u64 = 2 * GIB;
/// Cilium's images and the logs of one node (inferred from the sizes of the images).
const FREE_FOR_A_NODE: u64 = 3 * GIB / 2;

/// Since this version the kubelet refuses cgroup v1 unless told otherwise (kind v0.31.0 release
/// notes).
const NO_CGROUP_V1: u32 = 35;

/// All problems, the fatal ones first.
pub fn problems(facts: &EngineFacts, host: &Host, wishes: &Wishes<'_>) -> Vec<Problem> {
    let mut found = Vec::new();
    found.extend(too_old(facts));
    found.extend(podman(facts));
    found.extend(undelegated(facts));
    found.extend(cgroup_v1(facts, wishes));
    found.extend(disk(host, wishes));
    found.extend(inotify(host));
    found.extend(privileges(facts, host, wishes));
    found.sort_by_key(|problem| problem.severity);
    found
}

fn fatal(found: String, remedy: &str) -> Problem {
    Problem { severity: Severity::Fatal, found, remedy: remedy.to_owned() }
}

fn warning(found: String, remedy: &str) -> Problem {
    Problem { severity: Severity::Warning, found, remedy: remedy.to_owned() }
}

/// The first two numbers of a version, such as those of `20.10.24+dfsg1`.
fn two_numbers(version: &str) -> Option<(u32, u32)> {
    let mut parts = version.split(|c: char| !c.is_ascii_digit());
    Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
}

fn too_old(facts: &EngineFacts) -> Option<Problem> {
    let old_engine = facts.kind == EngineKind::Docker
        && two_numbers(&facts.version).is_some_and(|version| version < OLDEST);
    let old_api = two_numbers(&facts.api_version).is_some_and(|version| version < OLDEST_API);
    (old_engine || old_api).then(|| {
        fatal(
            format!("the engine is too old: {} with API {}", facts.version, facts.api_version),
            "update Docker to 20.10 (API 1.41) or newer",
        )
    })
}

fn podman(facts: &EngineFacts) -> Option<Problem> {
    (facts.kind == EngineKind::Podman).then(|| {
        warning(
            format!("the engine is Podman {}, which answers Docker's API", facts.version),
            "kind itself treats Podman as experimental, and Gateproof was not tried with it; use \
             Docker if clusters do not come up",
        )
    })
}

fn undelegated(facts: &EngineFacts) -> Option<Problem> {
    if facts.rights == EngineRights::Rootful {
        return None;
    }
    let missing: Vec<&str> =
        [(Limit::Memory, "memory"), (Limit::Pids, "pids"), (Limit::CpuShares, "cpu")]
            .into_iter()
            .filter(|(limit, _)| !facts.limits.contains(limit))
            .map(|(_, name)| name)
            .collect();
    if facts.cgroups == CgroupVersion::V1 {
        return Some(fatal(
            "the engine is rootless on a machine with cgroup v1, where it cannot limit anything"
                .to_owned(),
            "start the machine with cgroup v2 (kernel parameter \
             systemd.unified_cgroup_hierarchy=1), or use an engine that runs as root",
        ));
    }
    (!missing.is_empty()).then(|| {
        fatal(
            format!(
                "the engine is rootless and has not been given the cgroup controllers {}",
                missing.join(", ")
            ),
            "delegate them: put `[Service]` and `Delegate=yes` into \
             /etc/systemd/system/user@.service.d/delegate.conf, run `sudo systemctl \
             daemon-reload`, and log in again",
        )
    })
}

fn cgroup_v1(facts: &EngineFacts, wishes: &Wishes<'_>) -> Option<Problem> {
    let refused = wishes.kubernetes_minor.is_some_and(|minor| minor >= NO_CGROUP_V1);
    (facts.cgroups == CgroupVersion::V1 && refused).then(|| {
        warning(
            "the engine's machine has cgroup v1, and the kubelet refuses it by default since \
             Kubernetes 1.35"
                .to_owned(),
            "start the machine with cgroup v2, use a node image of Kubernetes 1.34 or older, or \
             patch KubeletConfiguration with `failCgroupV1: false` in the topology",
        )
    })
}

fn disk(host: &Host, wishes: &Wishes<'_>) -> Option<Problem> {
    let (folder, free) = host.free.as_ref()?;
    let wanted = LEAST_FREE + FREE_FOR_A_NODE * u64::from(wishes.nodes);
    let found =
        format!("{} has {}.{} GiB free", folder.display(), free / GIB, free % GIB * 10 / GIB);
    if *free < LEAST_FREE {
        Some(fatal(
            format!("{found}, and a node image alone takes about 2"),
            "free space there, for instance with `docker system prune`",
        ))
    } else if *free < wanted {
        Some(warning(
            format!("{found}, and {} nodes may take {}", wishes.nodes, wanted / GIB),
            "free space there, for instance with `docker system prune`",
        ))
    } else {
        None
    }
}

fn inotify(host: &Host) -> Option<Problem> {
    let judge = |found: Option<u64>, name: &str, wanted: u64, fewest: u64| {
        let found = found.filter(|found| *found < wanted)?;
        let severity = if found < fewest { Severity::Fatal } else { Severity::Warning };
        Some((
            severity,
            format!("fs.inotify.{name} is {found}"),
            format!("fs.inotify.{name}={wanted}"),
        ))
    };
    let short: Vec<(Severity, String, String)> = [
        judge(host.inotify_watches, "max_user_watches", WATCHES, FEWEST_WATCHES),
        judge(host.inotify_instances, "max_user_instances", INSTANCES, FEWEST_INSTANCES),
    ]
    .into_iter()
    .flatten()
    .collect();
    let severity = short.iter().map(|(severity, ..)| *severity).min()?;
    let words = |part: fn(&(Severity, String, String)) -> &str, between: &str| {
        short.iter().map(part).collect::<Vec<_>>().join(between)
    };
    Some(Problem {
        severity,
        found: format!(
            "{}, which clusters of several nodes use up: pods then fail with \"too many open files\"",
            words(|(_, found, _)| found, " and ")
        ),
        remedy: format!("run `sudo sysctl {}`", words(|(.., wanted)| wanted, " ")),
    })
}

fn privileges(facts: &EngineFacts, host: &Host, wishes: &Wishes<'_>) -> Option<Problem> {
    const CHOOSE: &str = "choose with `--node-privileges default-capabilities`, or with a list of \
                          capabilities, or give the daemon what it lacks";
    match wishes.privileges {
        Privileges::Default => None,
        Privileges::Privileged if facts.may_privilege == Some(false) => Some(fatal(
            "the engine refuses privileged containers, as nodes are by default".to_owned(),
            CHOOSE,
        )),
        Privileges::Privileged if facts.may_privilege == Some(true) => None,
        Privileges::Privileged => {
            let missing = capability::missing_of_all(host.daemon_may?);
            (!missing.is_empty()).then(|| {
                fatal(
                    format!(
                        "the Docker daemon lacks {}, so it cannot start privileged containers, as \
                         nodes are by default",
                        missing.join(", ")
                    ),
                    CHOOSE,
                )
            })
        }
        Privileges::Capabilities(names) => {
            let missing = capability::missing(names, host.daemon_may?);
            (!missing.is_empty()).then(|| {
                fatal(
                    format!(
                        "the Docker daemon lacks {}, and nodes are to have it",
                        missing.join(", ")
                    ),
                    "leave it out of `--node-privileges`, or give it to the daemon",
                )
            })
        }
    }
}

/// Whether the engine's machine is this one, so that its limits can be read here.
pub(crate) fn is_here(facts: &EngineFacts) -> bool {
    facts.location == EngineLocation::Local
        || (facts.location == EngineLocation::Enclosed && facts.rights == EngineRights::Rootless)
}

#[cfg(test)]
mod tests;
