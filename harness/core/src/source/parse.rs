//! YAML text → spanned trees, one for each document.
//!
//! Reads YAML as Kubernetes does (`yes` and `on` are booleans); does not know what a document may
//! contain. A syntax error ends the file, because what follows it cannot be trusted; a duplicate
//! key does not.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::Number;
use serde_saphyr::{DuplicateKeyPolicy, Spanned};

use super::problem::Problem;
use super::tree::{Content, Entry, Node, Place, Source, Span};

/// Parses all documents of a file; what is wrong goes to `problems`. Empty documents are left out.
pub fn parse(source: &Source, problems: &mut Vec<Problem>) -> Vec<Node> {
    let options = serde_saphyr::options! { duplicate_keys: DuplicateKeyPolicy::LastWins };
    let raw = match serde_saphyr::from_multiple_with_options::<Spanned<Raw>>(&source.text, options)
    {
        Ok(raw) => raw,
        Err(error) => {
            problems.push(syntax_problem(source, &error));
            return Vec::new();
        }
    };
    let mut builder = Builder { source, problems, duplicates: 0 };
    let documents: Vec<Node> = raw.into_iter().map(|node| builder.node(node, None)).collect();
    if builder.duplicates == 0 {
        report_hidden_duplicates(source, problems);
    }
    documents
}

/// Keys that are numbers are collapsed by the parser before the tree is made; its own policy
/// still finds them.
fn report_hidden_duplicates(source: &Source, problems: &mut Vec<Problem>) {
    let options = serde_saphyr::options! { duplicate_keys: DuplicateKeyPolicy::Error };
    if let Err(error) =
        serde_saphyr::from_multiple_with_options::<IgnoredAny>(&source.text, options)
    {
        problems.push(syntax_problem(source, &error));
    }
}

fn syntax_problem(source: &Source, error: &serde_saphyr::Error) -> Problem {
    let error = error.without_snippet();
    let mut message = error.to_string();
    let (line, column) = match error.location() {
        Some(location) => (as_index(location.line()).max(1), as_index(location.column()).max(1)),
        None => (1, 1),
    };
    if let Some(end) = message.rfind(" at line ") {
        message.truncate(end);
    }
    if message.starts_with("budget breached") {
        "more values, aliases expanded, than any scenario needs".clone_into(&mut message);
    }
    let start = byte_of(&source.text, line, column);
    // The parser names the start of the text that the tab is in.
    let tab = source.text[start..].find('\t').filter(|_| message.contains("a tab"));
    let start = start + tab.unwrap_or_default();
    let end = source.text[start..].chars().next().map_or(start, |c| start + c.len_utf8());
    Problem::at(&Place::start(source).pointing_at(Span { start, end }), "this is not valid YAML")
        .found(message)
        .note("the rest of this file is not looked at until this is right")
}

fn as_index(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

/// The byte at a line and column, both from 1; columns count characters.
fn byte_of(text: &str, line: usize, column: usize) -> usize {
    let start: usize = text.split_inclusive('\n').take(line - 1).map(str::len).sum();
    let rest = text[start..].split('\n').next().unwrap_or_default();
    start + rest.char_indices().nth(column - 1).map_or(rest.len(), |(offset, _)| offset)
}

/// A YAML value as the parser hands it over.
enum Raw {
    Null,
    Bool(bool),
    Number(Number),
    /// Infinite, or no number at all: JSON and Kubernetes have neither.
    NotFinite,
    Text(String),
    Sequence(Vec<Spanned<Raw>>),
    Mapping(Vec<(Spanned<Raw>, Spanned<Raw>)>),
}

impl<'de> Deserialize<'de> for Raw {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(RawVisitor)
    }
}

struct RawVisitor;

impl<'de> Visitor<'de> for RawVisitor {
    type Value = Raw;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a YAML value")
    }

    fn visit_unit<E>(self) -> Result<Raw, E> {
        Ok(Raw::Null)
    }

    fn visit_none<E>(self) -> Result<Raw, E> {
        Ok(Raw::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Raw, E> {
        Ok(Raw::Bool(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Raw, E> {
        Ok(Raw::Number(value.into()))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Raw, E> {
        Ok(Raw::Number(value.into()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Raw, E> {
        Ok(Number::from_f64(value).map_or(Raw::NotFinite, Raw::Number))
    }

    fn visit_str<E>(self, value: &str) -> Result<Raw, E> {
        Ok(Raw::Text(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Raw, E> {
        Ok(Raw::Text(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Raw, A::Error> {
        let mut sequence = Vec::new();
        while let Some(item) = items.next_element()? {
            sequence.push(item);
        }
        Ok(Raw::Sequence(sequence))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Raw, A::Error> {
        let mut mapping = Vec::new();
        while let Some(entry) = entries.next_entry()? {
            mapping.push(entry);
        }
        Ok(Raw::Mapping(mapping))
    }
}

struct Builder<'a> {
    source: &'a Source,
    problems: &'a mut Vec<Problem>,
    duplicates: usize,
}

impl Builder<'_> {
    /// Settles a value; `key` is the span of the key that it belongs to.
    fn node(&mut self, raw: Spanned<Raw>, key: Option<Span>) -> Node {
        let own = span_of(&raw);
        let scalar = |content| Node {
            span: if own.start == own.end { key.unwrap_or(own) } else { own },
            content,
        };
        match raw.value {
            Raw::Null => scalar(Content::Null),
            Raw::Bool(value) => scalar(Content::Bool(value)),
            Raw::Number(value) => scalar(Content::Number(value)),
            Raw::NotFinite => {
                let node = scalar(Content::Null);
                let place = Place::start(self.source).pointing_at(node.span);
                self.problems.push(
                    Problem::at(&place, "this number is infinite or no number")
                        .found(format!("`{}`", place.written()))
                        .expected("a finite number, or a text in quotes"),
                );
                node
            }
            Raw::Text(value) => scalar(Content::Text(value)),
            Raw::Sequence(items) => {
                let items: Vec<Node> =
                    items.into_iter().map(|item| self.node(item, None)).collect();
                let span = key.or(items.first().map(|item| item.span)).unwrap_or(own);
                Node { span, content: Content::Sequence(items) }
            }
            Raw::Mapping(entries) => {
                let entries = self.entries(entries);
                let span = key.or(entries.first().map(|entry| entry.key_span)).unwrap_or(own);
                Node { span, content: Content::Mapping(entries) }
            }
        }
    }

    fn entries(&mut self, raw: Vec<(Spanned<Raw>, Spanned<Raw>)>) -> Vec<Entry> {
        let mut entries: Vec<Entry> = Vec::with_capacity(raw.len());
        let mut seen: BTreeMap<String, Span> = BTreeMap::new();
        for (key, value) in raw {
            let key_span = span_of(&key);
            let place = Place::start(self.source).pointing_at(key_span);
            let Some(text) = self.key_text(&key, place) else { continue };
            let value = self.node(value, Some(key_span));
            if let Some(first) = seen.get(&text) {
                self.duplicates += 1;
                let (line, _) = self.source.position(first.start);
                self.problems.push(
                    Problem::at(&place, format!("the key `{text}` is there twice"))
                        .note(format!("it was given first in line {line}; keep one of them")),
                );
            } else {
                seen.insert(text.clone(), key_span);
                entries.push(Entry { key: text, key_span, value });
            }
        }
        entries
    }

    fn key_text(&mut self, key: &Spanned<Raw>, place: Place<'_>) -> Option<String> {
        match &key.value {
            Raw::Text(text) => Some(text.clone()),
            Raw::Bool(_) | Raw::Number(_) | Raw::NotFinite => Some(place.written().to_owned()),
            Raw::Null | Raw::Sequence(_) | Raw::Mapping(_) => {
                self.problems.push(
                    Problem::at(&place, "this key is not text")
                        .expected("a text as key, such as `name:`"),
                );
                None
            }
        }
    }
}

fn span_of<T>(spanned: &Spanned<T>) -> Span {
    let span = spanned.defined.span();
    let start = as_index(span.byte_offset().unwrap_or_default());
    Span { start, end: start.saturating_add(as_index(span.byte_len().unwrap_or_default())) }
}

#[cfg(test)]
mod tests {
    use super::parse;
    use crate::source::tree::{Place, Source};

    fn source(text: &str) -> Source {
        Source { path: "a.yaml".to_owned(), text: text.to_owned() }
    }

    #[test]
    fn every_key_and_value_knows_its_place_through_anchors_and_documents() {
        let source = source("a: &x {b: 'ö'}\nc: *x\n---\nlist:\n- d: 1.20.2\n");
        let mut problems = Vec::new();
        let documents = parse(&source, &mut problems);
        assert!(problems.is_empty(), "{problems:?}");
        let [first, second] = &documents[..] else { panic!("two documents: {documents:?}") };
        let first = Place::document(&source, first);
        assert_eq!(first.at(&["a", "b"]).written(), "'ö'");
        assert_eq!(
            first.at(&["c", "b"]).exact_origin(),
            "a.yaml:1:11",
            "an alias is its definition"
        );
        let second = Place::document(&source, second);
        assert_eq!(second.at(&["list"]).item(0).get("d").exact_origin(), "a.yaml:5:6");
        assert_eq!(second.get("list").item(0).written(), "d", "a block mapping is its first key");
        assert_eq!(
            second.get("list").get("missing").written(),
            "list",
            "what is missing is its parent"
        );
    }

    #[test]
    fn duplicate_keys_are_found_also_when_they_are_numbers() {
        for text in ["a: 1\na: 2\n", "404: 1\n404: 2\n", "x: {a: 1, b: 2, a: 3}\n"] {
            let mut problems = Vec::new();
            parse(&source(text), &mut problems);
            assert_eq!(problems.len(), 1, "{text}: {problems:?}");
        }
        let mut problems = Vec::new();
        parse(&source("x: {a: 1}\ny: {a: 1}\n"), &mut problems);
        assert!(problems.is_empty(), "the same key in two mappings is fine: {problems:?}");
    }

    #[test]
    fn a_number_that_is_not_finite_is_a_problem_and_no_text() {
        for text in ["a: .nan\n", "a: -.inf\n", "a: [1e999]\n"] {
            let mut problems = Vec::new();
            parse(&source(text), &mut problems);
            assert_eq!(problems.len(), 1, "{text}: {problems:?}");
        }
        let mut problems = Vec::new();
        parse(&source("a: '.nan'\nb: 1e3\n"), &mut problems);
        assert!(problems.is_empty(), "{problems:?}");
    }

    #[test]
    fn aliases_that_explode_are_one_problem_in_words() {
        let level = |level: usize| {
            let alias = vec![format!("*a{}", level - 1); 9].join(",");
            format!("a{level}: &a{level} [{alias}]\n")
        };
        let levels: String = (1..10).map(level).collect();
        let text = format!("a0: &a0 [x,x,x,x,x,x,x,x,x]\n{levels}");
        let mut problems = Vec::new();
        parse(&source(&text), &mut problems);
        let [problem] = &problems[..] else { panic!("one problem: {problems:?}") };
        assert!(problem.found.as_ref().is_some_and(|found| found.contains("aliases expanded")));
    }

    #[test]
    fn a_syntax_error_is_one_problem_with_its_place() {
        let mut problems = Vec::new();
        assert!(parse(&source("a: 1\n b: 2\n"), &mut problems).is_empty());
        assert_eq!(problems.len(), 1);
        assert_eq!((problems[0].line, problems[0].column), (2, 3));
    }
}
