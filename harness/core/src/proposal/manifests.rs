//! Manifests as `kubectl apply` takes them: several documents in a file, lists, objects that name
//! no namespace.

use super::Given;
use crate::scenario::Manifest;
use crate::scenario::manifest::{Object, object, report_duplicates};
use crate::setup::{GivenFile, source_of};
use crate::source::parse::parse;
use crate::source::problem::Problem;
use crate::source::tree::{Content, Node, Place, Source};

/// Kinds without a namespace, of the groups that a Gateway has to do with; of other groups what
/// was written stands.
const CLUSTER_KINDS: &[(&str, &str)] = &[
    ("", "Namespace"),
    ("", "Node"),
    ("", "PersistentVolume"),
    ("admissionregistration.k8s.io", "MutatingWebhookConfiguration"),
    ("admissionregistration.k8s.io", "ValidatingAdmissionPolicy"),
    ("admissionregistration.k8s.io", "ValidatingAdmissionPolicyBinding"),
    ("admissionregistration.k8s.io", "ValidatingWebhookConfiguration"),
    ("apiextensions.k8s.io", "CustomResourceDefinition"),
    ("apiregistration.k8s.io", "APIService"),
    ("cert-manager.io", "ClusterIssuer"),
    ("cilium.io", "CiliumBGPClusterConfig"),
    ("cilium.io", "CiliumClusterwideEnvoyConfig"),
    ("cilium.io", "CiliumClusterwideNetworkPolicy"),
    ("cilium.io", "CiliumL2AnnouncementPolicy"),
    ("cilium.io", "CiliumLoadBalancerIPPool"),
    ("cilium.io", "CiliumNode"),
    ("gateway.networking.k8s.io", "GatewayClass"),
    ("networking.k8s.io", "IngressClass"),
    ("rbac.authorization.k8s.io", "ClusterRole"),
    ("rbac.authorization.k8s.io", "ClusterRoleBinding"),
    ("scheduling.k8s.io", "PriorityClass"),
    ("storage.k8s.io", "StorageClass"),
];

/// Reads all objects of all files.
pub(super) fn read(
    given: &Given,
    sources: &mut Vec<Source>,
    notes: &mut Vec<String>,
    problems: &mut Vec<Problem>,
) -> Vec<Manifest> {
    let mut files: Vec<(Source, Vec<Node>)> = Vec::new();
    for (path, file) in given.manifests.iter() {
        if is_kustomization(path) {
            notes.push(format!(
                "{path} is passed over: pipe what `kubectl kustomize` prints into `-f -` instead"
            ));
            continue;
        }
        let file = GivenFile { path: path.to_owned(), content: file.content.clone() };
        if let Some(source) = source_of(&file, problems) {
            let documents = parse(&source, problems);
            files.push((source, documents));
        }
    }
    let mut objects: Vec<Object<'_>> = Vec::new();
    for (source, documents) in &files {
        for document in documents {
            unwrap(Place::document(source, document), &mut |place| {
                objects.extend(object(place, problems));
            });
        }
    }
    for object in &mut objects {
        settle_namespace(object, &given.namespace);
    }
    report_duplicates(&objects, problems);
    let manifests = objects.iter().map(Object::manifest).collect();
    drop(objects);
    sources.extend(files.into_iter().map(|(source, _)| source));
    manifests
}

fn is_kustomization(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    ["kustomization.yaml", "kustomization.yml", "Kustomization"].contains(&name)
}

/// Hands over every object of a document: a list's items, or the document itself.
fn unwrap<'a>(place: Place<'a>, each: &mut dyn FnMut(Place<'a>)) {
    let Some(node) = place.node() else { return };
    if node.content == Content::Null {
        return;
    }
    let is_list = place.get("kind").as_text().is_some_and(|kind| kind.ends_with("List"));
    if is_list && node.entry("items").is_some() {
        place.get("items").items().for_each(|item| unwrap(item, each));
    } else {
        each(place);
    }
}

/// Gives an object the namespace that the API server would store it in.
fn settle_namespace(object: &mut Object<'_>, namespace: &str) {
    let reference = &mut object.reference;
    let group = reference.api_version.split_once('/').map_or("", |(group, _)| group);
    let metadata = &mut object.value["metadata"];
    if CLUSTER_KINDS.contains(&(group, reference.kind.as_str())) {
        reference.namespace = None;
        if let Some(metadata) = metadata.as_object_mut() {
            metadata.remove("namespace");
        }
    } else if reference.namespace.is_none() {
        reference.namespace = Some(namespace.to_owned());
        metadata["namespace"] = namespace.into();
    }
}
