//! When the entries of a ConfigMap were last written, by `metadata.managedFields`.
//!
//! The API server keeps one record for each manager, with the fields it owns and the time of its
//! last write that changed something (kubernetes/kubernetes:
//! `staging/src/k8s.io/apimachinery/pkg/util/managedfields`). Managers of labels alone do not count.

use gateproof_core::dossier::text;
use gateproof_core::moment::Moment;
use serde_json::Value;

/// The latest write to `data`; `None` for other kinds and where nothing is recorded.
pub(super) fn entries(object: &Value) -> Option<Moment> {
    if text(object, "/kind") != Some("ConfigMap") {
        return None;
    }
    object
        .pointer("/metadata/managedFields")?
        .as_array()?
        .iter()
        .filter(|record| record.pointer("/fieldsV1/f:data").is_some())
        .filter_map(|record| text(record, "/time")?.parse().ok())
        .max()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::entries;

    #[test]
    fn latest_write_of_entries_counts_and_writes_of_labels_do_not() {
        let record = |time: &str, field: &str| json!({"time": time, "fieldsV1": {field: {}}});
        let map = json!({"kind": "ConfigMap", "metadata": {"managedFields": [
            record("2026-01-02T00:00:00Z", "f:data"),
            record("2026-01-03T00:00:00Z", "f:data"),
            record("2026-01-04T00:00:00Z", "f:metadata"),
        ]}});
        assert_eq!(entries(&map).unwrap().to_string(), "2026-01-03T00:00:00Z");
        assert_eq!(entries(&json!({"kind": "ConfigMap", "metadata": {}})), None);
    }
}
