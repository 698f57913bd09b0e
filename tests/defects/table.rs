//! The table of defects, a file for each part of a scenario that can be wrong.

mod acme;
mod addresses;
mod announcements;
mod backends;
mod certificates;
mod faults;
mod nodes;
mod routes;
mod silence;
mod steps;

use crate::case::Defect;

/// The healthy scenarios, by file name.
pub(crate) const BASES: &[&str] = &[
    "routes",
    "certificates",
    "acme",
    "acme-dns",
    "secret",
    "host-network",
    "low-port",
    "node-ports",
    "addresses",
    "announced",
    "config-deleted",
    "every-node",
    "steps",
    "port-change",
];

/// Those whose claims are about something broken: they hold, and a rule explains what is broken.
pub(crate) const BROKEN_BASES: &[&str] = &["low-port"];

/// Defects whose look-alikes hold beside something that is broken on purpose and not claimed: a
/// second backend that is missing and gets no traffic, a route to a Gateway that is not there.
pub(crate) const ODD_LOOK_ALIKES: &[&str] = &["service_is_missing", "grpc_route_is_attached_too"];

/// Every defect.
pub(crate) fn defects() -> impl Iterator<Item = &'static Defect> {
    [
        routes::DEFECTS,
        certificates::DEFECTS,
        acme::DEFECTS,
        nodes::DEFECTS,
        addresses::DEFECTS,
        announcements::DEFECTS,
        backends::DEFECTS,
        silence::DEFECTS,
        steps::DEFECTS,
        faults::DEFECTS,
    ]
    .into_iter()
    .flatten()
}
