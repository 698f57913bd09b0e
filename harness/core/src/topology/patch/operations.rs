//! Reads the operations of a JSON patch (RFC 6902), written as YAML or JSON.

use serde_json::Value;

use crate::source::nearest::nearest;
use crate::source::parse::parse;
use crate::source::problem::Problem;
use crate::source::schema::one_of;
use crate::source::tree::{Content, Node, Place, Source};

const OPERATIONS: [&str; 6] = ["add", "remove", "replace", "move", "copy", "test"];

/// The list of operations, or problems.
pub(super) fn read(text: &str, place: Place<'_>, problems: &mut Vec<Problem>) -> Option<Value> {
    let source = Source { path: place.source().path.clone(), text: text.to_owned() };
    let mut inner = Vec::new();
    let documents = parse(&source, &mut inner);
    if !inner.is_empty() {
        problems.extend(inner.into_iter().map(|problem| {
            Problem::at(&place, "this patch is neither YAML nor JSON")
                .found(problem.found.unwrap_or(problem.what))
                .note(format!("in line {} of the patch, column {}", problem.line, problem.column))
        }));
        return None;
    }
    let list = match &documents[..] {
        [one] if matches!(one.content, Content::Sequence(_)) => one,
        other => {
            let found = match other {
                [] => "nothing".to_owned(),
                [one] => one.content.to_string(),
                many => format!("{} documents", many.len()),
            };
            problems.push(
                Problem::at(&place, "this is no JSON patch")
                    .found(found)
                    .expected("a list of operations such as `- {op: add, path: /a, value: b}`"),
            );
            return None;
        }
    };
    let before = problems.len();
    for (index, operation) in list.items().iter().enumerate() {
        if let Some(mut problem) = problem(operation, place) {
            problem.note = Some(format!("in operation {} of the patch", index + 1));
            problems.push(problem);
        }
    }
    (problems.len() == before).then(|| list.to_json())
}

/// What is wrong with an operation, if anything.
fn problem(operation: &Node, place: Place<'_>) -> Option<Problem> {
    let text = |key: &str| operation.entry(key).and_then(|entry| entry.value.as_text());
    let op = text("op").unwrap_or_default();
    if !OPERATIONS.contains(&op) {
        return Some(
            Problem::at(&place, "this patch does something that no JSON patch can do")
                .found(format!("`op: {op}`"))
                .expected(one_of(&OPERATIONS))
                .nearest(nearest(op, OPERATIONS)),
        );
    }
    let pointers = if matches!(op, "move" | "copy") { &["path", "from"][..] } else { &["path"] };
    for key in pointers {
        match text(key) {
            Some(pointer) if pointer.is_empty() || pointer.starts_with('/') => {}
            found => {
                let found = found.map_or("nothing".to_owned(), |text| format!("`{text}`"));
                return Some(
                    Problem::at(&place, format!("`{op}` needs a `{key}`"))
                        .found(found)
                        .expected("a path such as `/networking/podSubnet`"),
                );
            }
        }
    }
    if matches!(op, "add" | "replace" | "test") && operation.entry("value").is_none() {
        return Some(Problem::at(&place, format!("`{op}` needs a `value`")));
    }
    None
}
