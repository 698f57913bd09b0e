//! Problems as text for people: the place, the line, what to do.
//!
//! Makes text only; printing it is the reporters' work.

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
    };
    renderer.render(&[group(problem, text)])
}

fn group<'a>(problem: &'a Problem, text: &'a str) -> Group<'a> {
    let title = Level::ERROR.primary_title(&problem.what);
    let mut group = if problem.line == 0 {
        title.element(annotate_snippets::Origin::path(&problem.file))
    } else {
        let span = problem.span.start.min(text.len())..problem.span.end.min(text.len());
        let mut annotation = AnnotationKind::Primary.span(span);
        if let Some(label) = label(problem) {
            annotation = annotation.label(label);
        }
        title.element(Snippet::source(text).path(&problem.file).annotation(annotation))
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
        group = group.element(Level::NOTE.message(note));
    }
    group
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
