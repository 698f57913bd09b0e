//! What fails below the objects: packets that are dropped, nodes that are lost, agents and Envoys
//! that are up and have not what they should have, pods that do not come up.

use gateproof_core::verdict::Verdict::{Failed, Inconclusive};

use crate::case::{Change, Defect};

const BASE: &str = "every-node";

/// A fault of the whole scenario.
macro_rules! fault {
    ($fault:literal) => {
        ("  backends:\n", concat!("  faults: [", $fault, "]\n  backends:\n"))
    };
}

/// A CiliumEnvoyConfig that somebody deletes, and the claims after that.
const DELETED: Change = (
    "  - name: gateway\n    check",
    "  - name: deletion\n    delete: {apiVersion: cilium.io/v2, kind: CiliumEnvoyConfig, name: cilium-gateway-public, namespace: shop}\n  - name: gateway\n    check",
);

pub(super) const DEFECTS: &[Defect] = &[
    Defect {
        name: "ports_are_filtered_before_every_node",
        base: BASE,
        changes: &[fault!("{portsFiltered: {}}")],
        verdict: Failed,
        failing: &["request", "node ports"],
        look_alike: None,
    },
    Defect {
        name: "ports_are_filtered_before_one_node",
        base: BASE,
        changes: &[fault!("{portsFiltered: {nodes: {names: [worker2]}}}")],
        verdict: Failed,
        failing: &["request", "node ports"],
        look_alike: None,
    },
    Defect {
        name: "a_node_is_lost",
        base: BASE,
        changes: &[fault!("{nodeDown: {nodes: {names: [worker2]}}}")],
        verdict: Failed,
        failing: &["request", "node ports"],
        look_alike: None,
    },
    Defect {
        name: "agents_apply_no_config_on_any_node",
        base: BASE,
        changes: &[fault!("{envoyConfigsIgnored: {}}")],
        verdict: Failed,
        failing: &["request", "node ports"],
        look_alike: None,
    },
    Defect {
        name: "one_agent_applies_no_config",
        base: BASE,
        changes: &[fault!("{envoyConfigsIgnored: {nodes: {names: [worker]}}}")],
        verdict: Failed,
        failing: &["request", "node ports"],
        look_alike: None,
    },
    Defect {
        name: "no_envoy_has_the_routes",
        base: BASE,
        changes: &[fault!("{routesNotTaken: {}}")],
        verdict: Failed,
        failing: &["request"],
        look_alike: None,
    },
    Defect {
        name: "one_envoy_has_no_routes",
        base: BASE,
        changes: &[fault!("{routesNotTaken: {nodes: {names: [worker]}}}")],
        verdict: Failed,
        failing: &["request"],
        look_alike: None,
    },
    Defect {
        name: "no_envoy_has_endpoints",
        base: BASE,
        changes: &[fault!("{endpointsNotTaken: {}}")],
        verdict: Failed,
        failing: &["request"],
        look_alike: None,
    },
    Defect {
        name: "one_envoy_has_no_endpoints",
        base: BASE,
        changes: &[fault!("{endpointsNotTaken: {nodes: {names: [worker]}}}")],
        verdict: Failed,
        failing: &["request"],
        look_alike: None,
    },
    Defect {
        name: "the_operator_fails_on_routes",
        base: BASE,
        changes: &[fault!("{operatorFailsOnRoutes: {}}")],
        verdict: Failed,
        failing: &["request"],
        look_alike: None,
    },
    Defect {
        name: "a_deleted_config_is_not_made_again",
        base: "config-deleted",
        changes: &[fault!("{operatorFailsOnRoutes: {}}"), DELETED],
        verdict: Failed,
        failing: &["node port"],
        // An operator that works makes it again.
        look_alike: Some(&[DELETED]),
    },
    Defect {
        name: "an_agent_crashes",
        base: BASE,
        changes: &[fault!("{agentDown: {nodes: {names: [worker]}}}")],
        verdict: Failed,
        failing: &["request", "node ports"],
        look_alike: None,
    },
    Defect {
        name: "the_image_of_agents_cannot_be_pulled",
        base: BASE,
        changes: &[fault!("{agentDown: {why: imageNotPulled}}")],
        verdict: Failed,
        failing: &["request", "node ports"],
        look_alike: None,
    },
    Defect {
        name: "an_envoy_runs_out_of_memory",
        base: BASE,
        changes: &[fault!("{envoyDown: {nodes: {names: [worker]}, why: outOfMemory}}")],
        verdict: Failed,
        failing: &["request", "node ports"],
        look_alike: None,
    },
    Defect {
        name: "the_image_of_a_backend_cannot_be_pulled",
        base: BASE,
        changes: &[fault!("{backendDown: {name: shop/basket, why: imageNotPulled}}")],
        verdict: Inconclusive,
        failing: &["backends"],
        look_alike: None,
    },
    Defect {
        name: "a_backend_runs_out_of_memory",
        base: BASE,
        changes: &[fault!("{backendDown: {name: shop/basket, why: outOfMemory}}")],
        verdict: Inconclusive,
        failing: &["backends"],
        look_alike: None,
    },
];
