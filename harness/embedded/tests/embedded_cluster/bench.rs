//! The cluster under test and how it is asked: topology, stack, manifests, probes.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use gateproof_core::cilium::{CiliumConfig, HostNetwork};
use gateproof_core::cluster::NodeRole;
use gateproof_core::name::ClusterName;
use gateproof_core::observation::{HttpObservation, HttpOutcome, HttpResponse, TcpOutcome};
use gateproof_core::plan::ClusterPlan;
use gateproof_core::scenario::{Fault, GatewayApi};
use gateproof_core::topology::{Topology, TopologyNode};
use gateproof_embedded::api::{Kind, ObjectName};
use gateproof_embedded::{EmbeddedCluster, EmbeddedProvider};
use gateproof_kubernetes::{Cluster, StackRequest};
use gateproof_probe::{HttpProbe, TlsProbe, TrustRoots};
use serde_json::{Value, json};

const GATEWAY_API: &str = "gateway.networking.k8s.io";

/// One control plane and five workers; two workers are labelled for the node selector.
pub(crate) fn plan() -> ClusterPlan {
    let node = |name: &str, role: NodeRole, labels: &[(&str, &str)]| TopologyNode {
        labels: labels.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect(),
        ..TopologyNode::plain(name, role)
    };
    let gateway = &[("role", "gateway")][..];
    ClusterPlan {
        name: ClusterName::new("five-workers"),
        topology: Topology::of_nodes(
            "five-workers",
            vec![
                node("control-plane", NodeRole::ControlPlane, &[]),
                node("worker", NodeRole::Worker, gateway),
                node("worker2", NodeRole::Worker, gateway),
                node("worker3", NodeRole::Worker, &[]),
                node("worker4", NodeRole::Worker, &[]),
                node("worker5", NodeRole::Worker, &[]),
            ],
        ),
        trials: Vec::new(),
    }
}

/// Gateway API on, everything else as the chart has it.
pub(crate) fn dedicated() -> CiliumConfig {
    CiliumConfig { gateway_api: true, kube_proxy_replacement: true, ..CiliumConfig::default() }
}

/// Host network with the capability for low ports, on nodes with these labels.
pub(crate) fn host_network(labels: &[(&str, &str)]) -> CiliumConfig {
    let match_labels: BTreeMap<String, String> =
        labels.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
    CiliumConfig {
        host_network: HostNetwork::On { match_labels },
        envoy_may_bind_low_ports: true,
        ..dedicated()
    }
}

/// What to install: Cilium 1.20 with this configuration.
pub(crate) fn stack(config: CiliumConfig) -> StackRequest {
    StackRequest {
        cilium: "1.20.0".parse().expect("a version"),
        config,
        values: Value::Null,
        gateway_api: GatewayApi::default(),
        cert_manager: None,
        cert_manager_values: serde_json::Value::default(),
        address_pools: Vec::new(),
        faults: Vec::new(),
    }
}

/// A cluster with this stack and the founding Gateway, its route and its backends.
pub(crate) async fn founding(stack: &StackRequest) -> Bench {
    let bench = Bench::start(stack).await;
    bench.apply(ca_issuer()).await;
    bench.apply(founding_manifests()).await;
    bench
}

/// The same with faults.
pub(crate) async fn founding_with(config: CiliumConfig, faults: Vec<Fault>) -> Bench {
    founding(&StackRequest { faults, ..stack(config) }).await
}

/// A running cluster.
pub(crate) struct Bench {
    pub(crate) cluster: Arc<EmbeddedCluster>,
}

impl Bench {
    pub(crate) async fn start(stack: &StackRequest) -> Self {
        let cluster = EmbeddedProvider::new().start(&plan()).await.expect("a cluster");
        cluster.install(stack).await.expect("an installed stack");
        Self { cluster }
    }

    /// Applies objects over the API and lets the controllers settle.
    pub(crate) async fn apply(&self, objects: Vec<Value>) {
        let client = self.cluster.client();
        for object in objects {
            client
                .apply(&object, "test")
                .await
                .unwrap_or_else(|error| panic!("{error:?}: {object}"));
        }
        self.settle().await;
    }

    pub(crate) async fn settle(&self) {
        self.cluster.settled().await.expect("a running cluster");
        assert_eq!(self.cluster.problems(), Vec::<String>::new());
    }

    pub(crate) fn get(&self, kind: &Kind, namespace: &str, name: &str) -> Value {
        let name = ObjectName::namespaced(namespace, name);
        let found = self.cluster.store().get(kind, &name);
        Value::clone(&*found.unwrap_or_else(|| panic!("{kind:?} {name} exists")))
    }

    pub(crate) fn gateway(&self) -> Value {
        self.get(&Kind::new(GATEWAY_API, "Gateway"), "gateway", "shared-gateway")
    }

    pub(crate) fn service(&self) -> Value {
        self.get(&Kind::core("Service"), "gateway", "cilium-gateway-shared-gateway")
    }

    /// The status of a condition of the Gateway.
    pub(crate) fn condition(&self, kind: &str) -> String {
        condition(&self.gateway(), kind)
    }

    /// The node port of a listener port.
    pub(crate) fn node_port(&self, listener: u16) -> u16 {
        let service = self.service();
        let ports = service["spec"]["ports"].as_array().expect("ports");
        let entry =
            ports.iter().find(|port| port["port"] == listener).expect("the listener's port");
        let port = entry["nodePort"].as_u64().expect("a node port");
        u16::try_from(port).expect("a port number")
    }

    /// Names of the nodes whose address accepts connections on this port.
    pub(crate) async fn accepting(&self, port: u16) -> BTreeSet<String> {
        let mut accepting = BTreeSet::new();
        for node in self.cluster.nodes() {
            let address = node.primary_address().expect("an address");
            if self.tcp(address, port).await == TcpOutcome::Accepted {
                accepting.insert(node.name.to_string());
            }
        }
        accepting
    }

    pub(crate) async fn tcp(&self, address: IpAddr, port: u16) -> TcpOutcome {
        let socket = self.cluster.address_book().resolve(address, port).expect("an own address");
        gateproof_probe::tcp(socket, Duration::from_millis(400)).await.outcome
    }

    pub(crate) fn probe(&self, address: IpAddr, port: u16, host: &str) -> HttpProbe {
        let socket = self.cluster.address_book().resolve(address, port).expect("an own address");
        HttpProbe::get(socket, host)
    }

    /// Plain HTTP to an address and port of the cluster.
    pub(crate) async fn http(&self, address: IpAddr, port: u16, host: &str) -> HttpResponse {
        response(gateproof_probe::http(&self.probe(address, port, host)).await)
    }

    /// HTTPS to an address and port of the cluster, with these trust roots.
    pub(crate) async fn https(
        &self,
        address: IpAddr,
        port: u16,
        host: &str,
        roots: TrustRoots,
    ) -> HttpObservation {
        let mut probe = self.probe(address, port, host);
        probe.tls = Some(TlsProbe::named(host, roots));
        gateproof_probe::http(&probe).await
    }

    pub(crate) fn node(&self, name: &str) -> IpAddr {
        self.cluster
            .nodes()
            .iter()
            .find(|node| node.name.as_str() == name)
            .and_then(gateproof_core::cluster::Node::primary_address)
            .expect("a node with an address")
    }

    /// Roots from `ca.crt` of a Secret in namespace `gateway`.
    pub(crate) fn roots(&self, secret: &str) -> TrustRoots {
        TrustRoots::from_pem(&self.secret_text(secret, "ca.crt")).expect("roots")
    }

    /// One entry of a Secret in namespace `gateway`, as text.
    pub(crate) fn secret_text(&self, secret: &str, entry: &str) -> String {
        let secret = self.get(&Kind::core("Secret"), "gateway", secret);
        let bytes: k8s_openapi::ByteString =
            serde_json::from_value(secret["data"][entry].clone()).expect("base64");
        String::from_utf8(bytes.0).expect("text")
    }
}

pub(crate) fn condition(object: &Value, kind: &str) -> String {
    object["status"]["conditions"]
        .as_array()
        .into_iter()
        .flatten()
        .find(|condition| condition["type"] == kind)
        .and_then(|condition| condition["status"].as_str())
        .unwrap_or("(absent)")
        .to_owned()
}

/// The response; anything else fails the test with what was seen.
pub(crate) fn response(observation: HttpObservation) -> HttpResponse {
    match observation.outcome {
        HttpOutcome::Response(response) => response,
        other => panic!("a response was expected, seen: {other:?}"),
    }
}

pub(crate) fn names(nodes: &[&str]) -> BTreeSet<String> {
    nodes.iter().map(|name| (*name).to_owned()).collect()
}

pub(crate) fn every_node() -> BTreeSet<String> {
    names(&["control-plane", "worker", "worker2", "worker3", "worker4", "worker5"])
}

pub(crate) fn namespace(name: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
}

/// A root made by a SelfSigned issuer, and a CA issuer named `gateproof` that signs with it.
pub(crate) fn ca_issuer() -> Vec<Value> {
    let issuer = |name: &str, spec: Value| {
        json!({
            "apiVersion": "cert-manager.io/v1", "kind": "ClusterIssuer",
            "metadata": {"name": name}, "spec": spec,
        })
    };
    vec![
        issuer("self-signed", json!({"selfSigned": {}})),
        json!({
            "apiVersion": "cert-manager.io/v1", "kind": "Certificate",
            "metadata": {"name": "root", "namespace": "cert-manager"},
            "spec": {
                "isCA": true, "commonName": "test root", "secretName": "root",
                "privateKey": {"algorithm": "ECDSA", "size": 256},
                "issuerRef": {"name": "self-signed", "kind": "ClusterIssuer"},
            },
        }),
        issuer("gateproof", json!({"ca": {"secretName": "root"}})),
    ]
}

/// The Gateway of the incident that the project grew from, with its route.
pub(crate) fn founding_manifests() -> Vec<Value> {
    let apps = "starlift-observability";
    vec![
        namespace("gateway"),
        namespace(apps),
        gateway(json!({"cert-manager.io/cluster-issuer": "gateproof"}), Value::Null),
        deployment(apps, "go-hello-world", 2),
        service(apps, "go-hello-world"),
        route(apps, "go-hello-world", json!([{"name": "go-hello-world", "port": 80}])),
    ]
}

pub(crate) fn gateway(annotations: Value, infrastructure: Value) -> Value {
    let from_all = json!({"namespaces": {"from": "All"}});
    let mut gateway = json!({
        "apiVersion": "gateway.networking.k8s.io/v1", "kind": "Gateway",
        "metadata": {"name": "shared-gateway", "namespace": "gateway"},
        "spec": {
            "gatewayClassName": "cilium",
            "listeners": [
                {"name": "http", "port": 80, "protocol": "HTTP", "allowedRoutes": from_all},
                {
                    "name": "https", "port": 443, "protocol": "HTTPS",
                    "hostname": "*.obs.example.test", "allowedRoutes": from_all,
                    "tls": {"mode": "Terminate", "certificateRefs": [
                        {"kind": "Secret", "name": "obs-wildcard"},
                    ]},
                },
            ],
        },
    });
    gateway["metadata"]["annotations"] = annotations;
    if !infrastructure.is_null() {
        gateway["spec"]["infrastructure"] = infrastructure;
    }
    gateway
}

pub(crate) fn deployment(namespace: &str, name: &str, replicas: u32) -> Value {
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": {"app": name}},
            "template": {
                "metadata": {"labels": {"app": name}},
                "spec": {"containers": [{
                    "name": "echo", "image": "example.test/gateproof/echo:1",
                    "ports": [{"name": "http", "containerPort": 8080}],
                }]},
            },
        },
    })
}

pub(crate) fn service(namespace: &str, name: &str) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Service",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {
            "selector": {"app": name},
            "ports": [{"name": "http", "port": 80, "targetPort": "http"}],
        },
    })
}

pub(crate) fn route(namespace: &str, name: &str, backends: Value) -> Value {
    let mut route = json!({
        "apiVersion": "gateway.networking.k8s.io/v1", "kind": "HTTPRoute",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {
            "parentRefs": [{"name": "shared-gateway", "namespace": "gateway"}],
            "hostnames": ["hello.obs.example.test"],
            "rules": [{}],
        },
    });
    route["spec"]["rules"][0]["backendRefs"] = backends;
    route
}
