//! What makes a plan impossible, and what only looks like it.

use super::{Case, HA};
use crate::container::Privileges;
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
fn patches_that_cannot_work_are_told_before_anything_is_made() {
    let patches = "kubeadmConfigPatches: ['{apiVersion: kubeadm.k8s.io/v1beta3, kind: JoinConfiguration}']\n\
                   nodes: [{}, {role: worker}, {role: worker}]";
    let told = problems(&Case::new("kindest/node:v1.36.4", patches));
    assert_eq!(told.matches("clusters/given.yaml:3").count(), 1, "once for all nodes: {told}");
    for image in ["kindest/node:v1.35.8", "stand-in:latest"] {
        assert!(Case::new(image, patches).made().is_ok(), "{image} fits, or is not known yet");
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

#[test]
fn a_list_of_capabilities_gets_what_privileged_has_besides() {
    let security = |case: &Case| case.plan().nodes[0].container.security_options.clone();
    let mut case = Case::new(super::CURRENT, "nodes: []");
    assert_eq!(security(&case), ["seccomp=unconfined", "apparmor=unconfined"], "privileged");

    case.settings.privileges = Privileges::Capabilities(vec!["SYS_ADMIN".to_owned()]);
    let open = "systempaths=unconfined";
    assert_eq!(security(&case)[2..], [open, "writable-cgroups=true"]);
    assert_eq!(case.plan().nodes[0].container.devices, ["/dev/kmsg"]);
    let told = |case: &Case| {
        case.plan().notes.iter().any(|note| note.what.contains("write to control groups"))
    };
    assert!(!told(&case));

    case.engine.version = "20.10.24+dfsg1".to_owned();
    assert_eq!(security(&case)[2..], [open]);
    assert!(told(&case));
}
