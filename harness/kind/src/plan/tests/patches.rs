//! kubeadm patches: what they change, and what is told where kind keeps silent.

use serde_json::{Value, json};

use super::Case;
use crate::plan::kubeadm::{DocumentError, NodeAddresses};

/// The documents of the first node with a patch of the whole cluster.
fn patched(version: &str, patches: &str) -> Result<Vec<Value>, DocumentError> {
    let case = Case::new("stand-in:latest", patches);
    let plan = case.plan();
    let addresses = NodeAddresses { v4: Some("172.18.0.2".to_owned()), v6: None };
    let version = version.parse().expect("a version");
    let file = plan.kubeadm_file(plan.first(), &version, &addresses)?;
    let documents = file.content.split("---\n").map(|text| {
        serde_saphyr::from_str(text).unwrap_or_else(|error| panic!("{error}:\n{text}"))
    });
    Ok(documents.collect())
}

fn check(version: &str, patches: &str, kind: &str, pointer: &str, expected: &Value) {
    let documents = patched(version, patches).unwrap_or_else(|error| panic!("{error}"));
    let document = documents.iter().find(|document| document["kind"] == kind);
    let document = document.expect("a document of this kind");
    assert_eq!(document.pointer(pointer), Some(expected), "{version}, {patches}:\n{document:#}");
}

const CLUSTER: &str = "ClusterConfiguration";

#[test]
fn a_merge_patch_without_a_version_fits_every_version() {
    for version in ["v1.30.0", "v1.36.4"] {
        let patch = "kubeadmConfigPatches: ['{kind: ClusterConfiguration, networking: {dnsDomain: x.test}}']";
        check(version, patch, CLUSTER, "/networking/dnsDomain", &json!("x.test"));
    }
}

#[test]
fn of_patches_for_several_versions_the_right_one_is_taken() {
    let patches = "kubeadmConfigPatches:\n\
        - '{apiVersion: kubeadm.k8s.io/v1beta3, kind: InitConfiguration, nodeRegistration: {taints: []}}'\n\
        - '{apiVersion: kubeadm.k8s.io/v1beta4, kind: InitConfiguration, nodeRegistration: {taints: [{key: a}]}}'\n";
    let at = "/nodeRegistration/taints";
    check("v1.35.0", patches, "InitConfiguration", at, &json!([]));
    check("v1.36.0", patches, "InitConfiguration", at, &json!([{"key": "a"}]));
}

#[test]
fn patches_that_are_all_for_other_versions_are_an_error() {
    let error = patched(
        "v1.36.4",
        "kubeadmConfigPatches: ['{apiVersion: kubeadm.k8s.io/v1beta3, kind: InitConfiguration}']",
    );
    let text = error.expect_err("nothing fits").to_string();
    for part in ["clusters/given.yaml:3", "v1beta3", "v1beta4", "leave `apiVersion` out"] {
        assert!(text.contains(part), "{part} in {text}");
    }
}

#[test]
fn names_of_certificates_are_added_to_those_that_are_there() {
    let patch = "kubeadmConfigPatches: ['{kind: ClusterConfiguration, apiServer: {certSANs: [localhost, a.test]}}']";
    let expected = json!(["localhost", "127.0.0.1", "a.test"]);
    check("v1.36.4", patch, CLUSTER, "/apiServer/certSANs", &expected);
    check("v1.30.4", patch, CLUSTER, "/apiServer/certSANs", &expected);
}

#[test]
fn extra_arguments_are_merged_by_name_in_either_form() {
    let map = "kubeadmConfigPatches: ['{kind: ClusterConfiguration, scheduler: {extraArgs: {v: \"4\"}}, controllerManager: {extraArgs: {enable-hostpath-provisioner: null}}}']";
    let list = "kubeadmConfigPatches: ['{kind: ClusterConfiguration, scheduler: {extraArgs: [{name: v, value: \"4\"}]}, controllerManager: {extraArgs: [{name: enable-hostpath-provisioner}]}}']";
    for patch in [map, list] {
        let at = "/scheduler/extraArgs";
        check("v1.36.4", patch, CLUSTER, at, &json!([{"name": "v", "value": "4"}]));
        check("v1.35.4", patch, CLUSTER, at, &json!({"v": "4"}));
        let at = "/controllerManager/extraArgs";
        check("v1.36.4", patch, CLUSTER, at, &json!([]));
        check("v1.35.4", patch, CLUSTER, at, &json!({}));
    }
}

#[test]
fn extra_arguments_in_the_form_of_another_version_are_an_error() {
    for (version, api, arguments) in
        [("v1.36.4", "v1beta4", "{v: \"4\"}"), ("v1.35.4", "v1beta3", "[{name: v, value: \"4\"}]")]
    {
        let error = patched(
            version,
            &format!(
                "kubeadmConfigPatches: ['{{apiVersion: kubeadm.k8s.io/{api}, kind: ClusterConfiguration, apiServer: {{extraArgs: {arguments}}}}}']"
            ),
        );
        let text = error.expect_err(version).to_string();
        assert!(text.contains("/apiServer/extraArgs is in the form of another version"), "{text}");
    }
}

#[test]
fn an_etcd_of_somebody_else_gets_no_settings_of_ours() {
    let patch = "kubeadmConfigPatches: ['{kind: ClusterConfiguration, etcd: {external: {endpoints: [a]}}}']";
    check("v1.36.4", patch, CLUSTER, "/etcd", &json!({"external": {"endpoints": ["a"]}}));
}

#[test]
fn a_json_patch_changes_the_document_it_names() {
    let patch = "kubeadmConfigPatchesJSON6902: [{kind: KubeletConfiguration, patch: '[{op: replace, path: /failSwapOn, value: true}]'}]";
    check("v1.36.4", patch, "KubeletConfiguration", "/failSwapOn", &json!(true));
}

#[test]
fn a_json_patch_that_cannot_be_applied_says_why() {
    let error = patched(
        "v1.36.4",
        "kubeadmConfigPatchesJSON6902: [{kind: ClusterConfiguration, patch: '[{op: add, path: /apiServer/extraArgs/v, value: x}]'}]",
    );
    let text = error.expect_err("a list").to_string();
    for part in ["clusters/given.yaml:3", "ClusterConfiguration", "list of `name` and `value`"] {
        assert!(text.contains(part), "{part} in {text}");
    }
}

#[test]
fn patches_of_documents_that_nobody_reads_are_told() {
    let case = Case::new(
        "stand-in:latest",
        "kubeadmConfigPatches: ['kind: KubeProxyConfiguration', 'kind: KubeletConfiguration']\n\
         nodes:\n\
         - kubeadmConfigPatches: ['kind: JoinConfiguration', 'kind: InitConfiguration', 'kind: KubeletConfiguration']\n\
         - role: worker\n  kubeadmConfigPatches: ['kind: KubeletConfiguration', 'kind: JoinConfiguration']\n",
    );
    let told: Vec<String> = case.plan().notes.iter().map(ToString::to_string).collect();
    let idle: Vec<&String> = told.iter().filter(|note| note.contains("has no effect")).collect();
    assert_eq!(idle.len(), 3, "{told:#?}");
    for (note, part) in idle.iter().zip([
        "KubeProxyConfiguration at clusters/given.yaml:3",
        "JoinConfiguration at clusters/given.yaml:5",
        "KubeletConfiguration at clusters/given.yaml:7",
    ]) {
        assert!(note.contains(part), "{part} in {note}");
    }
}
