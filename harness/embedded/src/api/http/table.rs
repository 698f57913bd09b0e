//! `Table` answers: the columns that `kubectl get` prints.

use serde_json::{Value, json};

use super::representation::metadata_only;
use super::route::Place;
use crate::api::clock::seconds_between;
use crate::api::object::metadata_text;
use crate::api::resources::Resource;

/// A column between name and age.
struct Column {
    title: &'static str,
    cell: Cell,
}

/// Where the text of a cell comes from.
enum Cell {
    /// The value at a JSON pointer; the texts of a list are joined.
    At(&'static str),
    /// A field of every entry of a list at a JSON pointer, joined.
    Each(&'static str, &'static str),
    /// The status of a condition.
    Condition(&'static str),
    /// How many keys the map at a JSON pointer has.
    Count(&'static str),
}

const fn column(title: &'static str, cell: Cell) -> Column {
    Column { title, cell }
}

/// The table of some objects.
pub(super) fn of<'o>(
    objects: impl Iterator<Item = &'o Value>,
    place: &Place,
    now: &str,
    revision: Option<u64>,
) -> Value {
    let columns = columns(place.resource);
    let definition = |name: &str, format: &str| json!({"name": name, "type": "string", "format": format, "description": "", "priority": 0});
    let mut definitions = vec![definition("Name", "name")];
    definitions.extend(columns.iter().map(|column| definition(column.title, "")));
    definitions.push(definition("Age", ""));
    let row = |object: &Value| {
        let mut cells = vec![metadata_text(object, "name").unwrap_or_default().to_owned()];
        cells.extend(columns.iter().map(|column| text(object, &column.cell)));
        cells.push(age(object, now));
        json!({"cells": cells, "object": metadata_only(object)})
    };
    let mut metadata = json!({});
    if let Some(revision) = revision {
        metadata["resourceVersion"] = json!(revision.to_string());
    }
    json!({
        "kind": "Table",
        "apiVersion": "meta.k8s.io/v1",
        "metadata": metadata,
        "columnDefinitions": definitions,
        "rows": objects.map(row).collect::<Vec<_>>(),
    })
}

fn columns(resource: &Resource) -> &'static [Column] {
    match resource.kind {
        "Namespace" => const { &[column("Status", Cell::At("/status/phase"))] },
        "Node" => {
            const {
                &[
                    column("Ready", Cell::Condition("Ready")),
                    column("Internal-IP", Cell::Each("/status/addresses", "address")),
                ]
            }
        }
        "Pod" => {
            const {
                &[
                    column("Ready", Cell::Condition("Ready")),
                    column("Status", Cell::At("/status/phase")),
                    column("IP", Cell::At("/status/podIP")),
                    column("Node", Cell::At("/spec/nodeName")),
                ]
            }
        }
        "Service" => {
            const {
                &[
                    column("Type", Cell::At("/spec/type")),
                    column("Cluster-IP", Cell::At("/spec/clusterIP")),
                    column("External-IP", Cell::Each("/status/loadBalancer/ingress", "ip")),
                    column("Port(s)", Cell::Each("/spec/ports", "port")),
                ]
            }
        }
        "Secret" => {
            const { &[column("Type", Cell::At("/type")), column("Data", Cell::Count("/data"))] }
        }
        "ConfigMap" => const { &[column("Data", Cell::Count("/data"))] },
        "Event" => {
            const {
                &[
                    column("Type", Cell::At("/type")),
                    column("Reason", Cell::At("/reason")),
                    column("Message", Cell::At("/message")),
                ]
            }
        }
        "Deployment" => {
            const {
                &[
                    column("Ready", Cell::At("/status/readyReplicas")),
                    column("Desired", Cell::At("/spec/replicas")),
                ]
            }
        }
        "EndpointSlice" => {
            const {
                &[
                    column("AddressType", Cell::At("/addressType")),
                    column("Ports", Cell::Each("/ports", "port")),
                    column("Endpoints", Cell::Each("/endpoints", "addresses")),
                ]
            }
        }
        "GatewayClass" => {
            const {
                &[
                    column("Controller", Cell::At("/spec/controllerName")),
                    column("Accepted", Cell::Condition("Accepted")),
                ]
            }
        }
        "Gateway" => {
            const {
                &[
                    column("Class", Cell::At("/spec/gatewayClassName")),
                    column("Address", Cell::Each("/status/addresses", "value")),
                    column("Programmed", Cell::Condition("Programmed")),
                ]
            }
        }
        "HTTPRoute" | "GRPCRoute" | "TLSRoute" => {
            const { &[column("Hostnames", Cell::At("/spec/hostnames"))] }
        }
        "Certificate" => {
            const {
                &[
                    column("Ready", Cell::Condition("Ready")),
                    column("Secret", Cell::At("/spec/secretName")),
                ]
            }
        }
        "Issuer" | "ClusterIssuer" => const { &[column("Ready", Cell::Condition("Ready"))] },
        _ => &[],
    }
}

fn text(object: &Value, cell: &Cell) -> String {
    match cell {
        Cell::At(pointer) => object.pointer(pointer).map_or_else(String::new, shown),
        Cell::Each(pointer, field) => {
            let list = object.pointer(pointer).and_then(Value::as_array);
            let texts: Vec<_> =
                list.into_iter().flatten().map(|entry| shown(&entry[*field])).collect();
            texts.join(",")
        }
        Cell::Condition(kind) => object["status"]["conditions"]
            .as_array()
            .into_iter()
            .flatten()
            .find(|condition| condition["type"] == *kind)
            .map_or_else(|| "Unknown".to_owned(), |condition| shown(&condition["status"])),
        Cell::Count(pointer) => {
            let map = object.pointer(pointer).and_then(Value::as_object);
            map.map_or(0, serde_json::Map::len).to_string()
        }
    }
}

fn shown(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(list) => list.iter().map(shown).collect::<Vec<_>>().join(","),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}

/// The age in the largest two units that matter, as kubectl prints it.
fn age(object: &Value, now: &str) -> String {
    let created = metadata_text(object, "creationTimestamp").unwrap_or_default();
    match seconds_between(created, now) {
        None => "<unknown>".to_owned(),
        Some(seconds) if seconds < 120 => format!("{}s", seconds.max(0)),
        Some(seconds) if seconds < 600 => format!("{}m{}s", seconds / 60, seconds % 60),
        Some(seconds) if seconds < 10_800 => format!("{}m", seconds / 60),
        Some(seconds) if seconds < 172_800 => format!("{}h", seconds / 3600),
        Some(seconds) => format!("{}d", seconds / 86_400),
    }
}
