//! Which handshakes are tried on a Gateway that passes TLS through.

use gateproof_core::cilium::HostNetwork;
use gateproof_core::dossier::Dossier;
use gateproof_core::scenario::{Claim, NameOrigin, PassthroughClaim};
use serde_json::{Value, json};

use super::super::Probing;
use super::{CILIUM, claims, class, dossier, gateway, on, route};

/// A Gateway with these listeners, and a TLSRoute for these names at these of them.
fn with(version: &str, listeners: &Value, hostnames: &[&str], sections: &[&str]) -> Dossier {
    let mut shared = gateway("shared", "cilium");
    shared["spec"]["listeners"] = listeners.clone();
    let mut objects = route(&json!([{}]), &json!([]));
    let parents = sections
        .iter()
        .map(|section| json!({"namespace": "gateway", "name": "shared", "sectionName": section}));
    objects[2] = json!({"apiVersion": "gateway.networking.k8s.io/v1", "kind": "TLSRoute",
        "metadata": {"namespace": "apps", "name": "raw", "generation": 1},
        "spec": {"parentRefs": parents.collect::<Vec<_>>(), "hostnames": hostnames,
            "rules": [{"backendRefs": [{"name": "web", "port": 80}]}]}});
    dossier(version, HostNetwork::Off, [vec![class("cilium", CILIUM), shared], objects].concat())
}

fn tls(name: &str, port: u16, hostname: Option<&str>) -> Value {
    json!({"name": name, "protocol": "TLS", "port": port, "hostname": hostname,
        "tls": {"mode": "Passthrough"}, "allowedRoutes": {"namespaces": {"from": "All"}}})
}

fn tried(dossier: &Dossier, probing: Probing) -> Vec<PassthroughClaim> {
    let claims = claims(dossier, probing).into_iter();
    claims
        .filter_map(|claim| if let Claim::Passthrough(one) = claim { Some(one) } else { None })
        .collect()
}

#[test]
fn every_name_of_a_tls_route_is_tried_on_every_port_that_takes_it() {
    use NameOrigin::{Route, Wildcard};
    let all = |hostname| json!([tls("raw", 8443, hostname)]);
    for version in ["1.17.0", "1.18.9", "1.18.10", "1.18.12", "1.20.2"] {
        for (listeners, hostnames, expected) in [
            (
                all(None),
                &["a.test", "b.test"][..],
                &[("a.test", 8443, Route), ("b.test", 8443, Route)][..],
            ),
            (all(None), &["*.a.test"], &[("gateproof-check.a.test", 8443, Wildcard)]),
            (
                all(Some("*.a.test")),
                &["*.a.test", "x.a.test"],
                &[("gateproof-check.a.test", 8443, Wildcard), ("x.a.test", 8443, Route)],
            ),
            (all(Some("a.test")), &["*.test"], &[("a.test", 8443, Route)]),
            (
                json!([tls("raw", 8443, Some("*.a.test")), tls("other", 9443, Some("*.b.test"))]),
                &["x.a.test", "x.b.test"],
                &[("x.a.test", 8443, Route), ("x.b.test", 9443, Route)],
            ),
        ] {
            let sections = ["raw", "other"];
            let dossier = with(version, &listeners, hostnames, &sections);
            let mut found: Vec<(String, u16, NameOrigin)> = tried(&dossier, Probing::Requests)
                .into_iter()
                .map(|claim| (claim.server_name, claim.listener_port, claim.origin))
                .collect();
            found.sort_by_key(|(name, port, _)| (name.clone(), *port));
            let expected: Vec<_> = expected
                .iter()
                .map(|(name, port, origin)| ((*name).to_owned(), *port, *origin))
                .collect();
            assert_eq!(found, expected, "{version} {listeners} {hostnames:?}");
        }
    }
}

#[test]
fn listeners_without_a_route_and_checks_that_only_connect_try_nothing() {
    let listeners = json!([tls("raw", 8443, None)]);
    let routed = with("1.20.2", &listeners, &["a.test"], &["raw"]);
    assert_eq!(tried(&routed, Probing::Requests).len(), 1);
    assert!(tried(&routed, Probing::Connections).is_empty());
    let elsewhere = with("1.20.2", &listeners, &["a.test"], &["gone"]);
    assert!(tried(&elsewhere, Probing::Requests).is_empty());
}

#[test]
fn in_host_network_the_nodes_that_serve_are_asked() {
    let mut dossier = with("1.20.2", &json!([tls("raw", 8443, None)]), &["a.test"], &["raw"]);
    dossier.cilium.config.as_mut().expect("a configuration").host_network = on();
    let [claim] = &tried(&dossier, Probing::Requests)[..] else { panic!("one name") };
    assert_eq!(format!("{:?}", claim.entry).matches("node").count(), 9);
}
