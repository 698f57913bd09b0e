//! The table of facts about Cilium that the model stands on, with sources and certainty.

use gateproof_core::cilium::CiliumVersion;
use gateproof_model::facts::{Behaviour, Certainty, FACTS, Fact, Releases, holds};

use super::{ended, page};
use crate::console::Terminal;
use crate::layout::{Table, Text, Tone};

/// The facts, each with whether it holds in these versions; with two versions only those that
/// differ.
pub fn facts_table(versions: &[CiliumVersion], terminal: &Terminal) -> String {
    let page = page(terminal);
    let mut head = vec!["fact".to_owned()];
    head.extend(versions.iter().map(ToString::to_string));
    head.extend(["holds", "certainty", "what it is and where that was read"].map(str::to_owned));
    let rows: Vec<Vec<Text>> = chosen(versions)
        .map(|fact| {
            let mut row = vec![Text::plain(fact.behaviour.name())];
            row.extend(versions.iter().map(|version| {
                if holds(version, fact.behaviour) {
                    Text::new(Tone::Good, "yes")
                } else {
                    Text::plain("no")
                }
            }));
            row.push(Text::plain(releases(fact.behaviour)));
            row.push(Text::new(tone(fact.certainty), certainty(fact.certainty)));
            row.push(Text::plain(format!("{} ({})", fact.behaviour.words(), fact.source)));
            row
        })
        .collect();
    if rows.is_empty() {
        return "no fact differs between these versions\n".to_owned();
    }
    ended(&Table { head, rows }.lay_out(0, page))
}

/// All facts as a page of documentation.
pub fn facts_page() -> String {
    let mut out = "# What differs between Cilium versions\n\n\
        The table that the reference model stands on, printed by `gateproof facts --format \
        markdown`; a test keeps this page equal to it. *recorded*: seen from the real operator on \
        both sides of the boundary; *read*: in source code, charts or release notes; *inferred*: \
        reasoned, not seen running.\n\n\
        | fact | holds | certainty | source |\n|---|---|---|---|\n"
        .to_owned();
    for fact in FACTS {
        let row = format!(
            "| {} | {} | {} | {} |\n",
            cell(fact.behaviour.words()),
            releases(fact.behaviour),
            certainty(fact.certainty),
            cell(fact.source)
        );
        out.push_str(&row);
    }
    out
}

fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}

fn chosen(versions: &[CiliumVersion]) -> impl Iterator<Item = &'static Fact> {
    FACTS.iter().filter(move |fact| match versions {
        [one, other] => holds(one, fact.behaviour) != holds(other, fact.behaviour),
        _ => true,
    })
}

/// The releases that a behaviour holds in: `since 1.18.3`, `1.18.8 to before 1.19.0`.
pub(super) fn releases(behaviour: Behaviour) -> String {
    let ranges =
        FACTS.iter().filter(|fact| fact.behaviour == behaviour).flat_map(|fact| fact.releases);
    let words: Vec<String> = ranges.map(range).collect();
    words.join(", ")
}

fn range(releases: &Releases) -> String {
    let (minor, patch) = releases.from;
    match releases.until {
        None => format!("since 1.{minor}.{patch}"),
        Some((until, end)) if releases.from == (16, 0) => format!("before 1.{until}.{end}"),
        Some((until, end)) => format!("from 1.{minor}.{patch} to before 1.{until}.{end}"),
    }
}

/// How certain a behaviour is, and its source.
pub(super) fn described(behaviour: Behaviour) -> String {
    let rows = FACTS.iter().filter(|fact| fact.behaviour == behaviour);
    let words: Vec<String> =
        rows.map(|fact| format!("{}: {}", certainty(fact.certainty), fact.source)).collect();
    words.join("; ")
}

fn certainty(certainty: Certainty) -> &'static str {
    match certainty {
        Certainty::Recorded => "recorded",
        Certainty::Read => "read",
        Certainty::Inferred => "inferred",
    }
}

fn tone(certainty: Certainty) -> Tone {
    match certainty {
        Certainty::Recorded | Certainty::Read => Tone::Plain,
        Certainty::Inferred => Tone::Unsure,
    }
}
