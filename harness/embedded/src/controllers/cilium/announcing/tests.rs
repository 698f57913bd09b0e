//! Claims about who announces what.

use std::collections::BTreeMap;

use gateproof_core::cilium::CiliumConfig;
use gateproof_core::scenario::PodTrouble;
use serde_json::{Value, json};

use super::{Way, desired, way};
use crate::controllers::cilium::{Deviations, Stack};
use crate::controllers::snapshot::Snapshot;
use crate::controllers::write::Write;

const LEASE: &str = "cilium-l2announce-shop-cilium-gateway-web";
const NOW: &str = "2026-11-21T08:00:00Z";

fn stack(version: &str) -> Stack {
    Stack {
        version: version.parse().expect("a version"),
        config: CiliumConfig { l2_announcements: true, ..CiliumConfig::default() },
        faults: Deviations::default(),
        started_with: BTreeMap::new(),
    }
}

fn service() -> Value {
    json!({"apiVersion": "v1", "kind": "Service",
        "metadata": {"namespace": "shop", "name": "cilium-gateway-web"},
        "spec": {"type": "LoadBalancer"},
        "status": {"loadBalancer": {"ingress": [{"ip": "172.18.255.1"}]}}})
}

fn policy(spec: Value) -> Value {
    let mut policy = json!({"apiVersion": "cilium.io/v2alpha1",
        "kind": "CiliumL2AnnouncementPolicy", "metadata": {"name": "p"}, "spec": {}});
    policy["spec"] = spec;
    policy["spec"]["loadBalancerIPs"] = true.into();
    policy
}

fn lease(holder: &str, renewed: &str) -> Value {
    json!({"apiVersion": "coordination.k8s.io/v1", "kind": "Lease",
        "metadata": {"namespace": "kube-system", "name": LEASE},
        "spec": {"holderIdentity": holder, "renewTime": renewed, "acquireTime": renewed}})
}

fn cluster(objects: &[Value]) -> Snapshot {
    let nodes = ["a", "b"].map(|name| {
        json!({"apiVersion": "cilium.io/v2", "kind": "CiliumNode",
            "metadata": {"name": name, "labels": {"role": name}}})
    });
    Snapshot::from_values(nodes.into_iter().chain(objects.iter().cloned()))
}

/// Who holds the lease that is written, if one is.
fn elected(snapshot: &Snapshot, stack: &Stack) -> Option<String> {
    desired(snapshot, stack, NOW).writes.into_iter().find_map(|write| match write {
        Write::Apply(_, object) => Some(object["spec"]["holderIdentity"].as_str()?.to_owned()),
        _ => None,
    })
}

fn announcer(snapshot: &Snapshot, stack: &Stack) -> Option<String> {
    match way(snapshot, stack) {
        Way::AnyNode => Some("any".to_owned()),
        Way::Announced(by) => {
            let address = "172.18.255.1".parse().expect("an address");
            by.get(&address).map(|node| node.as_str().to_owned())
        }
    }
}

#[test]
fn a_node_that_a_policy_chooses_takes_the_lease_and_announces() {
    let role_b = policy(json!({"nodeSelector": {"matchLabels": {"role": "b"}}}));
    let free = cluster(&[service(), role_b.clone()]);
    assert_eq!(elected(&free, &stack("1.20.0")).as_deref(), Some("b"));
    assert_eq!(announcer(&free, &stack("1.20.0")), None, "nobody has the lease yet");
    let held = cluster(&[service(), role_b, lease("b", "2026-11-21T07:59:58Z")]);
    assert_eq!(elected(&held, &stack("1.20.0")), None, "it is held, and was renewed just now");
    assert_eq!(announcer(&held, &stack("1.20.0")).as_deref(), Some("b"));
}

#[test]
fn the_holder_keeps_the_lease_and_renews_it() {
    let all = policy(json!({}));
    let held = cluster(&[service(), all.clone(), lease("b", "2026-11-21T07:59:49.000000Z")]);
    assert_eq!(elected(&held, &stack("1.20.0")).as_deref(), Some("b"));
    let mut down = stack("1.20.0");
    down.faults.pods.agents.insert("b".to_owned(), PodTrouble::Crashes);
    assert_eq!(elected(&held, &down).as_deref(), Some("a"), "another node takes over");
    down.faults.pods.agents.insert("a".to_owned(), PodTrouble::Crashes);
    assert_eq!(elected(&held, &down), None, "the lease stays as it was left");
    assert_eq!(announcer(&held, &down), None);
}

#[test]
fn a_lease_says_nothing_of_devices() {
    for (interfaces, announced) in
        [(json!(["^eth"]), true), (json!(["^ens[0-9]+$"]), false), (json!([]), true)]
    {
        let some = policy(json!({"interfaces": interfaces}));
        let free = cluster(&[service(), some.clone()]);
        assert_eq!(elected(&free, &stack("1.20.0")).as_deref(), Some("a"));
        let held = cluster(&[service(), some, lease("a", NOW)]);
        assert_eq!(announcer(&held, &stack("1.20.0")).is_some(), announced, "{interfaces}");
    }
}

#[test]
fn interfaces_that_are_no_regular_expression_are_told_of_and_count_for_nothing() {
    let bad = cluster(&[service(), policy(json!({"interfaces": ["^eth["]}))]);
    let told = desired(&bad, &stack("1.20.0"), NOW);
    assert_eq!(elected(&bad, &stack("1.20.0")), None);
    let condition = told.writes.iter().find_map(|write| match write {
        Write::ApplyStatus(_, object) => Some(object["status"]["conditions"][0].clone()),
        _ => None,
    });
    let condition = condition.expect("a status");
    assert_eq!(condition["type"], "io.cilium/bad-interface-regex");
    assert_eq!(condition["status"], "True");
}

#[test]
fn the_policy_local_is_minded_by_1_20_2_alone() {
    let mut local = service();
    local["spec"]["externalTrafficPolicy"] = "Local".into();
    let snapshot = cluster(&[local, policy(json!({}))]);
    for (version, elects) in [("1.20.1", true), ("1.20.2", false), ("1.19.6", true)] {
        assert_eq!(elected(&snapshot, &stack(version)).is_some(), elects, "{version}");
    }
}

#[test]
fn agents_that_may_not_write_leases_say_so_and_announce_nothing() {
    let mut stack = stack("1.20.0");
    stack.faults.leases_forbidden = true;
    let snapshot = cluster(&[service(), policy(json!({}))]);
    let told = desired(&snapshot, &stack, NOW);
    assert!(told.writes.is_empty());
    assert_eq!(told.log.len(), 2);
    assert!(told.log[0].text.contains(LEASE) && told.log[0].text.contains("is forbidden"));
}

#[test]
fn leases_of_services_that_are_not_announced_any_more_go() {
    let deletes = |snapshot: &Snapshot| {
        let writes = desired(snapshot, &stack("1.20.0"), NOW).writes;
        writes.iter().any(|write| matches!(write, Write::Delete(_)))
    };
    assert!(deletes(&cluster(&[lease("a", NOW)])));
    assert!(!deletes(&cluster(&[service(), policy(json!({})), lease("a", NOW)])));
}

#[test]
fn without_setting_and_policy_addresses_are_led_to_nodes_by_others() {
    let mut off = stack("1.20.0");
    off.config.l2_announcements = false;
    assert_eq!(announcer(&cluster(&[service()]), &off).as_deref(), Some("any"));
    let asked_for = cluster(&[service(), policy(json!({}))]);
    assert_eq!(announcer(&asked_for, &off), None);
    assert_eq!(elected(&asked_for, &off), None);
}
