//! Claims about bringing clusters up and taking them away.

use std::net::SocketAddr;
use std::time::Duration;

use gateproof_core::cluster::ProviderKind;
use gateproof_core::observation::TcpOutcome;
use gateproof_core::topology::IpFamily;
use gateproof_embedded::EmbeddedProvider;
use gateproof_kubernetes::wait::{self, Poll};
use gateproof_kubernetes::{Cluster, Provider, Surroundings};

use crate::bench::{Bench, dedicated, founding, plan, stack};

/// The sockets of all nodes for port 80, as dialled from here.
fn sockets(bench: &Bench) -> Vec<SocketAddr> {
    let port = bench.node_port(80);
    let book = bench.cluster.address_book();
    bench
        .cluster
        .nodes()
        .iter()
        .filter_map(|node| book.resolve(node.primary_address()?, port))
        .collect()
}

async fn accepting(sockets: &[SocketAddr]) -> usize {
    let mut accepting = 0;
    for socket in sockets {
        let seen = gateproof_probe::tcp(*socket, Duration::from_millis(400)).await;
        accepting += usize::from(seen.outcome == TcpOutcome::Accepted);
    }
    accepting
}

#[tokio::test]
async fn teardown_leaves_no_listener_and_may_be_repeated() {
    let bench = founding(&stack(dedicated())).await;
    let sockets = sockets(&bench);
    assert_eq!(accepting(&sockets).await, 6);
    bench.cluster.teardown().await.expect("taken away");
    assert_eq!(accepting(&sockets).await, 0);
    bench.cluster.teardown().await.expect("taken away again");
    let error = bench.cluster.install(&stack(dedicated())).await.expect_err("it is gone");
    assert!(error.to_string().contains("stopped"), "{error}");
}

#[tokio::test]
async fn a_dropped_cluster_leaves_no_task() {
    let before = tokio::runtime::Handle::current().metrics().num_alive_tasks();
    let bench = founding(&stack(dedicated())).await;
    let running = tokio::runtime::Handle::current().metrics().num_alive_tasks();
    assert!(running > before, "a cluster runs tasks");
    drop(bench);
    // Tasks end by themselves once they are told to; a bounded number of turns is enough.
    for _ in 0..10_000 {
        if tokio::runtime::Handle::current().metrics().num_alive_tasks() <= before {
            return;
        }
        tokio::task::yield_now().await;
    }
    let left = tokio::runtime::Handle::current().metrics().num_alive_tasks() - before;
    panic!("{left} tasks are left after the cluster was dropped");
}

#[tokio::test]
async fn two_clusters_live_side_by_side() {
    let (one, other) = (founding(&stack(dedicated())).await, founding(&stack(dedicated())).await);
    assert_ne!(one.node("worker"), other.node("worker"));
    one.cluster.teardown().await.expect("taken away");
    let answer = other.http(other.node("worker"), other.node_port(80), "hello.obs.example.test");
    assert_eq!(answer.await.status, 200, "the other cluster goes on");
}

#[tokio::test]
async fn a_provider_hands_over_nodes_in_order_and_a_working_api() {
    let provider = EmbeddedProvider::new();
    assert_eq!(provider.kind(), ProviderKind::Embedded);
    let cluster =
        provider.provision(&plan(), &Surroundings::none("test")).await.expect("a cluster");
    let names: Vec<String> = cluster.nodes().iter().map(|node| node.name.to_string()).collect();
    let mut sorted = names.clone();
    sorted.sort();
    assert_eq!(names, sorted);
    let nodes = cluster.client().list("v1", "Node", None).await.expect("nodes");
    assert_eq!(nodes.len(), 6);
    let namespaces = cluster.client().list("v1", "Namespace", None).await.expect("namespaces");
    assert!(namespaces.iter().all(|namespace| namespace["status"]["phase"] == "Active"));
    cluster.teardown().await.expect("taken away");
}

#[tokio::test]
async fn a_topology_with_ipv6_is_refused_with_a_way_out() {
    let mut plan = plan();
    plan.topology.networking.ip_family = IpFamily::Dual;
    let error = EmbeddedProvider::new().start(&plan).await.expect_err("IPv4 only").to_string();
    assert!(error.contains("provision cluster five-workers") && error.contains("kind"), "{error}");
}

#[tokio::test]
async fn thirty_clusters_one_after_the_other_leave_no_task() {
    let tasks = || tokio::runtime::Handle::current().metrics().num_alive_tasks();
    let before = tasks();
    for cycle in 0..30 {
        let bench = founding(&stack(dedicated())).await;
        assert!(tasks() > before, "a running cluster has tasks");
        bench.cluster.teardown().await.expect("taken away");
        drop(bench);
        // A task that was told to end does so at its next turn.
        let gone = wait::until(
            Duration::from_secs(30),
            Duration::from_millis(5),
            |_| {},
            async || match tasks().checked_sub(before) {
                Some(0) => Poll::Ready(()),
                left => Poll::NotYet { missing: format!("{left:?} tasks are left") },
            },
        );
        gone.await.unwrap_or_else(|error| panic!("after cluster {cycle}: {error}"));
    }
}
