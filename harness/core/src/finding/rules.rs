//! The closed list of rules, one file each. Numbers are never used again.

mod envoy_down;
mod low_ports;
mod node_selector;
mod placeholder;
mod secret_copy;
mod secret_missing;
mod stale_agents;
mod wrong_chain;

use super::releases::Releases;
use super::{About, Issue, Rule};

/// Every rule, by number.
pub const ALL: &[&Rule] = &[
    &stale_agents::RULE,
    &placeholder::RULE,
    &low_ports::RULE,
    &node_selector::RULE,
    &secret_missing::RULE,
    &secret_copy::RULE,
    &envoy_down::RULE,
    &wrong_chain::RULE,
];

/// An issue of Cilium about some releases.
const fn issue(reference: &'static str, releases: Releases) -> Issue {
    Issue { reference, about: About::Cilium(releases) }
}
