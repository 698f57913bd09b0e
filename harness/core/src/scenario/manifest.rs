//! Manifests: the Kubernetes objects that a scenario applies, each with its place.
//!
//! Checks what every object needs (`apiVersion`, `kind`, `metadata.name`, said once) and hands
//! objects of the Gateway API to the field rules. It does not know other kinds' schemas; those are
//! the API server's business.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{Manifest, ObjectRef};
use crate::source::problem::Problem;
use crate::source::tree::{Content, Place};

/// An object of a manifest.
#[derive(Debug, Clone)]
pub(crate) struct Object<'a> {
    /// Where it was written.
    pub(crate) place: Place<'a>,
    /// Its name.
    pub(crate) reference: ObjectRef,
    /// All of it.
    pub(crate) value: Value,
}

impl Object<'_> {
    /// As a step applies it.
    pub(crate) fn manifest(&self) -> Manifest {
        Manifest { origin: self.place.origin(), object: self.value.clone() }
    }
}

/// A mistake in a field of an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FieldProblem {
    /// The way from the object to the field.
    pub(crate) path: Vec<FieldStep>,
    /// What is there.
    pub(crate) found: String,
    /// What would be accepted: fits after "expected".
    pub(crate) expected: String,
    /// The nearest accepted spelling.
    pub(crate) nearest: Option<String>,
}

/// A step into an object.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(
    not(test),
    expect(dead_code, reason = "made by the Gateway API's rules, which are not plugged in yet")
)]
pub(crate) enum FieldStep {
    /// A key of a mapping.
    Key(String),
    /// An item of a list, from 0.
    Index(usize),
}

/// Mistakes in the fields of a Gateway API object: the place where that API's rules are plugged in.
///
/// Until they are, the API server of the cluster under test finds such mistakes when the object is
/// applied.
fn gateway_api_field_problems(object: &Value) -> Vec<FieldProblem> {
    debug_assert!(object.is_object(), "only objects are looked at");
    Vec::new()
}

/// Reads one object; what is wrong goes to `problems`.
pub(crate) fn object<'a>(place: Place<'a>, problems: &mut Vec<Problem>) -> Option<Object<'a>> {
    let node = place.node()?;
    if !matches!(node.content, Content::Mapping(_)) {
        problems.push(
            Problem::at(&place, "this is no Kubernetes object")
                .found(node.content.to_string())
                .expected("a mapping with `apiVersion`, `kind` and `metadata`"),
        );
        return None;
    }
    let api_version = required(place, &["apiVersion"], problems);
    let kind = required(place, &["kind"], problems);
    if kind.as_deref().is_some_and(|kind| kind == "List") {
        problems.push(
            Problem::at(&place.get("kind"), "a List cannot be applied as one object")
                .expected("its items as documents of their own, divided by `---`"),
        );
        return None;
    }
    let name = required(place, &["metadata", "name"], problems);
    let namespace = place.at(&["metadata", "namespace"]).as_text().map(str::to_owned);
    let (Some(api_version), Some(kind), Some(name)) = (api_version, kind, name) else {
        return None;
    };
    let value = node.to_json();
    for wrong in gateway_api_field_problems(&value) {
        problems.push(field_problem(place, wrong));
    }
    Some(Object { place, reference: ObjectRef { api_version, kind, namespace, name }, value })
}

fn field_problem(place: Place<'_>, wrong: FieldProblem) -> Problem {
    let mut written = String::new();
    let mut at = place;
    for step in &wrong.path {
        at = match step {
            FieldStep::Key(key) => {
                if !written.is_empty() {
                    written.push('.');
                }
                written.push_str(key);
                at.get(key)
            }
            FieldStep::Index(index) => {
                written = format!("{written}[{index}]");
                at.item(*index)
            }
        };
    }
    Problem::at(&at, format!("`{written}` is not what the Gateway API accepts"))
        .found(wrong.found)
        .expected(wrong.expected)
        .nearest(wrong.nearest.as_deref())
}

/// A text that every object must have.
fn required(place: Place<'_>, path: &[&str], problems: &mut Vec<Problem>) -> Option<String> {
    let at = place.at(path);
    match at.node().map(|node| &node.content) {
        Some(Content::Text(text)) if !text.is_empty() => Some(text.clone()),
        found => {
            let field = path.join(".");
            let mut problem = Problem::at(&at, format!("an object without `{field}`"))
                .expected(format!("`{field}` with a text"));
            problem.found = found.map(ToString::to_string);
            problems.push(problem);
            None
        }
    }
}

/// Reports objects that are there twice in what one step applies.
pub(crate) fn report_duplicates(objects: &[Object<'_>], problems: &mut Vec<Problem>) {
    let mut seen: BTreeMap<(&str, &str, &str, &str), String> = BTreeMap::new();
    for object in objects {
        let reference = &object.reference;
        let group = reference.api_version.split_once('/').map_or("", |(group, _)| group);
        let namespace = reference.namespace.as_deref().unwrap_or_default();
        let key = (group, reference.kind.as_str(), namespace, reference.name.as_str());
        if let Some(first) = seen.get(&key) {
            problems.push(
                Problem::at(
                    &object.place.at(&["metadata", "name"]),
                    format!("the {} `{}` is there twice", reference.kind, reference.name),
                )
                .note(format!("the other one is at {first}; the later would silently win")),
            );
        } else {
            seen.insert(key, object.place.origin());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{FieldProblem, FieldStep, field_problem};
    use crate::source::parse::parse;
    use crate::source::tree::{Place, Source};

    #[test]
    fn a_mistake_in_a_field_is_shown_at_the_field() {
        let source = Source {
            path: "gateway.yaml".to_owned(),
            text: "spec:\n  listeners:\n  - {name: http, port: 80, protocl: HTTP}\n".to_owned(),
        };
        let documents = parse(&source, &mut Vec::new());
        let wrong = FieldProblem {
            path: vec![
                FieldStep::Key("spec".to_owned()),
                FieldStep::Key("listeners".to_owned()),
                FieldStep::Index(0),
                FieldStep::Key("protocl".to_owned()),
            ],
            found: "`protocl`".to_owned(),
            expected: "a field of a listener".to_owned(),
            nearest: Some("protocol".to_owned()),
        };
        let problem = field_problem(Place::document(&source, &documents[0]), wrong);
        assert_eq!((problem.line, problem.column), (3, 37));
        assert!(problem.what.contains("`spec.listeners[0].protocl`"), "{}", problem.what);
    }
}
