//! HTML: one file that needs nothing else. No script, no font and nothing at all is fetched; it
//! works where scripts are off, in light and dark, on paper and on a narrow screen.
//!
//! What happened comes first: the verdict, the trials, and each trial with its cause, what failed and
//! what was measured. Trials that need somebody's eyes are open, unless there are many; the others
//! open by a click or by the links in the tables. Nothing is left out, however many trials there are.
//!
//! The words are those of `view`, as in every other report. [`markup`] alone writes angle brackets.

mod markup;
mod parts;
mod surroundings;
mod trial;

use gateproof_core::event::Record;
use gateproof_core::report::{RunReport, TrialReport};
use gateproof_core::verdict::Verdict;

use crate::destination::Destination;
use crate::reporter::{ReportError, Reporter, Written};
use crate::view::cluster;
use crate::view::failure::headline;
use crate::view::subject::{model_sentence, provider_and_subject};
use crate::view::trials::{as_expected, by_scenario, outcome, skipped, totals_line, word};
use markup::Markup;
use parts::{Rank, class_of, heading, linked_table, list, paragraph, section};

const STYLE: &str = include_str!("html/style.css");

/// No script runs and nothing is fetched, even if an escape were missing.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; \
                      form-action 'none'";

/// So many trials that did not pass are open from the beginning.
const OPEN: usize = 10;

/// Writes the HTML report at the end of the run.
pub(crate) struct Html(pub(crate) Destination);

impl Reporter for Html {
    fn record(&mut self, _: &Record, _: &RunReport) -> Result<(), ReportError> {
        Ok(())
    }

    fn finish(&mut self, report: &RunReport) -> Result<Option<Written>, ReportError> {
        self.0.write(render(report).as_bytes()).map(Some)
    }
}

/// The report as a page.
pub(crate) fn render(report: &RunReport) -> String {
    let mut html = Markup::document();
    html.within("html", &[("lang", "en")], |html| {
        html.within("head", &[], |html| head(html, report));
        html.within("body", &[], |html| {
            html.leaf("a", &[("class", "skip"), ("href", "#trials")], "Skip to the trials");
            html.within("header", &[], |html| verdict(html, report));
            html.within("nav", &[("aria-label", "Sections")], |html| contents(html, report));
            html.within("main", &[], |html| {
                troubled(html, report);
                section(html, "trials", "Trials", |html| trials(html, report));
                if !report.trials.is_empty() {
                    section(html, "details", "Trial by trial", |html| each(html, report));
                }
                surroundings::clusters(html, report);
                section(html, "run", "This run", |html| surroundings::run(html, report));
            });
            html.within("footer", &[], |html| {
                let words = format!("Gateproof {}, run {}", report.gateproof, report.run);
                html.leaf("p", &[], &words);
            });
        });
    });
    html.finish()
}

fn head(html: &mut Markup, report: &RunReport) {
    html.void("meta", &[("charset", "utf-8")]);
    html.void("meta", &[("http-equiv", "Content-Security-Policy"), ("content", POLICY)]);
    html.void("meta", &[("name", "viewport"), ("content", "width=device-width, initial-scale=1")]);
    html.void("meta", &[("name", "referrer"), ("content", "no-referrer")]);
    html.leaf("title", &[], &format!("Gateproof: {}", outcome(report).words));
    html.style(STYLE);
}

fn verdict(html: &mut Markup, report: &RunReport) {
    let outcome = outcome(report);
    html.within("h1", &[], |html| {
        html.text("Gateproof: ");
        html.leaf("span", class_of(outcome.tone), &outcome.words);
    });
    paragraph(html, "totals", &totals_line(report));
    if let Some(sentence) = model_sentence(report) {
        paragraph(html, "notice", &sentence);
    }
    paragraph(html, "subject", &provider_and_subject(report));
}

/// What did not pass, each with its gravest failure and the cause, where there is more than one
/// trial to look through.
fn troubled(html: &mut Markup, report: &RunReport) {
    let troubled = report.trials.iter().enumerate().filter(|(_, trial)| is_troubled(trial));
    let troubled: Vec<_> = troubled.collect();
    if troubled.is_empty() || report.trials.len() == 1 {
        return;
    }
    section(html, "trouble", "What did not pass", |html| {
        html.within("ul", &[("class", "notes")], |html| {
            for (index, trial) in troubled {
                html.within("li", &[], |html| {
                    let verdict = word(trial);
                    html.leaf("span", class_of(verdict.tone), &verdict.words);
                    html.text(" ");
                    let target = format!("#{}", anchor(index));
                    html.leaf("a", &[("href", target.as_str())], trial.summary.trial.as_str());
                    if let Some(headline) = headline(report, trial) {
                        html.text(&format!(": {headline}"));
                    }
                });
            }
        });
    });
}

fn is_troubled(trial: &TrialReport) -> bool {
    trial.verdict > Verdict::Passed
}

fn contents(html: &mut Markup, report: &RunReport) {
    let mut links = vec![("#trials", "Trials".to_owned())];
    if !report.trials.is_empty() {
        links.push(("#details", "Trial by trial".to_owned()));
    }
    if !report.clusters.is_empty() {
        links.push(("#clusters", "Clusters".to_owned()));
    }
    links.push(("#run", "This run".to_owned()));
    html.within("ul", &[], |html| {
        for (target, words) in &links {
            html.within("li", &[], |html| html.leaf("a", &[("href", target)], words));
        }
    });
}

fn trials(html: &mut Markup, report: &RunReport) {
    for view in by_scenario(report) {
        heading(html, Rank::Trial, view.scenario.as_str());
        paragraph(html, "about", view.description);
        let of_this = |(_, trial): &(usize, &TrialReport)| trial.summary.scenario == *view.scenario;
        let targets = report.trials.iter().enumerate().filter(of_this);
        let targets: Vec<_> = targets.map(|(index, _)| format!("#{}", anchor(index))).collect();
        let caption = format!("Trials of {}", view.scenario);
        linked_table(html, &caption, &view.table, &targets);
    }
    let notes = skipped(report).chain(as_expected(report)).chain(cluster::notes(report));
    list(html, "notes", &notes.collect::<Vec<_>>());
}

fn each(html: &mut Markup, report: &RunReport) {
    let few = report.trials.iter().filter(|trial| is_troubled(trial)).count() <= OPEN;
    for (index, trial) in report.trials.iter().enumerate() {
        let shown = if few && (is_troubled(trial) || report.trials.len() == 1) {
            trial::Shown::Open
        } else {
            trial::Shown::Closed
        };
        trial::write(html, report, trial, &anchor(index), shown);
    }
}

/// What leads to a trial. Names of trials may hold anything, so they are not used for it.
fn anchor(index: usize) -> String {
    format!("trial-{}", index + 1)
}
