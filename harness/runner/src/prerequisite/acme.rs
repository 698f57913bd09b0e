//! An ACME server in the cluster: Pebble, and the issuer that uses it.
//!
//! Settings follow letsencrypt/pebble v2.10.1 (`cmd/pebble/main.go`, `va/va.go`, `wfe/wfe.go`,
//! `db/memorystore.go`). Pebble makes its root anew whenever it starts. Its own HTTPS certificate is
//! one of its image's, whose key everybody has; so the issuer does not verify it: what is proved
//! here is the way through the Gateway, not the way to Pebble.

use gateproof_core::name::NamespacedName;
use gateproof_core::scenario::ObjectRef;
use gateproof_core::scenario::issuer::{Acme, ChallengeListener, Http01, SelfCheck, Solver};
use gateproof_kubernetes::SecurePort;
use serde_json::{Value, json};

use super::issuer::{ISSUER, cluster_issuer};
use super::name_server::{self, NameServer};

/// The namespace of Pebble, and of the name server.
pub(crate) const NAMESPACE: &str = "gateproof-acme";
const NAME: &str = "pebble";
const DIRECTORY_PORT: u16 = 14000;
const MANAGEMENT_PORT: u16 = 15000;

/// Where Pebble shows its root.
pub(crate) const ROOT_PATH: &str = "/roots/0";

/// The port at which Pebble shows its certificates.
pub(crate) const MANAGEMENT: SecurePort<'static> =
    SecurePort { namespace: NAMESPACE, service: NAME, port: MANAGEMENT_PORT };

/// Pebble: Namespace, configuration, Deployment and Service, in order. Names are looked up at the
/// name server, if there is one.
pub(crate) fn server(acme: &Acme, name_server: Option<&NameServer>) -> Vec<Value> {
    let labels =
        json!({"app.kubernetes.io/name": NAME, "app.kubernetes.io/managed-by": "gateproof"});
    let selector = json!({"app.kubernetes.io/name": NAME});
    let metadata = json!({"name": NAME, "namespace": NAMESPACE, "labels": labels});
    let file = serde_json::to_string_pretty(&configuration(&acme.solver))
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
                    "containers": [container(&acme.image, name_server)],
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

fn configuration(solver: &Solver) -> Value {
    let http_port = match solver {
        Solver::Http01(http01) => http01.answered_at.port,
        Solver::Dns01(_) => 80,
    };
    json!({"pebble": {
        "listenAddress": format!(":{DIRECTORY_PORT}"),
        "managementListenAddress": format!(":{MANAGEMENT_PORT}"),
        "certificate": "/test/certs/localhost/cert.pem",
        "privateKey": "/test/certs/localhost/key.pem",
        "httpPort": http_port,
        "tlsPort": 443,
        "ocspResponderURL": "",
        "externalAccountBindingRequired": false,
        "keyAlgorithm": "ecdsa",
        "retryAfter": {"authz": 1, "order": 1},
        "profiles": {"default": {"description": "for one trial", "validityPeriod": 7_776_000}},
    }})
}

fn container(image: &str, name_server: Option<&NameServer>) -> Value {
    let mut args = vec!["-config".to_owned(), "/etc/pebble/config.json".to_owned()];
    if let Some(server) = name_server {
        args.extend(["-dnsserver".to_owned(), server.socket()]);
    }
    json!({
        "name": NAME,
        "image": image,
        // It may have been loaded into the nodes, and be in no registry.
        "imagePullPolicy": "IfNotPresent",
        "args": args,
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
pub(crate) fn issuer(acme: &Acme, name_server: Option<&NameServer>) -> Value {
    let solver = match (&acme.solver, name_server) {
        (Solver::Http01(http01), _) => through_gateway(&http01.answered_at),
        (Solver::Dns01(_), Some(server)) => name_server::solver(server),
        (Solver::Dns01(_), None) => unreachable!("DNS-01 has a name server"),
    };
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

fn through_gateway(answered_at: &ChallengeListener) -> Value {
    let ChallengeListener { gateway, listener, .. } = answered_at;
    let mut solver = json!({"http01": {"gatewayHTTPRoute": {"parentRefs": [{
        "group": "gateway.networking.k8s.io",
        "kind": "Gateway",
        "name": gateway.name,
        "namespace": gateway.namespace,
        "sectionName": listener,
    }]}}});
    if answered_at.self_check() == SelfCheck::LeftOut {
        solver["waitInsteadOfSelfCheck"] = "0s".into();
    }
    solver
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

/// The Service at which challenges are asked for.
pub(crate) fn gateway_service(http01: &Http01) -> NamespacedName {
    gateproof_model::gateway_service(&http01.answered_at.gateway)
}

#[cfg(test)]
mod tests {
    use gateproof_core::name::NamespacedName;
    use gateproof_core::scenario::issuer::{Acme, ChallengeListener, Http01, Solver};

    use super::{issuer, server};
    use crate::prerequisite::name_server::NameServer;

    fn acme(solver: Solver) -> Acme {
        Acme { image: "example.test/letsencrypt/pebble:1".to_owned(), solver }
    }

    fn http01(port: u16) -> Acme {
        acme(Solver::Http01(Http01 {
            names: vec!["shop.example.test".to_owned()],
            answered_at: ChallengeListener {
                gateway: NamespacedName::new("web", "public"),
                listener: "http".to_owned(),
                port,
            },
        }))
    }

    #[test]
    fn the_objects_are_those_that_were_reviewed() {
        let mut objects = server(&http01(80), None);
        objects.push(issuer(&http01(80), None));
        insta::assert_json_snapshot!(objects);
    }

    #[test]
    fn another_port_is_asked_by_pebble_and_not_by_cert_manager() {
        let file = server(&http01(8080), None)[1]["data"]["config.json"].to_string();
        assert!(file.contains(r#"\"httpPort\": 8080"#), "{file}");
        let solver = |port| issuer(&http01(port), None)["spec"]["acme"]["solvers"][0].clone();
        assert_eq!(solver(8080)["waitInsteadOfSelfCheck"], "0s");
        assert!(solver(80)["waitInsteadOfSelfCheck"].is_null());
    }

    #[test]
    fn by_dns_pebble_and_cert_manager_are_given_the_same_name_server() {
        let settings = acme(Solver::Dns01(vec!["example.test".to_owned()]));
        let name_server = NameServer { address: [10, 96, 0, 7].into(), ..NameServer::unknown() };
        let deployment = &server(&settings, Some(&name_server))[2];
        let args = &deployment["spec"]["template"]["spec"]["containers"][0]["args"];
        assert_eq!((&args[2], &args[3]), (&"-dnsserver".into(), &"10.96.0.7:53".into()));
        let solver = &issuer(&settings, Some(&name_server))["spec"]["acme"]["solvers"][0];
        assert_eq!(solver["dns01"]["rfc2136"]["nameserver"], "10.96.0.7:53");
        assert!(solver["waitInsteadOfSelfCheck"].is_null(), "cert-manager looks itself first");
    }
}
