//! The closed list of rules, one file each. Numbers are never used again.

mod agent_down;
mod annotations;
mod announcement_holder;
mod announcement_lease;
mod announcement_off;
mod announcement_policy;
mod announcement_unheard;
mod backend;
mod backend_pods;
mod backend_protocol;
mod balancer_targets;
mod challenge_isolated;
mod challenge_not_admitted;
mod comes_and_goes;
mod config_behind;
mod config_missing;
mod definitions;
mod dns_not_propagated;
mod dns_update_refused;
mod dns_zone_unknown;
mod endpoints_unknown;
mod envoy_down;
mod gateway_class;
mod helm_key;
mod host_ports;
mod issuance;
mod keeps_ending;
mod kube_proxy;
mod low_ports;
mod no_address;
mod no_certificate;
mod node_not_ready;
mod node_selector;
mod nodes_differ;
mod not_granted;
mod nowhere;
mod old_envoys;
mod one_node;
mod operator_down;
mod out_of_date;
mod passthrough;
mod placeholder;
mod policy;
mod port_edited;
mod redirect_loop;
mod refused_resources;
mod route_not_attached;
mod secret_copy;
mod secret_missing;
mod silent_ports;
mod stale_agents;
mod stale_operator;
mod status_behind;
mod status_nodes;
mod switched_off;
mod traffic_policy;
mod unexplained;
mod wrong_chain;

use super::releases::Releases;
use super::{About, Issue, Role, Rule};
use crate::dossier::Dossier;

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
    &helm_key::RULE,
    &kube_proxy::RULE,
    &definitions::RULE,
    &gateway_class::RULE,
    &status_behind::RULE,
    &status_nodes::RULE,
    &balancer_targets::RULE,
    &no_address::RULE,
    &backend::RULE,
    &annotations::RULE,
    &traffic_policy::RULE,
    &route_not_attached::RULE,
    &not_granted::RULE,
    &host_ports::RULE,
    &port_edited::RULE,
    &refused_resources::RULE,
    &no_certificate::RULE,
    &issuance::RULE,
    &out_of_date::RULE,
    &policy::RULE,
    &old_envoys::RULE,
    &stale_operator::RULE,
    &challenge_isolated::RULE,
    &redirect_loop::RULE,
    &agent_down::RULE,
    &switched_off::RULE,
    &one_node::RULE,
    &challenge_not_admitted::RULE,
    &announcement_lease::RULE,
    &announcement_holder::RULE,
    &announcement_off::RULE,
    &announcement_policy::RULE,
    &silent_ports::RULE,
    &backend_protocol::RULE,
    &endpoints_unknown::RULE,
    &nodes_differ::RULE,
    &comes_and_goes::RULE,
    &config_behind::NOT_TRANSLATED,
    &config_behind::NOT_TAKEN,
    &config_missing::RULE,
    &node_not_ready::RULE,
    &nowhere::RULE,
    &announcement_unheard::RULE,
    &dns_update_refused::RULE,
    &dns_zone_unknown::RULE,
    &dns_not_propagated::RULE,
    &passthrough::RULE,
    &operator_down::RULE,
    &backend_pods::RULE,
    &keeps_ending::RULE,
    &unexplained::RULE,
];

/// An issue of Cilium about some releases.
const fn issue(reference: &'static str, releases: Releases) -> Issue {
    Issue { reference, about: About::Cilium(releases) }
}

/// Rules that go by what is absent, and so are told only where no other has a cause. What the first
/// two tell excludes each other; the last leaves room to them too.
const RESIDUAL: &[&str] = &[nowhere::RULE.id, silent_ports::RULE.id, unexplained::RULE.id];

/// Whether another rule has a cause, for a residual rule to ask.
fn another_cause(dossier: &Dossier, own: &Rule) -> bool {
    let last = own.id == unexplained::RULE.id;
    let is_asked = |id: &str| id != own.id && (last || !RESIDUAL.contains(&id));
    ALL.iter()
        .filter(|rule| is_asked(rule.id))
        .any(|rule| (rule.examine)(dossier).iter().any(|firing| firing.role == Role::Cause))
}
