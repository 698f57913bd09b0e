//! Text in a given width: wrapping, tables, colour. Knows nothing of trials or events.

pub(crate) mod paint;
pub(crate) mod table;
pub(crate) mod wrap;

pub use paint::Colour;
pub(crate) use paint::Tone;
pub(crate) use table::{Table, Text};
use wrap::hang;

/// Where text is laid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Page {
    /// Columns; only words that are longer than a line go beyond.
    pub(crate) width: usize,
    pub(crate) colour: Colour,
}

impl Page {
    /// The page of reports that are files: no colour, wide enough for a grid.
    pub(crate) const FILE: Self = Self { width: 110, colour: Colour::Off };

    /// A label and a text that hangs beside it; an empty text says nothing.
    pub(crate) fn labelled(self, label: &str, tone: Tone, text: &str) -> Vec<String> {
        let label = format!("  {label:<10}");
        let line = |(index, line): (usize, String)| {
            let (margin, words) = line.split_at(label.len());
            let margin =
                if index == 0 { self.colour.paint(Tone::Quiet, margin) } else { margin.to_owned() };
            format!("{margin}{}", self.colour.paint(tone, words))
        };
        hang(&label, text, self.width).into_iter().enumerate().map(line).collect()
    }
}
