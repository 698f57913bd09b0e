//! One trial: what came of it and why, what failed, what was measured, what was asked.

use gateproof_core::event::CheckResult;
use gateproof_core::finding::Finding;
use gateproof_core::report::{RunReport, TrialReport};

use super::markup::Markup;
use super::parts::{Rank, class_of, heading, list, paragraph, points, table};
use crate::layout::{Table, Text, Tone};
use crate::view::diagnosis::{self, Part};
use crate::view::duration::{human, human_or_dash};
use crate::view::failure::{self, About, Detail, accounts};
use crate::view::measured::Shown as Extent;
use crate::view::trials::{checks_in_words, shout, tone_of, word};
use crate::view::{grid, requests, targets};

/// Whether the trial is unfolded from the beginning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shown {
    Open,
    Closed,
}

/// Writes the trial; the anchor is inside, so that a link to it unfolds it.
pub(super) fn write(
    html: &mut Markup,
    report: &RunReport,
    trial: &TrialReport,
    anchor: &str,
    shown: Shown,
) {
    let open = [("class", "trial"), ("open", "")];
    let attributes = match shown {
        Shown::Open => &open[..],
        Shown::Closed => &open[..1],
    };
    html.within("details", attributes, |html| {
        html.within("summary", &[], |html| {
            html.within("h3", &[], |html| {
                let verdict = word(trial);
                html.leaf("span", class_of(verdict.tone), &verdict.words);
                html.text(&format!(" {} ({})", trial.summary.trial, human_or_dash(trial.took)));
                if let Some(headline) = failure::headline(report, trial) {
                    html.leaf("span", &[("class", "headline")], &headline);
                }
            });
        });
        html.within("div", &[("id", anchor), ("class", "body")], |html| {
            facts(html, trial);
            findings(html, trial);
            failures(html, report, trial);
            measured(html, report, trial);
            asked(html, trial);
            checks(html, trial);
            steps(html, trial);
        });
    });
}

fn facts(html: &mut Markup, trial: &TrialReport) {
    let summary = &trial.summary;
    let subject = trial.subject.as_ref();
    let subject = subject.map_or("never started".to_owned(), ToString::to_string);
    let started = trial.started.map(|at| format!(", {} after the run began", human(at)));
    let started = started.unwrap_or_default();
    paragraph(html, "subject", &format!("{subject}, on cluster {}{started}", summary.cluster));
    if let Some(expected) = &summary.expect {
        paragraph(html, "about", &format!("Expected: {expected}."));
    }
    if let Some(reason) = &trial.reason {
        paragraph(html, "reason", reason);
    }
}

fn findings(html: &mut Markup, trial: &TrialReport) {
    let parts = diagnosis::parts(trial, Detail::Full);
    if parts.is_empty() {
        return;
    }
    heading(html, Rank::Part, "Findings");
    let mut loose = Vec::new();
    for part in parts {
        match part {
            Part::Point(point) => loose.push(point),
            Part::Finding(told) => {
                points(html, &std::mem::take(&mut loose));
                html.within("article", &[("class", "finding")], |html| {
                    html.within("h5", &[], |html| {
                        html.leaf("span", class_of(told.title.tone), &told.title.label);
                        html.text(&format!(" {}", told.title.text));
                    });
                    points(html, &told.points);
                    more(html, told.finding);
                });
            }
        }
    }
    points(html, &loose);
}

/// Upstream issues as links, and the command that explains the rule.
fn more(html: &mut Markup, finding: &Finding) {
    html.within("p", &[("class", "quiet")], |html| {
        html.text("More: ");
        for issue in &finding.issues {
            match address(&issue.reference) {
                Some(address) => {
                    let attributes = [("href", address.as_str()), ("rel", "noreferrer")];
                    html.leaf("a", &attributes, &issue.reference);
                }
                None => html.text(&issue.reference),
            }
            html.text(&format!(" ({}), ", issue.versions));
        }
        html.leaf("code", &[], &diagnosis::explain(finding));
    });
}

/// The page of an issue that is written `owner/name#number`, as rules cite issues of GitHub.
fn address(reference: &str) -> Option<String> {
    let (repository, number) = reference.split_once('#')?;
    let (owner, name) = repository.split_once('/')?;
    let plain = |text: &str| {
        !text.is_empty()
            && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'))
    };
    let counts = !number.is_empty() && number.chars().all(|c| c.is_ascii_digit());
    (plain(owner) && plain(name) && counts)
        .then(|| format!("https://github.com/{owner}/{name}/issues/{number}"))
}

fn failures(html: &mut Markup, report: &RunReport, trial: &TrialReport) {
    let told = accounts(report, trial, Detail::Brief);
    if told.is_empty() {
        return;
    }
    heading(html, Rank::Part, "What does not hold");
    for account in told {
        html.within("article", &[("class", "failure")], |html| {
            html.within("h5", &[], |html| {
                let verdict = account.story.verdict;
                html.leaf("span", class_of(tone_of(verdict)), &shout(verdict));
                html.text(&format!(" {}", account.story.name()));
            });
            // The heading names the check or step already.
            let named = !matches!(account.story.about, About::Trial(_));
            points(html, &account.points[usize::from(named)..]);
        });
    }
}

fn measured(html: &mut Markup, report: &RunReport, trial: &TrialReport) {
    let nodes = report.cluster(&trial.summary.cluster).map_or(&[][..], |cluster| &cluster.nodes);
    let grids = trial
        .checks
        .iter()
        .filter_map(|check| check.evidence.grid.as_ref().map(|measured| (check, measured)));
    let mut first = true;
    for (check, measured) in grids {
        if std::mem::take(&mut first) {
            heading(html, Rank::Part, "Exposure");
            paragraph(html, "quiet", grid::LEGEND);
        }
        let view = grid::view(measured, nodes);
        let caption = format!("{}: {}", check.check, grid::summary(measured));
        table(html, &caption, &view.table);
        list(html, "notes", &view.notes);
    }
    let mut first = true;
    for check in &trial.checks {
        let Some(measured) = &check.evidence.targets else { continue };
        if std::mem::take(&mut first) {
            heading(html, Rank::Part, "Target health");
            paragraph(html, "quiet", "times on the load balancer's clock");
        }
        let caption = format!(
            "{}: {} ({})",
            check.check,
            targets::summary(measured),
            targets::settings(measured)
        );
        table(html, &caption, &targets::table(measured, Extent::Whole));
    }
}

fn asked(html: &mut Markup, trial: &TrialReport) {
    let mut first = true;
    for check in &trial.checks {
        let tables = [
            requests::requests(check),
            requests::handshakes(check),
            requests::connections(check),
            requests::shares(check),
        ];
        for asked in tables.into_iter().flatten() {
            if std::mem::take(&mut first) {
                heading(html, Rank::Part, "Requests and connections");
                paragraph(html, "quiet", "the last of each place");
            }
            table(html, &check.check, &asked);
        }
    }
    if let Some(certificates) = requests::certificates(trial.checks.iter()) {
        heading(html, Rank::Part, "Certificates");
        table(html, "Certificates as served", &certificates);
    }
}

fn checks(html: &mut Markup, trial: &TrialReport) {
    if trial.checks.is_empty() {
        return;
    }
    heading(html, Rank::Part, "Checks");
    let head = ["check", "verdict", "kind", "claim", "written", "probes", "took"];
    let row = |check: &CheckResult| {
        vec![
            Text::plain(check.check.as_str()),
            Text::new(tone_of(check.verdict), shout(check.verdict)),
            Text::plain(check.kind.as_str()),
            Text::plain(check.claim.as_str()),
            Text::plain(check.origin.as_str()),
            Text::plain(check.evidence.probes.to_string()),
            Text::plain(human(check.took)),
        ]
    };
    let rows = trial.checks.iter().map(row).collect();
    let all = Table { head: head.map(ToOwned::to_owned).to_vec(), rows };
    table(html, &checks_in_words(&trial.checks), &all);
}

fn steps(html: &mut Markup, trial: &TrialReport) {
    if trial.steps.is_empty() {
        return;
    }
    heading(html, Rank::Part, "Steps");
    let head = ["step", "verdict", "began after", "took", "last waited for"];
    let rows = trial.steps.iter().map(|step| {
        let verdict = match step.verdict() {
            Some(verdict) => Text::new(tone_of(verdict), shout(verdict)),
            None => Text::new(Tone::Unsure, "not done"),
        };
        vec![
            Text::plain(step.step.as_str()),
            verdict,
            Text::plain(human(step.started)),
            Text::plain(human_or_dash(step.took)),
            Text::plain(step.awaiting.as_deref().unwrap_or("-")),
        ]
    });
    let all = Table { head: head.map(ToOwned::to_owned).to_vec(), rows: rows.collect() };
    table(html, "Steps that are no checks", &all);
}

#[cfg(test)]
mod tests {
    use super::address;

    #[test]
    fn only_what_is_written_as_an_issue_becomes_a_link() {
        let cases = [
            ("cilium/cilium#42786", Some("https://github.com/cilium/cilium/issues/42786")),
            ("cilium/cilium#", None),
            ("cilium#1", None),
            ("javascript:alert(1)//x#1", None),
            ("a/b/c#1", None),
            ("a/b#1\" onclick=x", None),
        ];
        for (reference, expected) in cases {
            assert_eq!(address(reference).as_deref(), expected, "{reference}");
        }
    }
}
