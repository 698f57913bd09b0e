//! The model against what the real operator's reconcilers made of routes, at five versions. See
//! `routes/README.md` for where it comes from.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use gateproof_core::cilium::{CiliumConfig, CiliumVersion};
use gateproof_model::{Input, Outcome, Resources, reconcile};
use serde_json::{Value, json};

const VERSIONS: [(&str, &str); 5] = [
    ("cilium-1.18.10", "1.18.10"),
    ("cilium-1.19-cut", "1.19.0"),
    ("cilium-1.19.6", "1.19.6"),
    ("cilium-1.20-cut", "1.20.0"),
    ("cilium-1.21-dev", "1.21-dev"),
];

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/routes")
}

fn cases() -> Vec<String> {
    let entries = fs::read_dir(folder()).expect("the folder of cases is there");
    let folders =
        entries.map(|entry| entry.expect("it can be listed")).filter(|e| e.path().is_dir());
    let mut names: Vec<String> =
        folders.map(|entry| entry.file_name().into_string().expect("a plain name")).collect();
    names.sort();
    names
}

fn documents(path: &Path) -> Vec<Value> {
    let text =
        fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_saphyr::from_multiple(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The objects of a case and what was in the cluster besides.
fn objects(case: &str) -> Vec<Value> {
    let service = |namespace: &str, name: &str| {
        json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": name, "namespace": namespace},
               "spec": {"ports": [{"port": 80}]}})
    };
    let namespace =
        |name: &str| json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}});
    let mut objects = vec![
        json!({"apiVersion": "gateway.networking.k8s.io/v1", "kind": "GatewayClass", "metadata": {"name": "cilium"},
               "spec": {"controllerName": "io.cilium/gateway-controller"}}),
        namespace(case),
        namespace("other-apps"),
        service(case, "echo-a"),
        service(case, "echo-b"),
        service("other-apps", "echo-other"),
        json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "wildcard", "namespace": case},
               "stringData": {
                   "tls.crt": "-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n",
                   "tls.key": "-----BEGIN PRIVATE KEY-----\n-----END PRIVATE KEY-----\n"}}),
    ];
    for mut object in documents(&folder().join(case).join("input.yaml")) {
        object["metadata"]["namespace"] = json!(case);
        object["metadata"]["generation"] = json!(1);
        objects.push(object);
    }
    objects
}

fn predicted(case: &str, version: &str) -> Outcome {
    let version: CiliumVersion = version.parse().expect("a version");
    let config =
        CiliumConfig { gateway_api: true, kube_proxy_replacement: true, ..CiliumConfig::default() };
    let (resources, skipped) = Resources::from_objects(&objects(case));
    assert!(skipped.is_empty(), "{case}: {skipped:?}");
    reconcile(&Input::new(&version, &config, &resources))
}

/// The prediction in the shape of the files.
fn shaped(outcome: &Outcome) -> Value {
    let routes = outcome.statuses.iter().filter(|update| update.kind.ends_with("Route"));
    let routes: BTreeMap<String, &Value> =
        routes.map(|update| (format!("{} {}", update.kind, update.name), &update.status)).collect();
    let configs = outcome.objects.iter().filter(|object| object["kind"] == "CiliumEnvoyConfig");
    let envoy: BTreeMap<&str, Value> = configs
        .map(|config| (config["metadata"]["name"].as_str().expect("a name"), envoy(config)))
        .collect();
    json!({"envoy": envoy, "routes": routes})
}

fn envoy(config: &Value) -> Value {
    let resources = config["spec"]["resources"].as_array().expect("resources");
    let is = |resource: &&Value, kind: &str| {
        resource["@type"].as_str().is_some_and(|found| found.ends_with(kind))
    };
    let tables: Vec<&Value> = resources.iter().filter(|r| is(r, ".RouteConfiguration")).collect();
    let clusters: BTreeMap<&str, Vec<&String>> = resources
        .iter()
        .filter(|resource| is(resource, ".Cluster"))
        .map(|cluster| (cluster["name"].as_str().expect("a name"), options(cluster)))
        .collect();
    let backends = config["spec"].get("backendServices").cloned().unwrap_or_else(|| json!([]));
    json!({"backendServices": backends, "clusters": clusters, "resources": tables})
}

/// The names of a cluster's protocol options.
fn options(cluster: &Value) -> Vec<&String> {
    let all = cluster["typedExtensionProtocolOptions"].as_object();
    let all = all.into_iter().flat_map(|all| all.values()).filter_map(Value::as_object);
    all.flat_map(|options| options.keys()).collect()
}

/// Paths at which two values differ, with both sides.
fn differences(path: &str, model: &Value, real: &Value, out: &mut String) {
    match (model, real) {
        (Value::Object(a), Value::Object(b)) => {
            let keys: BTreeSet<_> = a.keys().chain(b.keys()).collect();
            for key in keys {
                let null = Value::Null;
                let (a, b) = (a.get(key).unwrap_or(&null), b.get(key).unwrap_or(&null));
                differences(&format!("{path}/{key}"), a, b, out);
            }
        }
        (Value::Array(a), Value::Array(b)) if a.len() == b.len() => {
            for (index, (a, b)) in a.iter().zip(b).enumerate() {
                differences(&format!("{path}/{index}"), a, b, out);
            }
        }
        (a, b) if a == b => {}
        (a, b) => writeln!(out, "    {path}: model {a}, real {b}").expect("a String takes it"),
    }
}

fn compare(case: &str, file: &str, version: &str) -> String {
    let real = documents(&folder().join(case).join(format!("{file}.yaml"))).remove(0);
    let outcome = predicted(case, version);
    let mut out = String::new();
    for limit in &outcome.unmodelled {
        writeln!(out, "    {limit}").expect("a String takes it");
    }
    differences("", &shaped(&outcome), &real, &mut out);
    out
}

#[test]
fn every_case_comes_out_as_the_operator_made_it() {
    let mut report = String::new();
    for case in cases() {
        for (file, version) in VERSIONS {
            let differences = compare(&case, file, version);
            if !differences.is_empty() {
                writeln!(report, "{case}/{file}:\n{differences}").expect("a String takes it");
            }
        }
    }
    assert!(report.is_empty(), "{report}");
    assert_eq!(cases().len(), 9, "no case is left out");
}

/// Guards the comparison itself: a wrong version must be noticed.
#[test]
fn the_comparison_notices_a_wrong_version() {
    for (case, file, version, fragment) in [
        ("one-match-several-rules", "cilium-1.21-dev", "1.20.0", "virtualHosts"),
        ("attach-by-section-and-kind", "cilium-1.20-cut", "1.19.0", "NotAllowedByListeners"),
        ("grpc", "cilium-1.18.10", "1.19.6", "Accepted GRPCRoute"),
    ] {
        let differences = compare(case, file, version);
        assert!(differences.contains(fragment), "{case}: {fragment} is missing in:\n{differences}");
    }
}
