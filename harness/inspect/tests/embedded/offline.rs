//! A folder that was dumped from a cluster, and a bundle, say what the cluster says.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use gateproof_core::dossier::{Dossier, Why};
use gateproof_core::finding::examine;
use gateproof_inspect::{Options, bundle, folder, live};
use gateproof_kubernetes::{Client, Cluster, Life, LogPart, LogRequest};
use serde_json::{Value, json};

use crate::bed::{cluster, dedicated};

/// What `kubectl get -A -o yaml` would write, one file for each kind, and logs of all pods.
async fn dump(client: &Client, seen: &Dossier, target: &Path) {
    let mut kinds: BTreeSet<(String, String)> = BTreeSet::new();
    for object in &seen.objects {
        let text = |key: &str| object[key].as_str().expect("an object").to_owned();
        kinds.insert((text("apiVersion"), text("kind")));
    }
    for (api_version, kind) in &kinds {
        let items = client.list(api_version, kind, None).await.expect("a list");
        let list = json!({"apiVersion": "v1", "kind": "List", "items": items});
        fs::write(target.join(format!("{kind}.json")), list.to_string()).expect("written");
        if kind != "Pod" {
            continue;
        }
        for pod in list["items"].as_array().expect("a list") {
            let name = pod["metadata"]["name"].as_str().expect("a name");
            let request = LogRequest {
                namespace: pod["metadata"]["namespace"].as_str().expect("a namespace"),
                pod: name,
                container: None,
                life: Life::Current,
                part: LogPart::Newest { lines: 1000 },
            };
            let log = client.pod_log(request).await.expect("a log");
            fs::write(target.join(format!("{name}.log")), log).expect("written");
        }
    }
    let version = client.kubernetes_version().await.expect("a version");
    let version = json!({"serverVersion": {"gitVersion": format!("v{version}")}});
    fs::write(target.join("version.json"), version.to_string()).expect("written");
}

/// What does not depend on where a dossier came from.
fn comparable(mut dossier: Dossier) -> Dossier {
    dossier.taken = None;
    dossier.unread.retain(|unread| !matches!(unread.why, Why::NotServed | Why::NotInFolder));
    dossier
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_gives_the_dossier_and_findings_of_the_cluster_it_was_dumped_from() {
    let cluster = cluster(dedicated(), Vec::new()).await;
    let seen = live(&cluster.client(), &Options::default()).await;
    let target = tempfile::tempdir().expect("a folder");
    dump(&cluster.client(), &seen, target.path()).await;
    let read = folder(target.path()).expect("a folder that can be read");
    assert_eq!(examine(&read), examine(&seen));
    assert_eq!(comparable(read), comparable(seen));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bundle_is_read_again_as_it_was_written() {
    let cluster = cluster(dedicated(), Vec::new()).await;
    let taken = "2026-01-31T10:00:00Z".parse().ok();
    let seen = live(&cluster.client(), &Options { taken, ..Options::default() }).await;
    let target = tempfile::tempdir().expect("a folder");
    let file = target.path().join("evidence.tar");
    bundle(&seen, &file).expect("written");
    assert_eq!(folder(&file).expect("read"), seen);
    let left: Vec<_> = fs::read_dir(target.path()).expect("a folder").collect();
    assert_eq!(left.len(), 1, "{left:?}");
}

/// What is planted; every one of them is a secret by its name, its form or its place.
const PLANTED: &str = "cANary5ecretX9";

fn planted() -> Vec<Value> {
    use base64::Engine as _;
    let encoded = base64::engine::general_purpose::STANDARD.encode(PLANTED);
    let key = format!("-----BEGIN PRIVATE KEY-----\n{PLANTED}\n-----END PRIVATE KEY-----\n");
    vec![
        json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "team",
            "annotations": {"kubectl.kubernetes.io/last-applied-configuration": PLANTED}}}),
        json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"namespace": "gateway", "name": "named",
            "annotations": {"note": PLANTED}}, "data": {"password": encoded}}),
        json!({"apiVersion": "v1", "kind": "Service", "metadata": {"namespace": "team", "name": "s",
            "annotations": {"a.cilium.io/proxy": format!("https://me:{PLANTED}@proxy.test/"),
                "a.cilium.io/key": key, "example.test/whatever": PLANTED}},
            "spec": {"ports": [{"port": 80}]}}),
        json!({"apiVersion": "gateway.networking.k8s.io/v1", "kind": "HTTPRoute",
            "metadata": {"namespace": "team", "name": "r"},
            "spec": {"parentRefs": [{"namespace": "gateway", "name": "web"}], "rules": [{
                "filters": [{"type": "RequestHeaderModifier", "requestHeaderModifier": {
                    "set": [{"name": "Authorization", "value": format!("Bearer {PLANTED}")},
                        {"name": "X-Api-Key", "value": PLANTED}]}}],
                "backendRefs": [{"name": "s", "port": 80}]}]}}),
        json!({"apiVersion": "gateway.networking.k8s.io/v1", "kind": "Gateway",
            "metadata": {"namespace": "gateway", "name": "second"},
            "spec": {"gatewayClassName": "cilium", "listeners": [{"name": "https", "port": 8443,
                "protocol": "HTTPS", "tls": {"certificateRefs": [{"name": "named"}]}}]}}),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn planted_secrets_are_in_no_dossier_finding_or_bundle() {
    use base64::Engine as _;
    let cluster = cluster(dedicated(), planted()).await;
    let client = cluster.client();
    let seen = live(&client, &Options::default()).await;
    let target = tempfile::tempdir().expect("a folder");
    dump(&client, &seen, target.path()).await;
    let agent = "level=warn msg=x password=cANary5ecretX9 auth=\"Bearer cANary5ecretX9\"\n\
                 level=warn msg=\"no sign of it: cANary5ecretX9\"\n";
    fs::write(target.path().join("cilium-zzzzz.log"), agent).expect("written");
    let offline = folder(target.path()).expect("a folder that can be read");
    let file = target.path().join("evidence.tar");
    bundle(&offline, &file).expect("written");

    let encoded = base64::engine::general_purpose::STANDARD.encode(PLANTED);
    let octets = fs::read(&file).expect("a file");
    for (what, text) in [
        ("live", serde_json::to_string(&seen).expect("text")),
        ("offline", serde_json::to_string(&offline).expect("text")),
        ("findings", serde_json::to_string(&examine(&seen)).expect("text")),
        ("bundle", String::from_utf8_lossy(&octets).into_owned()),
    ] {
        for secret in [PLANTED, &encoded] {
            assert!(!text.contains(secret), "{what} holds {secret}: {}", around(&text, secret));
        }
    }
    assert!(offline.logs.iter().any(|line| line.text.contains("password=REDACTED")));
    assert!(offline.logs.iter().any(|line| line.text.contains("no sign of it: REDACTED")));
}

fn around(text: &str, secret: &str) -> String {
    let at = text.find(secret).unwrap_or_default();
    text.chars().skip(at.saturating_sub(200)).take(260).collect()
}
