//! `Table` answers: the columns that `kubectl get` prints.
//!
//! Built-in kinds have the columns of Kubernetes' own printers ([`built_in`]), custom kinds those
//! of their definitions ([`custom`]). Columns of priority 1 are shown by `-o wide`.

mod built_in;
pub(super) mod custom;

use serde_json::{Value, json};

use super::page::Standing;
use super::representation::metadata_only;
use super::route::Place;
use crate::api::clock::seconds_between;
use crate::api::object::metadata_text;
use crate::api::resources::Origin;

/// A column.
#[derive(Debug, Clone)]
pub(super) struct Column {
    /// Its title; kubectl prints it in capitals.
    title: String,
    /// 0, or 1 when only `-o wide` shows it.
    priority: u8,
    /// The type of its cells.
    cells: &'static str,
}

/// The table of some objects.
pub(super) fn of<'o>(
    objects: impl Iterator<Item = &'o Value>,
    place: &Place,
    now: &str,
    standing: Option<&Standing>,
) -> Value {
    let resource = place.resource;
    let custom = match &place.custom {
        Some(kind) => custom::defined(kind.columns(place.version)),
        None => custom::columns(resource),
    };
    let columns: Vec<Column> = match resource.origin {
        Origin::BuiltIn => built_in::columns(resource.kind),
        Origin::Custom => custom::titles(&custom),
    };
    let definitions: Vec<_> = columns
        .iter()
        .map(|column| {
            let format = if column.title == "Name" { "name" } else { "" };
            json!({"name": column.title, "type": column.cells, "format": format,
                "description": "", "priority": column.priority})
        })
        .collect();
    let row = |object: &Value| {
        let cells = match resource.origin {
            Origin::BuiltIn => built_in::cells(resource.kind, object, now),
            Origin::Custom => custom::cells(&custom, object, now),
        };
        json!({"cells": cells, "object": metadata_only(object)})
    };
    let metadata = standing.map_or_else(|| json!({}), Standing::metadata);
    json!({
        "kind": "Table",
        "apiVersion": "meta.k8s.io/v1",
        "metadata": metadata,
        "columnDefinitions": definitions,
        "rows": objects.map(row).collect::<Vec<_>>(),
    })
}

/// The age of an object.
fn age(object: &Value, now: &str) -> Value {
    json!(since(metadata_text(object, "creationTimestamp").unwrap_or_default(), now))
}

/// A time as kubectl prints it: how long ago, in the units that matter (apimachinery v0.33:
/// `pkg/util/duration/duration.go`).
fn since(time: &str, now: &str) -> String {
    let Some(seconds) = seconds_between(time, now) else { return "<unknown>".to_owned() };
    let seconds = seconds.max(0);
    let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86_400);
    let two = |large: i64, unit: &str, small: i64, smaller: &str| {
        if small == 0 { format!("{large}{unit}") } else { format!("{large}{unit}{small}{smaller}") }
    };
    match seconds {
        ..120 => format!("{seconds}s"),
        120..600 => two(minutes, "m", seconds % 60, "s"),
        600..10_800 => format!("{minutes}m"),
        10_800..28_800 => two(hours, "h", minutes % 60, "m"),
        28_800..172_800 => format!("{hours}h"),
        172_800..691_200 => two(days, "d", hours % 24, "h"),
        691_200..63_072_000 => format!("{days}d"),
        _ => two(days / 365, "y", days % 365, "d"),
    }
}

#[cfg(test)]
mod tests {
    use super::since;

    #[test]
    fn ages_are_written_as_kubectl_writes_them() {
        for (then, text) in [
            ("2026-01-10T12:00:00Z", "0s"),
            ("2026-01-10T11:58:01Z", "119s"),
            ("2026-01-10T11:58:00Z", "2m"),
            ("2026-01-10T11:57:30Z", "2m30s"),
            ("2026-01-10T11:40:00Z", "20m"),
            ("2026-01-10T08:30:00Z", "3h30m"),
            ("2026-01-10T02:30:00Z", "9h"),
            ("2026-01-07T10:00:00Z", "3d2h"),
            ("2025-12-01T12:00:00Z", "40d"),
            ("2023-01-10T12:00:00Z", "3y1d"),
            ("", "<unknown>"),
        ] {
            assert_eq!(since(then, "2026-01-10T12:00:00Z"), text, "{then}");
        }
    }
}
