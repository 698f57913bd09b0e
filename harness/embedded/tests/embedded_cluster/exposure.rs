//! Claims about which node and port accepts in each mode.

use gateproof_kubernetes::Cluster;

use crate::bench::{dedicated, every_node, founding, host_network, names, stack};

#[tokio::test]
async fn dedicated_mode_accepts_on_every_node_port_and_on_no_listener_port() {
    let bench = founding(&stack(dedicated())).await;
    assert_eq!(bench.condition("Accepted"), "True");
    assert_eq!(bench.condition("Programmed"), "True");
    assert_eq!(bench.service()["spec"]["type"], "LoadBalancer");
    for listener in [80, 443] {
        assert_eq!(bench.accepting(bench.node_port(listener)).await, every_node());
        assert_eq!(bench.accepting(listener).await, names(&[]), "listener port {listener}");
    }
    assert_eq!(bench.cluster.unmodelled(), [], "the founding Gateway is covered");
    for node in bench.cluster.nodes() {
        let address = node.primary_address().expect("an address");
        let answer = bench.http(address, bench.node_port(80), "hello.obs.example.test").await;
        assert_eq!(answer.status, 200, "{}", node.name);
        let echo = answer.echo.expect("an echo");
        assert_eq!(echo.namespace, "starlift-observability");
        assert_eq!(echo.service, "go-hello-world");
        let unknown = bench.http(address, bench.node_port(80), "other.example.test").await;
        assert_eq!(unknown.status, 404, "an unknown host has no route");
    }
}

#[tokio::test]
async fn host_network_accepts_on_listener_ports_of_every_node_and_on_no_node_port() {
    let bench = founding(&stack(host_network(&[]))).await;
    assert_eq!(bench.service()["spec"]["type"], "NodePort");
    assert_eq!(bench.condition("Programmed"), "True");
    for listener in [80, 443] {
        assert_eq!(bench.accepting(listener).await, every_node());
        // Inferred for Cilium 1.20: the node port leads nowhere.
        assert_eq!(bench.accepting(bench.node_port(listener)).await, names(&[]));
    }
    let answer = bench.http(bench.node("worker4"), 80, "hello.obs.example.test").await;
    assert_eq!(answer.status, 200);
}

#[tokio::test]
async fn a_node_selector_limits_listener_ports_to_the_chosen_nodes() {
    let bench = founding(&stack(host_network(&[("role", "gateway")]))).await;
    for listener in [80, 443] {
        assert_eq!(bench.accepting(listener).await, names(&["worker", "worker2"]));
    }
}

#[tokio::test]
async fn low_ports_stay_closed_without_the_capability_and_envoy_says_why() {
    let mut config = host_network(&[]);
    config.envoy_may_bind_low_ports = false;
    let bench = founding(&stack(config)).await;
    assert_eq!(bench.condition("Programmed"), "True", "the status knows nothing of Envoy");
    assert_eq!(bench.accepting(80).await, names(&[]));
    let envoy = gateproof_kubernetes::Component::Envoy(bench.cluster.nodes()[0].name.clone());
    let log = bench.cluster.logs(&envoy).await.expect("a log");
    assert!(log.contains("cannot bind '0.0.0.0:80': Permission denied"), "{log}");
}

#[tokio::test]
async fn another_installation_on_the_same_cluster_changes_what_accepts() {
    let bench = founding(&stack(dedicated())).await;
    let node_port = bench.node_port(80);
    bench.cluster.install(&stack(host_network(&[]))).await.expect("installed");
    bench.settle().await;
    assert_eq!(bench.accepting(80).await, every_node());
    assert_eq!(bench.accepting(node_port).await, names(&[]));
    bench.cluster.install(&stack(dedicated())).await.expect("installed");
    bench.settle().await;
    assert_eq!(bench.accepting(80).await, names(&[]));
    assert_eq!(bench.accepting(bench.node_port(80)).await, every_node());
}

#[tokio::test]
async fn host_network_of_1_18_has_no_node_port_at_all() {
    let mut request = stack(host_network(&[]));
    request.cilium = "1.18.10".parse().expect("a version");
    let bench = founding(&request).await;
    let service = bench.service();
    assert_eq!(service["spec"]["type"], "ClusterIP");
    assert!(service["spec"]["ports"][0].get("nodePort").is_none(), "{service}");
    assert_eq!(bench.condition("Programmed"), "False", "for ever, although traffic works");
    assert_eq!(bench.accepting(80).await, every_node());
    assert_eq!(bench.cluster.subject().to_string(), "reference model of Cilium 1.18");
}
