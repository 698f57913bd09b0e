//! Which versions fit each other, as tables for people.

use gateproof_core::cilium::version::newest_known;
use gateproof_core::versions::pairing::{Fit, Known, NEWEST, ROWS};
use gateproof_core::versions::{CERT_MANAGER, default_release, ranges};

use crate::console::Terminal;
use crate::layout::{Table, Text, Tone};
use crate::prediction::page;

/// The oldest minor version of Cilium that the tables speak of.
const OLDEST: u64 = 15;

/// What is chosen for each Cilium, which pairs work, and what cert-manager supports.
pub fn versions_table(terminal: &Terminal) -> String {
    let page = page(terminal);
    let head = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    let chosen = Table {
        head: head(&["Cilium", "Gateway API, if nothing is said", "tested with Kubernetes"]),
        rows: (OLDEST..=NEWEST.0).rev().filter_map(chosen).collect(),
    };
    let pairs = Table {
        head: head(&["Gateway API", "channel", "Cilium", "what comes of it", "how that is known"]),
        rows: ROWS.iter().rev().map(pair).collect(),
    };
    let cert_manager = Table {
        head: head(&["cert-manager", "Kubernetes", "to know"]),
        rows: CERT_MANAGER
            .iter()
            .map(|one| {
                let kubernetes = span(one.kubernetes);
                [one.version().to_string(), kubernetes, one.note.to_owned()].map(Text::plain).into()
            })
            .collect(),
    };
    let tables = [chosen, pairs, cert_manager].map(|table| table.lay_out(0, page).join("\n"));
    tables.join("\n\n") + "\n"
}

fn chosen(minor: u64) -> Option<Vec<Text>> {
    let version = newest_known(&format!("1.{minor}"))
        .or_else(|| format!("1.{minor}-dev").parse().ok().filter(|_| minor == NEWEST.0))
        .or_else(|| format!("1.{minor}.0").parse().ok())?;
    let tested = ranges::of_cilium(minor).map_or_else(|| "not known".to_owned(), span);
    let release = default_release(&version, None).to_string();
    Some([format!("1.{minor}"), release, tested].map(Text::plain).into())
}

fn pair(row: &gateproof_core::versions::pairing::Row) -> Vec<Text> {
    let outcome = match row.fit {
        Fit::Works => Text::new(Tone::Good, "works"),
        Fit::Partly(exception) => Text::new(Tone::Unsure, format!("works, but {exception}")),
        Fit::Off(why) => Text::new(Tone::Bad, format!("off: {why}")),
        Fit::Crashes(why) => Text::new(Tone::Bad, format!("the operator ends: {why}")),
        Fit::Unknown => Text::new(Tone::Unsure, "not known"),
    };
    let known = match row.known {
        Known::Seen(place) => format!("seen: {place}"),
        Known::Inferred => "inferred".to_owned(),
    };
    vec![
        Text::plain(span(row.releases)),
        Text::plain(row.channel.to_string()),
        Text::plain(span(row.cilium)),
        outcome,
        Text::plain(known),
    ]
}

/// `1.2 to 1.4`, or `1.6`.
fn span((first, last): (u64, u64)) -> String {
    if first == last { format!("1.{first}") } else { format!("1.{first} to 1.{last}") }
}

#[cfg(test)]
mod tests {
    use super::versions_table;
    use crate::console::{Colour, Output, Progress, Terminal};

    #[test]
    fn the_tables_say_what_is_chosen_what_works_and_how_that_is_known() {
        let terminal = Terminal {
            output: Output::Stream { columns: 160 },
            colour: Colour::Off,
            progress: Progress::None,
        };
        let text = versions_table(&terminal);
        insta::assert_snapshot!(text);
    }
}
