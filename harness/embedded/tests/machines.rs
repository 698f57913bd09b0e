//! A cluster of several machines: a control plane and nodes that speak over its API alone, each
//! with an address of its own (here of loopback).

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use gateproof_core::scenario::ObjectRef;
use gateproof_embedded::address::AddressBlock;
use gateproof_embedded::api::Face;
use gateproof_embedded::machines::{ControlPlane, Machine, NodeAgent};
use gateproof_kubernetes::{Client, Poll, wait};
use k8s_openapi::ByteString;
use serde_json::{Value, json};

const PATIENCE: Duration = Duration::from_secs(30);

struct Bench {
    block: AddressBlock,
    control_plane: ControlPlane,
    client: Client,
    nodes: Vec<NodeAgent>,
}

impl Bench {
    /// A control plane with nodes `node0`, `node1`, … and nothing installed.
    async fn start(nodes: usize) -> Self {
        let block = AddressBlock::claim().expect("a free block");
        let address = SocketAddr::new(block.base(), 6443);
        let face = Face {
            cluster: "test".to_owned(),
            url: format!("https://{address}"),
            names: vec![address.ip().to_string()],
            tokens: vec!["abcdef.0123456789abcdef".to_owned()],
        };
        let control_plane = ControlPlane::start(address, &face).await.expect("a control plane");
        let kubeconfig = control_plane.access().admin_kubeconfig();
        let client = Client::from_kubeconfig_text(&kubeconfig).await.expect("a kubeconfig");
        let mut bench = Self { block, control_plane, client, nodes: Vec::new() };
        for index in 0..nodes {
            let name = format!("node{index}");
            let machine = Machine {
                node: json!({
                    "apiVersion": "v1", "kind": "Node",
                    "metadata": {"name": name, "labels": {"kubernetes.io/hostname": name}},
                    "spec": {"taints": [{
                        "key": "node.kubernetes.io/not-ready", "effect": "NoSchedule",
                    }]},
                }),
                address: bench.address(index),
                info: json!({"osImage": "test"}),
                name,
            };
            let client = Client::from_kubeconfig_text(&kubeconfig).await.expect("a kubeconfig");
            bench.nodes.push(NodeAgent::start(client, machine).await.expect("a node"));
        }
        bench
    }

    fn address(&self, node: usize) -> IpAddr {
        self.block.node(node).expect("a small cluster").into()
    }

    async fn apply(&self, object: Value) {
        self.client.apply(&object, "test").await.unwrap_or_else(|e| panic!("{e}: {object}"));
    }

    /// Waits until an object is as wished.
    async fn until(&self, object: (&str, &str, Option<&str>, &str), what: &str, pointer: &str) {
        let reference = ObjectRef {
            api_version: object.0.to_owned(),
            kind: object.1.to_owned(),
            namespace: object.2.map(str::to_owned),
            name: object.3.to_owned(),
        };
        let judge = |found: Option<&Value>| match found.and_then(|found| found.pointer(pointer)) {
            Some(value) if value == what => Poll::Ready(()),
            other => Poll::NotYet { missing: format!("{pointer} is {other:?}, not {what}") },
        };
        wait::until_object(&self.client, &reference, PATIENCE, |_| {}, judge)
            .await
            .unwrap_or_else(|error| panic!("{object:?}: {error}; {}", self.state()));
    }

    /// What the parts say of themselves.
    fn state(&self) -> String {
        let nodes: Vec<_> = self.nodes.iter().map(NodeAgent::problems).collect();
        format!("control plane: {:?}, nodes: {nodes:?}", self.control_plane.problems())
    }

    /// Records a release as Helm would, and applies what its chart makes.
    async fn install(&self, revision: u64, values: &Value) {
        let base64 = |text: &[u8]| {
            let value = serde_json::to_value(ByteString(text.to_vec())).expect("octets");
            value.as_str().expect("text").to_owned()
        };
        let record = json!({
            "name": "cilium", "version": revision, "info": {"status": "deployed"},
            "config": values, "chart": {"metadata": {"name": "cilium", "version": "1.20.2"}},
        });
        self.apply(json!({
            "apiVersion": "v1", "kind": "Secret", "type": "helm.sh/release.v1",
            "metadata": {
                "name": format!("sh.helm.release.v1.cilium.v{revision}"),
                "namespace": "kube-system",
            },
            "data": {"release": base64(base64(record.to_string().as_bytes()).as_bytes())},
        }))
        .await;
        for (kind, name, image) in [
            ("DaemonSet", "cilium", "x/cilium/cilium"),
            ("Deployment", "cilium-operator", "x/cilium/operator-generic"),
        ] {
            self.apply(json!({
                "apiVersion": "apps/v1", "kind": kind,
                "metadata": {"name": name, "namespace": "kube-system"},
                "spec": {
                    "selector": {"matchLabels": {"k8s-app": name}},
                    "template": {
                        "metadata": {
                            "labels": {"k8s-app": name},
                            "annotations": {"revision": revision.to_string()},
                        },
                        "spec": {
                            "hostNetwork": true,
                            "tolerations": [{"operator": "Exists"}],
                            "containers": [{"name": name, "image": image}],
                        },
                    },
                },
            }))
            .await;
        }
        let namespace = |name: &str| json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}});
        self.apply(namespace("cilium-secrets")).await;
        self.apply(json!({
            "apiVersion": "gateway.networking.k8s.io/v1", "kind": "GatewayClass",
            "metadata": {"name": "cilium"},
            "spec": {"controllerName": "io.cilium/gateway-controller"},
        }))
        .await;
        let pool = json!({
            "apiVersion": "cilium.io/v2", "kind": "CiliumLoadBalancerIPPool",
            "metadata": {"name": "pool"}, "spec": {"blocks": [{"cidr": "192.0.2.0/28"}]},
        });
        self.apply(pool).await;
    }

    async fn application(&self) {
        self.apply(json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "apps"}}))
            .await;
        self.apply(json!({
            "apiVersion": "apps/v1", "kind": "Deployment",
            "metadata": {"name": "web", "namespace": "apps"},
            "spec": {
                "replicas": 1,
                "selector": {"matchLabels": {"app": "web"}},
                "template": {
                    "metadata": {"labels": {"app": "web"}},
                    "spec": {"containers": [{"name": "echo", "image": "x/gateproof/echo"}]},
                },
            },
        }))
        .await;
        self.apply(json!({
            "apiVersion": "v1", "kind": "Service", "metadata": {"name": "web", "namespace": "apps"},
            "spec": {"selector": {"app": "web"}, "ports": [{"port": 80, "targetPort": 3000}]},
        }))
        .await;
        let from = json!({"namespaces": {"from": "Same"}});
        self.apply(json!({
            "apiVersion": "gateway.networking.k8s.io/v1", "kind": "Gateway",
            "metadata": {"name": "shared", "namespace": "apps"},
            "spec": {"gatewayClassName": "cilium", "listeners": [
                {"name": "http", "protocol": "HTTP", "port": 8080, "allowedRoutes": from},
            ]},
        }))
        .await;
        self.apply(json!({
            "apiVersion": "gateway.networking.k8s.io/v1", "kind": "HTTPRoute",
            "metadata": {"name": "web", "namespace": "apps"},
            "spec": {
                "parentRefs": [{"name": "shared"}],
                "rules": [{"backendRefs": [{"name": "web", "port": 80}]}],
            },
        }))
        .await;
    }

    /// Waits until a node's port answers with this status, or refuses (`None`).
    async fn answers(&self, node: usize, port: u16, expected: Option<u16>) {
        let socket = SocketAddr::new(self.address(node), port);
        let outcome = wait::until(
            PATIENCE,
            Duration::from_millis(50),
            |_| {},
            || async move {
                let found = status(socket).await;
                if found == expected {
                    Poll::Ready(())
                } else {
                    Poll::NotYet {
                        missing: format!("{socket} answers {found:?}, not {expected:?}"),
                    }
                }
            },
        );
        outcome.await.unwrap_or_else(|error| panic!("{error}; {}", self.state()));
    }

    async fn node_port(&self) -> u16 {
        let service = ObjectRef {
            api_version: "v1".to_owned(),
            kind: "Service".to_owned(),
            namespace: Some("apps".to_owned()),
            name: "cilium-gateway-shared".to_owned(),
        };
        let judge = |found: Option<&Value>| match found
            .and_then(|found| found.pointer("/spec/ports/0/nodePort")?.as_u64())
        {
            Some(port) => Poll::Ready(u16::try_from(port).expect("a port")),
            None => Poll::NotYet { missing: "a node port".to_owned() },
        };
        wait::until_object(&self.client, &service, PATIENCE, |_| {}, judge)
            .await
            .expect("a Service for the Gateway")
    }

    async fn shutdown(self) {
        assert_eq!(self.control_plane.problems(), Vec::<String>::new());
        for node in &self.nodes {
            assert_eq!(node.problems(), Vec::<String>::new());
            node.shutdown().await;
        }
        self.control_plane.shutdown().await;
    }
}

/// What an HTTP request to a socket is answered with; `None` when it is refused.
async fn status(socket: SocketAddr) -> Option<u16> {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let mut stream = tokio::net::TcpStream::connect(socket).await.ok()?;
    stream.write_all(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").await.ok()?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.ok()?;
    let text = String::from_utf8_lossy(&answer).into_owned();
    text.split_whitespace().nth(1)?.parse().ok()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_node_serves_its_own_address_and_pods_are_reached_across_machines() {
    let bench = Bench::start(3).await;
    bench.until(("v1", "Node", None, "node1"), "False", "/status/conditions/0/status").await;
    let values = json!({"gatewayAPI": {"enabled": true}, "kubeProxyReplacement": true});
    bench.install(1, &values).await;
    bench.until(("v1", "Node", None, "node1"), "True", "/status/conditions/0/status").await;
    bench.application().await;
    let port = bench.node_port().await;
    for node in 0..3 {
        bench.answers(node, port, Some(200)).await;
        bench.answers(node, 8080, None).await;
    }
    bench.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn new_values_hold_from_the_restart_of_the_pods_on() {
    let bench = Bench::start(2).await;
    let values = json!({"gatewayAPI": {"enabled": true}, "kubeProxyReplacement": true});
    bench.install(1, &values).await;
    bench.application().await;
    let port = bench.node_port().await;
    bench.answers(0, port, Some(200)).await;
    let host_network = json!({
        "gatewayAPI": {"enabled": true, "hostNetwork": {"enabled": true}},
        "kubeProxyReplacement": true,
    });
    bench.install(2, &host_network).await;
    bench.answers(0, 8080, Some(200)).await;
    bench.answers(1, 8080, Some(200)).await;
    bench.shutdown().await;
}
