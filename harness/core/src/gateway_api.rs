//! The Gateway API's own validation rules and defaults, as pure functions over objects.
//!
//! Covers GatewayClass, Gateway, HTTPRoute and ReferenceGrant as the CustomResourceDefinitions of
//! Gateway API 1.6.1 do (kubernetes-sigs/gateway-api `apis/v1/*_types.go`): structure, limits,
//! patterns, defaults, list keys, and the rules upstream writes in CEL. Shapes are data
//! ([`schema`]), cross-field rules are functions ([`rules`]).
//!
//! One upstream rule is left out on purpose: the experimental channel's pattern for header values,
//! which the standard channel does not have, so that the experimental channel accepts whatever the
//! standard one does.
//!
//! It deliberately does not check what needs other objects (does the class exist, is the
//! certificate there): that is the controller's work. The status of an object is not checked, and
//! objects of other kinds are passed without a word.

mod form;
mod path;
mod rules;
mod schema;

use std::fmt;

use serde_json::Value;

pub use path::{FieldPath, Segment};

use crate::scenario::Channel;

/// The API group of the Gateway API.
pub const GROUP: &str = "gateway.networking.k8s.io";

/// One mistake in an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldError {
    /// Where, from the root of the object.
    pub path: FieldPath,
    /// What kind of mistake it is.
    pub problem: Problem,
    /// What is there, as short JSON; `nothing` when a field is missing.
    pub found: String,
    /// What would be accepted: a sentence fragment that fits after "expected".
    pub expected: String,
    /// The closest accepted spelling, when one is close.
    pub nearest: Option<String>,
}

/// The kinds of mistakes an API server tells apart (its `StatusCause` reasons).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Problem {
    /// A required field is missing.
    Required,
    /// The value has the wrong JSON type.
    WrongType,
    /// The value is of the right type but not acceptable.
    Invalid,
    /// The value is not one of a closed list.
    NotSupported,
    /// A list holds the same entry or key twice.
    Duplicate,
    /// A list or map has too many entries.
    TooMany,
    /// A text is too long.
    TooLong,
    /// The field does not exist in the schema.
    UnknownField,
}

impl fmt::Display for FieldError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: found {}, expected {}", self.path, self.found, self.expected)?;
        match &self.nearest {
            Some(nearest) => write!(f, " (did you mean `{nearest}`?)"),
            None => Ok(()),
        }
    }
}

/// Every mistake in an object, judged by the experimental channel, whose schemas accept all that
/// the standard channel accepts.
pub fn validate(object: &Value) -> Vec<FieldError> {
    validate_in(object, Channel::Experimental)
}

/// Every mistake in an object, judged by the schemas of one channel, in document order per object.
///
/// Defaults are applied to a copy first, as an API server does, so that rules see what will be
/// stored. An object of a kind not covered has no mistakes.
pub fn validate_in(object: &Value, channel: Channel) -> Vec<FieldError> {
    let Some(covered) = schema::covered(object) else {
        return Vec::new();
    };
    let mut errors = schema::version_errors(object, covered);
    let mut defaulted = object.clone();
    schema::default(&mut defaulted, covered.shape);
    schema::check(&defaulted, covered.shape, channel, &mut errors);
    rules::check(&defaulted, covered.kind, channel, &mut errors);
    errors
}

/// Every mistake in changing `before` into `after` that neither object has on its own: fields
/// that may not change.
pub fn validate_update(before: &Value, after: &Value) -> Vec<FieldError> {
    match schema::covered(after) {
        Some(covered) => rules::check_update(before, after, covered.kind),
        None => Vec::new(),
    }
}

/// Fills in what the schemas fill in: for example `PathPrefix /` matches, weight 1, redirect
/// status 302, group and kind of references, `allowedRoutes` from `Same`, and the first conditions
/// of a GatewayClass and a Gateway (`Unknown`, reason `Pending`).
pub fn default(object: &mut Value) {
    if let Some(covered) = schema::covered(object) {
        schema::default(object, covered.shape);
    }
}

/// Removes the fields that the schemas do not have, as an API server does before it stores an
/// object, and says which they were.
pub fn prune(object: &mut Value) -> Vec<FieldPath> {
    match schema::covered(object) {
        Some(covered) => schema::prune(object, covered.shape),
        None => Vec::new(),
    }
}

/// The OpenAPI v3 schema of a covered kind, with descriptions.
pub fn open_api_schema(kind: &str) -> Option<Value> {
    let object = serde_json::json!({"apiVersion": format!("{GROUP}/v1"), "kind": kind});
    Some(schema::schema_of(schema::covered(&object)?.shape))
}

/// Whether this module has rules for the object.
pub fn covers(object: &Value) -> bool {
    schema::covered(object).is_some()
}

impl FieldError {
    /// A mistake at a path, with what was found there.
    fn new(path: FieldPath, problem: Problem, found: &Value, expected: impl Into<String>) -> Self {
        Self { path, problem, found: shown(found), expected: expected.into(), nearest: None }
    }

    /// A field that should be there.
    fn required(path: FieldPath, expected: impl Into<String>) -> Self {
        let found = "nothing".to_owned();
        Self { path, problem: Problem::Required, found, expected: expected.into(), nearest: None }
    }

    /// Adds the closest of the accepted spellings, if one is close.
    fn suggesting<'n>(mut self, wrong: &str, names: impl IntoIterator<Item = &'n str>) -> Self {
        self.nearest = nearest(wrong, names).map(str::to_owned);
        self
    }
}

/// A value as short JSON.
fn shown(value: &Value) -> String {
    const LIMIT: usize = 80;
    let text = value.to_string();
    match text.char_indices().nth(LIMIT) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

/// The closest name, when it is within a few edits; letter case costs nothing.
fn nearest<'n>(wrong: &str, names: impl IntoIterator<Item = &'n str>) -> Option<&'n str> {
    let lowered = wrong.to_lowercase();
    let limit = (wrong.chars().count() / 3).max(1);
    names
        .into_iter()
        .map(|name| (strsim::damerau_levenshtein(&lowered, &name.to_lowercase()), name))
        .filter(|(distance, _)| *distance <= limit)
        .min()
        .map(|(_, name)| name)
}

#[cfg(test)]
mod tests;
