//! One trial in a report, and how its events change it.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::cluster::Subject;
use crate::dossier::Unread;
use crate::event::{CheckResult, TrialSummary};
use crate::expectation::Expected;
use crate::finding::Finding;
use crate::verdict::{Failure, Judgement, Verdict};

/// What a trial amounts to, as far as the log goes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TrialReport {
    /// The trial as planned.
    pub summary: TrialSummary,
    /// What carried traffic; `None` when the trial never started.
    pub subject: Option<Subject>,
    /// How far it has come.
    pub stage: Stage,
    /// Its verdict; inconclusive until the log decides it.
    pub verdict: Verdict,
    /// Why, when no step or check says so.
    pub reason: Option<String>,
    /// When it started, since the run did.
    #[serde(default, with = "crate::observation::optional_micros", rename = "startedMicros")]
    pub started: Option<Duration>,
    /// From its start to its verdict.
    #[serde(default, with = "crate::observation::optional_micros", rename = "tookMicros")]
    pub took: Option<Duration>,
    /// Phases and steps that are no checks, in order.
    pub steps: Vec<StepReport>,
    /// The decided checks, in order.
    pub checks: Vec<CheckResult>,
    /// What the rules made of its cluster; `None` when nobody asked them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub diagnosis: Option<Diagnosis>,
}

/// What the rules made of a trial's cluster.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Diagnosis {
    /// Findings, ranked.
    pub findings: Vec<Finding>,
    /// What could not be read.
    pub unread: Vec<Unread>,
}

/// How far a trial has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Stage {
    /// It has not started.
    Planned,
    /// It has started and is not decided.
    Running,
    /// It is decided.
    Finished,
}

/// A phase or step of a trial.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StepReport {
    /// Its name.
    pub step: String,
    /// When it started, since the run did.
    #[serde(with = "crate::observation::micros", rename = "startedMicros")]
    pub started: Duration,
    /// How long it took; `None` while it is open.
    #[serde(default, with = "crate::observation::optional_micros", rename = "tookMicros")]
    pub took: Option<Duration>,
    /// What it last waited for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub awaiting: Option<String>,
    /// What went wrong; empty when it succeeded.
    pub failures: Vec<Failure>,
}

impl StepReport {
    /// Its verdict; `None` while it is open.
    pub fn verdict(&self) -> Option<Verdict> {
        self.took.map(|_| verdict_of(&self.failures))
    }
}

impl TrialReport {
    pub(super) fn planned(summary: &TrialSummary) -> Self {
        Self {
            summary: summary.clone(),
            subject: None,
            stage: Stage::Planned,
            verdict: Verdict::Inconclusive,
            reason: None,
            started: None,
            took: None,
            steps: Vec::new(),
            checks: Vec::new(),
            diagnosis: None,
        }
    }

    /// The step of this name, if the trial has it; the last one when there are several.
    pub fn step(&self, name: &str) -> Option<&StepReport> {
        self.steps.iter().rev().find(|step| step.step == name)
    }

    /// The step or check that is going on.
    pub fn open_step(&self) -> Option<&StepReport> {
        self.steps.iter().rev().find(|step| step.took.is_none())
    }

    /// How long its checks took together; `None` when none was decided.
    pub fn checks_took(&self) -> Option<Duration> {
        (!self.checks.is_empty()).then(|| self.checks.iter().map(|check| check.took).sum())
    }

    fn open_step_mut(&mut self, name: &str) -> Option<&mut StepReport> {
        self.steps.iter_mut().rev().find(|step| step.took.is_none() && step.step == name)
    }

    pub(super) fn start(&mut self, at: Duration, subject: &Subject) {
        self.stage = Stage::Running;
        self.started = Some(at);
        self.subject = Some(subject.clone());
    }

    pub(super) fn start_step(&mut self, at: Duration, name: &str) {
        if self.open_step_mut(name).is_none() {
            self.steps.push(StepReport {
                step: name.to_owned(),
                started: at,
                took: None,
                awaiting: None,
                failures: Vec::new(),
            });
        }
    }

    pub(super) fn await_step(&mut self, at: Duration, name: &str, missing: &str) {
        self.start_step(at, name);
        if let Some(step) = self.open_step_mut(name) {
            step.awaiting = Some(missing.to_owned());
        }
    }

    pub(super) fn finish_step(
        &mut self,
        at: Duration,
        name: &str,
        failures: &[Failure],
        took: Duration,
    ) {
        self.start_step(at.saturating_sub(took), name);
        if let Some(step) = self.open_step_mut(name) {
            step.took = Some(took);
            step.failures = failures.to_vec();
        }
    }

    /// Takes in a decided check. It ends the step of its name; its verdict is never better than
    /// its failures.
    pub(super) fn finish_check(&mut self, result: &CheckResult) {
        let open = |step: &StepReport| step.took.is_none() && step.step == result.check;
        if let Some(index) = self.steps.iter().rposition(open) {
            self.steps.remove(index);
        }
        let mut result = result.clone();
        if !result.failures.is_empty() {
            result.verdict = result.verdict.max(verdict_of(&result.failures));
        }
        self.checks.push(result);
    }

    /// Takes in the verdict that the log states, unless what the log shows contradicts it.
    pub(super) fn finish(&mut self, stated: Verdict, reason: Option<&str>, took: Duration) {
        let doubt = match &self.summary.expect {
            Some(expected) => self.doubt_of_expected(expected, stated),
            None => self.doubt(stated),
        };
        let mut reasons: Vec<String> = reason.map(ToOwned::to_owned).into_iter().collect();
        self.verdict = stated;
        if let Some((verdict, why)) = doubt {
            self.verdict = verdict;
            reasons.push(why);
        }
        self.reason = (!reasons.is_empty()).then(|| reasons.join("; "));
        self.stage = Stage::Finished;
        self.took = Some(took);
    }

    /// The same for a trial that is not to pass: what its steps and checks add up to has to be what
    /// is expected.
    fn doubt_of_expected(&self, expected: &Expected, stated: Verdict) -> Option<(Verdict, String)> {
        if stated == Verdict::Passed
            && let Some(step) = self.open_step()
        {
            return Some((Verdict::Inconclusive, never_decided(&step.step)));
        }
        let measured = self.gravest().unwrap_or(Verdict::Inconclusive);
        let findings = self.diagnosis.as_ref().map(|diagnosis| diagnosis.findings.as_slice());
        let counted = expected.count(measured, findings);
        (counted.verdict > stated && stated >= Verdict::Passed)
            .then_some((counted.verdict, counted.reason))
    }

    /// Whether it failed as it was expected to, or was refused so.
    pub fn is_as_expected(&self) -> bool {
        self.summary.expect.is_some() && self.verdict == Verdict::Passed
    }

    /// Why the stated verdict is too good to be believed, and what to say instead.
    fn doubt(&self, stated: Verdict) -> Option<(Verdict, String)> {
        let shown = self.gravest();
        if let Some(shown) = shown
            && shown > stated
            && shown > Verdict::Passed
        {
            return Some((
                shown,
                format!(
                    "the log calls the trial {stated}, but its steps and checks add up to {shown}"
                ),
            ));
        }
        if stated != Verdict::Passed {
            return None;
        }
        if let Some(step) = self.open_step() {
            return Some((Verdict::Inconclusive, never_decided(&step.step)));
        }
        if self.checks.is_empty() {
            let why = "no check was decided, so nothing was proven".to_owned();
            return Some((Verdict::Inconclusive, why));
        }
        let passed = self.checks.iter().any(|check| check.verdict == Verdict::Passed);
        (!passed).then(|| (Verdict::Skipped, "every check was skipped".to_owned()))
    }

    /// The gravest verdict among decided steps and checks.
    fn gravest(&self) -> Option<Verdict> {
        let checks = self.checks.iter().map(|check| check.verdict);
        self.steps.iter().filter_map(StepReport::verdict).chain(checks).max()
    }

    /// Ends a trial that the log does not decide. A claim that was refuted stays refuted;
    /// otherwise nothing is known.
    pub(super) fn abandon(&mut self, reason: String) {
        let refuted = self.gravest() == Some(Verdict::Failed) && self.summary.expect.is_none();
        self.verdict = if refuted { Verdict::Failed } else { Verdict::Inconclusive };
        self.reason = Some(reason);
        self.stage = Stage::Finished;
    }

    /// What had not happened yet when the log stopped, in words that follow "before".
    pub(super) fn unfinished_business(&self) -> String {
        match (self.stage, self.open_step()) {
            (Stage::Planned, _) => "the trial started".to_owned(),
            (_, Some(StepReport { step, awaiting: Some(missing), .. })) => {
                format!("`{step}` was done, which was waiting for: {missing}")
            }
            (_, Some(step)) => format!("`{}` was done", step.step),
            (_, None) => "the trial was decided".to_owned(),
        }
    }
}

fn never_decided(step: &str) -> String {
    format!("the log calls the trial passed although `{step}` was never decided")
}

fn verdict_of(failures: &[Failure]) -> Verdict {
    Judgement { failures: failures.to_vec() }.verdict()
}
