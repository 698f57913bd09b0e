//! Checks a spanned tree against a JSON Schema and collects everything that does not fit.
//!
//! Knows the part of JSON Schema 2020-12 that our own generated schemas use: `$ref` into `$defs`,
//! `type`, `properties`, `required`, `additionalProperties`, `propertyNames`, `minProperties`,
//! `items`, `minItems`, `enum`, `const`, `oneOf`/`anyOf` told apart by the kind of the value or by
//! which one key is present, numeric limits, `minLength` and `format`. It is no general validator;
//! [`unsupported`] names the keywords in a schema that it would ignore, and a test keeps that list
//! empty.

use serde_json::{Map, Value};

use super::nearest::nearest;
use super::problem::Problem;
use super::tree::{Content, Node, Place};

mod keywords;
pub use keywords::unsupported;

/// A named form of text, referred to by `format` in a schema.
#[derive(Debug, Clone, Copy)]
pub struct Format {
    /// The name in the schema.
    pub name: &'static str,
    /// Says what is wrong with a text, if anything: `(what is expected, why or what to do)`.
    pub check: fn(&str) -> Result<(), FormatError>,
}

/// Why a text does not have its form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FormatError {
    /// The accepted form, such as `a duration such as 2s`.
    pub expected: String,
    /// Why, or what to do, if more is known.
    pub note: Option<String>,
}

/// Checks a document against a schema; what does not fit goes to `problems`.
pub fn check(place: Place<'_>, schema: &Value, formats: &[Format], problems: &mut Vec<Problem>) {
    let mut checker = Checker { root: schema, formats, problems };
    checker.value(place, schema);
}

struct Checker<'a> {
    root: &'a Value,
    formats: &'a [Format],
    problems: &'a mut Vec<Problem>,
}

impl<'a> Checker<'a> {
    fn value(&mut self, place: Place<'_>, schema: &'a Value) {
        let Some(node) = place.node() else { return };
        let Some(schema) = self.resolve(schema) else { return };
        if let Some(branches) = alternatives(schema) {
            self.alternatives(place, node, branches);
            return;
        }
        if let Some(allowed) = self.words(schema) {
            self.word(place, node, &allowed, &[]);
            return;
        }
        let kinds = self.kinds(schema);
        if !kinds.is_empty() && !kinds.iter().any(|kind| fits(kind, node)) {
            self.wrong_kind(place, node, &[schema]);
            return;
        }
        match &node.content {
            Content::Mapping(_) => self.mapping(place, node, schema),
            Content::Sequence(_) => self.sequence(place, node, schema),
            Content::Text(text) => self.text(place, text, schema),
            Content::Number(_) => self.number(place, node, schema),
            Content::Null | Content::Bool(_) => {}
        }
    }

    /// Follows `$ref`; `None` for a schema that accepts everything.
    fn resolve(&self, schema: &'a Value) -> Option<&'a Map<String, Value>> {
        let object = schema.as_object()?;
        match object.get("$ref").and_then(Value::as_str) {
            Some(reference) => {
                let target = self.root.pointer(reference.strip_prefix('#')?)?;
                self.resolve(target)
            }
            None => Some(object),
        }
    }

    fn alternatives(&mut self, place: Place<'_>, node: &Node, branches: &'a [Value]) {
        let mut words = Vec::new();
        let mut others = Vec::new();
        for branch in branches {
            let Some(resolved) = self.resolve(branch) else { return };
            if let Some(more) = self.words(resolved) {
                words.extend(more);
                continue;
            }
            if self.kinds(resolved).iter().any(|kind| fits(kind, node)) {
                self.value(place, branch);
                return;
            }
            others.push(resolved);
        }
        if words.is_empty() {
            self.wrong_kind(place, node, &others);
        } else {
            self.word(place, node, &words, &others);
        }
    }

    /// The texts that an `enum` or `const`, or alternatives of nothing else, allow.
    fn words(&self, schema: &'a Map<String, Value>) -> Option<Vec<&'a str>> {
        if let Some(word) = schema.get("const") {
            return Some(vec![word.as_str()?]);
        }
        if let Some(words) = schema.get("enum").and_then(Value::as_array) {
            return words.iter().map(Value::as_str).collect();
        }
        let branches = alternatives(schema)?;
        let nested: Option<Vec<Vec<&str>>> =
            branches.iter().map(|branch| self.words(self.resolve(branch)?)).collect();
        Some(nested?.concat())
    }

    /// One of some texts, where values of other kinds may be accepted as well.
    fn word(
        &mut self,
        place: Place<'_>,
        node: &Node,
        allowed: &[&str],
        others: &[&'a Map<String, Value>],
    ) {
        if node.as_text().is_some_and(|text| allowed.contains(&text)) {
            return;
        }
        let mut expected = vec![one_of(allowed)];
        expected.extend(self.kinds_in_words(others));
        let near = node.as_text().and_then(|text| nearest(text, allowed.iter().copied()));
        self.problems.push(
            Problem::at(&place, "this value is not one of the accepted ones")
                .found(found(place, node))
                .expected(expected.join(" or "))
                .nearest(near),
        );
    }

    fn kinds(&self, schema: &'a Map<String, Value>) -> Vec<&'a str> {
        if let Some(branches) = alternatives(schema) {
            return branches
                .iter()
                .filter_map(|branch| self.resolve(branch))
                .flat_map(|branch| self.kinds(branch))
                .collect();
        }
        match schema.get("type") {
            Some(Value::String(kind)) => vec![kind],
            Some(Value::Array(kinds)) => kinds.iter().filter_map(Value::as_str).collect(),
            _ if schema.contains_key("const") || schema.contains_key("enum") => vec!["string"],
            _ => Vec::new(),
        }
    }

    fn kinds_in_words(&self, schemas: &[&'a Map<String, Value>]) -> Vec<String> {
        let mut words: Vec<String> = schemas
            .iter()
            .flat_map(|schema| self.kinds(schema))
            .map(|kind| in_words(kind).to_owned())
            .collect();
        words.dedup();
        words
    }

    fn wrong_kind(&mut self, place: Place<'_>, node: &Node, schemas: &[&'a Map<String, Value>]) {
        let mut expected = self.kinds_in_words(schemas);
        let scalar = matches!(node.content, Content::Bool(_) | Content::Number(_));
        let text = schemas.iter().find(|schema| self.kinds(schema).contains(&"string"));
        let mut advice = None;
        if let (true, Some(text)) = (scalar, text) {
            match self.form_error(place.written(), text) {
                Some(error) => expected = vec![error.expected],
                None => advice = Some(format!("put it in quotes: \"{}\"", place.written())),
            }
        }
        let mut problem = Problem::at(&place, "this value has the wrong type")
            .found(found(place, node))
            .expected(expected.join(" or "));
        problem.note = advice;
        self.problems.push(problem);
    }

    /// What is wrong with a text, if its schema names a form.
    fn form_error(&self, text: &str, schema: &Map<String, Value>) -> Option<FormatError> {
        let name = schema.get("format").and_then(Value::as_str)?;
        let format = self.formats.iter().find(|known| known.name == name)?;
        (format.check)(text).err()
    }

    fn mapping(&mut self, place: Place<'_>, node: &Node, schema: &'a Map<String, Value>) {
        let known = schema.get("properties").and_then(Value::as_object);
        let other = schema.get("additionalProperties");
        let mut slips = Vec::new();
        for entry in node.entries() {
            let at = place.get(&entry.key);
            if let Some(property) = known.and_then(|known| known.get(&entry.key)) {
                self.value(at, property);
            } else if other == Some(&Value::Bool(false)) {
                slips.extend(self.unknown_key(place.key(&entry.key), &entry.key, known));
            } else {
                if let Some(names) =
                    schema.get("propertyNames").and_then(|names| self.resolve(names))
                {
                    self.text(place.key(&entry.key), &entry.key, names);
                }
                if let Some(other) = other {
                    self.value(at, other);
                }
            }
        }
        self.required(place, node, schema, &slips);
        self.exactly_one(place, node, schema, &slips);
        if let Some(least) = schema.get("minProperties").and_then(Value::as_u64)
            && (node.entries().len() as u64) < least
        {
            self.problems.push(Problem::at(&place, "this mapping is empty").expected(format!(
                "at least {least} entr{}",
                if least == 1 { "y" } else { "ies" }
            )));
        }
    }

    /// Reports a key and says which one it was probably meant to be.
    fn unknown_key(
        &mut self,
        at: Place<'_>,
        key: &str,
        known: Option<&'a Map<String, Value>>,
    ) -> Option<&'a str> {
        let names: Vec<&str> =
            known.map(|known| known.keys().map(String::as_str).collect()).unwrap_or_default();
        let nearest = nearest(key, names.iter().copied());
        self.problems.push(
            Problem::at(&at, format!("unknown key `{key}`"))
                .expected(one_of(&names))
                .nearest(nearest),
        );
        nearest
    }

    /// `slips` are keys that were written wrong, and told already.
    fn required(
        &mut self,
        place: Place<'_>,
        node: &Node,
        schema: &Map<String, Value>,
        slips: &[&str],
    ) {
        for name in names(schema.get("required")) {
            if node.entry(name).is_none() && !slips.contains(&name) {
                self.problems.push(
                    Problem::at(&place, format!("the key `{name}` is missing here"))
                        .expected(format!("`{name}:` with a value")),
                );
            }
        }
    }

    /// `oneOf` whose branches only say `required`: exactly one of some keys must be there.
    fn exactly_one(
        &mut self,
        place: Place<'_>,
        node: &Node,
        schema: &Map<String, Value>,
        slips: &[&str],
    ) {
        let Some(branches) = key_choice(schema) else { return };
        let choices: Vec<&str> = branches.iter().flat_map(|b| names(b.get("required"))).collect();
        let present: Vec<&str> =
            choices.iter().copied().filter(|key| node.entry(key).is_some()).collect();
        match present[..] {
            [_] => {}
            [] if slips.iter().any(|slip| choices.contains(slip)) => {}
            [] => self.problems.push(
                Problem::at(&place, "a key is missing here")
                    .expected(format!("exactly one of {}", list(&choices))),
            ),
            [first, second, ..] => self.problems.push(
                Problem::at(
                    &place.key(second),
                    format!("`{first}` and `{second}` exclude each other"),
                )
                .expected(format!("exactly one of {}", list(&choices))),
            ),
        }
    }

    fn sequence(&mut self, place: Place<'_>, node: &Node, schema: &'a Map<String, Value>) {
        let count = node.items().len() as u64;
        if let Some(least) = schema.get("minItems").and_then(Value::as_u64)
            && count < least
        {
            self.problems.push(
                Problem::at(&place, "this list is too short")
                    .found(format!("{count} items"))
                    .expected(format!("at least {least}")),
            );
        }
        if let Some(items) = schema.get("items") {
            for item in place.items() {
                self.value(item, items);
            }
        }
    }

    fn text(&mut self, place: Place<'_>, text: &str, schema: &Map<String, Value>) {
        if let Some(least) = schema.get("minLength").and_then(Value::as_u64)
            && (text.trim().chars().count() as u64) < least
        {
            self.problems.push(Problem::at(&place, "this text is empty").expected("some text"));
        }
        if let Some(error) = self.form_error(text, schema) {
            let mut problem = Problem::at(&place, "this text does not have the right form")
                .found(format!("`{text}`"))
                .expected(error.expected);
            problem.note = error.note;
            self.problems.push(problem);
        }
    }

    fn number(&mut self, place: Place<'_>, node: &Node, schema: &Map<String, Value>) {
        let Content::Number(number) = &node.content else { return };
        let Some(value) = number.as_f64() else { return };
        let limit = |keyword: &str| schema.get(keyword).and_then(Value::as_f64);
        let least = limit("minimum");
        let most = limit("maximum");
        let above = limit("exclusiveMinimum");
        let wrong = least.is_some_and(|least| value < least)
            || most.is_some_and(|most| value > most)
            || above.is_some_and(|above| value <= above);
        if !wrong {
            return;
        }
        let expected = match (least, most, above) {
            (Some(least), Some(most), _) => format!("a number from {least} to {most}"),
            (Some(least), None, _) => format!("{least} or more"),
            (None, Some(most), _) => format!("{most} or less"),
            (None, None, above) => format!("more than {}", above.unwrap_or_default()),
        };
        self.problems.push(
            Problem::at(&place, "this number is out of range")
                .found(number.to_string())
                .expected(expected),
        );
    }
}

/// What was found, in words; numbers and booleans as they were written.
fn found(place: Place<'_>, node: &Node) -> String {
    match node.content {
        Content::Bool(_) => format!("the boolean `{}`", place.written()),
        Content::Number(_) => format!("the number `{}`", place.written()),
        _ => node.content.to_string(),
    }
}

/// The branches of `anyOf` or `oneOf`, unless these only choose between keys.
fn alternatives(schema: &Map<String, Value>) -> Option<&[Value]> {
    if key_choice(schema).is_some() {
        return None;
    }
    let branches = schema.get("anyOf").or_else(|| schema.get("oneOf"))?;
    branches.as_array().map(Vec::as_slice)
}

/// The branches of a `oneOf` that say nothing but `required`.
fn key_choice(schema: &Map<String, Value>) -> Option<Vec<&Map<String, Value>>> {
    let branches = schema.get("oneOf")?.as_array()?;
    branches
        .iter()
        .map(|branch| branch.as_object().filter(|b| b.len() == 1 && b.contains_key("required")))
        .collect()
}

fn names(required: Option<&Value>) -> impl Iterator<Item = &str> {
    required.and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str)
}

fn fits(kind: &str, node: &Node) -> bool {
    match (&node.content, kind) {
        (Content::Null, "null")
        | (Content::Bool(_), "boolean")
        | (Content::Text(_), "string")
        | (Content::Sequence(_), "array")
        | (Content::Mapping(_), "object")
        | (Content::Number(_), "number") => true,
        (Content::Number(number), "integer") => !number.is_f64(),
        _ => false,
    }
}

fn in_words(kind: &str) -> &str {
    match kind {
        "string" => "a text",
        "boolean" => "true or false",
        "integer" => "a whole number",
        "number" => "a number",
        "array" => "a list",
        "object" => "a mapping",
        other => other,
    }
}

fn list(names: &[&str]) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

/// `` `a` `` or `` one of `a`, `b` ``.
pub fn one_of(names: &[&str]) -> String {
    match names {
        [] => "no keys here".to_owned(),
        [one] => format!("`{one}`"),
        many => format!("one of {}", list(many)),
    }
}

#[cfg(test)]
mod tests;
