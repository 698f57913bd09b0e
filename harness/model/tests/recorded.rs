//! The model against recordings of the real operator: every case, version and mode, field by
//! field. See `recorded/README.md` for where they come from.
//!
//! Deliberate differences, normalised on both sides before comparing because the operator itself
//! does not fix them (its informer lists objects in random order; the recordings of one version
//! differ between modes):
//!
//! | what | where |
//! |---|---|
//! | order of weighted clusters that come from several HTTPRoutes | case 07, from 1.17 on |
//! | order of the Service's ports | case 07, 1.17 |
//!
//! Not compared: the status of HTTPRoute apps/go-hello-world in case 00, because only objects in
//! the case's own namespace and in `other-apps` were recorded.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use std::collections::BTreeMap;

use gateproof_core::cilium::{CiliumConfig, CiliumVersion, HostNetwork};
use gateproof_model::{Input, Outcome, Resources, reconcile};
use serde_json::{Value, json};

#[path = "recorded-code/comparison.rs"]
mod comparison;
#[path = "recorded-code/reproduction.rs"]
mod reproduction;

use comparison::{differences, normalise, sort_ports};

const VERSIONS: [(&str, &str); 6] = [
    ("cilium-1.16-cut", "1.16.0"),
    ("cilium-1.17-cut", "1.17.0"),
    ("cilium-1.18.10", "1.18.10"),
    ("cilium-1.19-cut", "1.19.0"),
    ("cilium-1.20-cut", "1.20.0"),
    ("cilium-1.21-dev", "1.21-dev"),
];

const CASES: [&str; 9] = [
    "00-shared-gateway",
    "01-http-only",
    "02-wildcard-and-apex",
    "04-filters",
    "05-weights",
    "07-attachment",
    "09-tls-problems",
    "13-addresses",
    "18-redirect-http-to-https",
];

const MODES: [&str; 3] = ["dedicated", "host-network", "host-network-node-selector"];

fn recordings() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/recorded")
}

fn documents(path: &Path) -> Vec<Value> {
    let text =
        fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_saphyr::from_multiple(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn config(mode: &str) -> CiliumConfig {
    let host_network = match mode {
        "dedicated" => HostNetwork::Off,
        "host-network" => HostNetwork::On { match_labels: BTreeMap::new() },
        "host-network-node-selector" => HostNetwork::On {
            match_labels: BTreeMap::from([("role".to_owned(), "gateway".to_owned())]),
        },
        other => panic!("{other} is no recorded mode"),
    };
    CiliumConfig {
        gateway_api: true,
        kube_proxy_replacement: true,
        host_network,
        ..CiliumConfig::default()
    }
}

/// The namespace a case ran in.
fn namespace(case: &str) -> String {
    match &case[..2] {
        "00" => "gateway".to_owned(),
        number => format!("case-{number}"),
    }
}

/// What was in the cluster besides the case's own objects.
fn ambient(namespace: &str) -> Vec<Value> {
    let secret = |namespace: &str, name: &str| {
        json!({
            "apiVersion": "v1", "kind": "Secret", "type": "kubernetes.io/tls",
            "metadata": {"name": name, "namespace": namespace},
            "stringData": {
                "tls.crt": "-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n",
                "tls.key": "-----BEGIN PRIVATE KEY-----\n-----END PRIVATE KEY-----\n",
            },
        })
    };
    let service = |namespace: &str, name: &str| {
        json!({
            "apiVersion": "v1", "kind": "Service",
            "metadata": {"name": name, "namespace": namespace},
            "spec": {"ports": [{"port": 80, "targetPort": 8080}]},
        })
    };
    let mut objects = vec![
        json!({
            "apiVersion": "gateway.networking.k8s.io/v1", "kind": "GatewayClass",
            "metadata": {"name": "cilium"},
            "spec": {"controllerName": "io.cilium/gateway-controller"},
        }),
        json!({"apiVersion": "v1", "kind": "Namespace",
               "metadata": {"name": "other-apps", "labels": {"expose": "true"}}}),
        json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}}),
        json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "apps"}}),
        service(namespace, "echo-a"),
        service(namespace, "echo-b"),
        service("other-apps", "echo-other"),
        secret(namespace, "wildcard"),
        secret(namespace, "apex"),
        secret("other-apps", "wildcard"),
        json!({"apiVersion": "v1", "kind": "Secret", "type": "Opaque",
               "metadata": {"name": "not-a-cert", "namespace": namespace}, "stringData": {"a": "b"}}),
    ];
    for (name, address) in
        [("node-a", "172.18.0.2"), ("node-b", "172.18.0.3"), ("node-c", "172.18.0.4")]
    {
        let labels = if name == "node-c" { json!({"role": "gateway"}) } else { json!({}) };
        objects.push(json!({
            "apiVersion": "v1", "kind": "Node", "metadata": {"name": name, "labels": labels},
            "status": {"addresses": [{"type": "InternalIP", "address": address}]},
        }));
    }
    objects
}

/// The objects a case was run with: its input as the API server stored it, what was in the
/// cluster, and the Service as the API server and LB-IPAM left it.
fn objects(folder: &Path, case: &str, recorded: &[Value]) -> Vec<Value> {
    let namespace = namespace(case);
    let mut objects = ambient(&namespace);
    for mut object in documents(&folder.join("input.yaml")) {
        let cluster_scoped = object["kind"] == "GatewayClass";
        if !cluster_scoped && object["metadata"].get("namespace").is_none() {
            object["metadata"]["namespace"] = json!(namespace);
        }
        object["metadata"]["generation"] = json!(1);
        objects.push(object);
    }
    for service in recorded.iter().filter(|object| object["kind"] == "Service") {
        let mut live = service.clone();
        live["spec"]["clusterIP"] = json!("10.0.0.10");
        live["spec"]["clusterIPs"] = json!(["10.0.0.10"]);
        for (index, port) in live["spec"]["ports"].as_array_mut().into_iter().flatten().enumerate()
        {
            if port.get("nodePort").is_some() {
                port["nodePort"] = json!(31000 + index);
            }
        }
        objects.push(live);
    }
    objects
}

/// Fills in what the API server adds to a Service, with `ALLOCATED` for what it chooses.
fn as_stored(mut service: Value) -> Value {
    let kind = service["spec"]["type"].as_str().expect("the model writes a type").to_owned();
    let spec = service["spec"].as_object_mut().expect("a Service has a spec");
    let mut default = |key: &str, value: Value| {
        spec.entry(key).or_insert(value);
    };
    default("clusterIP", json!("ALLOCATED"));
    default("clusterIPs", json!(["ALLOCATED"]));
    default("internalTrafficPolicy", json!("Cluster"));
    default("ipFamilies", json!(["IPv4"]));
    default("ipFamilyPolicy", json!("SingleStack"));
    default("sessionAffinity", json!("None"));
    if kind != "ClusterIP" {
        default("externalTrafficPolicy", json!("Cluster"));
    }
    if kind == "LoadBalancer" {
        default("allocateLoadBalancerNodePorts", json!(true));
    }
    let node_ports = spec.get("allocateLoadBalancerNodePorts") != Some(&json!(false));
    for port in spec["ports"].as_array_mut().into_iter().flatten() {
        port["targetPort"] = port["port"].clone();
        if kind != "ClusterIP" && node_ports {
            port["nodePort"] = json!("ALLOCATED");
        }
    }
    service
}

/// Everything the model says, in the shape of the recording: objects, and objects that have
/// nothing but a status.
fn predicted(outcome: Outcome) -> BTreeMap<String, Value> {
    let key = |kind: &str, namespace: &str, name: &str| format!("{kind} {namespace}/{name}");
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let mut all = BTreeMap::new();
    for object in outcome.objects {
        let (kind, metadata) = (text(&object["kind"]), &object["metadata"]);
        let name = key(&kind, &text(&metadata["namespace"]), &text(&metadata["name"]));
        all.insert(name, if kind == "Service" { as_stored(object) } else { object });
    }
    for update in outcome.statuses.into_iter().filter(|update| update.kind != "GatewayClass") {
        let namespace = update.namespace.unwrap_or_default();
        all.insert(key(&update.kind, &namespace, &update.name), json!({"status": update.status}));
    }
    all
}

/// The recording in the same shape.
fn expected(recorded: Vec<Value>) -> BTreeMap<String, Value> {
    recorded
        .into_iter()
        .map(|mut object| {
            let metadata = &object["metadata"];
            let name = format!(
                "{} {}/{}",
                object["kind"].as_str().expect("a recorded object has a kind"),
                metadata["namespace"].as_str().unwrap_or_default(),
                metadata["name"].as_str().expect("a recorded object has a name"),
            );
            match object["kind"].as_str() {
                Some("Service") => {
                    // Its status is LB-IPAM's and an input here.
                    object.as_object_mut().expect("an object").remove("status");
                }
                Some("Gateway" | "HTTPRoute") => object = json!({"status": object["status"]}),
                _ => {}
            }
            (name, object)
        })
        .collect()
}

/// Compares one recording; the result lists differences, empty when there are none.
fn compare(folder: &str, version: &str, case: &str, mode: &str) -> String {
    let directory = recordings().join(folder).join(case);
    let recorded = documents(&directory.join(format!("{mode}.yaml")));
    let objects = objects(&directory, case, &recorded);
    let (resources, skipped) = Resources::from_objects(&objects);
    assert!(skipped.is_empty(), "{folder}/{case}: {skipped:?}");
    let version: CiliumVersion = version.parse().expect("a version");
    let config = config(mode);
    let outcome = reconcile(&Input::new(&version, &config, &resources));

    let mut out = String::new();
    for limit in &outcome.unmodelled {
        writeln!(out, "    {limit}").expect("writing to a String works");
    }
    let (mut model, mut recorded) = (predicted(outcome), expected(recorded));
    let unrecorded = model.remove("HTTPRoute apps/go-hello-world");
    assert_eq!(unrecorded.is_some(), case.starts_with("00"), "only case 00 has that route");
    for side in [&mut model, &mut recorded] {
        for (name, object) in side.iter_mut() {
            normalise(object);
            if name.starts_with("Service ") && version.minor() == 17 {
                sort_ports(object);
            }
        }
    }
    let names: std::collections::BTreeSet<_> = model.keys().chain(recorded.keys()).collect();
    for name in names {
        let null = Value::Null;
        let (a, b) = (model.get(name).unwrap_or(&null), recorded.get(name).unwrap_or(&null));
        differences(name, a, b, &mut out);
    }
    out
}

#[test]
fn every_recording_is_reproduced_field_by_field() {
    let mut equal = 0;
    let mut report = String::new();
    for (folder, version) in VERSIONS {
        for case in CASES {
            for mode in MODES {
                let differences = compare(folder, version, case, mode);
                if differences.is_empty() {
                    equal += 1;
                } else {
                    writeln!(report, "{folder}/{case}/{mode}:\n{differences}")
                        .expect("a String takes it");
                }
            }
        }
    }
    assert_eq!(equal, 162, "{equal} of 162 recordings are reproduced; the others:\n{report}");
}

#[test]
fn no_recording_is_left_out() {
    let count = |path: &Path| {
        fs::read_dir(path)
            .unwrap_or_else(|error| panic!("{}: {error}", path.display()))
            .filter(|entry| entry.as_ref().is_ok_and(|entry| entry.path().is_dir()))
            .count()
    };
    assert_eq!(count(&recordings()), VERSIONS.len());
    for (folder, _) in VERSIONS {
        assert_eq!(count(&recordings().join(folder)), CASES.len(), "{folder}");
    }
}

/// Guards the comparison itself: a wrong version must be noticed.
#[test]
fn the_comparison_notices_a_wrong_version() {
    let differences = compare("cilium-1.18.10", "1.20.0", "01-http-only", "host-network");
    for fragment in ["Endpoints", "AddressNotAssigned", "spec/type"] {
        assert!(differences.contains(fragment), "{fragment} is missing in:\n{differences}");
    }
}
