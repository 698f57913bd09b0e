#![expect(clippy::needless_pass_by_value, reason = "json! literals read best as values")]

use std::net::IpAddr;

use serde_json::{Value, json};

use super::{IpamAssignment, IpamRequest, assign};
use crate::fixture::Cluster;

fn pool(name: &str, spec: Value) -> Value {
    json!({"apiVersion": "cilium.io/v2", "kind": "CiliumLoadBalancerIPPool", "metadata": {"name": name}, "spec": spec})
}

fn balanced(name: &str, annotations: Value, ingress: &[&str]) -> Value {
    let ingress: Vec<Value> = ingress.iter().map(|ip| json!({"ip": ip})).collect();
    json!({"apiVersion": "v1", "kind": "Service",
           "metadata": {"name": name, "namespace": "apps", "annotations": annotations, "labels": {"name": name}},
           "spec": {"type": "LoadBalancer", "ports": [{"port": 80}]},
           "status": {"loadBalancer": {"ingress": ingress}}})
}

fn assigned(objects: Vec<Value>) -> Vec<IpamAssignment> {
    let mut cluster = Cluster::new("1.20.0");
    cluster.objects.extend(objects);
    cluster.run(assign)
}

fn addresses(assignments: &[IpamAssignment]) -> Vec<Vec<String>> {
    assignments
        .iter()
        .map(|found| found.addresses.iter().map(IpAddr::to_string).collect())
        .collect()
}

#[test]
fn the_lowest_free_address_is_taken_and_the_first_of_a_block_is_one() {
    let result = assigned(vec![
        pool("p", json!({"blocks": [{"cidr": "192.0.2.0/30"}]})),
        balanced("a", json!({}), &[]),
        balanced("b", json!({}), &["192.0.2.0"]),
    ]);
    assert_eq!(addresses(&result), [["192.0.2.1"], ["192.0.2.0"]], "a kept address comes first");
    assert_eq!(result[0].request.condition()["reason"], "satisfied");
    assert_eq!(result[0].request.condition()["status"], "True");
}

#[test]
fn first_and_last_addresses_can_be_excluded() {
    let blocks = json!([{"cidr": "192.0.2.0/30"}]);
    let result = assigned(vec![
        pool("p", json!({"blocks": blocks, "allowFirstLastIPs": "No"})),
        balanced("a", json!({}), &[]),
    ]);
    assert_eq!(addresses(&result), [["192.0.2.1"]]);
}

#[test]
fn a_requested_address_is_given_from_a_pool_only() {
    let pools = pool("p", json!({"blocks": [{"start": "192.0.2.1", "stop": "192.0.2.9"}]}));
    for key in ["lbipam.cilium.io/ips", "io.cilium/lb-ipam-ips"] {
        let result = assigned(vec![pools.clone(), balanced("a", json!({key: "192.0.2.7"}), &[])]);
        assert_eq!(addresses(&result), [["192.0.2.7"]], "{key}");
    }
    let outside = assigned(vec![
        pools.clone(),
        balanced("a", json!({"lbipam.cilium.io/ips": "192.0.2.77"}), &[]),
    ]);
    assert!(outside[0].addresses.is_empty());
    assert_eq!(
        outside[0].request.condition()["message"],
        "No pool exists with a CIDR containing '192.0.2.77'"
    );
    let twice = assigned(vec![
        pools,
        balanced("a", json!({"lbipam.cilium.io/ips": "192.0.2.7"}), &[]),
        balanced("b", json!({"lbipam.cilium.io/ips": "192.0.2.7"}), &[]),
    ]);
    let wanted = "192.0.2.7".parse().expect("an address");
    assert_eq!(twice[1].request, IpamRequest::AlreadyAllocated(wanted));
    let deselected = json!({"blocks": [{"cidr": "192.0.2.0/28"}], "serviceSelector": {"matchLabels": {"name": "b"}}});
    let mismatch = assigned(vec![
        pool("p", deselected),
        balanced("a", json!({"lbipam.cilium.io/ips": "192.0.2.7"}), &[]),
    ]);
    assert_eq!(mismatch[0].request, IpamRequest::PoolSelectorMismatch(wanted));
}

#[test]
fn a_changed_request_gives_up_the_old_address() {
    let result = assigned(vec![
        pool("p", json!({"blocks": [{"cidr": "192.0.2.0/28"}]})),
        balanced("a", json!({"lbipam.cilium.io/ips": "192.0.2.7"}), &["192.0.2.3"]),
    ]);
    assert_eq!(addresses(&result), [["192.0.2.7"]]);
}

#[test]
fn exhaustion_and_absence_of_pools_are_told_apart() {
    let exhausted = assigned(vec![
        pool("p", json!({"blocks": [{"cidr": "192.0.2.1/32"}]})),
        balanced("a", json!({}), &[]),
        balanced("b", json!({}), &[]),
    ]);
    assert_eq!(exhausted[1].request, IpamRequest::OutOfIps);
    for spec in [
        json!({"blocks": [{"cidr": "192.0.2.0/28"}], "disabled": true}),
        json!({"blocks": [{"cidr": "192.0.2.0/28"}], "serviceSelector": {"matchLabels": {"name": "other"}}}),
        json!({"cidrs": [{"cidr": "192.0.2.0/28"}]}),
    ] {
        let none = assigned(vec![pool("p", spec.clone()), balanced("a", json!({}), &[])]);
        assert_eq!((none[0].addresses.len(), none[0].request), (0, IpamRequest::NoPool), "{spec}");
    }
}

#[test]
fn a_selector_chooses_by_label_and_by_name() {
    for selector in [
        json!({"matchLabels": {"name": "a"}}),
        json!({"matchLabels": {"io.kubernetes.service.name": "a", "io.kubernetes.service.namespace": "apps"}}),
    ] {
        let result = assigned(vec![
            pool("p", json!({"blocks": [{"cidr": "192.0.2.0/28"}], "serviceSelector": selector})),
            balanced("a", json!({}), &[]),
            balanced("b", json!({}), &[]),
        ]);
        assert_eq!((result[0].addresses.len(), result[1].addresses.len()), (1, 0));
    }
}

#[test]
fn other_types_and_classes_are_left_alone_and_sharing_is_not_guessed() {
    let mut foreign = balanced("a", json!({}), &[]);
    foreign["spec"]["loadBalancerClass"] = json!("service.k8s.aws/nlb");
    let mut internal = balanced("b", json!({}), &[]);
    internal["spec"]["type"] = json!("ClusterIP");
    let shared = balanced("c", json!({"lbipam.cilium.io/sharing-key": "x"}), &[]);
    let result = assigned(vec![
        pool("p", json!({"blocks": [{"cidr": "192.0.2.0/28"}]})),
        foreign,
        internal,
        shared,
    ]);
    assert_eq!(result.len(), 1);
    assert!(result[0].addresses.is_empty() && result[0].unmodelled.is_some());
}
