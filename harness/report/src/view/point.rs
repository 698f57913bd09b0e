//! What every report says beside a label: a point. Text hangs it beside its label, HTML makes a
//! description list of it; what is said, and in which order, is decided before either.

use std::borrow::Cow;

use crate::layout::{Page, Tone};

/// A label and what is said beside it; without a label it goes on where the point before it ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Point<'a> {
    pub(crate) label: Cow<'a, str>,
    pub(crate) tone: Tone,
    pub(crate) text: Cow<'a, str>,
}

impl<'a> Point<'a> {
    pub(crate) fn new(
        label: impl Into<Cow<'a, str>>,
        tone: Tone,
        text: impl Into<Cow<'a, str>>,
    ) -> Self {
        Self { label: label.into(), tone, text: text.into() }
    }

    /// Texts under one label, which only the first of them carries.
    pub(crate) fn list(
        label: &'a str,
        tone: Tone,
        texts: impl IntoIterator<Item = impl Into<Cow<'a, str>>>,
    ) -> impl Iterator<Item = Self> {
        let under = move |index| if index == 0 { label } else { "" };
        let texts = texts.into_iter().enumerate();
        texts.map(move |(index, text)| Self::new(under(index), tone, text))
    }

    /// The point in lines that fit the page; an empty text says nothing.
    pub(crate) fn lines(&self, page: Page) -> Vec<String> {
        page.labelled(&self.label, self.tone, &self.text)
    }
}
