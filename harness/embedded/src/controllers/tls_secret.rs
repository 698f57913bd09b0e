//! TLS Secrets: reading and building their data.
//!
//! A private key is kept in [`PrivateKeyPem`], which never shows itself in debug output.

use std::fmt;

use k8s_openapi::ByteString;
use serde_json::{Map, Value};

/// A private key in PEM form. Debug output does not show it.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct PrivateKeyPem(String);

impl PrivateKeyPem {
    /// Wraps a key.
    pub(crate) fn new(pem: String) -> Self {
        Self(pem)
    }

    /// The key itself. For Secrets and TLS stacks only.
    pub(crate) fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for PrivateKeyPem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PrivateKeyPem(redacted)")
    }
}

/// What a TLS Secret holds, as text; parts that are absent, empty or not text are `None`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TlsData {
    /// `tls.crt`: leaf first.
    pub(crate) chain: Option<String>,
    /// `tls.key`.
    pub(crate) key: Option<PrivateKeyPem>,
    /// `ca.crt`.
    pub(crate) authority: Option<String>,
}

impl TlsData {
    /// Reads a Secret's `data`.
    pub(crate) fn read(secret: &Value) -> Self {
        let entry = |name: &str| decode(secret.pointer("/data")?.get(name)?);
        Self {
            chain: entry("tls.crt"),
            key: entry("tls.key").map(PrivateKeyPem),
            authority: entry("ca.crt"),
        }
    }
}

/// `data` of a Secret from plain text.
pub(crate) fn encode(entries: impl IntoIterator<Item = (&'static str, String)>) -> Value {
    let entries: Map<String, Value> = entries
        .into_iter()
        .map(|(key, text)| {
            let encoded = serde_json::to_value(ByteString(text.into_bytes()))
                .expect("bytes have a JSON form");
            (key.to_owned(), encoded)
        })
        .collect();
    entries.into()
}

fn decode(value: &Value) -> Option<String> {
    let bytes: ByteString = serde_json::from_value(value.clone()).ok()?;
    String::from_utf8(bytes.0).ok().filter(|text| !text.is_empty())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{TlsData, encode};

    #[test]
    fn data_reads_back_as_it_was_written() {
        let secret = json!({"data": encode([
            ("tls.crt", "certificate".to_owned()),
            ("tls.key", "key".to_owned()),
            ("ca.crt", String::new()),
        ])});
        let data = TlsData::read(&secret);
        assert_eq!(data.chain.as_deref(), Some("certificate"));
        assert_eq!(data.key.expect("a key").expose(), "key");
        assert_eq!(data.authority, None, "an empty entry holds nothing");
    }

    #[test]
    fn a_key_is_not_shown_in_debug_output() {
        let secret = json!({"data": encode([("tls.key", "very private".to_owned())])});
        let shown = format!("{:?}", TlsData::read(&secret));
        assert!(!shown.contains("very private"), "{shown}");
        assert!(shown.contains("redacted"), "{shown}");
    }

    #[test]
    fn data_that_is_not_base64_reads_as_absent() {
        let secret = json!({"data": {"tls.crt": "%%%"}});
        assert_eq!(TlsData::read(&secret).chain, None);
    }
}
