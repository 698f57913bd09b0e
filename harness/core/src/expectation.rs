//! What a trial must come to so that it counts as passed, where that is not "everything holds".
//!
//! Some scenarios exist to fail: they rebuild an incident, and prove that it is noticed and
//! explained. Such a trial passes only with the failure that it names, told by the finding that it
//! names, and some are refused before anything runs. Runner and report decide by the same function,
//! so a log folds to what the runner said.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::finding::{Finding, Role, RuleId};
use crate::verdict::Verdict;

/// What must become of a trial that is not to pass.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Expected {
    /// It fails, and this rule names the cause.
    Failure {
        /// The rule.
        finding: RuleId,
    },
    /// Its Helm values are refused before anything runs. That they are was found when the scenario
    /// was read: without it, there is no such trial.
    Refusal {
        /// What is said of each wrong key, in one line.
        said: Vec<String>,
    },
}

/// What a trial counts as.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Counted {
    /// The verdict.
    pub verdict: Verdict,
    /// Why it is not the one that its checks add up to.
    pub reason: String,
}

impl fmt::Display for Expected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Failure { finding } => write!(f, "a failure with {finding} as its cause"),
            Self::Refusal { .. } => f.write_str("a refusal before anything runs"),
        }
    }
}

impl Expected {
    /// What a trial counts as whose steps and checks add up to `measured`; `findings` are those of
    /// its diagnosis, `None` when there was none.
    #[must_use]
    pub fn count(&self, measured: Verdict, findings: Option<&[Finding]>) -> Counted {
        match self {
            Self::Failure { finding } => failure(finding, measured, findings),
            Self::Refusal { said } => Counted {
                verdict: Verdict::Passed,
                reason: format!("refused as expected: {}", said.join("; ")),
            },
        }
    }
}

fn failure(wanted: &RuleId, measured: Verdict, findings: Option<&[Finding]>) -> Counted {
    let expected = format!("expected to fail with {wanted} as its cause");
    let counted = |verdict, reason| Counted { verdict, reason };
    match (measured, findings) {
        (Verdict::Skipped, _) => counted(Verdict::Skipped, expected),
        (Verdict::Passed, _) => {
            counted(Verdict::Failed, format!("{expected}, and everything held"))
        }
        (Verdict::Inconclusive, _) => {
            counted(Verdict::Inconclusive, format!("{expected}; it could not be decided"))
        }
        (Verdict::Failed, None) => {
            counted(Verdict::Inconclusive, format!("{expected}; it failed, and was not diagnosed"))
        }
        (Verdict::Failed, Some(findings)) => {
            let causes = || findings.iter().filter(|finding| finding.role == Role::Cause);
            match causes().find(|finding| finding.rule == *wanted) {
                Some(found) => counted(
                    Verdict::Passed,
                    format!("failed as expected ({}: {})", found.rule, found.title),
                ),
                None => {
                    counted(Verdict::Failed, format!("{expected}; {}", instead(wanted, findings)))
                }
            }
        }
    }
}

/// What came instead of the wanted cause.
fn instead(wanted: &RuleId, findings: &[Finding]) -> String {
    let named = |role: Role| -> Vec<String> {
        let mut names: Vec<String> = findings
            .iter()
            .filter(|finding| (finding.role == Role::Cause) == (role == Role::Cause))
            .map(|finding| format!("{} ({})", finding.rule, finding.title))
            .collect();
        names.dedup();
        names
    };
    let causes = named(Role::Cause);
    let came = if causes.is_empty() {
        "it failed, and no rule names a cause".to_owned()
    } else {
        format!("it failed, and the causes found are {}", causes.join(", "))
    };
    if findings.iter().any(|finding| finding.rule == *wanted) {
        return format!("{came}; {wanted} was found, but not as a cause");
    }
    came
}

#[cfg(test)]
mod tests {
    use super::Expected;
    use crate::finding::{Confidence, Finding, Role, RuleId};
    use crate::verdict::Verdict::{self, Failed, Inconclusive, Passed, Skipped};

    fn id(text: &str) -> RuleId {
        serde_json::from_value(text.into()).expect("an id is text")
    }

    fn finding(number: &str, role: Role) -> Finding {
        Finding {
            rule: id(number),
            title: format!("title of {number}"),
            role,
            confidence: Confidence::Likely,
            subjects: Vec::new(),
            seen: Vec::new(),
            inferred: Vec::new(),
            remedy: Vec::new(),
            issues: Vec::new(),
        }
    }

    #[track_caller]
    fn check(measured: Verdict, findings: Option<&[Finding]>, verdict: Verdict, says: &str) {
        let expected = Expected::Failure { finding: id("GP0001") };
        let counted = expected.count(measured, findings);
        assert_eq!(counted.verdict, verdict, "{counted:?}");
        assert!(counted.reason.contains(says), "{counted:?}");
    }

    #[test]
    fn only_the_named_cause_makes_a_failure_count_as_passed() {
        let cause = [finding("GP0007", Role::Cause), finding("GP0001", Role::Cause)];
        check(Failed, Some(&cause), Passed, "failed as expected (GP0001: title of GP0001)");
        let other = [finding("GP0007", Role::Cause)];
        check(Failed, Some(&other), Failed, "the causes found are GP0007 (title of GP0007)");
        let beside = [finding("GP0001", Role::Contributing)];
        check(Failed, Some(&beside), Failed, "GP0001 was found, but not as a cause");
        check(Failed, Some(&[]), Failed, "no rule names a cause");
    }

    #[test]
    fn a_trial_that_holds_was_expected_to_fail_and_what_is_open_stays_open() {
        check(Passed, None, Failed, "everything held");
        let cause = [finding("GP0001", Role::Cause)];
        check(Passed, Some(&cause), Failed, "everything held");
        check(Inconclusive, Some(&cause), Inconclusive, "could not be decided");
        check(Failed, None, Inconclusive, "was not diagnosed");
        check(Skipped, None, Skipped, "expected to fail");
    }
}
