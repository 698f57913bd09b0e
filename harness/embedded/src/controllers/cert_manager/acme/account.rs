//! The account of an ACME issuer: its key, and what key authorizations are made of.
//!
//! The key is ECDSA P-256, where cert-manager makes RSA keys: none are generated here.

use k8s_openapi::ByteString;
use rcgen::KeyPair;
use ring::digest::{SHA256, digest};
use serde_json::{Value, json};

use crate::controllers::cert_manager::NAMESPACE;
use crate::controllers::kind::SECRET;
use crate::controllers::object::{namespace, skeleton, suffix, text};
use crate::controllers::snapshot::Snapshot;
use crate::controllers::tls_secret::{TlsData, encode};
use crate::controllers::write::{FieldManager, Write};

/// An account: the thumbprint of its public key (RFC 7638).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Account {
    thumbprint: String,
}

impl Account {
    /// The account whose key is in the Secret of an issuer; a message says why there is none.
    pub(super) fn of(snapshot: &Snapshot, issuer: &Value) -> Result<Self, String> {
        let (scope, name) = place(issuer).ok_or("privateKeySecretRef.name is missing")?;
        let secret = snapshot
            .get(SECRET, Some(scope), name)
            .ok_or_else(|| format!("secrets {name:?} not found"))?;
        let key = TlsData::read(secret)
            .key
            .and_then(|key| KeyPair::from_pem(key.expose()).ok())
            .ok_or_else(|| format!("Account private key is invalid: secret {scope}/{name}"))?;
        Ok(Self { thumbprint: thumbprint(&key) })
    }

    /// What answers a challenge with this token (RFC 8555, 8.1).
    pub(super) fn key_authorization(&self, token: &str) -> String {
        format!("{token}.{}", self.thumbprint)
    }

    /// A short mark of the account, for its address.
    pub(super) fn mark(&self) -> String {
        suffix(&self.thumbprint, 15)
    }
}

/// The Secret with a new key, where an ACME issuer has none yet.
pub(in crate::controllers::cert_manager) fn missing(
    snapshot: &Snapshot,
    issuer: &Value,
) -> Option<Write> {
    let (scope, name) = place(issuer)?;
    let given = issuer.pointer("/spec/acme/disableAccountKeyGeneration") == Some(&json!(true));
    if given || snapshot.get(SECRET, Some(scope), name).is_some() {
        return None;
    }
    let key = KeyPair::generate().ok()?;
    let mut secret = skeleton(SECRET, Some(scope), name);
    secret["type"] = "Opaque".into();
    secret["data"] = encode([("tls.key", key.serialize_pem())]);
    Some(Write::Apply(FieldManager::CertManager, secret))
}

fn place(issuer: &Value) -> Option<(&str, &str)> {
    let name = text(issuer, "/spec/acme/privateKeySecretRef/name")?;
    Some((namespace(issuer).unwrap_or(NAMESPACE), name))
}

/// The thumbprint of an ECDSA key on P-256: its members in this order, without spaces.
fn thumbprint(key: &KeyPair) -> String {
    // An uncompressed point: one octet that says so, and two coordinates (SEC 1, 2.3.3).
    let point = key.public_key_raw().get(1..).unwrap_or_default();
    let (x, y) = point.split_at(point.len() / 2);
    let (x, y) = (base64_url(x), base64_url(y));
    let members = format!(r#"{{"crv":"P-256","kty":"EC","x":"{x}","y":"{y}"}}"#);
    base64_url(digest(&SHA256, members.as_bytes()).as_ref())
}

/// Base64 for addresses, without padding (RFC 4648, 5).
pub(super) fn base64_url(octets: &[u8]) -> String {
    let text = serde_json::to_value(ByteString(octets.to_vec())).ok();
    let text = text.as_ref().and_then(Value::as_str).unwrap_or_default();
    text.trim_end_matches('=').replace('+', "-").replace('/', "_")
}

#[cfg(test)]
mod tests {
    use rcgen::KeyPair;

    use super::{base64_url, thumbprint};

    #[test]
    fn base64_is_the_one_for_addresses() {
        assert_eq!(base64_url(&[0xfb, 0xff, 0xfe]), "-__-");
        assert_eq!(base64_url(b"a"), "YQ");
    }

    #[test]
    fn a_thumbprint_belongs_to_one_key() {
        let (one, other) =
            (KeyPair::generate().expect("a key"), KeyPair::generate().expect("a key"));
        assert_eq!(thumbprint(&one), thumbprint(&one));
        assert_ne!(thumbprint(&one), thumbprint(&other));
        assert_eq!(thumbprint(&one).len(), 43, "256 bits");
    }
}
