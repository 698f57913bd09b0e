//! The columns of custom kinds: `additionalPrinterColumns` of their definitions, with the part of
//! JSONPath that occurs there.
//!
//! As in a real API server a cell shows the first value its path finds, and nothing when it finds
//! none (kubernetes/kubernetes v1.33: `staging/src/k8s.io/apiextensions-apiserver/pkg/registry/
//! customresource/tableconvertor/tableconvertor.go`).

use serde_json::{Value, json};

use super::{Column, age, since};
use crate::api::object::metadata_text;
use crate::api::resources::Resource;

/// A column of a definition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::api::http) struct Printed {
    title: String,
    priority: u8,
    cells: &'static str,
    path: String,
}

fn printed(title: &str, path: &str) -> Printed {
    Printed { title: title.to_owned(), priority: 0, cells: "string", path: path.to_owned() }
}

fn wide(title: &str, path: &str) -> Printed {
    Printed { priority: 1, ..printed(title, path) }
}

fn age_column() -> Printed {
    Printed { cells: "date", ..printed("Age", ".metadata.creationTimestamp") }
}

/// The columns of a kind, besides its name.
pub(super) fn columns(resource: &Resource) -> Vec<Printed> {
    let condition = |kind: &str| format!(".status.conditions[?(@.type==\"{kind}\")].status");
    match resource.kind {
        "GatewayClass" => vec![
            printed("Controller", ".spec.controllerName"),
            printed("Accepted", &condition("Accepted")),
            age_column(),
            wide("Description", ".spec.description"),
        ],
        "Gateway" => vec![
            printed("Class", ".spec.gatewayClassName"),
            printed("Address", ".status.addresses[*].value"),
            printed("Programmed", &condition("Programmed")),
            age_column(),
        ],
        "HTTPRoute" | "GRPCRoute" => vec![printed("Hostnames", ".spec.hostnames"), age_column()],
        "Certificate" => vec![
            printed("Ready", &condition("Ready")),
            printed("Secret", ".spec.secretName"),
            wide("Issuer", ".spec.issuerRef.name"),
            wide("Status", ".status.conditions[?(@.type==\"Ready\")].message"),
            age_column(),
        ],
        "Issuer" | "ClusterIssuer" => vec![
            printed("Ready", &condition("Ready")),
            wide("Status", ".status.conditions[?(@.type==\"Ready\")].message"),
            age_column(),
        ],
        "CiliumLoadBalancerIPPool" => vec![
            printed("Disabled", ".spec.disabled"),
            printed(
                "Conflicting",
                ".status.conditions[?(@.type==\"cilium.io/PoolConflict\")].status",
            ),
            printed(
                "IPs Available",
                ".status.conditions[?(@.type==\"cilium.io/IPsAvailable\")].message",
            ),
            age_column(),
        ],
        _ => vec![age_column()],
    }
}

/// The columns that a definition names; the age when it names none.
pub(super) fn defined(columns: &[Value]) -> Vec<Printed> {
    if columns.is_empty() {
        return vec![age_column()];
    }
    let column = |column: &Value| {
        let text = |field: &str| column[field].as_str().unwrap_or_default();
        let priority = u8::from(column["priority"].as_u64().is_some_and(|number| number > 0));
        let cells = if text("type") == "date" { "date" } else { "string" };
        Printed { priority, cells, ..printed(text("name"), text("jsonPath")) }
    };
    columns.iter().map(column).collect()
}

/// The headers of all columns.
pub(super) fn titles(printed: &[Printed]) -> Vec<Column> {
    let name = Column { title: "Name".to_owned(), priority: 0, cells: "string" };
    let column = |one: &Printed| Column {
        title: one.title.clone(),
        priority: one.priority,
        cells: one.cells,
    };
    std::iter::once(name).chain(printed.iter().map(column)).collect()
}

/// The cells of an object.
pub(super) fn cells(printed: &[Printed], object: &Value, now: &str) -> Vec<Value> {
    let name = json!(metadata_text(object, "name").unwrap_or_default());
    let cell = |one: &Printed| match (one.cells, one.path.as_str()) {
        (_, ".metadata.creationTimestamp") => age(object, now),
        ("date", path) => match first(object, path) {
            Some(Value::String(time)) => json!(since(time, now)),
            _ => Value::Null,
        },
        (_, path) => first(object, path).map_or(Value::Null, |value| match value {
            Value::Array(_) | Value::Object(_) => json!(value.to_string()),
            plain => plain.clone(),
        }),
    };
    std::iter::once(name).chain(printed.iter().map(cell)).collect()
}

/// The first value that a path finds.
fn first<'o>(object: &'o Value, path: &str) -> Option<&'o Value> {
    let mut found = vec![object];
    let mut rest = path;
    while !rest.is_empty() {
        let (step, after) = next_step(rest)?;
        rest = after;
        found = found.into_iter().flat_map(|value| step.of(value)).collect();
    }
    found.into_iter().find(|value| !value.is_null())
}

enum Step {
    Field(String),
    Index(usize),
    All,
    Where { field: String, is: String },
}

impl Step {
    fn of<'o>(&self, value: &'o Value) -> Vec<&'o Value> {
        match (self, value) {
            (Self::Field(name), value) => value.get(name).into_iter().collect(),
            (Self::Index(index), value) => value.get(index).into_iter().collect(),
            (Self::All, Value::Array(list)) => list.iter().collect(),
            (Self::All, Value::Object(map)) => map.values().collect(),
            (Self::Where { field, is }, Value::Array(list)) => {
                list.iter().filter(|entry| entry[field] == is.as_str()).collect()
            }
            _ => Vec::new(),
        }
    }
}

/// The next step of a path and what follows it; `None` when it is of a form that is not known.
fn next_step(path: &str) -> Option<(Step, &str)> {
    if let Some(bracket) = path.strip_prefix('[') {
        let (inner, rest) = bracket.split_once(']')?;
        let unquoted = |text: &str| text.trim().trim_matches(['"', '\'']).to_owned();
        let step = match inner {
            "*" => Step::All,
            _ if inner.starts_with("?(@.") => {
                let (field, is) = inner[4..].trim_end_matches(')').split_once("==")?;
                Step::Where { field: field.trim().to_owned(), is: unquoted(is) }
            }
            _ if inner.starts_with(['"', '\'']) => Step::Field(unquoted(inner)),
            number => Step::Index(number.parse().ok()?),
        };
        return Some((step, rest));
    }
    let path = path.strip_prefix('.')?;
    let mut name = String::new();
    let mut characters = path.char_indices();
    while let Some((position, character)) = characters.next() {
        match character {
            // `\.` is a dot inside a name.
            '\\' => name.extend(characters.next().map(|(_, escaped)| escaped)),
            '.' | '[' => return Some((Step::Field(name), &path[position..])),
            other => name.push(other),
        }
    }
    Some((Step::Field(name), ""))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::first;

    #[test]
    fn paths_of_printer_columns_find_their_first_value() {
        let object = json!({
            "metadata": {"annotations": {"a.b/c": "x"}},
            "spec": {"hostnames": ["one", "two"], "replicas": 2},
            "status": {
                "addresses": [{"value": "10.0.0.1"}, {"value": "10.0.0.2"}],
                "conditions": [{"type": "Accepted", "status": "True"}, {"type": "Ready", "status": "False"}],
            },
        });
        for (path, expected) in [
            (".spec.replicas", Some(json!(2))),
            (".spec.hostnames", Some(json!(["one", "two"]))),
            (".spec.hostnames[1]", Some(json!("two"))),
            (".status.addresses[*].value", Some(json!("10.0.0.1"))),
            (".status.conditions[?(@.type==\"Ready\")].status", Some(json!("False"))),
            (".status.conditions[?(@.type=='Accepted')].status", Some(json!("True"))),
            (".status.conditions[?(@.type==\"Programmed\")].status", None),
            (".metadata.annotations.a\\.b/c", Some(json!("x"))),
            (".metadata.annotations['a.b/c']", Some(json!("x"))),
            (".spec.nothing.below", None),
            ("spec", None),
            (".spec[", None),
        ] {
            assert_eq!(first(&object, path).cloned(), expected, "{path}");
        }
    }
}
