//! Claims about faults: what breaks, what does not, and which evidence there is.

use gateproof_core::cluster::NodeSelector;
use gateproof_core::name::NodeName;
use gateproof_core::scenario::{Fault, PodTrouble};
use gateproof_embedded::api::Kind;
use gateproof_kubernetes::{Cluster, Component};

use crate::bench::{Bench, dedicated, every_node, founding_with, names};

async fn agent_log(bench: &Bench, node: &str) -> String {
    let agent = Component::CiliumAgent(NodeName::new(node));
    bench.cluster.logs(&agent).await.expect("a log")
}

fn on(node: &str) -> NodeSelector {
    NodeSelector::Names(vec![NodeName::new(node)])
}

#[tokio::test]
async fn stale_agents_break_every_node_while_the_status_looks_fine() {
    let fault = Fault::AgentsNotRestarted { nodes: NodeSelector::All };
    let bench = founding_with(dedicated(), vec![fault]).await;
    assert_eq!(bench.condition("Accepted"), "True");
    assert_eq!(bench.condition("Programmed"), "True");
    for listener in [80, 443] {
        assert_eq!(bench.accepting(bench.node_port(listener)).await, names(&[]));
    }
    let log = agent_log(&bench, "worker3").await;
    assert!(log.contains("Mismatch found") && log.contains("key=enable-gateway-api"), "{log}");
    assert!(
        log.contains("No local entry found") && log.contains("gateway-api-hostnetwork-enabled"),
        "{log}"
    );
}

#[tokio::test]
async fn restarted_agents_carry_traffic_and_say_nothing() {
    let bench = founding_with(dedicated(), Vec::new()).await;
    assert_eq!(bench.accepting(bench.node_port(80)).await, every_node());
    assert_eq!(agent_log(&bench, "worker3").await, "");
}

#[tokio::test]
async fn one_stale_agent_breaks_its_own_node_only() {
    let bench =
        founding_with(dedicated(), vec![Fault::AgentsNotRestarted { nodes: on("worker2") }]).await;
    let others = names(&["control-plane", "worker", "worker3", "worker4", "worker5"]);
    assert_eq!(bench.accepting(bench.node_port(80)).await, others);
    assert!(agent_log(&bench, "worker2").await.contains("Mismatch found"));
    assert_eq!(agent_log(&bench, "worker3").await, "");
}

#[tokio::test]
async fn envoy_down_on_one_node_closes_that_node_and_shows_in_the_daemon_set() {
    let fault = Fault::EnvoyDown { nodes: on("worker5"), why: PodTrouble::Crashes };
    let bench = founding_with(dedicated(), vec![fault]).await;
    let others = names(&["control-plane", "worker", "worker2", "worker3", "worker4"]);
    assert_eq!(bench.accepting(bench.node_port(80)).await, others);
    let set = bench.get(&Kind::new("apps", "DaemonSet"), "kube-system", "cilium-envoy");
    assert_eq!(set["status"]["desiredNumberScheduled"], 6);
    assert_eq!(set["status"]["numberReady"], 5);
    let agents = bench.get(&Kind::new("apps", "DaemonSet"), "kube-system", "cilium");
    assert_eq!(agents["status"]["numberReady"], 6, "the agents are fine");
    assert_eq!(bench.condition("Programmed"), "True", "the status knows nothing of it");
}

#[tokio::test]
async fn without_kube_proxy_replacement_the_gateway_gets_no_status_and_the_operator_says_why() {
    let mut config = dedicated();
    config.kube_proxy_replacement = false;
    let bench = founding_with(config, Vec::new()).await;
    assert_ne!(bench.condition("Accepted"), "True");
    let log = bench.cluster.logs(&Component::CiliumOperator).await.expect("a log");
    assert!(log.contains("requires kube-proxy-replacement"), "{log}");
}
