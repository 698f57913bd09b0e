//! Cilium's agents: with which configuration each runs, and what its drift checker says.
//!
//! An agent reads its configuration once, at start (cilium/charts 1.18.12
//! `templates/cilium-agent/daemonset.yaml`, init container `build-config`), so an agent that was
//! not restarted runs with what the ConfigMap held before.

use std::collections::{BTreeMap, BTreeSet};

use gateproof_core::cilium::{CiliumConfig, HostNetwork};
use gateproof_core::name::NodeName;
use gateproof_kubernetes::Component;
use gateproof_model::datapath::{AgentState, EnvoyState, NodeState};
use gateproof_model::translation::envoy::EnvoyConfig;
use serde_json::Value;

use super::{Stack, config_map};
use crate::controllers::component_log::LogLine;
use crate::controllers::component_log::component_pods::runs as runs_component;
use crate::controllers::kind::{NODE, POD};
use crate::controllers::kubernetes::container_image::SystemComponent;
use crate::controllers::object::{has_labels, name, text};
use crate::controllers::snapshot::Snapshot;

/// Settings that are flags of the agent itself, with their defaults: the agent knows them also
/// when the ConfigMap had no such key (Cilium 1.20 `pkg/envoy`, `pkg/ciliumenvoyconfig`).
const AGENT_FLAGS: [(&str, &str); 3] = [
    ("enable-envoy-config", "false"),
    ("enable-gateway-api", "false"),
    ("gateway-api-secrets-namespace", ""),
];

/// The agents and Envoys of all nodes.
pub(crate) fn node_states(snapshot: &Snapshot, stack: &Stack) -> Vec<NodeState> {
    snapshot
        .list(NODE)
        .map(|node| NodeState {
            node: NodeName::new(name(node)),
            agent: match started_with(stack, name(node)) {
                Some(config) => AgentState::StartedWith(config),
                // What an agent makes of CiliumEnvoyConfigs that it does not watch, or not at all.
                None if !applies(stack, name(node)) => {
                    AgentState::StartedWith(before_gateway_api(&stack.config))
                }
                None => AgentState::Current,
            },
            envoy: if stack.faults.pods.envoys.contains_key(name(node)) {
                EnvoyState::Down
            } else {
                EnvoyState::Running
            },
        })
        .collect()
}

/// Whether the agent of a node runs.
pub(crate) fn is_up(stack: &Stack, node: &str) -> bool {
    let pods = &stack.faults.pods;
    !pods.agents.contains_key(node) && !pods.lost_nodes.contains(node)
}

/// Whether the agent of a node applies CiliumEnvoyConfigs.
fn applies(stack: &Stack, node: &str) -> bool {
    is_up(stack, node) && !stack.faults.configs_ignored.contains(node)
}

/// The pod of a node's agent.
pub(crate) fn pod_of<'s>(snapshot: &'s Snapshot, node: &str) -> Option<&'s Value> {
    snapshot.list(POD).find(|pod| {
        text(pod, "/spec/nodeName") == Some(node)
            && runs_component(pod, SystemComponent::CiliumAgent)
    })
}

/// The configuration of an agent that does not run with the current one.
fn started_with(stack: &Stack, node: &str) -> Option<CiliumConfig> {
    if stack.faults.stale_agents.contains_key(node) {
        return Some(before_gateway_api(&stack.config));
    }
    stack.started_with.get(node).filter(|config| **config != stack.config).cloned()
}

/// The configuration from before Gateway API was enabled.
fn before_gateway_api(config: &CiliumConfig) -> CiliumConfig {
    CiliumConfig { gateway_api: false, host_network: HostNetwork::Off, ..config.clone() }
}

/// What the drift checkers of stale agents log (Cilium 1.18.10 `pkg/driftchecker/checker.go`).
/// The checker is on by default since 1.18; before, agents say nothing.
pub(crate) fn drift_log(stack: &Stack) -> Vec<LogLine> {
    if !stack.version.is_at_least(18, 0) {
        return Vec::new();
    }
    let now = config_map::entries(&stack.config, &stack.version);
    let nodes: BTreeSet<&String> =
        stack.faults.stale_agents.keys().chain(stack.started_with.keys()).collect();
    let mut lines = Vec::new();
    for node in nodes {
        let Some(config) = started_with(stack, node) else { continue };
        let mut started: BTreeMap<String, String> = AGENT_FLAGS
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
            .collect();
        started.extend(config_map::entries(&config, &stack.version));
        lines.extend(now.iter().filter_map(|(key, expected)| {
            let text = drift_line(key, started.get(key), expected)?;
            Some(LogLine { component: Component::CiliumAgent(NodeName::new(node)), text })
        }));
    }
    lines
}

/// One finding of a drift checker; `None` when the setting is as expected. `expectedSource` is the
/// key and the name of the ConfigMap (Cilium 1.20 `pkg/dynamicconfig/{table,reflectors}.go`).
fn drift_line(key: &str, actual: Option<&String>, expected: &str) -> Option<String> {
    let source = format!("{key}/cilium-config");
    match actual {
        Some(actual) if actual == expected => None,
        Some(actual) => Some(format!(
            "level=warn msg=\"Mismatch found\" module=agent.controlplane.config-drift-checker \
             key={key} actual={actual} expectedValue={expected} expectedSource={source}"
        )),
        None => Some(format!(
            "level=warn msg=\"No local entry found\" module=agent.controlplane.config-drift-checker \
             key={key} expectedValue={expected} expectedSource={source}"
        )),
    }
}

/// What Envoys log where they may not bind a listener's ports: without `NET_BIND_SERVICE` the
/// kernel refuses ports below 1024 (Cilium 1.20 `host-network-mode.rst`). The words around the
/// reason are Envoy's.
pub(crate) fn envoy_log(
    snapshot: &Snapshot,
    stack: &Stack,
    configs: &[EnvoyConfig],
) -> Vec<LogLine> {
    if stack.config.envoy_may_bind_low_ports {
        return Vec::new();
    }
    let mut lines = Vec::new();
    for config in configs {
        for listener in &config.listeners {
            let Some(port) = listener.host_ports.iter().find(|port| **port < 1024) else {
                continue;
            };
            let text = format!(
                "level=warning msg=\"gRPC config for \
                 type.googleapis.com/envoy.config.listener.v3.Listener rejected: Error \
                 adding/updating listener(s) {}/{}: cannot bind '0.0.0.0:{port}': Permission \
                 denied\"",
                config.name, listener.name
            );
            lines.extend(snapshot.list(NODE).filter(|node| runs(stack, node, config)).map(
                |node| LogLine {
                    component: Component::Envoy(NodeName::new(name(node))),
                    text: text.clone(),
                },
            ));
        }
    }
    lines
}

/// What agents and Envoys log where Envoy refuses a listener whose port was changed: the old one
/// still holds its address (cilium/cilium#48132; agent: Cilium 1.20 `pkg/envoy/xds/server.go`;
/// Envoy: `source/common/listener_manager/listener_manager_impl.cc`).
pub(crate) fn rejection_log(
    snapshot: &Snapshot,
    stack: &Stack,
    rejected: &[Rejected<'_>],
) -> Vec<LogLine> {
    let mut lines = Vec::new();
    for Rejected { config, listener, port } in rejected {
        let reason = format!(
            "Error adding/updating listener(s) {}/{listener}: error adding listener: \
             '{}/{listener}' has duplicate address '0.0.0.0:{port}' as existing listener",
            config.name, config.name
        );
        for node in snapshot.list(NODE).filter(|node| runs(stack, node, config)) {
            let node = NodeName::new(name(node));
            lines.push(LogLine {
                component: Component::Envoy(node.clone()),
                text: format!(
                    "level=warning msg=\"gRPC config for \
                     type.googleapis.com/envoy.config.listener.v3.Listener rejected: {reason}\""
                ),
            });
            lines.push(LogLine {
                component: Component::CiliumAgent(node),
                text: format!(
                    "level=warn msg=\"NACK received for versions between the reported version up to \
                     the response nonce; waiting for a version update before sending again\" \
                     module=agent.controlplane.envoy-proxy xdsDetail=\"{reason}\" \
                     xdsTypeURL=type.googleapis.com/envoy.config.listener.v3.Listener"
                ),
            });
        }
    }
    lines
}

/// A listener that Envoys refuse.
#[derive(Debug)]
pub(crate) struct Rejected<'a> {
    /// Its configuration.
    pub(crate) config: &'a EnvoyConfig,
    /// Its name.
    pub(crate) listener: &'a str,
    /// The port that the listener in force holds.
    pub(crate) port: u16,
}

/// Whether a node's agent hands this configuration to an Envoy that runs.
fn runs(stack: &Stack, node: &Value, config: &EnvoyConfig) -> bool {
    let selected = config.node_selector.as_ref().is_none_or(|labels| has_labels(node, labels));
    selected
        && started_with(stack, name(node)).is_none()
        && !stack.faults.pods.envoys.contains_key(name(node))
        && applies(stack, name(node))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use gateproof_core::cilium::CiliumConfig;

    use super::drift_log;
    use crate::controllers::cilium::{Deviations, Stack};

    fn stack(version: &str, stale: &[&str]) -> Stack {
        Stack {
            version: version.parse().expect("a version"),
            config: CiliumConfig {
                gateway_api: true,
                kube_proxy_replacement: true,
                ..CiliumConfig::default()
            },
            faults: Deviations {
                stale_agents: stale
                    .iter()
                    .map(|name| ((*name).to_owned(), "pod".to_owned()))
                    .collect(),
                ..Deviations::default()
            },
            started_with: BTreeMap::new(),
        }
    }

    #[test]
    fn a_stale_agent_reports_known_keys_as_mismatch_and_new_keys_as_missing() {
        let lines: Vec<String> =
            drift_log(&stack("1.20.0", &["worker"])).into_iter().map(|line| line.text).collect();
        let says = |parts: [&str; 2]| {
            lines.iter().any(|line| parts.iter().all(|part| line.contains(part)))
        };
        assert!(says(["Mismatch found", "key=enable-gateway-api actual=false expectedValue=true"]));
        assert!(says(["No local entry found", "key=gateway-api-hostnetwork-enabled"]));
        assert!(!says(["kube-proxy-replacement", ""]), "what did not change is not reported");
    }

    #[test]
    fn current_agents_and_versions_without_the_checker_say_nothing() {
        assert!(drift_log(&stack("1.20.0", &[])).is_empty());
        assert!(drift_log(&stack("1.17.10", &["worker"])).is_empty());
        assert!(!drift_log(&stack("1.18.0", &["worker"])).is_empty());
    }
}
