//! `predict` end to end against the recordings of the real operator that the model is held to
//! (`harness/model/tests/recorded`): what it prints for the recorded input is what was read back
//! from the cluster, field by field.
//!
//! Left out of the comparison, as there: the order in which the operator's informer lists things
//! (clusters of several routes; Service ports in 1.17), and what was not recorded (the GatewayClass
//! and, in case 00, a route of another namespace).

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::support::Place;

#[path = "../../../../model/tests/recorded-code/comparison.rs"]
mod comparison;

use comparison::{differences, normalise, sort_ports};

const VERSIONS: [(&str, &str); 6] = [
    ("cilium-1.16-cut", "1.16.0"),
    ("cilium-1.17-cut", "1.17.0"),
    ("cilium-1.18.10", "1.18.10"),
    ("cilium-1.19-cut", "1.19.0"),
    ("cilium-1.20-cut", "1.20.0"),
    ("cilium-1.21-dev", "1.21-dev"),
];

const MODES: [(&str, &str); 3] = [
    ("dedicated", ""),
    ("host-network", ", hostNetwork: {enabled: true}"),
    (
        "host-network-node-selector",
        ", hostNetwork: {enabled: true, nodes: {matchLabels: {role: gateway}}}",
    ),
];

fn recordings() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../model/tests/recorded")
}

fn documents(text: &str) -> Vec<Value> {
    serde_saphyr::from_multiple(text).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

fn folders(path: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(path).expect("a readable folder");
    let mut names: Vec<String> = entries
        .map(|entry| entry.expect("an entry"))
        .filter(|entry| entry.path().is_dir())
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}

/// What was in the cluster besides a case's own objects.
fn surroundings(namespace: &str) -> String {
    let secret = |namespace: &str, name: &str| {
        format!(
            "apiVersion: v1\nkind: Secret\nmetadata: {{name: {name}, namespace: {namespace}}}\n\
             stringData:\n  tls.crt: |\n    -----BEGIN CERTIFICATE-----\n    -----END CERTIFICATE-----\n\
             \x20 tls.key: |\n    -----BEGIN PRIVATE KEY-----\n    -----END PRIVATE KEY-----\n---\n"
        )
    };
    let service = |namespace: &str, name: &str| {
        format!(
            "apiVersion: v1\nkind: Service\nmetadata: {{name: {name}, namespace: {namespace}}}\n\
             spec: {{ports: [{{port: 80, targetPort: 8080}}]}}\n---\n"
        )
    };
    let node = |name: &str, address: &str, labels: &str| {
        format!(
            "apiVersion: v1\nkind: Node\nmetadata: {{name: {name}, labels: {{{labels}}}}}\n\
             status: {{addresses: [{{type: InternalIP, address: {address}}}]}}\n---\n"
        )
    };
    [
        "apiVersion: v1\nkind: Namespace\nmetadata: {name: other-apps, labels: {expose: \"true\"}}\n---\n"
            .to_owned(),
        service(namespace, "echo-a"),
        service(namespace, "echo-b"),
        service("other-apps", "echo-other"),
        secret(namespace, "wildcard"),
        secret(namespace, "apex"),
        secret("other-apps", "wildcard"),
        format!(
            "apiVersion: v1\nkind: Secret\nmetadata: {{name: not-a-cert, namespace: {namespace}}}\n\
             stringData: {{a: b}}\n---\n"
        ),
        node("node-a", "172.18.0.2", ""),
        node("node-b", "172.18.0.3", ""),
        node("node-c", "172.18.0.4", "role: gateway"),
    ]
    .concat()
}

/// Objects by kind and name, with what has no order brought into one.
fn by_name(objects: Vec<Value>, version: &str) -> BTreeMap<String, Value> {
    let mut all = BTreeMap::new();
    for mut object in objects {
        normalise(&mut object);
        if object["kind"] == "Service" && version.starts_with("1.17") {
            sort_ports(&mut object);
        }
        let metadata = &object["metadata"];
        let name = format!("{} {}/{}", object["kind"], metadata["namespace"], metadata["name"]);
        all.insert(name.replace('"', ""), object);
    }
    all
}

/// The pool that leaves LB-IPAM no other choice than the recorded one: other Services held the
/// other addresses.
fn pool(recorded: &[Value]) -> String {
    let service = recorded.iter().find(|object| object["kind"] == "Service");
    let address = service
        .and_then(|service| service.pointer("/status/loadBalancer/ingress/0/ip"))
        .and_then(Value::as_str)
        .unwrap_or("172.18.255.0");
    format!("{address}/32")
}

fn compare(place: &Place, folder: &str, version: &str, case: &str, mode: (&str, &str)) -> String {
    let directory = recordings().join(folder).join(case);
    let recorded = std::fs::read_to_string(directory.join(format!("{}.yaml", mode.0)));
    let recorded = documents(&recorded.expect("a recording"));
    let namespace = match &case[..2] {
        "00" => "gateway".to_owned(),
        number => format!("case-{number}"),
    };
    place.write("surroundings.yaml", &surroundings(&namespace));
    place.write(
        "values.yaml",
        &format!("kubeProxyReplacement: true\ngatewayAPI: {{enabled: true{}}}\n", mode.1),
    );
    let input = directory.join("input.yaml");
    let run = place.run(&[
        "predict",
        "--filename",
        input.to_str().expect("UTF-8"),
        "--filename",
        "surroundings.yaml",
        "--namespace",
        &namespace,
        "--cilium",
        version,
        "--values",
        "values.yaml",
        "--pool",
        &pool(&recorded),
    ]);
    if run.code != Some(0) {
        return format!("    exit code {:?}\n{}", run.code, run.err);
    }
    let (mut seen, recorded) = (by_name(documents(&run.out), version), by_name(recorded, version));
    assert!(seen.remove("GatewayClass null/cilium").is_some(), "its status is predicted too");
    if case.starts_with("00") {
        assert!(seen.remove("HTTPRoute apps/go-hello-world").is_some(), "not recorded");
    }
    let mut out = String::new();
    differences("", &json!(seen), &json!(recorded), &mut out);
    out
}

#[test]
fn every_recording_is_what_predict_prints_for_its_input() {
    let place = Place::new();
    let (mut equal, mut all, mut report) = (0, 0, String::new());
    for (folder, version) in VERSIONS {
        for case in folders(&recordings().join(folder)) {
            for mode in MODES {
                all += 1;
                let differences = compare(&place, folder, version, &case, mode);
                if differences.is_empty() {
                    equal += 1;
                } else {
                    writeln!(report, "{folder}/{case}/{}:\n{differences}", mode.0)
                        .expect("a String");
                }
            }
        }
    }
    assert_eq!((equal, all), (162, 162), "the others:\n{report}");
}

#[test]
fn the_comparison_notices_a_wrong_version() {
    let place = Place::new();
    let differences =
        compare(&place, "cilium-1.18.10", "1.20.0", "01-http-only", ("host-network", MODES[1].1));
    for fragment in ["Endpoints", "AddressNotAssigned", "spec/type"] {
        assert!(differences.contains(fragment), "{fragment} is missing in:\n{differences}");
    }
}
