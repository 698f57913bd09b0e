//! Several references from one route to one parent: they must tell the sections apart.
//!
//! The standard channel tells them apart by `sectionName` alone; the experimental one by
//! `sectionName` and `port` (`CommonRouteSpec.parentRefs` in `shared_types.go`).

use std::collections::HashMap;

use super::At;
use crate::gateway_api::{FieldError, Problem};
use crate::scenario::Channel;

/// Adds the mistakes among the parent references.
pub(super) fn check(references: &[At<'_>], channel: Channel, errors: &mut Vec<FieldError>) {
    let mut parents: HashMap<_, Vec<&At<'_>>> = HashMap::new();
    let mut order = Vec::new();
    for reference in references {
        let part = |name: &str| reference.field(name).text();
        let parent = (part("group"), part("kind"), part("namespace"), part("name"));
        let same = parents.entry(parent).or_default();
        if same.is_empty() {
            order.push(parent);
        }
        same.push(reference);
    }
    for parent in order {
        same_parent(&parents[&parent], channel, errors);
    }
}

fn same_parent(references: &[&At<'_>], channel: Channel, errors: &mut Vec<FieldError>) {
    let [first, rest @ ..] = references else { return };
    let mut sections = vec![section(first, channel)];
    for reference in rest {
        let here = section(reference, channel);
        let set = |(name, port): (&str, Option<i64>)| (!name.is_empty(), port.is_some());
        if set(here) != set(sections[0]) {
            let (fields, verb) = match channel {
                Channel::Standard => ("`sectionName`", "sets"),
                Channel::Experimental => ("`sectionName` and `port`", "set"),
            };
            let expected = format!(
                "{fields} {verb} in all or in none of the references to one parent, and {} is one \
                 of them",
                first.path
            );
            report(reference, Problem::Invalid, expected, errors);
        } else if sections.contains(&here) {
            let expected = format!(
                "another `sectionName` than the other references to the same parent, such as {}",
                first.path
            );
            report(reference, Problem::Duplicate, expected, errors);
        }
        sections.push(here);
    }
}

/// What tells references to one parent apart.
fn section<'v>(reference: &At<'v>, channel: Channel) -> (&'v str, Option<i64>) {
    let port = match channel {
        Channel::Standard => None,
        Channel::Experimental => reference.value["port"].as_i64().filter(|port| *port != 0),
    };
    (reference.field("sectionName").text(), port)
}

fn report(reference: &At<'_>, problem: Problem, expected: String, errors: &mut Vec<FieldError>) {
    errors.push(FieldError::new(reference.path.clone(), problem, reference.value, expected));
}
