//! The model against the operator's own code: every case, version and mode of `recorded-code/`,
//! field by field. See `README.md` there for where the recordings come from.
//!
//! What is normalised for the recordings of a real cluster is normalised here too. The code of
//! release 1.18.10 is held against what the model says of 1.18.9: the operator that was recorded
//! under the name 1.18.10 on a real API server (`../recorded/`, case 07) has cilium/cilium
//! deb88646e0 and e2a6386199 already, which came after that release, and the model's 1.18.10
//! follows the operator. Nothing else in the table of facts begins with 1.18.10.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;

use gateproof_core::cilium::{CiliumConfig, CiliumVersion, TrafficPolicy};
use gateproof_model::{Input, Resources, reconcile};
use serde_json::{Value, json};

use super::comparison::{differences, normalise, sort_ports};
use super::{ambient, documents, predicted};

/// Cases in which the model differs from the operator's code, with the reason. The list must
/// shrink: a case that no longer differs has to leave it.
const DIFFERENT: &[(&str, &str)] = &[
    ("34-invalid-backends", "a note besides: Envoy refuses backends that all have weight 0"),
    (
        "56-same-match-two-rules",
        "a note besides: which of two equal matches of two routes wins is open",
    ),
    ("61-tcp-udp", "endpoints of L4 backends are filled in by a reconciler that is not modelled"),
];

fn recordings() -> PathBuf {
    super::recordings().with_file_name("recorded-code")
}

/// One case in one mode: what was recorded for which versions.
struct Recording {
    versions: Vec<String>,
    objects: Vec<(BTreeSet<String>, Value)>,
}

fn recording(case: &str, mode: &str) -> Recording {
    let mut documents =
        documents(&recordings().join(case).join(format!("{mode}.yaml"))).into_iter();
    let texts = |value: &Value| -> Vec<String> {
        let items = value.as_array().expect("a list of versions").iter();
        items.map(|item| item.as_str().expect("a version").to_owned()).collect()
    };
    let head = documents.next().expect("a recording names its versions first");
    let objects = documents
        .map(|document| {
            (texts(&document["versions"]).into_iter().collect(), document["object"].clone())
        })
        .collect();
    Recording { versions: texts(&head["recorded"]), objects }
}

fn config(mode: &str) -> CiliumConfig {
    let mut parts = mode.split('+');
    let mut config = super::config(parts.next().expect("a mode has a first part"));
    for part in parts {
        match part {
            "alpn" => config.alpn = true,
            "app-protocol" => config.app_protocol = true,
            "proxy-protocol" => config.proxy_protocol = true,
            "local" => config.external_traffic_policy = TrafficPolicy::Local,
            "xff2" => config.xff_num_trusted_hops = 2,
            other => panic!("{other} is no option of a recording"),
        }
    }
    config
}

/// The objects a case ran with; the operator's own Services as the API server left them.
fn objects(case: &str, recorded: &[Value]) -> Vec<Value> {
    let namespace = format!("case-{}", &case[..2]);
    let mut objects: BTreeMap<String, Value> = BTreeMap::new();
    let mut put = |mut object: Value| {
        let kind = object["kind"].as_str().expect("a kind").to_owned();
        let everywhere = ["GatewayClass", "Namespace", "Node"].contains(&kind.as_str());
        if !everywhere && object["metadata"].get("namespace").is_none() {
            object["metadata"]["namespace"] = json!(namespace);
        }
        object["metadata"]["generation"] = json!(1);
        if object["metadata"].get("creationTimestamp").is_none() {
            object["metadata"]["creationTimestamp"] = json!("2026-01-01T00:00:00Z");
        }
        let name = object["metadata"]["name"].as_str().expect("a name");
        let space = object["metadata"]["namespace"].as_str().unwrap_or_default();
        objects.insert(format!("{kind} {space}/{name}"), object);
    };
    ambient(&namespace).into_iter().for_each(&mut put);
    documents(&recordings().join(case).join("input.yaml")).into_iter().for_each(&mut put);
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
        put(live);
    }
    let spaces: BTreeSet<String> = objects
        .values()
        .filter_map(|object| object["metadata"]["namespace"].as_str().map(str::to_owned))
        .collect();
    for space in spaces {
        objects.entry(format!("Namespace /{space}")).or_insert_with(
            || json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": space}}),
        );
    }
    // The API server labels every namespace with its name.
    for object in objects.values_mut().filter(|object| object["kind"] == "Namespace") {
        let name = object["metadata"]["name"].clone();
        object["metadata"]["labels"]["kubernetes.io/metadata.name"] = name;
    }
    objects.into_values().collect()
}

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
                    object.as_object_mut().expect("an object").remove("status");
                }
                Some("Endpoints" | "EndpointSlice" | "CiliumEnvoyConfig") => {}
                _ => object = json!({"status": object["status"]}),
            }
            (name, object)
        })
        .collect()
}

/// What differs in one recording for one version; empty when nothing does.
fn compare(case: &str, mode: &str, version: &str, recorded: Vec<Value>) -> String {
    let (resources, _) = Resources::from_objects(&objects(case, &recorded));
    let modelled = if version == "1.18.10" { "1.18.9" } else { version };
    let parsed: CiliumVersion = modelled.parse().expect("a version");
    let config = config(mode);
    let outcome = reconcile(&Input::new(&parsed, &config, &resources));
    let mut out = String::new();
    // Copies of Secrets were not recorded.
    let is_copy = |what: &str| what.starts_with("the copy of its Secret");
    for limit in outcome.unmodelled.iter().filter(|limit| !is_copy(&limit.what)) {
        writeln!(out, "    {limit}").expect("writing to a String works");
    }
    let classes = outcome.statuses.iter().filter(|update| update.kind == "GatewayClass");
    let classes: Vec<(String, Value)> = classes
        .map(|update| {
            let mut status = update.status.clone();
            // Recorded without them.
            status.as_object_mut().expect("a status").remove("supportedFeatures");
            (format!("GatewayClass /{}", update.name), json!({"status": status}))
        })
        .collect();
    let (mut model, mut real) = (predicted(outcome), expected(recorded));
    model.extend(classes);
    for side in [&mut model, &mut real] {
        side.values_mut().for_each(normalise);
        if parsed.minor() == 17 {
            let services = side.iter_mut().filter(|(name, _)| name.starts_with("Service "));
            services.for_each(|(_, service)| sort_ports(service));
        }
    }
    let names: BTreeSet<_> = model.keys().chain(real.keys()).collect();
    for name in names {
        let null = Value::Null;
        let (a, b) = (model.get(name).unwrap_or(&null), real.get(name).unwrap_or(&null));
        differences(name, a, b, &mut out);
    }
    out
}

fn names_in(folder: &PathBuf) -> Vec<String> {
    let entries =
        fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut names: Vec<String> = entries
        .map(|entry| entry.expect("an entry").file_name().into_string().expect("a name in UTF-8"))
        .collect();
    names.sort();
    names
}

#[test]
fn the_operators_code_is_reproduced_field_by_field() {
    let (mut compared, mut report) = (0, String::new());
    let mut differing: BTreeSet<String> = BTreeSet::new();
    let cases = names_in(&recordings()).into_iter().filter(|name| !name.contains('.'));
    for case in cases {
        let files =
            names_in(&recordings().join(&case)).into_iter().filter(|name| name != "input.yaml");
        for file in files {
            let mode = file.strip_suffix(".yaml").expect("recordings are YAML");
            let recording = recording(&case, mode);
            for version in &recording.versions {
                let objects = recording.objects.iter().filter(|(of, _)| of.contains(version));
                let recorded = objects.map(|(_, object)| object.clone()).collect();
                let found = compare(&case, mode, version, recorded);
                compared += 1;
                if !found.is_empty() {
                    differing.insert(case.clone());
                    let known = DIFFERENT.iter().any(|(known, _)| *known == case);
                    if !known {
                        writeln!(report, "{case}/{mode} for {version}:\n{found}")
                            .expect("a String takes it");
                    }
                }
            }
        }
    }
    assert!(compared >= 270, "only {compared} recordings were found");
    assert!(report.is_empty(), "the model differs:\n{report}");
    for (case, reason) in DIFFERENT {
        assert!(
            differing.contains(*case),
            "{case} no longer differs ({reason}): take it off the list"
        );
    }
}
