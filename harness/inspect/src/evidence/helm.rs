//! What Helm recorded of Cilium's release.
//!
//! A revision is a Secret of type `helm.sh/release.v1`; its entry `release` is base64 of gzip of
//! JSON (helm/helm v3.19 `pkg/storage/driver/{secrets,util}.go`), and the API adds a base64 of its
//! own. Only the values and the version of the chart are taken from it.

use std::io::Read as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flate2::read::GzDecoder;
use gateproof_core::dossier::text;
use gateproof_core::redaction;
use serde_json::Value;

/// More than a record may have: a Secret holds at most 1 MiB, and text shrinks about tenfold.
const LARGEST: u64 = 64 << 20;

/// A revision of a release.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Release {
    /// Counts from 1.
    pub(super) revision: u64,
    /// The version of the program that the chart installs.
    pub(super) version: Option<String>,
    /// The values as the user gave them, redacted.
    pub(super) values: Value,
}

/// The revision that a Secret holds, if it is one of Cilium, and its values with the secrets. One
/// that cannot be read has no values.
pub(super) fn release(object: &Value) -> Option<(Release, Value)> {
    if text(object, "/type") != Some("helm.sh/release.v1") {
        return None;
    }
    let mut record = record(object)?;
    if text(&record, "/chart/metadata/name") != Some("cilium") {
        return None;
    }
    let values = record.get_mut("config").map(Value::take).unwrap_or_default();
    let release = Release {
        revision: record.get("version").and_then(Value::as_u64).unwrap_or_default(),
        version: text(&record, "/chart/metadata/appVersion").map(str::to_owned),
        values: redaction::values(&values),
    };
    Some((release, values))
}

fn record(object: &Value) -> Option<Value> {
    let outer = STANDARD.decode(text(object, "/data/release")?).ok()?;
    let packed = STANDARD.decode(outer).ok()?;
    let mut unpacked = Vec::new();
    GzDecoder::new(packed.as_slice()).take(LARGEST).read_to_end(&mut unpacked).ok()?;
    serde_json::from_slice(&unpacked).ok()
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    use flate2::Compression;
    use flate2::write::GzEncoder;
    use serde_json::{Value, json};

    use super::release;

    fn secret(chart: &str) -> Value {
        let record = json!({"version": 3, "config": {"kubeProxyReplacement": true,
            "azure": {"clientSecret": "hunter22"}},
            "chart": {"metadata": {"name": chart, "appVersion": "1.18.4"}}});
        let mut packed = GzEncoder::new(Vec::new(), Compression::default());
        packed.write_all(record.to_string().as_bytes()).unwrap();
        let inner = STANDARD.encode(packed.finish().unwrap());
        json!({"apiVersion": "v1", "kind": "Secret", "type": "helm.sh/release.v1",
            "data": {"release": STANDARD.encode(inner)}})
    }

    #[test]
    fn values_and_version_are_read_and_secrets_in_them_are_not() {
        let (read, _) = release(&secret("cilium")).unwrap();
        assert_eq!((read.revision, read.version.as_deref()), (3, Some("1.18.4")));
        assert_eq!(read.values["kubeProxyReplacement"], true);
        assert_eq!(read.values["azure"]["clientSecret"], "REDACTED");
    }

    #[test]
    fn other_releases_and_what_is_damaged_give_nothing() {
        assert_eq!(release(&secret("argo-cd")), None);
        let mut damaged = secret("cilium");
        damaged["data"]["release"] = "H4sI".into();
        assert_eq!(release(&damaged), None);
        assert_eq!(release(&json!({"kind": "Secret", "type": "Opaque"})), None);
    }
}
