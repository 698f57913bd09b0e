//! Which pods run a configuration that has been changed since. Pure.
//!
//! Cilium reads its ConfigMap when a pod starts and never again, and Helm starts nothing again
//! because of it (cilium/charts 1.18.12 `templates/cilium-agent/daemonset.yaml`: an init container
//! copies the ConfigMap). So a pod that is older than the last change of what it reads is stale.

use serde_json::Value;

/// When an object was last written, other than its status, by the clock of the API server: the
/// newest time among its field managers, else its creation.
pub(crate) fn changed(object: &Value) -> Option<&str> {
    object
        .pointer("/metadata/managedFields")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter(|entry| entry.get("subresource").is_none())
        .filter_map(|entry| entry.get("time")?.as_str())
        .max()
        .or_else(|| created(object))
}

/// When an object was created, by the clock of the API server.
pub(crate) fn created(object: &Value) -> Option<&str> {
    object.pointer("/metadata/creationTimestamp")?.as_str()
}

/// The pods that were created before one of `sources` was last changed, each with its name.
///
/// Times have whole seconds; a pod of the same second counts as new, because charts write
/// ConfigMaps before the workloads that read them. Texts such as `2026-01-01T00:00:00Z` compare as
/// the times do.
pub(crate) fn stale<'p>(pods: &'p [Value], sources: &[Value]) -> Vec<&'p str> {
    let Some(changed) = sources.iter().filter_map(changed).max() else { return Vec::new() };
    pods.iter()
        .filter(|pod| created(pod).is_some_and(|created| created < changed))
        .filter_map(|pod| pod.pointer("/metadata/name")?.as_str())
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::stale;

    fn pod(name: &str, second: u32) -> Value {
        json!({"metadata": {"name": name, "creationTimestamp": time(second)}})
    }

    fn time(second: u32) -> String {
        format!("2026-01-01T00:00:{second:02}Z")
    }

    #[test]
    fn a_pod_is_stale_when_what_it_reads_was_changed_after_it_was_created() {
        let source = json!({"metadata": {"creationTimestamp": time(1), "managedFields": [
            {"manager": "helm", "time": time(20)},
            {"manager": "kube-apiserver", "subresource": "status", "time": time(50)}]}});
        let pods = [pod("old", 10), pod("same", 20), pod("new", 30)];
        assert_eq!(stale(&pods, std::slice::from_ref(&source)), ["old"]);
        let older = json!({"metadata": {"creationTimestamp": time(5)}});
        assert!(stale(&pods, std::slice::from_ref(&older)).is_empty());
        assert_eq!(stale(&pods, &[older, source]), ["old"], "the newest change counts");
        assert!(stale(&pods, &[]).is_empty(), "nothing that it reads is there");
    }
}
