//! Reading and building Kubernetes objects kept as JSON.
//!
//! Missing and mistyped fields read as absent: the API server has validated what it stored, and a
//! controller treats an absent field as its default.

use std::collections::BTreeMap;

use ring::digest::{SHA256, digest};
use serde_json::{Map, Value, json};

use super::kind::KindName;

/// The text at a JSON pointer.
pub(crate) fn text<'a>(object: &'a Value, pointer: &str) -> Option<&'a str> {
    object.pointer(pointer).and_then(Value::as_str)
}

/// The list at a JSON pointer; empty when absent.
pub(crate) fn items<'a>(object: &'a Value, pointer: &str) -> &'a [Value] {
    object.pointer(pointer).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// The port number at a JSON pointer.
pub(crate) fn port(object: &Value, pointer: &str) -> Option<u16> {
    object.pointer(pointer).and_then(Value::as_u64).and_then(|port| u16::try_from(port).ok())
}

/// `metadata.name`; empty when absent.
pub(crate) fn name(object: &Value) -> &str {
    text(object, "/metadata/name").unwrap_or_default()
}

/// `metadata.namespace`.
pub(crate) fn namespace(object: &Value) -> Option<&str> {
    text(object, "/metadata/namespace")
}

/// `metadata.uid`.
pub(crate) fn uid(object: &Value) -> Option<&str> {
    text(object, "/metadata/uid")
}

/// The group and kind of an object.
pub(crate) fn group_kind(object: &Value) -> (&str, &str) {
    let api_version = text(object, "/apiVersion").unwrap_or_default();
    let group = api_version.split_once('/').map_or("", |(group, _)| group);
    (group, text(object, "/kind").unwrap_or_default())
}

/// How messages name an object: `Gateway gateway/shared`.
pub(crate) fn title(object: &Value) -> String {
    let (_, kind) = group_kind(object);
    match namespace(object) {
        Some(namespace) => format!("{kind} {namespace}/{}", name(object)),
        None => format!("{kind} {}", name(object)),
    }
}

/// The map of texts at a JSON pointer, such as labels; other values are left out.
pub(crate) fn texts(object: &Value, pointer: &str) -> BTreeMap<String, String> {
    object
        .pointer(pointer)
        .and_then(Value::as_object)
        .into_iter()
        .flatten()
        .filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned())))
        .collect()
}

/// An annotation.
pub(crate) fn annotation<'a>(object: &'a Value, key: &str) -> Option<&'a str> {
    object.pointer("/metadata/annotations")?.get(key)?.as_str()
}

/// A label.
pub(crate) fn label<'a>(object: &'a Value, key: &str) -> Option<&'a str> {
    object.pointer("/metadata/labels")?.get(key)?.as_str()
}

/// Whether the labels contain everything in `wanted`.
pub(crate) fn has_labels(object: &Value, wanted: &BTreeMap<String, String>) -> bool {
    wanted.iter().all(|(key, value)| label(object, key) == Some(value))
}

/// The condition of a type in `status.conditions`.
pub(crate) fn condition<'a>(object: &'a Value, kind: &str) -> Option<&'a Value> {
    items(object, "/status/conditions").iter().find(|c| text(c, "/type") == Some(kind))
}

/// Whether a condition of a type is `True`.
pub(crate) fn is_true(object: &Value, kind: &str) -> bool {
    condition(object, kind).and_then(|c| text(c, "/status")) == Some("True")
}

/// Whether deletion has begun.
pub(crate) fn is_going(object: &Value) -> bool {
    object.pointer("/metadata/deletionTimestamp").is_some_and(|time| !time.is_null())
}

/// The controlling owner's reference.
pub(crate) fn controller_of(object: &Value) -> Option<&Value> {
    items(object, "/metadata/ownerReferences")
        .iter()
        .find(|owner| owner.get("controller").and_then(Value::as_bool) == Some(true))
}

/// Whether `owner` controls `object`, by uid.
pub(crate) fn is_controlled_by(object: &Value, owner: &Value) -> bool {
    let owner = uid(owner);
    owner.is_some() && controller_of(object).and_then(|reference| text(reference, "/uid")) == owner
}

/// A reference that makes `owner` the controller of another object.
pub(crate) fn controller_reference(owner: &Value) -> Value {
    json!({
        "apiVersion": text(owner, "/apiVersion"),
        "kind": text(owner, "/kind"),
        "name": name(owner),
        "uid": uid(owner),
        "controller": true,
        "blockOwnerDeletion": true,
    })
}

/// An object with nothing but its identity.
pub(crate) fn skeleton(kind: KindName, namespace: Option<&str>, name: &str) -> Value {
    let mut metadata = Map::new();
    metadata.insert("name".to_owned(), name.into());
    if let Some(namespace) = namespace {
        metadata.insert("namespace".to_owned(), namespace.into());
    }
    json!({"apiVersion": kind.api_version(), "kind": kind.kind, "metadata": metadata})
}

/// The identity of an object, as the start of another write to it.
pub(crate) fn identity(object: &Value) -> Value {
    let mut metadata = Map::new();
    metadata.insert("name".to_owned(), name(object).into());
    if let Some(namespace) = namespace(object) {
        metadata.insert("namespace".to_owned(), namespace.into());
    }
    json!({
        "apiVersion": text(object, "/apiVersion"),
        "kind": text(object, "/kind"),
        "metadata": metadata,
    })
}

/// A short stable suffix made from some text, in the alphabet that Kubernetes uses for names
/// (kubernetes/apimachinery `pkg/util/rand`: no vowels, so that no words appear).
pub(crate) fn suffix(of: &str, length: usize) -> String {
    const ALPHABET: &[u8] = b"bcdfghjklmnpqrstvwxz2456789";
    digest(&SHA256, of.as_bytes())
        .as_ref()
        .iter()
        .cycle()
        .take(length)
        .map(|byte| char::from(ALPHABET[usize::from(*byte) % ALPHABET.len()]))
        .collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::json;

    use super::{group_kind, has_labels, is_controlled_by, suffix, title};

    #[test]
    fn core_objects_have_an_empty_group() {
        assert_eq!(group_kind(&json!({"apiVersion": "v1", "kind": "Pod"})), ("", "Pod"));
        let route = json!({"apiVersion": "gateway.networking.k8s.io/v1", "kind": "HTTPRoute"});
        assert_eq!(group_kind(&route), ("gateway.networking.k8s.io", "HTTPRoute"));
    }

    #[test]
    fn an_owner_of_the_same_name_but_another_uid_does_not_control() {
        let owner = json!({"metadata": {"name": "a", "uid": "1"}});
        let with_owner = |uid: &str| json!({"metadata": {"ownerReferences": [{"name": "a", "uid": uid, "controller": true}]}});
        assert!(is_controlled_by(&with_owner("1"), &owner));
        assert!(!is_controlled_by(&with_owner("2"), &owner));
        let plain = json!({"metadata": {"ownerReferences": [{"name": "a", "uid": "1"}]}});
        assert!(!is_controlled_by(&plain, &owner), "a plain owner is no controller");
    }

    #[test]
    fn labels_must_all_be_there() {
        let object = json!({"metadata": {"labels": {"app": "a", "tier": "b"}}});
        let wanted = |pairs: &[(&str, &str)]| -> BTreeMap<String, String> {
            pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect()
        };
        assert!(has_labels(&object, &wanted(&[("app", "a")])));
        assert!(!has_labels(&object, &wanted(&[("app", "a"), ("tier", "c")])));
    }

    #[test]
    fn suffixes_are_stable_and_differ() {
        assert_eq!(suffix("web", 5), suffix("web", 5));
        assert_ne!(suffix("web", 5), suffix("api", 5));
        assert_eq!(suffix("web", 40).len(), 40);
    }

    #[test]
    fn titles_name_the_namespace_only_where_there_is_one() {
        let node = json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": "worker"}});
        assert_eq!(title(&node), "Node worker");
        let pod =
            json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p", "namespace": "n"}});
        assert_eq!(title(&pod), "Pod n/p");
    }
}
