//! Which fields of an object the model reads, so that the others can be named.

use serde_json::Value;

/// The part of an object the model reads.
pub(super) enum Shape {
    /// Read whole, whatever is in it.
    Whole,
    /// An object with these fields.
    Fields(&'static [(&'static str, Shape)]),
    /// A list of such elements.
    List(&'static Shape),
}

/// Paths of fields that are present but not read. Empty lists, objects and nulls ask for nothing.
pub(super) fn unread_fields(value: Option<&Value>, shape: &Shape) -> Vec<String> {
    let mut unread = Vec::new();
    if let Some(value) = value {
        walk(value, shape, "", &mut unread);
    }
    unread
}

fn walk(value: &Value, shape: &Shape, path: &str, unread: &mut Vec<String>) {
    match (shape, value) {
        (Shape::Fields(fields), Value::Object(object)) => {
            for (key, inner) in object {
                let here = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                match fields.iter().find(|(name, _)| name == key) {
                    Some((_, shape)) => walk(inner, shape, &here, unread),
                    None if inner.is_null() => {}
                    None => unread.push(here),
                }
            }
        }
        (Shape::List(element), Value::Array(items)) => {
            for (index, item) in items.iter().enumerate() {
                walk(item, element, &format!("{path}[{index}]"), unread);
            }
        }
        (Shape::Whole | Shape::Fields(_) | Shape::List(_), _) => {}
    }
}
