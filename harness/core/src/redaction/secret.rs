//! Takes secrets out of Secrets, and leaves what the reference model has to know: which keys
//! there are, and whether they hold PEM.
//!
//! Certificates stay, because they are public. Every other PEM block is replaced by one of the
//! same label, everything that is no PEM by the word [`PLACEHOLDER`]. An empty value stays empty,
//! because Cilium treats it as missing.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use super::PLACEHOLDER;

/// [`PLACEHOLDER`] in base64, the body of a replaced PEM block.
pub(super) const PEM_BODY: &str = "UkVEQUNURUQ=";

/// Label of the PEM blocks that are kept.
const CERTIFICATE: &str = "CERTIFICATE";

/// Prefix of the annotations that cert-manager writes on the Secrets it issues (cert-manager,
/// `pkg/apis/certmanager/v1/types.go`).
const CERT_MANAGER: &str = "cert-manager.io/";

/// Whether an object is a Secret.
pub(super) fn is_secret(object: &Value) -> bool {
    object.get("kind").and_then(Value::as_str) == Some("Secret")
        && object.get("apiVersion").and_then(Value::as_str) == Some("v1")
}

/// Redacts a Secret in place.
pub(super) fn redact(object: &mut Value) {
    if let Some(data) = object.get_mut("data").and_then(Value::as_object_mut) {
        for value in data.values_mut() {
            *value = redacted(value);
        }
    }
    if let Some(fields) = object.as_object_mut() {
        fields.remove("stringData");
    }
    // Tools keep copies of what was applied in annotations, as
    // `kubectl.kubernetes.io/last-applied-configuration` does. Those of cert-manager tell names
    // and issuer of a certificate, which are public; of all others only the key stays.
    if let Some(annotations) =
        object.pointer_mut("/metadata/annotations").and_then(Value::as_object_mut)
    {
        for (key, value) in annotations.iter_mut() {
            if !key.starts_with(CERT_MANAGER) {
                *value = PLACEHOLDER.into();
            }
        }
    }
}

/// One value of `data`, base64 in and out.
fn redacted(value: &Value) -> Value {
    let octets = value.as_str().and_then(|text| STANDARD.decode(text).ok());
    let text = octets.map_or_else(|| PLACEHOLDER.to_owned(), |octets| redact_text(&octets));
    STANDARD.encode(text).into()
}

fn redact_text(octets: &[u8]) -> String {
    if octets.is_empty() {
        return String::new();
    }
    let blocks = std::str::from_utf8(octets).map(pem_blocks).unwrap_or_default();
    if blocks.is_empty() {
        return PLACEHOLDER.to_owned();
    }
    blocks.iter().fold(String::new(), |mut text, block| {
        let body = if block.label == CERTIFICATE { block.body } else { PEM_BODY };
        let label = block.label;
        write!(text, "-----BEGIN {label}-----\n{}\n-----END {label}-----\n", body.trim())
            .expect("writing to a String never fails");
        text
    })
}

/// A PEM block: its label and what is between its lines.
struct PemBlock<'t> {
    label: &'t str,
    body: &'t str,
}

/// What is between the borders of each private key of a text.
pub(super) fn private_keys(text: &str) -> impl Iterator<Item = &str> {
    let blocks = pem_blocks(text).into_iter();
    blocks.filter(|block| block.label.ends_with("PRIVATE KEY")).map(|block| block.body)
}

/// The complete PEM blocks of a text, in order; what is between them is left out.
fn pem_blocks(text: &str) -> Vec<PemBlock<'_>> {
    let mut blocks = Vec::new();
    let mut rest = text;
    while let Some((_, after)) = rest.split_once("-----BEGIN ") {
        let Some((label, after)) = after.split_once("-----") else { break };
        let Some((body, after)) = after.split_once(&format!("-----END {label}-----")) else {
            rest = after;
            continue;
        };
        blocks.push(PemBlock { label, body });
        rest = after;
    }
    blocks
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const CHAIN: &str = "-----BEGIN CERTIFICATE-----\nQUFB\n-----END CERTIFICATE-----\n";
    const KEY: &str = "-----BEGIN EC PRIVATE KEY-----\nc2VjcmV0\n-----END EC PRIVATE KEY-----\n";

    fn encoded(text: &str) -> Value {
        STANDARD.encode(text).into()
    }

    fn after(text: &str) -> String {
        let mut secret =
            json!({"apiVersion": "v1", "kind": "Secret", "data": {"key": encoded(text)}});
        redact(&mut secret);
        let octets = STANDARD.decode(secret["data"]["key"].as_str().unwrap()).unwrap();
        String::from_utf8(octets).unwrap()
    }

    #[test]
    fn certificates_stay_as_they_are() {
        assert_eq!(after(CHAIN), CHAIN);
        assert_eq!(after(&format!("{CHAIN}{CHAIN}")), format!("{CHAIN}{CHAIN}"));
    }

    #[test]
    fn private_key_becomes_a_block_of_the_same_label_without_the_key() {
        let seen = after(KEY);
        assert!(seen.starts_with("-----BEGIN EC PRIVATE KEY-----\n"), "{seen}");
        assert!(seen.ends_with("-----END EC PRIVATE KEY-----\n"), "{seen}");
        assert!(!seen.contains("c2VjcmV0"), "{seen}");
    }

    #[test]
    fn key_that_is_hidden_among_certificates_does_not_get_through() {
        let seen = after(&format!("c2VjcmV0 {CHAIN}c2VjcmV0\n{KEY}"));
        assert!(seen.starts_with(CHAIN) && !seen.contains("c2VjcmV0"), "{seen}");
    }

    #[test]
    fn what_is_no_pem_is_not_made_to_look_like_pem() {
        for text in ["hunter2", "-----BEGIN PRIVATE KEY-----\nc2VjcmV0\n", "\u{0}\u{1}"] {
            assert_eq!(after(text), PLACEHOLDER);
        }
    }

    #[test]
    fn empty_value_stays_empty() {
        assert_eq!(after(""), "");
    }

    #[test]
    fn copies_of_the_applied_object_are_removed() {
        let mut secret = json!({
            "apiVersion": "v1", "kind": "Secret", "stringData": {"a": "hunter2"},
            "metadata": {"annotations": {
                "kubectl.kubernetes.io/last-applied-configuration": "{\"data\":\"hunter2\"}",
                "cert-manager.io/issuer-name": "gateproof",
            }},
            "data": {"password": "not base64!hunter2"},
        });
        redact(&mut secret);
        assert!(!secret.to_string().contains("hunter2"), "{secret}");
        assert_eq!(secret["metadata"]["annotations"]["cert-manager.io/issuer-name"], "gateproof");
    }
}
