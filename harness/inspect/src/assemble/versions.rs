//! Versions of what is installed, by images, labels and annotations.

use gateproof_core::cilium::CiliumVersion;
use gateproof_core::dossier::{Bundle, Component, Versions, text};
use gateproof_core::scenario::Channel;
use serde_json::Value;

use crate::component;
use crate::evidence::Evidence;

/// What the definitions of the Gateway API say of their bundle.
const BUNDLE_VERSION: &str = "gateway.networking.k8s.io/bundle-version";
const CHANNEL: &str = "gateway.networking.k8s.io/channel";

/// All versions.
pub(super) fn versions(evidence: &Evidence) -> Versions {
    Versions {
        cilium: cilium(evidence),
        kubernetes: evidence.kubernetes.clone(),
        gateway_api: bundle(evidence),
        cert_manager: tags(evidence, Component::CertManager).next(),
    }
}

/// By the operator, since it makes the objects; else by the agents, else by the Helm release.
/// Images of Envoy have versions of their own.
fn cilium(evidence: &Evidence) -> Option<CiliumVersion> {
    tags(evidence, Component::CiliumOperator)
        .chain(tags(evidence, Component::CiliumAgent))
        .find_map(|tag| tag.parse().ok())
        .or_else(|| evidence.released_version()?.parse().ok())
}

/// Tags of a component's images, those of running pods first.
fn tags(evidence: &Evidence, component: Component) -> impl Iterator<Item = String> {
    let of_pods = evidence.list("", "Pod").map(|pod| (pod, "/spec/containers"));
    let of_workloads = evidence
        .list("apps", "Deployment")
        .chain(evidence.list("apps", "DaemonSet"))
        .map(|workload| (workload, "/spec/template/spec/containers"));
    of_pods
        .chain(of_workloads)
        .filter(move |(object, _)| component::of(object) == Some(component))
        .filter_map(move |(object, list)| component::entry(object, list, component))
        .filter_map(|container| tag(text(container, "/image")?))
}

/// `v1.18.4` of `quay.io/cilium/operator-generic:v1.18.4@sha256:…`.
fn tag(image: &str) -> Option<String> {
    let without_digest = image.split('@').next()?;
    let name = without_digest.rsplit('/').next()?;
    name.split_once(':').map(|(_, tag)| tag.to_owned())
}

/// The bundle of most definitions: some may be left from before an upgrade.
fn bundle(evidence: &Evidence) -> Option<Bundle> {
    let mut found: Vec<(usize, Bundle)> = Vec::new();
    for definition in evidence.list("apiextensions.k8s.io", "CustomResourceDefinition") {
        let annotation = |name: &str| {
            definition.pointer("/metadata/annotations").and_then(|all| all.get(name)?.as_str())
        };
        let Some(version) = annotation(BUNDLE_VERSION) else { continue };
        let bundle = Bundle { version: version.to_owned(), channel: channel(annotation(CHANNEL)) };
        match found.iter_mut().find(|(_, known)| *known == bundle) {
            Some((count, _)) => *count += 1,
            None => found.push((1, bundle)),
        }
    }
    // The last of equals, so the order is turned: the first definition by name decides.
    found.into_iter().rev().max_by_key(|(count, _)| *count).map(|(_, bundle)| bundle)
}

fn channel(written: Option<&str>) -> Option<Channel> {
    serde_json::from_value(Value::from(written?)).ok()
}

#[cfg(test)]
mod tests {
    use super::tag;

    #[test]
    fn tags_are_told_from_ports_and_digests() {
        for (image, expected) in [
            ("quay.io/cilium/operator-generic:v1.18.4@sha256:0f", Some("v1.18.4")),
            ("registry:5000/cilium/operator:v1.20.0", Some("v1.20.0")),
            ("registry:5000/cilium/operator", None),
            ("cilium@sha256:0f", None),
        ] {
            assert_eq!(tag(image).as_deref(), expected, "{image}");
        }
    }
}
