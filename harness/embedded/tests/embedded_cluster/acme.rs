//! Claims about ACME: a certificate is issued when the challenge is answered through the Gateway,
//! and only then.

use gateproof_core::observation::Trust;
use gateproof_embedded::api::Kind;
use gateproof_kubernetes::{Cluster, SecurePort};
use gateproof_probe::TrustRoots;
use serde_json::{Value, json};

use crate::bench::{
    Bench, condition, dedicated, deployment, host_network, namespace, response, route, service,
    stack,
};

const HOST: &str = "hello.obs.example.test";
const ACME: &str = "acme.cert-manager.io";
const CERT_MANAGER: &str = "cert-manager.io";

/// Pebble, an issuer for it, and names that lead to the Gateway.
fn pebble(http_port: u16) -> Vec<Value> {
    let config = json!({"pebble": {
        "listenAddress": ":14000", "managementListenAddress": ":15000", "httpPort": http_port,
        "tlsPort": 443, "certificate": "/c", "privateKey": "/k",
    }});
    let labels = json!({"app": "pebble"});
    let place = json!({"name": "pebble", "namespace": "acme"});
    let corefile = format!(
        ".:53 {{\n    rewrite stop name exact {HOST} \
         cilium-gateway-shared-gateway.gateway.svc.cluster.local answer auto\n}}\n"
    );
    vec![
        namespace("acme"),
        json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": place,
            "data": {"config.json": config.to_string()}}),
        json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": place, "spec": {
        "replicas": 1, "selector": {"matchLabels": labels},
        "template": {"metadata": {"labels": labels}, "spec": {
            "containers": [{"name": "pebble", "image": "ghcr.io/letsencrypt/pebble:2.9.0",
                "args": ["-config", "/etc/pebble/config.json"],
                "volumeMounts": [{"name": "config", "mountPath": "/etc/pebble"}]}],
            "volumes": [{"name": "config", "configMap": {"name": "pebble"}}],
        }}}}),
        json!({"apiVersion": "v1", "kind": "Service", "metadata": place, "spec": {
            "selector": labels, "ports": [
                {"name": "acme", "port": 14000}, {"name": "management", "port": 15000}]}}),
        json!({"apiVersion": "v1", "kind": "ConfigMap",
            "metadata": {"name": "coredns", "namespace": "kube-system"},
            "data": {"Corefile": corefile}}),
        json!({"apiVersion": "cert-manager.io/v1", "kind": "ClusterIssuer",
        "metadata": {"name": "gateproof"}, "spec": {"acme": {
            "server": "https://pebble.acme.svc:14000/dir", "skipTLSVerify": true,
            "privateKeySecretRef": {"name": "account"},
            "solvers": [{"http01": {"gatewayHTTPRoute": {"parentRefs": [
                {"name": "shared-gateway", "namespace": "gateway", "kind": "Gateway",
                 "sectionName": "http"}]}}}],
        }}}),
    ]
}

/// The Gateway, whose HTTP listener takes routes of these namespaces.
fn gateway(hostname: &str, http_routes: &Value) -> Value {
    let mut gateway =
        crate::bench::gateway(json!({"cert-manager.io/cluster-issuer": "gateproof"}), Value::Null);
    gateway["spec"]["listeners"][0]["allowedRoutes"]["namespaces"] = http_routes.clone();
    gateway["spec"]["listeners"][1]["hostname"] = hostname.into();
    gateway
}

fn manifests(hostname: &str, http_routes: &Value) -> Vec<Value> {
    vec![
        namespace("gateway"),
        namespace("starlift-observability"),
        gateway(hostname, http_routes),
        deployment("starlift-observability", "go-hello-world", 2),
        service("starlift-observability", "go-hello-world"),
        route(
            "starlift-observability",
            "go-hello-world",
            json!([{"name": "go-hello-world", "port": 80}]),
        ),
    ]
}

/// The only object of a kind.
fn only(bench: &Bench, group: &str, kind: &str) -> Value {
    let found = bench.cluster.store().list(&Kind::new(group, kind));
    assert_eq!(found.len(), 1, "{kind}: {found:?}");
    Value::clone(&found[0])
}

fn certificate(bench: &Bench) -> Value {
    bench.get(&Kind::new(CERT_MANAGER, "Certificate"), "gateway", "obs-wildcard")
}

#[tokio::test]
async fn a_challenge_that_is_answered_through_the_gateway_brings_a_certificate() {
    let bench = Bench::start(&stack(dedicated())).await;
    bench.apply(pebble(80)).await;
    let issuer = only(&bench, CERT_MANAGER, "ClusterIssuer");
    assert_eq!(condition(&issuer, "Ready"), "True", "{issuer}");
    bench.apply(manifests(HOST, &json!({"from": "All"}))).await;
    assert_eq!(bench.cluster.not_covered(), Vec::<String>::new());
    assert_eq!(condition(&certificate(&bench), "Ready"), "True", "{}", certificate(&bench));
    assert_eq!(only(&bench, ACME, "Order")["status"]["state"], "valid");
    let request = only(&bench, CERT_MANAGER, "CertificateRequest");
    assert_eq!(request["metadata"]["name"], "obs-wildcard-1");
    assert_eq!(condition(&request, "Ready"), "True", "{request}");
    for (group, kind) in [(ACME, "Challenge"), ("gateway.networking.k8s.io", "HTTPRoute")] {
        let left = bench.cluster.store().list(&Kind::new(group, kind));
        let solver = |object: &str| object.contains("cm-acme") || kind == "Challenge";
        let left = left.iter().filter(|it| solver(it["metadata"]["name"].as_str().unwrap_or("")));
        assert_eq!(left.count(), 0, "nothing of the challenge is left: {kind}");
    }
    let place = SecurePort { namespace: "acme", service: "pebble", port: 15000 };
    let root = bench.cluster.client().ask_service(place, "/roots/0").await.expect("the root");
    let roots = TrustRoots::from_pem(&root).expect("roots");
    let seen = bench.https(bench.node("worker"), bench.node_port(443), HOST, roots).await;
    assert_eq!(seen.tls.clone().expect("a handshake").trust, Trust::Verified);
    assert_eq!(response(seen).status, 200);
}

#[tokio::test]
async fn a_listener_that_does_not_take_the_solvers_route_keeps_the_challenge_waiting() {
    let bench = Bench::start(&stack(dedicated())).await;
    bench.apply(pebble(80)).await;
    let teams = json!({"from": "Selector", "selector": {"matchLabels": {"team": "observability"}}});
    bench.apply(manifests(HOST, &teams)).await;
    let challenge = only(&bench, ACME, "Challenge");
    assert_eq!(
        (&challenge["status"]["state"], &challenge["status"]["reason"]),
        (
            &json!("pending"),
            &json!(
                "Waiting for HTTP-01 challenge propagation: wrong status code '404', expected '200'"
            )
        )
    );
    assert_eq!(condition(&certificate(&bench), "Ready"), "False");
    // The selector is mended, and nothing else.
    bench.apply(vec![gateway(HOST, &json!({"from": "Same"}))]).await;
    assert_eq!(condition(&certificate(&bench), "Ready"), "True", "{}", certificate(&bench));
}

#[tokio::test]
async fn a_wildcard_has_no_solver_and_the_order_waits() {
    let bench = Bench::start(&stack(dedicated())).await;
    bench.apply(pebble(80)).await;
    bench.apply(manifests("*.obs.example.test", &json!({"from": "All"}))).await;
    assert_eq!(only(&bench, ACME, "Order")["status"]["state"], "pending");
    assert_eq!(bench.cluster.store().list(&Kind::new(ACME, "Challenge")).len(), 0);
    let events = bench.cluster.store().list(&Kind::core("Event"));
    let said = events.iter().filter_map(|event| event["message"].as_str());
    assert!(
        said.clone().any(|text| text.contains("no configured challenge solvers")),
        "{events:?}"
    );
}

#[tokio::test]
async fn a_server_that_asks_another_port_finds_nothing_and_the_order_is_lost() {
    let bench = Bench::start(&stack(dedicated())).await;
    bench.apply(pebble(5002)).await;
    bench.apply(manifests(HOST, &json!({"from": "All"}))).await;
    let order = only(&bench, ACME, "Order");
    assert_eq!(order["status"]["state"], "invalid", "{order}");
    let reason = only(&bench, ACME, "Challenge")["status"]["reason"].to_string();
    assert!(reason.contains("acme:error:connection") && reason.contains("refused"), "{reason}");
    let issuing = certificate(&bench)["status"]["conditions"][1].clone();
    assert_eq!((&issuing["status"], &issuing["reason"]), (&json!("False"), &json!("Failed")));
}

#[tokio::test]
async fn names_that_lead_nowhere_are_what_the_challenge_waits_for() {
    let bench = Bench::start(&stack(dedicated())).await;
    let mut objects = pebble(80);
    objects.retain(|object| object["metadata"]["name"] != "coredns");
    bench.apply(objects).await;
    bench.apply(manifests(HOST, &json!({"from": "All"}))).await;
    let reason = only(&bench, ACME, "Challenge")["status"]["reason"].to_string();
    assert!(reason.contains("no such host"), "{reason}");
}

#[tokio::test]
async fn the_cluster_address_of_a_host_network_gateway_is_not_covered() {
    let bench = Bench::start(&stack(host_network(&[]))).await;
    bench.apply(pebble(80)).await;
    bench.apply(manifests(HOST, &json!({"from": "All"}))).await;
    let gaps = bench.cluster.not_covered();
    assert!(gaps.iter().any(|gap| gap.contains("HTTP-01 challenge")), "{gaps:?}");
}
