//! Secrets in Kubernetes objects and Helm values.
//!
//! A Secret loses its data, every other kind what has the name or the form of a secret: entries
//! of ConfigMaps, variables of containers, header fields that a route sets, annotations that keep
//! a copy of what was applied.

use serde_json::{Map, Value};

use super::name::{is_secret, is_secret_value};
use super::{PLACEHOLDER, secret, text};

/// Annotations that hold a copy of a whole object, which may have been a Secret or hold what has
/// since been redacted in its place (kubernetes/kubernetes: `staging/src/k8s.io/api/core/v1`,
/// `LastAppliedConfigAnnotation`).
pub(super) const COPIES: &[&str] =
    &["kubectl.kubernetes.io/last-applied-configuration", "kapp.k14s.io/original"];

/// Redacts an object in place, or a list of objects.
pub fn object(value: &mut Value) {
    if let Some(Value::Array(items)) = value.get_mut("items") {
        items.iter_mut().for_each(object);
    }
    if secret::is_secret(value) {
        secret::redact(value);
        // Its data keeps the form that the API gives it.
        if let Some(metadata) = value.get_mut("metadata") {
            walk(metadata, is_secret);
        }
    } else {
        walk(value, is_secret);
    }
}

/// Helm values without secrets.
#[must_use]
pub fn values(values: &Value) -> Value {
    let mut values = values.clone();
    walk(&mut values, is_secret_value);
    values
}

/// Redacts what is told of a cluster, an event or a dossier, in place: every text by its form, and
/// fields of headers by their names. Names of our own fields say nothing about secrets.
pub fn told(value: &mut Value) {
    if let Value::Array(items) = value
        && let [Value::String(name), header] = items.as_mut_slice()
        && is_secret(name)
    {
        redact_all(header);
    }
    match value {
        Value::Array(items) => items.iter_mut().for_each(told),
        Value::Object(fields) => {
            redact_named_value(fields);
            if let Some(Value::Object(headers)) = fields.get_mut("headers") {
                for (_, value) in headers.iter_mut().filter(|(name, _)| is_secret(name)) {
                    redact_all(value);
                }
            }
            fields.values_mut().for_each(told);
        }
        other => walk(other, is_secret),
    }
}

fn walk(value: &mut Value, secret_name: fn(&str) -> bool) {
    match value {
        Value::String(words) => {
            if let std::borrow::Cow::Owned(redacted) = text(words) {
                *words = redacted;
            }
        }
        Value::Array(items) => {
            redact_arguments(items);
            for item in items {
                walk(item, secret_name);
            }
        }
        Value::Object(fields) => {
            redact_named_value(fields);
            for (name, value) in fields.iter_mut() {
                if COPIES.contains(&name.as_str()) {
                    *value = PLACEHOLDER.into();
                } else if secret_name(name) {
                    redact_all(value);
                }
                walk(value, secret_name);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// `["--token", "…"]`, the form of a container's arguments.
fn redact_arguments(items: &mut [Value]) {
    for at in 1..items.len() {
        let named =
            items[at - 1].as_str().is_some_and(|flag| flag.starts_with('-') && is_secret(flag));
        if named {
            redact_all(&mut items[at]);
        }
    }
}

/// `{name: DB_PASSWORD, value: …}`, the form of a container's variables and of the header fields
/// of routes; Envoy writes `{key: Authorization, value: …}`.
fn redact_named_value(fields: &mut Map<String, Value>) {
    let named = ["name", "key"]
        .iter()
        .any(|field| fields.get(*field).and_then(Value::as_str).is_some_and(is_secret));
    if named && let Some(value) = fields.get_mut("value") {
        redact_all(value);
    }
}

/// Fields that hold data themselves, where others only refer to it (envoyproxy/envoy v1.36:
/// `api/envoy/config/core/v3/base.proto`, `DataSource`).
const INLINE: &[&str] = &["inlineString", "inline_string", "inlineBytes", "inline_bytes"];

/// What is under the name of a secret: texts and numbers go, and so do those of a list. What has
/// fields is a reference to a secret, and its fields are judged by their own names, unless the data
/// is in it.
fn redact_all(value: &mut Value) {
    match value {
        Value::String(words) => {
            if !matches!(words.as_str(), "" | "true" | "false") {
                PLACEHOLDER.clone_into(words);
            }
        }
        Value::Number(_) => *value = PLACEHOLDER.into(),
        Value::Array(items) => items.iter_mut().for_each(redact_all),
        Value::Object(fields) => {
            for (name, value) in fields.iter_mut() {
                match value {
                    Value::Object(_) => redact_all(value),
                    _ if INLINE.contains(&name.as_str()) => redact_all(value),
                    _ => {}
                }
            }
        }
        Value::Null | Value::Bool(_) => {}
    }
}

#[cfg(test)]
mod tests;
