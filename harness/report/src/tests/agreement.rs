//! No report says anything else than another: verdicts of trials, and what was found about each.

use std::collections::BTreeMap;

use gateproof_core::cluster::ProviderKind;
use gateproof_core::event::Event;
use gateproof_core::report::{Document, RunReport};
use gateproof_core::verdict::Verdict;
use quick_junit::{NonSuccessKind, Report, TestCaseStatus};

use super::{on_console, report, screen};
use crate::console::Verbosity;
use crate::sample::{self, DEDICATED, HOST_NETWORK, Log, trial_name};
use crate::{html, json, junit, markdown};

/// By trial: the verdict, and the rules that are named.
type Said = BTreeMap<String, (Verdict, Vec<String>)>;

/// The numbers of rules in a text, each once, sorted.
fn rules(text: &str) -> Vec<String> {
    let mut found: Vec<String> = text
        .match_indices("GP0")
        .filter_map(|(at, _)| text.get(at..at + 6))
        .filter(|id| id[2..].chars().all(|c| c.is_ascii_digit()))
        .map(ToOwned::to_owned)
        .collect();
    found.sort();
    found.dedup();
    found
}

fn verdict_of(word: &str) -> Verdict {
    match word.trim().to_lowercase().as_str() {
        "passed" | "as expected" => Verdict::Passed,
        "failed" => Verdict::Failed,
        "inconclusive" => Verdict::Inconclusive,
        "skipped" => Verdict::Skipped,
        other => panic!("`{other}` is a verdict"),
    }
}

fn by_json(report: &RunReport) -> Said {
    let text = json::render(report).expect("JSON");
    let document: Document = serde_json::from_str(&text).expect("its own format");
    let trials = document.report.trials.iter();
    let said = trials.map(|trial| {
        let findings = trial.diagnosis.iter().flat_map(|diagnosis| &diagnosis.findings);
        let mut found: Vec<_> = findings.map(|one| one.rule.to_string()).collect();
        found.sort();
        (trial.summary.trial.to_string(), (trial.verdict, found))
    });
    said.collect()
}

fn by_junit(report: &RunReport) -> Said {
    let text = junit::render(report).expect("XML");
    let parsed = Report::deserialize_from_str(&text).expect("well-formed JUnit");
    let cases = parsed.test_suites.iter().flat_map(|suite| &suite.test_cases);
    let said = cases.map(|case| {
        let named = |property: &&quick_junit::Property| property.name.as_str() == "trial";
        let trial = case.properties.iter().find(named).expect("a name").value.as_str().to_owned();
        let out = case.system_out.as_ref().map(|text| text.as_str().to_owned()).unwrap_or_default();
        let (verdict, text) = match &case.status {
            TestCaseStatus::Success { .. } => (Verdict::Passed, String::new()),
            TestCaseStatus::Skipped { .. } => (Verdict::Skipped, String::new()),
            TestCaseStatus::NonSuccess { kind, description, .. } => {
                let verdict = match kind {
                    NonSuccessKind::Failure => Verdict::Failed,
                    NonSuccessKind::Error => Verdict::Inconclusive,
                };
                (
                    verdict,
                    description.as_ref().map(|text| text.as_str().to_owned()).unwrap_or_default(),
                )
            }
        };
        (trial, (verdict, rules(&(text + &out))))
    });
    said.collect()
}

/// What a text says below a line that names each trial; `marks` are what such lines begin with.
fn below(text: &str, trials: &[String], marks: &[&str]) -> BTreeMap<String, Vec<String>> {
    let mut said: BTreeMap<String, String> = BTreeMap::new();
    let mut current = None;
    for line in text.lines() {
        let about = |trial: &&String| marks.iter().any(|mark| line == format!("{mark}{trial}"));
        if let Some(trial) = trials.iter().find(about) {
            current = Some(trial.clone());
        } else if line.is_empty() || !line.starts_with(' ') {
            current = None;
        }
        if let Some(trial) = &current {
            said.entry(trial.clone()).or_default().push_str(line);
        }
    }
    said.into_iter().map(|(trial, text)| (trial, rules(&text))).collect()
}

fn by_text(text: &str, report: &RunReport, row: impl Fn(&str) -> Option<Verdict>) -> Said {
    let names: Vec<_> = report.trials.iter().map(|t| t.summary.trial.to_string()).collect();
    let mut found = below(text, &names, &["FINDINGS "]);
    let said = report.trials.iter().map(|trial| {
        let name = trial.summary.trial.to_string();
        let start = format!("{}, {}", trial.summary.variant, trial.summary.cilium);
        let verdict = row(&start).unwrap_or_else(|| panic!("{start} has a row in {text}"));
        let found = found.remove(&name).unwrap_or_default();
        (name, (verdict, found))
    });
    said.collect()
}

fn by_console(log: &Log) -> Said {
    let text = on_console(log, screen(200), Verbosity::Verbose);
    let row = |start: &str| {
        let rest = text.lines().find_map(|line| line.trim_start().strip_prefix(start))?;
        rest.trim_start().split("  ").next().map(verdict_of)
    };
    by_text(&text, &report(log), row)
}

fn by_markdown(report: &RunReport) -> Said {
    let text = markdown::render(report);
    let row = |start: &str| {
        let rest = text.lines().find_map(|line| line.strip_prefix(&format!("| {start} | ")))?;
        rest.split(" | ").next().map(verdict_of)
    };
    by_text(&text, report, row)
}

fn by_html(report: &RunReport) -> Said {
    let text = html::render(report);
    let blocks = text.split("<details class=\"trial\"").skip(1);
    let said = blocks.zip(&report.trials).map(|(block, trial)| {
        let name = trial.summary.trial.to_string();
        let title = block.split("<h3>").nth(1).expect("a heading");
        let (word, rest) = title.split_once("</span>").expect("a verdict");
        assert!(rest.trim_start().starts_with(&format!("{name} (")), "{rest}");
        let word = word.rsplit('>').next().expect("a word");
        let block = block.split("<section").next().expect("what is before the next section");
        (name, (verdict_of(word), rules(block)))
    });
    said.collect()
}

fn logs() -> Vec<Log> {
    let interrupted = Event::Interrupted { cause: "SIGINT".to_owned() };
    let one = |verdict, findings| {
        Log::of(ProviderKind::Existing, &[HOST_NETWORK, DEDICATED])
            .cluster_up()
            .start(HOST_NETWORK)
            .check(HOST_NETWORK, sample::check("http", "http", verdict))
            .diagnosed(HOST_NETWORK, findings, sample::unread())
            .verdict(HOST_NETWORK, verdict, None)
    };
    vec![
        sample::mixed(),
        sample::all_passed(),
        sample::truncated(),
        one(Verdict::Passed, sample::findings()).good_trial(DEDICATED).end(),
        one(Verdict::Inconclusive, sample::findings()).then(1, interrupted).end(),
        Log::of(ProviderKind::Kind, &[DEDICATED]).cluster_failed("no space").end(),
    ]
}

#[test]
fn all_reports_tell_the_same_verdicts_and_findings() {
    let mut findings = 0;
    for log in logs() {
        let folded = report(&log);
        let truth = by_json(&folded);
        findings += truth.values().map(|(_, found)| found.len()).sum::<usize>();
        assert_eq!(truth.len(), folded.trials.len());
        assert_eq!(by_junit(&folded), truth, "JUnit");
        assert_eq!(by_console(&log), truth, "console");
        assert_eq!(by_markdown(&folded), truth, "Markdown");
        assert_eq!(by_html(&folded), truth, "HTML");
    }
    assert!(findings > 5, "there is something to compare");
}

#[test]
fn the_comparison_notices_a_report_that_differs() {
    let mut folded = report(&sample::mixed());
    let truth = by_json(&folded);
    folded.trials[1].verdict = Verdict::Passed;
    assert_ne!(by_html(&folded), truth);
    assert_ne!(by_junit(&folded), truth);
    let mut folded = report(&sample::mixed());
    folded.trials[1].diagnosis.as_mut().expect("findings").findings.remove(1);
    assert_eq!(folded.trials[1].summary.trial, trial_name(HOST_NETWORK));
    assert_ne!(by_html(&folded), truth);
    assert_ne!(by_markdown(&folded), truth);
}
