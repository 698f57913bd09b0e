//! One cluster's life: up, trials, evidence of what did not pass, gone or handed over.
//!
//! Whatever happens in between (a failure, a panic, an interrupt), the end comes: evidence first,
//! then removal, each in bounded time. What could not be removed is in the journal, and said.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use gateproof_core::cluster::ProviderKind;
use gateproof_core::dossier::Dossier;
use gateproof_core::event::Event;
use gateproof_core::expectation::{Counted, Expected};
use gateproof_core::name::{ClusterName, TrialName};
use gateproof_core::plan::{ClusterPlan, TrialPlan};
use gateproof_core::redaction;
use gateproof_core::verdict::Verdict;
use gateproof_kubernetes::{Cluster, Provider, ProviderError, Remains, Surroundings, wait};

use crate::cause::{unpanicked, with_causes};
use crate::dispatcher::Emitter;
use crate::interrupt::Interrupt;
use crate::process;
use crate::run::{Keep, Options};
use crate::trial::{self, Concluded};
use crate::witness::ActionWitness;

/// One cluster of a run.
pub(crate) struct Life<'a> {
    pub(crate) plan: &'a ClusterPlan,
    pub(crate) options: &'a Options,
    /// When all trials together must be decided.
    pub(crate) deadline: Option<Instant>,
    pub(crate) provider: &'a dyn Provider,
    pub(crate) emitter: Emitter,
    pub(crate) interrupt: &'a Interrupt,
}

impl Life<'_> {
    /// Lives it to its end.
    pub(crate) async fn run(self) {
        if let Some(cause) = self.interrupt.cause() {
            self.give_up(&self.plan.trials, Verdict::Skipped, &format!("not started: {cause}"));
            return;
        }
        if self.need_no_cluster() {
            return;
        }
        let Some(cluster) = self.bring_up().await else { return };
        let mut gravest = Verdict::Skipped;
        for (position, trial) in self.plan.trials.iter().enumerate() {
            if let Some(cause) = self.interrupt.cause() {
                let left = &self.plan.trials[position..];
                self.give_up(left, Verdict::Skipped, &format!("not started: {cause}"));
                break;
            }
            if self.deadline.is_some_and(|deadline| Instant::now() >= deadline) {
                let left = &self.plan.trials[position..];
                let reason = format!("not begun: {}", self.too_late());
                self.give_up(left, Verdict::Inconclusive, &reason);
                break;
            }
            let Concluded { verdict, dossier, .. } =
                Box::pin(self.run_trial(&cluster, trial)).await;
            if matches!(verdict, Verdict::Failed | Verdict::Inconclusive) {
                self.collect_evidence(cluster.as_ref(), position, &trial.name, dossier).await;
            }
            gravest = gravest.max(verdict);
        }
        if matches!(gravest, Verdict::Passed | Verdict::Skipped) {
            self.forget_evidence(cluster.name());
        }
        if !self.keeps(gravest) {
            self.take_away(cluster.as_ref(), None).await;
        } else if let Err(problem) = self.hand_over(cluster.as_ref()).await {
            self.take_away(cluster.as_ref(), Some(problem)).await;
        }
    }

    /// Decides the trials if none of them needs a cluster; each trial has a cluster of its own.
    fn need_no_cluster(&self) -> bool {
        let decided: Option<Vec<(Verdict, String)>> =
            self.plan.trials.iter().map(|trial| self.without_cluster(trial)).collect();
        for (trial, (verdict, reason)) in self.plan.trials.iter().zip(decided.iter().flatten()) {
            self.give_up(std::slice::from_ref(trial), *verdict, reason);
        }
        decided.is_some()
    }

    /// What a trial is decided as that needs no cluster: because it is refused, as it is expected
    /// to be, or because this provider's clusters have no faults.
    fn without_cluster(&self, trial: &TrialPlan) -> Option<(Verdict, String)> {
        if let Some(expected @ Expected::Refusal { .. }) = &trial.expect {
            let Counted { verdict, reason } = expected.count(Verdict::Skipped, None);
            return Some((verdict, reason));
        }
        let provider = self.provider.kind();
        (provider != ProviderKind::Embedded && !trial.faults.is_empty()).then(|| {
            let why = format!("its faults are the embedded cluster's, and this one is {provider}");
            (Verdict::Skipped, why)
        })
    }

    async fn bring_up(&self) -> Option<Arc<dyn Cluster>> {
        let name = &self.plan.name;
        let started = Instant::now();
        self.emitter.emit(Event::ClusterStarted {
            cluster: name.clone(),
            nodes: self.plan.topology.nodes.len(),
        });
        let surroundings = self.surroundings();
        let provisioned = tokio::select! {
            provisioned = unpanicked(self.provider.provision(self.plan, &surroundings)) => match provisioned {
                Ok(provisioned) => provisioned.map_err(|error| with_causes(&error)),
                Err(panic) => Err(panic),
            },
            () = self.interrupt.triggered() => {
                let cause = self.interrupt.cause().unwrap_or("interrupted");
                Err(format!("{cause} while the cluster was coming up"))
            }
        };
        match provisioned {
            Ok(cluster) => {
                self.emitter.emit(Event::ClusterReady {
                    cluster: name.clone(),
                    nodes: cluster.nodes(),
                    took: started.elapsed(),
                });
                Some(cluster)
            }
            Err(reason) => {
                let evidence = self.abandon(&surroundings).await;
                let evidence = evidence.map(|it| format!("\nevidence: {}", it.display()));
                self.cluster_failed(&(reason + &evidence.unwrap_or_default()));
                None
            }
        }
    }

    fn surroundings(&self) -> Surroundings {
        Surroundings {
            run: self.options.run.clone(),
            owner: process::owner(),
            witness: Arc::new(ActionWitness {
                cluster: self.plan.name.clone(),
                emitter: self.emitter.clone(),
            }),
            ledger: Arc::clone(&self.options.ledger),
            evidence: self.options.evidence.clone(),
        }
    }

    /// Where a cluster's evidence goes.
    fn evidence_folder(&self, cluster: &ClusterName) -> PathBuf {
        self.options.evidence.join(cluster.as_str())
    }

    /// What the provider put away in advance is of no use when nothing failed.
    fn forget_evidence(&self, cluster: &ClusterName) {
        let folder = self.evidence_folder(cluster);
        if !folder.is_dir() {
            return;
        }
        // The run's folder goes with the last of its clusters.
        let gone = std::fs::remove_dir_all(&folder).and_then(|()| {
            match std::fs::remove_dir(&self.options.evidence) {
                Err(error) if error.kind() != ErrorKind::DirectoryNotEmpty => Err(error),
                _ => Ok(()),
            }
        });
        if let Err(error) = gone {
            tracing::warn!(%error, folder = %folder.display(), "evidence of what passed stays");
        }
    }

    /// Puts away and removes what there is of a cluster that did not come up, and says where its
    /// evidence is, when there is any.
    async fn abandon(&self, surroundings: &Surroundings) -> Option<PathBuf> {
        let limits = self.provider.limits();
        let limit = limits.evidence + limits.removal;
        let remains = match self.options.keep {
            Keep::Always => Remains::Keep,
            Keep::OnFailure | Keep::Never => Remains::Remove,
        };
        let folder = self.evidence_folder(&self.plan.name);
        let abandoned = self.provider.abandon(self.plan, surroundings, remains);
        let (files, problem) = match bounded(limit, abandoned).await {
            Ok(files) => (files, None),
            Err(problem) => (files_below(&folder), Some(problem)),
        };
        if files.is_empty() && problem.is_none() {
            return None;
        }
        self.evidence_collected(None, &folder, files.len(), None);
        let cluster = self.plan.name.clone();
        self.emitter.emit(match (problem, remains) {
            (None, Remains::Keep) => Event::ClusterKept { cluster },
            (problem, _) => Event::ClusterRemoved { cluster, problem },
        });
        (!files.is_empty()).then_some(folder)
    }

    fn cluster_failed(&self, reason: &str) {
        self.emitter.emit(Event::ClusterFailed {
            cluster: self.plan.name.clone(),
            reason: reason.to_owned(),
        });
        let reason = format!("cluster {} did not come up: {reason}", self.plan.name);
        self.give_up(&self.plan.trials, Verdict::Inconclusive, &reason);
    }

    /// Decides trials that do not get to run.
    fn give_up(&self, trials: &[TrialPlan], verdict: Verdict, reason: &str) {
        for trial in trials {
            self.emitter.emit(Event::TrialFinished {
                trial: trial.name.clone(),
                verdict,
                reason: Some(reason.to_owned()),
                took: Duration::ZERO,
            });
        }
    }

    async fn run_trial(&self, cluster: &Arc<dyn Cluster>, plan: &TrialPlan) -> Concluded {
        let started = Instant::now();
        self.emitter.emit(Event::TrialStarted {
            trial: plan.name.clone(),
            cluster: self.plan.name.clone(),
            subject: cluster.subject(),
        });
        let trial = trial::run(plan, Arc::clone(cluster), self.options, self.emitter.clone());
        // A panic is the harness's own fault: inconclusive, said aloud, and the run goes on.
        let open = |reason: String| Concluded {
            verdict: Verdict::Inconclusive,
            reason: Some(reason),
            dossier: None,
        };
        let concluded = tokio::select! {
            done = unpanicked(trial) => done.unwrap_or_else(open),
            () = self.interrupt.triggered() => {
                let cause = self.interrupt.cause().unwrap_or("unknown cause");
                open(format!("interrupted by {cause}"))
            }
            () = self.deadline_passed() => {
                open(format!("not decided: {}", self.too_late()))
            }
        };
        self.emitter.emit(Event::TrialFinished {
            trial: plan.name.clone(),
            verdict: concluded.verdict,
            reason: concluded.reason.clone(),
            took: started.elapsed(),
        });
        concluded
    }

    /// Waits until the trials had their time; for ever when nobody limits it.
    async fn deadline_passed(&self) {
        match self.deadline {
            Some(deadline) => wait::pause_until(deadline.into()).await,
            None => std::future::pending().await,
        }
    }

    fn too_late(&self) -> String {
        let within = self.options.within.unwrap_or_default().as_secs();
        format!("the {within} s for all trials together were over")
    }

    /// Puts away what helps to understand a trial that did not pass; what its diagnosis rests on
    /// goes beside the provider's evidence. Of several trials of a cluster each has a folder of its
    /// own.
    async fn collect_evidence(
        &self,
        cluster: &dyn Cluster,
        position: usize,
        trial: &TrialName,
        dossier: Option<Box<Dossier>>,
    ) {
        let mut folder = self.evidence_folder(cluster.name());
        if self.plan.trials.len() > 1 {
            folder.push(format!("trial-{}", position + 1));
        }
        let limit = self.provider.limits().evidence;
        match bounded(limit, cluster.collect_evidence(&folder)).await {
            Ok(files) if files.is_empty() => {}
            Ok(mut files) => {
                let written = dossier.map(|dossier| write_dossier(&folder, &dossier)).transpose();
                let problem = written.map(|file| files.extend(file)).err();
                self.evidence_collected(Some(trial), &folder, files.len(), problem);
            }
            Err(problem) => {
                let files = files_below(&folder).len();
                self.evidence_collected(Some(trial), &folder, files, Some(problem));
            }
        }
    }

    fn evidence_collected(
        &self,
        trial: Option<&TrialName>,
        folder: &Path,
        files: usize,
        problem: Option<String>,
    ) {
        if files == 0 && problem.is_none() {
            return;
        }
        self.emitter.emit(Event::EvidenceCollected {
            cluster: self.plan.name.clone(),
            trial: trial.cloned(),
            folder: folder.display().to_string(),
            files,
            problem,
        });
    }

    fn keeps(&self, gravest: Verdict) -> bool {
        match self.options.keep {
            Keep::Always => true,
            Keep::OnFailure => {
                let failed = matches!(gravest, Verdict::Failed | Verdict::Inconclusive);
                failed && self.interrupt.cause().is_none()
            }
            Keep::Never => false,
        }
    }

    /// Hands the cluster over to the user.
    async fn hand_over(&self, cluster: &dyn Cluster) -> Result<(), String> {
        bounded(self.provider.limits().removal, cluster.keep())
            .await
            .map_err(|problem| format!("could not be kept: {problem}"))?;
        self.emitter.emit(Event::ClusterKept { cluster: self.plan.name.clone() });
        Ok(())
    }

    async fn take_away(&self, cluster: &dyn Cluster, problem: Option<String>) {
        let gone = bounded(self.provider.limits().removal, cluster.teardown()).await;
        let problems: Vec<String> = problem.into_iter().chain(gone.err()).collect();
        let problem = (!problems.is_empty()).then(|| problems.join("; "));
        self.emitter.emit(Event::ClusterRemoved { cluster: self.plan.name.clone(), problem });
    }
}

/// What comes of a provider's work within a limit, or what went wrong, for a human.
async fn bounded<T>(
    limit: Duration,
    work: impl Future<Output = Result<T, ProviderError>>,
) -> Result<T, String> {
    match tokio::time::timeout(limit, unpanicked(work)).await {
        Ok(Ok(Ok(done))) => Ok(done),
        Ok(Ok(Err(error))) => Err(with_causes(&error)),
        Ok(Err(panic)) => Err(panic),
        Err(_) => Err(format!("not done after {} s", limit.as_secs())),
    }
}

/// Writes down what a diagnosis rests on. What was collected has been redacted; what probes saw, such
/// as header fields, is here.
fn write_dossier(folder: &Path, dossier: &Dossier) -> Result<PathBuf, String> {
    let file = folder.join("dossier.json");
    let mut told = serde_json::to_value(dossier).map_err(|error| error.to_string())?;
    redaction::told(&mut told);
    let text = serde_json::to_string_pretty(&told).map_err(|error| error.to_string())?;
    std::fs::write(&file, text).map_err(|error| format!("{}: {error}", file.display()))?;
    Ok(file)
}

/// The files below a folder; none when it cannot be read, which is the same to whoever wants to
/// look into it.
pub(crate) fn files_below(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let paths = entries.flatten().map(|entry| entry.path());
    paths.flat_map(|path| if path.is_dir() { files_below(&path) } else { vec![path] }).collect()
}

#[cfg(test)]
mod tests {
    use gateproof_core::dossier::{Component, Dossier, LogLine};
    use serde_json::Value;

    use super::write_dossier;

    #[test]
    fn no_planted_secret_is_in_the_evidence_of_a_diagnosis() {
        let corpus = include_str!("../../../tests/secrets/corpus.json");
        let corpus: Value = serde_json::from_str(corpus).expect("JSON");
        let folder = tempfile::tempdir().expect("a folder");
        for planted in corpus["texts"].as_array().expect("texts") {
            let line = LogLine {
                component: Component::CiliumAgent,
                node: None,
                source: "cilium-abcde".to_owned(),
                at: None,
                text: planted["text"].as_str().expect("text").to_owned(),
            };
            let dossier = Dossier { logs: vec![line], ..Dossier::default() };
            let file = write_dossier(folder.path(), &dossier).expect("written");
            let written = std::fs::read_to_string(file).expect("a file");
            for secret in planted["secrets"].as_array().expect("secrets") {
                assert!(!written.contains(secret.as_str().expect("text")), "{written}");
            }
        }
    }
}
