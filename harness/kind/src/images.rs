//! The images of a run: which a plan needs and why, and how they get into nodes.
//!
//! Read in this order: [`needed`] (the list, pure), [`cilium`] (what Cilium's charts ask for),
//! [`host`] (in the engine), [`node`] (from an archive into nodes),
//! [`bundle`] (many images in one file).

pub mod bundle;
pub mod cilium;
pub mod host;
pub mod needed;
pub mod node;
