//! Takes secrets out of values before people see them.

use serde_json::Value;

/// What stands in the place of a secret.
const PLACEHOLDER: &str = "REDACTED";

/// Keys whose texts are secrets, in lower case. Charts take private keys, passwords and tokens
/// under such names (cilium/charts: `tls.ca.key`, `clustermesh.config.clusters[].tls.key`,
/// `azure.clientSecret`).
const SECRET: &[&str] =
    &["key", "password", "token", "secret", "clientsecret", "secretkey", "privatekey", "auth"];

/// The values without texts that are secrets.
#[must_use]
pub fn redacted(values: &Value) -> Value {
    match values {
        Value::Object(fields) => fields
            .iter()
            .map(|(key, value)| {
                let value = match value {
                    Value::String(text) if is_secret(key, text) => PLACEHOLDER.into(),
                    other => redacted(other),
                };
                (key.clone(), value)
            })
            .collect::<serde_json::Map<_, _>>()
            .into(),
        Value::Array(items) => items.iter().map(redacted).collect(),
        Value::String(text) if is_secret("", text) => PLACEHOLDER.into(),
        other => other.clone(),
    }
}

fn is_secret(key: &str, text: &str) -> bool {
    let private = text.contains("-----BEGIN") && text.contains("PRIVATE KEY-----");
    !text.is_empty() && (private || SECRET.contains(&key.to_lowercase().as_str()))
}
