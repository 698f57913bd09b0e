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
fn other_types_and_classes_are_left_alone() {
    let mut foreign = balanced("a", json!({}), &[]);
    foreign["spec"]["loadBalancerClass"] = json!("service.k8s.aws/nlb");
    let mut internal = balanced("b", json!({}), &[]);
    internal["spec"]["type"] = json!("ClusterIP");
    let result = assigned(vec![
        pool("p", json!({"blocks": [{"cidr": "192.0.2.0/28"}]})),
        foreign,
        internal,
        balanced("c", json!({}), &[]),
    ]);
    assert_eq!(result.len(), 1);
    assert_eq!(addresses(&result), [["192.0.2.0"]]);
}

/// A Service on this port that shares by this key, changed by `change`.
fn sharing(name: &str, port: u16, key: &str, change: impl Fn(&mut Value)) -> Value {
    let mut service = balanced(name, json!({"lbipam.cilium.io/sharing-key": key}), &[]);
    service["spec"]["ports"] = json!([{"port": port}]);
    change(&mut service);
    service
}

#[test]
fn services_of_one_key_share_an_address_when_nothing_speaks_against_it() {
    let annotate = |service: &mut Value, key: &str, value: &str| {
        service["metadata"]["annotations"][key] = json!(value);
    };
    let same = |_: &mut Value| {};
    let udp = |service: &mut Value| service["spec"]["ports"][0]["protocol"] = json!("UDP");
    let local = |service: &mut Value| service["spec"]["externalTrafficPolicy"] = json!("Local");
    let elsewhere = |service: &mut Value| service["metadata"]["namespace"] = json!("other");
    let across = move |service: &mut Value| {
        annotate(service, "lbipam.cilium.io/sharing-cross-namespace", "*");
    };
    for (what, first, second, shared) in [
        ("other port", sharing("a", 80, "x", same), sharing("b", 81, "x", same), true),
        ("same port", sharing("a", 80, "x", same), sharing("b", 80, "x", same), false),
        ("same number, UDP", sharing("a", 80, "x", same), sharing("b", 80, "x", udp), true),
        ("other key", sharing("a", 80, "x", same), sharing("b", 81, "y", same), false),
        ("no key", sharing("a", 80, "x", same), balanced("b", json!({}), &[]), false),
        ("other policy", sharing("a", 80, "x", same), sharing("b", 81, "x", local), false),
        ("local without pods", sharing("a", 80, "x", local), sharing("b", 81, "x", local), false),
        ("other namespace", sharing("a", 80, "x", same), sharing("b", 81, "x", elsewhere), false),
        (
            "other namespace, one side lets",
            sharing("a", 80, "x", across),
            sharing("b", 81, "x", elsewhere),
            false,
        ),
        (
            "other namespace, both let",
            sharing("a", 80, "x", across),
            sharing("b", 81, "x", |service| {
                elsewhere(service);
                across(service);
            }),
            true,
        ),
    ] {
        let result =
            assigned(vec![pool("p", json!({"blocks": [{"cidr": "192.0.2.0/28"}]})), first, second]);
        let found = addresses(&result);
        assert_eq!(found[0] == found[1], shared, "{what}: {found:?}");
        assert!(found.iter().all(|addresses| addresses.len() == 1), "{what}: {found:?}");
    }
}

#[test]
fn a_requested_address_is_shared_or_the_obstacle_is_told() {
    let wants = |service: &mut Value| {
        service["metadata"]["annotations"]["lbipam.cilium.io/ips"] = json!("192.0.2.7");
    };
    let pools = pool("p", json!({"blocks": [{"cidr": "192.0.2.0/28"}]}));
    let together =
        assigned(vec![pools.clone(), sharing("a", 80, "x", wants), sharing("b", 81, "x", wants)]);
    assert_eq!(addresses(&together), [["192.0.2.7"], ["192.0.2.7"]]);
    let refused = assigned(vec![pools, sharing("a", 80, "x", wants), sharing("b", 80, "x", wants)]);
    let condition = refused[1].request.condition();
    assert_eq!(condition["reason"], "already_allocated_incompatible_service");
    assert_eq!(
        condition["message"],
        "The IP '192.0.2.7' is already allocated to an incompatible service. Reason: same port and protocol"
    );
}

#[test]
fn of_overlapping_pools_the_younger_is_not_used_and_without_ages_nobody_knows() {
    let aged = |name: &str, cidr: &str, created: &str| {
        let mut pool = pool(name, json!({"blocks": [{"cidr": cidr}]}));
        pool["metadata"]["creationTimestamp"] = json!(created);
        pool
    };
    let result = assigned(vec![
        aged("a", "192.0.2.0/28", "2026-02-01T00:00:00Z"),
        aged("b", "192.0.2.8/29", "2026-01-01T00:00:00Z"),
        balanced("s", json!({}), &[]),
    ]);
    assert_eq!(addresses(&result), [["192.0.2.8"]], "from the older one");
    let apart = assigned(vec![
        aged("a", "192.0.2.0/29", "2026-02-01T00:00:00Z"),
        aged("b", "192.0.2.8/29", "2026-01-01T00:00:00Z"),
        balanced("s", json!({}), &[]),
    ]);
    assert_eq!(addresses(&apart), [["192.0.2.0"]], "a look-alike that does not overlap");
    let tied = assigned(vec![
        pool("a", json!({"blocks": [{"cidr": "192.0.2.0/28"}]})),
        pool("b", json!({"blocks": [{"cidr": "192.0.2.8/29"}]})),
        balanced("s", json!({}), &[]),
    ]);
    assert!(tied[0].addresses.is_empty());
    let limit = tied[0].unmodelled.as_ref().expect("a limit").to_string();
    assert!(limit.contains("pools a and b, which overlap while neither is older"), "{limit}");
    let inside = assigned(vec![
        pool("a", json!({"blocks": [{"cidr": "192.0.2.0/28"}, {"cidr": "192.0.2.8/29"}]})),
        balanced("s", json!({}), &[]),
    ]);
    assert_eq!(inside[0].request, IpamRequest::NoPool, "a pool that overlaps itself");
}

#[test]
fn the_policy_decides_how_many_families_get_an_address() {
    let two = |families: Value, policy: Value| {
        let mut cluster = Cluster::new("1.20.0");
        cluster.config.ipv6 = true;
        let mut service = balanced("a", json!({}), &[]);
        service["spec"]["ipFamilies"] = families;
        service["spec"]["ipFamilyPolicy"] = policy;
        cluster.objects.extend([
            pool("p", json!({"blocks": [{"cidr": "192.0.2.0/28"}, {"cidr": "2001:db8::/120"}]})),
            service,
        ]);
        addresses(&cluster.run(assign)).concat()
    };
    for (families, policy, expected) in [
        (json!([]), json!(null), vec!["192.0.2.0"]),
        (json!(["IPv6"]), json!("SingleStack"), vec!["2001:db8::"]),
        (json!(["IPv4"]), json!("PreferDualStack"), vec!["192.0.2.0"]),
        (json!([]), json!("PreferDualStack"), vec!["192.0.2.0", "2001:db8::"]),
        (json!(["IPv4"]), json!("RequireDualStack"), vec!["192.0.2.0", "2001:db8::"]),
    ] {
        assert_eq!(two(families.clone(), policy.clone()), expected, "{families} {policy}");
    }
}

#[test]
fn a_pool_tells_how_many_addresses_it_has_and_why_it_is_left_out() {
    use super::{Before, pool_reports};

    let created = |mut pool: Value, at: &str| {
        pool["metadata"]["creationTimestamp"] = json!(at);
        pool
    };
    let mut cluster = Cluster::new("1.20.0");
    cluster.objects.extend([
        created(pool("p", json!({"blocks": [{"cidr": "192.0.2.0/30"}]})), "2026-01-01T00:00:00Z"),
        created(pool("q", json!({"blocks": [{"cidr": "192.0.2.2/32"}]})), "2026-02-01T00:00:00Z"),
        balanced("a", json!({}), &[]),
    ]);
    let reports = cluster.run(|input| pool_reports(input, &assign(input)));
    let told = |index: usize, before| -> Vec<String> {
        let conditions: Vec<Value> = reports[index].conditions(before);
        let text = |condition: &Value, key: &str| condition[key].as_str().map(str::to_owned);
        conditions
            .iter()
            .filter_map(|one| Some(format!("{}: {}", text(one, "type")?, text(one, "message")?)))
            .collect()
    };
    let counts = |total: u8, available: u8, used: u8| {
        vec![
            format!("cilium.io/IPsTotal: {total}"),
            format!("cilium.io/IPsAvailable: {available}"),
            format!("cilium.io/IPsUsed: {used}"),
        ]
    };
    assert_eq!(told(0, Before::NeverConflicted), counts(4, 3, 1));
    assert_eq!(told(0, Before::Conflicted)[0], "cilium.io/PoolConflict: ", "resolved");
    let younger = told(1, Before::NeverConflicted);
    assert_eq!(
        younger[0],
        "cilium.io/PoolConflict: Pool conflicts since range '192.0.2.2 - 192.0.2.2' overlaps range \
         '192.0.2.0 - 192.0.2.3' from IP Pool 'p'"
    );
    assert_eq!(younger[1..], counts(1, 1, 0));
}
