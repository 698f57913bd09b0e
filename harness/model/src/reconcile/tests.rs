use serde_json::{Value, json};

use crate::fixture::{Cluster, condition, listener_condition, listener_status};
use crate::reconcile::Outcome;
use crate::translation::envoy::{Action, PathMatch, RouteTable, UpstreamProtocol};

fn http() -> Value {
    json!([{"name": "http", "port": 80, "protocol": "HTTP"}])
}

fn to_web() -> Value {
    json!({"parentRefs": [{"name": "gw"}], "rules": [{"backendRefs": [{"name": "web", "port": 80}]}]})
}

fn table<'a>(outcome: &'a Outcome, name: &str) -> &'a RouteTable {
    &outcome.envoy[0].route_tables[name]
}

/// Actions in short: clusters with weights, a status, or `redirect`.
fn actions(table: &RouteTable) -> Vec<String> {
    let routes = table.virtual_hosts.iter().flat_map(|host| &host.routes);
    routes
        .map(|route| match &route.action {
            Action::Forward(forward) => forward
                .clusters
                .iter()
                .map(|cluster| format!("{}={}", cluster.cluster, cluster.weight))
                .collect::<Vec<_>>()
                .join("+"),
            Action::Redirect(redirect) => format!("redirect {}", redirect.status),
            Action::Respond { status } => status.to_string(),
        })
        .collect()
}

fn limits(outcome: &Outcome) -> String {
    outcome.unmodelled.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

#[test]
fn without_the_switches_nothing_is_done() {
    let mut off = Cluster::new("1.20.0").gateway(http());
    off.config.gateway_api = false;
    assert_eq!(off.outcome(), Outcome::default());
    off.config.gateway_api = true;
    off.config.kube_proxy_replacement = false;
    assert_eq!(off.outcome(), Outcome::default());
}

#[test]
fn a_version_nobody_looked_at_is_not_modelled() {
    let outcome = Cluster::new("1.15.0").gateway(http()).outcome();
    assert_eq!(limits(&outcome), "Cilium 1.15.0: the reference model does not cover this version");
    assert!(outcome.statuses.is_empty());
}

#[test]
fn a_gateway_of_a_foreign_or_absent_class_is_ignored() {
    let spec = |class: &str| json!({"gatewayClassName": class, "listeners": http()});
    let foreign = json!({"apiVersion": "gateway.networking.k8s.io/v1", "kind": "GatewayClass",
        "metadata": {"name": "theirs"}, "spec": {"controllerName": "example.test/theirs"}});
    for class in ["theirs", "absent"] {
        let outcome =
            Cluster::new("1.20.0").with(foreign.clone()).gateway_spec(spec(class)).outcome();
        assert!(outcome.objects.is_empty() && outcome.unmodelled.is_empty(), "{class}");
        assert!(!outcome.statuses.iter().any(|update| update.kind == "Gateway"), "{class}");
    }
    assert_eq!(Cluster::new("1.20.0").gateway_spec(spec("cilium")).outcome().envoy.len(), 1);
}

#[test]
fn an_address_makes_a_gateway_programmed_from_1_18_3_on_and_is_not_waited_for_before() {
    let waiting = "False AddressNotAssigned: Gateway waiting for address";
    for (version, without, with) in [
        (
            "1.17.0",
            "True Programmed: Gateway successfully reconciled",
            "True Programmed: Gateway successfully reconciled",
        ),
        (
            "1.18.2",
            "True Programmed: Gateway successfully reconciled",
            "True Programmed: Gateway successfully reconciled",
        ),
        ("1.18.3", waiting, "True Programmed: Gateway Programmed"),
        ("1.20.0", waiting, "True Programmed: Gateway Programmed"),
    ] {
        let pending = Cluster::new(version).gateway(http()).outcome();
        assert_eq!(condition(&pending, "Gateway", "gw", "Programmed"), without, "{version}");
        let ready = Cluster::new(version)
            .gateway(http())
            .live_service("LoadBalancer", &[80], &["192.0.2.1"])
            .outcome();
        assert_eq!(condition(&ready, "Gateway", "gw", "Programmed"), with, "{version}");
    }
}

#[test]
fn host_network_is_never_programmed_from_1_18_3_to_1_19_5() {
    for (version, expected) in [
        ("1.18.10", "False AddressNotAssigned: Gateway waiting for address"),
        ("1.19.5", "False AddressNotAssigned: Gateway waiting for address"),
        ("1.19.6", "True Programmed: Gateway Programmed"),
    ] {
        let outcome = Cluster::new(version).host_network(&[]).gateway(http()).outcome();
        assert_eq!(condition(&outcome, "Gateway", "gw", "Programmed"), expected, "{version}");
    }
}

#[test]
fn node_addresses_honour_the_selector_from_1_20_2() {
    let addresses = |version: &str| {
        let outcome =
            Cluster::new(version).host_network(&[("role", "gateway")]).gateway(http()).outcome();
        let update = outcome
            .statuses
            .iter()
            .find(|update| update.kind == "Gateway")
            .expect("a status")
            .clone();
        update.status["addresses"].as_array().expect("addresses").len()
    };
    assert_eq!((addresses("1.20.1"), addresses("1.20.2")), (2, 1));
}

#[test]
fn no_valid_listener_ends_reconciliation_only_from_1_18_3_on() {
    let https = json!([{"name": "https", "port": 443, "protocol": "HTTPS",
                        "tls": {"certificateRefs": [{"name": "absent"}]}}]);
    let early = Cluster::new("1.18.2").gateway(https.clone()).outcome();
    assert_eq!(early.objects.len(), 3);
    let late = Cluster::new("1.18.3").gateway(https).outcome();
    assert!(late.objects.is_empty() && late.envoy.is_empty());
    assert_eq!(late.left_alone, [crate::fixture::gw()], "what was there before must stay");
    assert_eq!(
        condition(&late, "Gateway", "gw", "Accepted"),
        "False ListenersNotValid: No Accepted Listeners"
    );
    assert_eq!(
        listener_condition(&late, "https", "Accepted"),
        "False Invalid: Listener not valid. Invalid CertificateRef, Secret \"absent\" not found"
    );
}

#[test]
fn a_certificate_elsewhere_needs_a_grant_there() {
    let https = json!([{"name": "https", "port": 443, "protocol": "HTTPS",
                        "tls": {"certificateRefs": [{"name": "cert", "namespace": "other"}]}},
                       {"name": "http", "port": 80, "protocol": "HTTP"}]);
    let grant = |namespace: &str| {
        json!({"apiVersion": "gateway.networking.k8s.io/v1beta1", "kind": "ReferenceGrant",
               "metadata": {"name": "g", "namespace": namespace},
               "spec": {"from": [{"group": "gateway.networking.k8s.io", "kind": "Gateway", "namespace": "apps"}],
                        "to": [{"group": "", "kind": "Secret"}]}})
    };
    let refs = |cluster: Cluster| {
        let outcome = cluster.outcome();
        (listener_condition(&outcome, "https", "ResolvedRefs"), outcome.synced_secrets.len())
    };
    // A copy is made without asking for a grant.
    let refused = ("False RefNotPermitted: CertificateRef is not permitted".to_owned(), 1);
    assert_eq!(refs(Cluster::new("1.20.0").gateway(https.clone())), refused);
    assert_eq!(refs(Cluster::new("1.20.0").gateway(https.clone()).with(grant("apps"))), refused);
    assert_eq!(
        refs(Cluster::new("1.20.0").gateway(https).with(grant("other"))),
        ("True ResolvedRefs: Resolved Refs".to_owned(), 1)
    );
}

#[test]
fn only_secrets_that_exist_are_copied() {
    let https = json!([{"name": "https", "port": 443, "protocol": "HTTPS",
                        "tls": {"options": {"example.test/cipher": "any"}, "certificateRefs": [
                            {"name": "cert", "namespace": "other"},
                            {"name": "cert", "namespace": "other"},
                            {"name": "absent", "namespace": "other"},
                            {"name": "cert", "namespace": "other", "kind": "ConfigMap"}]}}]);
    let outcome = Cluster::new("1.20.0").gateway(https).outcome();
    let sources: Vec<String> =
        outcome.synced_secrets.iter().map(|secret| secret.source.to_string()).collect();
    assert_eq!(sources, ["other/cert"]);
    assert!(outcome.unmodelled.is_empty(), "{:?}", outcome.unmodelled);
}

#[test]
fn backends_that_cannot_be_used_answer_500_and_say_why() {
    let cases = [
        (
            json!({"name": "web", "port": 80}),
            "True ResolvedRefs: Service reference is valid",
            "apps:web:80=1",
        ),
        (
            json!({"name": "gone", "port": 80}),
            "False BackendNotFound: Service \"gone\" not found",
            "500",
        ),
        (
            json!({"name": "web"}),
            "False InvalidKind: Must have port for backend object reference",
            "500",
        ),
        (
            json!({"name": "web", "port": 80, "kind": "Bucket", "group": "example.test"}),
            "False InvalidKind: Unsupported backend kind Bucket",
            "500",
        ),
        (
            json!({"name": "far", "port": 80, "namespace": "other"}),
            "False RefNotPermitted: Cross namespace references are not allowed",
            "500",
        ),
    ];
    for (backend, expected, action) in cases {
        let route = json!({"parentRefs": [{"name": "gw"}], "rules": [{"backendRefs": [backend]}]});
        let outcome = Cluster::new("1.20.0").gateway(http()).route("r", route).outcome();
        assert_eq!(condition(&outcome, "HTTPRoute", "r", "ResolvedRefs"), expected);
        assert_eq!(
            condition(&outcome, "HTTPRoute", "r", "Accepted"),
            "True Accepted: Accepted HTTPRoute"
        );
        assert_eq!(actions(table(&outcome, "listener-insecure")), [action], "{expected}");
        assert_eq!(
            listener_status(&outcome, "http")["attachedRoutes"],
            1,
            "a broken route still attaches"
        );
    }
}

#[test]
fn traffic_goes_to_the_valid_part_of_the_backends_only() {
    let route = json!({"parentRefs": [{"name": "gw"}], "rules": [
        {"backendRefs": [{"name": "web", "port": 80, "weight": 1}, {"name": "gone", "port": 80, "weight": 9}]}]});
    let outcome = Cluster::new("1.20.0").gateway(http()).route("r", route).outcome();
    assert_eq!(actions(table(&outcome, "listener-insecure")), ["apps:web:80=1"]);
}

#[test]
fn attachment_is_refused_with_the_reason_that_fits() {
    let listeners = json!([{"name": "http", "port": 80, "protocol": "HTTP", "hostname": "a.test"}]);
    let parent = |extra: Value| {
        let mut parent = json!({"name": "gw", "namespace": "apps"});
        parent
            .as_object_mut()
            .expect("an object")
            .extend(extra.as_object().expect("an object").clone());
        parent
    };
    let ask = |namespace: &str, parent: Value, hostnames: Value| {
        let spec = json!({"parentRefs": [parent], "hostnames": hostnames, "rules": []});
        let outcome = Cluster::new("1.20.0")
            .gateway(listeners.clone())
            .route_in(namespace, "r", spec)
            .outcome();
        condition(&outcome, "HTTPRoute", "r", "Accepted")
    };
    assert_eq!(
        ask("apps", parent(json!({})), json!(["a.test"])),
        "True Accepted: Accepted HTTPRoute"
    );
    assert_eq!(
        ask("apps", parent(json!({"port": 81})), json!([])),
        "False NoMatchingParent: No matching listener with port 81"
    );
    assert_eq!(
        ask("apps", parent(json!({})), json!(["b.test"])),
        "False NoMatchingListenerHostname: No matching listener hostname"
    );
    assert_eq!(
        ask("other", parent(json!({})), json!([])),
        "False NotAllowedByListeners: HTTPRoute is not allowed to attach to this Gateway due to namespace restrictions"
    );
}

#[test]
fn a_namespace_selector_decides_by_label() {
    let ask = |version: &str, value: &str| {
        let listeners = json!([{"name": "http", "port": 80, "protocol": "HTTP", "allowedRoutes": {"namespaces":
            {"from": "Selector", "selector": {"matchLabels": {"expose": value}}}}}]);
        let spec = json!({"parentRefs": [{"name": "gw", "namespace": "apps"}], "rules": []});
        let outcome =
            Cluster::new(version).gateway(listeners).route_in("other", "r", spec).outcome();
        condition(&outcome, "HTTPRoute", "r", "Accepted")
    };
    for (version, by) in [("1.19.5", "namespace selector"), ("1.19.6", "namespace")] {
        assert_eq!(ask(version, "true"), "True Accepted: Accepted HTTPRoute");
        assert_eq!(
            ask(version, "false"),
            format!(
                "False NotAllowedByListeners: HTTPRoute is not allowed to attach to this Gateway due to {by} restrictions"
            ),
            "{version}"
        );
    }
}

#[test]
fn several_backends_without_any_weight_are_not_modelled() {
    let to = |weights: [u32; 2]| {
        let backends = weights.map(|weight| json!({"name": "web", "port": 80, "weight": weight}));
        let spec = json!({"parentRefs": [{"name": "gw"}], "rules": [{"backendRefs": backends}]});
        Cluster::new("1.20.0").gateway(http()).route("split", spec).outcome()
    };
    assert!(to([0, 1]).unmodelled.is_empty());
    assert_eq!(
        limits(&to([0, 0])),
        "HTTPRoute apps/split: the reference model does not cover several backends that all \
         have weight 0, which Envoy refuses"
    );
}

#[test]
fn weights_of_several_backends_are_kept_and_a_single_one_ignores_its_own() {
    let route = json!({"parentRefs": [{"name": "gw"}], "rules": [
        {"matches": [{"path": {"type": "Exact", "value": "/two"}}],
         "backendRefs": [{"name": "web", "port": 80, "weight": 0}, {"name": "api", "port": 80}]},
        {"backendRefs": [{"name": "web", "port": 80, "weight": 0}]}]});
    let outcome = Cluster::new("1.20.0").gateway(http()).route("r", route).outcome();
    let table = table(&outcome, "listener-insecure");
    assert_eq!(actions(table), ["apps:web:80=0+apps:api:80=1", "apps:web:80=0"]);
    assert_eq!(table.virtual_hosts[0].routes[0].matcher.path, PathMatch::Exact("/two".to_owned()));
}

#[test]
fn equal_matches_of_two_routes_share_traffic_and_differing_filters_are_not_guessed() {
    let api = json!({"parentRefs": [{"name": "gw"}], "rules": [{"backendRefs": [{"name": "api", "port": 80}]}]});
    let merged = Cluster::new("1.20.0")
        .gateway(http())
        .route("a", to_web())
        .route("b", api.clone())
        .outcome();
    assert_eq!(actions(table(&merged, "listener-insecure")), ["apps:web:80=1+apps:api:80=1"]);
    assert!(merged.unmodelled.is_empty(), "{}", limits(&merged));
    let mut filtered = api;
    filtered["rules"][0]["timeouts"] = json!({"request": "1s"});
    let unclear =
        Cluster::new("1.20.0").gateway(http()).route("a", to_web()).route("b", filtered).outcome();
    assert!(
        limits(&unclear).contains("a match that HTTPRoute apps/a has too"),
        "{}",
        limits(&unclear)
    );
}

#[test]
fn matches_of_equal_rank_are_not_guessed_when_one_request_may_fit_both() {
    let route = |matcher: Value| json!({"parentRefs": [{"name": "gw"}], "rules": [{"matches": [matcher], "backendRefs": [{"name": "web", "port": 80}]}]});
    let header = |name: &str| route(json!({"headers": [{"name": name, "value": "1"}]}));
    let path = |path: &str| route(json!({"path": {"type": "PathPrefix", "value": path}}));
    let unclear = Cluster::new("1.20.0")
        .gateway(http())
        .route("a", header("x"))
        .route("b", header("y"))
        .outcome();
    assert!(
        limits(&unclear).contains("as specific as one of HTTPRoute apps/a"),
        "{}",
        limits(&unclear)
    );
    let disjoint = Cluster::new("1.20.0")
        .gateway(http())
        .route("a", path("/x"))
        .route("b", path("/y"))
        .outcome();
    assert!(disjoint.unmodelled.is_empty(), "{}", limits(&disjoint));
}

#[test]
fn what_is_not_covered_is_named_and_never_dropped() {
    let filter = json!({"parentRefs": [{"name": "gw"}], "rules": [
        {"filters": [{"type": "ExternalAuth", "externalAuth": {"backendRef": {"name": "web", "port": 80}}}],
         "backendRefs": [{"name": "web", "port": 80}]}]});
    let outcome = Cluster::new("1.20.0").gateway(http()).route("r", filter).outcome();
    assert_eq!(
        limits(&outcome),
        "HTTPRoute apps/r: the reference model does not cover rules[0]: filter ExternalAuth"
    );

    let mut field = to_web();
    field["rules"][0]["novelty"] = json!({"attempts": 2});
    let outcome = Cluster::new("1.20.0").gateway(http()).route("r", field).outcome();
    assert!(limits(&outcome).contains("field spec.rules[0].novelty"), "{}", limits(&outcome));
}

#[test]
fn redirects_to_https_are_guarded_on_plain_listeners_from_1_20() {
    let route = json!({"parentRefs": [{"name": "gw"}], "rules": [
        {"filters": [{"type": "RequestRedirect", "requestRedirect": {"scheme": "https"}}]}]});
    for (version, headers) in [("1.19.5", 0), ("1.20.0", 1)] {
        let outcome = Cluster::new(version).gateway(http()).route("r", route.clone()).outcome();
        let found = &table(&outcome, "listener-insecure").virtual_hosts[0].routes[0];
        assert_eq!(found.matcher.headers.len(), headers, "{version}");
        assert_eq!(
            actions(table(&outcome, "listener-insecure")),
            ["redirect 302"],
            "the default code"
        );
    }
}

#[test]
fn requested_addresses_must_be_addresses_and_must_be_given() {
    let ask = |kind: &str, value: &str, given: &[&str]| {
        let spec = json!({"gatewayClassName": "cilium", "listeners": http(), "addresses": [{"type": kind, "value": value}]});
        let outcome = Cluster::new("1.20.0")
            .gateway_spec(spec)
            .live_service("LoadBalancer", &[80], given)
            .outcome();
        (
            condition(&outcome, "Gateway", "gw", "Accepted"),
            condition(&outcome, "Gateway", "gw", "Programmed"),
        )
    };
    assert!(ask("Hostname", "a.test", &[]).0.starts_with("False UnsupportedAddress"));
    assert_eq!(
        ask("IPAddress", "192.0.2.1", &["192.0.2.1"]).1,
        "True Programmed: Gateway Programmed"
    );
    assert_eq!(
        ask("IPAddress", "192.0.2.1", &["192.0.2.2"]).1,
        "False AddressNotUsable: StaticAddress can't be used"
    );
    assert!(ask("IPAddress", "192.0.2.1", &[]).1.starts_with("False AddressNotAssigned"));
}

#[test]
fn application_protocols_count_only_when_switched_on() {
    let mut cluster = Cluster::new("1.20.0").gateway(http()).route("r", to_web()).with(json!({
        "apiVersion": "v1", "kind": "Service", "metadata": {"name": "web", "namespace": "apps"},
        "spec": {"ports": [{"port": 80, "appProtocol": "kubernetes.io/h2c"}]}}));
    let protocol = |cluster: &Cluster| cluster.outcome().envoy[0].clusters["apps:web:80"].protocol;
    assert_eq!(protocol(&cluster), UpstreamProtocol::AsDownstream);
    cluster.config.app_protocol = true;
    assert_eq!(protocol(&cluster), UpstreamProtocol::Http2);
}

#[test]
fn a_header_filter_of_a_single_backend_moves_to_the_route() {
    let backend = json!({"name": "web", "port": 80, "filters": [
        {"type": "RequestHeaderModifier", "requestHeaderModifier": {"set": [{"name": "x", "value": "1"}]}}]});
    let route = |backends: Value| json!({"parentRefs": [{"name": "gw"}], "rules": [{"backendRefs": backends}]});
    let placed = |backends: Value| {
        let outcome = Cluster::new("1.20.0").gateway(http()).route("r", route(backends)).outcome();
        let found = table(&outcome, "listener-insecure").virtual_hosts[0].routes[0].clone();
        let Action::Forward(forward) = &found.action else { panic!("the route forwards") };
        (found.request_headers.set.len(), forward.clusters[0].request_headers.set.len())
    };
    assert_eq!(placed(json!([backend])), (1, 0));
    assert_eq!(placed(json!([backend, {"name": "api", "port": 80}])), (0, 1));
}

fn gateway_addresses(outcome: &Outcome) -> Vec<String> {
    let update = outcome.statuses.iter().find(|update| update.kind == "Gateway").expect("a status");
    let addresses = update.status["addresses"].as_array().cloned().unwrap_or_default();
    addresses.iter().map(|a| format!("{} {}", a["type"], a["value"]).replace('"', "")).collect()
}

#[test]
fn at_most_sixteen_nodes_are_listed_in_byte_order() {
    let mut cluster = Cluster::new("1.20.0").host_network(&[]).gateway(http());
    for index in 3..30 {
        cluster = cluster.with(json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": format!("n{index}")},
            "status": {"addresses": [{"type": "InternalIP", "address": format!("10.0.0.{index}")}]}}));
    }
    let addresses = gateway_addresses(&cluster.outcome());
    assert_eq!(addresses.len(), 16);
    assert_eq!(
        (addresses[1].as_str(), addresses[15].as_str()),
        ("IPAddress 10.0.0.2", "IPAddress 10.0.0.16")
    );
}

#[test]
fn a_load_balancer_that_gives_a_host_name_makes_the_gateway_programmed() {
    let mut cluster =
        Cluster::new("1.20.0").gateway(http()).live_service("LoadBalancer", &[80], &[]);
    let service = cluster.objects.last_mut().expect("the live Service");
    service["status"]["loadBalancer"]["ingress"] = json!([{"hostname": "nlb.example.test"}]);
    let outcome = cluster.outcome();
    assert_eq!(gateway_addresses(&outcome), ["Hostname nlb.example.test"]);
    assert_eq!(
        condition(&outcome, "Gateway", "gw", "Programmed"),
        "True Programmed: Gateway Programmed"
    );
}

#[test]
fn a_section_of_another_gateway_leaks_into_this_one_before_1_20() {
    let spec = json!({"parentRefs": [{"name": "gw", "sectionName": "a"}, {"name": "twin", "sectionName": "b"}],
                      "rules": [{"backendRefs": [{"name": "web", "port": 80}]}]});
    let listener = |name: &str, host: &str| json!({"name": name, "port": 80, "protocol": "HTTP", "hostname": host});
    let twin = json!({"apiVersion": "gateway.networking.k8s.io/v1", "kind": "Gateway",
        "metadata": {"name": "twin", "namespace": "apps"},
        "spec": {"gatewayClassName": "cilium", "listeners": [listener("b", "b.test")]}});
    for (version, hosts) in [("1.19.5", vec!["a.test", "b.test"]), ("1.20.0", vec!["a.test"])] {
        let outcome = Cluster::new(version)
            .gateway(json!([listener("a", "a.test"), listener("b", "b.test")]))
            .with(twin.clone())
            .route("r", spec.clone())
            .outcome();
        assert!(outcome.unmodelled.is_empty(), "{version}: {}", limits(&outcome));
        let found = table(&outcome, "listener-insecure").virtual_hosts.iter();
        assert_eq!(found.map(|host| host.name.as_str()).collect::<Vec<_>>(), hosts, "{version}");
    }
}

#[test]
fn parameters_of_a_gateway_are_refused_from_1_20_and_ignored_before() {
    let spec = json!({"gatewayClassName": "cilium", "listeners": http(), "infrastructure": {
        "parametersRef": {"group": "x", "kind": "Y", "name": "z"}}});
    for (version, accepted, objects) in
        [("1.19.5", "True Accepted", 3), ("1.20.0", "False InvalidParameters", 0)]
    {
        let outcome = Cluster::new(version).gateway_spec(spec.clone()).outcome();
        assert!(
            condition(&outcome, "Gateway", "gw", "Accepted").starts_with(accepted),
            "{version}"
        );
        assert_eq!(outcome.objects.len(), objects, "{version}");
    }
}

#[test]
fn gateways_of_other_classes_are_given_up_from_1_20_on() {
    let given_up = |version: &str, class: &str| {
        let spec = json!({"gatewayClassName": class, "listeners": http()});
        let outcome = Cluster::new(version).gateway_spec(spec).outcome();
        assert_eq!(outcome.objects.is_empty(), class != "cilium");
        let names = outcome.given_up.iter().map(|found| found.objects.to_string());
        names.collect::<Vec<_>>()
    };
    assert_eq!(given_up("1.20.0", "absent"), ["apps/cilium-gateway-gw"]);
    assert_eq!(given_up("1.20.0", "cilium"), [""; 0]);
    assert_eq!(given_up("1.19.6", "absent"), [""; 0]);
}
