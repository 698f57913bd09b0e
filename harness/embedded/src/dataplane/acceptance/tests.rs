//! Each refusal, and the look-alike that Envoy takes.

use gateproof_model::translation::envoy::{PathMatch, RouteTable};

use super::{listener_refusal, table_refusal};
use crate::dataplane::tests::sample;

fn table(hosts: &[(&str, &[(&str, u32)])]) -> RouteTable {
    let virtual_hosts = hosts
        .iter()
        .map(|(host, clusters)| {
            let route = sample::route(sample::path("/"), sample::forward(clusters));
            sample::virtual_host(&[host], vec![route])
        })
        .collect();
    RouteTable { virtual_hosts }
}

#[test]
fn zero_sum_of_weights_is_refused_and_single_weight_zero_is_not() {
    let reason = table_refusal(&table(&[("a.test", &[("x", 0), ("y", 0)])]));
    assert!(reason.is_some_and(|r| r.contains("sum to zero")));
    assert_eq!(table_refusal(&table(&[("a.test", &[("x", 0)])])), None);
    assert_eq!(table_refusal(&table(&[("a.test", &[("x", 0), ("y", 1)])])), None);
}

#[test]
fn domain_that_occurs_twice_is_refused_whatever_its_case() {
    let reason = table_refusal(&table(&[("a.test", &[("x", 1)]), ("A.test", &[("x", 1)])]));
    assert!(reason.is_some_and(|r| r.contains("occurs twice")));
    assert_eq!(table_refusal(&table(&[("a.test", &[("x", 1)]), ("b.test", &[("x", 1)])])), None);
}

#[test]
fn regular_expression_that_does_not_compile_is_refused() {
    let with = |pattern: &str| {
        let mut table = table(&[("a.test", &[("x", 1)])]);
        table.virtual_hosts[0].routes[0].matcher.path = PathMatch::Regex(pattern.into());
        table_refusal(&table)
    };
    assert!(with("/(").is_some_and(|r| r.contains("does not compile")));
    assert!(with("/(?=x)").is_some(), "RE2 has no look-ahead");
    assert_eq!(with("/(a|b)"), None);
}

#[test]
fn chains_that_overlap_are_refused_and_wildcard_beside_apex_is_not() {
    let listener = |first: &[&str], second: &[&str]| {
        let mut listener = sample::listener();
        listener.terminate = vec![sample::tls("one", first), sample::tls("two", second)];
        listener_refusal(&listener)
    };
    assert!(listener(&["a.test"], &["b.test", "A.test"]).is_some_and(|r| r.contains("a.test")));
    assert!(listener(&[], &[]).is_some_and(|r| r.contains("every server name")));
    assert_eq!(listener(&["*.a.test"], &["a.test"]), None);
    assert_eq!(listener(&["a.test"], &[]), None);
}
