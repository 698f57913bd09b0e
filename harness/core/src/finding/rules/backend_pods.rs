//! GP0081: pods of a backend do not come up.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::dossier::Dossier;
use crate::finding::reading::{
    cited, could_read, gateways, is_ready, items, of_service, routes, selected, trouble,
};
use crate::finding::{Confidence, Firing, Role, Rule};
use crate::name::NamespacedName;

/// The rule.
pub(super) const RULE: Rule = Rule {
    id: "GP0081",
    title: "pods of a backend do not come up",
    explanation: "\
A Service has ready endpoints only where pods behind it are ready. The kubelet says in a pod's status why it \
is not: ImagePullBackOff (the image cannot be had), CrashLoopBackOff (the program ends), OOMKilled (it took \
more memory than its limit), CreateContainerConfigError (a Secret or ConfigMap is missing), a readiness probe \
that fails; the scheduler says why no node takes it. Until one is ready Envoy answers 503 for the routes \
that lead there, while Gateway and route are accepted and programmed.

How a pod fared earlier is no matter: one that crashed and came back is ready.",
    remedy: &[
        "look at the pods: kubectl -n NAMESPACE describe pod POD, and kubectl -n NAMESPACE logs POD --previous",
    ],
    sources: &[
        "kubernetes/kubernetes 1.36 pkg/kubelet/images/types.go, pkg/kubelet/container/sync_result.go: the reasons",
        "kubernetes/kubernetes 1.36 staging/src/k8s.io/endpointslice/utils.go: when an endpoint is ready",
    ],
    issues: &[],
    examine,
};

/// How many pods of a Service are told.
const FEW: usize = 3;

fn examine(dossier: &Dossier) -> Vec<Firing> {
    let ours: Vec<NamespacedName> = gateways(dossier).into_iter().map(|one| one.name).collect();
    let mut backends: BTreeSet<NamespacedName> = BTreeSet::new();
    for route in routes(dossier) {
        if route.parents().iter().any(|parent| ours.contains(&parent.gateway)) {
            backends.extend(route.backends().into_iter().map(|(name, _)| name));
        }
    }
    backends.iter().filter_map(|name| of_backend(dossier, name)).collect()
}

fn of_backend(dossier: &Dossier, name: &NamespacedName) -> Option<Firing> {
    let service = dossier.get("", "Service", Some(&name.namespace), &name.name)?;
    let slices: Vec<&Value> = of_service(dossier, name);
    let is_served = |endpoint: &Value| {
        endpoint.pointer("/conditions/ready").and_then(Value::as_bool).unwrap_or(true)
    };
    let served = slices.iter().flat_map(|slice| items(slice, "/endpoints")).any(is_served);
    if served || !could_read(dossier, "EndpointSlice") {
        return None;
    }
    let pods: Vec<&Value> = dossier.list("", "Pod").filter(|pod| selected(service, pod)).collect();
    if pods.iter().any(|pod| is_ready(pod)) {
        return None;
    }
    let in_trouble: Vec<(&Value, String)> =
        pods.iter().filter_map(|pod| Some((*pod, trouble(pod)?))).collect();
    if in_trouble.is_empty() {
        return None;
    }
    let mut firing = Firing::new(Role::Cause, Confidence::Certain).about(format!("Service {name}"));
    for (pod, why) in in_trouble.iter().take(FEW) {
        firing = firing.seen(why, cited(pod));
    }
    if in_trouble.len() > FEW {
        let more = format!("{} more pods are not ready", in_trouble.len() - FEW);
        firing = firing.seen(more, format!("pods behind Service {name}"));
    }
    let firing = firing.seen("no ready endpoint", format!("EndpointSlices of Service {name}"));
    Some(firing.inferred("Envoy has nothing to send to and answers 503 until one of them is ready"))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::RULE;
    use crate::dossier::{Dossier, text};
    use crate::finding::fixture::{Change, dedicated, fires, silent, words};
    use crate::finding::{Confidence, Role};

    fn pod(name: &str, ready: &str, reason: &str) -> Value {
        json!({"apiVersion": "v1", "kind": "Pod",
            "metadata": {"namespace": "apps", "name": name, "labels": {"app": "web", "x": "y"}},
            "status": {"conditions": [{"type": "Ready", "status": ready}],
                "containerStatuses": [{"name": "web", "state": {"waiting": {"reason": reason,
                    "message": "Back-off pulling image \"web:2\""}}}]}})
    }

    fn backend(ready: bool) -> Dossier {
        let mut dossier = dedicated();
        let gateway = dossier.objects.iter().find(|one| text(one, "/kind") == Some("Gateway"));
        let gateway = gateway.expect("a Gateway");
        let parent = json!({"name": text(gateway, "/metadata/name"),
            "namespace": text(gateway, "/metadata/namespace")});
        dossier.objects.extend([
            json!({"apiVersion": "gateway.networking.k8s.io/v1", "kind": "HTTPRoute",
                "metadata": {"namespace": "apps", "name": "web"},
                "spec": {"parentRefs": [parent], "rules": [{"backendRefs": [{"name": "web", "port": 80}]}]}}),
            json!({"apiVersion": "v1", "kind": "Service",
                "metadata": {"namespace": "apps", "name": "web"},
                "spec": {"selector": {"app": "web"}, "ports": [{"port": 80}]}}),
            json!({"apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice",
                "metadata": {"namespace": "apps", "name": "web-x",
                    "labels": {"kubernetes.io/service-name": "web"}},
                "endpoints": [{"addresses": ["10.0.0.9"], "conditions": {"ready": ready}}]}),
        ]);
        dossier
    }

    #[test]
    fn what_keeps_pods_behind_a_dead_backend_is_the_cause() {
        let dossier = backend(false).with(pod("web-1", "False", "ImagePullBackOff"));
        let firing = fires(&RULE, &dossier);
        assert_eq!((firing.role, firing.confidence), (Role::Cause, Confidence::Certain));
        let told = words(&firing);
        assert!(told.contains("ImagePullBackOff: Back-off pulling image \"web:2\""), "{told}");
        assert_eq!(firing.subjects, ["Service apps/web"]);
    }

    #[test]
    fn a_backend_with_a_ready_pod_is_no_finding() {
        silent(&RULE, &backend(true).with(pod("web-1", "False", "CrashLoopBackOff")));
        let recovered = pod("web-2", "True", "CrashLoopBackOff");
        silent(&RULE, &backend(false).with(recovered));
        silent(&RULE, &backend(false).with(pod("web-1", "False", "ContainerCreating")));
    }

    #[test]
    fn pods_of_others_and_backends_whose_slices_are_unread_are_no_finding() {
        let mut other = pod("db-1", "False", "ImagePullBackOff");
        other["metadata"]["labels"] = json!({"app": "db"});
        silent(&RULE, &backend(false).with(other));
        let unread = backend(false).with(pod("web-1", "False", "ImagePullBackOff"));
        silent(&RULE, &unread.unread("EndpointSlice objects"));
    }
}
