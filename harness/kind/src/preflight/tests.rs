//! Which problems are found in which engines, and that a healthy engine has none.

use std::collections::BTreeSet;

use super::Severity::{Fatal, Warning};
use super::*;

fn engine() -> EngineFacts {
    EngineFacts {
        kind: EngineKind::Docker,
        version: "28.2.2".to_owned(),
        api_version: "1.50".to_owned(),
        architecture: "amd64".to_owned(),
        cgroups: CgroupVersion::V2,
        rights: EngineRights::Rootful,
        remaps_users: false,
        storage_driver: "overlay2".to_owned(),
        backing_filesystem: None,
        limits: BTreeSet::from([Limit::Memory, Limit::Pids, Limit::CpuShares]),
        location: EngineLocation::Local,
        operating_system: "Debian".to_owned(),
        root_directory: None,
        may_privilege: None,
    }
}

fn host() -> Host {
    Host {
        inotify_watches: Some(WATCHES),
        inotify_instances: Some(INSTANCES),
        free: Some((PathBuf::from("/var/lib/docker"), 100 * GIB)),
        daemon_may: Some(CapabilitySet { bits: (1 << 41) - 1, last: 40 }),
    }
}

const WISHES: Wishes<'_> =
    Wishes { privileges: &Privileges::Privileged, nodes: 3, kubernetes_minor: Some(36) };

#[test]
fn a_healthy_engine_has_no_problem_nor_has_one_of_which_nothing_is_known() {
    assert_eq!(problems(&engine(), &host(), &WISHES), []);
    assert_eq!(problems(&engine(), &Host::default(), &WISHES), []);
    let debian = EngineFacts {
        version: "20.10.24+dfsg1".to_owned(),
        api_version: "1.41".to_owned(),
        ..engine()
    };
    assert_eq!(problems(&debian, &host(), &WISHES), []);
    let v1 = EngineFacts { cgroups: CgroupVersion::V1, ..engine() };
    let older = Wishes { kubernetes_minor: Some(34), ..WISHES };
    assert_eq!(problems(&v1, &host(), &older), [], "Kubernetes 1.34 takes cgroup v1");
}

/// Checks that there is exactly one problem, how bad it is, and what is said about it.
fn check(facts: &EngineFacts, host: &Host, wishes: &Wishes<'_>, severity: Severity, said: &[&str]) {
    let found = problems(facts, host, wishes);
    let [problem] = found.as_slice() else { panic!("one problem: {found:?}") };
    assert_eq!(problem.severity, severity, "{problem}");
    let shown = problem.to_string();
    assert!(said.iter().all(|words| shown.contains(words)), "{said:?} in: {shown}");
}

#[test]
fn each_problem_of_an_engine_is_found_with_its_remedy() {
    let old =
        EngineFacts { version: "19.03.15".to_owned(), api_version: "1.40".to_owned(), ..engine() };
    check(&old, &host(), &WISHES, Fatal, &["19.03.15 with API 1.40", "update Docker to 20.10"]);
    let podman = EngineFacts {
        kind: EngineKind::Podman,
        version: "5.1.0".to_owned(),
        api_version: "1.41".to_owned(),
        ..engine()
    };
    check(&podman, &host(), &WISHES, Warning, &["Podman 5.1.0", "not tried"]);
    let rootless = EngineFacts {
        rights: EngineRights::Rootless,
        limits: BTreeSet::from([Limit::Pids]),
        ..engine()
    };
    check(&rootless, &host(), &WISHES, Fatal, &["memory, cpu", "Delegate=yes"]);
    let v1 = EngineFacts { cgroups: CgroupVersion::V1, ..engine() };
    check(&v1, &host(), &WISHES, Warning, &["cgroup v1", "failCgroupV1: false"]);
    let both = EngineFacts { rights: EngineRights::Rootless, ..v1 };
    let unknown = Wishes { kubernetes_minor: None, ..WISHES };
    check(&both, &host(), &unknown, Fatal, &["rootless", "cgroup v2"]);
    let tried = EngineFacts { may_privilege: Some(false), ..engine() };
    check(&tried, &Host::default(), &WISHES, Fatal, &["refuses privileged", "--node-privileges"]);
}

#[test]
fn each_problem_of_a_machine_is_found_with_its_remedy() {
    let free = |bytes| Host { free: Some((PathBuf::from("/var/lib/docker"), bytes)), ..host() };
    let prune = "docker system prune";
    check(&engine(), &free(GIB), &WISHES, Fatal, &["/var/lib/docker has 1.0 GiB free", prune]);
    let some = free(5 * GIB + GIB / 2);
    check(&engine(), &some, &WISHES, Warning, &["5.5 GiB free, and 3 nodes may take 6", prune]);

    let few = Host { inotify_instances: Some(128), ..host() };
    let sysctl = "`sudo sysctl fs.inotify.max_user_instances=512`";
    check(&engine(), &few, &WISHES, Warning, &["max_user_instances is 128", sysctl]);
    let fewer = Host { inotify_watches: Some(8), ..few };
    let sysctl = "max_user_watches=524288 fs.inotify.max_user_instances=512`";
    check(&engine(), &fewer, &WISHES, Fatal, &["max_user_watches is 8 and fs", sysctl]);

    let lacking = CapabilitySet { bits: 0x1ff_feff_ffff, last: 40 };
    let lacking = Host { daemon_may: Some(lacking), ..host() };
    let option = "--node-privileges default-capabilities";
    check(&engine(), &lacking, &WISHES, Fatal, &["lacks SYS_RESOURCE", option]);
    let list = Privileges::Capabilities(vec!["SYS_ADMIN".to_owned(), "SYS_RESOURCE".to_owned()]);
    let wishes = Wishes { privileges: &list, ..WISHES };
    check(&engine(), &lacking, &wishes, Fatal, &["lacks SYS_RESOURCE", "leave it out"]);
    let list = Privileges::Capabilities(vec!["SYS_ADMIN".to_owned()]);
    let wishes = Wishes { privileges: &list, ..WISHES };
    assert_eq!(problems(&engine(), &lacking, &wishes), [], "what is not wanted may be missing");
}

#[test]
fn all_problems_are_found_at_once_and_the_fatal_ones_come_first() {
    let facts =
        EngineFacts { version: "19.03.1".to_owned(), cgroups: CgroupVersion::V1, ..engine() };
    let host =
        Host { inotify_instances: Some(128), free: Some((PathBuf::from("/d"), 0)), ..host() };
    let found = problems(&facts, &host, &WISHES);
    let severities: Vec<Severity> = found.iter().map(|problem| problem.severity).collect();
    assert_eq!(severities, [Fatal, Fatal, Warning, Warning], "{found:?}");

    let endpoint = Endpoint::parse("unix://").expect("an endpoint");
    let warnings = found[2..].to_vec();
    let unfit = judge(&endpoint, found).expect_err("two of them are fatal").to_string();
    let lines: Vec<&str> = unfit.lines().collect();
    assert_eq!(lines[0], "the Docker engine at unix:///var/run/docker.sock cannot carry clusters:");
    assert_eq!(lines.len(), 5, "{unfit}");
    assert_eq!(judge(&endpoint, warnings.clone()), Ok(warnings), "warnings alone stop nothing");
}
