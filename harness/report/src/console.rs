//! The console: live progress while trials run, a line for each verdict, and at the end what was
//! measured, what failed and what it all amounts to.
//!
//! Progress goes to standard error and only to a terminal; everything else goes to the writer
//! that the caller gives. Without a terminal there are plain lines with the time since the start
//! of the run, and no control codes.

mod lines;
mod live;
mod summary;
mod terminal;

use std::io::{ErrorKind, Write};

use gateproof_core::event::Record;
use gateproof_core::report::RunReport;

use crate::console::live::Live;
use crate::reporter::{ReportError, Reporter, Written};

pub use crate::layout::Colour;
pub use terminal::{Device, Output, Progress, Terminal};

/// How much the console tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum Verbosity {
    /// Failures and the last line.
    Quiet,
    /// Verdicts as they fall, what was measured, failures, totals.
    #[default]
    Normal,
    /// Every step, every check, every wait, and what each probe of a failed check saw.
    Verbose,
}

/// How the console behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConsoleOptions {
    /// How much it tells.
    pub verbosity: Verbosity,
    /// What it writes to.
    pub terminal: Terminal,
}

/// The console reporter.
pub struct Console {
    options: ConsoleOptions,
    out: Box<dyn Write + Send>,
    live: Option<Live>,
}

impl Console {
    /// A console that writes to `out`, which `options` describe.
    pub fn new(options: ConsoleOptions, out: Box<dyn Write + Send>) -> Self {
        let live = match options.terminal.progress {
            Progress::Live => Some(Live::new()),
            Progress::None => None,
        };
        Self { options, out, live }
    }

    /// Writes lines above the progress, if there is any.
    fn write(&mut self, lines: &[String]) -> Result<(), ReportError> {
        if lines.is_empty() {
            return Ok(());
        }
        let mut text = lines.join("\n");
        text.push('\n');
        let out = &mut self.out;
        let mut write = || out.write_all(text.as_bytes()).and_then(|()| out.flush());
        let done = match &self.live {
            Some(live) => live.suspend(write),
            None => write(),
        };
        match done {
            // A reader that went away (`gateproof run | head`) has read enough; the run is what
            // it is.
            Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
            other => other.map_err(ReportError::Console),
        }
    }
}

impl Reporter for Console {
    fn record(&mut self, record: &Record, report: &RunReport) -> Result<(), ReportError> {
        let lines = lines::lines(record, report, self.options);
        if let Some(live) = &mut self.live {
            live.update(&record.event, report);
        }
        self.write(&lines)
    }

    fn finish(&mut self, report: &RunReport) -> Result<Option<Written>, ReportError> {
        if let Some(live) = self.live.take() {
            live.clear();
        }
        self.write(&summary::lines(report, self.options))?;
        Ok(None)
    }
}
