//! Where the parts of the stack run: their workloads, containers and logs.

use gateproof_core::scenario::ObjectRef;
use gateproof_kubernetes::{Client, Component, Life, LogPart, LogRequest};
use serde_json::Value;

use crate::error::StackError;
use crate::readiness::workload::selects;
use crate::readiness::{Workload, WorkloadKind};

/// The namespace of Cilium.
pub(crate) const CILIUM: &str = "kube-system";
/// The namespace of cert-manager.
pub(crate) const CERT_MANAGER: &str = "cert-manager";

/// How many lines of a log are read: enough for a trial, and bounded.
const LINES: u32 = 5000;

/// Cilium's agents.
pub(crate) fn agents() -> Workload {
    Workload::daemon_set(CILIUM, "cilium")
}

/// Envoy, where it has pods of its own.
pub(crate) fn envoys() -> Workload {
    Workload::daemon_set(CILIUM, "cilium-envoy")
}

/// Cilium's operator.
pub(crate) fn operator() -> Workload {
    Workload::deployment(CILIUM, "cilium-operator")
}

/// cert-manager's controller, its injector and its webhook.
pub(crate) fn cert_manager() -> [Workload; 3] {
    ["cert-manager", "cert-manager-cainjector", "cert-manager-webhook"]
        .map(|name| Workload::deployment(CERT_MANAGER, name))
}

/// What a component logged since it was started, the newest lines, oldest first; pods one after
/// another. `node` is what Kubernetes calls the component's node.
///
/// # Errors
///
/// When the component is not there, or its log cannot be read.
pub async fn logs(
    client: &Client,
    component: &Component,
    node: Option<&str>,
) -> Result<String, StackError> {
    let places: &[(Workload, &str)] = &match component {
        Component::CiliumOperator => vec![(operator(), "cilium-operator")],
        Component::CiliumAgent(_) => vec![(agents(), "cilium-agent")],
        // Where Envoy has no pods of its own it runs in the agent and writes there.
        Component::Envoy(_) => vec![(envoys(), "cilium-envoy"), (agents(), "cilium-agent")],
        Component::CertManager => {
            let [controller, ..] = cert_manager();
            vec![(controller, "cert-manager-controller")]
        }
    };
    for (workload, container) in places {
        let Some(object) = client.get(&workload.reference()).await? else { continue };
        return of_workload(client, workload, &object, container, node).await;
    }
    let (workload, _) = &places[0];
    Err(StackError::Refused(format!("there is no {}", workload.describe())))
}

async fn of_workload(
    client: &Client,
    workload: &Workload,
    object: &Value,
    container: &str,
    node: Option<&str>,
) -> Result<String, StackError> {
    let pods = client.list("v1", "Pod", Some(workload.namespace)).await?;
    let selector = object.pointer("/spec/selector/matchLabels").unwrap_or(&Value::Null);
    let mut found: Vec<&Value> = pods.iter().filter(|pod| selects(selector, pod)).collect();
    if workload.kind == WorkloadKind::DaemonSet {
        found.retain(|pod| node == node_of(pod));
    }
    if found.is_empty() {
        let place = node.map(|node| format!(" on {node}")).unwrap_or_default();
        let missing = format!("{} has no pod{place}", workload.describe());
        return Err(StackError::Refused(missing));
    }
    let mut all = String::new();
    for pod in found {
        let name = pod.pointer("/metadata/name").and_then(Value::as_str).unwrap_or_default();
        let wanted = LogRequest {
            namespace: workload.namespace,
            pod: name,
            container: has_container(pod, container).then_some(container),
            life: Life::Current,
            part: LogPart::Newest { lines: LINES },
        };
        all.push_str(&client.pod_log(wanted).await?);
    }
    Ok(all)
}

fn node_of(pod: &Value) -> Option<&str> {
    pod.pointer("/spec/nodeName")?.as_str()
}

fn has_container(pod: &Value, name: &str) -> bool {
    pod.pointer("/spec/containers")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .any(|container| container.get("name").and_then(Value::as_str) == Some(name))
}

/// A ConfigMap of Cilium.
pub(crate) fn config_map(name: &str) -> ObjectRef {
    ObjectRef {
        api_version: "v1".to_owned(),
        kind: "ConfigMap".to_owned(),
        namespace: Some(CILIUM.to_owned()),
        name: name.to_owned(),
    }
}
