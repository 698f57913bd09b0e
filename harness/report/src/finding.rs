//! The rules behind findings, for people: one in full, all as a list, all as a page.

use gateproof_core::finding::rules::ALL;
use gateproof_core::finding::{About, Rule};

use crate::console::Terminal;
use crate::layout::wrap::{hang, wrap};
use crate::layout::{Page, Table, Text, Tone};
use crate::prediction::{ended, page as page_of};

/// The rules and what each finds, a line each.
pub fn list(terminal: &Terminal) -> String {
    let head = ["rule", "finds that"].map(str::to_owned).to_vec();
    let rows = ALL
        .iter()
        .map(|rule| vec![Text::new(Tone::Heading, rule.id), Text::plain(rule.title)])
        .collect();
    ended(&Table { head, rows }.lay_out(0, page_of(terminal)))
}

/// A rule in full.
pub fn explain(rule: &Rule, terminal: &Terminal) -> String {
    let wide = page_of(terminal);
    let page = Page { width: wide.width.min(100), ..wide };
    let heading = |text: &str| page.colour.paint(Tone::Heading, text);
    let mut lines = hang(&format!("{}  ", rule.id), rule.title, page.width);
    if let Some(first) = lines.first_mut() {
        *first = heading(first);
    }
    for paragraph in rule.explanation.split("\n\n") {
        lines.push(String::new());
        lines.extend(wrap(paragraph, page.width));
    }
    let mut part = |title: &str, points: Vec<String>| {
        if points.is_empty() {
            return;
        }
        lines.extend([String::new(), heading(title)]);
        for point in points {
            lines.extend(hang("  - ", &point, page.width));
        }
    };
    part("What to do", rule.remedy.iter().map(|text| (*text).to_owned()).collect());
    part("Upstream", issues(rule));
    part("Read in", rule.sources.iter().map(|text| (*text).to_owned()).collect());
    ended(&lines)
}

/// Every rule as a page of documentation.
pub fn page() -> String {
    let mut out = "# Findings\n\nThe rules that explain failures, printed by `gateproof explain \
        --format markdown`; a test keeps this page equal to it. A rule reads what was collected \
        from a cluster and nothing else, cites it, and says apart what it infers. *Cause*: it \
        alone makes traffic fail, or a claim untrue. *Contributing*: it takes part, or will when \
        something else is mended. *Explanation*: it looks like a fault and is normal. Numbers are \
        never used again.\n\n| rule | finds that |\n|---|---|\n"
        .to_owned();
    for rule in ALL {
        let anchor = rule.id.to_lowercase();
        let title = escaped(rule.title);
        out.extend([format!("| [{}](#{anchor}) | {title} |\n", rule.id)]);
    }
    for rule in ALL {
        out.extend([format!("\n## {}\n\n**{}**\n", rule.id, escaped(rule.title))]);
        let paragraphs = rule.explanation.split("\n\n");
        out.extend(paragraphs.map(|paragraph| format!("\n{}\n", escaped(paragraph))));
        let mut part = |title: &str, points: Vec<String>| {
            if !points.is_empty() {
                out.extend(["\n", title, "\n\n"]);
                out.extend(points.iter().map(|point| format!("- {}\n", escaped(point))));
            }
        };
        part("What to do:", rule.remedy.iter().map(|text| (*text).to_owned()).collect());
        part("Upstream:", issues(rule));
        part("Read in:", rule.sources.iter().map(|text| (*text).to_owned()).collect());
    }
    out
}

fn issues(rule: &Rule) -> Vec<String> {
    rule.issues
        .iter()
        .map(|issue| match issue.about {
            About::Cilium(releases) => format!("{} (Cilium: {releases})", issue.reference),
            About::Other(words) => format!("{} ({words})", issue.reference),
        })
        .collect()
}

/// Text that says what it says in Markdown; code between backquotes stays code.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut code = false;
    for letter in text.chars() {
        match letter {
            '`' => {
                code = !code;
                out.push(letter);
            }
            '|' | '*' | '_' | '[' | ']' if !code => {
                out.push('\\');
                out.push(letter);
            }
            '<' if !code => out.push_str("&lt;"),
            '>' if !code => out.push_str("&gt;"),
            other => out.push(other),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use gateproof_core::finding::rules::ALL;

    use super::{escaped, explain, list, page};
    use crate::console::{Output, Progress, Terminal};
    use crate::layout::Colour;
    use crate::layout::wrap::{longest_word, width_of};

    fn terminal(columns: usize) -> Terminal {
        let output = Output::Screen { columns };
        Terminal { output, colour: Colour::Off, progress: Progress::None }
    }

    #[test]
    fn markdown_keeps_code_and_says_the_rest_as_it_is() {
        assert_eq!(escaped("a_b `c_d` <NAME>"), "a\\_b `c_d` &lt;NAME&gt;");
    }

    #[test]
    fn every_rule_is_listed_explained_within_the_width_and_on_the_page() {
        let (page, list) = (page(), list(&terminal(80)));
        for rule in ALL {
            assert!(page.contains(&format!("\n## {}\n", rule.id)), "{}", rule.id);
            assert!(list.contains(rule.id), "{}", rule.id);
            for line in explain(rule, &terminal(80)).lines() {
                let fits = width_of(line) <= 80 || width_of(line) <= longest_word(line) + 4;
                assert!(fits, "{}: {line}", rule.id);
            }
        }
    }

    #[test]
    fn a_rule_in_full_says_what_to_do_and_where_it_was_read() {
        insta::assert_snapshot!(explain(ALL[0], &terminal(100)));
    }
}
