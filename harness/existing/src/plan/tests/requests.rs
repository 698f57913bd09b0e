//! Which requests are sent to a Gateway with these listeners and routes.

use gateproof_core::cilium::HostNetwork;
use gateproof_core::dossier::{CertificateAtHop, CertificateFacts, Dossier, Found, Hop};
use gateproof_core::moment::Moment;
use gateproof_core::name::{ClusterName, NamespacedName};
use gateproof_core::scenario::{Claim, HttpClaim, HttpExpectation, ServedCertificate};
use serde_json::{Value, json};

use super::super::Probing;
use super::{CILIUM, claims, class, dossier, gateway, on, requests, route, usual};

/// A request in short: `carried https://host/path:port`, or `answered` where no backend is asked.
fn told(claim: &HttpClaim) -> String {
    let expected = match &claim.expect {
        HttpExpectation::Carried(_) => "carried",
        HttpExpectation::Answered(_) => "answered",
        other => panic!("{other:?}"),
    };
    let name = super::super::requests::name(claim);
    format!("{expected} {}", name.replace(" on port", ""))
}

fn sent(dossier: &Dossier) -> Vec<String> {
    requests(dossier).iter().map(told).collect()
}

#[test]
fn only_requests_without_effect_reach_backends_and_hosts_without_any_are_asked_for_an_answer() {
    let plain = json!([{"path": {"type": "PathPrefix", "value": "/shop"}}]);
    let mirror = json!([{"type": "RequestMirror",
        "requestMirror": {"backendRef": {"name": "web", "port": 80}}}]);
    let redirect = json!([{"type": "RequestRedirect", "requestRedirect": {"hostname": "b.test"}}]);
    for (matches, filters, expected) in [
        (plain.clone(), json!([]), "carried http://web.example.test/shop 80"),
        (plain, mirror, "answered http://web.example.test/ 80"),
        (json!([{"method": "POST"}]), json!([]), "answered http://web.example.test/ 80"),
        (json!([{}]), redirect, "carried http://web.example.test/ 80"),
    ] {
        let objects = [usual(), route(&matches, &filters)].concat();
        let found = sent(&dossier("1.20.2", HostNetwork::Off, objects));
        assert_eq!(found, [expected], "{matches} {filters}");
    }
}

#[test]
fn every_node_is_asked_where_there_are_few() {
    let objects = [usual(), route(&json!([{}]), &json!([]))].concat();
    let sent = requests(&dossier("1.20.2", HostNetwork::Off, objects));
    let entry = format!("{:?}", sent[0].entry);
    assert_eq!(entry.matches("node").count(), 9, "{entry}");
}

#[test]
fn each_port_of_a_protocol_is_asked_and_each_rule() {
    let mut shared = gateway("shared", "cilium");
    let mut second = shared["spec"]["listeners"][0].clone();
    second["name"] = json!("second");
    second["port"] = json!(8080);
    shared["spec"]["listeners"].as_array_mut().expect("listeners").push(second);
    let mut objects = route(&json!([{"path": {"type": "PathPrefix", "value": "/a"}}]), &json!([]));
    let mut other = objects[1].clone();
    other["metadata"]["name"] = json!("other");
    let rule = json!({"matches": [{"path": {"type": "PathPrefix", "value": "/b"}}],
        "backendRefs": [{"name": "other", "port": 80}]});
    let same = json!({"matches": [{"path": {"type": "PathPrefix", "value": "/c"}}],
        "backendRefs": [{"name": "web", "port": 80}]});
    let rules = objects[2]["spec"]["rules"].as_array_mut().expect("rules");
    rules.extend([rule, same]);
    objects.extend([class("cilium", CILIUM), shared, other]);
    let mut found = sent(&dossier("1.20.2", on(), objects));
    found.sort();
    assert_eq!(
        found,
        [
            "carried http://web.example.test/a 80",
            "carried http://web.example.test/a 8080",
            "carried http://web.example.test/b 80",
            "carried http://web.example.test/b 8080",
            "carried http://web.example.test/c 80",
            "carried http://web.example.test/c 8080",
        ]
    );
}

#[test]
fn a_call_of_grpc_is_never_taken_for_carried() {
    let mut objects = [usual(), route(&json!([{}]), &json!([]))].concat();
    let last = objects.last_mut().expect("a route");
    *last = json!({"apiVersion": "gateway.networking.k8s.io/v1", "kind": "GRPCRoute",
        "metadata": {"namespace": "apps", "name": "calls", "generation": 1},
        "spec": {"parentRefs": [{"namespace": "gateway", "name": "shared"}],
            "hostnames": ["grpc.example.test"],
            "rules": [{"backendRefs": [{"name": "web", "port": 80}]}]}});
    let dossier = dossier("1.20.2", HostNetwork::Off, objects);
    assert_eq!(sent(&dossier), ["answered http://grpc.example.test/ 80"]);
    assert!(unasked(&dossier)[0].contains("for gRPC"));
}

const PEM: &str = "-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n";

/// A Gateway with an HTTPS listener of this hostname, and its Secret for these names.
fn with_tls(hostname: Option<&str>, names: &[&str], routes: Vec<Value>) -> Dossier {
    let mut shared = gateway("shared", "cilium");
    shared["spec"]["listeners"] = json!([{
        "name": "https", "protocol": "HTTPS", "port": 443, "hostname": hostname,
        "tls": {"certificateRefs": [{"name": "tls"}]},
        "allowedRoutes": {"namespaces": {"from": "All"}}}]);
    let secret = json!({"apiVersion": "v1", "kind": "Secret", "type": "kubernetes.io/tls",
        "metadata": {"namespace": "gateway", "name": "tls"},
        "stringData": {"tls.crt": PEM, "tls.key": PEM}});
    let objects = [vec![class("cilium", CILIUM), shared, secret], routes].concat();
    let mut dossier = dossier("1.20.2", HostNetwork::Off, objects);
    let moment: Moment = "2026-01-01T00:00:00Z".parse().expect("a moment");
    dossier.certificates = vec![CertificateAtHop {
        gateway: NamespacedName::new("gateway", "shared"),
        listener: "https".to_owned(),
        secret: NamespacedName::new("gateway", "tls"),
        hop: Hop::Secret,
        found: Found::Chain(vec![CertificateFacts {
            sha256: "abc".to_owned(),
            names: names.iter().map(|name| (*name).to_owned()).collect(),
            subject: String::new(),
            issuer: String::new(),
            not_before: moment,
            not_after: moment,
        }]),
    }];
    dossier
}

fn catch_all() -> Vec<Value> {
    let mut objects = route(&json!([{}]), &json!([]));
    objects[2]["spec"]["hostnames"] = json!([]);
    objects
}

#[test]
fn what_takes_every_name_is_asked_for_one_that_its_certificate_is_for() {
    for (hostname, names, routes, expected) in [
        (None, &["*.a.test"][..], catch_all(), "carried https://gateproof-check.a.test/ 443"),
        (None, &[], catch_all(), "carried https://gateproof-check.invalid/ 443"),
        (
            Some("*.a.test"),
            &["*.a.test"],
            catch_all(),
            "carried https://gateproof-check.a.test/ 443",
        ),
        // Without any route the listener still has to show its certificate.
        (
            Some("*.a.test"),
            &["*.a.test"],
            Vec::new(),
            "answered https://gateproof-check.a.test/ 443",
        ),
        (Some("b.a.test"), &["*.a.test"], Vec::new(), "answered https://b.a.test/ 443"),
    ] {
        let dossier = with_tls(hostname, names, routes);
        assert_eq!(sent(&dossier), [expected], "{hostname:?} {names:?}");
        for claim in requests(&dossier) {
            let (HttpExpectation::Carried(served) | HttpExpectation::Answered(served)) =
                &claim.expect
            else {
                panic!("{claim:?}")
            };
            assert_eq!(served.sha256, ["abc"], "the certificate of the Secret is claimed");
        }
    }
    let mut unread = with_tls(None, &["*.a.test"], catch_all());
    unread.certificates[0].found = Found::NotRead;
    let claim = &requests(&unread)[0];
    assert_eq!(
        claim.expect,
        HttpExpectation::Carried(ServedCertificate::default()),
        "nobody knows which"
    );
}

#[test]
fn what_speaks_the_proxy_protocol_is_not_asked_and_stays_open() {
    let mut dossier = dossier("1.20.2", HostNetwork::Off, [usual(), catch_all()].concat());
    dossier.cilium.config.as_mut().expect("a configuration").proxy_protocol = true;
    assert_eq!(requests(&dossier).len(), 0);
    let open = claims(&dossier, Probing::Requests).into_iter().filter(|claim| {
        matches!(claim, Claim::Exposure(claim) if format!("{:?}", claim.expect).contains("PROXY"))
    });
    assert_eq!(open.count(), 1);
}

fn unasked(dossier: &Dossier) -> Vec<String> {
    let wishes = super::wishes(&[], Probing::Requests);
    let planned = super::plan(&ClusterName::new("prod"), dossier, &wishes).expect("a plan");
    let unasked = planned.clusters[0].trials[0].unasked.iter();
    unasked.map(|one| format!("{}: {:?}", one.what, one.why)).collect()
}

#[test]
fn a_rule_is_asked_as_it_wants_to_be_and_what_may_have_effects_is_told_instead() {
    let regex = |value: &str| json!([{"path": {"type": "RegularExpression", "value": value}}]);
    let header = |name: &str, kind: &str, value: &str| json!([{"headers": [{"name": name, "type": kind, "value": value}]}]);
    let query = |value: &str| json!([{"queryParams": [{"name": "a", "value": value}]}]);
    for (matches, expected) in [
        (json!([{"method": "GET"}]), Ok("GET http://web.example.test/ 80")),
        (json!([{"method": "POST"}]), Err("method POST, which may have effects")),
        (header("x", "Exact", "y"), Ok("http://web.example.test/ 80, x: y")),
        (header("x-api-key", "Exact", "y"), Err("header x-api-key, which may be a secret")),
        (header("x", "RegularExpression", "a+"), Err("header x in a way that is not tried")),
        (header("Host", "Exact", "a"), Err("header Host in a way that is not tried")),
        (query("b"), Ok("http://web.example.test/?a=b 80")),
        (query("a&b"), Err("query parameter a in a way that is not tried")),
        (regex("/v[0-9]+/.*"), Err("no request is known that this rule takes")),
        (regex("/files/.+"), Ok("http://web.example.test/files/x 80")),
        (regex(r"/a\.b/?"), Ok("http://web.example.test/a.b/ 80")),
        (regex("(/a|/b)"), Err("no request is known that this rule takes")),
    ] {
        let objects = [usual(), route(&matches, &json!([]))].concat();
        let dossier = dossier("1.20.2", HostNetwork::Off, objects);
        let (sent, told) = (sent(&dossier), unasked(&dossier));
        match expected {
            Ok(name) => {
                assert_eq!((sent, told), (vec![format!("carried {name}")], vec![]), "{matches}");
            }
            Err(why) => {
                assert!(sent[0].starts_with("answered"), "{matches}: {sent:?}");
                let [told] = &told[..] else { panic!("{matches}: {told:?}") };
                assert!(told.contains(why) && told.contains("web.example.test"), "{told}");
            }
        }
    }
}

#[test]
fn backends_that_are_drawn_rarely_are_asked_for_more_often_or_told() {
    let weighted = |weight: u32| {
        let mut objects = [usual(), route(&json!([{}]), &json!([]))].concat();
        let mut canary = objects[3].clone();
        canary["metadata"]["name"] = json!("canary");
        objects.last_mut().expect("a route")["spec"]["rules"][0]["backendRefs"] = json!([
            {"name": "web", "port": 80, "weight": 1000 - weight},
            {"name": "canary", "port": 80, "weight": weight}]);
        dossier("1.20.2", HostNetwork::Off, [objects, vec![canary]].concat())
    };
    for (weight, asked) in [(500, 27), (10, 688), (1, 27), (0, 27)] {
        let dossier = weighted(weight);
        let [claim] = &requests(&dossier)[..] else { panic!("one rule") };
        assert_eq!(claim.requests, asked, "{weight} of 1000");
        let told = unasked(&dossier);
        assert_eq!(told.len(), usize::from(weight == 1), "{weight}: {told:?}");
        assert!(told.iter().all(|told| told.contains("backend apps:canary:80")), "{told:?}");
    }
}

#[test]
fn listeners_that_cannot_be_asked_are_told() {
    let mut objects = usual();
    let listener = |name: &str, protocol: &str, tls: Value| json!({"name": name, "protocol": protocol, "port": 5353, "tls": tls});
    objects[1]["spec"]["listeners"].as_array_mut().expect("listeners").extend([
        listener("dns", "UDP", Value::Null),
        listener("ended", "TLS", json!({"mode": "Terminate"})),
        listener("passed", "TLS", json!({"mode": "Passthrough"})),
    ]);
    let told = unasked(&dossier("1.20.2", HostNetwork::Off, objects));
    let all = told.join("\n");
    assert_eq!(told.len(), 2, "{all}");
    for part in ["listener dns (UDP)", "listener ended (TLS)"] {
        assert!(all.contains(part), "{part}: {all}");
    }
}

#[test]
fn the_first_request_to_a_port_goes_through_every_node_and_further_ones_through_few() {
    let mut objects = [usual(), route(&json!([]), &json!([]))].concat();
    let rules = |count: usize| -> Value {
        let rule = |at| {
            json!({"matches": [{"path": {"value": format!("/{at}")}}],
            "backendRefs": [{"name": "web", "port": 80}]})
        };
        (0..count).map(rule).collect()
    };
    objects.last_mut().expect("a route")["spec"]["rules"] = rules(100);
    let sent = requests(&dossier("1.20.2", HostNetwork::Off, objects.clone()));
    let nodes = |claim: &HttpClaim| format!("{:?}", claim.entry).matches("node").count();
    assert_eq!((sent.len(), nodes(&sent[0]), nodes(&sent[1])), (100, 9, 3));
    let entries: std::collections::BTreeSet<String> =
        sent.iter().map(|claim| format!("{:?}", claim.entry)).collect();
    assert!(entries.len() > 3, "not always the same ones: {entries:?}");

    let open = |claim: &HttpClaim| matches!(&claim.expect, HttpExpectation::Unasked(why) if why.contains("3 of the rules"));
    objects.last_mut().expect("a route")["spec"]["rules"] = rules(203);
    let sent = requests(&dossier("1.20.2", HostNetwork::Off, objects));
    assert_eq!((sent.len(), open(&sent[199]), open(&sent[200])), (201, false, true));
}

#[test]
fn listeners_of_a_listener_set_are_asked_like_the_gateways_own() {
    let mut shared = gateway("shared", "cilium");
    shared["spec"]["allowedListeners"] = json!({"namespaces": {"from": "All"}});
    let set = |parent: &str| {
        json!({"apiVersion": "gateway.networking.k8s.io/v1", "kind": "ListenerSet",
        "metadata": {"namespace": "apps", "name": "more", "generation": 1},
        "spec": {"parentRef": {"namespace": "gateway", "name": parent},
            "listeners": [{"name": "more", "protocol": "HTTP", "port": 8081,
                "allowedRoutes": {"namespaces": {"from": "All"}}}]}})
    };
    let mut routes = route(&json!([{}]), &json!([]));
    let route = routes.last_mut().expect("a route");
    route["spec"]["parentRefs"] = json!([{"group": "gateway.networking.k8s.io",
        "kind": "ListenerSet", "namespace": "apps", "name": "more"}]);
    // Envoy's listeners of one protocol share their routes.
    for (parent, expected) in [
        (
            "shared",
            vec!["carried http://web.example.test/ 80", "carried http://web.example.test/ 8081"],
        ),
        ("another", vec!["answered http://gateproof-check.invalid/ 80"]),
    ] {
        let objects =
            [vec![class("cilium", CILIUM), shared.clone(), set(parent)], routes.clone()].concat();
        assert_eq!(sent(&dossier("1.20.2", on(), objects)), expected, "{parent}");
    }
}

#[test]
fn an_accepted_gateway_for_http_of_which_nothing_can_be_asked_does_not_pass() {
    // The class is another controller's as far as it was read, so the reference makes nothing of it.
    let mut shared = gateway("shared", "cilium");
    let open = |shared: &Value| {
        let objects = vec![class("cilium", "example.test/other"), shared.clone()];
        let dossier = dossier("1.20.2", HostNetwork::Off, objects);
        let plan = super::super::plan(
            &ClusterName::new("c"),
            &dossier,
            &super::wishes(&["gateway/shared"], Probing::Requests),
        );
        let plan = plan.expect("a plan");
        let steps = &plan.clusters[0].trials[0].definition.steps;
        steps.iter().any(|step| step.name == "requests")
    };
    assert!(!open(&shared), "its status says enough");
    shared["status"] = json!({"conditions": [{"type": "Accepted", "status": "True"}]});
    assert!(open(&shared));
}
