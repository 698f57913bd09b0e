#![expect(clippy::needless_pass_by_value, reason = "json! literals read best as values")]

use serde_json::{Value, json};

use crate::fixture::{Cluster, condition};
use crate::reconcile::Outcome;

/// A cluster whose class has this `parametersRef`, with parameters `apps/params` of this spec.
fn with_class(version: &str, reference: Value, spec: Value) -> Outcome {
    let mut cluster = Cluster::new(version)
        .gateway(json!([{"name": "http", "port": 80, "protocol": "HTTP"}]))
        .with(json!({"apiVersion": "cilium.io/v2alpha1", "kind": "CiliumGatewayClassConfig",
                     "metadata": {"name": "params", "namespace": "apps", "generation": 2}, "spec": spec}));
    cluster.objects[0]["spec"]["parametersRef"] = reference;
    cluster.outcome()
}

fn parameters(namespace: &str, name: &str) -> Value {
    json!({"group": "cilium.io", "kind": "CiliumGatewayClassConfig", "namespace": namespace, "name": name})
}

fn service(outcome: &Outcome) -> &Value {
    outcome.objects.iter().find(|object| object["kind"] == "Service").expect("a Service")
}

#[test]
fn a_class_is_accepted_with_parameters_that_exist() {
    let refused = "False InvalidParameters: Invalid GatewayClass";
    let accepted = "True Accepted: Valid GatewayClass";
    let foreign = json!({"group": "", "kind": "ConfigMap", "name": "x", "namespace": "apps"});
    for (version, reference, expected) in [
        ("1.17.0", foreign.clone(), accepted),
        ("1.18.0", foreign, refused),
        ("1.17.0", parameters("apps", "absent"), accepted),
        ("1.18.0", parameters("apps", "absent"), refused),
        ("1.18.0", parameters("other", "params"), refused),
        ("1.18.0", parameters("apps", "params"), accepted),
        ("1.21-dev", parameters("apps", "params"), accepted),
    ] {
        let outcome = with_class(version, reference.clone(), json!({}));
        let found = condition(&outcome, "GatewayClass", "cilium", "Accepted");
        assert_eq!(found, expected, "{version} {reference}");
    }
}

#[test]
fn features_are_claimed_by_accepted_classes_only() {
    let features = |outcome: &Outcome| {
        let class = outcome.statuses.iter().find(|update| update.kind == "GatewayClass");
        class.expect("a class").status["supportedFeatures"].as_array().map(Vec::len)
    };
    assert_eq!(features(&with_class("1.20.0", parameters("apps", "params"), json!({}))), Some(48));
    assert_eq!(features(&with_class("1.20.0", parameters("apps", "absent"), json!({}))), None);
}

#[test]
fn parameters_are_accepted_themselves_where_they_exist() {
    let outcome = with_class("1.18.0", parameters("apps", "params"), json!({}));
    assert_eq!(
        condition(&outcome, "CiliumGatewayClassConfig", "params", "Accepted"),
        "True Accepted: Valid GatewayClassConfig"
    );
    let before = with_class("1.17.0", parameters("apps", "params"), json!({}));
    assert!(!before.statuses.iter().any(|update| update.kind == "CiliumGatewayClassConfig"));
}

#[test]
fn a_gateway_minds_the_parameters_of_its_class_from_1_19_5_on() {
    let foreign = json!({"group": "", "kind": "ConfigMap", "name": "x", "namespace": "apps"});
    let nameless =
        json!({"group": "cilium.io", "kind": "CiliumGatewayClassConfig", "name": "params"});
    for (version, reference, expected) in [
        ("1.19.4", foreign.clone(), "True Accepted: Gateway successfully scheduled"),
        (
            "1.19.5",
            foreign,
            "False InvalidParameters: Invalid GatewayClass parameters: spec.parametersRef.kind must be CiliumGatewayClassConfig",
        ),
        (
            "1.19.5",
            nameless,
            "False InvalidParameters: Invalid GatewayClass parametersRef: both name and namespace are required",
        ),
        ("1.20.0", parameters("apps", "absent"), "True Accepted: Gateway successfully scheduled"),
    ] {
        let outcome = with_class(version, reference.clone(), json!({}));
        let found = condition(&outcome, "Gateway", "gw", "Accepted");
        assert_eq!(found, expected, "{version} {reference}");
        assert_eq!(outcome.objects.is_empty(), expected.starts_with("False"), "{version}");
    }
}

#[test]
fn a_reference_over_which_the_operator_falls_is_not_guessed() {
    let nameless =
        json!({"group": "cilium.io", "kind": "CiliumGatewayClassConfig", "name": "params"});
    for (version, expected) in [("1.17.0", 0), ("1.18.0", 1), ("1.19.4", 1), ("1.19.5", 0)] {
        let outcome = with_class(version, nameless.clone(), json!({}));
        assert_eq!(outcome.unmodelled.len(), expected, "{version}: {:?}", outcome.unmodelled);
    }
}

#[test]
fn every_parameter_goes_into_a_load_balancer_service() {
    let spec = json!({"service": {
        "externalTrafficPolicy": "Local", "loadBalancerClass": "example.test/lb",
        "ipFamilies": ["IPv4"], "ipFamilyPolicy": "SingleStack",
        "allocateLoadBalancerNodePorts": false, "loadBalancerSourceRanges": ["10.0.0.0/8"],
        "loadBalancerSourceRangesPolicy": "Deny", "trafficDistribution": "PreferClose"}});
    let outcome = with_class("1.18.0", parameters("apps", "params"), spec.clone());
    assert_eq!(
        service(&outcome)["spec"],
        json!({
            "type": "LoadBalancer",
            "ports": [{"name": "port-80", "port": 80, "protocol": "TCP"}],
            "externalTrafficPolicy": "Local", "loadBalancerClass": "example.test/lb",
            "ipFamilies": ["IPv4"], "ipFamilyPolicy": "SingleStack",
            "allocateLoadBalancerNodePorts": false, "loadBalancerSourceRanges": ["10.0.0.0/8"],
            "trafficDistribution": "PreferClose",
        })
    );
    assert_eq!(
        service(&outcome)["metadata"]["annotations"],
        json!({"service.cilium.io/src-ranges-policy": "Deny"})
    );
    let before = with_class("1.17.0", parameters("apps", "params"), spec);
    assert!(service(&before)["spec"]["loadBalancerClass"].is_null(), "1.17 has no parameters");
}

#[test]
fn parameters_that_say_nothing_about_the_service_change_nothing() {
    let plain = with_class("1.20.0", parameters("apps", "absent"), json!({}));
    let described = with_class("1.20.0", parameters("apps", "params"), json!({"description": "x"}));
    assert_eq!(service(&plain), service(&described));
}

#[test]
fn an_empty_service_section_leaves_families_to_the_api_server_and_allows_ranges() {
    let outcome = with_class("1.20.0", parameters("apps", "params"), json!({"service": {}}));
    assert!(service(&outcome)["spec"]["ipFamilies"].is_null());
    assert_eq!(service(&outcome)["spec"]["externalTrafficPolicy"], "Cluster");
    assert_eq!(
        service(&outcome)["metadata"]["annotations"]["service.cilium.io/src-ranges-policy"],
        "Allow"
    );
    let slice = &outcome.objects.iter().find(|object| object["kind"] == "EndpointSlice");
    assert!(slice.expect("a slice")["metadata"]["annotations"].is_null(), "no shared map");
}

#[test]
fn node_ports_by_class_report_nodes_only_where_node_ports_of_host_network_do() {
    let spec = json!({"service": {"type": "NodePort", "loadBalancerClass": "example.test/lb"}});
    for (version, expected) in [
        ("1.18.2", "True Programmed: Gateway successfully reconciled"),
        ("1.18.11", "False AddressNotAssigned: Gateway waiting for address"),
        ("1.18.12", "True Programmed: Gateway Programmed"),
        ("1.19.5", "False AddressNotAssigned: Gateway waiting for address"),
        ("1.19.6", "True Programmed: Gateway Programmed"),
        ("1.20.0", "True Programmed: Gateway Programmed"),
    ] {
        let outcome = with_class(version, parameters("apps", "params"), spec.clone());
        let found = condition(&outcome, "Gateway", "gw", "Programmed");
        assert_eq!(found, expected, "{version}");
        assert_eq!(service(&outcome)["spec"]["type"], "NodePort", "{version}");
        assert!(service(&outcome)["spec"]["loadBalancerClass"].is_null(), "{version}");
    }
}

#[test]
fn grpc_web_can_be_switched_off_from_1_20_on() {
    let spec = json!({"httpOptions": {"grpcWebTranslation": {"enabled": false}}});
    for (version, filters) in [("1.19.6", 3), ("1.20.0", 2), ("1.21-dev", 2)] {
        let outcome = with_class(version, parameters("apps", "params"), spec.clone());
        let config = outcome.objects.iter().find(|object| object["kind"] == "CiliumEnvoyConfig");
        let pointer = "/spec/resources/0/filterChains/0/filters/0/typedConfig/httpFilters";
        let found = config.expect("a config").pointer(pointer).and_then(Value::as_array);
        assert_eq!(found.expect("filters").len(), filters, "{version}");
    }
}

#[test]
fn the_filter_for_cors_is_there_when_a_route_asks_for_it_from_1_20_on() {
    let filters = |version: &str, filters: Value| {
        let spec = json!({"parentRefs": [{"name": "gw"}], "rules": [
            {"filters": filters, "backendRefs": [{"name": "web", "port": 80}]}]});
        let gateway = json!([{"name": "http", "port": 80, "protocol": "HTTP"}]);
        let outcome = Cluster::new(version).gateway(gateway).route("r", spec).outcome();
        let config = outcome.objects.iter().find(|object| object["kind"] == "CiliumEnvoyConfig");
        let manager = &config.unwrap()["spec"]["resources"][0]["filterChains"][0]["filters"][0];
        let names = manager["typedConfig"]["httpFilters"].as_array().unwrap().iter();
        names.map(|filter| filter["name"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let usual =
        ["grpc_web", "grpc_stats", "router"].map(|name| format!("envoy.filters.http.{name}"));
    let cors = json!([{"type": "CORS", "cors": {"allowOrigins": ["https://a.test"]}}]);
    assert_eq!(filters("1.20.0", json!([])), usual);
    assert_eq!(filters("1.19.6", cors.clone()), usual);
    let mut with_cors = usual.to_vec();
    with_cors.insert(2, "envoy.filters.http.cors".to_owned());
    assert_eq!(filters("1.20.0", cors), with_cors);
}
