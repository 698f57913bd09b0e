//! The JSON Schema of scenario files, for editors and for the checker.
//!
//! Generated from the file types, so that editors, strictness and decoding cannot disagree.

use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value};

use super::file::ScenarioFile;

/// The identifier of the schema.
const ID: &str = "https://gateproof.dev/schema/v1alpha1/scenario.json";

/// The JSON Schema (2020-12) of scenario files.
pub fn schema() -> Value {
    let mut schema = generate::<ScenarioFile>();
    if let Some(object) = schema.as_object_mut() {
        object.insert("$id".to_owned(), ID.into());
        object.insert("title".to_owned(), "Gateproof scenario".into());
    }
    schema
}

/// Generates a schema in which an optional key may be left out but not be null, unless null means
/// something (marked `x-null`).
pub(crate) fn generate<T: JsonSchema>() -> Value {
    let generator = SchemaSettings::draft2020_12().for_deserialize().into_generator();
    let mut schema = generator.into_root_schema_for::<T>().to_value();
    forbid_null(&mut schema);
    schema
}

fn forbid_null(value: &mut Value) {
    match value {
        Value::Object(object) => {
            if let Some(Value::Object(properties)) = object.get_mut("properties") {
                for property in properties.values_mut() {
                    if let Value::Object(property) = property {
                        strip_null(property);
                    }
                }
            }
            object.values_mut().for_each(forbid_null);
        }
        Value::Array(items) => items.iter_mut().for_each(forbid_null),
        _ => {}
    }
}

fn strip_null(property: &mut Map<String, Value>) {
    if property.contains_key("x-null") {
        return;
    }
    if property.get("default").is_some_and(Value::is_null) {
        property.remove("default");
    }
    if let Some(Value::Array(types)) = property.get_mut("type") {
        types.retain(|kind| kind != "null");
        if let [only] = &types[..] {
            let only = only.clone();
            property.insert("type".to_owned(), only);
        }
    }
    let Some(Value::Array(branches)) = property.get_mut("anyOf") else { return };
    let before = branches.len();
    branches.retain(|branch| branch.get("type") != Some(&Value::from("null")));
    if branches.len() == before {
        return;
    }
    if let [Value::Object(only)] = &branches[..] {
        let only = only.clone();
        property.remove("anyOf");
        for (keyword, value) in only {
            property.entry(keyword).or_insert(value);
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::schema;
    use crate::source::schema::unsupported;

    #[test]
    fn the_checker_enforces_every_keyword_of_the_schema() {
        assert_eq!(unsupported(&schema()), Vec::<String>::new());
    }

    #[test]
    fn every_key_has_a_description() {
        fn walk(value: &Value, path: &str, bare: &mut Vec<String>) {
            let Some(object) = value.as_object() else { return };
            for (keyword, inner) in object {
                if keyword == "properties" {
                    for (name, property) in inner.as_object().into_iter().flatten() {
                        let described = property.get("description").is_some()
                            || property.get("$ref").is_some()
                            || property.get("x-null").is_some();
                        if !described {
                            bare.push(format!("{path}/{name}"));
                        }
                    }
                }
                match inner {
                    Value::Array(items) => {
                        for item in items {
                            walk(item, &format!("{path}/{keyword}"), bare);
                        }
                    }
                    inner => walk(inner, &format!("{path}/{keyword}"), bare),
                }
            }
        }
        let mut bare = Vec::new();
        walk(&schema(), "", &mut bare);
        assert_eq!(bare, Vec::<String>::new());
    }

    #[test]
    fn the_schema_is_the_one_that_was_reviewed() {
        insta::assert_json_snapshot!(schema());
    }
}
