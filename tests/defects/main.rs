//! Every way a scenario can fail: `cargo test --test defects`, with defect names as filters.
//!
//! A defect is a small change to a healthy scenario of `bases/`. It runs on the embedded cluster;
//! the verdict and the checks that do not pass are in the table, and what is printed is a snapshot.
//! Each base must pass, and so must the look-alike of a defect: a change that looks much the same
//! and breaks nothing. A harness that cannot fail proves nothing, and one that fails on anything
//! does not prove more.

mod case;
mod matrix;
mod pem;
mod steady;
mod table;

use std::process::ExitCode;
use std::sync::Arc;

use gateproof_core::report::RunReport;
use gateproof_core::verdict::Verdict;
use libtest_mimic::{Arguments, Failed, Trial};
use tokio::runtime::Runtime;

use case::{Change, Defect, run};
use gateproof_tests::no_false_alarm;
use matrix::Matrix;

/// Waiting for what will never come costs time and no processor.
const SIDE_BY_SIDE: usize = 24;

fn main() -> ExitCode {
    let mut arguments = Arguments::from_args();
    arguments.test_threads.get_or_insert(SIDE_BY_SIDE);
    let runtime = Arc::new(Runtime::new().expect("the runtime starts"));
    let matrix = Arc::new(Matrix::default());
    let mut trials = Vec::new();
    for base in table::BASES {
        let runtime = Arc::clone(&runtime);
        trials.push(Trial::test(format!("{base}::passes"), move || {
            let report = run(&runtime, base, &[])?;
            if table::BROKEN_BASES.contains(base) { holds(&report) } else { must_pass(&report) }
        }));
    }
    for defect in table::defects() {
        let name = format!("{}::{}", defect.base, defect.name);
        let (shared, rows) = (Arc::clone(&runtime), Arc::clone(&matrix));
        trials.push(Trial::test(name.clone(), move || must_fail(&shared, defect, &rows)));
        if let Some(changes) = defect.look_alike {
            let runtime = Arc::clone(&runtime);
            trials.push(Trial::test(format!("{name}::look_alike"), move || {
                let report = run(&runtime, defect.base, changes)?;
                let is_odd = table::ODD_LOOK_ALIKES.contains(&defect.name);
                if is_odd { holds(&report) } else { must_pass(&report) }
            }));
        }
    }
    let conclusion = libtest_mimic::run(&arguments, trials);
    match matrix.compare() {
        Ok(()) => conclusion.exit_code(),
        Err(problem) => complain(&problem),
    }
}

#[expect(clippy::print_stderr, reason = "this is the entry point of a program")]
fn complain(problem: &str) -> ExitCode {
    eprintln!("{problem}");
    ExitCode::FAILURE
}

/// Everything holds, and no rule names a cause of anything.
fn must_pass(report: &RunReport) -> Result<(), Failed> {
    holds(report)?;
    no_false_alarm(report)
}

fn holds(report: &RunReport) -> Result<(), Failed> {
    match report.trials[0].verdict {
        Verdict::Passed => Ok(()),
        verdict => Err(format!("{verdict}\n{}", gateproof_report::failures(report)).into()),
    }
}

fn must_fail(runtime: &Runtime, defect: &Defect, matrix: &Matrix) -> Result<(), Failed> {
    let mut report = run(runtime, defect.base, defect.changes)?;
    // What rules make of it is the matrix's.
    let diagnosis = report.trials[0].diagnosis.take();
    matrix.add(defect, &diagnosis.ok_or("every defect is diagnosed")?.findings);
    let trial = &report.trials[0];
    let unsound = |verdict: Verdict| matches!(verdict, Verdict::Failed | Verdict::Inconclusive);
    let steps = trial.steps.iter().filter(|step| step.verdict().is_some_and(unsound));
    let checks = trial.checks.iter().filter(|check| unsound(check.verdict));
    let seen: Vec<&str> = steps
        .map(|step| step.step.as_str())
        .chain(checks.map(|check| check.check.as_str()))
        .collect();
    let text = told(&steady::steady(&report)?);
    if (trial.verdict, &seen[..]) != (defect.verdict, defect.failing) {
        return Err(format!(
            "expected {} by {:?}, seen {} by {seen:?}\n{text}",
            defect.verdict, defect.failing, trial.verdict,
        )
        .into());
    }
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path("snapshots");
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| insta::assert_snapshot!(format!("{}__{}", defect.base, defect.name), text));
    Ok(())
}

/// What a snapshot holds: what was printed, and what was not reached.
fn told(report: &RunReport) -> String {
    let trial = &report.trials[0];
    let skipped = trial.checks.iter().filter(|check| check.verdict == Verdict::Skipped);
    let skipped: Vec<&str> = skipped.map(|check| check.check.as_str()).collect();
    let text = gateproof_report::failures(report);
    if skipped.is_empty() { text } else { format!("{text}\n\nnot reached: {}", skipped.join(", ")) }
}

/// A change in words, for messages.
fn in_words(change: &Change) -> String {
    format!("{:?} by {:?}", change.0, change.1)
}
