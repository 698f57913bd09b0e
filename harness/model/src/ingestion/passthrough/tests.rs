#![expect(clippy::needless_pass_by_value, reason = "json! literals read best as values")]

use serde_json::{Value, json};

use crate::fixture::{Cluster, listener_condition, listener_status};
use crate::reconcile::Outcome;

fn tls(name: &str, port: u16, hostname: &str) -> Value {
    json!({"name": name, "port": port, "protocol": "TLS", "hostname": hostname,
           "tls": {"mode": "Passthrough"}})
}

/// A TLSRoute in `apps` to backends with weights.
fn route(name: &str, hostnames: Value, section: Value, backends: &[(&str, u32)]) -> Value {
    let backends: Vec<Value> = backends
        .iter()
        .map(|(name, weight)| json!({"name": name, "port": 443, "weight": weight}))
        .collect();
    json!({"apiVersion": "gateway.networking.k8s.io/v1", "kind": "TLSRoute",
           "metadata": {"name": name, "namespace": "apps", "generation": 1},
           "spec": {"hostnames": hostnames, "parentRefs": [{"name": "gw", "sectionName": section}],
                    "rules": [{"backendRefs": backends}]}})
}

/// The passthrough chains of all listeners as `listener names: cluster=weight`.
fn chains(outcome: &Outcome) -> Vec<String> {
    let listeners = outcome.envoy[0].listeners.iter();
    listeners
        .flat_map(|listener| {
            listener.passthrough.iter().map(move |chain| {
                let clusters: Vec<String> = chain
                    .clusters
                    .iter()
                    .map(|cluster| format!("{}={}", cluster.cluster, cluster.weight))
                    .collect();
                format!(
                    "{} {}: {}",
                    listener.name,
                    chain.server_names.join(","),
                    clusters.join("+")
                )
            })
        })
        .collect()
}

fn proxies(outcome: &Outcome) -> Vec<Value> {
    let config = outcome.objects.iter().find(|object| object["kind"] == "CiliumEnvoyConfig");
    let resources = config.expect("a config")["spec"]["resources"].as_array().expect("resources");
    let chains = resources.iter().filter_map(|resource| resource["filterChains"].as_array());
    let proxies = chains.flatten().map(|chain| chain["filters"][0].clone());
    proxies.filter(|filter| filter["name"] == "envoy.filters.network.tcp_proxy").collect()
}

#[test]
fn weights_count_once_routes_have_chains_of_their_own() {
    for (version, expected) in [
        ("1.16.0", vec!["listener a.test: apps:api:443=1", "listener a.test: apps:web:443=1"]),
        ("1.18.10", vec!["listener a.test: apps:api:443=1", "listener a.test: apps:web:443=1"]),
        ("1.18.11", vec!["listener a.test: apps:api:443=1+apps:web:443=3"]),
        ("1.19.4", vec!["listener a.test: apps:api:443=1", "listener a.test: apps:web:443=1"]),
        ("1.19.5", vec!["listener a.test: apps:api:443=1+apps:web:443=3"]),
        ("1.20.0", vec!["listener a.test: apps:api:443=1+apps:web:443=3"]),
        ("1.21-dev", vec!["listener a.test: apps:api:443=1+apps:web:443=3"]),
    ] {
        let outcome = Cluster::new(version)
            .gateway(json!([tls("tls", 443, "*.test")]))
            .with(route("r", json!(["a.test"]), json!("tls"), &[("web", 3), ("api", 1)]))
            .outcome();
        assert_eq!(chains(&outcome), expected, "{version}");
        assert!(outcome.unmodelled.is_empty(), "{version}: {:?}", outcome.unmodelled);
        assert_eq!(listener_status(&outcome, "tls")["attachedRoutes"], 1, "{version}");
        assert!(listener_condition(&outcome, "tls", "Accepted").starts_with("True"), "{version}");
    }
}

#[test]
fn a_proxy_is_written_with_one_cluster_or_with_weights() {
    let written = |version: &str, backends: &[(&str, u32)]| {
        let outcome = Cluster::new(version)
            .gateway(json!([tls("tls", 443, "a.test")]))
            .with(route("r", json!([]), json!("tls"), backends))
            .outcome();
        proxies(&outcome)[0]["typedConfig"].clone()
    };
    let kind = "type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy";
    assert_eq!(
        written("1.17.0", &[("web", 1)]),
        json!({"@type": kind, "cluster": "apps:web:443", "statPrefix": "apps:web:443"})
    );
    assert_eq!(
        written("1.20.0", &[("web", 1)]),
        json!({"@type": kind, "cluster": "apps:web:443", "statPrefix": "tls-passthrough:a.test"})
    );
    assert_eq!(
        written("1.20.0", &[("web", 2), ("api", 0)]),
        json!({"@type": kind, "statPrefix": "tls-passthrough:a.test", "weightedClusters": {"clusters": [
            {"name": "apps:api:443"}, {"name": "apps:web:443", "weight": 2}]}})
    );
}

#[test]
fn clusters_of_passthrough_speak_no_http() {
    let outcome = Cluster::new("1.20.0")
        .gateway(json!([tls("tls", 443, "a.test")]))
        .with(route("r", json!([]), json!("tls"), &[("web", 1)]))
        .outcome();
    let config = outcome.objects.iter().find(|object| object["kind"] == "CiliumEnvoyConfig");
    let resources = config.expect("a config")["spec"]["resources"].as_array().expect("resources");
    let cluster =
        resources.iter().find(|found| found["name"] == "apps:web:443").expect("a cluster");
    assert!(cluster["typedExtensionProtocolOptions"].is_null(), "{cluster}");
    assert_eq!(cluster["edsClusterConfig"]["serviceName"], "apps/web:443");
}

#[test]
fn several_passthrough_ports_get_listeners_of_their_own_from_1_19_6_on() {
    for (version, expected) in [
        ("1.19.5", vec!["listener a.test: apps:web:443=1", "listener b.test: apps:api:443=1"]),
        (
            "1.19.6",
            vec!["listener-443 a.test: apps:web:443=1", "listener-8443 b.test: apps:api:443=1"],
        ),
    ] {
        let outcome = Cluster::new(version)
            .gateway(json!([tls("one", 443, "a.test"), tls("two", 8443, "b.test")]))
            .with(route("r", json!([]), json!("one"), &[("web", 1)]))
            .with(route("s", json!([]), json!("two"), &[("api", 1)]))
            .outcome();
        assert_eq!(chains(&outcome), expected, "{version}");
    }
}

#[test]
fn https_and_passthrough_split_only_when_ports_differ_and_names_overlap() {
    let listeners = |https: &str, port: u16| {
        json!([{"name": "https", "port": port, "protocol": "HTTPS", "hostname": https,
                "tls": {"certificateRefs": [{"name": "cert"}]}}, tls("tls", 8443, "a.test")])
    };
    for (https, port, expected) in
        [("*.test", 443, 2), ("a.test", 443, 2), ("b.test", 443, 1), ("b.test", 8443, 1)]
    {
        let outcome = Cluster::new("1.20.0")
            .gateway(listeners(https, port))
            .with(route("r", json!([]), json!("tls"), &[("web", 1)]))
            .outcome();
        assert_eq!(outcome.envoy[0].listeners.len(), expected, "{https} {port}");
    }
}

#[test]
fn https_and_passthrough_of_one_port_conflict_when_names_overlap_from_1_19_6_on() {
    let listeners = json!([
        {"name": "https", "port": 443, "protocol": "HTTPS", "hostname": "*.test",
         "tls": {"certificateRefs": [{"name": "cert"}]}},
        tls("tls", 443, "a.test"),
        {"name": "http", "port": 80, "protocol": "HTTP"},
    ]);
    let message = "Listener conflicts with listener \"https\": same port 443 has overlapping HTTPS and TLS passthrough hostnames.";
    let conflict = format!("True ProtocolConflict: {message}");
    for (version, conflicts, chains) in
        [("1.19.5", false, 2), ("1.19.6", true, 2), ("1.20.0", true, 2), ("1.21-dev", true, 1)]
    {
        let outcome = Cluster::new(version).gateway(listeners.clone()).outcome();
        let status = listener_status(&outcome, "tls");
        let types: Vec<&Value> = status["conditions"]
            .as_array()
            .expect("conditions")
            .iter()
            .map(|c| &c["type"])
            .collect();
        assert_eq!(types.contains(&&json!("Conflicted")), conflicts, "{version}");
        if conflicts {
            assert_eq!(listener_condition(&outcome, "tls", "Conflicted"), conflict, "{version}");
            assert_eq!(
                listener_condition(&outcome, "tls", "Accepted"),
                format!("False Invalid: Listener not valid. {message}"),
                "{version}"
            );
        }
        let listener = &outcome.envoy[0].listeners[0];
        let found = usize::from(listener.plain.is_some()) + listener.terminate.len();
        assert_eq!(found, chains, "{version}: rejected listeners are served before 1.21");
    }
}

#[test]
fn tls_that_a_tls_listener_should_terminate_is_an_unsupported_value_from_1_20_on() {
    let listeners = json!([
        {"name": "tls", "port": 443, "protocol": "TLS", "tls": {"certificateRefs": [{"name": "cert"}]}},
        {"name": "http", "port": 80, "protocol": "HTTP"},
    ]);
    for (version, expected) in [
        ("1.19.6", "True Accepted: Listener Accepted"),
        (
            "1.20.0",
            "False UnsupportedValue: Listener not valid. Using TLSRoute with TLS.mode Terminate is unsupported.",
        ),
    ] {
        let outcome = Cluster::new(version).gateway(listeners.clone()).outcome();
        assert_eq!(listener_condition(&outcome, "tls", "Accepted"), expected, "{version}");
    }
    let outcome = Cluster::new("1.20.0").gateway(listeners).outcome();
    assert_eq!(listener_status(&outcome, "tls")["supportedKinds"], json!([]));
}

#[test]
fn a_tls_route_is_told_what_fits_its_version() {
    for (version, api, message) in [
        ("1.18.2", "gateway.networking.k8s.io/v1alpha2", "Accepted TLSRoute"),
        ("1.18.3", "gateway.networking.k8s.io/v1alpha2", "Accepted HTTPRoute"),
        ("1.19.6", "gateway.networking.k8s.io/v1alpha2", "Accepted TLSRoute"),
        ("1.20.0", "gateway.networking.k8s.io/v1", "Accepted TLSRoute"),
    ] {
        let outcome = Cluster::new(version)
            .gateway(json!([tls("tls", 443, "a.test")]))
            .with(route("r", json!([]), json!("tls"), &[("web", 1)]))
            .outcome();
        let update = outcome.statuses.iter().find(|update| update.kind == "TLSRoute");
        let update = update.expect("a status");
        assert_eq!(update.api_version, api, "{version}");
        assert_eq!(update.status["parents"][0]["conditions"][0]["message"], message, "{version}");
    }
}
