//! JUnit XML: a suite for each scenario, a test case for each trial.
//!
//! The trial is the test case, not the check, because the trial is what passes or fails: the
//! counts that a CI system shows are then those of the console and the exit code. A failed trial
//! is a `failure`, an inconclusive one an `error` (the harness could not find out), a skipped one
//! is `skipped`. The message is the gravest failure in one line with the cause that was found, the
//! type its kind, and the text all failures in full, then what the rules found. Properties name the
//! provider, the subject, the Cilium version and the cluster, and the folder with evidence; the
//! standard output holds the exposure grid and the target health.

use std::time::Duration;

use gateproof_core::event::Record;
use gateproof_core::name::ScenarioName;
use gateproof_core::report::{RunReport, TrialReport};
use gateproof_core::verdict::Verdict;
use quick_junit::{NonSuccessKind, Property, Report, TestCase, TestCaseStatus, TestSuite};

use crate::destination::Destination;
use crate::layout::Page;
use crate::layout::wrap::clean;
use crate::reporter::{ReportError, Reporter, Written};
use crate::view::failure::{Detail, gravest, headline, stories, tell_all};
use crate::view::subject::model_sentence;
use crate::view::{diagnosis, measured};

/// Writes the JUnit report at the end of the run.
pub(crate) struct Junit(pub(crate) Destination);

impl Reporter for Junit {
    fn record(&mut self, _: &Record, _: &RunReport) -> Result<(), ReportError> {
        Ok(())
    }

    fn finish(&mut self, report: &RunReport) -> Result<Option<Written>, ReportError> {
        self.0.write(render(report)?.as_bytes()).map(Some)
    }
}

/// The report as XML.
pub(crate) fn render(report: &RunReport) -> Result<String, ReportError> {
    let mut document = Report::new(format!("gateproof {}", report.run));
    document.timestamp = report.started.parse().ok();
    document.set_time(report.took);
    let mut scenarios: Vec<&ScenarioName> = Vec::new();
    for trial in &report.trials {
        if !scenarios.contains(&&trial.summary.scenario) {
            scenarios.push(&trial.summary.scenario);
        }
    }
    document.add_test_suites(scenarios.into_iter().map(|scenario| suite(report, scenario)));
    document.to_string().map_err(ReportError::Junit)
}

fn suite(report: &RunReport, scenario: &ScenarioName) -> TestSuite {
    let mut suite = TestSuite::new(scenario.as_str());
    suite.add_property(Property::new("gateproof", &report.gateproof));
    suite.add_property(Property::new("run", &report.run));
    suite.add_property(Property::new("provider", report.provider.to_string()));
    if let Some(sentence) = model_sentence(report) {
        suite.add_property(Property::new("notice", sentence));
    }
    let trials = report.trials.iter().filter(|trial| trial.summary.scenario == *scenario);
    let mut time = Duration::ZERO;
    for trial in trials {
        time += trial.took.unwrap_or_default();
        suite.add_test_case(case(report, trial));
    }
    suite.set_time(time);
    suite
}

fn case(report: &RunReport, trial: &TrialReport) -> TestCase {
    let summary = &trial.summary;
    let name = format!("{}/cilium-{}", summary.variant, summary.cilium);
    let mut case = TestCase::new(name, status(report, trial));
    case.set_classname(summary.scenario.as_str());
    case.set_assertions(trial.checks.len());
    case.set_time(trial.took.unwrap_or_default());
    let subject = trial.subject.as_ref().map_or("never started".to_owned(), ToString::to_string);
    let facts = [
        ("trial", summary.trial.to_string()),
        ("provider", report.provider.to_string()),
        ("subject", subject),
        ("cilium", summary.cilium.to_string()),
        ("cluster", summary.cluster.to_string()),
    ];
    case.add_properties(facts.map(|(name, value)| Property::new(name, value)));
    if let Some(expect) = &summary.expect {
        case.add_property(Property::new("expected", expect.to_string()));
    }
    if let Some(reason) = trial.reason.as_deref().filter(|_| trial.is_as_expected()) {
        case.add_property(Property::new("as-expected", clean(reason)));
    }
    let cluster = report.cluster(&summary.cluster);
    for evidence in cluster.iter().flat_map(|cluster| cluster.evidence_about(&summary.trial)) {
        case.add_property(Property::new("evidence", &evidence.folder));
    }
    let mut out = measured::lines(report, trial, Page::FILE);
    if !matches!(trial.verdict, Verdict::Failed | Verdict::Inconclusive) {
        out.extend(diagnosis::tell(trial, Page::FILE, Detail::Full));
    }
    if !out.is_empty() {
        case.set_system_out(out.join("\n"));
    }
    case
}

fn status(report: &RunReport, trial: &TrialReport) -> TestCaseStatus {
    let kind = match trial.verdict {
        Verdict::Passed => return TestCaseStatus::success(),
        Verdict::Skipped => {
            let mut status = TestCaseStatus::skipped();
            status.set_message(clean(trial.reason.as_deref().unwrap_or("no reason given")));
            return status;
        }
        Verdict::Failed => NonSuccessKind::Failure,
        Verdict::Inconclusive => NonSuccessKind::Error,
    };
    let stories = stories(report, trial);
    let mut status = TestCaseStatus::non_success(kind);
    if let (Some(gravest), Some(headline)) = (gravest(&stories, trial), headline(report, trial)) {
        status.set_message(headline);
        status.set_type(gravest.kind());
    }
    let told = tell_all(report, trial, Page::FILE, Detail::Full);
    let diagnosis = diagnosis::tell(trial, Page::FILE, Detail::Full);
    let told = told.iter().chain([&diagnosis]).filter(|lines| !lines.is_empty());
    let told: Vec<_> = told.map(|story| story.join("\n")).collect();
    status.set_description(told.join("\n\n"));
    status
}
