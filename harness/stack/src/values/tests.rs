//! What is added, what stays, and what people are shown.

use gateproof_core::cilium::{CiliumVersion, values::config};
use gateproof_core::topology::IpFamily;
use serde_json::{Value, json};

use super::{Merged, Outcome, needs};
use crate::target::{ApiServer, ClusterFacts, Images, KubeProxy, LoadBalancing};

fn facts() -> ClusterFacts {
    ClusterFacts {
        kubernetes: None,
        nodes: 3,
        api_server: Some(ApiServer { host: "x-control-plane".to_owned(), port: 6443 }),
        kube_proxy: KubeProxy::Absent,
        ip_family: IpFamily::V4,
        images: Images::Pulled,
    }
}

fn merged(version: &str, written: &Value, facts: &ClusterFacts) -> Merged {
    let version: CiliumVersion = version.parse().expect("a version");
    Merged::of(written, needs(&version, &config(&version, written), facts, None))
}

fn gateways() -> Value {
    json!({"gatewayAPI": {"enabled": true}})
}

#[test]
fn a_cluster_without_kube_proxy_tells_cilium_where_the_api_server_is() {
    let values = merged("1.20.2", &gateways(), &facts()).values;
    assert_eq!(values["k8sServiceHost"], "x-control-plane");
    assert_eq!(values["k8sServicePort"], 6443);
    assert_eq!(values["kubeProxyReplacement"], true);
    let with = ClusterFacts { kube_proxy: KubeProxy::Present, ..facts() };
    let values = merged("1.20.2", &gateways(), &with).values;
    for key in ["k8sServiceHost", "k8sServicePort", "kubeProxyReplacement"] {
        assert!(values.get(key).is_none(), "{key} is not needed beside kube-proxy");
    }
}

#[test]
fn what_a_person_wrote_stays_and_the_contradiction_is_told() {
    let written = json!({
        "gatewayAPI": {"enabled": true, "gatewayClass": {"create": "true"}},
        "kubeProxyReplacement": false,
        "operator": {"replicas": 2, "prometheus": {"enabled": true}},
        "hubble": {"enabled": null},
    });
    let merged = merged("1.19.6", &written, &facts());
    assert_eq!(merged.values["kubeProxyReplacement"], false);
    assert_eq!(merged.values["operator"], json!({"replicas": 2, "prometheus": {"enabled": true}}));
    assert_eq!(merged.values["hubble"]["enabled"], Value::Null, "a null removes the default");
    let told: Vec<String> = merged.contradictions().collect();
    assert_eq!(told.len(), 1, "{told:#?}");
    assert!(told.iter().any(|line| line.contains("kubeProxyReplacement: false")
        && line.contains("expected true")
        && line.contains("no kube-proxy")));
    let class = merged.needs.iter().find(|(need, _)| need.path.ends_with("gatewayClass.create"));
    assert_eq!(class.map(|(_, outcome)| outcome), Some(&Outcome::SaidAlready));
}

#[test]
fn the_class_is_made_for_certain_where_the_chart_has_the_setting() {
    let class = "/gatewayAPI/gatewayClass/create";
    for (version, expected) in
        [("1.15.19", None), ("1.16.0", Some("true")), ("1.20.2", Some("true"))]
    {
        let values = merged(version, &gateways(), &facts()).values;
        assert_eq!(values.pointer(class).and_then(Value::as_str), expected, "{version}");
    }
    let without = merged("1.20.2", &json!({}), &facts()).values;
    assert_eq!(without.pointer(class), None, "no class without Gateway API support");
}

#[test]
fn families_and_preloaded_images_and_announcements_are_told_to_cilium() {
    let version: CiliumVersion = "1.20.2".parse().expect("a version");
    let facts = ClusterFacts { ip_family: IpFamily::V6, images: Images::Preloaded, ..facts() };
    let balancing = LoadBalancing { pools: Vec::new(), announce_on: vec!["^eth0$".to_owned()] };
    let config = config(&version, &json!({}));
    let values = Merged::of(&json!({}), needs(&version, &config, &facts, Some(&balancing))).values;
    for (pointer, expected) in [
        ("/ipv4/enabled", json!(false)),
        ("/ipv6/enabled", json!(true)),
        ("/image/useDigest", json!(false)),
        ("/operator/image/useDigest", json!(false)),
        ("/envoy/image/pullPolicy", json!("IfNotPresent")),
        ("/l2announcements/enabled", json!(true)),
    ] {
        assert_eq!(values.pointer(pointer), Some(&expected), "{pointer}");
    }
}

#[test]
fn evidence_says_what_was_added_and_why_and_holds_no_secret() {
    let written = json!({
        "gatewayAPI": {"enabled": true, "secretsNamespace": {"name": "cilium-secrets"}},
        "operator": {"replicas": 2},
        "tls": {"ca": {"key": "hunter2", "cert": "AAAA"}},
    });
    insta::assert_snapshot!(merged("1.20.2", &written, &facts()).as_evidence("Cilium 1.20.2"));
}

#[test]
fn no_planted_secret_is_in_the_evidence_of_values() {
    let corpus: Value =
        serde_json::from_str(include_str!("../../../../tests/secrets/corpus.json")).expect("JSON");
    let shown = merged("1.20.2", &corpus["values"], &facts()).as_evidence("Cilium 1.20.2");
    for secret in corpus["secrets"].as_array().expect("secrets") {
        assert!(!shown.contains(secret.as_str().expect("text")), "{shown}");
    }
    assert!(shown.contains("REDACTED") && shown.contains("cert: AAAA"), "{shown}");
}
