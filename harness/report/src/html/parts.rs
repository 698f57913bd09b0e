//! What the sections of the page are made of: headed sections, tables, description lists.

use super::markup::Markup;
use crate::layout::{Table, Tone};
use crate::view::point::Point;

/// A heading of this rank.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rank {
    Section,
    Trial,
    Part,
}

impl Rank {
    fn tag(self) -> &'static str {
        match self {
            Self::Section => "h2",
            Self::Trial => "h3",
            Self::Part => "h4",
        }
    }
}

/// A heading.
pub(super) fn heading(html: &mut Markup, rank: Rank, text: &str) {
    html.leaf(rank.tag(), &[], text);
}

/// A section that its heading names, and that can be linked to.
pub(super) fn section(
    html: &mut Markup,
    id: &'static str,
    title: &str,
    content: impl FnOnce(&mut Markup),
) {
    html.within("section", &[("id", id), ("aria-label", title)], |html| {
        heading(html, Rank::Section, title);
        content(html);
    });
}

/// A paragraph.
pub(super) fn paragraph(html: &mut Markup, class: &str, text: &str) {
    html.leaf("p", &[("class", class)], text);
}

/// Texts in a list; nothing when there are none.
pub(super) fn list(html: &mut Markup, class: &str, texts: &[String]) {
    if texts.is_empty() {
        return;
    }
    html.within("ul", &[("class", class)], |html| {
        for text in texts {
            html.leaf("li", &[], text);
        }
    });
}

/// A table whose first column names the rows. It scrolls by itself where the page is too narrow.
pub(super) fn table(html: &mut Markup, caption: &str, table: &Table) {
    linked_table(html, caption, table, &[]);
}

/// The same; the first cell of each row leads to the target of that row, if it has one.
pub(super) fn linked_table(html: &mut Markup, caption: &str, table: &Table, targets: &[String]) {
    let region =
        [("class", "wide"), ("role", "region"), ("aria-label", caption), ("tabindex", "0")];
    html.within("div", &region, |html| {
        html.within("table", &[], |html| {
            html.leaf("caption", &[], caption);
            html.within("thead", &[], |html| {
                html.within("tr", &[], |html| {
                    for title in &table.head {
                        html.leaf("th", &[("scope", "col")], title);
                    }
                });
            });
            html.within("tbody", &[], |html| {
                for (index, row) in table.rows.iter().enumerate() {
                    html.within("tr", &[], |html| {
                        let target = targets.get(index).map(String::as_str);
                        for (column, cell) in row.iter().enumerate() {
                            match (column, target) {
                                (0, Some(target)) => {
                                    html.within("th", &[("scope", "row")], |html| {
                                        html.leaf("a", &[("href", target)], &cell.words);
                                    });
                                }
                                (0, None) => html.leaf("th", &[("scope", "row")], &cell.words),
                                (_, _) => html.leaf("td", class_of(cell.tone), &cell.words),
                            }
                        }
                    });
                }
            });
        });
    });
}

/// The class of a tone in the style sheet. Colour only ever repeats what the words say.
pub(super) fn class_of(tone: Tone) -> &'static [(&'static str, &'static str)] {
    match tone {
        Tone::Plain => &[],
        Tone::Heading => &[("class", "strong")],
        Tone::Good => &[("class", "good")],
        Tone::Bad => &[("class", "bad")],
        Tone::Unsure => &[("class", "unsure")],
        Tone::Quiet => &[("class", "quiet")],
    }
}

/// Points as a description list; those without a label belong to the one before them.
pub(super) fn points(html: &mut Markup, points: &[Point<'_>]) {
    let points: Vec<_> = points.iter().filter(|point| !point.text.trim().is_empty()).collect();
    if points.is_empty() {
        return;
    }
    html.within("dl", &[], |html| {
        for point in points {
            if !point.label.is_empty() {
                html.leaf("dt", &[], &point.label);
            }
            html.leaf("dd", class_of(point.tone), &point.text);
        }
    });
}
