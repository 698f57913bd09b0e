//! Field ownership: which manager decided which field, and server-side apply on top of it.
//!
//! Follows sigs.k8s.io/structured-merge-diff (v6): ownership is a set of paths per manager; lists
//! are atomic, sets, or maps by key, as the schemas of the served kinds say ([`topology`]). It
//! works on values alone and knows nothing about storage or requests.

pub(super) mod apply;
pub(super) mod managers;
pub(super) mod set;
pub(super) mod topology;
