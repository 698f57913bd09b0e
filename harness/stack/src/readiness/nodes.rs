//! Whether the nodes are ready. Pure.

use serde_json::Value;

/// What is missing until at least `expected` nodes are there and all are ready; `None` when nothing
/// is.
pub(crate) fn missing(nodes: &[Value], expected: usize) -> Option<String> {
    if nodes.len() < expected {
        return Some(format!("{} of {expected} nodes are registered", nodes.len()));
    }
    let unready: Vec<String> = nodes.iter().filter_map(unready).collect();
    match unready.as_slice() {
        [] => None,
        [only] => Some(only.clone()),
        [first, rest @ ..] => Some(format!("{first} (and {} more)", rest.len())),
    }
}

fn unready(node: &Value) -> Option<String> {
    let name = node.pointer("/metadata/name").and_then(Value::as_str).unwrap_or("?");
    let ready = node
        .pointer("/status/conditions")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .find(|condition| condition.get("type").and_then(Value::as_str) == Some("Ready"));
    let text = |key: &str| ready.and_then(|ready| ready.get(key)?.as_str()).unwrap_or_default();
    match text("status") {
        "True" => None,
        "" => Some(format!("node {name} has not told whether it is ready")),
        status => Some(format!("node {name} is not ready ({status}: {})", text("message"))),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::missing;

    fn node(name: &str, ready: &str) -> Value {
        json!({"metadata": {"name": name}, "status": {"conditions": [
            {"type": "DiskPressure", "status": "False"},
            {"type": "Ready", "status": ready, "message": "cni plugin not initialized"}]}})
    }

    #[test]
    fn nodes_are_ready_when_all_that_are_expected_say_so() {
        let (good, bad) = (node("a", "True"), node("b", "False"));
        let alone = std::slice::from_ref(&good);
        assert_eq!(missing(alone, 1), None);
        assert_eq!(missing(alone, 2).expect("one"), "1 of 2 nodes are registered");
        let told = missing(&[good, bad.clone(), bad], 2).expect("two are not");
        assert_eq!(told, "node b is not ready (False: cni plugin not initialized) (and 1 more)");
        let untold = missing(&[json!({"metadata": {"name": "c"}})], 1).expect("untold");
        assert_eq!(untold, "node c has not told whether it is ready");
    }
}
