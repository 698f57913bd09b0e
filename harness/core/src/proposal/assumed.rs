//! What a cluster has although nobody wrote it down: Cilium's GatewayClass and the namespaces that
//! objects are in. Each assumption is told.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::Given;
use crate::gateway_api;
use crate::scenario::Manifest;

/// Adds what is assumed.
pub(super) fn add(
    given: &Given,
    values: &Value,
    objects: &mut Vec<Manifest>,
    notes: &mut Vec<String>,
) {
    add_class(values, objects, notes);
    add_namespaces(given, objects, notes);
}

/// The class that the chart makes, unless it is told not to
/// (cilium/charts 1.16 to 1.20: `templates/cilium-gateway-api-class.yaml`).
fn add_class(values: &Value, objects: &mut Vec<Manifest>, notes: &mut Vec<String>) {
    let is_class =
        |object: &Value| group(object) == gateway_api::GROUP && object["kind"] == "GatewayClass";
    if objects.iter().any(|one| is_class(&one.object) && one.object["metadata"]["name"] == "cilium")
    {
        return;
    }
    let create = values.pointer("/gatewayAPI/gatewayClass/create");
    if create.is_some_and(|create| *create == json!(false) || *create == json!("false")) {
        notes.push(
            "gatewayAPI.gatewayClass.create is false and no GatewayClass `cilium` is among the \
             manifests: there is none"
                .to_owned(),
        );
        return;
    }
    if values.pointer("/gatewayAPI/enabled") != Some(&json!(true)) {
        return;
    }
    notes.push("the GatewayClass `cilium` is assumed as the chart makes it".to_owned());
    objects.push(Manifest {
        origin: "Cilium's chart".to_owned(),
        object: json!({
            "apiVersion": "gateway.networking.k8s.io/v1",
            "kind": "GatewayClass",
            "metadata": {"name": "cilium"},
            "spec": {
                "controllerName": "io.cilium/gateway-controller",
                "description": "The default Cilium GatewayClass",
            },
        }),
    });
}

fn add_namespaces(given: &Given, objects: &mut Vec<Manifest>, notes: &mut Vec<String>) {
    let there: BTreeSet<&str> = objects
        .iter()
        .filter(|one| one.object["apiVersion"] == "v1" && one.object["kind"] == "Namespace")
        .filter_map(|one| one.object["metadata"]["name"].as_str())
        .collect();
    let missing: BTreeSet<String> = objects
        .iter()
        .filter_map(|one| one.object["metadata"]["namespace"].as_str())
        .filter(|name| !there.contains(name))
        .map(str::to_owned)
        .collect();
    let telling: Vec<&str> =
        missing.iter().map(String::as_str).filter(|name| *name != given.namespace).collect();
    if !telling.is_empty() {
        let noun = if telling.len() == 1 { "namespace" } else { "namespaces" };
        notes.push(format!(
            "{noun} {} assumed to exist, without labels of {} own",
            match telling.as_slice() {
                [one] => format!("{one} is"),
                several => format!("{} are", several.join(", ")),
            },
            if telling.len() == 1 { "its" } else { "their" },
        ));
    }
    objects.extend(missing.into_iter().map(|name| Manifest {
        origin: "assumed".to_owned(),
        object: json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}),
    }));
}

fn group(object: &Value) -> &str {
    let version = object["apiVersion"].as_str().unwrap_or_default();
    version.split_once('/').map_or("", |(group, _)| group)
}
