//! The table of defects, a file for each part of a scenario that can be wrong.

mod addresses;
mod certificates;
mod faults;
mod nodes;
mod routes;
mod steps;

use crate::case::Defect;

/// The healthy scenarios, by file name.
pub(crate) const BASES: &[&str] = &[
    "routes",
    "certificates",
    "secret",
    "host-network",
    "low-port",
    "node-ports",
    "addresses",
    "steps",
    "port-change",
];

/// Those whose claims are about something broken: they hold, and a rule explains what is broken.
pub(crate) const BROKEN_BASES: &[&str] = &["low-port"];

/// Every defect.
pub(crate) fn defects() -> impl Iterator<Item = &'static Defect> {
    [
        routes::DEFECTS,
        certificates::DEFECTS,
        nodes::DEFECTS,
        addresses::DEFECTS,
        steps::DEFECTS,
        faults::DEFECTS,
    ]
    .into_iter()
    .flatten()
}
