//! What a report is to the rest of the program: something that takes records and, at the end,
//! leaves a file or text behind.

use std::io;
use std::path::PathBuf;

use gateproof_core::event::Record;
use gateproof_core::report::{FoldError, RunReport};

use crate::spec::{ReportKind, Target};

/// Takes the records of a run and reports them in one form.
pub trait Reporter: Send {
    /// Takes a record, with the report as it stands after it.
    fn record(&mut self, record: &Record, report: &RunReport) -> Result<(), ReportError>;

    /// Ends the report; the run report is closed and complete. Returns what was left behind.
    fn finish(&mut self, report: &RunReport) -> Result<Option<Written>, ReportError>;
}

/// A report that was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// In which form.
    pub kind: ReportKind,
    /// Where it is.
    pub target: Target,
}

/// Why a report could not be made. Each message fits after "failed to".
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    /// Found before the run starts, so that no run is lost for want of a directory.
    #[error(
        "prepare the {kind} report at `{}`, which must be in a directory that can be written to",
        path.display()
    )]
    Prepare {
        /// The report.
        kind: ReportKind,
        /// Its path.
        path: PathBuf,
        /// The system's word.
        #[source]
        source: io::Error,
    },
    /// The path is taken by a directory.
    #[error(
        "prepare the {kind} report at `{}`: it is a directory; name a file in it",
        path.display()
    )]
    Directory {
        /// The report.
        kind: ReportKind,
        /// Its path.
        path: PathBuf,
    },
    /// Writing failed during or after the run.
    #[error("write the {kind} report to {target}")]
    Write {
        /// The report.
        kind: ReportKind,
        /// Where to.
        target: Target,
        /// The system's word.
        #[source]
        source: io::Error,
    },
    /// The JUnit report could not be put into XML.
    #[error("put the JUnit report into XML")]
    Junit(#[source] quick_junit::SerializeError),
    /// A value could not be put into JSON.
    #[error("put the {kind} report into JSON")]
    Json {
        /// The report.
        kind: ReportKind,
        /// What the serialiser says.
        #[source]
        source: serde_json::Error,
    },
    /// A record could not be searched for secrets, so it was not passed on.
    #[error("redact record {sequence} of the event log")]
    Redact {
        /// Its sequence number.
        sequence: u64,
        /// What the serialiser says.
        #[source]
        source: serde_json::Error,
    },
    /// The terminal could not be written to.
    #[error("write to the console")]
    Console(#[source] io::Error),
    /// The records are no sound log.
    #[error("fold the event log into a report")]
    Fold(#[source] FoldError),
}
