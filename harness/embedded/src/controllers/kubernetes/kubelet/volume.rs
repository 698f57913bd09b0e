//! Files of a container that come from Secrets and ConfigMaps.
//!
//! Other volumes hold nothing here. Files are read once, when a pod starts.

use k8s_openapi::ByteString;
use serde_json::Value;

use crate::controllers::kind::{CONFIG_MAP, SECRET};
use crate::controllers::object::{items, namespace, text};
use crate::controllers::snapshot::Snapshot;

/// The file at this path in a container.
pub(super) fn file(
    snapshot: &Snapshot,
    pod: &Value,
    container: &Value,
    path: &str,
) -> Result<Vec<u8>, String> {
    let no_volume = || format!("file {path}: no Secret or ConfigMap is mounted there");
    let (volume, rest) = items(container, "/volumeMounts")
        .iter()
        .filter_map(|mount| {
            let below = path.strip_prefix(text(mount, "/mountPath")?.trim_end_matches('/'))?;
            Some((text(mount, "/name")?, below.strip_prefix('/')?))
        })
        .max_by_key(|(_, below)| std::cmp::Reverse(below.len()))
        .ok_or_else(no_volume)?;
    let volume = items(pod, "/spec/volumes")
        .iter()
        .find(|entry| text(entry, "/name") == Some(volume))
        .ok_or_else(no_volume)?;
    let space = namespace(pod).unwrap_or_default();
    let (kind, source, name) = match (volume.get("secret"), volume.get("configMap")) {
        (Some(source), _) => (SECRET, source, text(source, "/secretName")),
        (_, Some(source)) => (CONFIG_MAP, source, text(source, "/name")),
        _ => return Err(no_volume()),
    };
    let name = name.ok_or_else(no_volume)?;
    let chosen = items(source, "/items");
    let key = if chosen.is_empty() {
        Some(rest)
    } else {
        let entry = chosen.iter().find(|entry| text(entry, "/path") == Some(rest));
        entry.and_then(|entry| text(entry, "/key"))
    };
    let key = key.ok_or_else(|| format!("file {path}: {name} has no entry for it"))?;
    let object = snapshot
        .get(kind, Some(space), name)
        .ok_or_else(|| format!("file {path}: {} {space}/{name} does not exist", kind.kind))?;
    content(object, key)
        .ok_or_else(|| format!("file {path}: {} {space}/{name} has no key {key}", kind.kind))
}

fn content(object: &Value, key: &str) -> Option<Vec<u8>> {
    let value = object.get("data")?.get(key)?;
    if text(object, "/kind") == Some("ConfigMap") {
        return Some(value.as_str()?.as_bytes().to_vec());
    }
    serde_json::from_value::<ByteString>(value.clone()).ok().map(|bytes| bytes.0)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::file;
    use crate::controllers::snapshot::Snapshot;

    #[test]
    fn files_come_from_secrets_and_config_maps_by_their_keys() {
        let snapshot = Snapshot::from_values([
            json!({"apiVersion": "v1", "kind": "Secret",
                "metadata": {"name": "s", "namespace": "apps"}, "data": {"tls.crt": "YQ=="}}),
            json!({"apiVersion": "v1", "kind": "ConfigMap",
                "metadata": {"name": "m", "namespace": "apps"}, "data": {"ca.crt": "b"}}),
        ]);
        let pod = json!({
            "metadata": {"namespace": "apps"},
            "spec": {"volumes": [
                {"name": "v", "secret": {"secretName": "s",
                    "items": [{"key": "tls.crt", "path": "crt"}]}},
                {"name": "c", "configMap": {"name": "m"}},
                {"name": "gone", "secret": {"secretName": "gone"}},
            ]},
        });
        let container = json!({"volumeMounts": [
            {"name": "v", "mountPath": "/etc/tls"}, {"name": "c", "mountPath": "/etc/ca/"},
            {"name": "gone", "mountPath": "/etc/gone"},
        ]});
        let read = |path: &str| file(&snapshot, &pod, &container, path);
        assert_eq!(read("/etc/tls/crt"), Ok(b"a".to_vec()));
        assert_eq!(read("/etc/ca/ca.crt"), Ok(b"b".to_vec()));
        for (path, expected) in [
            ("/etc/tls/key", "s has no entry for it"),
            ("/etc/ca/other", "ConfigMap apps/m has no key other"),
            ("/etc/gone/x", "Secret apps/gone does not exist"),
            ("/elsewhere", "no Secret or ConfigMap is mounted there"),
        ] {
            let problem = read(path).expect_err(path);
            assert!(problem.contains(expected), "{problem}");
        }
    }
}
