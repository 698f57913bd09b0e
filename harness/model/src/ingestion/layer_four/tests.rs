#![expect(clippy::needless_pass_by_value, reason = "json! literals read best as values")]

use serde_json::{Value, json};

use crate::datapath::{AgentState, EnvoyState, NodeState, SocketBehaviour, datapath};
use crate::fixture::{Cluster, condition, listener_condition, listener_status};
use crate::reconcile::{Outcome, reconcile};

fn route(kind: &str, name: &str, created: &str, backends: Value) -> Value {
    json!({"apiVersion": "gateway.networking.k8s.io/v1", "kind": kind,
           "metadata": {"name": name, "namespace": "apps", "creationTimestamp": created},
           "spec": {"parentRefs": [{"name": "gw"}], "rules": [{"backendRefs": backends}]}})
}

fn both_transports(version: &str) -> Cluster {
    Cluster::new(version)
        .gateway(json!([
            {"name": "tcp", "port": 5300, "protocol": "TCP"},
            {"name": "udp", "port": 5300, "protocol": "UDP"},
            {"name": "http", "port": 80, "protocol": "HTTP"},
        ]))
        .with(route("TCPRoute", "t", "2026-01-01T00:00:00Z", json!([
            {"name": "web", "port": 53, "weight": 3}, {"name": "api", "port": 53, "weight": 90000}])))
        .with(route("UDPRoute", "u", "2026-01-01T00:00:00Z", json!([{"name": "web", "port": 53}])))
}

fn objects<'a>(outcome: &'a Outcome, kind: &str) -> Vec<&'a Value> {
    outcome.objects.iter().filter(|object| object["kind"] == kind).collect()
}

#[test]
fn connections_get_slices_by_backend_and_transport_with_weights() {
    let outcome = both_transports("1.20.0").outcome();
    assert!(outcome.unmodelled.is_empty(), "{:?}", outcome.unmodelled);
    let service = objects(&outcome, "Service")[0];
    assert_eq!(
        service["spec"]["ports"],
        json!([
            {"name": "port-80", "port": 80, "protocol": "TCP"},
            {"name": "port-5300", "port": 5300, "protocol": "TCP"},
            {"name": "port-5300-udp", "port": 5300, "protocol": "UDP"},
        ])
    );
    assert_eq!(
        service["metadata"]["annotations"],
        json!({"service.cilium.io/lb-algorithm": "maglev"})
    );
    let slices = objects(&outcome, "EndpointSlice");
    let told: Vec<String> = slices
        .iter()
        .map(|slice| {
            let annotation = |key: &str| slice["metadata"]["annotations"][key].as_str();
            format!(
                "{} {} {}",
                annotation("gateway.cilium.io/backend-service").unwrap_or_default(),
                annotation("service.cilium.io/weight").unwrap_or_default(),
                slice["ports"][0]["name"].as_str().unwrap_or_default()
            )
        })
        .collect();
    let mut sorted = told.clone();
    sorted.sort();
    assert_eq!(
        sorted,
        ["apps/api 65535 port-5300", "apps/web 1 port-5300-udp", "apps/web 3 port-5300"]
    );
    assert!(slices.iter().all(|slice| slice["endpoints"] == json!([])), "no placeholder");
    let config = objects(&outcome, "CiliumEnvoyConfig")[0];
    assert_eq!(config["spec"]["services"][0]["ports"], json!([80]), "Envoy has no part in it");
}

#[test]
fn a_slice_is_named_by_a_hash_of_backend_port_and_transport() {
    // From cilium/cilium 1.20's own expectations for a Gateway `gateway-mixed`.
    let mut cluster = Cluster::new("1.20.0");
    cluster.objects.extend([
        json!({"apiVersion": "gateway.networking.k8s.io/v1", "kind": "Gateway",
               "metadata": {"name": "gateway-mixed", "namespace": "gateway-conformance-infra"},
               "spec": {"gatewayClassName": "cilium", "listeners": [
                   {"name": "tcp", "port": 3000, "protocol": "TCP"}]}}),
        json!({"apiVersion": "v1", "kind": "Service",
               "metadata": {"name": "tcp-backend", "namespace": "gateway-conformance-infra"}, "spec": {}}),
        json!({"apiVersion": "gateway.networking.k8s.io/v1", "kind": "TCPRoute",
               "metadata": {"name": "r", "namespace": "gateway-conformance-infra"},
               "spec": {"parentRefs": [{"name": "gateway-mixed"}],
                        "rules": [{"backendRefs": [{"name": "tcp-backend", "port": 3000}]}]}}),
    ]);
    let outcome = cluster.outcome();
    let names: Vec<&Value> =
        objects(&outcome, "EndpointSlice").iter().map(|slice| &slice["metadata"]["name"]).collect();
    assert_eq!(names, ["cilium-gateway-gateway-mixed-ecb92c68-ipv4"]);
    assert!(objects(&outcome, "CiliumEnvoyConfig").is_empty(), "there is nothing for Envoy");
}

#[test]
fn of_several_routes_the_oldest_is_served_and_all_are_accepted() {
    let outcome = Cluster::new("1.20.0")
        .gateway(json!([{"name": "tcp", "port": 5300, "protocol": "TCP"}]))
        .with(route("TCPRoute", "a", "2026-02-01T00:00:00Z", json!([{"name": "web", "port": 53}])))
        .with(route("TCPRoute", "b", "2026-01-01T00:00:00Z", json!([{"name": "api", "port": 53}])))
        .outcome();
    let slices = objects(&outcome, "EndpointSlice");
    assert_eq!(slices.len(), 1);
    assert_eq!(
        slices[0]["metadata"]["annotations"]["gateway.cilium.io/backend-service"],
        "apps/api"
    );
    assert_eq!(listener_status(&outcome, "tcp")["attachedRoutes"], 2);
    for name in ["a", "b"] {
        let update = outcome.statuses.iter().find(|update| update.name == name).expect("a status");
        let accepted = &update.status["parents"][0]["conditions"][0];
        assert_eq!(accepted["message"], "Accepted TCPRoute", "{name}");
    }
}

#[test]
fn layer_four_is_ignored_before_1_20() {
    let outcome = both_transports("1.19.6").outcome();
    assert!(outcome.unmodelled.is_empty(), "{:?}", outcome.unmodelled);
    assert!(!outcome.statuses.iter().any(|update| update.kind == "TCPRoute"));
    assert_eq!(objects(&outcome, "Service")[0]["spec"]["ports"].as_array().map(Vec::len), Some(1));
    let slices = objects(&outcome, "EndpointSlice");
    assert_eq!(slices[0]["endpoints"][0]["addresses"], json!(["192.192.192.192"]));
}

#[test]
fn host_network_refuses_layer_four_from_1_21_on() {
    let refused = "TCP listeners are not supported when Gateway API Host Network mode is enabled";
    for (version, listener, route) in [
        ("1.20.0", "True Accepted: Listener Accepted".to_owned(), "Accepted"),
        (
            "1.21-dev",
            format!("False UnsupportedProtocol: Listener not valid. {refused}"),
            "UnsupportedValue",
        ),
    ] {
        let outcome = both_transports(version).host_network(&[]).outcome();
        assert_eq!(listener_condition(&outcome, "tcp", "Accepted"), listener, "{version}");
        let update = outcome.statuses.iter().find(|update| update.kind == "TCPRoute");
        let conditions = &update.expect("a status").status["parents"][0]["conditions"];
        assert_eq!(conditions[0]["reason"], route, "{version}");
    }
    let outcome = both_transports("1.21-dev").outcome();
    assert_eq!(
        condition(&outcome, "Gateway", "gw", "Accepted"),
        "True Accepted: Gateway successfully scheduled",
        "without host network"
    );
}

fn sockets(cluster: &Cluster) -> Vec<(u16, SocketBehaviour)> {
    let node = NodeState {
        node: gateproof_core::name::NodeName::new("node-a"),
        agent: AgentState::Current,
        envoy: EnvoyState::Down,
    };
    let found =
        cluster.run(|input| datapath(input, &reconcile(input).envoy, std::slice::from_ref(&node)));
    let sockets = found.sockets.into_iter().map(|found| (found.endpoint.port, found.behaviour));
    sockets.chain(found.datagrams.into_iter().map(|found| (found.port, found.behaviour))).collect()
}

fn live_service(policy: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "Service",
           "metadata": {"name": "cilium-gateway-gw", "namespace": "apps"},
           "spec": {"type": "NodePort", "externalTrafficPolicy": policy, "ports": [
               {"name": "port-80", "port": 80, "nodePort": 30080},
               {"name": "port-5300", "port": 5300, "nodePort": 30001},
               {"name": "port-5300-udp", "port": 5300, "nodePort": 30002, "protocol": "UDP"}]}})
}

#[test]
fn agents_forward_tcp_and_udp_to_endpoints_whether_envoy_runs_or_not() {
    let cluster = both_transports("1.20.0").with(live_service("Cluster"));
    let found = sockets(&cluster);
    let forwards = |port: &str| SocketBehaviour::Forwards {
        service: gateproof_core::name::NamespacedName::new("apps", "cilium-gateway-gw"),
        port: port.to_owned(),
    };
    assert!(found.contains(&(30001, forwards("port-5300"))), "{found:?}");
    assert!(found.contains(&(30002, forwards("port-5300-udp"))), "{found:?}");
    let http: Vec<_> = found.iter().filter(|(port, _)| *port == 30080).collect();
    assert!(matches!(http[..], [(_, SocketBehaviour::Refuses { .. })]), "Envoy is down: {http:?}");
}

#[test]
fn policy_local_is_not_guessed_for_tcp_and_udp() {
    let found = sockets(&both_transports("1.20.0").with(live_service("Local")));
    for port in [30001, 30002] {
        let behaviours: Vec<_> = found.iter().filter(|(found, _)| *found == port).collect();
        assert!(matches!(behaviours[..], [(_, SocketBehaviour::Unmodelled(_))]), "{behaviours:?}");
    }
}

#[test]
fn a_tcp_listener_is_exposed_while_a_backend_is_ready() {
    use gateproof_core::exposure::Expectation;

    let slice = |ready: bool| {
        json!({"apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice",
               "metadata": {"name": "s", "namespace": "apps",
                            "labels": {"kubernetes.io/service-name": "cilium-gateway-gw"}},
               "ports": [{"name": "port-5300", "port": 53}],
               "endpoints": [{"addresses": ["10.244.0.1"], "conditions": {"ready": ready}}]})
    };
    for (ready, expected) in [(true, Expectation::Accepts), (false, Expectation::DoesNotAccept)] {
        let cluster = both_transports("1.20.0").with(live_service("Cluster")).with(slice(ready));
        let gateway = crate::fixture::gw();
        let cells = cluster.run(|input| crate::exposure::exposure(input, &gateway));
        let cells = cells.expect("modelled");
        let cell = cells.iter().find(|(endpoint, _)| endpoint.port == 30001).expect("a cell");
        assert_eq!(cell.1, expected, "ready: {ready}");
        let closed = cells.iter().find(|(endpoint, _)| endpoint.port == 5300).expect("a cell");
        assert_eq!(closed.1, Expectation::DoesNotAccept, "the listener port on the node itself");
    }
}
