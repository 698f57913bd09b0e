//! What to look at next. A hint names a place to look and what it would mean, never a cause that
//! nobody measured.
//!
//! The facts behind hints are Cilium's: cilium/cilium sources from 1.14.0 to the 1.20 branch, and
//! the issues named in the texts.

pub(super) mod condition;

pub(super) mod connection;

pub(super) mod reply;
