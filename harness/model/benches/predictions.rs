//! Predictions for each second, as a ratio to reading the same manifests in the same run.
//!
//! `cargo bench --package gateproof-model --bench predictions`, or `make bench`. The recorded
//! inputs of all cases are predicted in turn, in three modes.

#![expect(clippy::print_stdout, reason = "a benchmark prints what it measured")]

use std::collections::BTreeMap;
use std::fs;
use std::hint::black_box;
use std::path::Path;
use std::time::{Duration, Instant};

use gateproof_core::cilium::{CiliumConfig, CiliumVersion, HostNetwork};
use gateproof_model::predict::overview::overview;
use gateproof_model::predict::{Question, predict};
use serde_json::{Value, json};

/// How long each side is measured.
const SPAN: Duration = Duration::from_secs(2);

/// The manifests of every recorded case of one version, as text.
fn inputs() -> Vec<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/recorded/cilium-1.20-cut");
    let mut cases: Vec<_> = fs::read_dir(folder)
        .expect("the recordings are there")
        .map(|entry| entry.expect("an entry").path().join("input.yaml"))
        .collect();
    cases.sort();
    cases.iter().map(|path| fs::read_to_string(path).expect("a recorded input")).collect()
}

fn parsed(text: &str) -> Vec<Value> {
    let mut objects: Vec<Value> =
        serde_saphyr::from_multiple(text).expect("a recorded input is YAML");
    objects.push(json!({
        "apiVersion": "gateway.networking.k8s.io/v1", "kind": "GatewayClass",
        "metadata": {"name": "cilium"}, "spec": {"controllerName": "io.cilium/gateway-controller"},
    }));
    objects.push(json!({
        "apiVersion": "cilium.io/v2", "kind": "CiliumLoadBalancerIPPool",
        "metadata": {"name": "pool"}, "spec": {"blocks": [{"cidr": "172.18.254.0/28"}]},
    }));
    for number in 1..=6 {
        objects.push(json!({
            "apiVersion": "v1", "kind": "Node", "metadata": {"name": format!("node-{number}")},
            "status": {"addresses": [
                {"type": "InternalIP", "address": format!("172.18.0.{number}")},
            ]},
        }));
    }
    objects
}

fn config(host_network: HostNetwork) -> CiliumConfig {
    CiliumConfig {
        gateway_api: true,
        kube_proxy_replacement: true,
        host_network,
        ..CiliumConfig::default()
    }
}

/// How often something is done in a second.
fn rate(mut once: impl FnMut(usize)) -> f64 {
    let started = Instant::now();
    let mut count = 0;
    while started.elapsed() < SPAN {
        once(count);
        count += 1;
    }
    f64::from(u32::try_from(count).unwrap_or(u32::MAX)) / started.elapsed().as_secs_f64()
}

fn main() {
    let texts = inputs();
    let clusters: Vec<Vec<Value>> = texts.iter().map(|text| parsed(text)).collect();
    let version: CiliumVersion = "1.20.2".parse().expect("a version");
    let labels = BTreeMap::from([("role".to_owned(), "gateway".to_owned())]);
    let modes = [
        config(HostNetwork::Off),
        config(HostNetwork::On { match_labels: BTreeMap::new() }),
        config(HostNetwork::On { match_labels: labels }),
    ];
    let question = |turn: usize| {
        let objects = &clusters[turn % clusters.len()];
        Question::new(&version, &modes[turn / clusters.len() % modes.len()], objects)
    };
    let reading = rate(|turn| drop(black_box(parsed(&texts[turn % texts.len()]))));
    let predicting = rate(|turn| drop(black_box(predict(&question(turn)))));
    let telling = rate(|turn| {
        let question = question(turn);
        drop(black_box(overview(&question, &predict(&question))));
    });
    println!("manifests read:           {reading:>9.0} inputs/s");
    println!(
        "predictions:              {predicting:>9.0} inputs/s, {:.2} of reading them",
        predicting / reading
    );
    println!(
        "predictions put in words: {telling:>9.0} inputs/s, {:.2} of reading them",
        telling / reading
    );
}
