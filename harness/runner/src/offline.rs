//! A run without a cluster: the claims that a dossier alone decides.
//!
//! Objects are judged as they were dumped; whatever needs a socket stays open. So the best verdict
//! is inconclusive, and the worst is failed: a folder never passes.

use std::time::{Duration, Instant};

use gateproof_core::cluster::{ProviderKind, Subject};
use gateproof_core::dossier::{Dossier, text};
use gateproof_core::event::{CheckResult, Event, Evidence, FORMAT, Record};
use gateproof_core::finding::examine;
use gateproof_core::judge;
use gateproof_core::plan::{Plan, TrialPlan};
use gateproof_core::scenario::{Action, Check, Claim, ExposureClaim, ExposureExpectation};
use gateproof_core::verdict::{Judgement, Verdict};
use serde_json::Value;

use crate::dispatcher::{self, Emitter};
use crate::step::undecided;
use crate::{check, clock};

/// The API group of Gateways and routes.
const GROUP: &str = "gateway.networking.k8s.io";

/// Judges a plan by a dossier and passes every event to `sink`, in order.
pub async fn run(plan: &Plan, dossier: &Dossier, run: &str, sink: impl FnMut(&Record)) {
    let (emitter, dispatcher) = dispatcher::channel();
    let conduct = async move { conduct(plan, dossier, run, &emitter) };
    tokio::join!(conduct, dispatcher.run(sink));
}

fn conduct(plan: &Plan, dossier: &Dossier, run: &str, emitter: &Emitter) {
    let started = Instant::now();
    emitter.emit(Event::RunStarted {
        format: FORMAT,
        run: run.to_owned(),
        gateproof: env!("CARGO_PKG_VERSION").to_owned(),
        started: clock::now_rfc3339(),
        provider: ProviderKind::Existing,
        shard: None,
        trials: crate::run::summaries(plan),
    });
    for cluster in &plan.clusters {
        let name = cluster.name.clone();
        let nodes = cluster.topology.nodes.len();
        emitter.emit(Event::ClusterStarted { cluster: name.clone(), nodes });
        let took = started.elapsed();
        let nodes = dossier.nodes.clone();
        emitter.emit(Event::ClusterReady { cluster: name.clone(), nodes, took });
        for trial in &cluster.trials {
            let began = Instant::now();
            let (trial_name, cluster) = (trial.name.clone(), name.clone());
            let subject = subject(trial, dossier);
            emitter.emit(Event::TrialStarted { trial: trial_name.clone(), cluster, subject });
            let verdict = judge_trial(trial, dossier, emitter);
            emitter.emit(Event::TrialFinished {
                trial: trial_name,
                verdict,
                reason: None,
                took: began.elapsed(),
            });
        }
        emitter.emit(Event::ClusterRemoved { cluster: name, problem: None });
    }
    emitter.emit(Event::RunFinished { took: started.elapsed() });
}

fn subject(trial: &TrialPlan, dossier: &Dossier) -> Subject {
    let images = dossier.list("", "Node").filter_map(|node| text(node, "/status/nodeInfo/osImage"));
    Subject::installed(&trial.cilium, images)
}

fn judge_trial(trial: &TrialPlan, dossier: &Dossier, emitter: &Emitter) -> Verdict {
    let mut dossier = dossier.clone();
    let mut gravest = Verdict::Inconclusive;
    for step in &trial.definition.steps {
        let Action::Check(check) = &step.action else { continue };
        let started = Instant::now();
        let step = check.name.clone();
        emitter.emit(Event::StepStarted { trial: trial.name.clone(), step });
        let judgement = judged(&check.claim, &dossier);
        let result = result(check, judgement, started.elapsed());
        gravest = gravest.max(result.verdict);
        dossier.checks.push(result.clone());
        let result = Box::new(result);
        emitter.emit(Event::CheckFinished { trial: trial.name.clone(), result });
    }
    emitter.emit(Event::Diagnosed {
        trial: trial.name.clone(),
        findings: examine(&dossier),
        unread: dossier.unread.clone(),
    });
    gravest
}

fn judged(claim: &Claim, dossier: &Dossier) -> Judgement {
    match claim {
        Claim::Gateway(claim) => {
            let name = &claim.gateway;
            judge::gateway(claim, dossier.get(GROUP, "Gateway", Some(&name.namespace), &name.name))
        }
        Claim::Routes(claim) => {
            let routes: Vec<Value> = dossier
                .objects
                .iter()
                .filter(|object| {
                    let group = text(object, "/apiVersion").unwrap_or_default().split_once('/');
                    let kind = text(object, "/kind").unwrap_or_default();
                    group.is_some_and(|(group, _)| group == GROUP) && kind.ends_with("Route")
                })
                .cloned()
                .collect();
            judge::routes(claim, &routes)
        }
        Claim::Exposure(ExposureClaim { expect: ExposureExpectation::Unknowable(why), .. }) => {
            open(why)
        }
        _ => open("a folder answers no question that is put to a socket"),
    }
}

fn open(why: &str) -> Judgement {
    Judgement { failures: vec![undecided("what traffic does is known", why)] }
}

fn result(check: &Check, judgement: Judgement, took: Duration) -> CheckResult {
    CheckResult {
        check: check.name.clone(),
        kind: check::kind(&check.claim).to_owned(),
        claim: judge::claim_text(&check.claim),
        origin: check.origin.clone(),
        verdict: judgement.verdict(),
        failures: judgement.failures,
        took,
        evidence: Evidence::default(),
    }
}
