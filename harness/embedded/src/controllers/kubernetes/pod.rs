//! What a pod's object says: its containers, environment and ports.
//!
//! Only reading; who creates pods is [`super::deployment`], who runs them [`super::kubelet`].

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::container_image::ContainerImage;
use crate::controllers::kind::POD;
use crate::controllers::object::{
    annotation, controller_reference, is_true, items, label, name, namespace, port, skeleton, text,
};

/// The port when nothing is said: that of echo-basic (kubernetes-sigs/gateway-api v1.6.1
/// `conformance/echo-basic/echo-basic.go`).
const ECHO_PORT: u16 = 3000;

/// A pod made from a workload's template.
pub(crate) fn from_template(owner: &Value, pod_name: &str, extra_labels: &Value) -> Value {
    let mut pod = skeleton(POD, namespace(owner), pod_name);
    let template = owner.pointer("/spec/template").cloned().unwrap_or_default();
    let mut labels = template.pointer("/metadata/labels").cloned().unwrap_or_else(|| json!({}));
    if let (Some(labels), Some(extra)) = (labels.as_object_mut(), extra_labels.as_object()) {
        labels.extend(extra.clone());
    }
    pod["metadata"]["labels"] = labels;
    if let Some(annotations) = template.pointer("/metadata/annotations") {
        pod["metadata"]["annotations"] = annotations.clone();
    }
    pod["metadata"]["ownerReferences"] = json!([controller_reference(owner)]);
    pod["spec"] = template.get("spec").cloned().unwrap_or_else(|| json!({}));
    pod
}

/// Whether a pod is ready.
pub(crate) fn is_ready(pod: &Value) -> bool {
    is_true(pod, "Ready")
}

/// Its containers.
pub(crate) fn containers(pod: &Value) -> &[Value] {
    items(pod, "/spec/containers")
}

/// The first container that something in this process stands for.
pub(crate) fn echo_container(pod: &Value) -> Option<(&Value, ContainerImage)> {
    containers(pod).iter().find_map(|container| {
        let image = ContainerImage::classify(text(container, "/image").unwrap_or_default());
        let runs = matches!(
            image,
            ContainerImage::GateproofEcho
                | ContainerImage::EchoBasic
                | ContainerImage::EchoAdvanced
                | ContainerImage::CoreDns
                | ContainerImage::AcmeSolver
                | ContainerImage::Pebble
        );
        runs.then_some((container, image))
    })
}

/// The ports that Gateproof's own echo image listens on: every TCP port that its container
/// declares, `HTTP_PORT`, or else 3000.
pub(crate) fn echo_ports(pod: &Value, container: &Value) -> BTreeSet<u16> {
    let chosen = environment(pod, container, "HTTP_PORT").and_then(|port| port.parse().ok());
    let mut ports: BTreeSet<u16> = chosen.into_iter().collect();
    ports.extend(
        items(container, "/ports")
            .iter()
            .filter(|port| text(port, "/protocol").is_none_or(|protocol| protocol == "TCP"))
            .filter_map(|entry| port(entry, "/containerPort")),
    );
    if ports.is_empty() {
        ports.insert(ECHO_PORT);
    }
    ports
}

/// The value of an environment variable of a container, fields of the pod resolved. Variables
/// from ConfigMaps and Secrets read as unset.
pub(crate) fn environment(pod: &Value, container: &Value, variable: &str) -> Option<String> {
    let entry =
        items(container, "/env").iter().find(|entry| text(entry, "/name") == Some(variable))?;
    if let Some(value) = text(entry, "/value") {
        return Some(value.to_owned());
    }
    let field = text(entry, "/valueFrom/fieldRef/fieldPath")?;
    let keyed = |prefix: &str| field.strip_prefix(prefix)?.strip_suffix("']");
    if let Some(key) = keyed("metadata.labels['") {
        return label(pod, key).map(str::to_owned);
    }
    if let Some(key) = keyed("metadata.annotations['") {
        return annotation(pod, key).map(str::to_owned);
    }
    text(pod, &format!("/{}", field.replace('.', "/"))).map(str::to_owned)
}

/// The number of a Service's target port in a pod: as given, or looked up by name.
pub(crate) fn target_port(pod: &Value, target: &Value, protocol: &str) -> Option<u16> {
    if let Some(number) = target.as_u64() {
        return u16::try_from(number).ok();
    }
    let wanted = target.as_str()?;
    if let Ok(number) = wanted.parse() {
        return Some(number);
    }
    containers(pod).iter().flat_map(|container| items(container, "/ports")).find_map(|entry| {
        let fits = text(entry, "/name") == Some(wanted)
            && text(entry, "/protocol").unwrap_or("TCP") == protocol;
        fits.then(|| port(entry, "/containerPort")).flatten()
    })
}

/// `namespace/name` of a pod.
pub(crate) fn full_name(pod: &Value) -> String {
    format!("{}/{}", namespace(pod).unwrap_or_default(), name(pod))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::{Value, json};

    use super::{echo_container, echo_ports, environment, target_port};

    fn pod(container: Value) -> Value {
        let mut pod = json!({
            "metadata": {"name": "web-0", "namespace": "apps", "labels": {"app": "web"}},
            "spec": {"containers": [], "nodeName": "worker"},
        });
        pod["spec"]["containers"] = Value::Array(vec![container]);
        pod
    }

    fn ports_of(container: Value) -> BTreeSet<u16> {
        let pod = pod(container);
        let (container, _) = echo_container(&pod).expect("an echo container");
        echo_ports(&pod, container)
    }

    #[test]
    fn the_own_echo_image_listens_on_declared_tcp_ports() {
        let image = "x/gateproof/echo";
        let declared = json!({"image": image, "ports": [
            {"containerPort": 8080}, {"containerPort": 53, "protocol": "UDP"},
        ]});
        assert_eq!(ports_of(declared), BTreeSet::from([8080]));
        assert_eq!(ports_of(json!({"image": image})), BTreeSet::from([3000]));
    }

    #[test]
    fn variables_resolve_fields_of_the_pod() {
        let container = json!({"image": "x/echo-basic", "env": [
            {"name": "PLAIN", "value": "a"},
            {"name": "POD_NAME", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
            {"name": "NODE", "valueFrom": {"fieldRef": {"fieldPath": "spec.nodeName"}}},
            {"name": "APP", "valueFrom": {"fieldRef": {"fieldPath": "metadata.labels['app']"}}},
            {"name": "SECRET", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}},
        ]});
        let pod = pod(container.clone());
        let read = |name: &str| environment(&pod, &container, name);
        assert_eq!(read("PLAIN").as_deref(), Some("a"));
        assert_eq!(read("POD_NAME").as_deref(), Some("web-0"));
        assert_eq!(read("NODE").as_deref(), Some("worker"));
        assert_eq!(read("APP").as_deref(), Some("web"));
        assert_eq!(read("SECRET"), None);
        assert_eq!(read("UNSET"), None);
    }

    #[test]
    fn named_target_ports_need_a_container_port_of_that_name_and_protocol() {
        let pod = pod(json!({"ports": [
            {"name": "dns", "containerPort": 53, "protocol": "UDP"},
            {"name": "http", "containerPort": 8080},
        ]}));
        assert_eq!(target_port(&pod, &json!(9090), "TCP"), Some(9090));
        assert_eq!(target_port(&pod, &json!("http"), "TCP"), Some(8080));
        assert_eq!(target_port(&pod, &json!("dns"), "TCP"), None, "another protocol");
        assert_eq!(target_port(&pod, &json!("admin"), "TCP"), None, "an unknown name");
    }
}
