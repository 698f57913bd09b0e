//! Single values as Helm's `--set` and `--set-string` write them: `a.b=c,d[0]=e,f={g,h}`
//! (helm/helm v3: `pkg/strvals/parser.go`).
//!
//! A backslash takes the meaning from the next character. Texts that read as an integer, `true`,
//! `false` or `null` become that, except with `--set-string`.

use serde_json::{Map, Number, Value};

use crate::source::problem::Problem;
use crate::source::tree::{Content, Entry, Node, Place, Source, Span};

/// Whether texts are read as what they look like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SettingKind {
    /// `--set`: `true` is a boolean, `1` a number.
    Typed,
    /// `--set-string`: everything is text.
    Text,
}

/// One `--set` or `--set-string`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setting {
    /// How texts are read.
    pub kind: SettingKind,
    /// What was typed.
    pub text: String,
}

/// Something that is not a setting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Mistake {
    what: String,
    byte: usize,
}

/// The largest list index; Helm has the same limit.
const LARGEST_INDEX: usize = 65_536;

/// A step from a value to one inside it.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Step {
    Key(String),
    Index(usize),
}

impl Setting {
    /// As messages show it.
    pub(super) fn source(&self) -> Source {
        let option = match self.kind {
            SettingKind::Typed => "--set",
            SettingKind::Text => "--set-string",
        };
        Source { path: format!("{option} {}", self.text), text: self.text.clone() }
    }

    /// The values it sets, all of them pointing at the whole text.
    pub(super) fn parse(&self) -> Result<Node, Mistake> {
        let mut root = Value::Object(Map::new());
        let mut reader = Reader { text: &self.text, byte: 0 };
        loop {
            let start = reader.byte;
            let path = reader.path()?;
            let value = reader.value(self.kind)?;
            put(&mut root, &path, value)
                .map_err(|what| Mistake { what: what.to_owned(), byte: start })?;
            if reader.byte >= self.text.len() {
                break;
            }
        }
        Ok(node(root, Span { start: 0, end: self.text.len() }))
    }
}

impl Mistake {
    pub(super) fn problem(&self, source: &Source) -> Problem {
        let span = Span { start: self.byte, end: source.text.len() };
        Problem::at(&Place::start(source).pointing_at(span), "this is no Helm setting")
            .found(&self.what)
            .expected("such as `gatewayAPI.enabled=true`")
    }
}

struct Reader<'a> {
    text: &'a str,
    byte: usize,
}

impl Reader<'_> {
    fn wrong<T>(&self, what: impl Into<String>) -> Result<T, Mistake> {
        Err(Mistake { what: what.into(), byte: self.byte.min(self.text.len()) })
    }

    /// The text up to one of some characters, and which it was; a backslash escapes.
    fn until(&mut self, ends: &[char]) -> (String, Option<char>) {
        let mut out = String::new();
        let mut escaped = false;
        for (offset, c) in self.text[self.byte..].char_indices() {
            match c {
                _ if escaped => {
                    out.push(c);
                    escaped = false;
                }
                '\\' => escaped = true,
                c if ends.contains(&c) => {
                    self.byte += offset + c.len_utf8();
                    return (out, Some(c));
                }
                c => out.push(c),
            }
        }
        self.byte = self.text.len();
        (out, None)
    }

    fn path(&mut self) -> Result<Vec<Step>, Mistake> {
        let mut path = Vec::new();
        loop {
            let (key, end) = self.until(&['.', '=', '[', ',']);
            let after_index = matches!(path.last(), Some(Step::Index(_)));
            if !key.is_empty() {
                path.push(Step::Key(key));
            } else if !after_index {
                return self.wrong("a key without a name");
            }
            match end {
                Some('.') => {}
                Some('=') => return Ok(path),
                Some('[') => path.push(self.index()?),
                _ => return self.wrong("a key without `=` and a value"),
            }
        }
    }

    fn index(&mut self) -> Result<Step, Mistake> {
        let (number, end) = self.until(&[']']);
        match number.parse() {
            Ok(index) if end.is_some() && index < LARGEST_INDEX => Ok(Step::Index(index)),
            _ => self.wrong(format!("`{number}` in square brackets is no list index")),
        }
    }

    fn value(&mut self, kind: SettingKind) -> Result<Value, Mistake> {
        if !self.text[self.byte..].starts_with('{') {
            let (text, _) = self.until(&[',']);
            return Ok(typed(text, kind));
        }
        self.byte += 1;
        let mut items = Vec::new();
        loop {
            let (text, end) = self.until(&[',', '}']);
            match end {
                Some(',') => items.push(typed(text, kind)),
                Some(_) => {
                    if !text.is_empty() || !items.is_empty() {
                        items.push(typed(text, kind));
                    }
                    break;
                }
                None => return self.wrong("a list without `}`"),
            }
        }
        match self.text[self.byte..].chars().next() {
            Some(',') => self.byte += 1,
            Some(_) => return self.wrong("something after a list"),
            None => {}
        }
        Ok(Value::Array(items))
    }
}

fn typed(text: String, kind: SettingKind) -> Value {
    if kind == SettingKind::Text {
        return Value::String(text);
    }
    match text.as_str() {
        "true" => Value::Bool(true),
        "false" => Value::Bool(false),
        "null" => Value::Null,
        "0" => Value::Number(0.into()),
        // Helm keeps leading zeros by keeping the text.
        number if !number.starts_with('0') => {
            number.parse::<i64>().map_or(Value::String(text), |n| Value::Number(Number::from(n)))
        }
        _ => Value::String(text),
    }
}

/// Puts a value where a path leads, making mappings and lists on the way.
fn put(root: &mut Value, path: &[Step], value: Value) -> Result<(), &'static str> {
    let Some((step, rest)) = path.split_first() else {
        *root = value;
        return Ok(());
    };
    match step {
        Step::Key(key) => {
            if root.is_null() {
                *root = Value::Object(Map::new());
            }
            let map = root.as_object_mut().ok_or("a key below something that is no mapping")?;
            put(map.entry(key.clone()).or_insert(Value::Null), rest, value)
        }
        Step::Index(index) => {
            if root.is_null() {
                *root = Value::Array(Vec::new());
            }
            let list = root.as_array_mut().ok_or("an index below something that is no list")?;
            if list.len() <= *index {
                list.resize(*index + 1, Value::Null);
            }
            put(&mut list[*index], rest, value)
        }
    }
}

fn node(value: Value, span: Span) -> Node {
    let content = match value {
        Value::Null => Content::Null,
        Value::Bool(value) => Content::Bool(value),
        Value::Number(value) => Content::Number(value),
        Value::String(value) => Content::Text(value),
        Value::Array(items) => {
            Content::Sequence(items.into_iter().map(|item| node(item, span)).collect())
        }
        Value::Object(map) => Content::Mapping(
            map.into_iter()
                .map(|(key, value)| Entry { key, key_span: span, value: node(value, span) })
                .collect(),
        ),
    };
    Node { span, content }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{Setting, SettingKind};

    fn parsed(text: &str) -> Result<serde_json::Value, String> {
        let setting = Setting { kind: SettingKind::Typed, text: text.to_owned() };
        setting.parse().map(|node| node.to_json()).map_err(|mistake| mistake.what)
    }

    #[test]
    fn settings_are_read_as_helm_reads_them() {
        for (text, expected) in [
            ("a=b", json!({"a": "b"})),
            ("a.b=true,a.c=1", json!({"a": {"b": true, "c": 1}})),
            ("a=null,b=", json!({"a": null, "b": ""})),
            ("a=007,b=0,c=1.5", json!({"a": "007", "b": 0, "c": "1.5"})),
            ("a={b,1}", json!({"a": ["b", 1]})),
            ("a={},b=c", json!({"a": [], "b": "c"})),
            ("a[1].b=c", json!({"a": [null, {"b": "c"}]})),
            (r"n.example\.test/role=a\,b", json!({"n": {"example.test/role": "a,b"}})),
        ] {
            assert_eq!(parsed(text), Ok(expected), "{text}");
        }
        let text = Setting { kind: SettingKind::Text, text: "a=true".to_owned() };
        assert_eq!(text.parse().expect("a setting").to_json(), json!({"a": "true"}));
    }

    #[test]
    fn what_is_no_setting_is_told() {
        for text in ["", "a", "=b", "a..b=c", "a[x]=b", "a={b", "a={b}c", "a=b,a.c=d", "a,b=c"] {
            assert!(parsed(text).is_err(), "{text}");
        }
    }
}
