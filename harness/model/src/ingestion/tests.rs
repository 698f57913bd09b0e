//! What routes become in Envoy, by version: the version before a change, the version after it, and
//! look-alikes.

#![expect(clippy::needless_pass_by_value, reason = "json! literals read best as values")]

use serde_json::{Value, json};

use crate::fixture::Cluster;
use crate::reconcile::Outcome;
use crate::translation::envoy::{
    Action, Forward, PathMatch, PathRewrite, RedirectPath, RetryOn, Route, UpstreamProtocol,
};

fn http() -> Value {
    json!([{"name": "http", "port": 80, "protocol": "HTTP"}])
}

fn web() -> Value {
    json!([{"name": "web", "port": 80}])
}

fn serve(version: &str, rules: Value) -> Outcome {
    let spec = json!({"parentRefs": [{"name": "gw"}], "rules": rules});
    Cluster::new(version).gateway(http()).route("r", spec).outcome()
}

fn grpc(version: &str, rules: Value) -> Outcome {
    Cluster::new(version)
        .gateway(http())
        .with(json!({"apiVersion": "gateway.networking.k8s.io/v1", "kind": "GRPCRoute",
            "metadata": {"name": "g", "namespace": "apps"},
            "spec": {"parentRefs": [{"name": "gw"}], "rules": rules}}))
        .outcome()
}

/// The routes of the only virtual host.
fn routes(outcome: &Outcome) -> &[Route] {
    assert!(outcome.unmodelled.is_empty(), "{:?}", outcome.unmodelled);
    &outcome.envoy[0].route_tables["listener-insecure"].virtual_hosts[0].routes
}

fn forward(route: &Route) -> &Forward {
    match &route.action {
        Action::Forward(forward) => forward,
        other => panic!("the route forwards: {other:?}"),
    }
}

#[test]
fn removing_a_prefix_and_adding_one_to_everything_keep_the_slash() {
    let rewrite = |version: &str, prefix: &str, new: &str| {
        let outcome = serve(
            version,
            json!([{"matches": [{"path": {"value": prefix}}], "backendRefs": web(),
            "filters": [{"type": "URLRewrite", "urlRewrite": {"path": {"type": "ReplacePrefixMatch", "replacePrefixMatch": new}}}]}]),
        );
        forward(&routes(&outcome)[0]).path_rewrite.clone().expect("a rewrite")
    };
    let regex = |pattern: &str, substitution: &str| PathRewrite::Regex {
        pattern: pattern.to_owned(),
        substitution: substitution.to_owned(),
    };
    let plain = |prefix: &str| PathRewrite::Prefix(prefix.to_owned());
    assert_eq!(rewrite("1.16.0", "/a.b", "/"), regex(r"^/a\.b(/?)(.*)", r"/\2"));
    assert_eq!(rewrite("1.21-dev", "/a", ""), regex("^/a(/?)(.*)", r"/\2"));
    assert_eq!(rewrite("1.21-dev", "/a", "/new/"), plain("/new"));
    assert_eq!(rewrite("1.18.10", "/", "/new"), plain("/new"));
    assert_eq!(rewrite("1.19.0", "/", "/new"), regex("^/(.*)", r"/new/\1"));
}

#[test]
fn a_redirect_without_port_and_scheme_goes_to_the_listener_s_port() {
    let listeners = json!([{"name": "a", "port": 8080, "protocol": "HTTP", "hostname": "a.test"},
                           {"name": "b", "port": 9090, "protocol": "HTTP", "hostname": "b.test"}]);
    let spec = json!({"parentRefs": [{"name": "gw"}], "rules": [{"filters": [{"type": "RequestRedirect",
        "requestRedirect": {"path": {"type": "ReplacePrefixMatch", "replacePrefixMatch": "/"}}}]}]});
    let outcome = Cluster::new("1.16.0").gateway(listeners).route("r", spec).outcome();
    assert!(outcome.unmodelled.is_empty());
    let hosts = &outcome.envoy[0].route_tables["listener-insecure"].virtual_hosts;
    let ports = hosts.iter().map(|host| match &host.routes[0].action {
        Action::Redirect(redirect) => {
            assert_eq!(redirect.path, Some(RedirectPath::Prefix("/".to_owned())));
            redirect.port
        }
        other => panic!("a redirect: {other:?}"),
    });
    assert_eq!(ports.collect::<Vec<_>>(), [Some(8080), Some(9090)]);
}

#[test]
fn timeouts_take_the_smaller_one_and_zero_is_written() {
    let timeout = |timeouts: Value| {
        let outcome = serve("1.20.0", json!([{"backendRefs": web(), "timeouts": timeouts}]));
        let text = outcome.objects.iter().find(|o| o["kind"] == "CiliumEnvoyConfig").expect("one");
        let route = &text["spec"]["resources"][1]["virtualHosts"][0]["routes"][0]["route"];
        (route["timeout"].clone(), route["maxStreamDuration"].is_null())
    };
    assert_eq!(timeout(json!({})), (Value::Null, false));
    assert_eq!(
        timeout(json!({"request": "10s", "backendRequest": "500ms"})),
        (json!("0.500s"), true)
    );
    assert_eq!(timeout(json!({"request": "0s", "backendRequest": "5s"})), (json!("0s"), true));
}

#[test]
fn retries_are_written_from_1_17_and_have_an_effect_from_1_20() {
    let rules = json!([{"backendRefs": web(), "retry": {"codes": [503], "attempts": 2, "backoff": "100ms"}}]);
    for (version, expected, limit) in [
        ("1.16.0", None, 0),
        ("1.17.0", Some(RetryOn::Nothing), 0),
        ("1.19.6", Some(RetryOn::Nothing), 0),
        ("1.20.0", Some(RetryOn::CodesAndConnection), 2),
    ] {
        let outcome = serve(version, rules.clone());
        let retry = forward(&routes(&outcome)[0]).retry.clone();
        assert_eq!(retry.as_ref().map(|retry| retry.on), expected, "{version}");
        assert_eq!(retry.map_or(0, |retry| retry.limit()), limit, "{version}");
    }
}

#[test]
fn origins_are_read_from_1_20() {
    let rules = json!([{"backendRefs": web(), "filters": [{"type": "CORS", "cors": {
        "allowOrigins": ["https://a.test"], "allowMethods": ["GET", "PUT"], "allowCredentials": true}}]}]);
    for (version, expected) in [("1.19.6", None), ("1.20.0", Some("GET, PUT 5"))] {
        let outcome = serve(version, rules.clone());
        let cors = routes(&outcome)[0].cors.as_ref();
        let found = cors.map(|cors| format!("{} {}", cors.methods, cors.max_age));
        assert_eq!(found.as_deref(), expected, "{version}");
        let text = format!("{:?}", outcome.objects);
        assert_eq!(text.contains("envoy.filters.http.cors"), expected.is_some(), "{version}");
    }
}

#[test]
fn mirrors_take_shares_from_1_17_and_need_a_grant_in_newer_versions() {
    let mirror = |version: &str, mirror: Value| {
        let outcome = serve(
            version,
            json!([{"backendRefs": web(), "filters": [{"type": "RequestMirror", "requestMirror": mirror}]}]),
        );
        let mirrors = forward(&routes(&outcome)[0]).mirrors.clone();
        mirrors.first().map(|mirror| (mirror.cluster.clone(), mirror.numerator))
    };
    let third = json!({"backendRef": {"name": "api", "port": 80}, "fraction": {"numerator": 1, "denominator": 3}});
    assert_eq!(mirror("1.16.0", third.clone()), Some(("apps:api:80".to_owned(), 100)));
    assert_eq!(mirror("1.17.0", third), Some(("apps:api:80".to_owned(), 33)));
    let far = json!({"backendRef": {"name": "far", "namespace": "other", "port": 80}});
    let taken = Some(("other:far:80".to_owned(), 100));
    for (version, expected) in
        [("1.18.10", taken.clone()), ("1.18.11", None), ("1.19.4", taken), ("1.19.5", None)]
    {
        assert_eq!(mirror(version, far.clone()), expected, "{version}");
    }
    assert_eq!(mirror("1.20.0", json!({"backendRef": {"name": "gone", "port": 80}})), None);
}

#[test]
fn of_two_filters_of_one_of_several_backends_the_last_one_counts() {
    let filters = json!([
        {"type": "RequestHeaderModifier", "requestHeaderModifier": {"set": [{"name": "x", "value": "1"}]}},
        {"type": "ResponseHeaderModifier", "responseHeaderModifier": {"remove": ["y"]}},
        {"type": "URLRewrite", "urlRewrite": {"hostname": "ignored.test"}}]);
    let one = json!({"name": "web", "port": 80, "filters": filters});
    let alone = serve("1.20.0", json!([{"backendRefs": [one]}]));
    let route = &routes(&alone)[0];
    assert_eq!((route.request_headers.set.len(), route.response_headers.remove.len()), (1, 1));
    assert_eq!(forward(route).host_rewrite, None, "other filters of a backend have no effect");
    let two = serve("1.20.0", json!([{"backendRefs": [one, {"name": "api", "port": 80}]}]));
    let cluster = &forward(&routes(&two)[0]).clusters[0];
    assert_eq!((cluster.request_headers.set.len(), cluster.response_headers.remove.len()), (0, 1));
}

#[test]
fn backends_that_cannot_be_used_leave_their_share_to_the_others() {
    let outcome = serve(
        "1.16.0",
        json!([{"backendRefs": [
        {"name": "web", "port": 80, "weight": 1}, {"name": "gone", "port": 80, "weight": 9},
        {"name": "far", "namespace": "other", "port": 80}, {"name": "web", "kind": "Pod", "port": 80}]}]),
    );
    let clusters: Vec<&str> =
        forward(&routes(&outcome)[0]).clusters.iter().map(|c| c.cluster.as_str()).collect();
    assert_eq!(clusters, ["apps:web:80"]);
    let none = serve("1.16.0", json!([{"backendRefs": [{"name": "gone", "port": 80}]}]));
    assert_eq!(routes(&none)[0].action, Action::Respond { status: 500 });
}

#[test]
fn rules_with_the_same_match_are_joined_until_1_21_and_answers_500_repeated() {
    let rules = |first: &str, second: &str| json!([{"backendRefs": [{"name": first, "port": 80}]}, {"backendRefs": [{"name": second, "port": 80}]}]);
    for (version, count, clusters) in [("1.20.0", 1, 2), ("1.21-dev", 2, 1)] {
        let outcome = serve(version, rules("web", "api"));
        assert_eq!(routes(&outcome).len(), count, "{version}");
        assert_eq!(forward(&routes(&outcome)[0]).clusters.len(), clusters, "{version}");
    }
    let two_matches = json!([{"matches": [{"path": {"value": "/a"}}, {"path": {"value": "/a"}}],
        "backendRefs": [{"name": "gone", "port": 80}]}]);
    for (version, count) in [("1.20.0", 2), ("1.21-dev", 1)] {
        assert_eq!(routes(&serve(version, two_matches.clone())).len(), count, "{version}");
    }
}

#[test]
fn prefixes_that_differ_in_a_last_slash_are_not_joined() {
    let rules = json!([
        {"matches": [{"path": {"value": "/a"}}], "backendRefs": web()},
        {"matches": [{"path": {"value": "/a/"}}], "backendRefs": [{"name": "api", "port": 80}]}]);
    let outcome = serve("1.20.0", rules);
    let paths: Vec<_> = routes(&outcome).iter().map(|route| route.matcher.path.clone()).collect();
    assert_eq!(
        paths,
        [PathMatch::SeparatedPrefix("/a".into()), PathMatch::SeparatedPrefix("/a".into())]
    );
}

#[test]
fn a_grpc_match_is_a_path_whose_form_depends_on_the_version() {
    let path = |version: &str, method: Value| {
        let outcome =
            grpc(version, json!([{"matches": [{"method": method}], "backendRefs": web()}]));
        routes(&outcome)[0].matcher.path.clone()
    };
    let exact = |path: &str| PathMatch::Exact(path.to_owned());
    let regex = |pattern: &str| PathMatch::Regex(pattern.to_owned());
    let any = || PathMatch::Prefix("/".to_owned());
    let both = json!({"service": "a.B", "method": "C"});
    assert_eq!(path("1.16.0", both.clone()), exact("/a.B/C"));
    assert_eq!(path("1.17.0", both), exact("/a.B/C"));
    let service = json!({"service": "a.B"});
    assert_eq!(path("1.16.0", service.clone()), exact("/a.B"));
    assert_eq!(path("1.17.0", service), PathMatch::SeparatedPrefix("/a.B".to_owned()));
    let method = json!({"method": "C"});
    assert_eq!(path("1.16.0", method.clone()), any());
    assert_eq!(path("1.17.0", method), regex("/.+/C"));
    let pattern = json!({"type": "RegularExpression", "service": "a.*"});
    assert_eq!(path("1.16.0", pattern.clone()), regex("/a.*"));
    assert_eq!(path("1.17.0", pattern), regex("/a.*/.+"));
}

#[test]
fn grpc_backends_speak_http_2_where_the_rule_has_a_match() {
    let protocol = |rules: Value| grpc("1.20.0", rules).envoy[0].clusters["apps:web:80"].protocol;
    let matched = json!([{"matches": [{"method": {"service": "a"}}], "backendRefs": web()}]);
    assert_eq!(protocol(matched), UpstreamProtocol::Http2);
    assert_eq!(protocol(json!([{"backendRefs": web()}])), UpstreamProtocol::AsDownstream);
}

#[test]
fn a_cluster_that_only_gets_copies_speaks_http_1_whatever_its_service_says() {
    let rules = json!([{"backendRefs": web(), "filters": [{"type": "RequestMirror",
        "requestMirror": {"backendRef": {"name": "h2", "port": 80}}}]}]);
    let spec = json!({"parentRefs": [{"name": "gw"}], "rules": rules});
    let mut cluster = Cluster::new("1.20.0").gateway(http()).route("r", spec).with(json!({
        "apiVersion": "v1", "kind": "Service", "metadata": {"name": "h2", "namespace": "apps"},
        "spec": {"ports": [{"port": 80, "appProtocol": "kubernetes.io/h2c"}]}}));
    cluster.config.app_protocol = true;
    assert_eq!(cluster.outcome().envoy[0].clusters["apps:h2:80"].protocol, UpstreamProtocol::Http1);
}

#[test]
fn what_several_routes_ask_of_one_request_is_left_open_only_where_their_order_decides() {
    let open = |first: Value, second: Value| {
        let spec = |rule: Value| json!({"parentRefs": [{"name": "gw"}], "rules": [rule]});
        let cluster = Cluster::new("1.20.0").gateway(http());
        let outcome = cluster.route("a", spec(first)).route("b", spec(second)).outcome();
        !outcome.unmodelled.is_empty()
    };
    let header = |name: &str, value: &str| json!({"matches": [{"headers": [{"name": name, "value": value}]}], "backendRefs": web()});
    assert!(open(header("x", "1"), header("y", "1")), "a request may have both");
    assert!(!open(header("x", "1"), header("x", "2")), "a request has one of them");
    let slow = json!({"backendRefs": web(), "timeouts": {"request": "9s"}});
    assert!(open(json!({"backendRefs": web()}), slow), "which timeout holds is chance");
    assert!(!open(json!({"backendRefs": web()}), json!({"backendRefs": web()})));
}

#[test]
fn at_one_listener_http_routes_come_before_grpc_routes_of_the_same_rank() {
    let spec = json!({"parentRefs": [{"name": "gw"}], "rules": [
        {"matches": [{"path": {"value": "/a.B"}}], "backendRefs": web()}]});
    let outcome = Cluster::new("1.20.0")
        .gateway(http())
        .with(json!({"apiVersion": "gateway.networking.k8s.io/v1", "kind": "GRPCRoute",
            "metadata": {"name": "first-by-name", "namespace": "apps"}, "spec": {"parentRefs": [{"name": "gw"}],
            "rules": [{"matches": [{"method": {"service": "a.B"}}], "backendRefs": [{"name": "api", "port": 80}]}]}}))
        .route("second-by-name", spec)
        .outcome();
    let clusters: Vec<_> =
        routes(&outcome).iter().map(|route| forward(route).clusters[0].cluster.as_str()).collect();
    assert_eq!(clusters, ["apps:web:80", "apps:api:80"]);
}
