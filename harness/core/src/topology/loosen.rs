//! Where kind is more tolerant than a schema: null for a known key is the same as no key, and a
//! number or a truth value where text belongs is its own text.
//!
//! kind decodes with go-yaml, which does both (go.yaml.in/yaml v3: `decode.go`).

use serde_json::Value;

use crate::source::tree::{Content, Entry, Node, Place};

/// What becomes of keys that the schema does not know.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Unknown {
    /// They stay, so that they can be told.
    Keep,
    /// They go, so that the rest can be decoded, and what is wrong with it told as well.
    Drop,
}

/// The same document as kind would understand it.
pub(super) fn loosen(place: Place<'_>, schema: &Value, unknown: Unknown) -> Option<Node> {
    let loose = Loose { place, root: schema, unknown };
    Some(loose.node(place.node()?, schema))
}

struct Loose<'a> {
    place: Place<'a>,
    root: &'a Value,
    unknown: Unknown,
}

impl Loose<'_> {
    fn node(&self, node: &Node, schema: &Value) -> Node {
        let schema = self.resolve(schema);
        let content = match &node.content {
            Content::Mapping(entries) => {
                let entries = entries.iter().filter_map(|entry| self.entry(entry, schema));
                Content::Mapping(entries.collect())
            }
            Content::Sequence(items) => {
                let inner = schema.get("items").unwrap_or(&Value::Null);
                Content::Sequence(items.iter().map(|item| self.node(item, inner)).collect())
            }
            Content::Bool(_) | Content::Number(_)
                if schema.get("type").is_some_and(|kind| kind == "string") =>
            {
                Content::Text(self.place.pointing_at(node.span).written().to_owned())
            }
            other => other.clone(),
        };
        Node { span: node.span, content }
    }

    fn entry(&self, entry: &Entry, schema: &Value) -> Option<Entry> {
        let known = schema.get("properties").and_then(|known| known.get(&entry.key));
        if known.is_some() && entry.value.content == Content::Null {
            return None;
        }
        let other = schema.get("additionalProperties");
        if known.is_none() && other == Some(&Value::Bool(false)) && self.unknown == Unknown::Drop {
            return None;
        }
        let inner = known.or(other).unwrap_or(&Value::Null);
        Some(Entry { value: self.node(&entry.value, inner), ..entry.clone() })
    }

    fn resolve<'s>(&'s self, schema: &'s Value) -> &'s Value {
        let reference = schema.get("$ref").and_then(Value::as_str);
        let target = reference
            .and_then(|reference| reference.strip_prefix('#'))
            .and_then(|pointer| self.root.pointer(pointer));
        target.map_or(schema, |target| self.resolve(target))
    }
}
