//! Objects that Gateways and routes name and nobody gave.
//!
//! In a cluster they may well exist: cert-manager makes Secrets, other teams have Services. The
//! prediction is right for a cluster without them, and a reader must know that.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::Key;

/// A note for each kind of object that is missing.
pub(super) fn notes(cluster: &BTreeMap<Key, Value>) -> Vec<String> {
    let (mut secrets, mut services) = (BTreeSet::new(), BTreeSet::new());
    for ((group, kind, namespace, _), object) in cluster {
        if group != "gateway.networking.k8s.io" {
            continue;
        }
        let spec = &object["spec"];
        if kind.ends_with("Gateway") || kind.ends_with("ListenerSet") {
            references(spec, "certificateRefs", namespace, "Secret", &mut secrets);
        } else if kind.ends_with("Route") {
            references(spec, "backendRefs", namespace, "Service", &mut services);
        }
    }
    [("Secret", secrets), ("Service", services)]
        .into_iter()
        .filter_map(|(kind, named)| note(cluster, kind, named))
        .collect()
}

fn note(
    cluster: &BTreeMap<Key, Value>,
    kind: &str,
    named: BTreeSet<(String, String)>,
) -> Option<String> {
    let is_missing = |(namespace, name): &(String, String)| {
        let key = (String::new(), kind.to_owned(), namespace.clone(), name.clone());
        !cluster.contains_key(&key)
    };
    let missing: Vec<String> = named
        .into_iter()
        .filter(is_missing)
        .map(|(namespace, name)| format!("{namespace}/{name}"))
        .collect();
    let plural = if missing.len() == 1 { "" } else { "s" };
    (!missing.is_empty()).then(|| {
        format!(
            "the {kind}{plural} {} {} named and not given; this is the prediction for a cluster \
             that lacks {}",
            missing.join(", "),
            if missing.len() == 1 { "is" } else { "are" },
            if missing.len() == 1 { "it" } else { "them" },
        )
    })
}

/// References to a core kind in lists of a name, wherever they are.
fn references(
    value: &Value,
    list: &str,
    namespace: &str,
    kind: &str,
    found: &mut BTreeSet<(String, String)>,
) {
    match value {
        Value::Object(map) => {
            for (key, inner) in map {
                if key != list {
                    references(inner, list, namespace, kind, found);
                    continue;
                }
                for reference in inner.as_array().into_iter().flatten() {
                    let text = |field| reference.get(field).and_then(Value::as_str);
                    let is_core = text("group").unwrap_or_default().is_empty();
                    if is_core && text("kind").is_none_or(|found| found == kind) {
                        let namespace = text("namespace").unwrap_or(namespace).to_owned();
                        found.insert((namespace, text("name").unwrap_or_default().to_owned()));
                    }
                }
            }
        }
        Value::Array(items) => {
            for item in items {
                references(item, list, namespace, kind, found);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}
