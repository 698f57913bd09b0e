//! One trial: install the stack, prepare issuer and backends, then the scenario's steps in order.
//!
//! A step that fails ends the trial, because later checks would only repeat its failure; the
//! checks that were not reached are reported as skipped. A check that fails does not: the others
//! still tell where the trouble begins and ends.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::StreamExt;
use gateproof_core::dossier::Dossier;
use gateproof_core::event::{CheckResult, Event, Evidence};
use gateproof_core::expectation::Counted;
use gateproof_core::finding::{self, Finding};
use gateproof_core::judge;
use gateproof_core::plan::TrialPlan;
use gateproof_core::scenario::issuer::{Acme, Issuer};
use gateproof_core::scenario::{Action, Check, Claim, Step};
use gateproof_core::verdict::{Failure, FailureKind, Judgement, Verdict};
use gateproof_kubernetes::{Cluster, StackRequest};
use tokio::time::Instant as Deadline;

use crate::acme_server::{self, Place};
use crate::cause::{unpanicked, with_causes};
use crate::check::{self, Circumstances, Decided, Memory};
use crate::diagnosis::{self, Diagnose, Diagnosed, Observed};
use crate::dispatcher::Emitter;
use crate::names;
use crate::prerequisite::{backend, issuer};
use crate::run::Options;
use crate::step;

/// How long the issuer and the backends may take.
const PREREQUISITE_LIMIT: Duration = Duration::from_mins(2);

/// What a trial came to.
#[derive(Debug)]
pub(crate) struct Concluded {
    /// What it counts as.
    pub(crate) verdict: Verdict,
    /// Why, when its steps and checks do not say so.
    pub(crate) reason: Option<String>,
    /// What a diagnosis rests on, when there was one.
    pub(crate) dossier: Option<Box<Dossier>>,
}

/// Runs a trial to its verdict.
pub(crate) async fn run(
    plan: &TrialPlan,
    cluster: Arc<dyn Cluster>,
    options: &Options,
    emitter: Emitter,
) -> Concluded {
    let mut trial = Trial {
        plan,
        run: &options.run,
        observed: Observed::default(),
        memory: Memory::default(),
        cluster,
        emitter,
        verdict: Verdict::Skipped,
        gaps: BTreeSet::new(),
        last_change: Instant::now(),
    };
    let mut halted = trial.prepare().await;
    let mut steps = plan.definition.steps.iter().peekable();
    while let Some(step) = steps.next() {
        match (&step.action, &halted) {
            (Action::Check(check), None) if trial.is_asked_beside_others(check) => {
                let mut checks = vec![check];
                while let Some(Step { action: Action::Check(next), .. }) =
                    steps.next_if(|next| trial.may_be_asked_beside_others(next))
                {
                    checks.push(next);
                }
                trial.check_side_by_side(&checks).await;
            }
            (Action::Check(check), None) => trial.check(check).await,
            (Action::Check(check), Some(culprit)) => trial.skip(check, culprit),
            (_, None) => halted = trial.change(step).await,
            (_, Some(_)) => {}
        }
    }
    trial.tell_what_is_not_covered();
    let measured = trial.verdict();
    let (findings, dossier) = trial.diagnose(&options.diagnose).await;
    trial.forget_names().await;
    match &plan.expect {
        None => {
            let reason = match options.diagnose {
                Diagnose::From(_) if measured == Verdict::Passed => {
                    findings.as_deref().and_then(finding::against_a_pass)
                }
                _ => None,
            };
            let verdict = if reason.is_some() { Verdict::Inconclusive } else { measured };
            Concluded { verdict, reason, dossier }
        }
        Some(expected) => {
            let Counted { verdict, reason } = expected.count(measured, findings.as_deref());
            Concluded { verdict, reason: Some(reason), dossier }
        }
    }
}

struct Trial<'p> {
    plan: &'p TrialPlan,
    /// The run's identity, for labels.
    run: &'p str,
    cluster: Arc<dyn Cluster>,
    emitter: Emitter,
    /// What was seen so far, for a diagnosis.
    observed: Observed,
    /// What checks read that others need too.
    memory: Memory,
    /// The gravest verdict so far.
    verdict: Verdict,
    /// What was not covered at any time: a later step may take the cause away, but not what was
    /// judged meanwhile.
    gaps: BTreeSet<String>,
    /// When the cluster was last changed by a step: waiting is counted from there.
    last_change: Instant,
}

impl Trial<'_> {
    /// Brings the cluster to where the scenario begins; the name of the step that failed, if any.
    async fn prepare(&mut self) -> Option<String> {
        let request = StackRequest {
            cilium: self.plan.cilium.clone(),
            config: self.plan.config.clone(),
            values: self.plan.values.clone(),
            gateway_api: self.plan.definition.gateway_api.clone(),
            cert_manager: self.plan.definition.cert_manager.clone(),
            cert_manager_values: self.plan.definition.cert_manager_values.clone(),
            address_pools: self.plan.definition.address_pools.clone(),
            faults: self.plan.faults.clone(),
        };
        if self.cluster.is_taken_as_it_is() {
            return None;
        }
        let cluster = Arc::clone(&self.cluster);
        let installed = self
            .step("install", async move |_| {
                cluster.install(&request).await.map_err(|error| {
                    vec![step::undecided("the stack is installed", &with_causes(&error))]
                })
            })
            .await;
        if installed.is_some() {
            return installed;
        }
        if self.plan.definition.issuer != Issuer::None {
            let halted = self.prepare_issuer().await;
            if halted.is_some() {
                return halted;
            }
        }
        if self.plan.definition.backends.is_empty() { None } else { self.prepare_backends().await }
    }

    async fn prepare_issuer(&mut self) -> Option<String> {
        let definition = Arc::clone(&self.plan.definition);
        if let Issuer::Acme(acme) = &definition.issuer {
            let halted = self.prepare_acme(acme).await;
            if halted.is_some() {
                return halted;
            }
        }
        let (client, run) = (self.cluster.client(), self.run);
        self.step("issuer", async move |progress| {
            if !matches!(definition.issuer, Issuer::Acme(_)) {
                step::apply_own(&client, run, &issuer::objects(&definition.issuer)).await?;
            }
            let object =
                issuer::must_be_ready(&definition.issuer).expect("this issuer has an object");
            step::await_ready(&client, &object, PREREQUISITE_LIMIT, progress).await
        })
        .await
    }

    /// Brings up the ACME server with its issuer, and makes names or zones lead where they should:
    /// for cert-manager and the server alike.
    async fn prepare_acme(&mut self, settings: &Acme) -> Option<String> {
        let (client, run) = (self.cluster.client(), self.run);
        let mark = format!("{run}.{}", self.plan.name);
        let image = self.cluster.own_image();
        self.step("ACME server", async move |progress| {
            let place = Place { client: &client, run, image: &image, mark: &mark };
            acme_server::bring_up(&place, settings, progress).await
        })
        .await
    }

    /// Takes the names of an ACME trial away again, once nobody looks at them any more.
    async fn forget_names(&self) {
        if matches!(self.plan.definition.issuer, Issuer::Acme(_))
            && let Err(failures) = names::forget(&self.cluster.client()).await
        {
            for failure in failures {
                tracing::warn!(trial = %self.plan.name, seen = failure.seen, "names of the trial stay in the cluster's DNS");
            }
        }
    }

    async fn prepare_backends(&mut self) -> Option<String> {
        let client = self.cluster.client();
        let image = self.cluster.own_image();
        let (definition, run) = (Arc::clone(&self.plan.definition), self.run);
        let longest = self.cluster.settles_within().unwrap_or(Duration::MAX);
        let limit = PREREQUISITE_LIMIT.min(longest);
        self.step("backends", async move |progress| {
            let objects: Vec<_> =
                definition.backends.iter().flat_map(|it| backend::objects(it, &image)).collect();
            step::apply_own(&client, run, &objects).await?;
            for wanted in &definition.backends {
                backend::await_up(&client, wanted, limit, progress).await?;
            }
            Ok(())
        })
        .await
    }

    /// Runs a step that changes the cluster; its name when it failed.
    async fn change(&mut self, step: &Step) -> Option<String> {
        let client = self.cluster.client();
        let (action, run) = (step.action.clone(), self.run);
        self.step(&step.name, async move |progress| match &action {
            Action::Apply(manifests) => step::apply(&client, run, manifests).await,
            Action::Patch { object, patch } => step::patch(&client, object, patch).await,
            Action::Delete(object) => step::delete(&client, object, progress).await,
            Action::Check(_) => unreachable!("checks take the other way"),
        })
        .await
    }

    /// Runs one step between its two events, and waits until the cluster has worked through it;
    /// its name when it failed. On a busy machine that takes what it takes, and is no time that a
    /// check waits for.
    async fn step<F>(&mut self, name: &str, work: F) -> Option<String>
    where
        F: AsyncFnOnce(&mut (dyn FnMut(&str) + Send)) -> Result<(), Vec<Failure>>,
    {
        let trial = self.plan.name.clone();
        self.emitter.emit(Event::StepStarted { trial: trial.clone(), step: name.to_owned() });
        let started = Instant::now();
        let mut progress = self.progress(name);
        let outcome = match work(&mut progress).await {
            Ok(()) => step::settle(self.cluster.as_ref()).await,
            failed => failed,
        };
        let failures = outcome.err().unwrap_or_default();
        let halted = (!failures.is_empty()).then(|| name.to_owned());
        self.worsen(&failures);
        self.emitter.emit(Event::StepFinished {
            trial,
            step: name.to_owned(),
            failures,
            took: started.elapsed(),
        });
        self.last_change = Instant::now();
        halted
    }

    /// Tells what is awaited, once per change.
    fn progress(&self, step: &str) -> impl FnMut(&str) + Send + use<> {
        let (emitter, trial, step) =
            (self.emitter.clone(), self.plan.name.clone(), step.to_owned());
        let mut last = String::new();
        move |missing| {
            if missing != last {
                missing.clone_into(&mut last);
                emitter.emit(Event::Awaiting {
                    trial: trial.clone(),
                    step: step.clone(),
                    missing: missing.to_owned(),
                });
            }
        }
    }

    async fn check(&mut self, check: &Check) {
        if !self.applies(check) {
            return;
        }
        let (decided, took) = self.decide(check).await;
        self.conclude(check, decided, took);
    }

    /// Requests to a cluster that is only looked at do not disturb each other, and where nothing
    /// answers each of them takes long.
    async fn check_side_by_side(&mut self, checks: &[&Check]) {
        const AT_ONCE: usize = 6;
        let deciding = checks.iter().map(|check| self.decide(check));
        let decided: Vec<(Decided, Duration)> =
            futures_util::stream::iter(deciding).buffered(AT_ONCE).collect().await;
        for (check, (decided, took)) in checks.iter().zip(decided) {
            self.conclude(check, decided, took);
        }
    }

    fn may_be_asked_beside_others(&self, step: &Step) -> bool {
        matches!(&step.action, Action::Check(check) if self.is_asked_beside_others(check))
    }

    fn is_asked_beside_others(&self, check: &Check) -> bool {
        self.cluster.is_taken_as_it_is()
            && self.applies(check)
            && matches!(check.claim, Claim::Http(_) | Claim::Passthrough(_))
    }

    /// Observes and judges, and says that it does.
    async fn decide(&self, check: &Check) -> (Decided, Duration) {
        let trial = self.plan.name.clone();
        self.emitter.emit(Event::StepStarted { trial, step: check.name.clone() });
        let started = Instant::now();
        let circumstances = Circumstances {
            plan: self.plan,
            cluster: self.cluster.as_ref(),
            deadline: self.deadline(check),
            memory: &self.memory,
        };
        let mut progress = self.progress(&check.name);
        let decided = check::decide(&circumstances, &check.claim, &mut progress).await;
        (decided, started.elapsed())
    }

    fn conclude(&mut self, check: &Check, mut decided: Decided, took: Duration) {
        self.doubt(&mut decided.judgement);
        let verdict = decided.judgement.verdict();
        self.verdict = self.verdict.max(verdict);
        self.finish(check, verdict, decided.judgement.failures, decided.evidence, took);
    }

    /// Where the cluster does not cover what is asked of it, a claim that does not hold is no
    /// proof against Cilium: it stays open.
    fn doubt(&mut self, judgement: &mut Judgement) {
        let gaps = self.gaps_now();
        self.gaps.extend(gaps.iter().cloned());
        if gaps.is_empty() {
            return;
        }
        for failure in &mut judgement.failures {
            failure.kind = FailureKind::Undecided;
            failure
                .hints
                .insert(0, format!("this cluster does not cover all of it: {}", gaps.join("; ")));
        }
    }

    /// What this cluster does not cover, and what the harness could not do for it.
    fn gaps_now(&self) -> Vec<String> {
        let mut gaps = self.cluster.not_covered();
        gaps.extend(self.cluster.problems());
        gaps
    }

    /// Ends the trial with what was not covered, if anything: then it is inconclusive at best.
    fn tell_what_is_not_covered(&mut self) {
        const STEP: &str = "coverage";
        let mut gaps = std::mem::take(&mut self.gaps);
        gaps.extend(self.gaps_now());
        if gaps.is_empty() {
            return;
        }
        let expected = format!("{} covers what the scenario asks for", self.cluster.subject());
        let failures: Vec<Failure> =
            gaps.iter().map(|gap| step::undecided(&expected, gap)).collect();
        let trial = self.plan.name.clone();
        self.worsen(&failures);
        self.emitter.emit(Event::StepStarted { trial: trial.clone(), step: STEP.to_owned() });
        let took = Duration::ZERO;
        self.emitter.emit(Event::StepFinished { trial, step: STEP.to_owned(), failures, took });
    }

    /// Waiting is counted from the last change, so that ten checks on a dead Gateway do not wait
    /// ten times; a moment is always left to look more than once.
    fn deadline(&self, check: &Check) -> Deadline {
        const AT_LEAST: Duration = Duration::from_secs(2);
        let longest = self.cluster.settles_within().unwrap_or(Duration::MAX);
        let counted = self.last_change + check.within.min(longest);
        Deadline::from_std(counted.max(Instant::now() + AT_LEAST.min(check.within)))
    }

    fn skip(&mut self, check: &Check, culprit: &str) {
        if !self.applies(check) {
            return;
        }
        tracing::debug!(check = check.name, culprit, "not reached");
        self.finish(check, Verdict::Skipped, Vec::new(), Evidence::default(), Duration::ZERO);
    }

    fn applies(&self, check: &Check) -> bool {
        check.variants.is_empty() || check.variants.contains(&self.plan.variant)
    }

    fn finish(
        &mut self,
        check: &Check,
        verdict: Verdict,
        failures: Vec<Failure>,
        evidence: Evidence,
        took: Duration,
    ) {
        let result = CheckResult {
            check: check.name.clone(),
            kind: check::kind(&check.claim).to_owned(),
            claim: judge::claim_text(&check.claim),
            origin: check.origin.clone(),
            verdict,
            failures,
            took,
            evidence,
        };
        self.observed.take_in(check, &result);
        self.emitter
            .emit(Event::CheckFinished { trial: self.plan.name.clone(), result: Box::new(result) });
    }

    fn worsen(&mut self, failures: &[Failure]) {
        let judgement = Judgement { failures: failures.to_vec() };
        if judgement.verdict() != Verdict::Passed {
            self.verdict = self.verdict.max(judgement.verdict());
        }
    }

    /// Finds out why the trial did not pass. The verdict stays what it is; rules that panic are the
    /// harness's own trouble, and are said.
    async fn diagnose(&mut self, when: &Diagnose) -> (Option<Vec<Finding>>, Option<Box<Dossier>>) {
        if self.verdict() == Verdict::Passed && *when == Diagnose::NotPassed {
            return (None, None);
        }
        let observed = std::mem::take(&mut self.observed);
        let cluster = Arc::clone(&self.cluster);
        let diagnosing = diagnosis::diagnose(self.plan, cluster.as_ref(), observed, when);
        let (findings, unread, dossier) = match unpanicked(diagnosing).await {
            Ok(Diagnosed { dossier, findings }) => {
                (findings, dossier.unread.clone(), Some(Box::new(dossier)))
            }
            Err(panic) => (Vec::new(), vec![diagnosis::hidden_by(panic)], None),
        };
        let trial = self.plan.name.clone();
        self.emitter.emit(Event::Diagnosed { trial, findings: findings.clone(), unread });
        (Some(findings), dossier)
    }

    /// A trial in which nothing was checked proves nothing.
    fn verdict(&self) -> Verdict {
        match self.verdict {
            Verdict::Skipped => Verdict::Inconclusive,
            decided => decided,
        }
    }
}
