//! YAML for people and tools: block style, keys in order, texts quoted whenever some reader of
//! YAML 1.1 or 1.2 could take them for something else.

use serde_json::Value;

/// Documents divided by `---`.
pub fn stream<'a>(documents: impl IntoIterator<Item = &'a Value>) -> String {
    let texts: Vec<String> = documents.into_iter().map(document).collect();
    texts.join("---\n")
}

/// One document, with a line break at its end.
pub fn document(value: &Value) -> String {
    let mut out = String::new();
    match value {
        Value::Object(map) if !map.is_empty() => mapping(map, 0, &mut out),
        Value::Array(items) if !items.is_empty() => sequence(items, 0, &mut out),
        other => {
            out.push_str(&flat(other));
            out.push('\n');
        }
    }
    out
}

fn mapping(map: &serde_json::Map<String, Value>, indent: usize, out: &mut String) {
    for (index, (key, value)) in map.iter().enumerate() {
        if index > 0 {
            out.extend(std::iter::repeat_n(' ', indent));
        }
        out.push_str(&text(key));
        out.push(':');
        match value {
            Value::Object(inner) if !inner.is_empty() => {
                out.push('\n');
                out.extend(std::iter::repeat_n(' ', indent + 2));
                mapping(inner, indent + 2, out);
            }
            // As kubectl does: items are not indented below their key.
            Value::Array(items) if !items.is_empty() => {
                out.push('\n');
                out.extend(std::iter::repeat_n(' ', indent));
                sequence(items, indent, out);
            }
            other => {
                out.push(' ');
                out.push_str(&flat(other));
                out.push('\n');
            }
        }
    }
}

fn sequence(items: &[Value], indent: usize, out: &mut String) {
    for (index, item) in items.iter().enumerate() {
        if index > 0 {
            out.extend(std::iter::repeat_n(' ', indent));
        }
        out.push_str("- ");
        match item {
            Value::Object(inner) if !inner.is_empty() => mapping(inner, indent + 2, out),
            Value::Array(inner) if !inner.is_empty() => sequence(inner, indent + 2, out),
            other => {
                out.push_str(&flat(other));
                out.push('\n');
            }
        }
    }
}

fn flat(value: &Value) -> String {
    match value {
        Value::String(words) => text(words),
        // Empty mappings and lists, numbers, booleans, null: JSON is YAML.
        other => other.to_string(),
    }
}

/// A text, plain where nobody can misread it.
fn text(words: &str) -> String {
    if is_plain(words) {
        words.to_owned()
    } else if words
        .chars()
        .any(|c| c.is_control() || matches!(c, '\u{feff}' | '\u{2028}' | '\u{2029}' | '\u{85}'))
    {
        // JSON's escapes are YAML's.
        Value::String(words.to_owned())
            .to_string()
            .chars()
            .map(|c| match c {
                c if c.is_ascii()
                    || !(c.is_control() || matches!(c, '\u{feff}' | '\u{2028}' | '\u{2029}')) =>
                {
                    c.to_string()
                }
                c => format!("\\u{:04x}", u32::from(c)),
            })
            .collect()
    } else {
        format!("'{}'", words.replace('\'', "''"))
    }
}

/// Words that some version of YAML reads as a boolean or as nothing.
const RESERVED: &[&str] =
    &["y", "n", "yes", "no", "on", "off", "true", "false", "null", "nan", "inf", "infinity"];

fn is_plain(words: &str) -> bool {
    let Some(first) = words.chars().next() else { return false };
    let inner = |c: char| c.is_ascii_alphanumeric() || "-_./+@(),;=$*%^~<>".contains(c);
    let starts = first.is_ascii_alphabetic() || first == '/' || first == '_' || is_address(words);
    let mut previous = ' ';
    let even = words.chars().all(|c| {
        let fits = inner(c) || (c == ' ' && previous != ' ') || (c == ':' && previous != ' ');
        // A colon before a space, and a space before a hash, divide.
        let divides = c == ' ' && previous == ':';
        previous = c;
        fits && !divides
    });
    starts
        && even
        && !words.ends_with([' ', ':'])
        && !RESERVED.contains(&words.to_ascii_lowercase().as_str())
}

/// Addresses such as 172.18.0.2 start with a digit and are no number to any reader.
fn is_address(words: &str) -> bool {
    words.parse::<std::net::Ipv4Addr>().is_ok()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{document, stream, text};

    #[test]
    fn objects_read_as_kubectl_prints_them() {
        let object = json!({
            "a": {"b": [1, {"c": "x", "d": []}], "e": {}},
            "f": [["g"], null],
        });
        let expected = "a:\n  b:\n  - 1\n  - c: x\n    d: []\n  e: {}\nf:\n- - g\n- null\n";
        assert_eq!(document(&object), expected);
        assert_eq!(stream([&json!({"a": 1}), &json!({"b": 2})]), "a: 1\n---\nb: 2\n");
    }

    #[test]
    fn texts_that_could_be_misread_are_quoted_and_others_are_not() {
        for (words, expected) in [
            ("", "''"),
            ("True", "'True'"),
            ("no", "'no'"),
            ("80", "'80'"),
            ("1e3", "'1e3'"),
            ("0x1f", "'0x1f'"),
            ("1:30", "'1:30'"),
            ("~", "'~'"),
            ("*.example.test", "'*.example.test'"),
            ("it's", "'it''s'"),
            ("a: b", "'a: b'"),
            ("a #b", "'a #b'"),
            ("a:", "'a:'"),
            ("- a", "'- a'"),
            ("2024-01-01", "'2024-01-01'"),
            ("172.18.0.2", "172.18.0.2"),
            ("apps:web:80", "apps:web:80"),
            ("hello.test:*", "hello.test:*"),
            ("/a/b", "/a/b"),
            ("Resolved Refs", "Resolved Refs"),
            ("type.googleapis.com/envoy.config", "type.googleapis.com/envoy.config"),
            ("a\nb", "\"a\\nb\""),
            ("\u{2028}", "\"\\u2028\""),
        ] {
            assert_eq!(text(words), expected, "{words:?}");
        }
    }
}
