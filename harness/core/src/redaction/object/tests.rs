use serde_json::{Value, json};

use super::{object, told, values};

fn redacted(mut value: Value) -> Value {
    object(&mut value);
    value
}

#[test]
fn secrets_go_from_every_kind_and_names_stay() {
    let cases = [
        json!({"kind": "ConfigMap", "data": {"db-password": "hunter22", "enable-gateway-api": "true"}}),
        json!({"kind": "Pod", "spec": {"containers": [{"name": "a",
            "env": [{"name": "API_TOKEN", "value": "hunter22"}], "args": ["--token=hunter22"]}]}}),
        json!({"kind": "ReplicaSet", "command": ["app", "--api-token", "hunter22", "--verbose"]}),
        json!({"kind": "HTTPRoute", "spec": {"rules": [{"filters": [{"requestHeaderModifier":
            {"set": [{"name": "Authorization", "value": "hunter22"}]}}]}]}}),
        json!({"kind": "Service", "metadata": {"annotations": {
            "kubectl.kubernetes.io/last-applied-configuration": "{\"x\":\"hunter22\"}"}}}),
        json!({"kind": "ConfigMap", "data": {"kubeconfig": "users:\n- user:\n    token: hunter22\n"}}),
        json!({"kind": "List", "items": [{"apiVersion": "v1", "kind": "ConfigMap",
            "data": {"password": "hunter22"}}]}),
        json!({"kind": "Gateway", "metadata": {"annotations":
            {"proxy": "https://me:hunter22@proxy.example:3128"}}}),
    ];
    for case in cases {
        let seen = redacted(case.clone()).to_string();
        assert!(!seen.contains("hunter22"), "{seen}");
        assert!(seen.contains("REDACTED"), "{seen}");
    }
}

#[test]
fn what_a_diagnosis_reads_stays_as_it_is() {
    for same in [
        json!({"kind": "ConfigMap", "data": {
            "gateway-api-secrets-namespace": "cilium-secrets",
            "enable-gateway-api-secrets-sync": "true",
            "hubble-tls-key-file": "/var/lib/cilium/tls/hubble/server.key",
        }}),
        json!({"kind": "Gateway", "spec": {"listeners": [{"name": "https", "tls":
            {"certificateRefs": [{"kind": "Secret", "name": "wildcard-tls"}]}}]}}),
        json!({"kind": "Certificate", "spec": {"secretName": "wildcard-tls",
            "privateKey": {"rotationPolicy": "Always", "algorithm": "ECDSA"},
            "issuerRef": {"name": "letsencrypt"}}}),
        json!({"kind": "Issuer", "spec": {"acme": {"privateKeySecretRef": {"name": "account"},
            "solvers": [{"dns01": {"cloudflare": {"apiTokenSecretRef":
                {"name": "cloudflare", "key": "api-token"}}}}]}}}),
        json!({"kind": "Node", "spec": {"taints": [{"key": "node.kubernetes.io/x", "effect": "NoSchedule"}]}}),
        json!({"kind": "HTTPRoute", "spec": {"hostnames": ["gitlab.myverylongdomain.com"]}}),
        json!({"kind": "Pod", "spec": {"automountServiceAccountToken": true, "containers": [{
            "env": [{"name": "POD_TOKEN", "valueFrom": {"secretKeyRef": {"name": "a", "key": "b"}}}]}]}}),
    ] {
        assert_eq!(redacted(same.clone()), same);
    }
}

#[test]
fn secrets_of_a_list_are_redacted_as_secrets() {
    let seen = redacted(json!({"apiVersion": "v1", "kind": "List", "items": [
        {"apiVersion": "v1", "kind": "Secret", "data": {"any": "aHVudGVyMjI="}}]}));
    assert!(!seen.to_string().contains("aHVudGVyMjI="), "{seen}");
}

#[test]
fn private_keys_go_from_helm_values_and_settings_stay() {
    let seen = values(&json!({
        "tls": {"ca": {"key": "aHVudGVyMjI=", "cert": "QUFB"}},
        "gatewayAPI": {"enabled": true, "secretsNamespace": {"name": "cilium-secrets"}},
        "extraEnv": [{"name": "AZURE_CLIENT_SECRET", "value": "hunter22"}],
    }));
    assert_eq!(seen["tls"], json!({"ca": {"key": "REDACTED", "cert": "QUFB"}}));
    assert_eq!(seen["gatewayAPI"]["secretsNamespace"]["name"], "cilium-secrets");
    assert_eq!(seen["extraEnv"][0]["value"], "REDACTED");
}

#[test]
fn headers_of_observations_go_by_their_names_and_fields_of_ours_stay() {
    let mut value = json!({
        "secret": "gateway/wildcard",
        "response": {"headers": [["set-cookie", "a=hunter22"], ["server", "envoy"]],
            "body": "password=hunter22",
            "echo": {"headers": {"Authorization": ["Basic hunter22"], "Host": ["a"]}}},
    });
    told(&mut value);
    assert!(!value.to_string().contains("hunter22"), "{value}");
    assert_eq!(value["secret"], "gateway/wildcard");
    assert_eq!(value["response"]["headers"][1], json!(["server", "envoy"]));
}
