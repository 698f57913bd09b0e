//! Applying a topology's patches to kubeadm's documents (kubernetes-sigs/kind v0.33.0:
//! `pkg/internal/patch`).
//!
//! A patch fits by `kind` and, if it names one, by `apiVersion`. As for kind, `certSANs` are added
//! to those that are there, and extra arguments are merged by name whatever their form. Unlike
//! kind, which keeps silent: a document whose patches are all for other versions is an error, and
//! so are extra arguments in a form that the patch's own version does not have.

use std::collections::BTreeMap;

use gateproof_core::topology::KubeProxyMode;
use gateproof_core::topology::fit::Note;
use gateproof_core::topology::patch::{DocumentKind, KubeadmPatches, Target};
use serde_json::{Map, Value, json};

use super::DocumentError;
use crate::plan::version::{KubeadmApi, KubernetesVersion};
use crate::plan::{NodePlan, Part};

/// Applies the patches of the cluster, then those of the node.
pub(super) fn apply(
    documents: &mut [(DocumentKind, Value)],
    cluster: &KubeadmPatches,
    node: &NodePlan,
    version: &KubernetesVersion,
) -> Result<(), DocumentError> {
    for patches in [cluster, &node.patches] {
        for (kind, document) in documents.iter_mut() {
            if reads(node.part, *kind) {
                check_versions(*kind, document, patches, version)?;
            }
            apply_level(*kind, document, patches, version)?;
        }
    }
    Ok(())
}

/// Whether kubeadm reads a document on a node: a node that joins takes everything else, the
/// kubelet's configuration included, from the cluster (kubernetes/kubernetes v1.36:
/// `cmd/kubeadm/app/cmd/phases/join/kubelet.go`).
fn reads(part: Part, kind: DocumentKind) -> bool {
    (kind == DocumentKind::JoinConfiguration) == (part != Part::Init)
}

fn apply_level(
    kind: DocumentKind,
    document: &mut Value,
    patches: &KubeadmPatches,
    version: &KubernetesVersion,
) -> Result<(), DocumentError> {
    let used = document["apiVersion"].as_str().unwrap_or_default().to_owned();
    let fits = |target: &Target| {
        target.kind == kind && target.api_version.as_ref().is_none_or(|wanted| *wanted == used)
    };
    let fail = |origin: &str, reason: String| DocumentError::Patch {
        origin: origin.to_owned(),
        kind,
        reason,
    };
    let api = version.kubeadm_api();
    for patch in patches.merge.iter().filter(|patch| fits(&patch.target)) {
        let form = Form { api, any_version: patch.target.api_version.is_none() };
        let mut body = patch.body.clone();
        merge_specially(document, &mut body, form, "")
            .map_err(|reason| fail(&patch.origin, reason))?;
        json_patch::merge(document, &body);
    }
    for patch in patches.json.iter().filter(|patch| fits(&patch.target)) {
        let operations: json_patch::Patch = serde_json::from_value(patch.operations.clone())
            .map_err(|error| fail(&patch.origin, error.to_string()))?;
        json_patch::patch(document, &operations).map_err(|error| {
            fail(&patch.origin, format!("{error}; the document is {used}{}", hint(api)))
        })?;
    }
    Ok(())
}

fn hint(api: KubeadmApi) -> &'static str {
    match api {
        KubeadmApi::V1beta3 => ", where extra arguments are a mapping",
        KubeadmApi::V1beta4 => ", where extra arguments are a list of `name` and `value`",
    }
}

/// Patches for several versions of a document may stand side by side; one of them has to fit.
fn check_versions(
    kind: DocumentKind,
    document: &Value,
    patches: &KubeadmPatches,
    version: &KubernetesVersion,
) -> Result<(), DocumentError> {
    let used = document["apiVersion"].as_str().unwrap_or_default();
    let merge = patches.merge.iter().map(|patch| (&patch.target, &patch.origin));
    let json = patches.json.iter().map(|patch| (&patch.target, &patch.origin));
    let versioned: Vec<(&str, &String)> = merge
        .chain(json)
        .filter(|(target, _)| target.kind == kind)
        .filter_map(|(target, origin)| Some((target.api_version.as_deref()?, origin)))
        .collect();
    match versioned.first() {
        Some((wanted, origin)) if versioned.iter().all(|(wanted, _)| *wanted != used) => {
            Err(DocumentError::OtherVersion {
                origin: (*origin).clone(),
                kind,
                wanted: (*wanted).to_owned(),
                used: used.to_owned(),
                version: version.to_string(),
            })
        }
        _ => Ok(()),
    }
}

/// In which form extra arguments are wanted, and may come.
#[derive(Clone, Copy)]
struct Form {
    api: KubeadmApi,
    /// A patch that names no version may have them in either form.
    any_version: bool,
}

/// Merges what an ordinary merge would overwrite or spoil, and takes it out of the patch.
fn merge_specially(
    target: &mut Value,
    wanted: &mut Value,
    form: Form,
    path: &str,
) -> Result<(), String> {
    let (Value::Object(target), Value::Object(entries)) = (target, wanted) else { return Ok(()) };
    for (key, wanted) in std::mem::take(entries) {
        let path = format!("{path}/{key}");
        match (key.as_str(), wanted) {
            ("certSANs", Value::Array(more)) => add_names(target, more),
            ("extraArgs" | "kubeletExtraArgs", wanted) if !wanted.is_null() => {
                merge_arguments(target, &key, &wanted, form, &path)?;
            }
            (_, mut wanted) => {
                if wanted.is_object() && !target.get(&key).is_some_and(Value::is_object) {
                    target.insert(key.clone(), json!({}));
                }
                if let Some(below) = target.get_mut(&key) {
                    merge_specially(below, &mut wanted, form, &path)?;
                }
                entries.insert(key, wanted);
            }
        }
    }
    Ok(())
}

fn add_names(target: &mut Map<String, Value>, more: Vec<Value>) {
    let names = target.entry("certSANs").or_insert_with(|| json!([]));
    if let Value::Array(names) = names {
        for name in more {
            if !names.contains(&name) {
                names.push(name);
            }
        }
    }
}

/// Merges arguments by name, whichever form they come in; null takes one away.
fn merge_arguments(
    target: &mut Map<String, Value>,
    key: &str,
    wanted: &Value,
    form: Form,
    path: &str,
) -> Result<(), String> {
    let is_list = wanted.is_array();
    let right = match form.api {
        KubeadmApi::V1beta3 => !is_list,
        KubeadmApi::V1beta4 => is_list,
    };
    if !right && !form.any_version {
        return Err(format!("{path} is in the form of another version{}", hint(form.api)));
    }
    let mut arguments: BTreeMap<String, Value> = BTreeMap::new();
    for (name, value) in pairs(target.get(key).unwrap_or(&Value::Null), path)?
        .into_iter()
        .chain(pairs(wanted, path)?)
    {
        if value.is_null() {
            arguments.remove(&name);
        } else {
            arguments.insert(name, value);
        }
    }
    let merged = match form.api {
        KubeadmApi::V1beta3 => Value::Object(arguments.into_iter().collect()),
        KubeadmApi::V1beta4 => arguments
            .into_iter()
            .map(|(name, value)| json!({"name": name, "value": value}))
            .collect(),
    };
    target.insert(key.to_owned(), merged);
    Ok(())
}

fn pairs(arguments: &Value, path: &str) -> Result<Vec<(String, Value)>, String> {
    match arguments {
        Value::Null => Ok(Vec::new()),
        Value::Object(entries) => {
            Ok(entries.iter().map(|(name, value)| (name.clone(), value.clone())).collect())
        }
        Value::Array(items) => items
            .iter()
            .map(|item| {
                let name = item.get("name").and_then(Value::as_str);
                let name = name.ok_or_else(|| format!("{path} has an entry without a `name`"))?;
                Ok((name.to_owned(), item.get("value").cloned().unwrap_or_default()))
            })
            .collect(),
        other => Err(format!("{path} is {other}, and neither a mapping nor a list")),
    }
}

/// Patches that fit a document which nobody reads.
pub(super) fn notes(
    cluster: &KubeadmPatches,
    nodes: &[NodePlan],
    kube_proxy_mode: KubeProxyMode,
) -> Vec<Note> {
    let mut found = Vec::new();
    let mut idle = |origin: &str, kind: DocumentKind, why: String| {
        found.push(Note::new(format!("the patch of {kind} at {origin} has no effect"), why));
    };
    let levels = std::iter::once((cluster, None))
        .chain(nodes.iter().map(|node| (&node.patches, Some(node))));
    for (patches, node) in levels {
        for (kind, origin) in targets(patches) {
            match node {
                _ if kind == DocumentKind::KubeProxyConfiguration
                    && kube_proxy_mode == KubeProxyMode::None =>
                {
                    idle(origin, kind, "this cluster has no kube-proxy".to_owned());
                }
                Some(node) if !reads(node.part, kind) => {
                    let why = match node.part {
                        Part::Init => format!("{} is the first node and joins nobody", node.name),
                        Part::JoinControlPlane | Part::JoinWorker => format!(
                            "{} joins; there kubeadm reads JoinConfiguration, and takes the rest \
                             from the cluster",
                            node.name
                        ),
                    };
                    idle(origin, kind, why);
                }
                _ => {}
            }
        }
    }
    found
}

fn targets(patches: &KubeadmPatches) -> impl Iterator<Item = (DocumentKind, &str)> {
    let merge = patches.merge.iter().map(|patch| (patch.target.kind, patch.origin.as_str()));
    let json = patches.json.iter().map(|patch| (patch.target.kind, patch.origin.as_str()));
    merge.chain(json)
}
