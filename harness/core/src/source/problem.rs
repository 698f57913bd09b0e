//! A problem in a file, and all of them together.
//!
//! A problem says what is wrong, where, what was found, what would be right, and what to try.

use std::collections::BTreeMap;
use std::fmt;

use super::render;
use super::tree::{Place, Source, Span};

/// Something wrong in a file.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Problem {
    /// The file's path.
    pub file: String,
    /// The bytes to underline.
    pub span: Span,
    /// The line, from 1; 0 when the file could not be read at all.
    pub line: usize,
    /// The column in characters, from 1; 0 when the file could not be read at all.
    pub column: usize,
    /// What is wrong.
    pub what: String,
    /// What was found.
    pub found: Option<String>,
    /// What would be right.
    pub expected: Option<String>,
    /// The nearest name that would be right.
    pub nearest: Option<String>,
    /// Why, or what to do.
    pub note: Option<String>,
}

impl Problem {
    /// A problem at a place.
    pub fn at(place: &Place<'_>, what: impl Into<String>) -> Self {
        let span = place.span();
        let (line, column) = place.source().position(span.start);
        Self {
            file: place.source().path.clone(),
            span,
            line,
            column,
            what: what.into(),
            found: None,
            expected: None,
            nearest: None,
            note: None,
        }
    }

    /// A problem of a whole file that has no text to point at.
    pub fn of_file(file: impl Into<String>, what: impl Into<String>) -> Self {
        Self {
            file: file.into(),
            span: Span::default(),
            line: 0,
            column: 0,
            what: what.into(),
            found: None,
            expected: None,
            nearest: None,
            note: None,
        }
    }

    /// Says what was found.
    #[must_use]
    pub fn found(mut self, found: impl Into<String>) -> Self {
        self.found = Some(found.into());
        self
    }

    /// Says what would be right.
    #[must_use]
    pub fn expected(mut self, expected: impl Into<String>) -> Self {
        self.expected = Some(expected.into());
        self
    }

    /// Names the nearest right name, if there is one.
    #[must_use]
    pub fn nearest(mut self, nearest: Option<&str>) -> Self {
        self.nearest = nearest.map(str::to_owned);
        self
    }

    /// Says why, or what to do.
    #[must_use]
    pub fn note(mut self, note: impl Into<String>) -> Self {
        self.note = Some(note.into());
        self
    }
}

/// All problems of all files, sorted by file and place, with the texts to show them in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problems {
    problems: Vec<Problem>,
    texts: BTreeMap<String, String>,
}

impl Problems {
    /// Sorts the problems and drops repetitions (two scenarios may use one bad manifest).
    pub fn new<'a>(
        mut problems: Vec<Problem>,
        sources: impl IntoIterator<Item = &'a Source>,
    ) -> Self {
        problems.sort();
        problems.dedup();
        let texts = sources
            .into_iter()
            .filter(|source| problems.iter().any(|problem| problem.file == source.path))
            .map(|source| (source.path.clone(), source.text.clone()))
            .collect();
        Self { problems, texts }
    }

    /// The problems, sorted by file and place.
    pub fn iter(&self) -> impl Iterator<Item = &Problem> {
        self.problems.iter()
    }

    /// How many there are; never zero where this is an error.
    pub fn len(&self) -> usize {
        self.problems.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.problems.is_empty()
    }

    /// All problems as text, each with the lines it concerns.
    pub fn render(&self, style: render::Style) -> String {
        let mut out = String::new();
        for problem in &self.problems {
            let text = self.texts.get(&problem.file).map_or("", String::as_str);
            out.push_str(&render::problem(problem, text, style));
            out.push_str("\n\n");
        }
        out.push_str(&self.summary());
        out.push('\n');
        out
    }

    fn summary(&self) -> String {
        let mut files: Vec<_> = self.problems.iter().map(|problem| &problem.file).collect();
        files.dedup();
        let count =
            |n: usize, one: &str| if n == 1 { format!("1 {one}") } else { format!("{n} {one}s") };
        format!("{} in {}", count(self.problems.len(), "problem"), count(files.len(), "file"))
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.render(render::Style::Plain))
    }
}

impl std::error::Error for Problems {}
