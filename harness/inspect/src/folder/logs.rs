//! Whose log a file is, by the pod that its name names.

use std::fs;
use std::path::Path;

use gateproof_core::dossier::{Component, Why, text};
use gateproof_core::name::NodeName;
use serde_json::Value;

use super::LARGEST;
use crate::component;
use crate::evidence::{Evidence, LogOrigin, name};

/// What pods of components are called when the pods themselves are not in the folder, the more
/// special first.
const PREFIXES: &[(&str, Component)] = &[
    ("cilium-operator-", Component::CiliumOperator),
    ("cilium-envoy-", Component::Envoy),
    ("cert-manager-webhook-", Component::CertManager),
    ("cert-manager-cainjector-", Component::CertManager),
    ("cert-manager-", Component::CertManager),
    ("cilium-", Component::CiliumAgent),
];

/// Adds the log in a file, if it is one of a component.
pub(super) fn add(file: &Path, root: &Path, evidence: &mut Evidence) {
    let shown = file.strip_prefix(root).unwrap_or(file).display().to_string();
    let Some(origin) = origin(&shown, evidence) else { return };
    let too_large = fs::metadata(file).is_ok_and(|about| about.len() > LARGEST);
    let read = if too_large {
        Err(format!("it is larger than {} MiB", LARGEST >> 20))
    } else {
        fs::read(file).map_err(|error| error.to_string())
    };
    match read {
        Ok(octets) => evidence.add_log(&origin, &String::from_utf8_lossy(&octets)),
        Err(words) => {
            evidence.miss(format!("file {shown}"), Why::Unreadable(words), "what was logged there");
        }
    }
}

fn origin(shown: &str, evidence: &Evidence) -> Option<LogOrigin> {
    // The longest name: `cilium-envoy-x` is not of a pod `cilium`.
    let pod = evidence
        .list("", "Pod")
        .filter(|pod| text(pod, "/metadata/name").is_some_and(|name| shown.contains(name)))
        .max_by_key(|pod| text(pod, "/metadata/name").map(str::len));
    if let Some(pod) = pod {
        let component = component::of(pod)?;
        if is_of_another_container(shown, pod, component) {
            return None;
        }
        return Some(LogOrigin {
            component,
            node: text(pod, "/spec/nodeName").map(NodeName::new),
            source: name(pod)?.to_string(),
        });
    }
    let file = shown.rsplit('/').next()?.trim_start_matches("logs-");
    let (prefix, component) = PREFIXES.iter().find(|(prefix, _)| file.starts_with(prefix))?;
    let is_other = prefix.contains("webhook") || prefix.contains("cainjector");
    let is_init = ["-config-", "-mount-", "-apply-sysctl", "-clean-cilium", "-install-cni"]
        .iter()
        .any(|part| file.contains(part));
    (!is_other && !is_init).then(|| LogOrigin {
        component: *component,
        node: None,
        source: shown.to_owned(),
    })
}

/// Whether what follows the pod's name is the name of a container that is not the component.
fn is_of_another_container(shown: &str, pod: &Value, component: Component) -> bool {
    let Some((_, rest)) = text(pod, "/metadata/name").and_then(|name| shown.rsplit_once(name))
    else {
        return false;
    };
    let rest = rest.trim_start_matches(['-', '_', '/', '.']);
    if rest.starts_with(component::container(component)) {
        return false;
    }
    ["/spec/containers", "/spec/initContainers"]
        .iter()
        .filter_map(|list| pod.pointer(list)?.as_array())
        .flatten()
        .filter_map(|container| text(container, "/name"))
        .filter(|name| *name != component::container(component))
        .any(|name| {
            rest.strip_prefix(name).is_some_and(|rest| !rest.starts_with(char::is_alphanumeric))
        })
}
