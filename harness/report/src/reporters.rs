//! The fan-out: one stream of records to every report of a run.
//!
//! Each record is redacted once and folded once. A report that fails is told of once and left out
//! from then on; the others go on. A log that cannot be folded ends all of them but the event
//! log itself, which is the evidence.

use gateproof_core::event::Record;
use gateproof_core::report::{ExitCode, FoldError, RunReport, exit_code};

use crate::console::Console;
use crate::destination::Destination;
use crate::html::Html;
use crate::json::Json;
use crate::jsonl::Jsonl;
use crate::junit::Junit;
use crate::markdown::Markdown;
use crate::redaction::redact;
use crate::reporter::{ReportError, Reporter, Written};
use crate::spec::{ReportKind, ReportSpec};

/// All reports of a run.
#[derive(Default)]
pub struct Reporters {
    report: Option<RunReport>,
    broken: Option<FoldError>,
    slots: Vec<Slot>,
    problems: Vec<ReportError>,
}

/// A report and whether it still works.
struct Slot {
    reporter: Box<dyn Reporter>,
    reads: Reads,
    state: SlotState,
}

/// What a report is made of.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Reads {
    /// The records themselves, sound or not.
    Records,
    /// Their fold; there is none of what cannot be folded.
    Fold,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum SlotState {
    Working,
    Failed,
}

/// What is left when a run is over.
#[derive(Debug)]
pub struct Finished {
    /// The report; `None` when no record came.
    pub report: Option<RunReport>,
    /// The exit code. A report that could not be made turns a pass into
    /// [`ExitCode::Inconclusive`], for somebody counts on it.
    pub exit: ExitCode,
    /// The reports that were written.
    pub written: Vec<Written>,
    /// What went wrong with others, and with the log. Those that [`Reporters::record`] returned
    /// are not repeated.
    pub problems: Vec<ReportError>,
}

impl Reporters {
    /// Opens every report, so that one that cannot be written is found before the run starts.
    ///
    /// # Errors
    ///
    /// The first path that cannot be written, with its cause.
    pub fn open(specs: &[ReportSpec]) -> Result<Self, ReportError> {
        let mut reporters = Self::default();
        for spec in specs {
            match spec.kind {
                ReportKind::Jsonl => {
                    reporters.push(Box::new(Jsonl::open(&spec.target)?), Reads::Records);
                }
                ReportKind::Json => reporters.add(Box::new(Json(Destination::prepare(spec)?))),
                ReportKind::Junit => reporters.add(Box::new(Junit(Destination::prepare(spec)?))),
                ReportKind::Markdown => {
                    reporters.add(Box::new(Markdown(Destination::prepare(spec)?)));
                }
                ReportKind::Html => reporters.add(Box::new(Html(Destination::prepare(spec)?))),
            }
        }
        Ok(reporters)
    }

    /// Adds the console.
    pub fn with_console(mut self, console: Console) -> Self {
        self.add(Box::new(console));
        self
    }

    /// Adds a report.
    pub fn add(&mut self, reporter: Box<dyn Reporter>) {
        self.push(reporter, Reads::Fold);
    }

    fn push(&mut self, reporter: Box<dyn Reporter>, reads: Reads) {
        self.slots.push(Slot { reporter, reads, state: SlotState::Working });
    }

    /// The report as it stands; `None` before the first record.
    pub fn report(&self) -> Option<&RunReport> {
        self.report.as_ref()
    }

    /// Takes the next record.
    ///
    /// # Errors
    ///
    /// What went wrong with a report or with the log, each once. The run may go on: later records
    /// are still taken, and [`Self::finish`] does not call it a pass.
    pub fn record(&mut self, record: &Record) -> Result<(), ReportError> {
        let record = &*redact(record)?;
        let known = self.problems.len();
        let folded = match (&self.broken, &mut self.report) {
            (Some(_), _) => Ok(()),
            (None, Some(report)) => report.apply(record),
            (None, None) => RunReport::begin(record).map(|report| self.report = Some(report)),
        };
        if let Err(error) = folded {
            if let Some(report) = &mut self.report {
                report.break_off(&error);
            }
            self.broken = Some(error.clone());
            self.problems.push(ReportError::Fold(error));
        }
        if let Some(report) = &self.report {
            let sound = self.broken.is_none();
            let takes = |slot: &&mut Slot| {
                slot.state == SlotState::Working && (sound || slot.reads == Reads::Records)
            };
            for slot in self.slots.iter_mut().filter(takes) {
                if let Err(error) = slot.reporter.record(record, report) {
                    slot.state = SlotState::Failed;
                    self.problems.push(error);
                }
            }
        }
        if self.problems.len() > known { Err(self.problems.remove(known)) } else { Ok(()) }
    }

    /// Ends the run: closes the report and writes what is written at the end.
    pub fn finish(mut self) -> Finished {
        let mut written = Vec::new();
        let mut failed = self.slots.iter().any(|slot| slot.state == SlotState::Failed);
        let exit = if let Some(report) = &mut self.report {
            report.close();
            for slot in self.slots.iter_mut().filter(|slot| slot.state == SlotState::Working) {
                match slot.reporter.finish(report) {
                    Ok(left) => written.extend(left),
                    Err(error) => {
                        failed = true;
                        self.problems.push(error);
                    }
                }
            }
            exit_code(report)
        } else {
            if self.broken.is_none() {
                self.problems.push(ReportError::Fold(FoldError::Empty));
            }
            ExitCode::Inconclusive
        };
        let exit = match exit {
            ExitCode::Passed if failed => ExitCode::Inconclusive,
            other => other,
        };
        Finished { report: self.report, exit, written, problems: self.problems }
    }
}
