//! The Node object that a kubelet registers, and what kubeadm makes of a control plane.

use gateproof_kubernetes::Client;
use serde_json::{Value, json};

use super::object;
use crate::{Failure, Outcome, node};

const CONTROL_PLANE: &str = "node-role.kubernetes.io/control-plane";

/// What a node becomes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    /// Runs the control plane.
    ControlPlane,
    /// Runs workloads.
    Worker,
}

/// What a kubelet is told on its command line.
#[derive(Debug, Default)]
pub(super) struct KubeletArguments {
    /// `--node-labels`.
    pub(super) labels: Vec<(String, String)>,
    /// `--provider-id`.
    pub(super) provider_id: String,
}

/// Labels that a kubelet may not give to its own node (kubernetes/kubernetes v1.36
/// `pkg/kubelet/apis/well_known_labels.go`): those of these domains.
const RESTRICTED: [&str; 2] = ["kubernetes.io", "k8s.io"];
/// What it may.
const ALLOWED: [&str; 10] = [
    "beta.kubernetes.io/instance-type",
    "failure-domain.beta.kubernetes.io/region",
    "failure-domain.beta.kubernetes.io/zone",
    "kubernetes.io/arch",
    "kubernetes.io/hostname",
    "kubernetes.io/os",
    "node.kubernetes.io/instance-type",
    "topology.kubernetes.io/region",
    "topology.kubernetes.io/zone",
    "node.kubernetes.io/exclude-disruption",
];

/// The Node object.
pub(super) fn node_object(arguments: &KubeletArguments) -> Result<Value, Failure> {
    let name = node::host_name();
    let mut labels = json!({
        "kubernetes.io/hostname": name, "kubernetes.io/os": "linux", "kubernetes.io/arch": "amd64",
    });
    for (key, value) in &arguments.labels {
        let domain = key.split_once('/').map_or("", |(domain, _)| domain);
        let restricted =
            RESTRICTED.iter().any(|own| domain == *own || domain.ends_with(&format!(".{own}")));
        let open = ["kubelet.kubernetes.io", "node.kubernetes.io"];
        if restricted && !ALLOWED.contains(&key.as_str()) && !open.contains(&domain) {
            return Err(Failure::new(format!(
                "kubelet: failed to validate kubelet flags: unknown 'kubernetes.io' or 'k8s.io' \
                 labels specified with --node-labels: [{key}]"
            )));
        }
        labels[key] = value.as_str().into();
    }
    Ok(json!({
        "apiVersion": "v1", "kind": "Node",
        "metadata": {"name": name, "labels": labels},
        "spec": {
            "providerID": arguments.provider_id,
            "taints": [{"key": "node.kubernetes.io/not-ready", "effect": "NoSchedule"}],
        },
    }))
}

/// The address of the control plane that has the objects: whichever registered first.
pub(super) async fn first_control_plane(client: &Client) -> Result<String, Failure> {
    let nodes = client.list("v1", "Node", None).await;
    let nodes = nodes.map_err(|error| Failure::new(error.to_string()))?;
    let mut first: Vec<(&str, &str)> = nodes
        .iter()
        .filter(|node| node["metadata"]["labels"].get(CONTROL_PLANE).is_some())
        .filter_map(|node| {
            let addresses = node["status"]["addresses"].as_array()?;
            let internal = addresses.iter().find(|address| address["type"] == "InternalIP")?;
            Some((node["metadata"]["name"].as_str()?, internal["address"].as_str()?))
        })
        .collect();
    first.sort_unstable();
    let first = first.first().map(|(_, address)| (*address).to_owned());
    first.ok_or_else(|| Failure::new("stand-in: no control plane is registered yet"))
}

/// Labels and taints the node as a control plane.
pub(super) async fn mark_control_plane(client: &Client, name: &str) -> Outcome {
    let reference = object("v1", "Node", None, name);
    let failed =
        |words: String| Failure::new(format!("error execution phase mark-control-plane: {words}"));
    let live = client
        .get(&reference)
        .await
        .map_err(|error| failed(error.to_string()))?
        .ok_or_else(|| failed(format!("nodes \"{name}\" not found")))?;
    let mut taints =
        live.pointer("/spec/taints").and_then(Value::as_array).cloned().unwrap_or_default();
    taints.push(json!({"key": CONTROL_PLANE, "effect": "NoSchedule"}));
    let patch = json!({
        "metadata": {"labels": {
            CONTROL_PLANE: "",
            "node.kubernetes.io/exclude-from-external-load-balancers": "",
        }},
        "spec": {"taints": taints},
    });
    client
        .merge_patch(&reference, &patch, "kubeadm")
        .await
        .map_err(|error| failed(error.to_string()))?;
    println!("[mark-control-plane] Marking the node {name} as control-plane");
    Ok(())
}
