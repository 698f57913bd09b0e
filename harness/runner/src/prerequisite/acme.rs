//! An ACME server in the cluster: Pebble, and the issuer that uses it.
//!
//! Settings follow letsencrypt/pebble v2.10.1 (`cmd/pebble/main.go`, `va/va.go`, `wfe/wfe.go`,
//! `db/memorystore.go`). Pebble makes its root anew whenever it starts. Its own HTTPS certificate is
//! one of its image's, whose key everybody has; so the issuer does not verify it: what is proved
//! here is the way through the Gateway, not the way to Pebble.

use gateproof_core::name::NamespacedName;
use gateproof_core::scenario::ObjectRef;
use gateproof_core::scenario::issuer::{Acme, ChallengeListener, SelfCheck};
use gateproof_kubernetes::SecurePort;
use serde_json::{Value, json};

use super::issuer::{ISSUER, cluster_issuer};

/// The namespace of Pebble.
const NAMESPACE: &str = "gateproof-acme";
const NAME: &str = "pebble";
const DIRECTORY_PORT: u16 = 14000;
const MANAGEMENT_PORT: u16 = 15000;

/// Where Pebble shows its root.
pub(crate) const ROOT_PATH: &str = "/roots/0";

/// The port at which Pebble shows its certificates.
pub(crate) const MANAGEMENT: SecurePort<'static> =
    SecurePort { namespace: NAMESPACE, service: NAME, port: MANAGEMENT_PORT };

/// Pebble: Namespace, configuration, Deployment and Service, in order.
pub(crate) fn server(acme: &Acme) -> Vec<Value> {
    let labels =
        json!({"app.kubernetes.io/name": NAME, "app.kubernetes.io/managed-by": "gateproof"});
    let selector = json!({"app.kubernetes.io/name": NAME});
    let metadata = json!({"name": NAME, "namespace": NAMESPACE, "labels": labels});
    let file = serde_json::to_string_pretty(&configuration(&acme.answered_at))
        .expect("a JSON value has a text");
    vec![
        json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}}),
        json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata,
               "data": {"config.json": file}}),
        json!({
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": metadata,
            "spec": {
                "replicas": 1,
                "selector": {"matchLabels": selector},
                "template": {"metadata": {"labels": labels}, "spec": {
                    "containers": [container(&acme.image)],
                    "volumes": [{"name": "config", "configMap": {"name": NAME}}],
                }},
            },
        }),
        json!({
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": metadata,
            "spec": {"selector": selector, "ports": [
                {"name": "acme", "port": DIRECTORY_PORT, "targetPort": DIRECTORY_PORT,
                 "protocol": "TCP"},
                {"name": "management", "port": MANAGEMENT_PORT, "targetPort": MANAGEMENT_PORT,
                 "protocol": "TCP"},
            ]},
        }),
    ]
}

fn configuration(answered_at: &ChallengeListener) -> Value {
    json!({"pebble": {
        "listenAddress": format!(":{DIRECTORY_PORT}"),
        "managementListenAddress": format!(":{MANAGEMENT_PORT}"),
        "certificate": "/test/certs/localhost/cert.pem",
        "privateKey": "/test/certs/localhost/key.pem",
        "httpPort": answered_at.port,
        "tlsPort": 443,
        "ocspResponderURL": "",
        "externalAccountBindingRequired": false,
        "keyAlgorithm": "ecdsa",
        "retryAfter": {"authz": 1, "order": 1},
        "profiles": {"default": {"description": "for one trial", "validityPeriod": 7_776_000}},
    }})
}

fn container(image: &str) -> Value {
    json!({
        "name": NAME,
        "image": image,
        // It may have been loaded into the nodes, and be in no registry.
        "imagePullPolicy": "IfNotPresent",
        "args": ["-config", "/etc/pebble/config.json"],
        // Without these it waits up to five seconds before it asks, refuses one nonce in twenty, and
        // takes a name as proved that it has asked for before.
        "env": [
            {"name": "PEBBLE_VA_NOSLEEP", "value": "1"},
            {"name": "PEBBLE_WFE_NONCEREJECT", "value": "0"},
            {"name": "PEBBLE_AUTHZREUSE", "value": "0"},
        ],
        "ports": [
            {"name": "acme", "containerPort": DIRECTORY_PORT},
            {"name": "management", "containerPort": MANAGEMENT_PORT},
        ],
        "readinessProbe": {
            "httpGet": {"path": "/dir", "port": DIRECTORY_PORT, "scheme": "HTTPS"},
            "periodSeconds": 1,
        },
        "volumeMounts": [{"name": "config", "mountPath": "/etc/pebble"}],
    })
}

/// The issuer that uses it.
pub(crate) fn issuer(acme: &Acme) -> Value {
    let ChallengeListener { gateway, listener, .. } = &acme.answered_at;
    let mut solver = json!({"http01": {"gatewayHTTPRoute": {"parentRefs": [{
        "group": "gateway.networking.k8s.io",
        "kind": "Gateway",
        "name": gateway.name,
        "namespace": gateway.namespace,
        "sectionName": listener,
    }]}}});
    if acme.answered_at.self_check() == SelfCheck::LeftOut {
        solver["waitInsteadOfSelfCheck"] = "0s".into();
    }
    cluster_issuer(
        ISSUER,
        &json!({"acme": {
            "server": format!("https://{NAME}.{NAMESPACE}.svc:{DIRECTORY_PORT}/dir"),
            "skipTLSVerify": true,
            "privateKeySecretRef": {"name": "gateproof-acme-account"},
            "solvers": [solver],
        }}),
    )
}

/// The Deployment that must become available.
pub(crate) fn deployment() -> ObjectRef {
    ObjectRef {
        api_version: "apps/v1".to_owned(),
        kind: "Deployment".to_owned(),
        namespace: Some(NAMESPACE.to_owned()),
        name: NAME.to_owned(),
    }
}

/// What the Deployment still lacks, and what it says about that itself.
pub(crate) fn missing(deployment: Option<&Value>) -> Option<String> {
    let Some(deployment) = deployment else {
        return Some(format!("Deployment {NAMESPACE}/{NAME} does not exist yet"));
    };
    if deployment["status"]["readyReplicas"].as_u64().unwrap_or_default() > 0 {
        return None;
    }
    let conditions = deployment["status"]["conditions"].as_array();
    let said = conditions.into_iter().flatten().find(|it| it["status"] == "False");
    let said = said.and_then(|it| it["message"].as_str()).unwrap_or("it says nothing");
    Some(format!("Pebble (Deployment {NAMESPACE}/{NAME}) has no ready pod: {said}"))
}

/// The Service at which challenges are asked for.
pub(crate) fn gateway_service(acme: &Acme) -> NamespacedName {
    gateproof_model::gateway_service(&acme.answered_at.gateway)
}

#[cfg(test)]
mod tests {
    use gateproof_core::name::NamespacedName;
    use gateproof_core::scenario::issuer::{Acme, ChallengeListener};

    use super::{issuer, server};

    fn acme(port: u16) -> Acme {
        Acme {
            image: "example.test/letsencrypt/pebble:1".to_owned(),
            names: vec!["shop.example.test".to_owned()],
            answered_at: ChallengeListener {
                gateway: NamespacedName::new("web", "public"),
                listener: "http".to_owned(),
                port,
            },
        }
    }

    #[test]
    fn the_objects_are_those_that_were_reviewed() {
        let mut objects = server(&acme(80));
        objects.push(issuer(&acme(80)));
        insta::assert_json_snapshot!(objects);
    }

    #[test]
    fn another_port_is_asked_by_pebble_and_not_by_cert_manager() {
        let file = server(&acme(8080))[1]["data"]["config.json"].to_string();
        assert!(file.contains(r#"\"httpPort\": 8080"#), "{file}");
        let solver = issuer(&acme(8080))["spec"]["acme"]["solvers"][0].clone();
        assert_eq!(solver["waitInsteadOfSelfCheck"], "0s");
        let usual = issuer(&acme(80))["spec"]["acme"]["solvers"][0].clone();
        assert!(usual["waitInsteadOfSelfCheck"].is_null());
    }
}
