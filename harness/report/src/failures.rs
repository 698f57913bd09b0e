//! Everything that did not pass, as plain text: for test runners that show a message per test.

use gateproof_core::report::RunReport;
use gateproof_core::verdict::Verdict;

use crate::layout::Page;
use crate::view::failure::{Detail, tell_all};
use crate::view::{diagnosis, subject};

/// What did not pass, in the order of the plan, with what every probe saw; empty when everything
/// passed or was skipped.
pub fn failures(report: &RunReport) -> String {
    let mut lines = Vec::new();
    for trial in report.trials.iter().filter(|trial| trial.verdict > Verdict::Passed) {
        for story in tell_all(report, trial, Page::FILE, Detail::Full) {
            lines.extend(story);
            lines.push(String::new());
        }
        let found = diagnosis::tell(trial, Page::FILE, Detail::Full);
        if !found.is_empty() {
            lines.extend(found);
            lines.push(String::new());
        }
    }
    if !lines.is_empty() {
        lines.extend(subject::model_sentence(report));
    }
    lines.join("\n")
}
