//! Reports: console, JSON lines, JSON, JUnit, Markdown and HTML, all of them folds of the event log.
//!
//! [`Reporters`] takes every record of a run, redacts it, folds it once and hands it to each
//! [`Reporter`]. Nothing here judges: verdicts come with the events, and what they add up to is
//! decided by `gateproof_core::report`.
//!
//! Read in this order: [`reporter`] and [`reporters`] (how records flow), [`spec`] and
//! `destination` (which reports go where), `view` (what every human report shows), `layout`
//! (text in a given width), then one module for each kind of report. [`finding`], [`prediction`] and
//! [`versions`] are the odd ones out: they lay out what is known without a run.

pub mod reporter;
pub mod reporters;
pub mod spec;

mod destination;
mod failures;
mod layout;
mod redaction;
mod view;

pub mod console;
mod html;
mod json;
pub mod jsonl;
mod junit;
mod markdown;

pub mod finding;
pub mod prediction;
pub mod versions;
pub mod yaml;

#[cfg(test)]
mod sample;
#[cfg(test)]
mod tests;

pub use console::{Console, ConsoleOptions, Device, Terminal, Verbosity};
pub use destination::scratch_prefix;
pub use failures::failures;
pub use jsonl::{LogError, read_log};
pub use reporter::{ReportError, Reporter, Written};
pub use reporters::{Finished, Reporters};
pub use spec::{ReportKind, ReportSpec, SpecError, Target};
