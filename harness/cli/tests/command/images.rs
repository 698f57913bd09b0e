//! `gateproof images`: what a run needs, and what is wrong with a file of images.

use crate::support::Place;

/// A scenario of the project.
const SCENARIO: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../scenarios/shared-gateway.yaml");

#[test]
fn every_image_of_a_run_is_listed_with_its_reason() {
    let place = Place::new();
    let list = |more: &[&str]| {
        let mut command = place.command(&["images", "list", SCENARIO]);
        command.args(more).env_remove("GATEPROOF_IMAGE").env_remove("GATEPROOF_NODE_IMAGE");
        let output = command.output().expect("the binary starts");
        assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).expect("text")
    };
    let usual = list(&[]);
    for part in [
        "kindest/node:v1.36.4",
        "quay.io/cilium/cilium:v1.20.2",
        "quay.io/cilium/operator-generic:v1.20.2",
        "(inferred from the chart of 1.20.0)",
        "quay.io/jetstack/cert-manager-controller:v1",
        "packed from this program, never pulled",
    ] {
        assert!(usual.contains(part), "{part} in:\n{usual}");
    }
    assert!(!usual.contains("registry:"), "nobody wants mirrors:\n{usual}");
    let mirrored = list(&["--registry-mirror=mine/registry:3"]);
    let told = |list: &str, image: &str| {
        let mut lines = list.lines();
        lines.any(|line| {
            line.starts_with(image) && line.ends_with("mirrors of registries, as chosen")
        })
    };
    assert!(told(&mirrored, "mine/registry:3 "), "{mirrored}");
    assert!(told(&list(&["--registry-mirror"]), "registry:3 "), "the usual one");
    assert!(!usual.contains("certgen"), "Hubble is off:\n{usual}");
    let chosen = list(&["--node-image", "mine/node:1", "--image", "mine/gateproof:2"]);
    assert!(chosen.contains("mine/node:1") && !chosen.contains("kindest/node"), "{chosen}");
    assert!(chosen.contains("mine/gateproof:2") && !chosen.contains("gateproof.local"), "{chosen}");
}

#[test]
fn an_engine_that_is_not_there_is_told_with_what_to_do() {
    let place = Place::new();
    let mut command = place.command(&["images", "load", "images.tar"]);
    command.env("DOCKER_HOST", "unix:///nowhere/docker.sock");
    let output = command.output().expect("the binary starts");
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(3), "{told}");
    assert!(told.contains("/nowhere/docker.sock"), "{told}");
    command = place.command(&["images", "load", "images.tar"]);
    command.env("DOCKER_HOST", "nonsense");
    let output = command.output().expect("the binary starts");
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(2), "{told}");
    assert!(told.contains("DOCKER_HOST: "), "{told}");
}
