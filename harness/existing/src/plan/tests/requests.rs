//! Which requests are sent to a Gateway with these listeners and routes.

use gateproof_core::cilium::HostNetwork;
use gateproof_core::dossier::{CertificateAtHop, CertificateFacts, Dossier, Found, Hop};
use gateproof_core::moment::Moment;
use gateproof_core::name::NamespacedName;
use gateproof_core::scenario::{Claim, HttpClaim, HttpExpectation};
use serde_json::{Value, json};

use super::super::Probing;
use super::{CILIUM, claims, class, dossier, gateway, on, requests, route, usual};

/// A request in short: `carried https://host/path:port`, or `answered` where no backend is asked.
fn told(claim: &HttpClaim) -> String {
    assert_eq!(claim.method, "HEAD");
    let scheme = if claim.tls { "https" } else { "http" };
    let expected = match &claim.expect {
        HttpExpectation::Carried(_) => "carried",
        HttpExpectation::Answered(_) => "answered",
        other => panic!("{other:?}"),
    };
    format!("{expected} {scheme}://{}{} {}", claim.host, claim.path, claim.listener_port)
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
        (
            json!([{"headers": [{"name": "x", "value": "y"}]}]),
            json!([]),
            "answered http://web.example.test/ 80",
        ),
        (json!([{}]), redirect, "answered http://web.example.test/ 80"),
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
fn each_port_of_a_protocol_is_asked_and_each_set_of_backends() {
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
    assert_eq!(
        sent(&dossier("1.20.2", HostNetwork::Off, objects)),
        ["answered http://grpc.example.test/ 80"]
    );
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
    assert_eq!(claim.expect, HttpExpectation::Carried(Default::default()), "nobody knows which");
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
