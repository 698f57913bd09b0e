//! The pure heart of Gateproof: formats, planning, judging, target health and version facts.
//!
//! Nothing here performs I/O, reads a clock or is asynchronous; text and time come in as
//! arguments and values go out. `tests/architecture.rs` holds that rule.
//!
//! Read in this order: [`name`] and [`cluster`] (the words), [`cilium`] (versions and
//! configuration), [`versions`] (which fit each other), [`scenario`], [`plan`] and [`proposal`]
//! (what a user asks for), [`observation`] and [`exposure`] (what was seen), [`judge`] and [`verdict`] (what that means), [`health`]
//! (what a load balancer would conclude), [`dossier`] and [`finding`] (why something fails),
//! [`redaction`] (what nobody may see), [`event`] and [`report`] (what is told).

pub mod announcement;
pub mod cert_manager;
pub mod cilium;
pub mod cluster;
pub mod dossier;
pub mod entry;
pub mod event;
pub mod expectation;
pub mod exposure;
pub mod finding;
pub mod gateway_api;
pub mod health;
pub mod judge;
pub mod label_selector;
pub mod moment;
pub mod name;
pub mod observation;
pub mod plan;
pub mod proposal;
pub mod redaction;
pub mod report;
pub mod scenario;
pub mod setup;
pub mod source;
pub mod topology;
pub mod verdict;
pub mod versions;
