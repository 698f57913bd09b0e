//! Claims about trials that are not to pass: the fold believes what is said of them only as far as
//! steps, checks and diagnosis bear it out.

use super::Log;
use crate::event::Event;
use crate::expectation::Expected;
use crate::finding::{Confidence, Finding, Role, RuleId, rules};
use crate::name::TrialName;
use crate::verdict::Verdict::{self, Failed, Inconclusive, Passed};

/// A log of one trial that is expected to fail by the first rule.
fn log() -> Log {
    let mut log = Log::of_trials(&["a"]);
    let Event::RunStarted { trials, .. } = &mut log.0[0].event else { panic!("it comes first") };
    trials[0].expect = Some(Expected::Failure { finding: RuleId::of(rules::ALL[0]) });
    log
}

fn diagnosed(log: Log, index: usize, role: Role) -> Log {
    let known = rules::ALL[index];
    let finding = Finding {
        rule: RuleId::of(known),
        title: known.title.to_owned(),
        role,
        confidence: Confidence::Certain,
        subjects: Vec::new(),
        seen: Vec::new(),
        inferred: Vec::new(),
        remedy: Vec::new(),
        issues: Vec::new(),
    };
    let trial = TrialName::new("a");
    log.then(Event::Diagnosed { trial, findings: vec![finding], unread: Vec::new() })
}

fn failing() -> Log {
    log().start("a").check("a", "http", Failed, vec![super::failure(super::FailureKind::Refuted)])
}

#[track_caller]
fn check(log: Log, stated: Verdict, verdict: Verdict) -> String {
    let report = log.verdict("a", stated).end().report();
    assert_eq!(report.trials[0].verdict, verdict, "{:?}", report.trials[0].reason);
    assert_eq!(report.trials[0].is_as_expected(), verdict == Passed);
    report.trials[0].reason.clone().unwrap_or_default()
}

#[test]
fn a_failure_with_the_named_cause_is_believed_to_be_as_expected() {
    check(diagnosed(failing(), 0, Role::Cause), Passed, Passed);
}

#[test]
fn a_pass_that_nothing_bears_out_is_not_believed() {
    let why = check(diagnosed(failing(), 6, Role::Cause), Passed, Failed);
    assert!(why.contains("GP0007"), "{why}");
    check(diagnosed(failing(), 0, Role::Contributing), Passed, Failed);
    check(failing(), Passed, Inconclusive);
    let holds = log().start("a").check("a", "http", Passed, Vec::new());
    let why = check(holds, Passed, Failed);
    assert!(why.contains("everything held"), "{why}");
    check(diagnosed(failing(), 0, Role::Cause).step("a", "further"), Passed, Inconclusive);
}

#[test]
fn what_is_said_to_be_graver_stays_so() {
    check(diagnosed(failing(), 0, Role::Cause), Failed, Failed);
    check(failing(), Inconclusive, Inconclusive);
}

#[test]
fn a_log_that_ends_before_the_diagnosis_decides_nothing() {
    let report = failing().report();
    assert_eq!(report.trials[0].verdict, Inconclusive);
}

#[test]
fn a_refusal_counts_without_a_cluster() {
    let mut log = Log::of_trials(&["a"]);
    let Event::RunStarted { trials, .. } = &mut log.0[0].event else { panic!("it comes first") };
    trials[0].expect = Some(Expected::Refusal { said: vec!["no such key".to_owned()] });
    check(log, Passed, Passed);
}
