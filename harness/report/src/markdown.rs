//! Markdown for a pull request comment or a step summary: the table of trials, failures in
//! `<details>` blocks, what was measured, and whether a real Cilium was involved.
//!
//! GitHub refuses comments of more than 65,536 characters, so the report stops short of that; what
//! matters most comes first, and what is left out is said.

use gateproof_core::event::Record;
use gateproof_core::report::{RunReport, TrialReport};
use gateproof_core::verdict::Verdict;

use crate::destination::Destination;
use crate::layout::wrap::clean;
use crate::layout::{Page, Table};
use crate::reporter::{ReportError, Reporter, Written};
use crate::view::cluster;
use crate::view::diagnosis;
use crate::view::duration::human_or_dash;
use crate::view::failure::{Detail, headline, tell_all};
use crate::view::measured;
use crate::view::subject::{model_sentence, provider_and_subject};
use crate::view::trials::{as_expected, by_scenario, outcome, shout, totals_line};

/// Characters; GitHub's limit for a comment is 65,536.
const LIMIT: usize = 60_000;

/// Writes the Markdown report at the end of the run.
pub(crate) struct Markdown(pub(crate) Destination);

impl Reporter for Markdown {
    fn record(&mut self, _: &Record, _: &RunReport) -> Result<(), ReportError> {
        Ok(())
    }

    fn finish(&mut self, report: &RunReport) -> Result<Option<Written>, ReportError> {
        self.0.write(render(report).as_bytes()).map(Some)
    }
}

/// The report as Markdown.
pub(crate) fn render(report: &RunReport) -> String {
    let failed =
        |trial: &&TrialReport| matches!(trial.verdict, Verdict::Failed | Verdict::Inconclusive);
    let troubled = || report.trials.iter().filter(failed);
    let fine = report.trials.iter().filter(|trial| !failed(trial));
    let tables = by_scenario(report).into_iter().map(|view| {
        let (name, about) = (escape(view.scenario.as_str()), escape(view.description));
        format!("### {name}\n\n{about}\n\n{}", table(&view.table))
    });
    let wanted = tables
        .chain(troubled().map(|trial| failures(report, trial)))
        .chain(fine.clone().filter_map(found))
        .chain(troubled().chain(fine).filter_map(|trial| measured_in(report, trial)));

    let mut sections = vec![heading(report)];
    let mut length = sections[0].chars().count();
    let mut left_out = 0;
    for section in wanted {
        let more = section.chars().count() + 1;
        if length + more <= LIMIT {
            length += more;
            sections.push(section);
        } else {
            left_out += 1;
        }
    }
    if left_out > 0 {
        sections.push(format!(
            "{left_out} sections are left out to stay within the size of a comment; the JSON and \
             JUnit reports have everything.\n"
        ));
    }
    sections.join("\n")
}

fn heading(report: &RunReport) -> String {
    let word = outcome(report).words;
    let mut parts = vec![format!("## Gateproof: {word}"), escape(&totals_line(report))];
    parts.extend(model_sentence(report).map(|words| format!("> **{}**", escape(&words))));
    parts.push(escape(&provider_and_subject(report)));
    parts.extend(as_expected(report).map(|line| escape(&line)));
    parts.extend(cluster::notes(report).iter().map(|note| escape(note)));
    let mut last = parts.pop().expect("the subject is named");
    last.push('\n');
    parts.push(last);
    parts.join("\n\n")
}

fn failures(report: &RunReport, trial: &TrialReport) -> String {
    let name = trial.summary.trial.as_str();
    let headline = headline(report, trial).unwrap_or_default();
    let told = tell_all(report, trial, Page::FILE, Detail::Brief);
    let diagnosis = diagnosis::tell(trial, Page::FILE, Detail::Brief);
    let told = told.iter().chain([&diagnosis]).filter(|lines| !lines.is_empty());
    let told: Vec<_> = told.map(|story| story.join("\n")).collect();
    format!(
        "<details><summary><b>{}</b> {} ({}): {}</summary>\n\n{}\n</details>\n",
        shout(trial.verdict),
        escape(name),
        human_or_dash(trial.took),
        escape(&headline),
        fence(&told.join("\n\n"))
    )
}

/// What was found about a trial that did not fail.
fn found(trial: &TrialReport) -> Option<String> {
    let lines = diagnosis::tell(trial, Page::FILE, Detail::Brief);
    (!lines.is_empty()).then(|| {
        format!(
            "<details><summary>Findings: {}</summary>\n\n{}\n</details>\n",
            escape(trial.summary.trial.as_str()),
            fence(&lines.join("\n"))
        )
    })
}

fn measured_in(report: &RunReport, trial: &TrialReport) -> Option<String> {
    let lines = measured::lines(report, trial, Page::FILE);
    (!lines.is_empty()).then(|| {
        format!(
            "<details><summary>Measured: {}</summary>\n\n{}\n</details>\n",
            escape(trial.summary.trial.as_str()),
            fence(&lines.join("\n"))
        )
    })
}

fn table(table: &Table) -> String {
    let line = |cells: Vec<String>| format!("| {} |\n", cells.join(" | "));
    let head = line(table.head.iter().map(|title| escape(title)).collect());
    let rule = line(vec!["---".to_owned(); table.head.len()]);
    let rows = table.rows.iter();
    let rows = rows.map(|row| line(row.iter().map(|cell| escape(&cell.words)).collect()));
    [head, rule].into_iter().chain(rows).collect()
}

/// Text that says what it says: no markup, no table borders, no mentions, one line.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in clean(text).chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '@' => escaped.push_str("&#64;"),
            '#' => escaped.push_str("&#35;"),
            '|' | '\\' | '`' | '*' | '_' | '[' | ']' | '~' => {
                escaped.push('\\');
                escaped.push(c);
            }
            c => escaped.push(c),
        }
    }
    escaped
}

/// A code block whose fence is longer than any in the text.
fn fence(text: &str) -> String {
    let longest = text.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat((longest + 1).max(3));
    format!("{fence}text\n{text}\n{fence}\n")
}

#[cfg(test)]
mod tests {
    use super::{escape, fence};

    #[test]
    fn text_cannot_become_markup() {
        assert_eq!(
            escape("a|b <details> @team `x` **y** R&D #1\n"),
            "a\\|b &lt;details&gt; &#64;team \\`x\\` \\*\\*y\\*\\* R&amp;D &#35;1 "
        );
    }

    #[test]
    fn fence_is_longer_than_any_in_the_text() {
        assert_eq!(fence("x"), "```text\nx\n```\n");
        assert_eq!(fence("a ```` b"), "`````text\na ```` b\n`````\n");
    }
}
