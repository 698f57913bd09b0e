//! Comparisons: what is told, grouped and explained.

use serde_json::json;

use super::{Cause, Change, Comparison, Fate, compare};
use crate::facts::Behaviour;
use crate::fixture::Cluster;
use crate::predict::{Question, predict};

/// The comparison of a cluster on two versions.
fn compared(cluster: &Cluster, newer: &str) -> Comparison {
    let newer = newer.parse().expect("a version");
    let of = |version| Question::new(version, &cluster.config, &cluster.objects);
    let (before, after) = (of(&cluster.version), of(&newer));
    compare((&before, &predict(&before)), (&after, &predict(&after)))
}

fn listener(version: &str) -> Cluster {
    Cluster::new(version).gateway(json!([{"name": "http", "port": 8080, "protocol": "HTTP"}]))
}

fn change<'a>(comparison: &'a Comparison, what: &str) -> &'a Change {
    let mut changes = comparison.subjects.iter().flat_map(|subject| &subject.changes);
    changes.find(|change| change.what == what).unwrap_or_else(|| panic!("{what}: {comparison:#?}"))
}

fn fact(behaviour: Behaviour) -> Vec<Cause> {
    vec![Cause::Fact(behaviour)]
}

#[test]
fn a_version_compared_with_itself_changes_nothing() {
    assert!(compared(&listener("1.20.0"), "1.20.0").is_empty());
}

#[test]
fn a_change_names_the_one_fact_that_moves_it() {
    let comparison = compared(&listener("1.18.10").host_network(&[]), "1.20.2");
    let kind = change(&comparison, "Service type");
    assert_eq!(
        (kind.before.as_deref(), kind.after.as_deref()),
        (Some("ClusterIP"), Some("NodePort"))
    );
    assert_eq!(kind.causes, fact(Behaviour::HostNetworkNodePort));
    let programmed = change(&comparison, "condition Programmed");
    assert_eq!(programmed.before.as_deref(), Some("False (AddressNotAssigned)"));
    assert_eq!(programmed.causes, fact(Behaviour::HostNetworkNodePort));
}

#[test]
fn a_fact_that_moves_nothing_is_not_named() {
    let comparison = compared(&listener("1.18.10"), "1.20.2");
    assert!(comparison.subjects.is_empty(), "{:#?}", comparison.subjects);
    let causes = comparison.causes();
    assert!(causes.contains(&Cause::Fact(Behaviour::PlaceholderEndpointSlice)), "{causes:?}");
    assert!(!causes.contains(&Cause::Fact(Behaviour::HostNetworkNodePort)), "{causes:?}");
}

#[test]
fn objects_that_appear_disappear_and_differ_are_told_with_their_fields() {
    let comparison = compared(&listener("1.18.10"), "1.20.2");
    let fate = |name: &str| {
        let found = comparison.objects.iter().find(|change| change.object == name);
        found.map(|change| &change.fate)
    };
    assert_eq!(fate("Endpoints apps/cilium-gateway-gw"), Some(&Fate::Disappears));
    assert_eq!(fate("EndpointSlice apps/cilium-gateway-gw"), Some(&Fate::Appears));
    let Some(Fate::Differs { fields }) = fate("CiliumEnvoyConfig apps/cilium-gateway-gw") else {
        panic!("{comparison:#?}")
    };
    assert!(fields.contains(&"spec.services[0].listener".to_owned()), "{fields:?}");
    assert_eq!(fate("Gateway apps/gw"), None, "its status is the same");
}

#[test]
fn sockets_of_several_nodes_that_change_alike_are_one_change() {
    let comparison = compared(&listener("1.18.10").host_network(&[]), "1.20.2");
    let what = "socket of the node port of 8080 on nodes node-a, node-b";
    assert_eq!(change(&comparison, what).before, None);
}

#[test]
fn a_route_that_goes_elsewhere_says_where_from_and_where_to() {
    let cluster = listener("1.19.6").route(
        "web",
        json!({"parentRefs": [{"name": "gw"}], "rules": [{
            "filters": [{"type": "RequestMirror", "requestMirror":
                {"backendRef": {"name": "api", "port": 80}}}],
            "backendRefs": [{"name": "web", "port": 80}],
        }]}),
    );
    let comparison = compared(&cluster, "1.20.2");
    assert!(comparison.subjects.is_empty(), "the mirror is the same: {comparison:#?}");
    let elsewhere = cluster.with(json!({
        "apiVersion": "gateway.networking.k8s.io/v1", "kind": "HTTPRoute",
        "metadata": {"name": "redirect", "namespace": "apps", "generation": 1},
        "spec": {"parentRefs": [{"name": "gw"}], "hostnames": ["a.test"], "rules": [{
            "filters": [{"type": "RequestRedirect", "requestRedirect":
                {"scheme": "https", "statusCode": 301}}],
        }]},
    }));
    let comparison = compared(&elsewhere, "1.20.2");
    let guarded = comparison.subjects[0].changes.iter().find(|change| change.before.is_none());
    let guarded = guarded.unwrap_or_else(|| panic!("{comparison:#?}"));
    assert!(guarded.what.contains("header X-Forwarded-Proto not"), "{guarded:?}");
    assert_eq!(guarded.causes, fact(Behaviour::RedirectGuard));
}

#[test]
fn another_order_of_the_same_routes_is_a_change_and_new_routes_are_not_told_twice() {
    let question = |order: &[&str]| {
        let routes: Vec<_> = order
            .iter()
            .map(|when| crate::predict::overview::RouteLine {
                when: (*when).to_owned(),
                goes_to: "apps/web:80".to_owned(),
                with: Vec::new(),
            })
            .collect();
        let host = crate::predict::overview::Host { name: "*".to_owned(), routes };
        let entry = crate::predict::overview::Entry {
            protocol: "HTTP".to_owned(),
            ports: vec![80],
            certificates: Vec::new(),
            hosts: vec![host],
        };
        let cluster = listener("1.20.2");
        let asked = Question::new(&cluster.version, &cluster.config, &cluster.objects);
        let mut gateway = crate::predict::overview::overview(&asked, &predict(&asked)).remove(0);
        gateway.routing = vec![entry];
        super::facets::facets(&[gateway])
    };
    let changed = |before: &[&str], after: &[&str]| -> Vec<String> {
        let (before, after) = (question(before), question(after));
        let keys: std::collections::BTreeSet<_> = before.keys().chain(after.keys()).collect();
        keys.into_iter()
            .filter(|key| key.changes(before.get(key), after.get(key)))
            .map(|key| key.what.clone())
            .collect()
    };
    let order = "HTTP on 80: order of routes for *";
    assert_eq!(changed(&["path /a", "any path"], &["any path", "path /a"]), [order]);
    assert_eq!(changed(&["path /a", "any path"], &["path /a", "any path"]), [""; 0]);
    assert_eq!(changed(&["any path"], &["path /a", "any path"]), ["HTTP on 80: * path /a"]);
}
