//! Patches of containerd's configuration.

use gateproof_core::topology::toml;
use serde_json::json;

use super::Case;
use crate::plan::containerd::ContainerdError;

/// Like that of a node image, in short.
const CONFIG: &str = "\
version = 2

[plugins.\"io.containerd.grpc.v1.cri\"]
  sandbox_image = \"registry.k8s.io/pause:3.10\"
  [plugins.\"io.containerd.grpc.v1.cri\".registry]
    config_path = \"/etc/containerd/certs.d\"
";

fn patched(patches: &str) -> Result<Option<serde_json::Value>, ContainerdError> {
    let plan = Case::new("stand-in:latest", patches).plan();
    let file = plan.containerd_file(CONFIG)?;
    Ok(file.map(|file| {
        assert_eq!(file.path, "/etc/containerd/config.toml");
        toml::read(&file.content).unwrap_or_else(|error| panic!("{error}"))
    }))
}

#[test]
fn without_patches_nothing_is_written() {
    assert_eq!(patched("nodes: []"), Ok(None));
}

#[test]
fn merge_patches_come_before_json_patches() {
    let value = patched(
        "containerdConfigPatches:\n\
         - \"[plugins.'io.containerd.grpc.v1.cri'.registry]\\nconfig_path = '/a'\"\n\
         - \"[debug]\\nlevel = 'debug'\"\n\
         containerdConfigPatchesJSON6902:\n\
         - '[{op: copy, from: /plugins/io.containerd.grpc.v1.cri/registry/config_path, path: /debug/address}]'\n",
    );
    let value = value.expect("patched").expect("a file");
    assert_eq!(value["debug"], json!({"level": "debug", "address": "/a"}));
    assert_eq!(value["version"], 2);
    let plugin = &value["plugins"]["io.containerd.grpc.v1.cri"];
    assert_eq!(plugin["sandbox_image"], "registry.k8s.io/pause:3.10", "what is not named stays");
}

#[test]
fn of_patches_for_several_versions_the_right_one_is_taken() {
    let value = patched(
        "containerdConfigPatches:\n\
         - \"version = 3\\n[debug]\\nlevel = 'three'\"\n\
         - \"version = 2\\n[debug]\\nlevel = 'two'\"\n",
    );
    assert_eq!(value.expect("patched").expect("a file")["debug"]["level"], "two");
}

#[test]
fn a_patch_that_fits_no_version_or_makes_no_sense_is_told() {
    for (patches, part) in [
        ("containerdConfigPatches: [\"version = 3\"]", "this node has version 2"),
        (
            "containerdConfigPatchesJSON6902: ['[{op: remove, path: /nothing}]']",
            "clusters/given.yaml:3 cannot be applied",
        ),
        (
            "containerdConfigPatchesJSON6902: ['[{op: add, path: /x, value: null}]']",
            "no TOML value at /x",
        ),
    ] {
        let error = patched(patches).expect_err(patches).to_string();
        assert!(error.contains(part), "{part} in {error}");
    }
    let plan = Case::new("stand-in:latest", "containerdConfigPatches: ['']").plan();
    assert_eq!(plan.containerd_file("a = 1"), Err(ContainerdError::NoVersion));
}
