//! YAML as a tree in which every key and value knows where it was written.
//!
//! Values are those of JSON plus spans. Anchors, aliases and merge keys are already expanded; a
//! node that came by an alias has the span of its definition.

use std::fmt;

use serde_json::{Map, Number, Value};

/// A range of bytes in a file's text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Span {
    /// The first byte.
    pub start: usize,
    /// One past the last byte.
    pub end: usize,
}

/// A file's path and text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// The path as messages show it.
    pub path: String,
    /// The whole text.
    pub text: String,
}

impl Source {
    /// Line and column of a byte, both from 1; columns count characters.
    pub fn position(&self, byte: usize) -> (usize, usize) {
        let mut end = byte.min(self.text.len());
        while !self.text.is_char_boundary(end) {
            end -= 1;
        }
        let before = &self.text[..end];
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().map_or(0, |last| last.chars().count()) + 1;
        (line, column)
    }
}

/// A value and where it was written.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    /// Where to point when this value is wrong. Mappings and lists have no good span of their own
    /// and point at their key, or at their first entry.
    pub span: Span,
    /// The value.
    pub content: Content,
}

/// A YAML value.
#[derive(Debug, Clone, PartialEq)]
pub enum Content {
    /// `null`, `~` or nothing.
    Null,
    /// A boolean.
    Bool(bool),
    /// An integer or a float.
    Number(Number),
    /// Text.
    Text(String),
    /// A list.
    Sequence(Vec<Node>),
    /// A mapping in the order in which it was written; keys are unique.
    Mapping(Vec<Entry>),
}

/// A key and its value.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// The key as text.
    pub key: String,
    /// Where the key was written.
    pub key_span: Span,
    /// The value.
    pub value: Node,
}

impl Node {
    /// The entry of a mapping.
    pub fn entry(&self, key: &str) -> Option<&Entry> {
        self.entries().iter().find(|entry| entry.key == key)
    }

    /// The entries of a mapping; none for anything else.
    pub fn entries(&self) -> &[Entry] {
        match &self.content {
            Content::Mapping(entries) => entries,
            _ => &[],
        }
    }

    /// The items of a list; none for anything else.
    pub fn items(&self) -> &[Node] {
        match &self.content {
            Content::Sequence(items) => items,
            _ => &[],
        }
    }

    /// The text of a text value.
    pub fn as_text(&self) -> Option<&str> {
        match &self.content {
            Content::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The value without its places.
    pub fn to_json(&self) -> Value {
        match &self.content {
            Content::Null => Value::Null,
            Content::Bool(bool) => Value::Bool(*bool),
            Content::Number(number) => Value::Number(number.clone()),
            Content::Text(text) => Value::String(text.clone()),
            Content::Sequence(items) => Value::Array(items.iter().map(Self::to_json).collect()),
            Content::Mapping(entries) => Value::Object(
                entries
                    .iter()
                    .map(|entry| (entry.key.clone(), entry.value.to_json()))
                    .collect::<Map<_, _>>(),
            ),
        }
    }
}

impl fmt::Display for Content {
    /// What kind of value it is, in words, as messages say it after "found".
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("nothing (null)"),
            Self::Bool(bool) => write!(f, "the boolean `{bool}`"),
            Self::Number(number) => write!(f, "the number `{number}`"),
            Self::Text(text) if text.len() > 40 || text.contains('\n') => f.write_str("a text"),
            Self::Text(text) => write!(f, "the text `{text}`"),
            Self::Sequence(_) => f.write_str("a list"),
            Self::Mapping(_) => f.write_str("a mapping"),
        }
    }
}

/// A place in a file: a node, or where one would be.
///
/// Walking to a key that is not there stays at the parent, so that a message about something
/// missing points at what should have had it.
#[derive(Debug, Clone, Copy)]
pub struct Place<'a> {
    source: &'a Source,
    node: Option<&'a Node>,
    span: Span,
}

impl<'a> Place<'a> {
    /// A document of a file.
    pub fn document(source: &'a Source, node: &'a Node) -> Self {
        Self { source, node: Some(node), span: node.span }
    }

    /// The start of a file, for what concerns all of it.
    pub fn start(source: &'a Source) -> Self {
        Self { source, node: None, span: Span::default() }
    }

    /// The value under a key; the parent's place when there is none.
    #[must_use]
    pub fn get(self, key: &str) -> Self {
        match self.node.and_then(|node| node.entry(key)) {
            Some(entry) => Self { node: Some(&entry.value), span: entry.value.span, ..self },
            None => Self { node: None, ..self },
        }
    }

    /// The key itself; the parent's place when there is none.
    #[must_use]
    pub fn key(self, key: &str) -> Self {
        match self.node.and_then(|node| node.entry(key)) {
            Some(entry) => Self { node: Some(&entry.value), span: entry.key_span, ..self },
            None => Self { node: None, ..self },
        }
    }

    /// The value at the end of a path of keys.
    #[must_use]
    pub fn at(self, path: &[&str]) -> Self {
        path.iter().fold(self, |place, key| place.get(key))
    }

    /// An item of a list; the list's place when there is none.
    #[must_use]
    pub fn item(self, index: usize) -> Self {
        match self.node.and_then(|node| node.items().get(index)) {
            Some(node) => Self { node: Some(node), span: node.span, ..self },
            None => Self { node: None, ..self },
        }
    }

    /// The same node pointed at elsewhere, such as at its key.
    #[must_use]
    pub fn pointing_at(self, span: Span) -> Self {
        Self { span, ..self }
    }

    /// Places of the items of a list.
    pub fn items(self) -> impl Iterator<Item = Place<'a>> {
        (0..self.node.map_or(0, |node| node.items().len())).map(move |index| self.item(index))
    }

    /// The node, if there is one here.
    pub fn node(self) -> Option<&'a Node> {
        self.node
    }

    /// The text of the node, if it is text.
    pub fn as_text(self) -> Option<&'a str> {
        self.node.and_then(Node::as_text)
    }

    /// Whether something was written here.
    pub fn exists(self) -> bool {
        self.node.is_some()
    }

    /// The file.
    pub fn source(self) -> &'a Source {
        self.source
    }

    /// Where messages point.
    pub fn span(self) -> Span {
        self.span
    }

    /// What was written here, letter by letter.
    pub fn written(self) -> &'a str {
        self.source.text.get(self.span.start..self.span.end).unwrap_or_default()
    }

    /// `file:line`.
    pub fn origin(self) -> String {
        let (line, _) = self.source.position(self.span.start);
        format!("{}:{line}", self.source.path)
    }

    /// `file:line:column`.
    pub fn exact_origin(self) -> String {
        let (line, column) = self.source.position(self.span.start);
        format!("{}:{line}:{column}", self.source.path)
    }
}
