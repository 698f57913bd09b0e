//! Ports on the hosts in host-network variants: clashes, and ports that Envoy may not bind.

use std::collections::BTreeMap;

use super::Scope;
use super::variants::VariantScope;
use crate::cilium::values::{AGENT_CAPABILITIES, ENVOY_CAPABILITIES, KEEP_CAPABILITY};
use crate::name::{ListenerName, NamespacedName, VariantName};
use crate::observation::TcpOutcome;
use crate::scenario::inventory::ListenerEntry;
use crate::scenario::{Action, Check, Claim, ExposureExpectation, Step, TcpExpectation, TcpPort};
use crate::source::problem::Problem;

/// Reports host ports that clash or cannot be bound.
pub(super) fn check(scope: &Scope<'_>, steps: &[Step], problems: &mut Vec<Problem>) {
    let host_variants: Vec<&VariantScope<'_>> =
        scope.variants.iter().filter(|variant| variant.host_network().is_some()).collect();
    if host_variants.is_empty() {
        return;
    }
    check_clashes(scope, &host_variants, problems);
    for variant in host_variants {
        check_low_ports(scope, variant, steps, problems);
    }
}

fn check_clashes(scope: &Scope<'_>, variants: &[&VariantScope<'_>], problems: &mut Vec<Problem>) {
    let names: Vec<&str> = variants.iter().map(|variant| variant.name.as_str()).collect();
    let names = format!("in host-network mode ({})", names.join(", "));
    let mut taken: BTreeMap<u16, &NamespacedName> = BTreeMap::new();
    for (gateway, entry) in scope.inventory.cilium_gateways() {
        for listener in entry.listeners.iter().filter(|listener| listener.binds_host_port()) {
            let at = listener.place.get("port");
            let port = listener.port;
            if let Some((_, owner)) = FIXED_PORTS.iter().find(|(fixed, _)| *fixed == port) {
                problems.push(
                    Problem::at(&at, format!("port {port} of the nodes is taken"))
                        .note(format!("{names} Envoy binds it on nodes, where {owner} has it")),
                );
            }
            match taken.insert(port, gateway) {
                Some(other) if other != gateway => problems.push(
                    Problem::at(
                        &at,
                        format!("`{gateway}` and `{other}` both want port {port} of the nodes"),
                    )
                    .note(format!("{names} a port of a node can belong to one Gateway only")),
                ),
                _ => {}
            }
        }
    }
}

/// Ports of nodes that Kubernetes and Cilium's chart take (charts 1.20.0: `values.yaml` and the
/// `hostPort`s of `templates/`; the health check between nodes is the agent's default).
const FIXED_PORTS: &[(u16, &str)] = &[
    (4240, "the agents' health check of each other"),
    (4244, "Hubble of the agent"),
    (6443, "the API server"),
    (9234, "the operator's health check"),
    (9878, "Envoy's health check"),
    (9879, "the agent's health check"),
    (9901, "Envoy's admin interface, where that is on,"),
    (9963, "the operator's metrics"),
    (9964, "Envoy's metrics"),
    (10250, "the kubelet"),
];

fn check_low_ports(
    scope: &Scope<'_>,
    variant: &VariantScope<'_>,
    steps: &[Step],
    problems: &mut Vec<Problem>,
) {
    let lacking = variant
        .configs
        .iter()
        .find(|(_, config)| config.host_network.is_on() && !config.envoy_may_bind_low_ports)
        .filter(|_| !variant.is_to_fail());
    let Some((_, config)) = lacking else { return };
    let low = scope.inventory.cilium_gateways().flat_map(|(gateway, entry)| {
        entry.listeners.iter().map(move |listener| (gateway, listener))
    });
    let low: Vec<String> = low
        .filter(|(_, listener)| listener.binds_host_port() && listener.port < 1024)
        .filter(|(gateway, listener)| !is_claimed_shut(&variant.name, gateway, listener, steps))
        .map(|(gateway, listener)| {
            format!("`{}` of `{gateway}` (port {})", listener.name, listener.port)
        })
        .collect();
    if low.is_empty() {
        return;
    }
    let list = if config.external_envoy_proxy { ENVOY_CAPABILITIES } else { AGENT_CAPABILITIES };
    let at = variant.value_place(&["gatewayAPI", "hostNetwork", "enabled"]);
    problems.push(
        Problem::at(
            &at,
            format!("Envoy may not bind ports below 1024 in the variant `{}`", variant.name),
        )
        .expected(format!(
            "`{KEEP_CAPABILITY}: true` and NET_BIND_SERVICE in `{list}` beside what is there \
             by default, since lists replace each other"
        ))
        .note(format!(
            "listeners: {}; the kernel would refuse the port while every status looks fine. To show \
             just that, claim that the port is not accepted",
            low.join(", ")
        )),
    );
}

/// Whether a check of the variant claims that the port is shut: then that is what is to be shown.
fn is_claimed_shut(
    variant: &VariantName,
    gateway: &NamespacedName,
    listener: &ListenerEntry<'_>,
    steps: &[Step],
) -> bool {
    steps.iter().any(|step| match &step.action {
        Action::Check(check) => {
            (check.variants.is_empty() || check.variants.contains(variant))
                && claims_shut(check, gateway, listener)
        }
        Action::Apply(_) | Action::Patch { .. } | Action::Delete(_) => false,
    })
}

fn claims_shut(check: &Check, gateway: &NamespacedName, listener: &ListenerEntry<'_>) -> bool {
    match &check.claim {
        Claim::Tcp(claim) => {
            let port = match &claim.port {
                TcpPort::Listener(name) => *name == ListenerName::new(&listener.name),
                TcpPort::Number(port) => *port == listener.port,
                TcpPort::NodePort(_) => false,
            };
            port && claim.gateway.as_ref().is_none_or(|named| named == gateway)
                && claim.nodes == crate::cluster::NodeSelector::All
                && claim.expect != TcpExpectation::Outcome(TcpOutcome::Accepted)
        }
        Claim::Exposure(claim) => {
            claim.gateway == *gateway && claim.expect == ExposureExpectation::Nothing
        }
        _ => false,
    }
}
