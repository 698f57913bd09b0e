use gateproof_core::exposure::{Expectation, PortRole};
use gateproof_core::name::NamespacedName;
use proptest::prelude::{Just, Strategy, any, prop_oneof, proptest};
use proptest::{collection, prop_assert, prop_assert_eq};
use serde_json::{Value, json};

use super::exposure;
use crate::datapath::{AgentState, EnvoyState, NodeState, SocketBehaviour, datapath};
use crate::fixture::{Cluster, gw};
use crate::reconcile::reconcile;

fn http(port: u16) -> Value {
    json!([{"name": "http", "port": port, "protocol": "HTTP"}])
}

fn cells(cluster: &Cluster) -> Vec<String> {
    let cells =
        cluster.run(|input| exposure(input, &gw())).unwrap_or_else(|limit| panic!("{limit}"));
    cells
        .iter()
        .map(|(endpoint, expectation)| {
            let verdict = match expectation {
                Expectation::Accepts => "accepts",
                Expectation::DoesNotAccept => "closed",
                Expectation::Unmodelled(_) => "unmodelled",
            };
            format!("{}:{} {verdict}", endpoint.node, endpoint.port)
        })
        .collect()
}

#[test]
fn dedicated_node_ports_accept_and_listener_ports_do_not() {
    let cluster = Cluster::new("1.20.0").gateway(http(80)).live_service("LoadBalancer", &[80], &[]);
    assert_eq!(
        cells(&cluster),
        ["node-a:80 closed", "node-a:30080 accepts", "node-b:80 closed", "node-b:30080 accepts"]
    );
}

#[test]
fn host_network_listener_ports_accept_on_selected_nodes_and_node_ports_are_left_out() {
    let cluster = Cluster::new("1.20.2")
        .host_network(&[("role", "gateway")])
        .gateway(http(80))
        .live_service("NodePort", &[80], &[]);
    assert_eq!(cells(&cluster), ["node-a:80 closed", "node-b:80 accepts"]);
    let grid = cluster.run(|input| exposure(input, &gw())).expect("an exposure");
    assert!(grid.iter().all(|(endpoint, _)| endpoint.role == PortRole::ListenerPort));
}

#[test]
fn without_node_ports_nothing_is_claimed() {
    let missing = Cluster::new("1.20.0").gateway(http(80));
    let error = missing.run(|input| exposure(input, &gw())).expect_err("there is no Service");
    assert!(error.to_string().contains("has no Service apps/cilium-gateway-gw"), "{error}");
    let partial = Cluster::new("1.20.0").gateway(http(80)).live_service("LoadBalancer", &[81], &[]);
    let error = partial.run(|input| exposure(input, &gw())).expect_err("there is no node port");
    assert!(error.to_string().contains("no node port for port 80"), "{error}");
}

#[test]
fn a_gateway_that_is_not_served_has_no_exposure() {
    let cluster = Cluster::new("1.20.0").gateway(http(80));
    let stranger = NamespacedName::new("apps", "stranger");
    let error = cluster.run(|input| exposure(input, &stranger)).expect_err("no such Gateway");
    assert!(error.to_string().contains("without an Envoy configuration"), "{error}");
}

#[test]
fn a_route_that_is_not_covered_does_not_spoil_the_exposure() {
    let route =
        json!({"parentRefs": [{"name": "gw"}], "rules": [{"filters": [{"type": "ExternalAuth"}]}]});
    let cluster = Cluster::new("1.20.0")
        .gateway(http(80))
        .live_service("LoadBalancer", &[80], &[])
        .route("r", route);
    assert!(!cluster.outcome().unmodelled.is_empty());
    assert_eq!(cells(&cluster).len(), 4);
}

fn versions() -> impl Strategy<Value = &'static str> {
    prop_oneof![
        Just("1.16.0"),
        Just("1.17.10"),
        Just("1.18.10"),
        Just("1.19.6"),
        Just("1.20.2"),
        Just("1.21-dev")
    ]
}

/// Routes with backends that exist, do not exist, or lack a port, for hosts that fit or do not.
fn routes() -> impl Strategy<Value = Vec<Value>> {
    let backend = prop_oneof![Just("web"), Just("api"), Just("gone")];
    let host = prop_oneof![Just("a.test"), Just("b.test")];
    let route = (backend, host, any::<bool>()).prop_map(|(backend, host, with_port)| {
        let mut reference = json!({"name": backend});
        if with_port {
            reference["port"] = json!(80);
        }
        json!({"parentRefs": [{"name": "gw"}], "hostnames": [host], "rules": [{"backendRefs": [reference]}]})
    });
    collection::vec(route, 0..4)
}

proptest! {
    /// (i) Whatever agents, Envoys and kubelets do, the statuses stay: a cluster whose nodes are
    /// not ready and whose sockets are all closed says what a healthy one says.
    #[test]
    fn statuses_never_depend_on_agents_or_envoys(
        version in versions(), routes in routes(), stale in any::<bool>(), host_network in any::<bool>(),
    ) {
        let mut healthy =
            Cluster::new(version).gateway(http(80)).live_service("LoadBalancer", &[80], &["192.0.2.1"]);
        if host_network {
            healthy = healthy.host_network(&[("role", "gateway")]);
        }
        for (index, route) in routes.into_iter().enumerate() {
            healthy = healthy.route(&format!("r{index}"), route);
        }
        let expected = healthy.outcome().statuses;
        let mut broken = healthy;
        for node in broken.objects.iter_mut().filter(|object| object["kind"] == "Node") {
            node["status"]["conditions"] = json!([{"type": "Ready", "status": "False"}]);
            node["spec"] = json!({"unschedulable": true, "taints": [
                {"key": "node.cilium.io/agent-not-ready", "effect": "NoSchedule"}]});
        }
        let (statuses, sockets) = broken.run(|input| {
            let outcome = reconcile(input);
            let mut started = input.config.clone();
            started.gateway_api = !stale;
            let nodes: Vec<NodeState> = input.resources.nodes.values().map(|node| NodeState {
                node: node.name.clone(),
                agent: AgentState::StartedWith(started.clone()),
                envoy: EnvoyState::Down,
            }).collect();
            (outcome.statuses, datapath(input, &outcome.envoy, &nodes).sockets)
        });
        prop_assert!(!sockets.is_empty(), "the data path has sockets");
        let serving = sockets.iter().any(|s| matches!(s.behaviour, SocketBehaviour::Serves { .. }));
        prop_assert!(!serving, "a node without Envoy serves");
        prop_assert_eq!(statuses, expected);
    }

    /// (ii) Whether a node port accepts never depends on routes or backends.
    #[test]
    fn node_port_acceptance_never_depends_on_routes(version in versions(), routes in routes()) {
        let bare = Cluster::new(version).gateway(http(80)).live_service("LoadBalancer", &[80], &[]);
        let expected = cells(&bare);
        let mut cluster = bare;
        for (index, route) in routes.into_iter().enumerate() {
            cluster = cluster.route(&format!("r{index}"), route);
        }
        prop_assert_eq!(cells(&cluster), expected);
    }
}
