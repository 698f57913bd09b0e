//! Which keywords of a schema the checker does not look at.
//!
//! The checker must never silently ignore a rule that an editor would show; this finds such rules.

use serde_json::Value;

/// Keywords that the checker enforces.
const ENFORCED: &[&str] = &[
    "$ref",
    "$defs",
    "type",
    "properties",
    "required",
    "additionalProperties",
    "propertyNames",
    "minProperties",
    "items",
    "minItems",
    "enum",
    "const",
    "oneOf",
    "anyOf",
    "minimum",
    "maximum",
    "exclusiveMinimum",
    "minLength",
    "format",
];

/// Keywords that say nothing about what is accepted, or repeat a `format` for editors.
const INFORMATIVE: &[&str] =
    &["$schema", "$id", "title", "description", "default", "examples", "pattern", "x-null"];

/// The keywords in a schema that [`check`](super::check) ignores, as JSON pointers.
pub fn unsupported(schema: &Value) -> Vec<String> {
    let mut found = Vec::new();
    walk(schema, "", &mut found);
    found
}

fn walk(schema: &Value, path: &str, found: &mut Vec<String>) {
    let Some(object) = schema.as_object() else { return };
    for (keyword, value) in object {
        let here = format!("{path}/{keyword}");
        match keyword.as_str() {
            "properties" | "$defs" => {
                for (name, schema) in value.as_object().into_iter().flatten() {
                    walk(schema, &format!("{here}/{name}"), found);
                }
            }
            "items" | "additionalProperties" | "propertyNames" => walk(value, &here, found),
            "oneOf" | "anyOf" => {
                for (index, schema) in value.as_array().into_iter().flatten().enumerate() {
                    walk(schema, &format!("{here}/{index}"), found);
                }
            }
            other if ENFORCED.contains(&other) || INFORMATIVE.contains(&other) => {}
            _ => found.push(here),
        }
    }
}
