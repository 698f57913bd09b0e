//! Claims about what recorded releases amount to.

use gateproof_core::cert_manager::GatewaySupport;
use serde_json::{Value, json};

use super::{cert_manager, desired, stack};
use crate::api::base64;
use crate::controllers::snapshot::Snapshot;

fn release(chart: &str, revision: u64, status: &str, values: &Value) -> Value {
    let record = json!({
        "name": chart, "version": revision, "info": {"status": status}, "config": values,
        "chart": {"metadata": {"name": chart, "version": "1.20.2"}},
    });
    let text = base64(base64(record.to_string().as_bytes()).as_bytes());
    json!({
        "apiVersion": "v1", "kind": "Secret", "type": "helm.sh/release.v1",
        "metadata": {"name": format!("sh.helm.release.v1.{chart}.v{revision}"), "namespace": "n"},
        "data": {"release": text},
    })
}

fn pod(uid: &str, image: &str) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": uid, "namespace": "kube-system", "uid": uid},
        "spec": {"nodeName": "worker", "containers": [{"name": "c", "image": image}]},
    })
}

fn node() -> Value {
    json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": "worker"}})
}

/// The objects, and what is written down of them.
fn recorded(objects: &[Value]) -> Vec<Value> {
    let mut objects = objects.to_vec();
    for write in desired(&Snapshot::from_values(objects.clone())) {
        objects.retain(|object| object["kind"] != "ConfigMap");
        objects.push(write.object().clone());
    }
    objects
}

#[test]
fn a_pod_keeps_the_configuration_it_started_with_until_it_is_replaced() {
    let on = json!({"gatewayAPI": {"enabled": true}, "kubeProxyReplacement": true});
    let (operator, agent) = (pod("o1", "x/cilium/operator-generic"), pod("a1", "x/cilium/cilium"));
    let mut objects = recorded(&[node(), release("cilium", 1, "deployed", &json!({})), operator]);
    let first = stack(&Snapshot::from_values(objects.clone())).expect("the operator runs");
    assert!(!first.config.gateway_api);
    objects.push(agent);
    objects.push(release("cilium", 2, "deployed", &on));
    let objects = recorded(&objects);
    let stale = stack(&Snapshot::from_values(objects.clone())).expect("the operator runs");
    assert!(!stale.config.gateway_api, "the operator was not restarted");
    assert!(stale.started_with["worker"].gateway_api, "the agent started after the upgrade");
    let mut objects: Vec<Value> =
        objects.into_iter().filter(|object| object["metadata"]["name"] != "o1").collect();
    objects.push(pod("o2", "x/cilium/operator-generic"));
    let current = stack(&Snapshot::from_values(recorded(&objects))).expect("the operator runs");
    assert!(current.config.gateway_api);
}

#[test]
fn nothing_is_installed_without_a_release_or_after_it_was_uninstalled() {
    let operator = pod("o1", "x/cilium/operator-generic");
    for objects in
        [vec![operator.clone()], vec![operator, release("cilium", 1, "uninstalled", &json!({}))]]
    {
        assert!(stack(&Snapshot::from_values(recorded(&objects))).is_none());
    }
}

#[test]
fn certificates_are_made_for_gateways_only_when_the_chart_is_told_so() {
    let installed = |values: &Value| {
        cert_manager(&Snapshot::from_values([release("cert-manager", 1, "deployed", values)]))
    };
    assert_eq!(installed(&json!({})), Some(GatewaySupport::Off));
    let on = json!({"config": {"enableGatewayAPI": true}});
    assert_eq!(installed(&on), Some(GatewaySupport::On), "1.20");
    let newer = json!({"config": {"gatewayAPI": {"enabled": true}}});
    assert_eq!(installed(&newer), Some(GatewaySupport::Off), "1.20 does not know it");
    assert_eq!(cert_manager(&Snapshot::from_values([node()])), None);
}
