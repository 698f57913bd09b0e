//! An embedded cluster with a Gateway, its certificate and its backend.

use std::sync::Arc;

use gateproof_core::cilium::CiliumConfig;
use gateproof_core::cluster::NodeRole;
use gateproof_core::name::ClusterName;
use gateproof_core::plan::ClusterPlan;
use gateproof_core::scenario::GatewayApi;
use gateproof_core::topology::{Topology, TopologyNode};
use gateproof_embedded::{EmbeddedCluster, EmbeddedProvider};
use gateproof_kubernetes::{Cluster, StackRequest};
use serde_json::{Value, json};

/// Gateway API on, everything else as the chart has it.
pub(crate) fn dedicated() -> CiliumConfig {
    CiliumConfig { gateway_api: true, kube_proxy_replacement: true, ..CiliumConfig::default() }
}

/// A cluster with this configuration, the objects below and these.
pub(crate) async fn cluster(config: CiliumConfig, more: Vec<Value>) -> Arc<EmbeddedCluster> {
    let plan = ClusterPlan {
        name: ClusterName::new("inspected"),
        topology: Topology::of_nodes(
            "inspected",
            vec![
                TopologyNode::plain("control-plane", NodeRole::ControlPlane),
                TopologyNode::plain("worker", NodeRole::Worker),
            ],
        ),
        trials: Vec::new(),
    };
    let cluster = EmbeddedProvider::new().start(&plan).await.expect("a cluster");
    let stack = StackRequest {
        cilium: "1.18.10".parse().expect("a version"),
        config,
        values: json!({"gatewayAPI": {"enabled": true}, "kubeProxyReplacement": true}),
        gateway_api: GatewayApi::default(),
        cert_manager: None,
        cert_manager_values: Value::Null,
        address_pools: Vec::new(),
        faults: Vec::new(),
    };
    cluster.install(&stack).await.expect("an installed stack");
    for object in objects().into_iter().chain(more) {
        let applied = cluster.client().apply(&object, "test").await;
        applied.unwrap_or_else(|error| panic!("{error}: {object}"));
    }
    cluster.settled().await.expect("a running cluster");
    cluster
}

fn objects() -> Vec<Value> {
    vec![
        json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "gateway"}}),
        json!({"apiVersion": "cert-manager.io/v1", "kind": "ClusterIssuer",
            "metadata": {"name": "self-signed"}, "spec": {"selfSigned": {}}}),
        json!({"apiVersion": "gateway.networking.k8s.io/v1", "kind": "Gateway",
        "metadata": {"namespace": "gateway", "name": "web",
            "annotations": {"cert-manager.io/cluster-issuer": "self-signed"}},
        "spec": {"gatewayClassName": "cilium", "listeners": [
            {"name": "http", "port": 80, "protocol": "HTTP"},
            {"name": "https", "port": 443, "protocol": "HTTPS", "hostname": "*.example.test",
                "tls": {"certificateRefs": [{"name": "wildcard"}]}},
        ]}}),
    ]
}
