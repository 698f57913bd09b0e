//! A small cluster for unit tests: class, nodes, namespaces, Services and Secrets, to which a test
//! adds what it is about.

#![expect(clippy::needless_pass_by_value, reason = "json! literals read best as values")]

use std::collections::BTreeMap;

use gateproof_core::cilium::{CiliumConfig, CiliumVersion, HostNetwork};
use gateproof_core::name::NamespacedName;
use serde_json::{Value, json};

use crate::reconcile::{Outcome, reconcile};
use crate::{Input, Resources};

/// Objects, a version and a configuration.
pub(crate) struct Cluster {
    pub version: CiliumVersion,
    pub config: CiliumConfig,
    pub objects: Vec<Value>,
}

impl Cluster {
    /// Class `cilium`, nodes `node-a` (10.0.0.1) and `node-b` (10.0.0.2, `role=gateway`),
    /// namespaces `apps` and `other`, Services `web` and `api` in `apps` and `far` in `other`,
    /// Secrets `cert` in `apps` and `other`.
    pub(crate) fn new(version: &str) -> Self {
        let service = |namespace: &str, name: &str| {
            json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": name, "namespace": namespace},
                   "spec": {"type": "ClusterIP", "ports": [{"port": 80}]}})
        };
        let secret = |namespace: &str| {
            json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "cert", "namespace": namespace},
                   "stringData": {
                       "tls.crt": "-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----",
                       "tls.key": "-----BEGIN PRIVATE KEY-----\n-----END PRIVATE KEY-----"}})
        };
        let node = |name: &str, address: &str, labels: Value| {
            json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": name, "labels": labels},
                   "status": {"addresses": [{"type": "InternalIP", "address": address}]}})
        };
        let namespace = |name: &str, labels: Value| json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}});
        Self {
            version: version.parse().expect("a version"),
            config: CiliumConfig {
                gateway_api: true,
                kube_proxy_replacement: true,
                ..CiliumConfig::default()
            },
            objects: vec![
                json!({"apiVersion": "gateway.networking.k8s.io/v1", "kind": "GatewayClass",
                       "metadata": {"name": "cilium"}, "spec": {"controllerName": "io.cilium/gateway-controller"}}),
                node("node-a", "10.0.0.1", json!({})),
                node("node-b", "10.0.0.2", json!({"role": "gateway"})),
                namespace("apps", json!({})),
                namespace("other", json!({"expose": "true"})),
                service("apps", "web"),
                service("apps", "api"),
                service("other", "far"),
                secret("apps"),
                secret("other"),
            ],
        }
    }

    /// Host network, on nodes with these labels.
    pub(crate) fn host_network(mut self, labels: &[(&str, &str)]) -> Self {
        let match_labels: BTreeMap<_, _> =
            labels.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        self.config.host_network = HostNetwork::On { match_labels };
        self.config.envoy_may_bind_low_ports = true;
        self
    }

    /// Adds an object.
    pub(crate) fn with(mut self, object: Value) -> Self {
        self.objects.push(object);
        self
    }

    /// Adds Gateway `apps/gw` with these listeners.
    pub(crate) fn gateway(self, listeners: Value) -> Self {
        self.gateway_spec(json!({"gatewayClassName": "cilium", "listeners": listeners}))
    }

    /// Adds Gateway `apps/gw` with this spec.
    pub(crate) fn gateway_spec(self, spec: Value) -> Self {
        self.with(json!({"apiVersion": "gateway.networking.k8s.io/v1", "kind": "Gateway",
                         "metadata": {"name": "gw", "namespace": "apps", "generation": 1}, "spec": spec}))
    }

    /// Adds an HTTPRoute in `apps`.
    pub(crate) fn route(self, name: &str, spec: Value) -> Self {
        self.route_in("apps", name, spec)
    }

    /// Adds an HTTPRoute.
    pub(crate) fn route_in(self, namespace: &str, name: &str, spec: Value) -> Self {
        self.with(json!({"apiVersion": "gateway.networking.k8s.io/v1", "kind": "HTTPRoute",
                         "metadata": {"name": name, "namespace": namespace, "generation": 1}, "spec": spec}))
    }

    /// Adds the Gateway's Service as the API server would have it: a node port of 30000 plus the
    /// port for each port, a cluster address, and these load-balancer addresses.
    pub(crate) fn live_service(self, kind: &str, ports: &[u16], ingress: &[&str]) -> Self {
        let ports: Vec<Value> = ports
            .iter()
            .map(|port| match kind {
                "ClusterIP" => json!({"port": port}),
                _ => json!({"port": port, "nodePort": 30000 + port}),
            })
            .collect();
        let ingress: Vec<Value> = ingress.iter().map(|ip| json!({"ip": ip})).collect();
        self.with(json!({"apiVersion": "v1", "kind": "Service",
                         "metadata": {"name": "cilium-gateway-gw", "namespace": "apps"},
                         "spec": {"type": kind, "clusterIPs": ["10.96.0.1"], "ipFamilies": ["IPv4"], "ports": ports},
                         "status": {"loadBalancer": {"ingress": ingress}}}))
    }

    /// Runs something on the input this cluster is.
    pub(crate) fn run<T>(&self, check: impl FnOnce(&Input<'_>) -> T) -> T {
        let (resources, skipped) = Resources::from_objects(&self.objects);
        assert!(skipped.is_empty(), "{skipped:?}");
        check(&Input::new(&self.version, &self.config, &resources))
    }

    /// Reconciles.
    pub(crate) fn outcome(&self) -> Outcome {
        self.run(reconcile)
    }
}

/// The name of the test Gateway.
pub(crate) fn gw() -> NamespacedName {
    NamespacedName::new("apps", "gw")
}

/// A condition of an object's status, as `status reason: message`.
pub(crate) fn condition(outcome: &Outcome, kind: &str, name: &str, condition: &str) -> String {
    let status = &outcome
        .statuses
        .iter()
        .find(|update| update.kind == kind && update.name == name)
        .unwrap_or_else(|| panic!("{kind} {name} has no status"))
        .status;
    let conditions = if kind == "HTTPRoute" {
        &status["parents"][0]["conditions"]
    } else {
        &status["conditions"]
    };
    find(conditions, condition)
}

/// A condition of a listener of Gateway `gw`.
pub(crate) fn listener_condition(outcome: &Outcome, listener: &str, condition: &str) -> String {
    find(&listener_status(outcome, listener)["conditions"], condition)
}

/// The status of a listener of Gateway `gw`.
pub(crate) fn listener_status(outcome: &Outcome, listener: &str) -> Value {
    let update =
        outcome.statuses.iter().find(|update| update.kind == "Gateway").expect("a Gateway status");
    let listeners = update.status["listeners"].as_array().expect("listeners");
    listeners.iter().find(|found| found["name"] == listener).expect("that listener").clone()
}

fn find(conditions: &Value, kind: &str) -> String {
    let found = conditions
        .as_array()
        .expect("conditions")
        .iter()
        .find(|condition| condition["type"] == kind)
        .unwrap_or_else(|| panic!("no condition {kind} in {conditions}"));
    let text = |key: &str| found[key].as_str().unwrap_or_default();
    format!("{} {}: {}", text("status"), text("reason"), text("message"))
}
