//! Text in a given width: wrapping, tables, colour. Knows nothing of trials or events.

pub(crate) mod paint;
pub(crate) mod table;
pub(crate) mod wrap;

pub use paint::Colour;
pub(crate) use paint::Tone;
pub(crate) use table::{Table, Text};

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
}
