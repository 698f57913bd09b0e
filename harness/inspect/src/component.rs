//! Which component a pod or workload belongs to, by its labels.

use gateproof_core::dossier::{Component, text};
use serde_json::Value;

/// Label selectors that together choose every pod and workload of a component. Charts of Cilium
/// 1.14 to 1.20 set the first on agents and Envoy, the second on all, the third on the operator;
/// cert-manager's chart sets the second.
pub(crate) const SELECTORS: &[&str] = &[
    "k8s-app in (cilium,cilium-envoy,cilium-operator,cert-manager)",
    "app.kubernetes.io/name in (cilium-agent,cilium-envoy,cilium-operator,cert-manager)",
    "io.cilium/app=operator",
];

/// The component that an object belongs to; `None` for all others.
pub(crate) fn of(object: &Value) -> Option<Component> {
    let label = |name: &str| object.pointer("/metadata/labels")?.get(name)?.as_str();
    let by_name = |name: &str| match name {
        "cilium" | "cilium-agent" => Some(Component::CiliumAgent),
        "cilium-envoy" => Some(Component::Envoy),
        "cilium-operator" => Some(Component::CiliumOperator),
        "cert-manager" => match label("app.kubernetes.io/component") {
            None | Some("controller") => Some(Component::CertManager),
            // The webhook and the injector say nothing about certificates of Gateways.
            Some(_) => None,
        },
        _ => None,
    };
    if label("io.cilium/app") == Some("operator") {
        return Some(Component::CiliumOperator);
    }
    label("k8s-app").and_then(by_name).or_else(|| label("app.kubernetes.io/name").and_then(by_name))
}

/// The container of a pod that is the component.
pub(crate) fn container(component: Component) -> &'static str {
    match component {
        Component::CiliumOperator => "cilium-operator",
        Component::CiliumAgent => "cilium-agent",
        Component::Envoy => "cilium-envoy",
        Component::CertManager => "cert-manager-controller",
    }
}

/// The entry of a pod's list (`/spec/containers`, `/status/containerStatuses`) that is about the
/// component: by name, else the first.
pub(crate) fn entry<'v>(object: &'v Value, list: &str, component: Component) -> Option<&'v Value> {
    let entries = object.pointer(list)?.as_array()?;
    entries
        .iter()
        .find(|entry| text(entry, "/name") == Some(container(component)))
        .or_else(|| entries.first())
}

/// A component in words, such as `the agent`.
pub(crate) fn in_words(component: Component) -> &'static str {
    match component {
        Component::CiliumOperator => "Cilium's operator",
        Component::CiliumAgent => "the agent",
        Component::Envoy => "Envoy",
        Component::CertManager => "cert-manager",
    }
}

#[cfg(test)]
mod tests {
    use gateproof_core::dossier::Component;
    use serde_json::json;

    use super::of;

    #[test]
    fn components_are_known_by_the_labels_of_their_charts() {
        for (labels, component) in [
            (json!({"k8s-app": "cilium"}), Some(Component::CiliumAgent)),
            (json!({"app.kubernetes.io/name": "cilium-agent"}), Some(Component::CiliumAgent)),
            (json!({"k8s-app": "cilium-envoy"}), Some(Component::Envoy)),
            (
                json!({"io.cilium/app": "operator", "name": "cilium-operator"}),
                Some(Component::CiliumOperator),
            ),
            (
                json!({"app.kubernetes.io/name": "cert-manager", "app.kubernetes.io/component": "controller"}),
                Some(Component::CertManager),
            ),
            (
                json!({"app.kubernetes.io/name": "cert-manager", "app.kubernetes.io/component": "webhook"}),
                None,
            ),
            (json!({"k8s-app": "kube-dns"}), None),
            (json!(null), None),
        ] {
            assert_eq!(of(&json!({"metadata": {"labels": labels}})), component, "{labels}");
        }
    }
}
