//! Strategic merge patches: lists of built-in kinds are merged by a key.
//!
//! kubectl makes them of `kubectl apply`, `edit`, `patch` and `rollout restart`. The keys are those
//! of the Go types' `patchMergeKey` tags (k8s.io/api v0.33); a list without one is replaced. The
//! directives `$patch`, `$retainKeys`, `$deleteFromPrimitiveList` and `$setElementOrder` are obeyed
//! (apimachinery v0.33: `pkg/util/strategicpatch/patch.go`).

use serde_json::{Map, Value};

/// Lists with a merge key: the field that holds the list, what it is below of, and the key.
const KEYS: &[(&str, Below, &str)] = &[
    ("containers", Below::Anything, "name"),
    ("initContainers", Below::Anything, "name"),
    ("ephemeralContainers", Below::Anything, "name"),
    ("ports", Below::Field("containers"), "containerPort"),
    ("ports", Below::Field("initContainers"), "containerPort"),
    ("ports", Below::Field("spec"), "port"),
    ("env", Below::Anything, "name"),
    ("volumes", Below::Anything, "name"),
    ("volumeMounts", Below::Anything, "mountPath"),
    ("volumeDevices", Below::Anything, "devicePath"),
    ("imagePullSecrets", Below::Anything, "name"),
    ("secrets", Below::Anything, "name"),
    ("hostAliases", Below::Anything, "ip"),
    ("podIPs", Below::Anything, "ip"),
    ("hostIPs", Below::Anything, "ip"),
    ("topologySpreadConstraints", Below::Anything, "topologyKey"),
    ("schedulingGates", Below::Anything, "name"),
    ("resourceClaims", Below::Anything, "name"),
    ("conditions", Below::Field("status"), "type"),
    ("addresses", Below::Field("status"), "type"),
    ("ownerReferences", Below::Field("metadata"), "uid"),
];

/// Lists of plain values that are merged as sets.
const SETS: &[&str] = &["finalizers", "podCIDRs"];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Below {
    Anything,
    /// The nearest field above.
    Field(&'static str),
}

/// Merges a patch into an object.
pub(super) fn merge(object: &mut Value, patch: &Value) {
    merge_at(object, patch, "");
}

fn merge_at(live: &mut Value, patch: &Value, above: &str) {
    let Value::Object(patch) = patch else {
        *live = patch.clone();
        return;
    };
    match patch.get("$patch").and_then(Value::as_str) {
        Some("replace") => {
            *live = without_directives(&Value::Object(patch.clone()));
            return;
        }
        Some("delete") => {
            *live = Value::Object(Map::new());
            return;
        }
        _ => {}
    }
    if !live.is_object() {
        *live = Value::Object(Map::new());
    }
    let fields = live.as_object_mut().expect("it was made an object above");
    if let Some(kept) = patch.get("$retainKeys").and_then(Value::as_array) {
        fields.retain(|name, _| kept.iter().any(|one| one.as_str() == Some(name)));
    }
    for (name, value) in patch {
        if let Some(list) = name.strip_prefix("$deleteFromPrimitiveList/") {
            let gone = value.as_array().map(Vec::as_slice).unwrap_or_default();
            if let Some(list) = fields.get_mut(list).and_then(Value::as_array_mut) {
                list.retain(|entry| !gone.contains(entry));
            }
        } else if !name.starts_with('$') {
            merge_field(fields, name, value, above);
        }
    }
    for (name, order) in patch {
        if let Some(list) = name.strip_prefix("$setElementOrder/")
            && let Some(order) = order.as_array()
            && let Some(entries) = fields.get_mut(list).and_then(Value::as_array_mut)
        {
            sort(entries, order, key_of(list, above));
        }
    }
}

fn merge_field(fields: &mut Map<String, Value>, name: &str, value: &Value, above: &str) {
    match value {
        Value::Null => {
            fields.remove(name);
        }
        Value::Object(_) => {
            merge_at(fields.entry(name).or_insert(Value::Null), value, name);
        }
        Value::Array(changes) => {
            let list = fields.entry(name).or_insert_with(|| Value::Array(Vec::new()));
            match (key_of(name, above), list) {
                (Some(key), Value::Array(entries)) => merge_list(entries, changes, key, name),
                (None, Value::Array(entries)) if SETS.contains(&name) => {
                    let new = changes.iter().filter(|value| !entries.contains(value));
                    let new: Vec<_> = new.cloned().collect();
                    entries.extend(new);
                }
                (_, list) => *list = without_directives(value),
            }
        }
        plain => {
            fields.insert(name.to_owned(), plain.clone());
        }
    }
}

fn merge_list(entries: &mut Vec<Value>, changes: &[Value], key: &str, name: &str) {
    let directive = |change: &Value| change["$patch"].as_str().map(str::to_owned);
    // A directive without a key is about the whole list.
    if changes
        .iter()
        .any(|change| directive(change).as_deref() == Some("replace") && change.get(key).is_none())
    {
        entries.clear();
    }
    for change in changes {
        let Some(wanted) = change.get(key) else { continue };
        let position = entries.iter().position(|entry| entry.get(key) == Some(wanted));
        match (directive(change).as_deref(), position) {
            (Some("delete"), Some(position)) => {
                entries.remove(position);
            }
            (Some("delete"), None) => {}
            (_, Some(position)) => merge_at(&mut entries[position], change, name),
            (_, None) => {
                let mut new = Value::Null;
                merge_at(&mut new, change, name);
                entries.push(new);
            }
        }
    }
}

/// Entries that the order names come first, in its order; the others keep theirs.
fn sort(entries: &mut [Value], order: &[Value], key: Option<&str>) {
    let identity = |entry: &Value| match key {
        Some(key) => entry.get(key).cloned().unwrap_or_default(),
        None => entry.clone(),
    };
    let places: Vec<Value> = order.iter().map(identity).collect();
    entries.sort_by_key(|entry| {
        let identity = identity(entry);
        places.iter().position(|place| *place == identity).unwrap_or(places.len())
    });
}

fn key_of(list: &str, above: &str) -> Option<&'static str> {
    let fits = |below: Below| match below {
        Below::Anything => true,
        Below::Field(field) => field == above,
    };
    KEYS.iter().find(|(name, below, _)| *name == list && fits(*below)).map(|(_, _, key)| *key)
}

/// A new value has nothing that its directives could be about.
fn without_directives(value: &Value) -> Value {
    match value {
        Value::Object(fields) => fields
            .iter()
            .filter(|(name, _)| !name.starts_with('$'))
            .map(|(name, value)| (name.clone(), without_directives(value)))
            .collect::<Map<_, _>>()
            .into(),
        Value::Array(entries) => entries
            .iter()
            .filter(|entry| entry.get("$patch").is_none())
            .map(without_directives)
            .collect(),
        plain => plain.clone(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::merge;

    fn merged(mut object: Value, patch: &Value) -> Value {
        merge(&mut object, patch);
        object
    }

    #[test]
    fn patches_of_built_in_kinds_do_what_kubectl_means() {
        let pod = |containers: Value| json!({"spec": {"containers": containers}});
        for (what, live, patch, expected) in [
            (
                "a container is found by its name",
                pod(json!([{"name": "a", "image": "1"}, {"name": "b", "image": "1"}])),
                pod(json!([{"name": "b", "image": "2"}])),
                pod(json!([{"name": "a", "image": "1"}, {"name": "b", "image": "2"}])),
            ),
            (
                "a container goes by directive, an unknown one without a word",
                pod(json!([{"name": "a"}, {"name": "b"}])),
                pod(json!([{"name": "a", "$patch": "delete"}, {"name": "x", "$patch": "delete"}])),
                pod(json!([{"name": "b"}])),
            ),
            (
                "ports of containers and of Services have different keys",
                pod(json!([{"name": "a", "ports": [{"containerPort": 1, "port": 9}]}])),
                pod(json!([{"name": "a", "ports": [{"containerPort": 1, "name": "x"}]}])),
                pod(
                    json!([{"name": "a", "ports": [{"containerPort": 1, "port": 9, "name": "x"}]}]),
                ),
            ),
            (
                "ports of a Service are found by port and put into order",
                json!({"spec": {"ports": [{"port": 80, "nodePort": 30080}, {"port": 81}]}}),
                json!({"spec": {"$setElementOrder/ports": [{"port": 443}, {"port": 80}],
                    "ports": [{"port": 443}, {"port": 81, "$patch": "delete"}]}}),
                json!({"spec": {"ports": [{"port": 443}, {"port": 80, "nodePort": 30080}]}}),
            ),
            (
                "a list without a key is replaced",
                json!({"subsets": [{"ports": [{"port": 1}]}], "args": ["a"]}),
                json!({"subsets": [{"ports": [{"port": 2}]}], "args": ["b"]}),
                json!({"subsets": [{"ports": [{"port": 2}]}], "args": ["b"]}),
            ),
            (
                "null removes, and what is not named stays",
                json!({"metadata": {"labels": {"a": "1", "b": "2"}}}),
                json!({"metadata": {"labels": {"a": null}}}),
                json!({"metadata": {"labels": {"b": "2"}}}),
            ),
            (
                "only the keys to retain stay",
                json!({"spec": {"strategy": {"type": "RollingUpdate", "rollingUpdate": {}}}}),
                json!({"spec": {"strategy": {"$retainKeys": ["type"], "type": "Recreate"}}}),
                json!({"spec": {"strategy": {"type": "Recreate"}}}),
            ),
            (
                "finalizers are a set",
                json!({"metadata": {"finalizers": ["a", "b"]}}),
                json!({"metadata": {"$deleteFromPrimitiveList/finalizers": ["a"],
                    "finalizers": ["b", "c"]}}),
                json!({"metadata": {"finalizers": ["b", "c"]}}),
            ),
            (
                "a map is replaced by directive",
                json!({"spec": {"selector": {"a": "1"}}}),
                json!({"spec": {"selector": {"$patch": "replace", "b": "2"}}}),
                json!({"spec": {"selector": {"b": "2"}}}),
            ),
            (
                "a list is replaced by directive",
                pod(json!([{"name": "a"}, {"name": "b"}])),
                pod(json!([{"$patch": "replace"}, {"name": "c"}])),
                pod(json!([{"name": "c"}])),
            ),
        ] {
            assert_eq!(merged(live, &patch), expected, "{what}");
        }
    }
}
