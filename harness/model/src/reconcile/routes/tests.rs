//! Conditions of routes: each with the versions before and after a change, and with look-alikes.

use serde_json::{Value, json};

use crate::fixture::Cluster;
use crate::reconcile::Outcome;

/// The conditions of one parent, `type status reason: message` each.
fn conditions(outcome: &Outcome, kind: &str, parent: usize) -> Vec<String> {
    let update = outcome.statuses.iter().find(|update| update.kind == kind);
    let Some(update) = update else { return Vec::new() };
    let conditions = &update.status["parents"][parent]["conditions"];
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    (conditions.as_array().into_iter().flatten())
        .map(|found| {
            assert_eq!(found["observedGeneration"], 1, "the generation of the route");
            let [kind, status, reason, message] =
                ["type", "status", "reason", "message"].map(|key| text(&found[key]));
            format!("{kind} {status} {reason}: {message}")
        })
        .collect()
}

/// The condition of a type of the first parent.
fn told(outcome: &Outcome, kind: &str, condition: &str) -> String {
    let prefix = format!("{condition} ");
    let all = conditions(outcome, kind, 0);
    let found = all.iter().find_map(|found| found.strip_prefix(&prefix));
    found.unwrap_or("none").to_owned()
}

fn http() -> Value {
    json!([{"name": "http", "port": 80, "protocol": "HTTP", "hostname": "*.a.test"}])
}

fn to_web(parents: &Value) -> Value {
    json!({"parentRefs": parents, "rules": [{"backendRefs": [{"name": "web", "port": 80}]}]})
}

fn route(version: &str, listeners: Value, spec: Value) -> Outcome {
    Cluster::new(version).gateway(listeners).route("r", spec).outcome()
}

fn grpc(version: &str, listeners: Value, spec: &Value) -> Outcome {
    Cluster::new(version)
        .gateway(listeners)
        .with(json!({"apiVersion": "gateway.networking.k8s.io/v1", "kind": "GRPCRoute",
            "metadata": {"name": "r", "namespace": "apps", "generation": 1}, "spec": spec}))
        .outcome()
}

const ACCEPTED: &str = "True Accepted: Accepted HTTPRoute";
const RESOLVED: &str = "True ResolvedRefs: Service reference is valid";

#[test]
fn only_the_oldest_versions_speak_of_gateways_that_do_not_exist() {
    let missing = "False InvalidHTTPRoute: gateway \"typo\" does not exist: \
                   Gateway.gateway.networking.k8s.io \"typo\" not found";
    for (version, expected) in [("1.17.0", missing), ("1.18.0", "none")] {
        let outcome = route(version, http(), to_web(&json!([{"name": "typo"}])));
        assert_eq!(told(&outcome, "HTTPRoute", "Accepted"), expected, "{version}");
    }
    let missing = missing.replace("HTTPRoute", "GRPCRoute");
    for (version, expected) in [("1.18.2", missing.as_str()), ("1.18.3", "none")] {
        let outcome = grpc(version, http(), &to_web(&json!([{"name": "typo"}])));
        assert_eq!(told(&outcome, "GRPCRoute", "Accepted"), expected, "{version}");
    }
}

#[test]
fn only_the_oldest_versions_write_parents_of_other_controllers() {
    let foreign = json!({"apiVersion": "gateway.networking.k8s.io/v1", "kind": "Gateway",
        "metadata": {"name": "other", "namespace": "apps"},
        "spec": {"gatewayClassName": "nginx", "listeners": http()}});
    for (version, parents) in [("1.17.0", 2), ("1.18.0", 1)] {
        let outcome = Cluster::new(version)
            .gateway(http())
            .with(foreign.clone())
            .route("r", to_web(&json!([{"name": "gw"}, {"name": "other"}])))
            .outcome();
        let update = outcome.statuses.iter().find(|update| update.kind == "HTTPRoute");
        let written = update.expect("a status").status["parents"].as_array().map(Vec::len);
        assert_eq!(written, Some(parents), "{version}");
    }
}

#[test]
fn the_second_parent_s_conditions_come_in_another_order_in_the_oldest_versions() {
    let listeners = json!([{"name": "a", "port": 80, "protocol": "HTTP"},
                           {"name": "b", "port": 81, "protocol": "HTTP"}]);
    let parents =
        json!([{"name": "gw", "sectionName": "a"}, {"name": "gw", "sectionName": "nope"}]);
    let refused = "Accepted False NoMatchingParent: No matching listener with sectionName nope";
    let resolved = format!("ResolvedRefs {RESOLVED}");
    for (version, second) in
        [("1.17.0", [resolved.as_str(), refused]), ("1.18.0", [refused, resolved.as_str()])]
    {
        let outcome = route(version, listeners.clone(), to_web(&parents));
        assert_eq!(
            conditions(&outcome, "HTTPRoute", 0),
            [format!("Accepted {ACCEPTED}"), resolved.clone()],
            "{version}"
        );
        assert_eq!(conditions(&outcome, "HTTPRoute", 1), second, "{version}");
    }
}

#[test]
fn the_first_check_that_fails_is_told() {
    let ask = |version: &str, parent: Value, hostnames: Value| {
        let mut spec = to_web(&json!([parent]));
        spec["hostnames"] = hostnames;
        told(&route(version, http(), spec), "HTTPRoute", "Accepted")
    };
    for version in ["1.16.0", "1.18.10", "1.21-dev"] {
        let fits = ask(
            version,
            json!({"name": "gw", "port": 80, "sectionName": "http"}),
            json!(["x.a.test"]),
        );
        assert_eq!(fits, ACCEPTED, "{version}");
        let port = ask(
            version,
            json!({"name": "gw", "port": 81, "sectionName": "nope"}),
            json!(["b.test"]),
        );
        assert_eq!(port, "False NoMatchingParent: No matching listener with port 81", "{version}");
        let host = ask(version, json!({"name": "gw", "sectionName": "nope"}), json!(["b.test"]));
        assert_eq!(
            host, "False NoMatchingListenerHostname: No matching listener hostname",
            "{version}"
        );
        let apex = ask(version, json!({"name": "gw"}), json!(["a.test"]));
        assert_eq!(
            apex, "False NoMatchingListenerHostname: No matching listener hostname",
            "{version}"
        );
        let section = ask(version, json!({"name": "gw", "sectionName": "nope"}), json!([]));
        assert_eq!(
            section, "False NoMatchingParent: No matching listener with sectionName nope",
            "{version}"
        );
    }
}

#[test]
fn a_route_without_a_listener_of_its_protocol_is_refused_from_1_19_2() {
    let tcp = json!([{"name": "tcp", "port": 80, "protocol": "TCP"}]);
    for (version, expected) in [
        ("1.19.1", ACCEPTED),
        (
            "1.19.2",
            "False NotAllowedByListeners: No Listener with matching Protocol. Allowed protocols: [HTTP HTTPS]",
        ),
        (
            "1.20.0",
            "False NotAllowedByListeners: No matching listener protocol; route requires one of: [HTTP HTTPS]",
        ),
    ] {
        let outcome = route(version, tcp.clone(), to_web(&json!([{"name": "gw"}])));
        assert_eq!(told(&outcome, "HTTPRoute", "Accepted"), expected, "{version}");
    }
}

#[test]
fn which_listeners_must_allow_the_kind_depends_on_the_version() {
    let listener = |name: &str, port: u16, kinds: Value| json!({"name": name, "port": port, "protocol": "HTTP", "allowedRoutes": {"kinds": kinds}});
    let (all, only_grpc) = (json!([]), json!([{"kind": "GRPCRoute"}]));
    let listeners = json!([listener("all", 80, all), listener("grpc", 81, only_grpc)]);
    let refused = "False NotAllowedByListeners: HTTPRoute is not allowed to attach to this Gateway due to route kind restrictions";
    for (version, whole, all, grpc) in [
        ("1.19.5", refused, refused, refused),
        ("1.19.6", refused, ACCEPTED, refused),
        ("1.20.0", refused, ACCEPTED, refused),
        ("1.21-dev", ACCEPTED, ACCEPTED, refused),
    ] {
        for (parent, expected) in [
            (json!({"name": "gw"}), whole),
            (json!({"name": "gw", "sectionName": "all"}), all),
            (json!({"name": "gw", "sectionName": "grpc"}), grpc),
        ] {
            let outcome = route(version, listeners.clone(), to_web(&json!([parent])));
            assert_eq!(told(&outcome, "HTTPRoute", "Accepted"), expected, "{version} {parent}");
        }
    }
}

#[test]
fn a_selector_that_refuses_ends_the_check_until_1_19_6() {
    let listener = |name: &str, port: u16, from: Value| json!({"name": name, "port": port, "protocol": "HTTP", "allowedRoutes": {"namespaces": from}});
    let listeners = json!([
        listener(
            "selected",
            80,
            json!({"from": "Selector", "selector": {"matchLabels": {"no": "such"}}})
        ),
        listener("all", 81, json!({"from": "All"})),
    ]);
    let refused = "False NotAllowedByListeners: HTTPRoute is not allowed to attach to this Gateway due to namespace selector restrictions";
    for (version, expected) in [("1.17.0", refused), ("1.19.5", refused), ("1.19.6", ACCEPTED)] {
        let outcome = route(version, listeners.clone(), to_web(&json!([{"name": "gw"}])));
        assert_eq!(told(&outcome, "HTTPRoute", "Accepted"), expected, "{version}");
    }
}

#[test]
fn of_several_problems_with_references_one_is_told() {
    let refs = |backends: Value| {
        let spec = json!({"parentRefs": [{"name": "gw"}], "rules": [{"backendRefs": backends}]});
        told(&route("1.20.0", http(), spec), "HTTPRoute", "ResolvedRefs")
    };
    let (far, kind) = (
        json!({"name": "far", "namespace": "other", "port": 80}),
        json!({"name": "x", "kind": "Pod", "port": 80}),
    );
    let (no_port, one, two) = (
        json!({"name": "web"}),
        json!({"name": "one", "port": 80}),
        json!({"name": "two", "port": 80}),
    );
    let cases = [
        (json!([{"name": "web", "port": 80}]), RESOLVED),
        (json!([one, far]), "False RefNotPermitted: Cross namespace references are not allowed"),
        (json!([kind, one]), "False InvalidKind: Unsupported backend kind Pod"),
        (json!([kind, no_port]), "False InvalidKind: Must have port for backend object reference"),
        (json!([one, two]), "False BackendNotFound: Service \"two\" not found"),
        (json!([two, one]), "False BackendNotFound: Service \"one\" not found"),
    ];
    for (backends, expected) in cases {
        assert_eq!(refs(backends.clone()), expected, "{backends}");
    }
}

#[test]
fn a_mirror_and_later_an_authorization_service_count_among_the_references() {
    let missing = json!({"backendRef": {"name": "gone", "port": 80}});
    let ask = |version: &str, filter: Value| {
        let spec = json!({"parentRefs": [{"name": "gw"}], "rules": [
            {"backendRefs": [{"name": "web", "port": 80}], "filters": [filter]}]});
        told(&route(version, http(), spec), "HTTPRoute", "ResolvedRefs")
    };
    let not_found = "False BackendNotFound: Service \"gone\" not found";
    let mirror = json!({"type": "RequestMirror", "requestMirror": missing});
    let auth = json!({"type": "ExternalAuth", "externalAuth": missing});
    assert_eq!(ask("1.16.0", mirror), not_found);
    assert_eq!(ask("1.20.0", auth.clone()), RESOLVED);
    assert_eq!(ask("1.21-dev", auth), not_found);
}

#[test]
fn a_port_that_the_service_lacks_is_told_from_1_21() {
    let spec = json!({"parentRefs": [{"name": "gw"}], "rules": [{"backendRefs": [{"name": "web", "port": 99}]}]});
    for (version, expected) in [
        ("1.20.0", RESOLVED),
        (
            "1.21-dev",
            "False BackendNotFound: Service port 99 could not be resolved for backend apps/web",
        ),
    ] {
        let outcome = route(version, http(), spec.clone());
        assert_eq!(told(&outcome, "HTTPRoute", "ResolvedRefs"), expected, "{version}");
    }
}

#[test]
fn a_service_import_needs_its_definition_and_the_name_of_a_service() {
    let spec = json!({"parentRefs": [{"name": "gw"}], "rules": [{"backendRefs": [
        {"group": "multicluster.x-k8s.io", "kind": "ServiceImport", "name": "web", "port": 80}]}]});
    let import = |annotations: Value| {
        json!({"apiVersion": "multicluster.x-k8s.io/v1alpha1", "kind": "ServiceImport",
        "metadata": {"name": "web", "namespace": "apps", "annotations": annotations}})
    };
    let definition = json!({"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {"name": "serviceimports.multicluster.x-k8s.io"}});
    let ask = |object: Option<Value>| {
        let cluster = Cluster::new("1.19.6").gateway(http()).route("r", spec.clone());
        let cluster = object.into_iter().fold(cluster, Cluster::with);
        told(&cluster.outcome(), "HTTPRoute", "ResolvedRefs")
    };
    assert_eq!(
        ask(None),
        "False BackendNotFound: Attempt to reference a ServiceImport backend while the corresponding CRD is not \
         installed, please restart the cilium-operator if the CRD is already installed"
    );
    assert_eq!(
        ask(Some(definition)),
        "False BackendNotFound: ServiceImport.multicluster.x-k8s.io \"web\" not found"
    );
    assert_eq!(
        ask(Some(import(json!({})))),
        "False BackendNotFound: ServiceImport apps/web does not have annotation multicluster.kubernetes.io/derived-service"
    );
    let derived =
        |name: &str| Some(import(json!({"multicluster.kubernetes.io/derived-service": name})));
    assert_eq!(ask(derived("gone")), "False BackendNotFound: Service \"gone\" not found");
    assert_eq!(ask(derived("web")), RESOLVED);
}

#[test]
fn an_expression_that_cannot_be_read_is_told_from_1_20_and_noted_before() {
    let spec = |path: &str| {
        json!({"parentRefs": [{"name": "gw"}], "rules": [
        {"matches": [{"path": {"type": "RegularExpression", "value": path}}], "backendRefs": [{"name": "web", "port": 80}]}]})
    };
    let outcome = route("1.20.0", http(), spec("/a(b"));
    assert_eq!(
        told(&outcome, "HTTPRoute", "Accepted"),
        "False UnsupportedValue: Invalid regular expression in path match: error parsing regexp: missing closing ): `/a(b`"
    );
    assert!(outcome.unmodelled.is_empty(), "such a route is not served");
    assert!(outcome.envoy[0].clusters.is_empty(), "such a route is not served");
    let before = route("1.19.6", http(), spec("/a(b"));
    assert_eq!(told(&before, "HTTPRoute", "Accepted"), ACCEPTED);
    assert!(before.unmodelled[0].to_string().contains("`/a(b`, which Envoy refuses"));
    let fine = route("1.19.6", http(), spec("/a(b)"));
    assert!(fine.unmodelled.is_empty() && told(&fine, "HTTPRoute", "Accepted") == ACCEPTED);
}

#[test]
fn setting_the_host_field_is_told_from_1_21_and_noted_before() {
    let spec = |name: &str| {
        json!({"parentRefs": [{"name": "gw"}], "rules": [{"backendRefs": [{"name": "web", "port": 80}],
        "filters": [{"type": "RequestHeaderModifier", "requestHeaderModifier": {"set": [{"name": name, "value": "x"}]}}]}]})
    };
    for (version, name, accepted, noted) in [
        ("1.20.0", "Host", ACCEPTED, true),
        (
            "1.21-dev",
            "Host",
            "False UnsupportedValue: Invalid header modifier: \"Host\" header is not supported",
            false,
        ),
        ("1.21-dev", "host", ACCEPTED, true),
        ("1.20.0", "X-Host", ACCEPTED, false),
    ] {
        let outcome = route(version, http(), spec(name));
        assert_eq!(told(&outcome, "HTTPRoute", "Accepted"), accepted, "{version} {name}");
        assert_eq!(!outcome.unmodelled.is_empty(), noted, "{version} {name}");
    }
}

#[test]
fn parents_that_hide_what_others_found_are_noted_in_the_first_releases_of_1_18() {
    let one = json!([{"name": "gw"}]);
    let two = json!([{"name": "gw"}, {"name": "gw", "sectionName": "http"}]);
    let hidden = |version: &str, parents: &Value, backend: &str| {
        let spec = json!({"parentRefs": parents, "rules": [
            {"backendRefs": [{"name": backend, "port": 80}]}]});
        let outcome = grpc(version, http(), &spec);
        outcome.unmodelled.iter().any(|limit| limit.what.contains("tells for one of them"))
    };
    for (version, noted) in
        [("1.17.0", false), ("1.18.0", true), ("1.18.2", true), ("1.18.3", false)]
    {
        assert_eq!(hidden(version, &two, "nowhere"), noted, "{version}");
        assert!(!hidden(version, &one, "nowhere"), "{version}: one parent");
        assert!(!hidden(version, &two, "web"), "{version}: a backend that is there");
    }
}

#[test]
fn an_accepted_grpc_route_reads_as_an_http_route_between_1_18_3_and_1_19_5() {
    for (version, kind) in [
        ("1.16.0", "GRPCRoute"),
        ("1.18.2", "GRPCRoute"),
        ("1.18.3", "HTTPRoute"),
        ("1.19.5", "HTTPRoute"),
        ("1.19.6", "GRPCRoute"),
        ("1.21-dev", "GRPCRoute"),
    ] {
        let outcome = grpc(version, http(), &to_web(&json!([{"name": "gw"}])));
        let expected = format!("True Accepted: Accepted {kind}");
        assert_eq!(told(&outcome, "GRPCRoute", "Accepted"), expected, "{version}");
    }
}

#[test]
fn a_route_that_nobody_accepts_is_served_until_1_20_if_its_references_are_not_resolved() {
    let spec = |name: &str| {
        json!({"parentRefs": [{"name": "gw", "port": 99}, {"name": "gw", "sectionName": "nope"}, {"name": "gw", "port": 81}],
        "hostnames": ["x.a.test"], "rules": [{"backendRefs": [{"name": name, "port": 80}]}]})
    };
    let listeners = json!([{"name": "http", "port": 80, "protocol": "HTTP", "hostname": "*.a.test"},
                           {"name": "late", "port": 81, "protocol": "HTTP", "allowedRoutes": {"namespaces": {"from": "Same"}}}]);
    let served = |version: &str, spec: Value| {
        let cluster = Cluster::new(version).gateway(listeners.clone());
        let cluster = cluster.route(
            "r",
            json!({"parentRefs": spec["parentRefs"].as_array().map(|all| &all[..2]),
            "hostnames": ["x.a.test"], "rules": spec["rules"]}),
        );
        let outcome = cluster.outcome();
        assert!(told(&outcome, "HTTPRoute", "Accepted").starts_with("False"), "{version}");
        let table = outcome.envoy[0].route_tables.get("listener-insecure").cloned();
        table.is_some_and(|table| !table.virtual_hosts.is_empty())
    };
    // Neither reference means a listener, so nothing is served although the route attaches.
    assert!(!served("1.19.6", spec("gone")));
    assert!(!served("1.20.0", spec("gone")));
    let kinds = json!([{"name": "a", "port": 80, "protocol": "HTTP", "hostname": "a.test",
                        "allowedRoutes": {"kinds": [{"kind": "GRPCRoute"}]}},
                       {"name": "b", "port": 81, "protocol": "HTTP", "hostname": "b.test"}]);
    for (version, backend, expected) in
        [("1.19.5", "gone", true), ("1.19.5", "web", false), ("1.20.0", "gone", false)]
    {
        let spec = json!({"parentRefs": [{"name": "gw"}], "rules": [{"backendRefs": [{"name": backend, "port": 80}]}]});
        let outcome = route(version, kinds.clone(), spec);
        assert!(told(&outcome, "HTTPRoute", "Accepted").contains("route kind"), "{version}");
        let hosts: usize =
            outcome.envoy[0].route_tables.values().map(|table| table.virtual_hosts.len()).sum();
        assert_eq!(hosts > 0, expected, "{version} {backend}");
    }
}

#[test]
fn a_service_as_parent_is_passed_over_with_a_note() {
    let parents = json!([{"group": "", "kind": "Service", "name": "web"}]);
    let outcome = route("1.20.0", http(), to_web(&parents));
    assert!(outcome.unmodelled[0].to_string().contains("a route of the mesh"));
    assert!(outcome.statuses.iter().all(|update| update.kind != "HTTPRoute"));
}

#[test]
fn the_operator_leaves_off_at_refused_parameters_before_it_comes_to_routes() {
    let refused = json!({"gatewayClassName": "cilium", "listeners": http(), "infrastructure": {
        "parametersRef": {"group": "cilium.io", "kind": "CiliumGatewayClassConfig", "name": "c"}}});
    let written = |version: &str, parents: Value| {
        let outcome = Cluster::new(version)
            .gateway_spec(refused.clone())
            .with(json!({"apiVersion": "gateway.networking.k8s.io/v1", "kind": "Gateway",
                "metadata": {"name": "fine", "namespace": "apps", "generation": 1},
                "spec": {"gatewayClassName": "cilium", "listeners": http()}}))
            .route("r", to_web(&parents))
            .outcome();
        [0, 1].map(|parent| conditions(&outcome, "HTTPRoute", parent).len())
    };
    let (alone, both) = (json!([{"name": "gw"}]), json!([{"name": "gw"}, {"name": "fine"}]));
    assert_eq!(written("1.19.6", alone.clone()), [2, 0], "not looked at yet");
    assert_eq!(written("1.20.0", alone), [0, 0]);
    assert_eq!(written("1.20.0", both), [2, 2], "the other Gateway's turn");
}

#[test]
fn a_parent_of_another_kind_is_taken_for_a_gateway_in_the_oldest_versions() {
    let parents = json!([{"name": "gw"}, {"group": "example.test", "kind": "Mesh", "name": "all"}]);
    let ask = |version: &str| conditions(&route(version, http(), to_web(&parents)), "HTTPRoute", 1);
    assert!(ask("1.17.0")[1].contains("gateway \"all\" does not exist"), "{:?}", ask("1.17.0"));
    assert!(ask("1.18.0").is_empty(), "{:?}", ask("1.18.0"));
}
