//! Pods of components: where they run, since when, and whether they are well.

use gateproof_core::dossier::{Component, ComponentPod, Readiness, text};
use gateproof_core::name::NodeName;
use serde_json::Value;

use crate::component;
use crate::evidence::{Evidence, name};

/// The pods of a component, sorted by node and name. Those that ended for good are left out.
pub(super) fn pods(evidence: &Evidence, component: Component) -> Vec<ComponentPod> {
    let mut pods: Vec<ComponentPod> = evidence
        .list("", "Pod")
        .filter(|pod| component::of(pod) == Some(component))
        .filter(|pod| !matches!(text(pod, "/status/phase"), Some("Succeeded" | "Failed")))
        .filter_map(|pod| read(evidence, pod, component))
        .collect();
    pods.sort_by(|one, other| (&one.node, &one.pod).cmp(&(&other.node, &other.pod)));
    pods
}

fn read(evidence: &Evidence, pod: &Value, component: Component) -> Option<ComponentPod> {
    let status = component::entry(pod, "/status/containerStatuses", component);
    let of_status = |pointer: &str| status.and_then(|status| text(status, pointer));
    let of_container = of_status("/state/running/startedAt");
    let of_pod = text(pod, "/status/startTime");
    let started = match component {
        // An agent reads what an init container wrote when its pod began; a container that merely
        // started again reads the same once more (cilium/cilium 1.18.10,
        // `install/kubernetes/cilium/templates/cilium-agent/daemonset.yaml`, `build-config`).
        Component::CiliumAgent => of_pod.or(of_container),
        Component::CiliumOperator | Component::Envoy | Component::CertManager => {
            of_container.or(of_pod)
        }
    };
    let spec = component::entry(pod, "/spec/containers", component);
    let restarts = status.and_then(|status| status.pointer("/restartCount")?.as_u64());
    Some(ComponentPod {
        pod: name(pod)?,
        node: text(pod, "/spec/nodeName").map(NodeName::new),
        started: started.and_then(|time| time.parse().ok()),
        ready: readiness(pod),
        restarts: restarts.and_then(|count| u32::try_from(count).ok()).unwrap_or_default(),
        image: spec.and_then(|spec| text(spec, "/image")).map(str::to_owned),
        drift: match component {
            Component::CiliumAgent => name(pod).and_then(|agent| evidence.drift(&agent)),
            Component::CiliumOperator | Component::Envoy | Component::CertManager => None,
        },
        reason: of_status("/state/waiting/reason")
            .or_else(|| of_status("/state/terminated/reason"))
            .or_else(|| text(pod, "/status/reason"))
            // A container that waits after it was killed for its memory waits like any other.
            .map(|reason| match of_status("/lastState/terminated/reason") {
                Some("OOMKilled") if reason != "OOMKilled" => format!("{reason} after OOMKilled"),
                _ => reason.to_owned(),
            }),
    })
}

fn readiness(pod: &Value) -> Readiness {
    let conditions = pod.pointer("/status/conditions").and_then(Value::as_array);
    let ready = conditions
        .into_iter()
        .flatten()
        .find(|condition| text(condition, "/type") == Some("Ready"))
        .and_then(|condition| text(condition, "/status"));
    match ready {
        Some("True") => Readiness::Ready,
        Some("False") => Readiness::NotReady,
        _ => Readiness::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use gateproof_core::dossier::{Component, ComponentPod, Readiness};
    use serde_json::{Value, json};

    use super::pods;
    use crate::evidence::Evidence;

    fn pod(label: &str, status: &Value) -> Value {
        json!({"apiVersion": "v1", "kind": "Pod",
            "metadata": {"namespace": "kube-system", "name": label, "labels": {"k8s-app": label}},
            "spec": {"nodeName": "worker", "containers": [{"name": "mount"}, {"name": "cilium-agent",
                "image": "cilium:v1"}]},
            "status": status})
    }

    fn read(component: Component, pod: Value) -> Vec<ComponentPod> {
        let mut evidence = Evidence::default();
        evidence.add(pod);
        pods(&evidence, component)
    }

    #[test]
    fn agents_are_as_old_as_their_pods_and_operators_as_their_containers() {
        let status = json!({"startTime": "2026-01-01T00:00:00Z",
            "conditions": [{"type": "Ready", "status": "True"}],
            "containerStatuses": [{"name": "cilium-agent", "restartCount": 1,
                "state": {"running": {"startedAt": "2026-01-02T00:00:00Z"}}}]});
        for (label, component, day) in [
            ("cilium", Component::CiliumAgent, "2026-01-01T00:00:00Z"),
            ("cilium-operator", Component::CiliumOperator, "2026-01-02T00:00:00Z"),
        ] {
            let seen = read(component, pod(label, &status));
            assert_eq!(seen[0].started.unwrap().to_string(), day, "{label}");
            assert_eq!((seen[0].ready, seen[0].restarts), (Readiness::Ready, 1));
        }
    }

    #[test]
    fn why_a_container_waits_is_told_and_pods_that_ended_are_not() {
        let waits = json!({"containerStatuses": [{"name": "cilium-agent", "restartCount": 7,
            "state": {"waiting": {"reason": "CrashLoopBackOff"}}}]});
        let seen = read(Component::CiliumAgent, pod("cilium", &waits));
        assert_eq!(seen[0].reason.as_deref(), Some("CrashLoopBackOff"));
        assert_eq!(seen[0].ready, Readiness::Unknown);
        let ended = read(Component::CiliumAgent, pod("cilium", &json!({"phase": "Failed"})));
        assert_eq!(ended, Vec::new());
    }
}
