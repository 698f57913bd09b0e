//! YAML that every reader of YAML 1.1 and 1.2 understands alike: keys sorted, and in quotes
//! whatever could be taken for anything but text.

use std::fmt::Write as _;

use serde_json::Value;

/// One document, with its line break at the end.
pub(super) fn document(value: &Value) -> String {
    let mut out = String::new();
    match value {
        Value::Object(entries) if entries.is_empty() => out.push_str("{}\n"),
        Value::Array(items) if items.is_empty() => out.push_str("[]\n"),
        Value::Object(_) | Value::Array(_) => block(&mut out, value, 0),
        scalar => {
            out.push_str(&inline(scalar));
            out.push('\n');
        }
    }
    out
}

/// A mapping or list that is not empty, every line indented, except that the first one continues
/// the line that is there when something was written on it.
fn block(out: &mut String, value: &Value, indent: usize) {
    match value {
        Value::Object(entries) => {
            for (key, value) in entries {
                pad(out, indent);
                out.push_str(&text(key));
                out.push(':');
                below(out, value, indent);
            }
        }
        Value::Array(items) => {
            for item in items {
                pad(out, indent);
                out.push('-');
                match item {
                    Value::Object(entries) if !entries.is_empty() => {
                        out.push(' ');
                        block(out, item, indent + 2);
                    }
                    other => below(out, other, indent + 2),
                }
            }
        }
        _ => unreachable!("only mappings and lists are blocks"),
    }
}

fn below(out: &mut String, value: &Value, indent: usize) {
    match value {
        Value::Object(entries) if !entries.is_empty() => {
            out.push('\n');
            block(out, value, indent + 2);
        }
        Value::Array(items) if !items.is_empty() => {
            out.push('\n');
            block(out, value, indent);
        }
        scalar => {
            out.push(' ');
            out.push_str(&inline(scalar));
            out.push('\n');
        }
    }
}

fn pad(out: &mut String, indent: usize) {
    if out.is_empty() || out.ends_with('\n') {
        let written = write!(out, "{:indent$}", "");
        debug_assert!(written.is_ok(), "writing to a String does not fail");
    }
}

fn inline(value: &Value) -> String {
    match value {
        Value::String(value) => text(value),
        Value::Object(_) => "{}".to_owned(),
        Value::Array(_) => "[]".to_owned(),
        other => other.to_string(),
    }
}

/// Words that some version of YAML takes for a truth value, null or a number.
const SPECIAL: [&str; 11] =
    ["true", "false", "yes", "no", "on", "off", "y", "n", "null", "nan", "inf"];

/// Text, plain where nobody can misread it: it begins with a letter or `/`, and has nothing in it
/// that means something to YAML. JSON's quotes are YAML's.
fn text(value: &str) -> String {
    let begins = |c: char| c.is_ascii_alphabetic() || c == '/';
    let inside = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '/');
    let plain = value.starts_with(begins)
        && value.chars().all(inside)
        && !SPECIAL.contains(&value.to_ascii_lowercase().as_str());
    if plain { value.to_owned() } else { Value::from(value).to_string() }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::document;

    fn read(text: &str) -> Value {
        serde_saphyr::from_str(text).unwrap_or_else(|error| panic!("{error}:\n{text}"))
    }

    #[test]
    fn what_is_written_reads_as_the_same() {
        let value = json!({
            "plain": "unix", "words": ["yes", "No", "~", "null", "0x1f", "1e3", "12", ""],
            "texts": ["a: b", "- c", "# d", "e\nf\n", "'", "\"", "ü", " g", "%", "::", "0%", "1:20"],
            "nested": [[1, [2]], {"a": {"b": []}}, {"c": {}}, [{"d": 1, "e": [3]}]],
            "null": null, "yes": true, "1": 1.5, "list": [{"name": "x", "value": "y"}],
        });
        let text = document(&value);
        assert_eq!(read(&text), value, "{text}");
    }

    #[test]
    fn it_looks_as_people_write_it() {
        let value =
            json!({"apiVersion": "a/v1", "on": "off", "list": [{"a": "0%", "b": [1]}, "x"]});
        let text = "apiVersion: a/v1\nlist:\n- a: \"0%\"\n  b:\n  - 1\n- x\n\"on\": \"off\"\n";
        assert_eq!(document(&value), text);
    }
}
