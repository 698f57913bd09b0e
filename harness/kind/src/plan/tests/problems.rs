//! What makes a plan impossible, and what only looks like it.

use super::{Case, HA};
use crate::engine_facts::CgroupVersion;

fn problems(case: &Case) -> String {
    case.made().expect_err("an impossible plan").to_string()
}

#[test]
fn every_problem_is_told_at_once() {
    let mut case = Case::new(
        "kindest/node:v1.22.0",
        "nodes: [{}, {role: worker, image: 'kindest/node:v1.21.1'}]",
    );
    case.name = "a-cluster-with-a-name-that-is-too-long-for-the-hosts-of-its-nodes";
    let told = problems(&case);
    for part in [
        "node control-plane has the image kindest/node:v1.22.0",
        "node worker has the image kindest/node:v1.21.1",
        "the cluster's name may have 49",
    ] {
        assert!(told.contains(part), "{part} in {told}");
    }
}

#[test]
fn names_are_those_that_docker_and_kubernetes_accept() {
    let exactly = "a".repeat(49);
    for (name, fine) in [
        ("a", true),
        ("a.b-c1", true),
        ("A", false),
        ("a_b", false),
        ("-a", false),
        ("a.", false),
        ("", false),
        (exactly.as_str(), true),
    ] {
        let mut case = Case::new(super::CURRENT, "nodes: []");
        case.name = Box::leak(name.to_owned().into_boxed_str());
        assert_eq!(case.made().is_ok(), fine, "`{name}`");
    }
    let mut case = Case::new(super::CURRENT, HA);
    case.name = "a-name-that-leaves-no-room-for-a-load-balancer";
    assert!(problems(&case).contains("external-load-balancer"));
}

#[test]
fn cgroup_v1_is_told_where_the_kubelet_minds() {
    for (image, told) in
        [("kindest/node:v1.34.1", false), ("kindest/node:v1.35.0", true), ("stand-in:x", false)]
    {
        let mut case = Case::new(image, "nodes: []");
        case.engine.cgroups = CgroupVersion::V1;
        let notes = case.plan().notes;
        assert_eq!(notes.iter().any(|note| note.what.contains("cgroup v1")), told, "{notes:?}");
    }
}
