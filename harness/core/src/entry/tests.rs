use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{
    Address, EntryPoint, GatewayFacts, ListenerProtocol, NoEntry, ServiceFacts, ServiceType, Site,
    numbered,
};
use crate::cilium::{CiliumConfig, HostNetwork};
use crate::cluster::{Node, NodeRole, NodeSelector};
use crate::name::{ListenerName, NodeName};
use crate::scenario::{Entry, TargetPorts, TcpPort};
use crate::verdict::FailureKind;

fn labels(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect()
}

fn node(name: &str, last: u8, role: &str) -> Node {
    Node {
        name: NodeName::new(name),
        role: NodeRole::Worker,
        labels: labels(&[("role", role), ("topology.kubernetes.io/zone", "eu-1a")]),
        addresses: vec![[127, 9, 0, last].into()],
    }
}

fn nodes() -> Vec<Node> {
    vec![node("worker", 3, "gateway"), node("worker2", 4, "apps")]
}

fn gateway() -> GatewayFacts {
    GatewayFacts::from_object(&json!({
        "metadata": {"namespace": "infra", "name": "shared"},
        "spec": {"listeners": [
            {"name": "http", "port": 80, "protocol": "HTTP"},
            {"name": "web", "port": 443, "protocol": "HTTPS", "hostname": "*.example.test"},
            {"name": "dns", "port": 53, "protocol": "UDP"},
        ]},
    }))
    .expect("a Gateway")
}

fn service_object() -> Value {
    json!({
        "metadata": {"namespace": "infra", "name": "cilium-gateway-shared"},
        "spec": {"type": "LoadBalancer", "ports": [
            {"name": "port-80", "port": 80, "nodePort": 31080, "protocol": "TCP"},
            {"name": "port-443", "port": 443, "nodePort": 31443},
            {"name": "port-53-udp", "port": 53, "nodePort": 31053, "protocol": "UDP"},
        ]},
        "status": {"loadBalancer": {"ingress": [{"ip": "172.18.255.200"}]}},
    })
}

fn service(edit: impl FnOnce(&mut Value)) -> ServiceFacts {
    let mut object = service_object();
    edit(&mut object);
    ServiceFacts::from_object(&object).expect("a Service")
}

fn host_network(match_labels: &[(&str, &str)]) -> CiliumConfig {
    let match_labels = labels(match_labels);
    CiliumConfig { host_network: HostNetwork::On { match_labels }, ..CiliumConfig::default() }
}

/// Asks a question of a site and answers with the places, or the error's message.
fn ask(
    config: &CiliumConfig,
    service: Option<&ServiceFacts>,
    question: impl FnOnce(&Site<'_>) -> Result<Vec<EntryPoint>, NoEntry>,
) -> Result<Vec<String>, NoEntry> {
    let (nodes, gateway) = (nodes(), gateway());
    let site = Site { config, nodes: &nodes, gateway: &gateway, service };
    Ok(question(&site)?.into_iter().map(|point| point.place).collect())
}

fn through_every_node(site: &Site<'_>) -> Result<Vec<EntryPoint>, NoEntry> {
    site.entry_points(&Entry::EachNode(NodeSelector::All), 80)
}

#[test]
fn a_load_balancer_service_is_entered_by_its_node_port_on_every_node() {
    let places = ask(&CiliumConfig::default(), Some(&service(|_| ())), through_every_node);
    assert_eq!(
        places.expect("entry points"),
        ["worker 127.9.0.3:31080 (node port of 80)", "worker2 127.9.0.4:31080 (node port of 80)"]
    );
}

#[test]
fn host_network_is_entered_by_the_listener_port_on_selected_nodes_only() {
    let everywhere = ask(&host_network(&[]), None, through_every_node);
    assert_eq!(
        everywhere.expect("entry points"),
        ["worker 127.9.0.3:80 (listener port)", "worker2 127.9.0.4:80 (listener port)"]
    );
    let selected = ask(&host_network(&[("role", "gateway")]), None, through_every_node);
    assert_eq!(selected.expect("entry points"), ["worker 127.9.0.3:80 (listener port)"]);
}

#[test]
fn a_load_balancer_address_takes_the_listener_port() {
    let places = ask(&CiliumConfig::default(), Some(&service(|_| ())), |site| {
        site.entry_points(&Entry::LoadBalancer, 443)
    });
    assert_eq!(places.expect("entry points"), ["172.18.255.200:443 (load balancer address)"]);
}

#[test]
fn tcp_claims_reach_nodes_that_the_host_network_selector_leaves_out() {
    let config = host_network(&[("role", "gateway")]);
    let outside = NodeSelector::Not(labels(&[("role", "gateway")]));
    let http = TcpPort::Listener(ListenerName::new("http"));
    let places = ask(&config, None, |site| site.tcp_ports(&http, &outside));
    assert_eq!(places.expect("sockets"), ["worker2 127.9.0.4:80 (listener port)"]);
}

#[test]
fn tcp_ports_resolve_by_listener_by_node_port_and_by_number() {
    let (config, service) = (CiliumConfig::default(), service(|_| ()));
    let only = NodeSelector::Names(vec![NodeName::new("worker")]);
    let cases = [
        (TcpPort::Listener(ListenerName::new("web")), "worker 127.9.0.3:443 (listener port)"),
        (TcpPort::NodePort(ListenerName::new("web")), "worker 127.9.0.3:31443 (node port of 443)"),
        (TcpPort::Number(31080), "worker 127.9.0.3:31080 (node port of 80)"),
        (TcpPort::Number(443), "worker 127.9.0.3:443 (listener port)"),
        (TcpPort::Number(9878), "worker 127.9.0.3:9878 (port by number)"),
    ];
    for (port, expected) in cases {
        let places = ask(&config, Some(&service), |site| site.tcp_ports(&port, &only));
        assert_eq!(places.expect("sockets"), [expected], "{port:?}");
    }
    let without_gateway = numbered(9878, &nodes(), &only).expect("sockets");
    assert_eq!(without_gateway[0].place, "worker 127.9.0.3:9878 (port by number)");
    assert_eq!(without_gateway[0].endpoint(), None, "a bare port is not in the grid");
}

#[test]
fn targets_are_what_carries_traffic_on_every_registered_node() {
    let target = |config: &CiliumConfig, ports| {
        ask(config, Some(&service(|_| ())), |site| site.targets(ports, &NodeSelector::All))
            .expect("targets")
            .len()
    };
    let selected = host_network(&[("role", "gateway")]);
    // Two nodes and two TCP listeners; the UDP listener is no target.
    assert_eq!(target(&CiliumConfig::default(), TargetPorts::Exposed), 4);
    assert_eq!(target(&selected, TargetPorts::Exposed), 4, "unselected nodes are registered too");
    let places = |config: &CiliumConfig, ports| {
        ask(config, Some(&service(|_| ())), |site| site.targets(ports, &NodeSelector::All))
            .expect("targets")
    };
    assert_eq!(places(&selected, TargetPorts::Exposed)[0], "worker 127.9.0.3:80 (listener port)");
    assert_eq!(
        places(&selected, TargetPorts::NodePorts)[0],
        "worker 127.9.0.3:31080 (node port of 80)"
    );
}

#[test]
fn the_grid_looks_at_listener_node_and_health_check_ports_of_every_node() {
    let (nodes, gateway, config) = (nodes(), gateway(), CiliumConfig::default());
    let local = service(|object| object["spec"]["healthCheckNodePort"] = json!(32000));
    let site = Site { config: &config, nodes: &nodes, gateway: &gateway, service: Some(&local) };
    let ports: Vec<_> =
        site.sockets().expect("sockets").iter().map(|s| (s.node.to_string(), s.port)).collect();
    let mut expected = Vec::new();
    for node in ["worker", "worker2"] {
        expected.extend([80, 443, 31080, 31443, 32000].map(|port| (node.to_owned(), port)));
    }
    assert_eq!(ports, expected);
    let bare = Site { service: None, ..site };
    assert_eq!(bare.sockets().expect("sockets").len(), 4, "without a Service, listener ports stay");
}

#[test]
fn a_port_that_a_listener_set_opens_is_entered_like_the_gateways_own() {
    let (nodes, gateway) = (nodes(), gateway());
    let more = service(|object| {
        let ports = object["spec"]["ports"].as_array_mut().expect("ports");
        ports.push(json!({"name": "port-8081", "port": 8081, "nodePort": 31081}));
    });
    let host_network = HostNetwork::On { match_labels: BTreeMap::new() };
    for (host_network, port) in [(HostNetwork::Off, 31081), (host_network, 8081)] {
        let config = CiliumConfig { host_network, ..CiliumConfig::default() };
        let site = Site { config: &config, nodes: &nodes, gateway: &gateway, service: Some(&more) };
        let points = site.entry_points(&Entry::EachNode(NodeSelector::All), 8081);
        let points = points.expect("a way in");
        assert!(points.iter().all(|point| point.port == port), "{points:?}");
        let unknown = site.entry_points(&Entry::EachNode(NodeSelector::All), 8082);
        assert!(matches!(unknown, Err(NoEntry::NoListener { .. })));
    }
}

#[test]
fn no_entry_point_is_an_error_that_says_why() {
    let plain = CiliumConfig::default();
    let cluster_ip = service(|object| {
        object["spec"] = json!({"type": "ClusterIP", "ports": [{"port": 80}]});
        object["status"] = json!({});
    });
    let named = service(|object| {
        object["status"] = json!({"loadBalancer": {"ingress": [{"hostname": "nlb.example"}]}});
    });
    let nobody = NodeSelector::Labels(labels(&[("role", "database")]));
    let told = [
        ask(&plain, None, through_every_node),
        ask(&plain, Some(&cluster_ip), through_every_node),
        ask(&host_network(&[]), Some(&cluster_ip), |site| {
            site.tcp_ports(&TcpPort::NodePort(ListenerName::new("http")), &NodeSelector::All)
        }),
        ask(&plain, Some(&cluster_ip), |site| site.entry_points(&Entry::LoadBalancer, 80)),
        ask(&plain, Some(&named), |site| site.entry_points(&Entry::LoadBalancer, 80)),
        ask(&plain, Some(&cluster_ip), |site| {
            site.targets(TargetPorts::Exposed, &NodeSelector::All)
        }),
        ask(&host_network(&[("role", "edge")]), None, through_every_node),
        ask(&plain, Some(&cluster_ip), |site| {
            site.entry_points(&Entry::EachNode(nobody.clone()), 80)
        }),
        ask(&plain, None, |site| site.entry_points(&Entry::LoadBalancer, 8443)),
    ]
    .map(|result| result.expect_err("no entry point").failure().to_string());
    insta::assert_snapshot!(told.join("\n"));
}

#[test]
fn what_cilium_owes_refutes_and_what_nobody_could_find_out_does_not() {
    let kind = |error: &NoEntry| error.failure().kind;
    let service = service(|_| ());
    let name = service.name.clone();
    assert_eq!(kind(&NoEntry::NoService { gateway: name.clone() }), FailureKind::Refuted);
    assert_eq!(
        kind(&NoEntry::OnlyHostNames { service: name, names: vec![] }),
        FailureKind::Undecided
    );
    assert_eq!(
        kind(&NoEntry::NodeWithoutAddress { node: NodeName::new("worker") }),
        FailureKind::Undecided
    );
}

#[test]
fn a_node_without_an_address_is_not_left_out_silently() {
    let mut nodes = nodes();
    nodes[1].addresses.clear();
    let error = numbered(80, &nodes, &NodeSelector::All).expect_err("no address");
    assert_eq!(error.to_string(), "node worker2 has no InternalIP address");
}

#[test]
fn facts_are_read_from_kubernetes_objects() {
    let service = service(|object| {
        object["status"]["loadBalancer"]["ingress"]
            .as_array_mut()
            .expect("a list")
            .push(json!({"hostname": "nlb.example"}));
    });
    assert_eq!(service.service_type, ServiceType::LoadBalancer);
    assert_eq!(service.addresses[1], Address::HostName("nlb.example".to_owned()));
    assert_eq!(service.ports.len(), 2, "the UDP port is left out");
    assert_eq!(gateway().listeners[1].protocol, ListenerProtocol::Https);
    assert_eq!(gateway().ports(), [80, 443]);
}

#[test]
fn an_object_that_cannot_be_read_says_where() {
    let error = GatewayFacts::from_object(&json!({
        "metadata": {"namespace": "infra", "name": "shared"},
        "spec": {"listeners": [{"name": "http", "port": 70_000, "protocol": "HTTP"}]},
    }))
    .expect_err("no such port");
    insta::assert_snapshot!(error, @"Gateway infra/shared cannot be read: /spec/listeners/0/port is missing or not a port from 1 to 65535");
}
