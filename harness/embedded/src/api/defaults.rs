//! Defaults of built-in kinds, as an API server fills them in when it reads an object.
//!
//! Those that `kubectl describe` and `get -o yaml` show and that controllers read; probes, security
//! contexts of images and other parts that nothing here looks at stay as they were written. Services
//! get theirs together with their addresses, from the controller that allocates those.
//!
//! Source: kubernetes/kubernetes v1.33, `pkg/apis/core/v1/defaults.go` and
//! `pkg/apis/apps/v1/defaults.go`.

use serde_json::{Map, Value, json};

use super::resources::Resource;

/// Fills in what is missing.
pub(super) fn fill(resource: &Resource, object: &mut Value) {
    match (resource.group, resource.kind) {
        ("", "Pod") => {
            if let Some(spec) = fields(object, "spec") {
                pod(spec);
                default(spec, "enableServiceLinks", || true.into());
            }
        }
        ("apps", "Deployment") => {
            let Some(spec) = fields(object, "spec") else { return };
            default(spec, "replicas", || 1.into());
            default(spec, "revisionHistoryLimit", || 10.into());
            default(spec, "progressDeadlineSeconds", || 600.into());
            strategy(spec, "strategy", &json!({"maxUnavailable": "25%", "maxSurge": "25%"}));
            template(spec);
        }
        ("apps", "DaemonSet") => {
            let Some(spec) = fields(object, "spec") else { return };
            default(spec, "revisionHistoryLimit", || 10.into());
            strategy(spec, "updateStrategy", &json!({"maxUnavailable": 1, "maxSurge": 0}));
            template(spec);
        }
        ("cilium.io", "CiliumLoadBalancerIPPool") => {
            // `+kubebuilder:default` in Cilium 1.20 `pkg/k8s/apis/cilium.io/v2/lbipam_types.go`.
            if let Some(spec) = fields(object, "spec") {
                default(spec, "disabled", || false.into());
            }
        }
        _ => {}
    }
}

fn template(spec: &mut Map<String, Value>) {
    let pod_spec = spec.get_mut("template").and_then(|template| fields(template, "spec"));
    if let Some(pod_spec) = pod_spec {
        pod(pod_spec);
    }
}

/// The type, and for `RollingUpdate` the amounts.
fn strategy(spec: &mut Map<String, Value>, field: &str, amounts: &Value) {
    default(spec, field, || json!({}));
    let Some(strategy) = spec.get_mut(field).and_then(Value::as_object_mut) else { return };
    default(strategy, "type", || "RollingUpdate".into());
    if strategy["type"] != "RollingUpdate" {
        return;
    }
    default(strategy, "rollingUpdate", || json!({}));
    let Some(given) = strategy.get_mut("rollingUpdate").and_then(Value::as_object_mut) else {
        return;
    };
    for (name, amount) in amounts.as_object().into_iter().flatten() {
        default(given, name, || amount.clone());
    }
}

fn pod(spec: &mut Map<String, Value>) {
    default(spec, "restartPolicy", || "Always".into());
    default(spec, "dnsPolicy", || "ClusterFirst".into());
    default(spec, "terminationGracePeriodSeconds", || 30.into());
    default(spec, "schedulerName", || "default-scheduler".into());
    default(spec, "securityContext", || json!({}));
    // The deprecated twin of the field is kept equal to it.
    if let Some(account) = spec.get("serviceAccountName").cloned() {
        default(spec, "serviceAccount", || account);
    }
    let host_network = spec.get("hostNetwork") == Some(&Value::Bool(true));
    for list in ["initContainers", "containers"] {
        for entry in entries(spec, list) {
            container(entry, host_network);
        }
    }
    for volume in entries(spec, "volumes") {
        for source in ["secret", "configMap", "projected", "downwardAPI"] {
            if let Some(source) = volume.get_mut(source).and_then(Value::as_object_mut) {
                default(source, "defaultMode", || 0o644.into());
            }
        }
        if let Some(path) = volume.get_mut("hostPath").and_then(Value::as_object_mut) {
            path.entry("type").or_insert_with(|| "".into());
        }
    }
}

fn container(container: &mut Map<String, Value>, host_network: bool) {
    let policy = if takes_latest(container) { "Always" } else { "IfNotPresent" };
    default(container, "imagePullPolicy", || policy.into());
    default(container, "terminationMessagePath", || "/dev/termination-log".into());
    default(container, "terminationMessagePolicy", || "File".into());
    default(container, "resources", || json!({}));
    for port in entries(container, "ports") {
        default(port, "protocol", || "TCP".into());
        let number = port.get("containerPort").cloned();
        if let (true, Some(number)) = (host_network, number) {
            default(port, "hostPort", || number);
        }
    }
    for variable in entries(container, "env") {
        if let Some(field) = variable.get_mut("valueFrom").and_then(|from| fields(from, "fieldRef"))
        {
            default(field, "apiVersion", || "v1".into());
        }
    }
}

/// Whether an image is named without a tag or digest, or with the tag `latest`.
fn takes_latest(container: &Map<String, Value>) -> bool {
    let image = container.get("image").and_then(Value::as_str).unwrap_or_default();
    if image.contains('@') {
        return false;
    }
    let name = image.rsplit('/').next().unwrap_or_default();
    name.split_once(':').is_none_or(|(_, tag)| tag == "latest")
}

fn entries<'v>(
    fields: &'v mut Map<String, Value>,
    list: &str,
) -> impl Iterator<Item = &'v mut Map<String, Value>> + use<'v> {
    let list = fields.get_mut(list).and_then(Value::as_array_mut);
    list.into_iter().flatten().filter_map(Value::as_object_mut)
}

fn fields<'v>(object: &'v mut Value, field: &str) -> Option<&'v mut Map<String, Value>> {
    object.get_mut(field).and_then(Value::as_object_mut)
}

fn default(fields: &mut Map<String, Value>, key: &str, value: impl FnOnce() -> Value) {
    let absent = match fields.get(key) {
        None | Some(Value::Null) => true,
        Some(Value::String(text)) => text.is_empty(),
        Some(_) => false,
    };
    if absent {
        fields.insert(key.to_owned(), value());
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::fill;
    use crate::api::resources::{Kind, of_kind};

    fn filled(group: &str, kind: &str, spec: &Value) -> Value {
        let mut object = json!({"spec": spec});
        let resource = of_kind(&Kind::new(group, kind)).expect("served");
        fill(resource, &mut object);
        let once = object.clone();
        fill(resource, &mut object);
        assert_eq!(object, once, "{kind}: what is filled in stays as it is");
        object["spec"].take()
    }

    #[test]
    fn a_deployment_gets_the_strategy_and_limits_of_kubernetes() {
        let pod = json!({"spec": {"containers": []}});
        let spec = filled("apps", "Deployment", &json!({"template": pod}));
        assert_eq!(
            spec["strategy"],
            json!({"type": "RollingUpdate",
                "rollingUpdate": {"maxUnavailable": "25%", "maxSurge": "25%"}})
        );
        assert_eq!(spec["replicas"], 1);
        assert_eq!(spec["revisionHistoryLimit"], 10);
        assert_eq!(spec["progressDeadlineSeconds"], 600);
        assert_eq!(spec["template"]["spec"]["restartPolicy"], "Always");
    }

    #[test]
    fn what_is_given_stays() {
        let given = json!({"replicas": 0, "strategy": {"type": "Recreate"},
            "template": {"spec": {"terminationGracePeriodSeconds": 0, "containers": []}}});
        let spec = filled("apps", "Deployment", &given);
        assert_eq!(spec["replicas"], 0);
        assert_eq!(spec["strategy"], json!({"type": "Recreate"}));
        assert_eq!(spec["template"]["spec"]["terminationGracePeriodSeconds"], 0);
        let given = json!({"strategy": {"rollingUpdate": {"maxSurge": 2}}});
        let amounts = json!({"maxUnavailable": "25%", "maxSurge": 2});
        let spec = filled("apps", "Deployment", &given);
        assert_eq!(spec["strategy"]["rollingUpdate"], amounts);
    }

    #[test]
    fn a_daemon_set_replaces_one_pod_at_a_time() {
        let spec = filled("apps", "DaemonSet", &json!({}));
        let amounts = json!({"maxUnavailable": 1, "maxSurge": 0});
        assert_eq!(spec["updateStrategy"]["rollingUpdate"], amounts);
        assert!(spec.get("replicas").is_none());
    }

    #[test]
    fn images_without_a_version_are_always_pulled() {
        for (image, policy) in [
            ("echo", "Always"),
            ("registry.example:5000/echo", "Always"),
            ("echo:latest", "Always"),
            ("echo:v1", "IfNotPresent"),
            ("registry.example:5000/echo:v1", "IfNotPresent"),
            ("echo@sha256:00", "IfNotPresent"),
        ] {
            let spec = filled("", "Pod", &json!({"containers": [{"image": image}]}));
            assert_eq!(spec["containers"][0]["imagePullPolicy"], policy, "{image}");
        }
    }

    #[test]
    fn ports_speak_tcp_and_are_those_of_the_host_where_the_pod_uses_its_network() {
        let pod = |host_network: bool| {
            let ports = json!([{"containerPort": 80}, {"containerPort": 53, "protocol": "UDP"}]);
            json!({"hostNetwork": host_network, "containers": [{"ports": ports}]})
        };
        let spec = filled("", "Pod", &pod(false));
        let ports = json!([{"containerPort": 80, "protocol": "TCP"},
            {"containerPort": 53, "protocol": "UDP"}]);
        assert_eq!(spec["containers"][0]["ports"], ports);
        let spec = filled("", "Pod", &pod(true));
        assert_eq!(spec["containers"][0]["ports"][0]["hostPort"], 80);
    }

    #[test]
    fn kinds_without_defaults_stay_as_they_are() {
        assert_eq!(filled("", "ConfigMap", &json!({"a": "b"})), json!({"a": "b"}));
    }
}
