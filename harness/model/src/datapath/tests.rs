use gateproof_core::exposure::PortRole;
use gateproof_core::name::NodeName;
use serde_json::{Value, json};

use super::{AgentState, Datapath, EnvoyState, FrontendKind, NodeState, SocketBehaviour, datapath};
use crate::fixture::Cluster;
use crate::reconcile::reconcile;

const PEM: &str = "-----BEGIN X-----\n-----END X-----";

fn http(port: u16) -> Value {
    json!([{"name": "http", "port": port, "protocol": "HTTP"}])
}

fn state(node: &str, agent: AgentState, envoy: EnvoyState) -> NodeState {
    NodeState { node: NodeName::new(node), agent, envoy }
}

fn healthy() -> Vec<NodeState> {
    ["node-a", "node-b"].map(|node| state(node, AgentState::Current, EnvoyState::Running)).to_vec()
}

fn run(cluster: &Cluster, nodes: &[NodeState]) -> Datapath {
    cluster.run(|input| datapath(input, &reconcile(input).envoy, nodes))
}

/// Behaviour in one word, by node.
fn words(datapath: &Datapath, wanted: impl Fn(PortRole) -> bool) -> Vec<String> {
    let sockets = datapath.sockets.iter().filter(|socket| wanted(socket.endpoint.role));
    sockets.map(|socket| format!("{}: {}", socket.endpoint.node, word(&socket.behaviour))).collect()
}

fn word(behaviour: &SocketBehaviour) -> String {
    match behaviour {
        SocketBehaviour::Serves { .. } => "serves".to_owned(),
        SocketBehaviour::Forwards { .. } => "forwards".to_owned(),
        SocketBehaviour::Refuses { .. } => "refuses".to_owned(),
        SocketBehaviour::Silent { .. } => "silent".to_owned(),
        SocketBehaviour::Answers { status } => format!("answers {status}"),
        SocketBehaviour::Unmodelled(_) => "unmodelled".to_owned(),
    }
}

fn node_port(role: PortRole) -> bool {
    matches!(role, PortRole::NodePort { .. })
}

fn listener_port(role: PortRole) -> bool {
    role == PortRole::ListenerPort
}

fn dedicated(version: &str) -> Cluster {
    Cluster::new(version).gateway(http(80)).live_service("LoadBalancer", &[80], &["192.0.2.1"])
}

/// Agents that started before Gateway API was enabled.
fn stale(cluster: &Cluster) -> AgentState {
    let mut config = cluster.config.clone();
    config.gateway_api = false;
    AgentState::StartedWith(config)
}

#[test]
fn every_node_serves_the_node_port_without_any_route() {
    assert_eq!(
        words(&run(&dedicated("1.20.0"), &healthy()), node_port),
        ["node-a: serves", "node-b: serves"]
    );
}

#[test]
fn stale_agents_swallow_connections_before_1_18_and_refuse_them_after() {
    for (version, expected) in [("1.17.0", "silent"), ("1.18.0", "refuses"), ("1.20.0", "refuses")]
    {
        let cluster = dedicated(version);
        let nodes = [state("node-a", stale(&cluster), EnvoyState::Running)];
        assert_eq!(
            words(&run(&cluster, &nodes), node_port),
            [format!("node-a: {expected}")],
            "{version}"
        );
    }
}

#[test]
fn an_agent_that_started_with_another_setting_but_gateway_api_on_still_serves() {
    let cluster = dedicated("1.20.0");
    let mut config = cluster.config.clone();
    config.xff_num_trusted_hops = 3;
    let nodes = [state("node-a", AgentState::StartedWith(config), EnvoyState::Running)];
    assert_eq!(words(&run(&cluster, &nodes), node_port), ["node-a: serves"]);
}

#[test]
fn one_node_without_envoy_is_closed_and_the_load_balancer_address_stays_served() {
    let nodes = [
        state("node-a", AgentState::Current, EnvoyState::Down),
        state("node-b", AgentState::Current, EnvoyState::Running),
    ];
    let datapath = run(&dedicated("1.20.0"), &nodes);
    assert_eq!(words(&datapath, node_port), ["node-a: refuses", "node-b: serves"]);
    let frontends: Vec<_> =
        datapath.frontends.iter().map(|f| (f.kind, f.port, word(&f.behaviour))).collect();
    assert_eq!(
        frontends,
        [
            (FrontendKind::ClusterIp, 80, "serves".to_owned()),
            (FrontendKind::LoadBalancer, 80, "serves".to_owned())
        ]
    );
}

#[test]
fn with_all_nodes_broken_the_load_balancer_address_is_closed_too() {
    let cluster = dedicated("1.20.0");
    let nodes = ["node-a", "node-b"].map(|node| state(node, stale(&cluster), EnvoyState::Running));
    assert!(
        run(&cluster, &nodes)
            .frontends
            .iter()
            .all(|frontend| word(&frontend.behaviour) == "refuses")
    );
}

#[test]
fn host_network_binds_listener_ports_on_selected_nodes_only() {
    let all = Cluster::new("1.18.10").host_network(&[]).gateway(http(80)).live_service(
        "ClusterIP",
        &[80],
        &[],
    );
    assert_eq!(words(&run(&all, &healthy()), listener_port), ["node-a: serves", "node-b: serves"]);
    assert!(words(&run(&all, &healthy()), node_port).is_empty(), "there are no node ports");
    let some = Cluster::new("1.18.10").host_network(&[("role", "gateway")]).gateway(http(80));
    assert_eq!(
        words(&run(&some, &healthy()), listener_port),
        ["node-a: refuses", "node-b: serves"]
    );
}

#[test]
fn a_low_port_needs_the_capability_and_a_high_one_does_not() {
    for (port, capability, expected) in
        [(80, true, "serves"), (80, false, "refuses"), (8080, false, "serves")]
    {
        let mut cluster = Cluster::new("1.20.0").host_network(&[]).gateway(http(port));
        cluster.config.envoy_may_bind_low_ports = capability;
        let nodes = [state("node-a", AgentState::Current, EnvoyState::Running)];
        assert_eq!(
            words(&run(&cluster, &nodes), listener_port),
            [format!("node-a: {expected}")],
            "{port} {capability}"
        );
    }
}

#[test]
fn host_network_node_ports_are_refused_where_they_exist() {
    let cluster = Cluster::new("1.20.0").host_network(&[]).gateway(http(80)).live_service(
        "NodePort",
        &[80],
        &[],
    );
    assert_eq!(
        words(&run(&cluster, &healthy()), node_port),
        ["node-a: refuses", "node-b: refuses"]
    );
}

#[test]
fn two_gateways_on_one_host_port_are_not_guessed() {
    let twin = json!({"apiVersion": "gateway.networking.k8s.io/v1", "kind": "Gateway",
        "metadata": {"name": "twin", "namespace": "apps"},
        "spec": {"gatewayClassName": "cilium", "listeners": http(8080)}});
    let cluster = Cluster::new("1.20.0").host_network(&[]).gateway(http(8080)).with(twin);
    let nodes = [state("node-a", AgentState::Current, EnvoyState::Running)];
    assert_eq!(
        words(&run(&cluster, &nodes), listener_port),
        ["node-a: unmodelled", "node-a: unmodelled"]
    );
}

#[test]
fn the_health_check_port_answers_by_the_agent_not_by_envoy() {
    let mut cluster = dedicated("1.20.0");
    let service = cluster.objects.last_mut().expect("the live Service");
    service["spec"]["healthCheckNodePort"] = json!(32000);
    let health = |role| role == PortRole::HealthCheckNodePort;
    let nodes = [
        state("node-a", AgentState::Current, EnvoyState::Down),
        state("node-b", stale(&cluster), EnvoyState::Running),
    ];
    assert_eq!(
        words(&run(&cluster, &nodes), health),
        ["node-a: answers 200", "node-b: answers 503"]
    );
}

#[test]
fn each_port_leads_to_its_own_listener_where_ports_have_listeners_of_their_own() {
    let https = |name: &str, port: u16| {
        json!({"name": name, "port": port, "protocol": "HTTPS", "hostname": format!("{name}.test"),
               "tls": {"certificateRefs": [{"name": "cert"}]}})
    };
    for (version, expected) in [("1.19.5", [0, 0, 0]), ("1.19.6", [0, 1, 2]), ("1.20.0", [0, 1, 2])]
    {
        let cluster = Cluster::new(version)
            .gateway(json!([http(80)[0], https("a", 443), https("b", 8443)]))
            .live_service("LoadBalancer", &[80, 443, 8443], &["192.0.2.1"]);
        let datapath = run(&cluster, &healthy());
        let balanced =
            datapath.frontends.iter().filter(|found| found.kind == FrontendKind::LoadBalancer);
        let listeners: Vec<usize> = balanced
            .map(|frontend| match frontend.behaviour {
                SocketBehaviour::Serves { listener, .. } => listener,
                ref other => panic!("port {} {other:?}", frontend.port),
            })
            .collect();
        assert_eq!(listeners, expected, "{version}");
    }
}

#[test]
fn a_listener_that_envoy_refuses_is_not_guessed() {
    let with = |certificates: Value| {
        let cluster = Cluster::new("1.18.10")
            .gateway(
                json!([{"name": "https", "port": 443, "protocol": "HTTPS", "hostname": "a.test",
                             "tls": {"certificateRefs": certificates}}]),
            )
            .with(json!({"apiVersion": "v1", "kind": "Secret",
                         "metadata": {"name": "second", "namespace": "apps"},
                         "stringData": {"tls.crt": PEM, "tls.key": PEM}}))
            .live_service("LoadBalancer", &[443], &[]);
        words(&run(&cluster, &healthy()[..1]), node_port)
    };
    assert_eq!(with(json!([{"name": "cert"}])), ["node-a: serves"]);
    let both = with(json!([{"name": "cert"}, {"name": "second"}]));
    assert_eq!(both, ["node-a: unmodelled"], "two chains for one server name");
}
