//! Echo backends: a Namespace, a Deployment and a Service each.
//!
//! The container tells who it is through the same environment variables as the Gateway API's
//! echo server (kubernetes-sigs/gateway-api v1.6.1: `conformance/base/manifests.yaml`).

use std::time::Duration;

use gateproof_core::scenario::{Backend, ObjectRef};
use gateproof_core::verdict::Failure;
use gateproof_kubernetes::{Client, PageRequest, Poll, Watched, wait};
use gateproof_stack::Outlook;
use serde_json::{Value, json};

use crate::step;

/// The port the echo server listens on.
const ECHO_PORT: u16 = 3000;

/// The objects of one backend, in order; `image` holds the gateproof program.
pub(crate) fn objects(backend: &Backend, image: &str) -> Vec<Value> {
    let namespace = &backend.name.namespace;
    let name = &backend.name.name;
    let labels =
        json!({"app.kubernetes.io/name": name, "app.kubernetes.io/managed-by": "gateproof"});
    let selector = json!({"app.kubernetes.io/name": name});
    vec![
        json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}}),
        json!({
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {"name": name, "namespace": namespace, "labels": labels},
            "spec": {
                "replicas": backend.replicas,
                "selector": {"matchLabels": selector},
                "template": {
                    "metadata": {"labels": labels},
                    "spec": {"containers": [container(name, image)]},
                },
            },
        }),
        json!({
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": name, "namespace": namespace, "labels": labels},
            "spec": {
                "selector": selector,
                "ports": [{"name": "http", "port": backend.port, "targetPort": ECHO_PORT,
                           "protocol": "TCP"}],
            },
        }),
    ]
}

fn container(service: &str, image: &str) -> Value {
    let field = |name: &str, path: &str| json!({"name": name, "valueFrom": {"fieldRef": {"apiVersion": "v1", "fieldPath": path}}});
    json!({
        "name": "echo",
        "image": image,
        // It may have been loaded into the nodes, and be in no registry.
        "imagePullPolicy": "IfNotPresent",
        "args": ["echo"],
        "ports": [{"containerPort": ECHO_PORT, "protocol": "TCP"}],
        "env": [
            field("POD_NAME", "metadata.name"),
            field("NAMESPACE", "metadata.namespace"),
            {"name": "SERVICE_NAME", "value": service},
        ],
    })
}

/// The Deployment that must become available.
pub(crate) fn deployment(backend: &Backend) -> ObjectRef {
    ObjectRef {
        api_version: "apps/v1".to_owned(),
        kind: "Deployment".to_owned(),
        namespace: Some(backend.name.namespace.clone()),
        name: backend.name.name.clone(),
    }
}

/// Waits until every replica is ready. Backends are the harness's own: one that does not come up
/// leaves open what the Gateway does, and refutes nothing.
pub(crate) async fn await_up(
    client: &Client,
    backend: &Backend,
    within: Duration,
    progress: &mut (dyn FnMut(&str) + Send),
) -> Result<(), Vec<Failure>> {
    let wanted = deployment(backend);
    let pods =
        Watched { namespace: Some(backend.name.namespace.clone()), ..Watched::kind("v1", "Pod") };
    let watched = [Watched::object(&wanted), pods];
    let up = wait::watch_until(client, &watched, within, progress, || async {
        let missing = match client.get(&wanted).await {
            Ok(found) => missing(backend, found.as_ref()),
            Err(error) => return wait::unreadable(&error),
        };
        match missing {
            None => Poll::Ready(()),
            Some(missing) => held_up(client, backend, missing).await,
        }
    });
    up.await.map_err(|error| {
        let expected = format!("backend {} comes up", backend.name);
        vec![step::undecided(&expected, &error.to_string())]
    })
}

/// What is missing, with what keeps its pods from running.
async fn held_up(client: &Client, backend: &Backend, missing: String) -> Poll<()> {
    let labels = format!("app.kubernetes.io/name={}", backend.name.name);
    let request = PageRequest {
        api_version: "v1",
        kind: "Pod",
        namespace: Some(&backend.name.namespace),
        labels: &labels,
        fields: "",
        limit: None,
        after: None,
    };
    // Whoever may not list pods hears less.
    let pods = client.list_page(&request).await.map(|page| page.objects).unwrap_or_default();
    let hindrances: Vec<_> = pods.iter().filter_map(gateproof_stack::hindrance).collect();
    let Some((why, _)) = hindrances.first() else {
        let seen = if pods.is_empty() { "; it has no pod yet" } else { "" };
        return Poll::NotYet { missing: format!("{missing}{seen}") };
    };
    let missing = format!("{missing}: {why}");
    let hopeless = hindrances.iter().any(|(_, outlook)| *outlook == Outlook::Hopeless);
    if hopeless { Poll::Never { why: missing } } else { Poll::NotYet { missing } }
}

/// What the Deployment still lacks; `None` when every replica is ready.
pub(crate) fn missing(backend: &Backend, deployment: Option<&Value>) -> Option<String> {
    let Some(deployment) = deployment else {
        return Some(format!("Deployment {} does not exist yet", backend.name));
    };
    let ready = deployment["status"]["readyReplicas"].as_u64().unwrap_or(0);
    let wanted = u64::from(backend.replicas);
    (ready < wanted)
        .then(|| format!("Deployment {} has {ready} of {wanted} pods ready", backend.name))
}

#[cfg(test)]
mod tests {
    use gateproof_core::name::NamespacedName;
    use gateproof_core::scenario::Backend;
    use serde_json::json;

    use super::missing;

    #[test]
    fn a_backend_is_there_when_every_replica_is_ready() {
        let backend = Backend { name: NamespacedName::new("apps", "web"), replicas: 2, port: 80 };
        assert!(missing(&backend, None).is_some());
        let one = json!({"status": {"readyReplicas": 1}});
        assert_eq!(
            missing(&backend, Some(&one)).as_deref(),
            Some("Deployment apps/web has 1 of 2 pods ready")
        );
        let two = json!({"status": {"readyReplicas": 2}});
        assert_eq!(missing(&backend, Some(&two)), None);
    }
}
