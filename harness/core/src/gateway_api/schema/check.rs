//! Checks a value against a shape and reports every mistake, not only the first.
//!
//! It changes nothing and looks at one place at a time; defaults are expected to be filled in.

use std::collections::HashMap;

use serde_json::Value;

use super::{Field, List, Map, Presence, Shape, Unique};
use crate::gateway_api::form::Form;
use crate::gateway_api::{FieldError, FieldPath, Problem};
use crate::scenario::Channel;

/// Adds every mistake of the object to `errors`.
pub(in crate::gateway_api) fn check(
    object: &Value,
    shape: &Shape,
    channel: Channel,
    errors: &mut Vec<FieldError>,
) {
    Check { channel, errors }.value(object, shape, &FieldPath::root());
}

struct Check<'e> {
    channel: Channel,
    errors: &'e mut Vec<FieldError>,
}

impl Check<'_> {
    fn value(&mut self, value: &Value, shape: &Shape, path: &FieldPath) {
        match shape {
            Shape::Object(fields) => self.object(value, fields, path),
            Shape::List(list) => self.list(value, list, path),
            Shape::Map(map) => self.map(value, map, path),
            Shape::Text { length, form } => self.text(value, *length, *form, path),
            Shape::Choice(choices) => self.choice(value, choices, path),
            Shape::Integer(least, most) => self.integer(value, *least, *most, path),
            Shape::Code(codes) => self.code(value, shape, codes, path),
            Shape::Boolean if !value.is_boolean() => {
                self.report(path, Problem::WrongType, value, "`true` or `false`");
            }
            Shape::Boolean | Shape::Opaque => {}
        }
    }

    fn object(&mut self, value: &Value, fields: &[Field], path: &FieldPath) {
        let Some(object) = value.as_object() else {
            self.report(path, Problem::WrongType, value, "an object");
            return;
        };
        let known: Vec<&Field> =
            fields.iter().filter(|field| available(field, self.channel)).collect();
        let names: Vec<&str> = known.iter().map(|field| field.name).collect();
        for field in known {
            match (object.get(field.name), &field.presence) {
                (Some(value), _) => self.value(value, field.shape, &path.field(field.name)),
                (None, Presence::Required) => self.errors.push(FieldError::required(
                    path.field(field.name),
                    format!("{}; the field is required", described(field.shape)),
                )),
                (None, Presence::Optional | Presence::Defaulted(_)) => {}
            }
        }
        for (name, value) in object {
            if names.contains(&name.as_str()) {
                continue;
            }
            let expected = if fields.iter().any(|field| field.name == name) {
                "the experimental channel of the Gateway API, the only one that has this field"
                    .to_owned()
            } else {
                format!("one of the fields {}", names.join(", "))
            };
            let error = FieldError::new(path.field(name), Problem::UnknownField, value, expected);
            self.errors.push(error.suggesting(name, names.iter().copied()));
        }
    }

    fn list(&mut self, value: &Value, list: &List, path: &FieldPath) {
        let Some(entries) = value.as_array() else {
            self.report(path, Problem::WrongType, value, "a list");
            return;
        };
        let (least, most) = list.size;
        if entries.len() < least {
            self.count(path, Problem::Invalid, entries.len(), &format!("at least {least}"));
        }
        if entries.len() > most {
            self.count(path, Problem::TooMany, entries.len(), &format!("at most {most}"));
        }
        for (index, entry) in entries.iter().enumerate() {
            self.value(entry, list.of, &path.index(index));
        }
        self.duplicates(entries, &list.unique, path);
    }

    fn duplicates(&mut self, entries: &[Value], unique: &Unique, path: &FieldPath) {
        let mut seen = HashMap::new();
        for (index, entry) in entries.iter().enumerate() {
            let (identity, place, noun) = match unique {
                Unique::Nothing => return,
                Unique::Entry => (Some(entry), path.index(index), "an entry".to_owned()),
                Unique::Key(key) => {
                    (entry.get(key), path.index(index).field(key), format!("a `{key}`"))
                }
            };
            let Some(identity) = identity else { continue };
            if let Some(first) = seen.insert(identity.to_string(), index) {
                let expected = format!("{noun} that entry {first} of the list does not have");
                self.report(&place, Problem::Duplicate, identity, &expected);
                seen.insert(identity.to_string(), first);
            }
        }
    }

    fn map(&mut self, value: &Value, map: &Map, path: &FieldPath) {
        let Some(entries) = value.as_object() else {
            self.report(path, Problem::WrongType, value, "a map of texts");
            return;
        };
        if entries.len() > map.size {
            self.count(path, Problem::TooMany, entries.len(), &format!("at most {}", map.size));
        }
        for (key, value) in entries {
            let place = path.key(key);
            if !map.keys.accepts(key) {
                let key = Value::from(key.as_str());
                let expected = format!("as the key {}", map.keys.expected());
                self.report(&place, Problem::Invalid, &key, &expected);
            }
            self.value(value, map.values, &place);
        }
    }

    fn text(&mut self, value: &Value, length: (usize, usize), form: Form, path: &FieldPath) {
        let Some(text) = value.as_str() else {
            self.report(path, Problem::WrongType, value, form.expected());
            return;
        };
        let (least, most) = length;
        let characters = text.chars().count();
        if characters > most {
            let expected = format!("at most {most} characters, not {characters}");
            self.report(path, Problem::TooLong, value, &expected);
        } else if characters < least {
            let expected = format!("{}, not empty", form.expected());
            self.report(path, Problem::Invalid, value, &expected);
        } else if !form.accepts(text) {
            self.report(path, Problem::Invalid, value, form.expected());
        }
    }

    fn choice(&mut self, value: &Value, choices: &[&str], path: &FieldPath) {
        let problem = match value.as_str() {
            Some(text) if choices.contains(&text) => return,
            Some(_) => Problem::NotSupported,
            None => Problem::WrongType,
        };
        let error = FieldError::new(path.clone(), problem, value, listed(choices));
        let wrong = value.as_str().unwrap_or_default();
        self.errors.push(error.suggesting(wrong, choices.iter().copied()));
    }

    fn integer(&mut self, value: &Value, least: i64, most: i64, path: &FieldPath) {
        let expected = described(&Shape::Integer(least, most));
        match value.as_i64() {
            Some(number) if (least..=most).contains(&number) => {}
            Some(_) => self.report(path, Problem::Invalid, value, &expected),
            None => self.report(path, Problem::WrongType, value, &expected),
        }
    }

    fn code(&mut self, value: &Value, shape: &Shape, codes: &[i64], path: &FieldPath) {
        let problem = match value.as_i64() {
            Some(number) if codes.contains(&number) => return,
            Some(_) => Problem::NotSupported,
            None => Problem::WrongType,
        };
        self.report(path, problem, value, &described(shape));
    }

    fn count(&mut self, path: &FieldPath, problem: Problem, found: usize, expected: &str) {
        self.errors.push(FieldError {
            path: path.clone(),
            problem,
            found: format!("{found} entries"),
            expected: expected.to_owned(),
            nearest: None,
        });
    }

    fn report(&mut self, path: &FieldPath, problem: Problem, found: &Value, expected: &str) {
        self.errors.push(FieldError::new(path.clone(), problem, found, expected));
    }
}

/// Whether the channel has the field.
fn available(field: &Field, channel: Channel) -> bool {
    field.channel == Channel::Standard || channel == Channel::Experimental
}

/// A shape in words, for a field that is missing.
fn described(shape: &Shape) -> String {
    match shape {
        Shape::Object(_) => "an object".to_owned(),
        Shape::List(_) => "a list".to_owned(),
        Shape::Map(_) => "a map of texts".to_owned(),
        Shape::Text { form, .. } => form.expected().to_owned(),
        Shape::Choice(choices) => listed(choices),
        Shape::Integer(least, i64::MAX) => format!("a whole number of at least {least}"),
        Shape::Integer(least, most) => format!("a whole number from {least} to {most}"),
        Shape::Code(codes) => {
            let codes: Vec<_> = codes.iter().map(i64::to_string).collect();
            format!("one of {}", codes.join(", "))
        }
        Shape::Boolean => "`true` or `false`".to_owned(),
        Shape::Opaque => "a value".to_owned(),
    }
}

fn listed(choices: &[&str]) -> String {
    let choices: Vec<_> = choices.iter().map(|choice| format!("`{choice}`")).collect();
    format!("one of {}", choices.join(", "))
}
