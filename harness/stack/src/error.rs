//! Why the stack could not be installed.

use std::path::PathBuf;
use std::time::Duration;

use gateproof_kubernetes::{ApplyAllError, LedgerError, RequestError, WaitError};

/// The stack could not be installed.
#[derive(Debug, thiserror::Error)]
pub enum StackError {
    /// There is no Helm that can be used.
    #[error("{0}")]
    NoHelm(String),
    /// Helm could not be started.
    #[error("failed to start {program}")]
    HelmStart {
        /// Which program.
        program: PathBuf,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
    /// Helm did not end in time.
    #[error("`{command}` did not end within {} s and was stopped", within.as_secs())]
    HelmTimedOut {
        /// The command, without files of secrets.
        command: String,
        /// How long it had.
        within: Duration,
    },
    /// Helm could not be run in a container.
    #[error("`{command}` could not be run in a container: {words}")]
    HelmBeside {
        /// The command, without files of secrets.
        command: String,
        /// Why not.
        words: String,
    },
    /// Helm said no.
    #[error("`{command}` failed ({status}): {words}")]
    Helm {
        /// The command, without files of secrets.
        command: String,
        /// How it ended.
        status: String,
        /// What it said, its last lines, and what to do where that is known.
        words: String,
    },
    /// A file that could not be read or written.
    #[error("failed to {operation} {}", path.display())]
    File {
        /// `read` or `write`.
        operation: &'static str,
        /// Which.
        path: PathBuf,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
    /// Something could not be downloaded.
    #[error("failed to download {address}: {problem}")]
    Download {
        /// What.
        address: String,
        /// Why not, and what to do.
        problem: String,
    },
    /// A document that is not what it should be.
    #[error("{what} cannot be used: {problem}")]
    Document {
        /// Which document, and where it came from.
        what: String,
        /// What is wrong with it.
        problem: String,
    },
    /// Values that Helm or the chart would ignore or refuse.
    #[error("{}", .0.join("\n"))]
    Values(Vec<String>),
    /// What was asked for is not possible, and why.
    #[error("{0}")]
    Refused(String),
    /// The API refused a request.
    #[error(transparent)]
    Request(Box<RequestError>),
    /// The API refused objects.
    #[error(transparent)]
    Apply(#[from] ApplyAllError),
    /// Something did not come to work.
    #[error("{what}: {cause}")]
    Wait {
        /// What was waited for.
        what: String,
        /// Why it did not come.
        #[source]
        cause: WaitError,
    },
    /// Nothing could be written down before it was created.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}

impl From<RequestError> for StackError {
    fn from(error: RequestError) -> Self {
        Self::Request(Box::new(error))
    }
}

impl StackError {
    /// The error with all its causes, on one line.
    pub fn in_words(&self) -> String {
        let mut words = self.to_string();
        let mut cause = std::error::Error::source(self);
        while let Some(current) = cause {
            let next = current.to_string();
            if !words.contains(&next) {
                words.push_str(": ");
                words.push_str(&next);
            }
            cause = current.source();
        }
        words
    }
}
