//! Drives trials, owns clusters and emits events.
//!
//! The flow: [`run::run`] takes a plan and a provider; each cluster lives its life (`life`): up,
//! its trials in order (`trial`) with their steps (`step`), checks (`check`) and
//! the diagnosis of what did not pass (`diagnosis`), and gone. All of
//! them hand events to one dispatcher ([`dispatcher`]), which numbers them and passes them on.
//! Nothing here prints, formats a report or decides an exit code.

pub mod cause;
pub mod clock;
pub mod descriptors;
pub mod discover;
pub mod dispatcher;
pub mod engines;
pub mod intent;
pub mod interrupt;
pub mod journal;
pub mod kind_clusters;
pub mod kubeconfig_file;
pub mod leftovers;
pub mod offline;
pub mod process;
pub mod provider;
pub mod raise;
pub mod registry;
pub mod reuse;
pub mod run;
pub mod standing;
pub mod workplace;

mod acme_server;
mod check;
mod diagnosis;
mod life;
mod names;
mod prerequisite;
mod step;
mod trial;
mod witness;

pub use cause::with_causes;
pub use diagnosis::{Diagnose, Observed};
pub use dispatcher::Emitter;
pub use run::{Keep, Options, run};
