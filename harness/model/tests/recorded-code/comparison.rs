//! How a prediction is compared with a recording of the real operator, wherever that is done: what
//! has no order is brought into one, and what differs is told with both sides.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use serde_json::Value;

/// Brings weighted clusters into an order: the operator's informer lists routes in none.
pub(crate) fn normalise(value: &mut Value) {
    match value {
        Value::Object(object) => {
            if let Some(Value::Array(clusters)) =
                object.get_mut("weightedClusters").and_then(|weighted| weighted.get_mut("clusters"))
            {
                clusters.sort_by_key(|cluster| cluster["name"].to_string());
            }
            object.values_mut().for_each(normalise);
        }
        Value::Array(items) => items.iter_mut().for_each(normalise),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// Brings the ports of a Service into an order: before 1.18 they have none.
pub(crate) fn sort_ports(service: &mut Value) {
    if let Some(ports) = service["spec"]["ports"].as_array_mut() {
        ports.sort_by_key(|port| port["port"].as_u64());
    }
}

/// Paths at which two values differ, with both sides.
pub(crate) fn differences(path: &str, predicted: &Value, recorded: &Value, out: &mut String) {
    match (predicted, recorded) {
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
        (a, b) => {
            writeln!(out, "    {path}: predicted {a}, recorded {b}")
                .expect("writing to a String works");
        }
    }
}
