//! TOML as JSON and back: containerd's configuration is patched as JSON, in both of kind's ways.
//!
//! Dates become text, as JSON has none; comments are lost.

use serde_json::{Map, Number, Value};
use toml_edit::{Array, ArrayOfTables, DocumentMut, InlineTable, Item, Table};

/// Why a text is no TOML.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}, in line {line}")]
pub struct TomlError {
    /// What is wrong.
    pub message: String,
    /// In which line, from 1.
    pub line: usize,
}

/// Reads TOML.
///
/// # Errors
///
/// When it is none.
pub fn read(text: &str) -> Result<Value, TomlError> {
    let document: DocumentMut = text.parse().map_err(|error: toml_edit::TomlError| {
        let start = error.span().map_or(0, |span| span.start);
        let line = text.get(..start).unwrap_or_default().matches('\n').count() + 1;
        TomlError { message: error.message().trim().replace('\n', ", "), line }
    })?;
    Ok(of_table(document.as_table()))
}

fn of_table(table: &Table) -> Value {
    Value::Object(table.iter().map(|(key, item)| (key.to_owned(), of_item(item))).collect())
}

fn of_item(item: &Item) -> Value {
    match item {
        Item::None => Value::Null,
        Item::Value(value) => of_value(value),
        Item::Table(table) => of_table(table),
        Item::ArrayOfTables(tables) => Value::Array(tables.iter().map(of_table).collect()),
    }
}

fn of_value(value: &toml_edit::Value) -> Value {
    match value {
        toml_edit::Value::String(text) => Value::String(text.value().clone()),
        toml_edit::Value::Integer(number) => Value::from(*number.value()),
        toml_edit::Value::Float(number) => {
            Number::from_f64(*number.value()).map_or(Value::Null, Value::Number)
        }
        toml_edit::Value::Boolean(truth) => Value::Bool(*truth.value()),
        toml_edit::Value::Datetime(moment) => Value::String(moment.value().to_string()),
        toml_edit::Value::Array(items) => Value::Array(items.iter().map(of_value).collect()),
        toml_edit::Value::InlineTable(table) => {
            let entries = table.iter().map(|(key, value)| (key.to_owned(), of_value(value)));
            Value::Object(entries.collect())
        }
    }
}

/// Writes a mapping as TOML.
///
/// # Errors
///
/// The path of a value that TOML cannot say: null, or anything but a mapping at the top.
pub fn write(value: &Value) -> Result<String, String> {
    let Value::Object(object) = value else { return Err("the whole document".to_owned()) };
    Ok(DocumentMut::from(table(object, "")?).to_string())
}

fn table(object: &Map<String, Value>, path: &str) -> Result<Table, String> {
    let mut table = Table::new();
    table.set_implicit(!object.is_empty() && object.values().all(Value::is_object));
    for (key, value) in object {
        table.insert(key, item(value, &format!("{path}/{key}"))?);
    }
    Ok(table)
}

fn item(value: &Value, path: &str) -> Result<Item, String> {
    match value {
        Value::Object(object) => Ok(Item::Table(table(object, path)?)),
        Value::Array(items) if !items.is_empty() && items.iter().all(Value::is_object) => {
            let mut tables = ArrayOfTables::new();
            for object in items.iter().filter_map(Value::as_object) {
                let mut one = table(object, path)?;
                one.set_implicit(false);
                tables.push(one);
            }
            Ok(Item::ArrayOfTables(tables))
        }
        value => Ok(Item::Value(inline(value, path)?)),
    }
}

fn inline(value: &Value, path: &str) -> Result<toml_edit::Value, String> {
    match value {
        Value::Null => Err(path.to_owned()),
        Value::Bool(truth) => Ok((*truth).into()),
        Value::String(text) => Ok(text.as_str().into()),
        Value::Number(number) => match (number.as_i64(), number.as_f64()) {
            (Some(whole), _) => Ok(whole.into()),
            (None, Some(float)) => Ok(float.into()),
            (None, None) => Err(path.to_owned()),
        },
        Value::Array(items) => {
            let items: Result<Array, String> =
                items.iter().map(|item| inline(item, path)).collect();
            Ok(toml_edit::Value::Array(items?))
        }
        Value::Object(object) => {
            let mut table = InlineTable::new();
            for (key, value) in object {
                table.insert(key, inline(value, &format!("{path}/{key}"))?);
            }
            Ok(toml_edit::Value::InlineTable(table))
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{read, write};

    #[test]
    fn what_is_written_reads_as_the_same() {
        let value = json!({
            "version": 2,
            "debug": {},
            "grpc": {"address": "/run/x.sock", "max": 16_777_216, "share": 0.5},
            "plugins": {"io.containerd.grpc.v1.cri": {
                "sandbox_image": "registry.k8s.io/pause:3.10",
                "registry": {"config_path": "/etc/containerd/certs.d"},
                "list": ["a", 1, {"b": [true]}],
                "empty": [],
            }},
            "stream": [{"returns": "x", "args": ["a"]}, {"nested": {"y": 1}}],
        });
        let text = write(&value).expect("no null");
        assert_eq!(read(&text), Ok(value), "{text}");
        assert!(text.contains("[plugins.\"io.containerd.grpc.v1.cri\".registry]"), "{text}");
        assert!(!text.contains("[plugins]\n"), "no header for nothing: {text}");
    }

    #[test]
    fn what_toml_cannot_say_is_named() {
        assert_eq!(write(&json!({"a": {"b": null}})), Err("/a/b".to_owned()));
        assert_eq!(write(&json!([])), Err("the whole document".to_owned()));
    }

    #[test]
    fn an_error_names_its_line() {
        let error = read("a = 1\n[b\n").expect_err("an open bracket");
        assert_eq!(error.line, 2, "{error}");
        let error = read("a = 1\na = 2\n").expect_err("twice");
        assert!(error.message.contains("duplicate"), "{error}");
    }
}
