//! Problems as text for people: the place, the line, what to do.
//!
//! Makes text only; printing it is the reporters' work.

use std::ops::Range;

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};

use super::problem::Problem;

/// How problems are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    /// Without colours, for files, pipes and tests.
    Plain,
    /// With terminal colours.
    Coloured,
}

/// One problem as text, without a line break at its end. `text` is the whole text of its file.
pub fn problem(problem: &Problem, text: &str, style: Style) -> String {
    let renderer = match style {
        Style::Plain => Renderer::plain(),
        Style::Coloured => Renderer::styled(),
    }
    .term_width(WIDTH);
    renderer.render(&[group(problem, text)])
}

fn group<'a>(problem: &'a Problem, text: &'a str) -> Group<'a> {
    let title = Level::ERROR.primary_title(&problem.what);
    let mut group = if problem.line == 0 {
        title.element(annotate_snippets::Origin::path(&problem.file))
    } else {
        let annotation = AnnotationKind::Primary.span(underlined(problem, text));
        let snippet = |annotation| Snippet::source(text).path(&problem.file).annotation(annotation);
        match label(problem) {
            Some(label) if fits_beside(problem, text, &label) => {
                title.element(snippet(annotation.label(label)))
            }
            Some(label) => {
                title.element(snippet(annotation)).element(Level::NOTE.message(wrapped(&label)))
            }
            None => title.element(snippet(annotation)),
        }
    };
    if problem.line == 0
        && let Some(found) = &problem.found
    {
        group = group.element(Level::NOTE.message(found));
    }
    if let Some(nearest) = &problem.nearest {
        group = group.element(Level::HELP.message(format!("did you mean `{nearest}`?")));
    }
    if let Some(note) = &problem.note {
        group = group.element(Level::NOTE.message(wrapped(note)));
    }
    group
}

/// A terminal's usual width.
const WIDTH: usize = 80;

/// What `= note: ` and the column of line numbers take at the most.
const MARGIN: usize = 16;

/// The bytes to underline: of a text over several lines only what stands in its first.
fn underlined(problem: &Problem, text: &str) -> Range<usize> {
    let start = problem.span.start.min(text.len());
    let end = problem.span.end.clamp(start, text.len());
    let line = text.get(start..end).and_then(|part| part.find(['\r', '\n']));
    // What starts at a line break has no first line of its own.
    let end = line.filter(|length| *length > 0).map_or(end, |length| start + length);
    start..end
}

/// Whether a label has room to the right of what is underlined.
fn fits_beside(problem: &Problem, text: &str, label: &str) -> bool {
    let range = underlined(problem, text);
    let width = text.get(range).map_or(0, |part| part.chars().count());
    let numbers = problem.line.to_string().len() + " | ".len();
    !label.contains('\n') && numbers + problem.column + width + label.chars().count() <= WIDTH
}

/// A message in lines that fit the terminal; words stay whole.
fn wrapped(message: &str) -> String {
    let mut out = String::new();
    for (index, line) in message.lines().enumerate() {
        if index > 0 {
            out.push('\n');
        }
        let mut width = 0;
        for word in line.split(' ') {
            let length = word.chars().count();
            if width > 0 && width + 1 + length > WIDTH - MARGIN {
                out.push('\n');
                width = 0;
            } else if width > 0 {
                out.push(' ');
                width += 1;
            }
            out.push_str(word);
            width += length;
        }
    }
    out
}

fn label(problem: &Problem) -> Option<String> {
    match (&problem.found, &problem.expected) {
        (Some(found), Some(expected)) => Some(format!("found {found}, expected {expected}")),
        (Some(found), None) => Some(found.clone()),
        (None, Some(expected)) => Some(format!("expected {expected}")),
        (None, None) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::{Style, problem};
    use crate::source::problem::Problem;
    use crate::source::tree::{Place, Source, Span};

    #[test]
    fn a_problem_shows_its_place_its_line_and_what_to_try() {
        let source =
            Source { path: "a.yaml".to_owned(), text: "one: 1\nmatchlabels: {}\n".to_owned() };
        let place = Place::start(&source).pointing_at(Span { start: 7, end: 18 });
        let wrong = Problem::at(&place, "unknown key `matchlabels`")
            .expected("`matchLabels`")
            .nearest(Some("matchLabels"))
            .note("keys are case-sensitive");
        insta::assert_snapshot!(problem(&wrong, &source.text, Style::Plain));
        let coloured = problem(&wrong, &source.text, Style::Coloured);
        assert!(coloured.contains("\u{1b}["), "coloured output has escape codes");
    }
}
