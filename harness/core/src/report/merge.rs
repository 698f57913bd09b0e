//! Joining the logs of several runs, the shards of one plan, into one log.
//!
//! The runs are laid side by side: every record keeps its time since the start of its own run,
//! because clocks of different machines cannot be compared. Trials keep the order of the logs.
//! A shard that is missing is an error, for otherwise four fifths of a plan would pass for all.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::event::{Event, FORMAT, Record, Shard, TrialSummary};
use crate::name::ClusterName;
use crate::report::{FoldError, RunReport};

/// Why logs cannot be joined. Logs count from 1, in the order given.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MergeError {
    /// Nothing to join.
    #[error("join no logs; give at least one")]
    NoLogs,
    /// One of them is no sound log.
    #[error("read log {log}")]
    Log {
        /// Which.
        log: usize,
        /// What is wrong with it.
        #[source]
        source: FoldError,
    },
    /// They are not parts of one run.
    #[error("join log {log}: its {what} is {found}, that of log 1 is {expected}")]
    Differs {
        /// Which.
        log: usize,
        /// What differs.
        what: &'static str,
        /// What it has.
        found: String,
        /// What log 1 has.
        expected: String,
    },
    /// A trial is in two of them.
    #[error(
        "join log {log}: log {earlier} holds trial `{trial}` already; was the same log given twice?"
    )]
    Repeated {
        /// Which.
        log: usize,
        /// Where the trial was first.
        earlier: usize,
        /// The trial.
        trial: String,
    },
    /// The same part of the plan is in two of them.
    #[error("join log {log}: shard {shard} is there already; was the same log given twice?")]
    RepeatedShard {
        /// Which.
        log: usize,
        /// The shard.
        shard: String,
    },
    /// A part of the plan is in none of them.
    #[error("join the shards of a plan: {} missing; give the logs of all {count} shards", list(.missing, *.count))]
    MissingShards {
        /// Their indices, from 1.
        missing: Vec<u32>,
        /// How many there are.
        count: u32,
    },
}

fn list(missing: &[u32], count: u32) -> String {
    let names: Vec<_> = missing.iter().map(|index| format!("{index}/{count}")).collect();
    let verb = if names.len() == 1 { "is" } else { "are" };
    format!("{} {verb}", names.join(", "))
}

/// Joins logs into one that folds into one report. If one of them ends early, so does the whole.
pub fn merge(logs: Vec<Vec<Record>>) -> Result<Vec<Record>, MergeError> {
    let reports = logs
        .iter()
        .enumerate()
        .map(|(index, log)| {
            RunReport::fold(log).map_err(|source| MergeError::Log { log: index + 1, source })
        })
        .collect::<Result<Vec<_>, _>>()?;
    let first = reports.first().ok_or(MergeError::NoLogs)?;
    check_alike(first, &reports)?;
    check_shards(first, &reports)?;
    check_trials(&reports)?;

    let mut clusters = BTreeSet::new();
    let mut trials = Vec::new();
    let mut events = Vec::new();
    let mut finished = Some(Duration::ZERO);
    for (index, log) in logs.into_iter().enumerate() {
        let names = Renaming::of(&log, index, &mut clusters);
        let mut end = None;
        for mut record in log {
            names.apply(&mut record.event);
            match record.event {
                Event::RunStarted { trials: planned, .. } => trials.extend(planned),
                Event::RunFinished { took } => end = Some(took),
                event => events.push((record.at, event)),
            }
        }
        finished = finished.zip(end).map(|(latest, end)| latest.max(end));
    }
    events.sort_by_key(|(at, _)| *at);

    let start = (Duration::ZERO, joint_start(&reports, trials));
    let end = finished.map(|took| {
        let latest = events.last().map_or(took, |(at, _)| took.max(*at));
        (latest, Event::RunFinished { took })
    });
    let all = std::iter::once(start).chain(events).chain(end);
    Ok(all.zip(0..).map(|((at, event), sequence)| Record { sequence, at, event }).collect())
}

fn joint_start(reports: &[RunReport], trials: Vec<TrialSummary>) -> Event {
    let runs: Vec<_> = reports.iter().map(|report| report.run.as_str()).collect();
    let started = reports.iter().map(|report| report.started.as_str()).min();
    Event::RunStarted {
        format: FORMAT,
        run: runs.join("+"),
        gateproof: reports[0].gateproof.clone(),
        started: started.unwrap_or_default().to_owned(),
        provider: reports[0].provider,
        shard: None,
        trials,
    }
}

fn check_alike(first: &RunReport, reports: &[RunReport]) -> Result<(), MergeError> {
    let count = |shard: Option<Shard>| match shard {
        Some(shard) => shard.count.to_string(),
        None => "none, for it is no shard".to_owned(),
    };
    for (index, report) in reports.iter().enumerate() {
        let facts = [
            ("provider", report.provider.to_string(), first.provider.to_string()),
            ("Gateproof version", report.gateproof.clone(), first.gateproof.clone()),
            ("number of shards", count(report.shard), count(first.shard)),
        ];
        for (what, found, expected) in facts {
            if found != expected {
                return Err(MergeError::Differs { log: index + 1, what, found, expected });
            }
        }
    }
    Ok(())
}

fn check_shards(first: &RunReport, reports: &[RunReport]) -> Result<(), MergeError> {
    let Some(Shard { count, .. }) = first.shard else { return Ok(()) };
    let mut present = BTreeSet::new();
    for (index, report) in reports.iter().enumerate() {
        if let Some(shard) = report.shard
            && !present.insert(shard.index)
        {
            let shard = shard.to_string();
            return Err(MergeError::RepeatedShard { log: index + 1, shard });
        }
    }
    let missing: Vec<_> = (1..=count).filter(|index| !present.contains(index)).collect();
    if missing.is_empty() { Ok(()) } else { Err(MergeError::MissingShards { missing, count }) }
}

fn check_trials(reports: &[RunReport]) -> Result<(), MergeError> {
    for (index, report) in reports.iter().enumerate() {
        for trial in &report.trials {
            let holds = |earlier: &RunReport| earlier.trial(&trial.summary.trial).is_some();
            if let Some(earlier) = reports[..index].iter().position(holds) {
                return Err(MergeError::Repeated {
                    log: index + 1,
                    earlier: earlier + 1,
                    trial: trial.summary.trial.to_string(),
                });
            }
        }
    }
    Ok(())
}

/// New names for clusters that share a name with one of an earlier log: every machine counts its
/// clusters from the start.
struct Renaming(Vec<(ClusterName, ClusterName)>);

impl Renaming {
    fn of(log: &[Record], index: usize, taken: &mut BTreeSet<ClusterName>) -> Self {
        let mut own = BTreeSet::new();
        for record in log {
            let mut event = record.event.clone();
            for name in clusters_of(&mut event) {
                own.insert(name.clone());
            }
        }
        let renamed = own
            .iter()
            .filter(|name| taken.contains(*name))
            .map(|name| (name.clone(), ClusterName::new(format!("{name}@log-{}", index + 1))))
            .collect();
        taken.extend(own);
        Self(renamed)
    }

    fn apply(&self, event: &mut Event) {
        for name in clusters_of(event) {
            if let Some((_, new)) = self.0.iter().find(|(old, _)| old == name) {
                *name = new.clone();
            }
        }
    }
}

/// Every cluster name in an event.
fn clusters_of(event: &mut Event) -> Vec<&mut ClusterName> {
    match event {
        Event::RunStarted { trials, .. } => {
            trials.iter_mut().map(|trial| &mut trial.cluster).collect()
        }
        Event::ClusterStarted { cluster, .. }
        | Event::ActionStarted { cluster, .. }
        | Event::ActionAwaiting { cluster, .. }
        | Event::ActionWarned { cluster, .. }
        | Event::ActionFinished { cluster, .. }
        | Event::ClusterReady { cluster, .. }
        | Event::ClusterFailed { cluster, .. }
        | Event::TrialStarted { cluster, .. }
        | Event::EvidenceCollected { cluster, .. }
        | Event::ClusterKept { cluster }
        | Event::ClusterRemoved { cluster, .. } => vec![cluster],
        Event::StepStarted { .. }
        | Event::Awaiting { .. }
        | Event::StepFinished { .. }
        | Event::CheckFinished { .. }
        | Event::Diagnosed { .. }
        | Event::TrialFinished { .. }
        | Event::Interrupted { .. }
        | Event::RunFinished { .. } => Vec::new(),
    }
}
