//! Structural schemas: pruning, defaults, and what an object breaks.
//!
//! Messages have the substance of a real API server's (kube-openapi and apiextensions v0.33:
//! `pkg/validation/validate`, `pkg/apiserver/schema`). Formats are not checked.

use regex::Regex;
use serde_json::{Map, Value, json};

use crate::api::error::Cause;

const PRESERVE: &str = "x-kubernetes-preserve-unknown-fields";

/// Removes fields the schema does not have, and null where it is not allowed; the paths of the
/// unknown fields.
pub(in crate::api) fn prune(object: &mut Value, schema: &Value) -> Vec<String> {
    let mut removed = Vec::new();
    let kept = ["apiVersion", "kind", "metadata"];
    prune_at(object, schema, "", &kept, &mut removed);
    removed
}

fn prune_at(
    value: &mut Value,
    schema: &Value,
    path: &str,
    kept: &[&str],
    removed: &mut Vec<String>,
) {
    match value {
        Value::Object(fields) => {
            let preserve = schema[PRESERVE] == true;
            let own = ["apiVersion", "kind", "metadata"];
            let kept =
                if schema["x-kubernetes-embedded-resource"] == true { &own[..] } else { kept };
            fields.retain(|name, field| {
                let at = join(path, name);
                let known = schema["properties"].get(name);
                let shape = known.or_else(|| match schema.get("additionalProperties") {
                    Some(shape) if shape != &Value::Bool(false) => Some(shape),
                    _ => None,
                });
                match shape {
                    Some(shape) => {
                        if field.is_null() && shape["nullable"] != true && shape.is_object() {
                            return false;
                        }
                        if !kept.contains(&name.as_str()) {
                            prune_at(field, shape, &at, &[], removed);
                        }
                        true
                    }
                    None if preserve || kept.contains(&name.as_str()) => true,
                    None => {
                        removed.push(at);
                        false
                    }
                }
            });
        }
        Value::Array(entries) => {
            for (index, entry) in entries.iter_mut().enumerate() {
                prune_at(entry, &schema["items"], &format!("{path}[{index}]"), &[], removed);
            }
        }
        _ => {}
    }
}

/// Fills in what the schema says should be there.
pub(in crate::api) fn default(value: &mut Value, schema: &Value) {
    match value {
        Value::Object(fields) => {
            for (name, shape) in schema["properties"].as_object().into_iter().flatten() {
                if let Some(default) = shape.get("default")
                    && !fields.contains_key(name)
                {
                    fields.insert(name.clone(), default.clone());
                }
            }
            for (name, field) in fields.iter_mut() {
                let shape = schema["properties"].get(name);
                if let Some(shape) = shape.or(schema.get("additionalProperties")) {
                    default(field, shape);
                }
            }
        }
        Value::Array(entries) => {
            for entry in entries {
                default(entry, &schema["items"]);
            }
        }
        _ => {}
    }
}

/// What an object breaks.
pub(in crate::api) fn problems(object: &Value, schema: &Value) -> Vec<Cause> {
    let mut causes = Vec::new();
    check(object, schema, "", &mut causes);
    causes
}

fn check(value: &Value, schema: &Value, path: &str, causes: &mut Vec<Cause>) {
    if value.is_null() && schema["nullable"] == true {
        return;
    }
    if let Some(wrong) = wrong_type(value, schema) {
        let found = type_name(value);
        causes.push(cause(
            "FieldValueTypeInvalid",
            path,
            format!(
                "Invalid value: \"{found}\": {path} in body must be of type {wrong}: \"{found}\""
            ),
        ));
        return;
    }
    if let Some(choices) = schema["enum"].as_array()
        && !choices.contains(value)
    {
        let choices: Vec<String> = choices.iter().map(Value::to_string).collect();
        causes.push(cause(
            "FieldValueNotSupported",
            path,
            format!("Unsupported value: {value}: supported values: {}", choices.join(", ")),
        ));
    }
    match value {
        Value::String(text) => check_text(text, schema, path, causes),
        Value::Number(_) => check_number(value, schema, path, causes),
        Value::Array(entries) => check_list(entries, schema, path, causes),
        Value::Object(fields) => check_object(fields, schema, path, causes),
        Value::Null | Value::Bool(_) => {}
    }
    check_junctors(value, schema, path, causes);
}

fn wrong_type(value: &Value, schema: &Value) -> Option<String> {
    if schema["x-kubernetes-int-or-string"] == true {
        let fits = value.is_string() || value.is_i64() || value.is_u64();
        return (!fits).then(|| "integer or string".to_owned());
    }
    let wanted = schema["type"].as_str()?;
    let fits = match wanted {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "integer" => value.as_f64().is_some_and(|number| number.fract() == 0.0),
        "number" => value.is_number(),
        _ => true,
    };
    (!fits).then(|| wanted.to_owned())
}

fn check_text(text: &str, schema: &Value, path: &str, causes: &mut Vec<Cause>) {
    let length = text.chars().count() as u64;
    if let Some(most) = schema["maxLength"].as_u64()
        && length > most
    {
        let message = format!("Too long: may not be more than {most} bytes");
        causes.push(cause("FieldValueTooLong", path, message));
    }
    if let Some(least) = schema["minLength"].as_u64()
        && length < least
    {
        let should = format!("{path} in body should be at least {least} chars long");
        causes.push(invalid(path, &json!(text), &should));
    }
    if let Some(pattern) = schema["pattern"].as_str() {
        // A pattern that cannot be read lets nothing pass: nobody knows what it would accept.
        let fits = Regex::new(pattern).is_ok_and(|pattern| pattern.is_match(text));
        if !fits {
            let should = format!("{path} in body should match '{pattern}'");
            causes.push(invalid(path, &json!(text), &should));
        }
    }
}

fn check_number(value: &Value, schema: &Value, path: &str, causes: &mut Vec<Cause>) {
    let Some(number) = value.as_f64() else { return };
    for (bound, exclusive, less, word) in [
        ("minimum", "exclusiveMinimum", true, "greater than"),
        ("maximum", "exclusiveMaximum", false, "less than"),
    ] {
        let Some(limit) = schema[bound].as_f64() else { continue };
        let strict = schema[exclusive] == true;
        let outside = if less { number < limit } else { number > limit };
        let on_edge = strict && (number - limit).abs() < f64::EPSILON;
        if outside || on_edge {
            let or = if strict { "" } else { " or equal to" };
            let should = format!("{path} in body should be {word}{or} {}", schema[bound]);
            causes.push(invalid(path, value, &should));
        }
    }
}

fn check_list(entries: &[Value], schema: &Value, path: &str, causes: &mut Vec<Cause>) {
    let count = entries.len() as u64;
    if let Some(most) = schema["maxItems"].as_u64()
        && count > most
    {
        let message = format!("Too many: {count}: must have at most {most} items");
        causes.push(cause("FieldValueTooMany", path, message));
    }
    if let Some(least) = schema["minItems"].as_u64()
        && count < least
    {
        let should = format!("{path} in body should have at least {least} items");
        causes.push(invalid(path, &json!(count), &should));
    }
    let keys = schema["x-kubernetes-list-map-keys"].as_array();
    let identity = |entry: &Value| match (schema["x-kubernetes-list-type"].as_str(), keys) {
        (Some("map"), Some(keys)) => {
            let of = |key: &Value| {
                let key = key.as_str().unwrap_or_default();
                Some((key.to_owned(), entry.get(key)?.clone()))
            };
            Some(Value::Object(keys.iter().filter_map(of).collect()))
        }
        (Some("set"), _) => Some(entry.clone()),
        _ if schema["uniqueItems"] == true => Some(entry.clone()),
        _ => None,
    };
    let mut seen: Vec<Value> = Vec::new();
    for (index, entry) in entries.iter().enumerate() {
        let at = format!("{path}[{index}]");
        if let Some(identity) = identity(entry) {
            if seen.contains(&identity) {
                let message = format!("Duplicate value: {identity}");
                causes.push(cause("FieldValueDuplicate", &at, message));
            }
            seen.push(identity);
        }
        check(entry, &schema["items"], &at, causes);
    }
}

fn check_object(fields: &Map<String, Value>, schema: &Value, path: &str, causes: &mut Vec<Cause>) {
    for name in schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        if !fields.contains_key(name) {
            causes.push(cause(
                "FieldValueRequired",
                &join(path, name),
                "Required value".to_owned(),
            ));
        }
    }
    let count = fields.len() as u64;
    if let Some(most) = schema["maxProperties"].as_u64()
        && count > most
    {
        let message = format!("Too many: {count}: must have at most {most} items");
        causes.push(cause("FieldValueTooMany", path, message));
    }
    if let Some(least) = schema["minProperties"].as_u64()
        && count < least
    {
        let should = format!("{path} in body should have at least {least} properties");
        causes.push(invalid(path, &json!(count), &should));
    }
    for (name, field) in fields {
        let shape = schema["properties"].get(name).or(schema.get("additionalProperties"));
        if let Some(shape) = shape.filter(|shape| shape.is_object()) {
            check(field, shape, &join(path, name), causes);
        }
    }
}

fn check_junctors(value: &Value, schema: &Value, path: &str, causes: &mut Vec<Cause>) {
    let holds = |shape: &Value| {
        let mut found = Vec::new();
        check(value, shape, path, &mut found);
        found.is_empty()
    };
    let shapes = |name: &str| schema[name].as_array().map(Vec::as_slice).unwrap_or_default();
    for shape in shapes("allOf") {
        check(value, shape, path, causes);
    }
    let (any, one) = (shapes("anyOf"), shapes("oneOf"));
    if !any.is_empty() && !any.iter().any(holds) {
        let should = format!("{path} in body must validate at least one schema (anyOf)");
        causes.push(invalid(path, &json!(type_name(value)), &should));
    }
    if !one.is_empty() && one.iter().filter(|shape| holds(shape)).count() != 1 {
        let should = format!("{path} in body must validate one and only one schema (oneOf)");
        causes.push(invalid(path, &json!(type_name(value)), &should));
    }
    if schema["not"].is_object() && holds(&schema["not"]) {
        let should = format!("{path} in body must not validate the schema (not)");
        causes.push(invalid(path, &json!(type_name(value)), &should));
    }
}

fn type_name(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_f64() => "number",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

fn join(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}

fn invalid(path: &str, value: &Value, should: &str) -> Cause {
    cause("FieldValueInvalid", path, format!("Invalid value: {value}: {should}"))
}

fn cause(reason: &'static str, path: &str, message: String) -> Cause {
    Cause { reason, message, field: path.to_owned() }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{default, problems, prune};

    fn schema() -> Value {
        json!({"type": "object", "required": ["spec"], "properties": {"spec": {
            "type": "object",
            "properties": {
                "mode": {"type": "string", "enum": ["A", "B"], "default": "A"},
                "name": {"type": "string", "minLength": 1, "maxLength": 3, "pattern": "^[a-z]*$"},
                "port": {"type": "integer", "minimum": 1, "maximum": 65535},
                "target": {"x-kubernetes-int-or-string": true},
                "listeners": {"type": "array", "maxItems": 2, "x-kubernetes-list-type": "map",
                    "x-kubernetes-list-map-keys": ["name"],
                    "items": {"type": "object", "required": ["name"], "properties": {
                        "name": {"type": "string"}, "weight": {"type": "integer", "default": 1}}}},
                "labels": {"type": "object", "additionalProperties": {"type": "string"}},
                "free": {"type": "object", "x-kubernetes-preserve-unknown-fields": true},
            },
        }}})
    }

    #[test]
    fn unknown_fields_go_and_what_is_free_stays() {
        let mut object = json!({"metadata": {"name": "a"}, "x": 1, "spec": {
            "nmae": "a", "name": null, "labels": {"a": "b"}, "free": {"any": {"thing": 1}},
            "listeners": [{"name": "a", "tsl": {}}]}});
        assert_eq!(prune(&mut object, &schema()), ["spec.listeners[0].tsl", "spec.nmae", "x"]);
        let expected = json!({"metadata": {"name": "a"}, "spec": {"labels": {"a": "b"},
            "free": {"any": {"thing": 1}}, "listeners": [{"name": "a"}]}});
        assert_eq!(object, expected);
    }

    #[test]
    fn defaults_are_filled_in_at_every_level_and_nothing_is_overwritten() {
        let mut object =
            json!({"spec": {"listeners": [{"name": "a"}, {"name": "b", "weight": 3}]}});
        default(&mut object, &schema());
        let expected = json!({"spec": {"mode": "A",
            "listeners": [{"name": "a", "weight": 1}, {"name": "b", "weight": 3}]}});
        assert_eq!(object, expected);
    }

    #[test]
    fn what_fits_passes_and_every_mistake_is_told_where_it_is() {
        let fits = json!({"spec": {"mode": "B", "name": "abc", "port": 80, "target": "web",
            "listeners": [{"name": "a"}, {"name": "b"}]}});
        assert_eq!(problems(&fits, &schema()), []);
        for (spec, field, message) in [
            (
                json!({"mode": "C"}),
                "spec.mode",
                "Unsupported value: \"C\": supported values: \"A\", \"B\"",
            ),
            (json!({"name": ""}), "spec.name", "at least 1 chars"),
            (json!({"name": "abcd"}), "spec.name", "Too long"),
            (json!({"name": "A"}), "spec.name", "should match '^[a-z]*$'"),
            (json!({"port": 0}), "spec.port", "greater than or equal to 1"),
            (json!({"port": "80"}), "spec.port", "must be of type integer: \"string\""),
            (json!({"target": 1.5}), "spec.target", "integer or string"),
            (
                json!({"listeners": [{"name": "a"}, {"name": "a"}]}),
                "spec.listeners[1]",
                "Duplicate value: {\"name\":\"a\"}",
            ),
            (json!({"listeners": [{}]}), "spec.listeners[0].name", "Required value"),
            (
                json!({"listeners": [{"name": "a"}, {"name": "b"}, {"name": "c"}]}),
                "spec.listeners",
                "Too many: 3",
            ),
            (json!({"labels": {"a": 1}}), "spec.labels.a", "must be of type string"),
        ] {
            let found = problems(&json!({"spec": spec}), &schema());
            let found: Vec<_> =
                found.iter().map(|one| (one.field.as_str(), &one.message)).collect();
            assert!(
                found.len() == 1 && found[0].0 == field && found[0].1.contains(message),
                "{spec}: {found:?}"
            );
        }
        assert_eq!(problems(&json!({}), &schema())[0].field, "spec");
    }
}
