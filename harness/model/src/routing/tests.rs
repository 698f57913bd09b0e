//! Claims about routing, each with a look-alike that must not match.

use gateproof_core::name::NamespacedName;

use super::{Chain, ClientHello, Request, Scheme, chain_for, choose_cluster, location, route};
use crate::translation::envoy::{
    Action, Forward, HeaderEdits, HeaderMatch, HttpChain, Listener, PassthroughChain, PathMatch,
    PathRewrite, QueryMatch, Redirect, RedirectPath, Route, RouteMatch, RouteTable, TlsChain,
    ValueMatch, VirtualHost, WeightedCluster,
};

fn any(path: PathMatch) -> RouteMatch {
    RouteMatch { path, method: None, headers: vec![], query: vec![] }
}

fn answering(matcher: RouteMatch, status: u16) -> Route {
    Route {
        matcher,
        action: Action::Respond { status },
        request_headers: HeaderEdits::default(),
        response_headers: HeaderEdits::default(),
        cors: None,
    }
}

fn hosts(domains: &[&[&str]]) -> RouteTable {
    let virtual_host = |domains: &&[&str]| VirtualHost {
        name: domains[0].to_owned(),
        domains: domains.iter().map(|domain| (*domain).to_owned()).collect(),
        routes: vec![answering(any(PathMatch::Prefix("/".into())), 200)],
    };
    RouteTable { virtual_hosts: domains.iter().map(virtual_host).collect() }
}

fn request<'a>(host: &'a str, path_and_query: &'a str) -> Request<'a> {
    Request { method: "GET", host, path_and_query, headers: &[], scheme: Scheme::Http }
}

fn host_of(table: &RouteTable, host: &str) -> Option<String> {
    route(table, &request(host, "/")).map(|hit| hit.virtual_host.name.clone())
}

#[test]
fn exact_host_goes_before_longest_wildcard_before_any() {
    let table = hosts(&[&["*"], &["*.test"], &["*.b.test"], &["a.b.test", "a.b.test:*"]]);
    let cases = [
        ("a.b.test", "a.b.test"),
        ("A.B.Test", "a.b.test"),
        ("a.b.test:8080", "a.b.test"),
        ("x.a.b.test", "*.b.test"),
        ("b.test", "*.test"),
        ("test", "*"),
    ];
    for (host, expected) in cases {
        assert_eq!(host_of(&table, host).as_deref(), Some(expected), "virtual host of {host}");
    }
}

#[test]
fn wildcard_domain_does_not_match_apex_host_nor_a_port() {
    let table = hosts(&[&["*.example.test"]]);
    assert_eq!(host_of(&table, "a.example.test").as_deref(), Some("*.example.test"));
    for host in ["example.test", ".example.test.evil", "a.example.test:80", "aexample.test"] {
        assert_eq!(host_of(&table, host), None, "{host} must not match");
    }
}

#[test]
fn virtual_host_without_a_matching_route_does_not_fall_back() {
    let mut table = hosts(&[&["*"], &["a.test"]]);
    table.virtual_hosts[1].routes[0].matcher.path = PathMatch::Exact("/only".into());
    assert!(route(&table, &request("a.test", "/other")).is_none());
    assert!(route(&table, &request("a.test", "/only")).is_some());
}

#[test]
fn paths_match_as_envoy_matches_them() {
    let cases = [
        (PathMatch::Exact("/one".into()), "/one?x=1", true),
        (PathMatch::Exact("/one".into()), "/one/", false),
        (PathMatch::Prefix("/".into()), "/anything", true),
        (PathMatch::SeparatedPrefix("/foo".into()), "/foo", true),
        (PathMatch::SeparatedPrefix("/foo".into()), "/foo/bar", true),
        (PathMatch::SeparatedPrefix("/foo".into()), "/foo?q", true),
        (PathMatch::SeparatedPrefix("/foo".into()), "/foobar", false),
        (PathMatch::Regex("/v[0-9]+".into()), "/v12", true),
        (PathMatch::Regex("/v[0-9]+".into()), "/v12/x", false),
        (PathMatch::Regex("/a|/b".into()), "/b", true),
        (PathMatch::Regex("/a|/b".into()), "/ax", false),
        (PathMatch::Regex("/(".into()), "/(", false),
    ];
    for (path, asked, expected) in cases {
        let label = format!("{path:?} against {asked}");
        assert_eq!(super::matches(&any(path), &request("h", asked)), expected, "{label}");
    }
}

#[test]
fn header_match_ignores_the_case_of_names_only_and_one_value_of_several_is_enough() {
    let headers = [("x-team".to_owned(), "a".to_owned()), ("X-Team".to_owned(), "b".to_owned())];
    let matched = |name: &str, value: ValueMatch, invert| {
        super::header_matches(&HeaderMatch { name: name.into(), value, invert }, &headers)
    };
    assert!(matched("X-TEAM", ValueMatch::Exact("a".into()), false));
    assert!(matched("X-TEAM", ValueMatch::Exact("b".into()), false));
    assert!(!matched("X-TEAM", ValueMatch::Exact("a,b".into()), false));
    assert!(!matched("X-TEAM", ValueMatch::Exact("A".into()), false));
    assert!(matched("X-TEAM", ValueMatch::ExactIgnoreCase("B".into()), false));
    assert!(!matched("x-team", ValueMatch::Regex("[c-z]".into()), false));
    assert!(matched("x-team", ValueMatch::Exact("c".into()), true));
    assert!(!matched("x-team", ValueMatch::Exact("b".into()), true));
    assert!(matched("x-absent", ValueMatch::Exact("c".into()), true));
    assert!(!matched("x-absent", ValueMatch::Exact("c".into()), false));
}

#[test]
fn method_and_query_must_match_too() {
    let matcher = RouteMatch {
        path: PathMatch::Prefix("/".into()),
        method: Some("POST".into()),
        headers: vec![],
        query: vec![QueryMatch { name: "v".into(), value: ValueMatch::Exact("2".into()) }],
    };
    let ask = |method, path_and_query| {
        super::matches(&matcher, &Request { method, ..request("h", path_and_query) })
    };
    assert!(ask("POST", "/?a=1&v=2"));
    assert!(!ask("GET", "/?a=1&v=2"));
    assert!(!ask("POST", "/?v=1&v=2"), "the first occurrence decides");
    assert!(!ask("POST", "/v=2"));
}

fn cluster(name: &str, weight: u32) -> WeightedCluster {
    WeightedCluster {
        cluster: name.into(),
        weight,
        request_headers: HeaderEdits::default(),
        response_headers: HeaderEdits::default(),
    }
}

fn forward(clusters: Vec<WeightedCluster>) -> Forward {
    Forward {
        clusters,
        host_rewrite: None,
        path_rewrite: None,
        timeout: None,
        mirrors: vec![],
        retry: None,
    }
}

#[test]
fn weights_are_shares_of_the_sum() {
    let forward = forward(vec![cluster("a", 3), cluster("zero", 0), cluster("b", 1)]);
    let chosen: Vec<&str> = (0..8)
        .filter_map(|draw| choose_cluster(&forward, draw).map(|c| c.cluster.as_str()))
        .collect();
    assert_eq!(chosen, ["a", "a", "a", "b", "a", "a", "a", "b"]);
}

#[test]
fn single_cluster_of_weight_zero_is_chosen_but_two_are_not() {
    assert!(choose_cluster(&forward(vec![cluster("a", 0)]), 7).is_some());
    assert!(choose_cluster(&forward(vec![cluster("a", 0), cluster("b", 0)]), 7).is_none());
    assert!(choose_cluster(&forward(vec![]), 7).is_none());
}

fn tls_chain(secret: &str, names: &[&str]) -> TlsChain {
    TlsChain {
        server_names: names.iter().map(|name| (*name).to_owned()).collect(),
        secret: NamespacedName::new("apps", secret),
        sds_name: secret.into(),
        alpn: vec![],
        http: HttpChain { route_table: "listener-secure".into() },
    }
}

fn listener(terminate: Vec<TlsChain>, passthrough: Vec<PassthroughChain>) -> Listener {
    Listener {
        name: "listener".into(),
        host_ports: vec![],
        proxy_protocol: false,
        plain: None,
        terminate,
        passthrough,
    }
}

#[test]
fn server_name_chooses_the_most_specific_chain() {
    let passthrough =
        PassthroughChain { server_names: vec!["raw.a.test".into()], clusters: vec![] };
    let listener = listener(
        vec![
            tls_chain("any", &[]),
            tls_chain("wild", &["*.a.test"]),
            tls_chain("one", &["a.test"]),
        ],
        vec![passthrough],
    );
    let secret =
        |name: Option<&str>| match chain_for(&listener, Some(&ClientHello { server_name: name })) {
            Chain::Terminate(chain) => chain.sds_name.clone(),
            Chain::Passthrough(_) => "passthrough".into(),
            Chain::Plain(_) | Chain::None => "none".into(),
        };
    assert_eq!(secret(Some("A.test")), "one");
    assert_eq!(secret(Some("x.y.a.test")), "wild");
    assert_eq!(secret(Some("raw.a.test")), "passthrough");
    assert_eq!(secret(Some("b.test")), "any");
    assert_eq!(secret(None), "any");
    assert_eq!(chain_for(&listener, None), Chain::None, "no chain for plain connections");
}

#[test]
fn no_chain_serves_an_unknown_or_absent_server_name() {
    let listener = listener(vec![tls_chain("one", &["a.test"])], vec![]);
    for server_name in [None, Some("b.test"), Some("x.a.test")] {
        let chain = chain_for(&listener, Some(&ClientHello { server_name }));
        assert_eq!(chain, Chain::None, "{server_name:?}");
    }
}

#[test]
fn path_rewrites_keep_the_query() {
    let prefix = answering(any(PathMatch::SeparatedPrefix("/old".into())), 200);
    let exact = answering(any(PathMatch::Exact("/old".into())), 200);
    let regex =
        PathRewrite::Regex { pattern: "^/rewrite(/?)(.*)".into(), substitution: r"/\2".into() };
    let full = PathRewrite::Regex { pattern: "^/.*$".into(), substitution: "/one".into() };
    let new = PathRewrite::Prefix("/new".into());
    let cases = [
        (&prefix, &new, "/old/x?q=/old", "/new/x?q=/old"),
        (&exact, &new, "/old?q", "/new?q"),
        (&prefix, &regex, "/rewrite/a/b?q=1", "/a/b?q=1"),
        (&prefix, &regex, "/rewrite", "/"),
        (&prefix, &full, "/a/b?q=1", "/one?q=1"),
    ];
    for (route, rewrite, path, expected) in cases {
        assert_eq!(super::rewritten_path(route, rewrite, path), expected, "{rewrite:?} of {path}");
    }
}

fn redirect() -> Redirect {
    Redirect { status: 302, scheme: None, host: None, port: None, path: None }
}

#[test]
fn redirect_takes_absent_parts_from_the_request() {
    let route = answering(any(PathMatch::SeparatedPrefix("/p".into())), 200);
    let asked = request("a.test:80", "/p/x?q=1");
    let to = |redirect: Redirect| location(&route, &redirect, &asked);
    assert_eq!(to(redirect()), "http://a.test:80/p/x?q=1");
    assert_eq!(
        to(Redirect { scheme: Some("https".into()), ..redirect() }),
        "https://a.test/p/x?q=1",
        "the old scheme's own port goes with the scheme"
    );
    assert_eq!(
        to(Redirect { scheme: Some("https".into()), port: Some(443), ..redirect() }),
        "https://a.test:443/p/x?q=1"
    );
    assert_eq!(
        to(Redirect { host: Some("b.test".into()), port: Some(8443), ..redirect() }),
        "http://b.test:8443/p/x?q=1"
    );
    let path = |path| Redirect { path: Some(path), ..redirect() };
    assert_eq!(to(path(RedirectPath::Full("/n".into()))), "http://a.test:80/n?q=1");
    assert_eq!(to(path(RedirectPath::Full("/n?z".into()))), "http://a.test:80/n?z");
    assert_eq!(to(path(RedirectPath::Prefix("/n".into()))), "http://a.test:80/n/x?q=1");
}

#[test]
fn port_that_is_not_the_old_schemes_own_stays_in_a_redirect() {
    let route = answering(any(PathMatch::Prefix("/".into())), 200);
    let redirect = Redirect { scheme: Some("https".into()), ..redirect() };
    assert_eq!(location(&route, &redirect, &request("a.test:8080", "/")), "https://a.test:8080/");
    assert_eq!(location(&route, &redirect, &request("[::1]:80", "/")), "https://[::1]/");
}
