//! Which pods are a component, so that what it says is in their logs.

use gateproof_kubernetes::Component;
use serde_json::Value;

use crate::api::ObjectName;
use crate::controllers::kind::POD;
use crate::controllers::kubernetes::container_image::{ContainerImage, SystemComponent};
use crate::controllers::kubernetes::pod;
use crate::controllers::object::{name, namespace, text};
use crate::controllers::snapshot::Snapshot;

/// The pods that are the component. An Envoy that has no pod of its own is in the agent's.
pub(crate) fn of(snapshot: &Snapshot, component: &Component) -> Vec<ObjectName> {
    let running = |image: SystemComponent, node: Option<&str>| -> Vec<ObjectName> {
        snapshot
            .list(POD)
            .filter(|pod| node.is_none_or(|node| text(pod, "/spec/nodeName") == Some(node)))
            .filter(|pod| runs(pod, image))
            .map(|pod| ObjectName::namespaced(namespace(pod).unwrap_or_default(), name(pod)))
            .collect()
    };
    match component {
        Component::CiliumOperator => running(SystemComponent::CiliumOperator, None),
        Component::CertManager => running(SystemComponent::CertManager, None),
        Component::CiliumAgent(node) => running(SystemComponent::CiliumAgent, Some(node.as_str())),
        Component::Envoy(node) => {
            let own = running(SystemComponent::CiliumEnvoy, Some(node.as_str()));
            if own.is_empty() {
                running(SystemComponent::CiliumAgent, Some(node.as_str()))
            } else {
                own
            }
        }
    }
}

/// Whether one of the pod's containers is this component.
pub(crate) fn runs(pod: &Value, image: SystemComponent) -> bool {
    pod::containers(pod).iter().any(|container| {
        let reference = text(container, "/image").unwrap_or_default();
        ContainerImage::classify(reference) == ContainerImage::System(image)
    })
}
