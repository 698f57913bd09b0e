//! What changes between two versions, in words, with the facts behind it.

use gateproof_core::cilium::CiliumVersion;
use gateproof_model::predict::comparison::{Cause, Change, Comparison, Fate, ObjectChange};

use super::facts::{described, releases};
use super::{ended, page, paragraph};
use crate::console::Terminal;
use crate::layout::wrap::hang;
use crate::layout::{Page, Tone};

/// How many paths of a changed object are named.
const MOST_FIELDS: usize = 3;

/// The comparison as a report for a terminal or a stream.
pub fn changes(
    (older, newer): (&CiliumVersion, &CiliumVersion),
    comparison: &Comparison,
    terminal: &Terminal,
) -> String {
    let page = page(terminal);
    let title = format!("reference model of Cilium {older} and {newer}, no cluster was asked");
    let mut lines = vec![page.colour.paint(Tone::Quiet, &title), String::new()];
    if comparison.is_empty() {
        lines.push(format!("nothing changes from Cilium {older} to {newer}"));
    } else {
        lines.extend(body((older, newer), comparison, page));
    }
    ended(&lines)
}

fn body(
    versions: (&CiliumVersion, &CiliumVersion),
    comparison: &Comparison,
    page: Page,
) -> Vec<String> {
    let causes: Vec<Cause> = comparison.causes().into_iter().collect();
    let mut lines = Vec::new();
    for subject in &comparison.subjects {
        lines.push(page.colour.paint(Tone::Heading, &subject.name));
        for change in &subject.changes {
            lines.extend(change_lines(change, &causes, page));
        }
        lines.push(String::new());
    }
    if comparison.subjects.is_empty() {
        lines.extend(paragraph_at_margin(
            "no Gateway gets another status, Service, socket or route; only objects differ:",
            page,
        ));
        lines.push(String::new());
    }
    if !comparison.objects.is_empty() {
        lines.push(page.colour.paint(Tone::Heading, "objects"));
        for object in &comparison.objects {
            lines.extend(object_lines(object, &causes, page));
        }
        lines.push(String::new());
    }
    if causes.is_empty() {
        lines.push("no documented fact alone is behind any of it".to_owned());
        return lines;
    }
    lines.push(page.colour.paint(Tone::Heading, "facts behind it"));
    for (index, cause) in causes.iter().enumerate() {
        lines.extend(hang(
            &format!("  [{}] ", index + 1),
            &cause_words(*cause, versions),
            page.width,
        ));
    }
    lines
}

fn paragraph_at_margin(text: &str, page: Page) -> Vec<String> {
    paragraph(text, page).into_iter().map(|line| line.trim_start().to_owned()).collect()
}

fn change_lines(change: &Change, causes: &[Cause], page: Page) -> Vec<String> {
    let text = match (&change.before, &change.after) {
        (Some(before), Some(after)) => format!("{}: {before} → {after}", change.what),
        (None, Some(after)) => format!("{}: new, {after}", change.what),
        (Some(before), None) => format!("{}: gone, was {before}", change.what),
        (None, None) => change.what.clone(),
    };
    hang("  - ", &(text + &numbers(&change.causes, causes)), page.width)
}

fn object_lines(object: &ObjectChange, causes: &[Cause], page: Page) -> Vec<String> {
    let (tone, label, text) = match &object.fate {
        Fate::Appears => (Tone::Good, "  + ", format!("{} appears", object.object)),
        Fate::Disappears => (Tone::Bad, "  - ", format!("{} disappears", object.object)),
        Fate::Differs { fields } => {
            let mut named: Vec<&str> =
                fields.iter().take(MOST_FIELDS).map(String::as_str).collect();
            let more = format!("{} more", fields.len().saturating_sub(MOST_FIELDS));
            if fields.len() > MOST_FIELDS {
                named.push(&more);
            }
            (Tone::Plain, "  ~ ", format!("{}: {}", object.object, named.join(", ")))
        }
    };
    let lines = hang(label, &(text + &numbers(&object.causes, causes)), page.width);
    lines.into_iter().map(|line| page.colour.paint(tone, &line)).collect()
}

/// The numbers of causes in the list below.
fn numbers(of: &[Cause], all: &[Cause]) -> String {
    let numbers: Vec<String> = of
        .iter()
        .filter_map(|cause| all.iter().position(|known| known == cause))
        .map(|index| format!(" [{}]", index + 1))
        .collect();
    numbers.concat()
}

fn cause_words(cause: Cause, (older, newer): (&CiliumVersion, &CiliumVersion)) -> String {
    match cause {
        Cause::Configuration => format!(
            "The same Helm values amount to another configuration with the charts of {older} and \
             {newer}."
        ),
        Cause::Fact(behaviour) => {
            let holder =
                if gateproof_model::facts::holds(newer, behaviour) { newer } else { older };
            format!(
                "{} True of {holder} ({}); {}.",
                behaviour.words(),
                releases(behaviour),
                described(behaviour)
            )
        }
    }
}
