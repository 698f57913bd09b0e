use serde_json::{Value, json};

use crate::fixture::Cluster;
use crate::reconcile::Outcome;

fn https(name: &str, port: u16, hostname: &str) -> Value {
    json!({"name": name, "port": port, "protocol": "HTTPS", "hostname": hostname,
           "tls": {"certificateRefs": [{"name": "cert"}]}})
}

fn two_ports(version: &str) -> Cluster {
    Cluster::new(version)
        .gateway(json!([
            {"name": "http", "port": 80, "protocol": "HTTP"},
            https("first", 443, "a.test"),
            https("second", 8443, "b.test"),
        ]))
        .route(
            "first",
            json!({"parentRefs": [{"name": "gw", "sectionName": "first"}],
                   "rules": [{"backendRefs": [{"name": "web", "port": 80}]}]}),
        )
}

/// The listeners as `name: route tables of their chains`.
fn listeners(outcome: &Outcome) -> Vec<String> {
    let listeners = outcome.envoy[0].listeners.iter();
    listeners
        .map(|listener| {
            let plain = listener.plain.iter().map(|chain| chain.route_table.as_str());
            let tls = listener.terminate.iter().map(|chain| chain.http.route_table.as_str());
            format!("{}: {}", listener.name, plain.chain(tls).collect::<Vec<_>>().join(" "))
        })
        .collect()
}

fn config(outcome: &Outcome) -> &Value {
    let found = outcome.objects.iter().find(|object| object["kind"] == "CiliumEnvoyConfig");
    found.expect("a CiliumEnvoyConfig")
}

#[test]
fn several_https_ports_get_listeners_and_route_tables_of_their_own_from_1_19_6_on() {
    let together = vec!["listener: listener-insecure listener-secure".to_owned()];
    let apart = vec![
        "listener: listener-insecure".to_owned(),
        "listener-443: listener-443".to_owned(),
        "listener-8443: listener-8443".to_owned(),
    ];
    for (version, expected) in [
        ("1.18.12", &together),
        ("1.19.5", &together),
        ("1.19.6", &apart),
        ("1.20.0", &apart),
        ("1.21-dev", &apart),
    ] {
        let outcome = two_ports(version).outcome();
        assert_eq!(listeners(&outcome), *expected, "{version}");
    }
    let outcome = two_ports("1.20.0").outcome();
    let names: Vec<_> = outcome.envoy[0].route_tables.keys().collect();
    assert_eq!(names, ["listener-443", "listener-8443", "listener-insecure"]);
    assert_eq!(outcome.envoy[0].route_tables["listener-443"].virtual_hosts.len(), 1);
    assert!(outcome.envoy[0].route_tables["listener-8443"].virtual_hosts.is_empty());
}

#[test]
fn one_https_port_with_several_host_names_shares_the_listener_in_every_version() {
    for version in ["1.17.0", "1.20.0", "1.21-dev"] {
        let outcome = Cluster::new(version)
            .gateway(json!([https("first", 443, "a.test"), https("second", 443, "b.test")]))
            .outcome();
        let names: Vec<_> = outcome.envoy[0].listeners.iter().map(|found| &found.name).collect();
        assert_eq!(names, ["listener"], "{version}");
        assert_eq!(outcome.envoy[0].listeners[0].terminate[0].server_names, ["a.test", "b.test"]);
    }
}

#[test]
fn the_service_says_which_port_leads_to_which_listener() {
    let entry = |listener: &str, ports: Value| json!({"name": "cilium-gateway-gw", "namespace": "apps", "listener": listener, "ports": ports});
    let outcome = two_ports("1.20.0").outcome();
    assert_eq!(
        config(&outcome)["spec"]["services"],
        json!([
            entry("listener", json!([80])),
            entry("listener-443", json!([443])),
            entry("listener-8443", json!([8443])),
        ])
    );
    let before = two_ports("1.19.5").outcome();
    assert_eq!(
        config(&before)["spec"]["services"],
        json!([{"name": "cilium-gateway-gw", "namespace": "apps", "ports": [80, 443, 8443]}])
    );
}

#[test]
fn resources_are_listeners_then_route_tables_with_plain_http_first() {
    let outcome = two_ports("1.20.0").outcome();
    let resources = config(&outcome)["spec"]["resources"].as_array().expect("resources");
    let names: Vec<_> = resources.iter().map(|resource| resource["name"].as_str()).collect();
    assert_eq!(
        names,
        [
            Some("listener"),
            Some("listener-443"),
            Some("listener-8443"),
            Some("listener-insecure"),
            Some("listener-443"),
            Some("listener-8443"),
            Some("apps:web:80"),
        ]
    );
}

#[test]
fn each_listener_binds_its_own_ports_on_the_host() {
    let outcome = two_ports("1.20.0").host_network(&[]).outcome();
    let ports: Vec<_> =
        outcome.envoy[0].listeners.iter().map(|listener| listener.host_ports.clone()).collect();
    assert_eq!(ports, [vec![80], vec![443], vec![8443]]);
    let together = two_ports("1.19.5").host_network(&[]).outcome();
    assert_eq!(together.envoy[0].listeners[0].host_ports, [80, 443, 8443]);
}

#[test]
fn a_port_leads_to_the_listener_that_the_service_entry_names() {
    let outcome = two_ports("1.20.0").outcome();
    let config = &outcome.envoy[0];
    for (port, expected) in [(80, Some(0)), (443, Some(1)), (8443, Some(2)), (81, None)] {
        assert_eq!(config.listener_of(port), Ok(expected), "{port}");
    }
}

#[test]
fn two_chains_for_one_server_name_are_noticed() {
    let same_host = |second: &str| {
        Cluster::new("1.18.10")
            .gateway(json!([
                https("first", 443, "a.test"),
                {"name": "second", "port": 8443, "protocol": "HTTPS", "hostname": second,
                 "tls": {"certificateRefs": [{"name": "cert", "namespace": "other"}]}},
            ]))
            .with(json!({"apiVersion": "gateway.networking.k8s.io/v1", "kind": "ReferenceGrant",
                         "metadata": {"name": "g", "namespace": "other"},
                         "spec": {"from": [{"group": "gateway.networking.k8s.io", "kind": "Gateway",
                                            "namespace": "apps"}],
                                  "to": [{"group": "", "kind": "Secret"}]}}))
            .outcome()
    };
    let repeated =
        |outcome: &Outcome| outcome.envoy[0].listeners[0].repeated_server_name().map(str::to_owned);
    assert_eq!(repeated(&same_host("a.test")).as_deref(), Some("a.test"));
    assert_eq!(repeated(&same_host("b.test")), None, "a look-alike");
}
