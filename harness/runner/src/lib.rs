//! Drives trials, owns clusters and emits events.
//!
//! The flow: [`run::run`] takes a plan and a provider; one task per cluster provisions it and runs
//! its trials in order (`trial`), each of its steps (`step`) and checks (`check`). All of
//! them hand events to one dispatcher ([`dispatcher`]), which numbers them and passes them on.
//! Nothing here prints, formats a report or decides an exit code.

pub mod cause;
pub mod clock;
pub mod descriptors;
pub mod discover;
pub mod dispatcher;
pub mod interrupt;
pub mod journal;
pub mod leftovers;
pub mod process;
pub mod provider;
pub mod registry;
pub mod run;
pub mod standing;

mod check;
mod prerequisite;
mod step;
mod trial;
mod witness;

pub use cause::with_causes;
pub use dispatcher::Emitter;
pub use run::{Options, run};
