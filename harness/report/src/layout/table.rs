//! Tables that fit: cells wrap, the widest columns give way first, and a table that cannot fit
//! even so is written out row by row. A title may have several lines.

use crate::layout::Page;
use crate::layout::paint::{Colour, Tone};
use crate::layout::wrap::{clean, hang, longest_word, width_of, wrap};

const GAP: usize = 2;

/// A cell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Text {
    pub(crate) tone: Tone,
    pub(crate) words: String,
}

impl Text {
    pub(crate) fn new(tone: Tone, words: impl Into<String>) -> Self {
        Self { tone, words: words.into() }
    }

    pub(crate) fn plain(words: impl Into<String>) -> Self {
        Self::new(Tone::Plain, words)
    }
}

/// A table before it has a width. Every row has a cell for each column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Table {
    pub(crate) head: Vec<String>,
    pub(crate) rows: Vec<Vec<Text>>,
}

impl Table {
    /// The table in indented lines that fit the page.
    pub(crate) fn lay_out(&self, indent: usize, page: Page) -> Vec<String> {
        let margin = " ".repeat(indent);
        let width = page.width.saturating_sub(indent);
        let lines = match self.widths(width) {
            Some(widths) => self.columns(&widths, page.colour),
            None => self.stacked(width, page.colour),
        };
        lines.into_iter().map(|line| format!("{margin}{line}").trim_end().to_owned()).collect()
    }

    /// The width of each column, or `None` when the table cannot fit.
    fn widths(&self, width: usize) -> Option<Vec<usize>> {
        let measure = |by: &dyn Fn(&str) -> usize| -> Vec<usize> {
            let of = |index: usize| {
                let cells = self.rows.iter().map(|row| row[index].words.as_str());
                cells.chain(self.head[index].lines()).map(|text| by(&clean(text))).max()
            };
            (0..self.head.len()).map(|index| of(index).unwrap_or(0)).collect()
        };
        let gaps = GAP * self.head.len().saturating_sub(1);
        let budget = width.checked_sub(gaps)?;
        let least = measure(&longest_word);
        let mut widths = measure(&width_of);
        while widths.iter().sum::<usize>() > budget {
            let candidates = (0..widths.len()).filter(|index| widths[*index] > least[*index]);
            let widest = candidates.max_by_key(|index| widths[*index])?;
            widths[widest] -= 1;
        }
        Some(widths)
    }

    fn columns(&self, widths: &[usize], colour: Colour) -> Vec<String> {
        let titles = self.head.iter().zip(widths);
        let titles = titles.map(|(title, width)| {
            (Tone::Quiet, title.lines().flat_map(|line| wrap(line, *width)).collect())
        });
        let mut lines = lay_out_row(&titles.collect::<Vec<_>>(), widths, colour);
        lines.extend(self.rows.iter().flat_map(|row| {
            let cells = row.iter().zip(widths);
            let cells = cells.map(|(cell, width)| (cell.tone, wrap(&cell.words, *width)));
            lay_out_row(&cells.collect::<Vec<_>>(), widths, colour)
        }));
        lines
    }

    /// One block for each row: the first cell, then a line for each other column.
    fn stacked(&self, width: usize, colour: Colour) -> Vec<String> {
        let mut lines = Vec::new();
        for row in &self.rows {
            for (index, (head, cell)) in self.head.iter().zip(row).enumerate() {
                let label = match index {
                    0 => String::new(),
                    _ => format!("  {}: ", clean(head)),
                };
                let hung = hang(&label, &cell.words, width);
                lines.extend(hung.into_iter().map(|line| colour.paint(cell.tone, &line)));
            }
        }
        lines
    }
}

/// A row of cells, each of them in lines.
fn lay_out_row(cells: &[(Tone, Vec<String>)], widths: &[usize], colour: Colour) -> Vec<String> {
    let height = cells.iter().map(|(_, lines)| lines.len()).max().unwrap_or(0);
    let mut lines = Vec::with_capacity(height);
    for level in 0..height {
        let mut line = String::new();
        let mut owed = 0;
        for ((tone, lines), width) in cells.iter().zip(widths) {
            let piece = lines.get(level).map_or("", String::as_str);
            if !piece.is_empty() {
                line.push_str(&" ".repeat(owed));
                line.push_str(&colour.paint(*tone, piece));
                owed = 0;
            }
            owed += width.saturating_sub(width_of(piece)) + GAP;
        }
        lines.push(line);
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::{Table, Text};
    use crate::layout::Page;
    use crate::layout::paint::{Colour, Tone};
    use crate::layout::wrap::width_of;

    fn page(width: usize) -> Page {
        Page { width, colour: Colour::Off }
    }

    fn table() -> Table {
        let row = |node: &str, seen: &str| {
            vec![Text::plain(node), Text::new(Tone::Bad, seen), Text::plain("ok open")]
        };
        Table {
            head: vec!["node".to_owned(), "80 (listener)".to_owned(), "443 (listener)".to_owned()],
            rows: vec![row("worker", "CLOSED, expected open (refused)"), row("worker2", "ok open")],
        }
    }

    #[test]
    fn table_fits_or_is_written_row_by_row() {
        for width in 30..100 {
            for line in table().lay_out(2, page(width)) {
                assert!(width_of(&line) <= width, "{width}: {line}");
            }
        }
        let stacked = table().lay_out(0, page(24));
        assert_eq!(stacked[0], "worker");
        assert!(stacked[1].starts_with("  80 (listener): CLOSED"), "{stacked:?}");
    }

    #[test]
    fn title_of_two_lines_is_as_wide_as_its_longer_line() {
        let table = Table {
            head: vec!["node".to_owned(), "31080\nnode port of 80".to_owned()],
            rows: vec![vec![Text::plain("worker"), Text::plain("open")]],
        };
        let wide = table.lay_out(0, page(40));
        assert_eq!(wide, ["node    31080", "        node port of 80", "worker  open"]);
        let narrow = table.lay_out(0, page(18));
        assert_eq!(narrow, ["node    31080", "        node port", "        of 80", "worker  open"]);
        assert_eq!(table.lay_out(0, page(8))[1], "  31080 node port of 80: open");
    }

    #[test]
    fn wide_table_has_a_line_for_each_row() {
        let lines = table().lay_out(2, page(100));
        assert_eq!(lines.len(), 3);
        assert_eq!(lines[1], "  worker   CLOSED, expected open (refused)  ok open");
    }

    #[test]
    fn colour_changes_no_position() {
        let plain = table().lay_out(2, page(60));
        let painted = table().lay_out(2, Page { width: 60, colour: Colour::On });
        assert_ne!(plain, painted);
        let stripped: Vec<_> =
            painted.iter().map(|line| console::strip_ansi_codes(line).into_owned()).collect();
        assert_eq!(plain, stripped);
    }
}
