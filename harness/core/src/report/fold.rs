//! Folding an event log into a report, record by record or at once.
//!
//! The fold refuses a log that cannot be what happened: gaps, a second start, events of trials
//! that were not planned or are already decided. It does not repair anything.

use crate::event::{Event, FORMAT, Record};
use crate::name::{ClusterName, TrialName};
use crate::report::{
    BringUp, ClusterReport, Diagnosis, EvidenceReport, LogState, Removal, RunReport, Stage,
    TrialReport, trial,
};

/// Why a log cannot be folded. Lines count from 1, one record a line.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FoldError {
    /// Nothing to fold.
    #[error("the log holds no event; expected `runStarted` on line 1")]
    Empty,
    /// Something else came first.
    #[error("line 1 of the log is `{found}`; expected `runStarted`: is its beginning cut off?")]
    NoStart {
        /// The event's name.
        found: &'static str,
    },
    /// A format this version does not read.
    #[error("the log has format {found}; this version reads format {FORMAT}")]
    Format {
        /// The format of the log.
        found: u32,
    },
    /// A gap, a repetition or a wrong order.
    #[error(
        "line {line} of the log has sequence {found}; expected {expected}: \
         records are missing, repeated or out of order"
    )]
    Sequence {
        /// The line.
        line: u64,
        /// What it has.
        found: u64,
        /// What it should have.
        expected: u64,
    },
    /// An event where it cannot be.
    #[error("line {line} of the log: `{event}` {problem}")]
    Misplaced {
        /// The line.
        line: u64,
        /// The event's name.
        event: &'static str,
        /// What is wrong with it.
        problem: String,
    },
}

impl RunReport {
    /// Folds a whole log. A log that ends early folds too: its undecided trials are inconclusive,
    /// with what had not happened yet as the reason.
    pub fn fold<'a>(records: impl IntoIterator<Item = &'a Record>) -> Result<Self, FoldError> {
        let mut records = records.into_iter();
        let mut report = Self::begin(records.next().ok_or(FoldError::Empty)?)?;
        for record in records {
            report.apply(record)?;
        }
        report.close();
        Ok(report)
    }

    /// Starts a report with the first record, which must be `runStarted`.
    pub fn begin(first: &Record) -> Result<Self, FoldError> {
        let Event::RunStarted { format, run, gateproof, started, provider, shard, trials } =
            &first.event
        else {
            return Err(FoldError::NoStart { found: name(&first.event) });
        };
        if first.sequence != 0 {
            return Err(FoldError::Sequence { line: 1, found: first.sequence, expected: 0 });
        }
        if *format != FORMAT {
            return Err(FoldError::Format { found: *format });
        }
        for (index, trial) in trials.iter().enumerate() {
            if trials[..index].iter().any(|earlier| earlier.trial == trial.trial) {
                let problem = format!("lists trial `{}` twice", trial.trial);
                return Err(FoldError::Misplaced { line: 1, event: "runStarted", problem });
            }
        }
        Ok(Self {
            run: run.clone(),
            gateproof: gateproof.clone(),
            started: started.clone(),
            provider: *provider,
            shard: *shard,
            clusters: Vec::new(),
            trials: trials.iter().map(trial::TrialReport::planned).collect(),
            interrupted: None,
            took: first.at,
            log: LogState::Open,
            next: 1,
        })
    }

    /// Takes in the next record. After an error the report is as it was before the record.
    pub fn apply(&mut self, record: &Record) -> Result<(), FoldError> {
        let line = self.next + 1;
        if record.sequence != self.next {
            return Err(FoldError::Sequence { line, found: record.sequence, expected: self.next });
        }
        if self.log != LogState::Open {
            return Err(misplaced(
                line,
                &record.event,
                "comes after the end of the log".to_owned(),
            ));
        }
        match &record.event {
            Event::RunStarted { .. } => {
                return Err(misplaced(line, &record.event, "comes a second time".to_owned()));
            }
            Event::ClusterStarted { .. }
            | Event::ActionStarted { .. }
            | Event::ActionAwaiting { .. }
            | Event::ActionWarned { .. }
            | Event::ActionFinished { .. }
            | Event::ClusterReady { .. }
            | Event::ClusterFailed { .. }
            | Event::EvidenceCollected { .. }
            | Event::ClusterKept { .. }
            | Event::ClusterRemoved { .. } => self.apply_to_cluster(&record.event),
            Event::TrialStarted { .. }
            | Event::StepStarted { .. }
            | Event::Awaiting { .. }
            | Event::StepFinished { .. }
            | Event::CheckFinished { .. }
            | Event::Diagnosed { .. }
            | Event::TrialFinished { .. } => self.apply_to_trial(line, record)?,
            Event::Interrupted { cause } => {
                self.interrupted.get_or_insert_with(|| cause.clone());
            }
            Event::RunFinished { .. } => {}
        }
        self.next += 1;
        self.took = self.took.max(record.at);
        if let Event::RunFinished { took } = &record.event {
            self.took = *took;
            self.end(LogState::Whole);
        }
        Ok(())
    }

    /// Says that no record follows. Without `runFinished` the log counts as truncated.
    pub fn close(&mut self) {
        if self.log == LogState::Open {
            self.end(LogState::Truncated);
        }
    }

    /// Says that the log could not be followed any further, and why.
    pub fn break_off(&mut self, error: &FoldError) {
        if self.log == LogState::Open {
            self.end(LogState::Broken { reason: error.to_string() });
        }
    }

    fn apply_to_cluster(&mut self, event: &Event) {
        match event {
            Event::ClusterStarted { cluster, .. } => {
                self.cluster_entry(cluster).bring_up = BringUp::Running;
            }
            Event::ClusterReady { cluster, nodes, took } => {
                let entry = self.cluster_entry(cluster);
                entry.nodes.clone_from(nodes);
                entry.bring_up = BringUp::Ready { took: *took };
            }
            Event::ClusterFailed { cluster, reason } => {
                self.cluster_entry(cluster).bring_up = BringUp::Failed { reason: reason.clone() };
            }
            Event::ActionStarted { cluster, action, node } => {
                self.cluster_entry(cluster).start_action(action, node.as_deref());
            }
            Event::ActionAwaiting { cluster, action, node, missing } => {
                self.cluster_entry(cluster).action(action, node.as_deref()).awaiting =
                    Some(missing.clone());
            }
            Event::ActionWarned { cluster, action, node, warning } => {
                let action = self.cluster_entry(cluster).action(action, node.as_deref());
                action.warnings.push(warning.clone());
            }
            Event::ActionFinished { cluster, action, node, problem, took } => {
                let action = self.cluster_entry(cluster).action(action, node.as_deref());
                action.took = Some(*took);
                action.problem.clone_from(problem);
                action.awaiting = None;
            }
            Event::EvidenceCollected { cluster, trial, folder, files, problem } => {
                let (trial, folder, problem) = (trial.clone(), folder.clone(), problem.clone());
                let evidence = EvidenceReport { trial, folder, files: *files, problem };
                self.cluster_entry(cluster).evidence.push(evidence);
            }
            Event::ClusterKept { cluster } => {
                self.cluster_entry(cluster).removal = Some(Removal::Kept);
            }
            Event::ClusterRemoved { cluster, problem } => {
                let problem = problem.clone();
                self.cluster_entry(cluster).removal = Some(Removal::Removed { problem });
            }
            _ => {}
        }
    }

    fn cluster_entry(&mut self, name: &ClusterName) -> &mut ClusterReport {
        let index = self.clusters.iter().position(|cluster| cluster.name == *name);
        let index = index.unwrap_or_else(|| {
            self.clusters.push(ClusterReport::named(name));
            self.clusters.len() - 1
        });
        &mut self.clusters[index]
    }

    fn apply_to_trial(&mut self, line: u64, record: &Record) -> Result<(), FoldError> {
        let at = record.at;
        match &record.event {
            Event::TrialStarted { trial, cluster, subject } => {
                let entry = self.trial_in(Stage::Planned, line, trial, &record.event)?;
                entry.summary.cluster = cluster.clone();
                entry.start(at, subject);
            }
            Event::StepStarted { trial, step } => {
                self.trial_in(Stage::Running, line, trial, &record.event)?.start_step(at, step);
            }
            Event::Awaiting { trial, step, missing } => {
                let entry = self.trial_in(Stage::Running, line, trial, &record.event)?;
                entry.await_step(at, step, missing);
            }
            Event::StepFinished { trial, step, failures, took } => {
                let entry = self.trial_in(Stage::Running, line, trial, &record.event)?;
                entry.finish_step(at, step, failures, *took);
            }
            Event::CheckFinished { trial, result } => {
                self.trial_in(Stage::Running, line, trial, &record.event)?.finish_check(result);
            }
            Event::Diagnosed { trial, findings, unread } => {
                let entry = self.trial_in(Stage::Running, line, trial, &record.event)?;
                entry.diagnosis =
                    Some(Diagnosis { findings: findings.clone(), unread: unread.clone() });
            }
            Event::TrialFinished { trial, verdict, reason, took } => {
                // A trial may be decided without having started, when its cluster failed.
                let stage = match self.trial(trial) {
                    Some(TrialReport { stage: Stage::Planned, .. }) => Stage::Planned,
                    _ => Stage::Running,
                };
                let entry = self.trial_in(stage, line, trial, &record.event)?;
                entry.finish(*verdict, reason.as_deref(), *took);
            }
            _ => {}
        }
        Ok(())
    }

    /// The trial of an event, which must be at this stage.
    fn trial_in(
        &mut self,
        stage: Stage,
        line: u64,
        name: &TrialName,
        event: &Event,
    ) -> Result<&mut TrialReport, FoldError> {
        let index = self.trials.iter().position(|trial| trial.summary.trial == *name);
        let problem = match index.map(|index| self.trials[index].stage) {
            None => format!("names trial `{name}`, which `runStarted` does not list"),
            Some(found) if found == stage => {
                return Ok(&mut self.trials[index.expect("the trial was just found")]);
            }
            Some(Stage::Planned) => format!("comes before `trialStarted` of `{name}`"),
            Some(Stage::Running) => format!("comes a second time for `{name}`"),
            Some(Stage::Finished) => format!("comes after `trialFinished` of `{name}`"),
        };
        Err(misplaced(line, event, problem))
    }

    /// Ends the report and every trial that is still undecided.
    fn end(&mut self, state: LogState) {
        let stopped = match (&self.interrupted, &state) {
            (Some(cause), _) => format!("interrupted ({cause})"),
            (None, LogState::Broken { reason }) => {
                format!("the log could not be followed ({reason})")
            }
            (None, LogState::Truncated | LogState::Open) => "the log ends".to_owned(),
            (None, LogState::Whole) => "the run ended".to_owned(),
        };
        self.log = state;
        let clusters = &self.clusters;
        for trial in self.trials.iter_mut().filter(|trial| trial.stage != Stage::Finished) {
            let cluster = clusters.iter().find(|cluster| cluster.name == trial.summary.cluster);
            let reason = match cluster {
                Some(ClusterReport { name, bring_up: BringUp::Failed { reason }, .. }) => {
                    format!("cluster `{name}` could not be brought up: {reason}")
                }
                _ => format!("{stopped} before {}", trial.unfinished_business()),
            };
            trial.abandon(reason);
        }
    }
}

fn misplaced(line: u64, event: &Event, problem: String) -> FoldError {
    FoldError::Misplaced { line, event: name(event), problem }
}

/// An event's name as the log has it.
fn name(event: &Event) -> &'static str {
    match event {
        Event::RunStarted { .. } => "runStarted",
        Event::ClusterStarted { .. } => "clusterStarted",
        Event::ActionStarted { .. } => "actionStarted",
        Event::ActionAwaiting { .. } => "actionAwaiting",
        Event::ActionWarned { .. } => "actionWarned",
        Event::ActionFinished { .. } => "actionFinished",
        Event::ClusterReady { .. } => "clusterReady",
        Event::ClusterFailed { .. } => "clusterFailed",
        Event::TrialStarted { .. } => "trialStarted",
        Event::StepStarted { .. } => "stepStarted",
        Event::Awaiting { .. } => "awaiting",
        Event::StepFinished { .. } => "stepFinished",
        Event::CheckFinished { .. } => "checkFinished",
        Event::Diagnosed { .. } => "diagnosed",
        Event::TrialFinished { .. } => "trialFinished",
        Event::EvidenceCollected { .. } => "evidenceCollected",
        Event::ClusterKept { .. } => "clusterKept",
        Event::ClusterRemoved { .. } => "clusterRemoved",
        Event::Interrupted { .. } => "interrupted",
        Event::RunFinished { .. } => "runFinished",
    }
}
