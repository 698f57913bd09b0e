//! What values amount to, by version, and the laws of merging.

use proptest::prelude::{Just, Strategy, any, prop_oneof, proptest};
use proptest::{collection, prop_assert_eq};
use serde_json::{Map, Value, json};

use super::{config, merge};
use crate::cilium::{CiliumConfig, CiliumVersion, HostNetwork, TrafficPolicy};

fn on(version: &str, values: &Value) -> CiliumConfig {
    let version: CiliumVersion = version.parse().expect("a Cilium version");
    config(&version, values)
}

#[test]
fn no_values_amount_to_the_charts_defaults() {
    assert_eq!(on("1.20.2", &json!({})), CiliumConfig::default());
    assert!(!on("1.15.0", &json!({})).external_envoy_proxy, "the DaemonSet is default from 1.16");
}

#[test]
fn host_network_exists_since_1_16() {
    let values = json!({"gatewayAPI": {"hostNetwork": {"enabled": true, "nodes": {"matchLabels": {"role": "gateway"}}}}});
    assert_eq!(on("1.15.15", &values).host_network, HostNetwork::Off);
    let HostNetwork::On { match_labels } = on("1.16.0", &values).host_network else {
        panic!("host network is on")
    };
    assert_eq!(match_labels.get("role").map(String::as_str), Some("gateway"));
    let off = json!({"gatewayAPI": {"hostNetwork": {"enabled": false, "nodes": {"matchLabels": {"role": "gateway"}}}}});
    assert_eq!(on("1.20.2", &off).host_network, HostNetwork::Off);
}

#[test]
fn low_ports_need_both_the_switch_and_the_capability_of_the_right_pod() {
    let values = |keep: bool, envoy: &[&str], agent: &[&str], daemon_set: bool| {
        json!({
            "envoy": {"enabled": daemon_set, "securityContext": {"capabilities": {"keepCapNetBindService": keep, "envoy": envoy}}},
            "securityContext": {"capabilities": {"ciliumAgent": agent}},
        })
    };
    let may = |values: &Value| on("1.20.2", values).envoy_may_bind_low_ports;
    assert!(may(&values(true, &["NET_BIND_SERVICE"], &[], true)));
    assert!(
        may(&values(true, &[], &["NET_BIND_SERVICE"], false)),
        "embedded Envoy has the agent's"
    );
    assert!(!may(&values(false, &["NET_BIND_SERVICE"], &[], true)), "the switch is needed too");
    assert!(!may(&values(true, &["NET_ADMIN"], &["NET_BIND_SERVICE"], true)), "the wrong pod");
}

#[test]
fn the_daemon_set_follows_the_switch_then_the_compatibility() {
    let external = |values: &Value| on("1.20.2", values).external_envoy_proxy;
    assert!(external(&json!({"envoy": {"enabled": null}})));
    assert!(!external(&json!({"envoy": {"enabled": false}})));
    assert!(!external(&json!({"upgradeCompatibility": "1.15"})));
    assert!(external(&json!({"upgradeCompatibility": "1.18"})));
    assert!(!external(&json!({"l7Proxy": false})));
}

#[test]
fn node_ports_replace_kube_proxy_for_gateways_until_1_18() {
    let values = json!({"nodePort": {"enabled": true}});
    assert!(on("1.18.10", &values).kube_proxy_replacement);
    assert!(!on("1.19.0", &values).kube_proxy_replacement);
    assert!(on("1.20.2", &json!({"kubeProxyReplacement": "true"})).kube_proxy_replacement);
    assert!(!on("1.20.2", &json!({"kubeProxyReplacement": "false"})).kube_proxy_replacement);
}

#[test]
fn alpn_brings_app_protocol_and_policy_is_read() {
    let made = on(
        "1.20.2",
        &json!({"gatewayAPI": {"enableAlpn": true, "externalTrafficPolicy": "Local", "useRemoteAddress": false}}),
    );
    assert!(made.alpn && made.app_protocol && !made.use_remote_address);
    assert_eq!(made.external_traffic_policy, TrafficPolicy::Local);
    assert!(on("1.19.0", &json!({"gatewayAPI": {"useRemoteAddress": false}})).use_remote_address);
}

#[test]
fn lists_replace_mappings_merge_and_null_stays_for_helm() {
    let base = json!({"a": {"x": 1, "y": [1, 2]}, "b": 1, "c": {"z": 1}});
    let over = json!({"a": {"y": [3]}, "b": null, "c": 5});
    assert_eq!(merge(&base, &over), json!({"a": {"x": 1, "y": [3]}, "b": null, "c": 5}));
}

fn values() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Bool),
        any::<i32>().prop_map(|n| json!(n)),
        "[a-c]{1,2}".prop_map(Value::String),
    ];
    let tree = leaf.prop_recursive(3, 24, 4, |inner| {
        prop_oneof![
            collection::vec(inner.clone(), 0..3).prop_map(Value::Array),
            collection::btree_map("[a-d]", inner, 0..4)
                .prop_map(|map| Value::Object(map.into_iter().collect::<Map<_, _>>())),
        ]
    });
    collection::btree_map("[a-d]", tree, 0..4)
        .prop_map(|map| Value::Object(map.into_iter().collect::<Map<_, _>>()))
}

/// Every leaf of `over` is in `merged`.
fn covers(merged: &Value, over: &Value) -> bool {
    match over {
        Value::Object(map) => {
            map.iter().all(|(key, value)| merged.get(key).is_some_and(|found| covers(found, value)))
        }
        leaf => merged == leaf,
    }
}

proptest! {
    #[test]
    fn merging_nothing_changes_nothing(a in values()) {
        prop_assert_eq!(merge(&a, &json!({})), a.clone());
        prop_assert_eq!(merge(&json!({}), &a), a.clone());
        prop_assert_eq!(merge(&a, &a), a);
    }

    #[test]
    fn what_is_merged_over_wins_and_merging_it_again_changes_nothing(a in values(), b in values()) {
        let merged = merge(&a, &b);
        prop_assert_eq!(covers(&merged, &b), true);
        prop_assert_eq!(merge(&merged, &b), merged);
    }

    #[test]
    fn keys_only_one_side_has_are_kept(a in values(), b in values()) {
        let merged = merge(&a, &b);
        for (key, value) in a.as_object().into_iter().flatten() {
            if b.get(key).is_none() {
                prop_assert_eq!(merged.get(key), Some(value));
            }
        }
    }
}
