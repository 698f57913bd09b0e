use super::{Chain, ClientHello, Request, Scheme, chain_for, choose_cluster, route};
use crate::translation::envoy::{
    Action, Forward, HeaderEdits, HeaderMatch, HttpChain, Listener, PathMatch, QueryMatch, Route,
    RouteMatch, RouteTable, TlsChain, ValueMatch, VirtualHost, WeightedCluster,
};
use gateproof_core::name::NamespacedName;

fn any_path() -> RouteMatch {
    RouteMatch {
        path: PathMatch::Prefix("/".to_owned()),
        method: None,
        headers: vec![],
        query: vec![],
    }
}

fn to(status: u16, matcher: RouteMatch) -> Route {
    Route {
        matcher,
        action: Action::Respond { status },
        request_headers: HeaderEdits::default(),
        response_headers: HeaderEdits::default(),
    }
}

fn host(domains: &[&str], routes: Vec<Route>) -> VirtualHost {
    VirtualHost {
        name: domains[0].to_owned(),
        domains: domains.iter().map(|domain| (*domain).to_owned()).collect(),
        routes,
    }
}

fn ask(table: &RouteTable, host: &str, path: &str, headers: &[(&str, &str)]) -> Option<u16> {
    let lookup = |name: &str| {
        headers
            .iter()
            .filter(|(found, _)| found.eq_ignore_ascii_case(name))
            .map(|(_, value)| (*value).to_owned())
            .collect()
    };
    let request = Request {
        method: "GET",
        host,
        path_and_query: path,
        headers: &lookup,
        scheme: Scheme::Http,
    };
    route(table, &request).map(|hit| match hit.route.action {
        Action::Respond { status } => status,
        Action::Forward(_) | Action::Redirect(_) => 0,
    })
}

#[test]
fn the_most_specific_virtual_host_is_chosen() {
    let table = RouteTable {
        virtual_hosts: vec![
            host(&["*"], vec![to(1, any_path())]),
            host(&["*.test", "*.test:*"], vec![to(2, any_path())]),
            host(&["*.x.test", "*.x.test:*"], vec![to(3, any_path())]),
            host(&["a.x.test", "a.x.test:*"], vec![to(4, any_path())]),
        ],
    };
    for (name, expected) in [
        ("a.x.test", 4),
        ("A.X.test", 4),
        ("a.x.test:8080", 4),
        ("b.x.test", 3),
        ("c.b.x.test", 3),
        ("x.test", 2),
        ("elsewhere", 1),
    ] {
        assert_eq!(ask(&table, name, "/", &[]), Some(expected), "{name}");
    }
    assert_eq!(
        ask(&table, "b.x.test:8080", "/", &[]),
        Some(1),
        "a wildcard is not met with a port"
    );
}

#[test]
fn a_missing_route_does_not_fall_back_to_another_virtual_host() {
    let only_a = RouteMatch { path: PathMatch::Exact("/a".to_owned()), ..any_path() };
    let table = RouteTable {
        virtual_hosts: vec![
            host(&["*"], vec![to(1, any_path())]),
            host(&["a.test"], vec![to(2, only_a)]),
        ],
    };
    assert_eq!(ask(&table, "a.test", "/b", &[]), None);
}

#[test]
fn paths_match_by_their_kind() {
    let cases: &[(PathMatch, &[&str], &[&str])] = &[
        (PathMatch::Exact("/a".into()), &["/a", "/a?x"], &["/a/", "/ab", "/A"]),
        (PathMatch::SeparatedPrefix("/a".into()), &["/a", "/a/", "/a/b?c", "/a?b"], &["/ab", "/"]),
        (PathMatch::Prefix("/".into()), &["/", "/a"], &["*"]),
        (PathMatch::Regex("/a[0-9]+".into()), &["/a1", "/a12?x"], &["/a", "/a1/b", "/xa1"]),
    ];
    for (path, hits, misses) in cases {
        let matcher = RouteMatch { path: path.clone(), ..any_path() };
        let table = RouteTable { virtual_hosts: vec![host(&["*"], vec![to(1, matcher)])] };
        for hit in *hits {
            assert_eq!(ask(&table, "h", hit, &[]), Some(1), "{path:?} takes {hit}");
        }
        for miss in *misses {
            assert_eq!(ask(&table, "h", miss, &[]), None, "{path:?} leaves {miss}");
        }
    }
}

#[test]
fn headers_query_and_method_must_all_hold() {
    let matcher = RouteMatch {
        method: Some("GET".to_owned()),
        headers: vec![HeaderMatch {
            name: "X-Team".to_owned(),
            value: ValueMatch::Exact("a".to_owned()),
            invert: false,
        }],
        query: vec![QueryMatch {
            name: "v".to_owned(),
            value: ValueMatch::Regex("[0-9]".to_owned()),
        }],
        ..any_path()
    };
    let table = RouteTable { virtual_hosts: vec![host(&["*"], vec![to(1, matcher)])] };
    assert_eq!(ask(&table, "h", "/?v=1", &[("x-team", "a")]), Some(1));
    assert_eq!(
        ask(&table, "h", "/?v=1&v=x", &[("x-team", "a")]),
        Some(1),
        "the first value counts"
    );
    assert_eq!(
        ask(&table, "h", "/?v=12", &[("x-team", "a")]),
        None,
        "a pattern matches as a whole"
    );
    assert_eq!(ask(&table, "h", "/?v=1", &[("x-team", "A")]), None);
    assert_eq!(
        ask(&table, "h", "/?v=1", &[("x-team", "a"), ("x-team", "b")]),
        None,
        "values are joined"
    );
    assert_eq!(ask(&table, "h", "/?w=1", &[("x-team", "a")]), None);
}

#[test]
fn the_redirect_guard_lets_plain_requests_in_and_forwarded_https_by() {
    let guard = HeaderMatch {
        name: "X-Forwarded-Proto".to_owned(),
        value: ValueMatch::ExactIgnoreCase("https".to_owned()),
        invert: true,
    };
    let matcher = RouteMatch { headers: vec![guard], ..any_path() };
    let table =
        RouteTable { virtual_hosts: vec![host(&["*"], vec![to(1, matcher), to(2, any_path())])] };
    assert_eq!(ask(&table, "h", "/", &[]), Some(1));
    assert_eq!(ask(&table, "h", "/", &[("x-forwarded-proto", "http")]), Some(1));
    assert_eq!(ask(&table, "h", "/", &[("x-forwarded-proto", "HTTPS")]), Some(2));
}

fn forward(weights: &[u32]) -> Forward {
    Forward {
        clusters: weights
            .iter()
            .enumerate()
            .map(|(index, weight)| WeightedCluster {
                cluster: index.to_string(),
                weight: *weight,
                request_headers: HeaderEdits::default(),
                response_headers: HeaderEdits::default(),
            })
            .collect(),
        host_rewrite: None,
        path_rewrite: None,
        timeout: None,
        mirrors: vec![],
        retry: None,
    }
}

#[test]
fn clusters_are_drawn_in_proportion_to_their_weights() {
    let forward = forward(&[90, 0, 10]);
    let count = |name: &str| {
        (0..100)
            .filter(|draw| {
                choose_cluster(&forward, *draw).is_some_and(|found| found.cluster == name)
            })
            .count()
    };
    assert_eq!((count("0"), count("1"), count("2")), (90, 0, 10));
}

#[test]
fn a_single_cluster_takes_everything_but_several_of_weight_zero_take_nothing() {
    assert!(choose_cluster(&forward(&[0]), 7).is_some());
    assert!(choose_cluster(&forward(&[0, 0]), 7).is_none());
}

fn tls(names: &[&str]) -> TlsChain {
    TlsChain {
        server_names: names.iter().map(|name| (*name).to_owned()).collect(),
        secret: NamespacedName::new("n", names.first().copied().unwrap_or("any")),
        sds_name: String::new(),
        alpn: vec![],
        http: HttpChain { route_table: "secure".to_owned() },
    }
}

fn chosen(listener: &Listener, sni: Option<&str>) -> Option<String> {
    match chain_for(listener, Some(&ClientHello { sni })) {
        Chain::Terminate(chain) => Some(chain.secret.name.clone()),
        Chain::Plain(_) | Chain::Passthrough(_) | Chain::None => None,
    }
}

fn listener(terminate: Vec<TlsChain>) -> Listener {
    Listener {
        name: "listener".to_owned(),
        host_ports: vec![],
        proxy_protocol: false,
        plain: Some(HttpChain { route_table: "insecure".to_owned() }),
        terminate,
        passthrough: vec![],
    }
}

#[test]
fn tls_chains_are_chosen_by_server_name() {
    let with_default =
        listener(vec![tls(&[]), tls(&["*.test"]), tls(&["*.x.test"]), tls(&["a.x.test"])]);
    for (sni, expected) in [
        (Some("a.x.test"), "a.x.test"),
        (Some("B.x.test"), "*.x.test"),
        (Some("c.b.x.test"), "*.x.test"),
        (Some("x.test"), "*.test"),
        (Some("other"), "any"),
        (None, "any"),
    ] {
        assert_eq!(chosen(&with_default, sni).as_deref(), Some(expected), "{sni:?}");
    }
}

#[test]
fn without_a_fitting_chain_the_connection_is_reset() {
    let strict = listener(vec![tls(&["*.x.test"])]);
    assert_eq!(chosen(&strict, Some("x.test")), None, "a wildcard does not take its apex");
    assert_eq!(chosen(&strict, None), None);
    let mut closed = strict;
    assert!(matches!(chain_for(&closed, None), Chain::Plain(_)));
    closed.plain = None;
    assert_eq!(chain_for(&closed, None), Chain::None);
}
