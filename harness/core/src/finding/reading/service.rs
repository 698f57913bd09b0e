//! Services: their slices, and the pods that they choose.

use serde_json::Value;

use crate::dossier::{Dossier, text};
use crate::name::NamespacedName;

/// The EndpointSlices of a Service.
pub(in crate::finding) fn of_service<'d>(
    dossier: &'d Dossier,
    service: &NamespacedName,
) -> Vec<&'d Value> {
    let is_of = |slice: &&Value| {
        let label = slice.pointer("/metadata/labels/kubernetes.io~1service-name");
        text(slice, "/metadata/namespace") == Some(&service.namespace)
            && label.and_then(Value::as_str) == Some(&service.name)
    };
    dossier.list("discovery.k8s.io", "EndpointSlice").filter(is_of).collect()
}

/// Whether a Service's selector chooses a pod. Without a selector it chooses none.
pub(in crate::finding) fn selected(service: &Value, pod: &Value) -> bool {
    let selector = service.pointer("/spec/selector").and_then(Value::as_object);
    let labels = pod.pointer("/metadata/labels");
    text(service, "/metadata/namespace") == text(pod, "/metadata/namespace")
        && selector.is_some_and(|selector| {
            !selector.is_empty()
                && selector
                    .iter()
                    .all(|(key, value)| labels.and_then(|labels| labels.get(key)) == Some(value))
        })
}
