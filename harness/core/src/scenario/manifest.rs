//! Manifests: the Kubernetes objects that a scenario applies, each with its place.
//!
//! Checks what every object needs (`apiVersion`, `kind`, `metadata.name`, said once) and hands
//! objects of the Gateway API to the field rules. It does not know other kinds' schemas; those are
//! the API server's business.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{Manifest, ObjectRef};
use crate::gateway_api::{self, FieldError, Problem as Mistake, Segment};
use crate::source::problem::Problem;
use crate::source::tree::{Content, Place};

mod metadata;

/// An object of a manifest.
#[derive(Debug, Clone)]
pub(crate) struct Object<'a> {
    /// Where it was written.
    pub(crate) place: Place<'a>,
    /// Its name.
    pub(crate) reference: ObjectRef,
    /// All of it.
    pub(crate) value: Value,
    /// Whether mistakes were found in it.
    pub(crate) flawed: bool,
}

impl Object<'_> {
    /// As a step applies it.
    pub(crate) fn manifest(&self) -> Manifest {
        Manifest { origin: self.place.origin(), object: self.value.clone() }
    }
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
    let before = problems.len();
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
    let named = problems.len();
    metadata::check(place.get("metadata"), problems);
    let misnamed = problems.len() > named;
    let (Some(api_version), Some(kind), Some(name)) = (api_version, kind, name) else {
        return None;
    };
    if !metadata::check_kind(place, &api_version, &kind, problems) {
        return None;
    }
    let value = node.to_json();
    problems.extend(gateway_api::validate(&value).iter().map(|wrong| field_problem(place, wrong)));
    let flawed = problems.len() > before;
    if misnamed {
        return None;
    }
    let reference = ObjectRef { api_version, kind, namespace, name };
    Some(Object { place, reference, value, flawed })
}

/// A mistake in a field, shown where the field stands or, when it is missing, where it belongs.
fn field_problem(place: Place<'_>, wrong: &FieldError) -> Problem {
    let mut at = place;
    let mut segments = wrong.path.segments().iter().peekable();
    while let Some(segment) = segments.next() {
        let unknown = segments.peek().is_none() && wrong.problem == Mistake::UnknownField;
        at = match segment {
            // Of a key that should not be there, the key itself is what to look at.
            Segment::Field(key) | Segment::Key(key) if unknown => at.key(key),
            Segment::Field(key) | Segment::Key(key) => at.get(key),
            Segment::Index(index) => at.item(*index),
        };
    }
    Problem::at(&at, format!("`{}` is not what the Gateway API accepts", wrong.path))
        .found(&wrong.found)
        .expected(&wrong.expected)
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
    use super::object;
    use crate::source::parse::parse;
    use crate::source::problem::Problem;
    use crate::source::tree::{Place, Source};

    /// The problems of a Gateway with these listeners.
    fn problems(listeners: &str) -> Vec<Problem> {
        let source = Source {
            path: "gateway.yaml".to_owned(),
            text: format!(
                "apiVersion: gateway.networking.k8s.io/v1\nkind: Gateway\nmetadata: {{name: web}}\n\
                 spec:\n  gatewayClassName: cilium\n  listeners:\n{listeners}"
            ),
        };
        let documents = parse(&source, &mut Vec::new());
        let mut problems = Vec::new();
        object(Place::document(&source, &documents[0]), &mut problems);
        problems
    }

    #[test]
    fn a_mistake_in_a_field_is_shown_at_the_field() {
        assert!(problems("  - {name: http, port: 80, protocol: HTTP}\n").is_empty());
        let found = problems("  - {name: http, port: 80, protocol: HTTP, hostnam: a.test}\n");
        let [problem] = found.as_slice() else { panic!("one problem: {found:?}") };
        assert_eq!((problem.line, problem.column), (7, 44), "{problem:?}");
        assert!(problem.what.contains("`spec.listeners[0].hostnam`"), "{}", problem.what);
        assert_eq!(problem.nearest.as_deref(), Some("hostname"));
    }

    #[test]
    fn every_mistake_of_an_object_is_told() {
        let found = problems("  - {name: A_B, port: 0, protocol: HTTP, tls: {mode: Terminate}}\n");
        assert!(found.len() >= 3, "{found:?}");
    }
}
