//! Claims about ACME in DNS: a wildcard is issued when its record is found at the zone's own server,
//! and the record is taken away again.

use gateproof_embedded::api::Kind;
use gateproof_kubernetes::Cluster;
use serde_json::{Value, json};

use crate::bench::{Bench, condition, dedicated, namespace, stack};

const ACME: &str = "acme.cert-manager.io";
const CERT_MANAGER: &str = "cert-manager.io";
const SERVER: &str = "10.96.200.53";
const SECRET: &str = "c2VjcmV0IG9mIGEgdGVzdCwgYW5kIG9mIG5vdGhpbmc=";

fn pod(name: &str, image: &str, args: &[&str], volume: Value) -> Value {
    let (labels, mount) = (json!({"app": name}), json!({"name": "file", "mountPath": "/etc/it"}));
    let mut files = volume;
    files["name"] = "file".into();
    json!({"apiVersion": "apps/v1", "kind": "Deployment",
    "metadata": {"name": name, "namespace": "acme"}, "spec": {
    "replicas": 1, "selector": {"matchLabels": labels},
    "template": {"metadata": {"labels": labels}, "spec": {
        "containers": [{"name": name, "image": image, "args": args, "volumeMounts": [mount]}],
        "volumes": [files],
    }}}})
}

fn service(name: &str, address: Option<&str>, ports: &Value) -> Value {
    json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": name, "namespace": "acme"},
        "spec": {"clusterIP": address, "selector": {"app": name}, "ports": ports}})
}

fn key(scope: &str, secret: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "Secret",
        "metadata": {"name": "key", "namespace": scope}, "stringData": {"secret": secret}})
}

/// Pebble and a name server for `example.test`, and an issuer that uses both.
fn servers() -> Vec<Value> {
    let config = json!({"pebble": {"listenAddress": ":14000", "managementListenAddress": ":15000",
        "httpPort": 80}});
    let corefile = format!(
        ".:53 {{\n    forward . /etc/resolv.conf\n}}\nexample.test:53 {{\n    forward . {SERVER}\n}}\n"
    );
    let dns_args = [
        "dns",
        "--zone=example.test",
        &format!("--address={SERVER}"),
        "--key-name=trial",
        "--key-file=/etc/it/secret",
        "--port=5353",
    ];
    let pebble_args = ["-config", "/etc/it/config.json", "-dnsserver", &format!("{SERVER}:53")];
    vec![
        namespace("acme"),
        namespace("cert-manager"),
        namespace("web"),
        key("acme", SECRET),
        key("cert-manager", SECRET),
        json!({"apiVersion": "v1", "kind": "ConfigMap",
            "metadata": {"name": "pebble", "namespace": "acme"},
            "data": {"config.json": config.to_string()}}),
        json!({"apiVersion": "v1", "kind": "ConfigMap",
            "metadata": {"name": "coredns", "namespace": "kube-system"},
            "data": {"Corefile": corefile}}),
        pod("dns", "x/gateproof/echo:1", &dns_args, json!({"secret": {"secretName": "key"}})),
        pod(
            "pebble",
            "x/letsencrypt/pebble:2",
            &pebble_args,
            json!({"configMap": {"name": "pebble"}}),
        ),
        service(
            "dns",
            Some(SERVER),
            &json!([
            {"name": "dns", "port": 53, "targetPort": 5353, "protocol": "UDP"},
            {"name": "dns-tcp", "port": 53, "targetPort": 5353, "protocol": "TCP"}]),
        ),
        service("pebble", None, &json!([{"name": "acme", "port": 14000}])),
        json!({"apiVersion": "cert-manager.io/v1", "kind": "ClusterIssuer",
        "metadata": {"name": "gateproof"}, "spec": {"acme": {
            "server": "https://pebble.acme.svc:14000/dir", "skipTLSVerify": true,
            "privateKeySecretRef": {"name": "account"},
            "solvers": [{"dns01": {"rfc2136": {"nameserver": SERVER, "tsigKeyName": "trial",
                "tsigAlgorithm": "HMACSHA256",
                "tsigSecretSecretRef": {"name": "key", "key": "secret"}}}}],
        }}}),
    ]
}

fn wanted(names: &[&str]) -> Value {
    json!({"apiVersion": "cert-manager.io/v1", "kind": "Certificate",
        "metadata": {"name": "site", "namespace": "web"},
        "spec": {"secretName": "site", "dnsNames": names,
            "issuerRef": {"name": "gateproof", "kind": "ClusterIssuer"}}})
}

fn certificate(bench: &Bench) -> Value {
    bench.get(&Kind::new(CERT_MANAGER, "Certificate"), "web", "site")
}

fn challenge(bench: &Bench) -> Value {
    let found = bench.cluster.store().list(&Kind::new(ACME, "Challenge"));
    assert_eq!(found.len(), 1, "{found:?}");
    Value::clone(&found[0])
}

/// What was told of Challenges.
fn events(bench: &Bench, reason: &str) -> Vec<String> {
    let events = bench.cluster.store().list(&Kind::new("", "Event"));
    let told = events.iter().filter(|event| {
        event["involvedObject"]["kind"] == "Challenge" && event["reason"] == reason
    });
    told.map(|event| event["message"].as_str().unwrap_or_default().to_owned()).collect()
}

#[tokio::test]
async fn a_wildcard_and_the_name_above_it_are_proved_by_two_records_of_one_name() {
    let bench = Bench::start(&stack(dedicated())).await;
    bench.apply(servers()).await;
    bench.apply(vec![wanted(&["*.example.test", "example.test"])]).await;
    assert_eq!(bench.cluster.not_covered(), Vec::<String>::new());
    assert_eq!(condition(&certificate(&bench), "Ready"), "True", "{}", certificate(&bench));
    assert_eq!(events(&bench, "Presented").len(), 2);
    assert_eq!(events(&bench, "CleanUpError"), Vec::<String>::new());
    let left = bench.cluster.store().list(&Kind::new(ACME, "Challenge"));
    assert!(left.is_empty(), "{left:?}");
}

#[tokio::test]
async fn a_challenge_waits_for_the_key_and_goes_on_when_it_is_mended() {
    let bench = Bench::start(&stack(dedicated())).await;
    bench.apply(servers()).await;
    bench.apply(vec![key("cert-manager", "b3RoZXI="), wanted(&["*.example.test"])]).await;
    let waiting = challenge(&bench);
    assert_eq!(waiting["spec"]["type"], "DNS-01");
    assert_eq!(
        (&waiting["spec"]["dnsName"], &waiting["spec"]["wildcard"]),
        (&json!("example.test"), &json!(true))
    );
    assert_eq!(waiting["status"]["reason"], "DNS update failed: dns: bad authentication");
    assert_eq!(waiting["status"]["presented"], false);
    assert_eq!(
        events(&bench, "PresentError"),
        ["Error presenting challenge: DNS update failed: dns: bad authentication"]
    );
    // The key is mended, and nothing else.
    bench.apply(vec![key("cert-manager", SECRET)]).await;
    assert_eq!(condition(&certificate(&bench), "Ready"), "True", "{}", certificate(&bench));
}

#[tokio::test]
async fn a_name_outside_of_every_zone_is_looked_for_up_to_the_root() {
    let bench = Bench::start(&stack(dedicated())).await;
    bench.apply(servers()).await;
    bench.apply(vec![wanted(&["shop.elsewhere.test"])]).await;
    let reason = challenge(&bench)["status"]["reason"].clone();
    assert_eq!(
        reason,
        "Could not find the SOA record in the DNS tree for the domain \
         '_acme-challenge.shop.elsewhere.test.' using nameservers [10.96.0.10:53]"
    );
}
