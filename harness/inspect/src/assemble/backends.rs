//! Services that routes lead to and that have no ready endpoint, and the pods behind them: of a
//! cluster's pods these alone are of interest beside those of components.

use std::collections::BTreeSet;

use gateproof_core::dossier::text;
use gateproof_core::name::NamespacedName;
use serde_json::{Map, Value};

use crate::component;
use crate::evidence::{Evidence, name};

const GROUP: &str = "gateway.networking.k8s.io";
const ROUTES: &[&str] = &["HTTPRoute", "GRPCRoute", "TLSRoute", "TCPRoute", "UDPRoute"];
/// Of how many Services pods are of interest.
const MOST: usize = 20;
/// Of how many pods of each.
const FEW: usize = 10;

/// A Service that chooses pods, none of which is ready.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Dead {
    /// The Service.
    pub(crate) service: NamespacedName,
    /// The labels that it chooses pods by.
    pub(crate) selector: Map<String, Value>,
}

impl Dead {
    /// The selector as a list takes it: `app=web,tier=front`.
    pub(crate) fn labels(&self) -> String {
        let pairs = self.selector.iter();
        let pairs: Vec<String> =
            pairs.filter_map(|(key, value)| Some(format!("{key}={}", value.as_str()?))).collect();
        pairs.join(",")
    }

    fn chooses(&self, pod: &Value) -> bool {
        let labels = pod.pointer("/metadata/labels");
        text(pod, "/metadata/namespace") == Some(&self.service.namespace)
            && self
                .selector
                .iter()
                .all(|(key, value)| labels.and_then(|labels| labels.get(key)) == Some(value))
    }
}

/// Backends without a ready endpoint.
pub(crate) fn dead(evidence: &Evidence) -> Vec<Dead> {
    let routes = ROUTES.iter().flat_map(|kind| evidence.list(GROUP, kind));
    let backends: BTreeSet<NamespacedName> = routes.flat_map(backends).collect();
    let ready: BTreeSet<NamespacedName> =
        evidence.list("discovery.k8s.io", "EndpointSlice").filter_map(served).collect();
    let dead = backends.into_iter().filter(|service| !ready.contains(service));
    dead.filter_map(|service| {
        let object = evidence.get("Service", &service)?;
        let selector = object.pointer("/spec/selector")?.as_object()?.clone();
        (!selector.is_empty()).then_some(Dead { service, selector })
    })
    .take(MOST)
    .collect()
}

/// Leaves out pods that are neither of a component nor behind a dead backend.
pub(super) fn retain(evidence: &mut Evidence) {
    let dead = dead(evidence);
    let mut wanted: BTreeSet<NamespacedName> = evidence
        .list("", "Pod")
        .filter(|pod| component::of(pod).is_some())
        .filter_map(name)
        .collect();
    for backend in &dead {
        let pods = evidence.list("", "Pod").filter(|pod| backend.chooses(pod));
        wanted.extend(pods.take(FEW).filter_map(name));
    }
    evidence.retain_pods(&wanted);
}

fn backends(route: &Value) -> Vec<NamespacedName> {
    let rules = route.pointer("/spec/rules").and_then(Value::as_array);
    let of_rule = |rule: &Value| rule.get("backendRefs").and_then(Value::as_array).cloned();
    let home = text(route, "/metadata/namespace").unwrap_or_default();
    rules
        .into_iter()
        .flatten()
        .filter_map(of_rule)
        .flatten()
        .filter(|backend| text(backend, "/kind").unwrap_or("Service") == "Service")
        .filter_map(|backend| {
            let namespace = text(&backend, "/namespace").unwrap_or(home);
            Some(NamespacedName::new(namespace, text(&backend, "/name")?))
        })
        .collect()
}

/// The Service of a slice that has a ready endpoint.
fn served(slice: &Value) -> Option<NamespacedName> {
    let service = slice.pointer("/metadata/labels/kubernetes.io~1service-name")?.as_str()?;
    let is_ready = |endpoint: &Value| {
        endpoint.pointer("/conditions/ready").and_then(Value::as_bool).unwrap_or(true)
    };
    let endpoints = slice.get("endpoints").and_then(Value::as_array)?;
    let namespace = text(slice, "/metadata/namespace")?;
    endpoints.iter().any(is_ready).then(|| NamespacedName::new(namespace, service))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{dead, retain};
    use crate::evidence::{Evidence, name};

    fn service(name: &str) -> Value {
        json!({"apiVersion": "v1", "kind": "Service", "metadata": {"namespace": "apps", "name": name},
            "spec": {"selector": {"app": name}}})
    }

    fn slice(service: &str, ready: bool) -> Value {
        json!({"apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice",
            "metadata": {"namespace": "apps", "name": format!("{service}-x"),
                "labels": {"kubernetes.io/service-name": service}},
            "endpoints": [{"conditions": {"ready": ready}}]})
    }

    fn pod(name: &str, app: &str) -> Value {
        json!({"apiVersion": "v1", "kind": "Pod",
            "metadata": {"namespace": "apps", "name": name, "labels": {"app": app, "k8s-app": app}},
            "spec": {"containers": [{"name": "c", "env": [{"name": "A", "value": "hunter22"}],
                "args": ["hunter22"]}]}})
    }

    #[test]
    fn only_pods_of_components_and_behind_dead_backends_are_of_interest() {
        let mut evidence = Evidence::default();
        let backends = json!([{"name": "dead"}, {"name": "served"}, {"name": "sliceless"}]);
        for object in [
            json!({"apiVersion": "gateway.networking.k8s.io/v1", "kind": "HTTPRoute",
                "metadata": {"namespace": "apps", "name": "r"},
                "spec": {"rules": [{"backendRefs": backends}]}}),
            service("dead"),
            service("served"),
            service("sliceless"),
            service("unreferenced"),
            slice("dead", false),
            slice("served", true),
            pod("dead-1", "dead"),
            pod("served-1", "served"),
            pod("sliceless-1", "sliceless"),
            pod("unreferenced-1", "unreferenced"),
            pod("cilium-x", "cilium"),
        ] {
            evidence.add(object);
        }
        let labels: Vec<String> = dead(&evidence).iter().map(super::Dead::labels).collect();
        assert_eq!(labels, ["app=dead", "app=sliceless"]);
        retain(&mut evidence);
        let kept: Vec<String> =
            evidence.list("", "Pod").filter_map(name).map(|name| name.name).collect();
        assert_eq!(kept, ["cilium-x", "dead-1", "sliceless-1"]);
        let theirs = evidence.list("", "Pod").nth(1).expect("a pod").to_string();
        assert!(!theirs.contains("hunter22"), "what a pod is given is its own: {theirs}");
    }
}
