//! Predictions in words.

use serde_json::{Value, json};

use super::{Does, GatewayOverview, overview};
use crate::fixture::Cluster;
use crate::predict::{Addresses, LoadBalancer, Question, predict};

fn only(cluster: &Cluster) -> GatewayOverview {
    let addresses = Addresses::read(&["192.0.2.9".to_owned()]).expect("an address");
    let question = Question::new(&cluster.version, &cluster.config, &cluster.objects)
        .balanced_by(LoadBalancer::External(&addresses));
    let mut all = overview(&question, &predict(&question));
    assert_eq!(all.len(), 1, "one Gateway");
    all.remove(0)
}

fn listeners() -> Value {
    json!([
        {"name": "http", "port": 80, "protocol": "HTTP"},
        {"name": "https", "port": 443, "protocol": "HTTPS", "hostname": "*.example.test",
         "tls": {"certificateRefs": [{"name": "cert"}]}},
    ])
}

#[test]
fn conditions_listeners_and_addresses_are_those_of_the_status() {
    let gateway = only(&Cluster::new("1.20.2").gateway(listeners()));
    assert_eq!((gateway.name.as_str(), gateway.class.as_str()), ("apps/gw", "cilium"));
    assert_eq!(gateway.addresses, ["192.0.2.9"]);
    assert!(gateway.conditions.iter().all(|condition| condition.status == "True"));
    let [_, https] = gateway.listeners.as_slice() else { panic!("two: {gateway:#?}") };
    assert_eq!((https.port, https.hostname.as_deref()), (443, Some("*.example.test")));
    assert!(https.problems.is_empty(), "{https:?}");
}

#[test]
fn problems_of_listeners_and_routes_are_told_and_good_conditions_are_not() {
    let broken = json!([
        {"name": "http", "port": 80, "protocol": "HTTP"},
        {"name": "https", "port": 443, "protocol": "HTTPS",
         "tls": {"certificateRefs": [{"name": "absent"}]}},
    ]);
    let route = json!({"parentRefs": [{"name": "gw", "sectionName": "nothing"}],
                       "rules": [{"backendRefs": [{"name": "web", "port": 80}]}]});
    let gateway = only(&Cluster::new("1.20.2").gateway(broken).route("lost", route));
    assert!(gateway.listeners[0].problems.is_empty());
    assert!(gateway.listeners[1].problems.iter().any(|one| one.kind == "ResolvedRefs"));
    let [route] = gateway.routes.as_slice() else { panic!("{gateway:#?}") };
    assert_eq!(
        (route.name.as_str(), route.section.as_deref()),
        ("HTTPRoute apps/lost", Some("nothing"))
    );
    assert_eq!(route.problems().map(|one| one.kind.as_str()).collect::<Vec<_>>(), ["Accepted"]);
}

#[test]
fn sockets_say_what_happens_and_hide_numbers_nobody_knows() {
    let gateway = only(&Cluster::new("1.20.2").gateway(listeners()));
    let node_ports: Vec<_> =
        gateway.sockets.iter().filter(|socket| socket.port.is_none()).collect();
    assert_eq!(node_ports.len(), 4, "two nodes, two ports: {:#?}", gateway.sockets);
    assert!(node_ports.iter().all(|socket| socket.does == Does::Accepts));
    let closed = gateway.sockets.iter().filter(|socket| socket.port.is_some());
    assert!(closed.clone().all(|socket| matches!(socket.does, Does::Refuses { .. })));
    assert_eq!(closed.count(), 4);
}

#[test]
fn routes_are_told_in_the_order_in_which_they_are_tried() {
    let rules = json!({"parentRefs": [{"name": "gw"}], "hostnames": ["a.example.test", "*.example.test"], "rules": [
        {"matches": [{"path": {"type": "PathPrefix", "value": "/api"}, "method": "GET"}],
         "filters": [{"type": "URLRewrite", "urlRewrite": {"hostname": "api.internal",
                      "path": {"type": "ReplacePrefixMatch", "replacePrefixMatch": "/"}}}],
         "backendRefs": [{"name": "web", "port": 80, "weight": 9}, {"name": "api", "port": 80, "weight": 1}]},
        {"matches": [{"path": {"type": "Exact", "value": "/old"}}],
         "filters": [{"type": "RequestRedirect", "requestRedirect": {"hostname": "b.test", "statusCode": 302}}]},
        {"backendRefs": [{"name": "web", "port": 80}]},
    ]});
    let gateway = only(&Cluster::new("1.20.2").gateway(listeners()).route("web", rules));
    let [http, https] = gateway.routing.as_slice() else { panic!("{:#?}", gateway.routing) };
    assert_eq!((http.protocol.as_str(), http.ports.as_slice()), ("HTTP", [80, 443].as_slice()));
    assert_eq!(https.certificates, ["*.example.test (Secret apps/cert)"]);
    let hosts: Vec<&str> = http.hosts.iter().map(|host| host.name.as_str()).collect();
    assert_eq!(hosts, ["a.example.test", "*.example.test"]);
    let told: Vec<(&str, &str)> = http.hosts[0]
        .routes
        .iter()
        .map(|route| (route.when.as_str(), route.goes_to.as_str()))
        .collect();
    assert_eq!(
        told,
        [
            ("path /old", "redirect 302 to b.test:80, same path"),
            ("GET, path /api and below", "90 % apps/web:80, 10 % apps/api:80"),
            ("any path", "apps/web:80"),
        ]
    );
    let with = &http.hosts[0].routes[1].with;
    assert_eq!(with[0], "host becomes api.internal", "{with:?}");
}

#[test]
fn listeners_and_routes_of_attached_sets_are_told_with_the_set() {
    let told = |allowed: &str| {
        let reference = json!({"name": "more", "namespace": "other", "kind": "ListenerSet"});
        let cluster = Cluster::new("1.20.2")
            .gateway_spec(json!({"gatewayClassName": "cilium", "listeners": listeners(),
                "allowedListeners": {"namespaces": {"from": allowed}}}))
            .with(json!({"apiVersion": "gateway.networking.k8s.io/v1", "kind": "ListenerSet",
                "metadata": {"name": "more", "namespace": "other", "generation": 1},
                "spec": {"parentRef": {"name": "gw", "namespace": "apps"}, "listeners": [
                    {"name": "http", "port": 80, "protocol": "HTTP"}]}}))
            .route("r", json!({"parentRefs": [reference]}));
        let gateway = only(&cluster);
        let listeners: Vec<_> = gateway
            .listeners
            .iter()
            .map(|one| (one.name.clone(), one.problems.iter().any(|it| it.kind == "Conflicted")))
            .collect();
        let routes: Vec<_> = gateway.routes.into_iter().map(|one| one.name).collect();
        (listeners, routes)
    };
    let own = [("http".to_owned(), false), ("https".to_owned(), false)];
    assert_eq!(told("None"), (own.to_vec(), vec![]));
    let (listeners, routes) = told("All");
    assert_eq!(listeners[..2], own);
    assert_eq!(listeners[2..], [("http of ListenerSet other/more".to_owned(), true)]);
    assert_eq!(routes, ["HTTPRoute apps/r through ListenerSet other/more"]);
}
