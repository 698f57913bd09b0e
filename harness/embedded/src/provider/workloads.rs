//! The workloads that the charts of Cilium and cert-manager render, as far as a harness or a
//! diagnosis looks at them: a pure function of the request.
//!
//! Names, labels, containers, arguments and capabilities as in cilium/charts 1.20.0
//! (`templates/cilium-agent/daemonset.yaml`, `templates/cilium-envoy/daemonset.yaml`,
//! `templates/cilium-operator/deployment.yaml`) and cert-manager 1.21
//! (`deploy/charts/cert-manager/templates/deployment.yaml`). Envoy's images have versions of their
//! own; here they carry Cilium's.

use gateproof_core::cilium::values::{AGENT_CAPABILITIES, ENVOY_CAPABILITIES, KEEP_CAPABILITY};
use gateproof_core::scenario::Fault;
use gateproof_core::versions::{Asked, choose};
use gateproof_kubernetes::StackRequest;
use serde_json::{Value, json};

use crate::controllers::kind::{DAEMON_SET, DEPLOYMENT, KindName};
use crate::controllers::kubernetes::node::KUBELET_VERSION;
use crate::controllers::object::skeleton;

/// Where Cilium is.
pub(super) const SYSTEM: &str = "kube-system";
/// Where cert-manager is.
pub(super) const CERT_MANAGER: &str = "cert-manager";

/// What the chart gives to Envoy and the agent unless told otherwise (cilium/charts 1.20.0
/// `values.yaml`).
const USUAL_ENVOY: &[&str] = &["NET_ADMIN", "SYS_ADMIN"];
const USUAL_AGENT: &[&str] = &[
    "CHOWN",
    "KILL",
    "NET_ADMIN",
    "NET_RAW",
    "IPC_LOCK",
    "SYS_MODULE",
    "SYS_ADMIN",
    "SYS_RESOURCE",
    "DAC_OVERRIDE",
    "FOWNER",
    "SETGID",
    "SETUID",
    "SYSLOG",
];

/// All workloads.
pub(super) fn objects(stack: &StackRequest) -> Vec<Value> {
    let mut objects = vec![agents(stack)];
    if stack.config.external_envoy_proxy {
        objects.push(envoys(stack));
    }
    objects.push(operator(stack));
    objects.push(cert_manager(stack));
    objects
}

/// The version of cert-manager that is asked for, else one that fits.
pub(super) fn cert_manager_version(stack: &StackRequest) -> String {
    if let Some(asked) = &stack.cert_manager {
        return format!("v{}", asked.trim_start_matches('v'));
    }
    let chosen = choose(Asked {
        cilium: &stack.cilium,
        gateway_api: &stack.gateway_api,
        cert_manager: None,
        kubernetes: Some(KUBELET_VERSION),
    });
    // A pair that does not fit was refused before; the embedded cluster runs the newest then.
    let newest = || gateproof_core::versions::CERT_MANAGER[0].version();
    format!("v{}", chosen.map_or_else(|_| newest(), |chosen| chosen.cert_manager))
}

fn agents(stack: &StackRequest) -> Value {
    let labels = labels(stack, &[("k8s-app", "cilium")], "cilium-agent");
    let mut container = container("cilium-agent", &image(stack, "cilium"));
    container["command"] = json!(["cilium-agent"]);
    container["args"] = json!(["--config-dir=/tmp/cilium/config-map"]);
    container["securityContext"] = capabilities(stack, AGENT_CAPABILITIES, USUAL_AGENT);
    workload(DAEMON_SET, SYSTEM, "cilium", &json!({"k8s-app": "cilium"}), &labels, &container)
}

fn envoys(stack: &StackRequest) -> Value {
    let labels =
        labels(stack, &[("k8s-app", "cilium-envoy"), ("name", "cilium-envoy")], "cilium-envoy");
    let mut container = container("cilium-envoy", &image(stack, "cilium-envoy"));
    container["command"] = json!(["/usr/bin/cilium-envoy-starter"]);
    let mut args = Vec::new();
    if at(&stack.values, KEEP_CAPABILITY) == Some(&Value::Bool(true)) {
        args.push("--keep-cap-net-bind-service");
    }
    args.extend(["--", "-c /var/run/cilium/envoy/bootstrap-config.json", "--base-id 0"]);
    container["args"] = json!(args);
    container["securityContext"] = capabilities(stack, ENVOY_CAPABILITIES, USUAL_ENVOY);
    let selector = json!({"k8s-app": "cilium-envoy"});
    workload(DAEMON_SET, SYSTEM, "cilium-envoy", &selector, &labels, &container)
}

fn operator(stack: &StackRequest) -> Value {
    let selector = json!({"io.cilium/app": "operator", "name": "cilium-operator"});
    let labels = labels(
        stack,
        &[("io.cilium/app", "operator"), ("name", "cilium-operator")],
        "cilium-operator",
    );
    let mut container = container("cilium-operator", &image(stack, "operator-generic"));
    container["command"] = json!(["cilium-operator-generic"]);
    container["args"] = json!(["--config-dir=/tmp/cilium/config-map"]);
    workload(DEPLOYMENT, SYSTEM, "cilium-operator", &selector, &labels, &container)
}

fn cert_manager(stack: &StackRequest) -> Value {
    let version = cert_manager_version(stack);
    let selector = json!({
        "app.kubernetes.io/name": "cert-manager",
        "app.kubernetes.io/instance": "cert-manager",
        "app.kubernetes.io/component": "controller",
    });
    let mut labels = selector.clone();
    labels["app"] = "cert-manager".into();
    labels["app.kubernetes.io/version"] = version.clone().into();
    labels["app.kubernetes.io/managed-by"] = "Helm".into();
    labels["helm.sh/chart"] = format!("cert-manager-{version}").into();
    let image = format!("quay.io/jetstack/cert-manager-controller:{version}");
    let mut container = container("cert-manager-controller", &image);
    let mut args = vec!["--v=2"];
    if !stack.faults.contains(&Fault::CertManagerWithoutGatewayApi) {
        args.push("--enable-gateway-api");
    }
    container["args"] = json!(args);
    workload(DEPLOYMENT, CERT_MANAGER, "cert-manager", &selector, &labels, &container)
}

fn image(stack: &StackRequest, name: &str) -> String {
    format!("quay.io/cilium/{name}:v{}", stack.cilium)
}

fn container(name: &str, image: &str) -> Value {
    json!({"name": name, "image": image})
}

/// The labels of Cilium's workloads; the chart's name since 1.20.
fn labels(stack: &StackRequest, own: &[(&str, &str)], name: &str) -> Value {
    let mut labels = json!({"app.kubernetes.io/part-of": "cilium", "app.kubernetes.io/name": name});
    for (key, value) in own {
        labels[*key] = (*value).into();
    }
    if stack.cilium.is_at_least(20, 0) {
        labels["helm.sh/chart"] = format!("cilium-{}", stack.cilium).into();
    }
    labels
}

fn capabilities(stack: &StackRequest, key: &str, usual: &[&str]) -> Value {
    let added = at(&stack.values, key).cloned().unwrap_or_else(|| json!(usual));
    json!({"capabilities": {"add": added, "drop": ["ALL"]}})
}

/// A value by its dotted path.
fn at<'v>(values: &'v Value, path: &str) -> Option<&'v Value> {
    path.split('.').try_fold(values, |value, key| value.get(key))
}

fn workload(
    kind: KindName,
    namespace: &str,
    name: &str,
    selector: &Value,
    labels: &Value,
    container: &Value,
) -> Value {
    let mut object = skeleton(kind, Some(namespace), name);
    object["metadata"]["labels"] = labels.clone();
    object["spec"] = json!({
        "selector": {"matchLabels": selector},
        "template": {
            "metadata": {"labels": labels},
            "spec": {
                "hostNetwork": true,
                "tolerations": [{"operator": "Exists"}],
                "containers": [container],
            },
        },
    });
    if kind == DEPLOYMENT {
        object["spec"]["replicas"] = 1.into();
    }
    object
}
