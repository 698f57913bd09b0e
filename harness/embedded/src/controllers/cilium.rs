//! What Cilium would do: its operator, LB-IPAM, the copying of Secrets, and its agents.
//!
//! Every decision about Gateways is the reference model's; this module feeds it the objects of the
//! cluster, writes what it wants written, and turns its data path into a program for the data
//! plane. What the model does not cover is collected and never guessed.

pub(crate) mod agent;
pub(crate) mod announcing;
pub(crate) mod config_map;
pub(crate) mod deviation;
pub(crate) mod endpoint;
pub(crate) mod lb_ipam;
pub(crate) mod operator;
pub(crate) mod program;
pub(crate) mod secret_sync;

use std::collections::{BTreeMap, BTreeSet};

use gateproof_core::cilium::{CiliumConfig, CiliumVersion};
use gateproof_core::cluster::{Node, NodeSelector};
use gateproof_core::scenario::Fault;

use crate::controllers::kubernetes::kubelet::Troubles;
use crate::controllers::object::uid;
use crate::controllers::snapshot::Snapshot;

/// What is installed, and what is wrong with it on purpose.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Stack {
    /// Cilium's version.
    pub(crate) version: CiliumVersion,
    /// The configuration that the ConfigMap holds and the operator started with.
    pub(crate) config: CiliumConfig,
    /// Deviations by node name.
    pub(crate) faults: Deviations,
    /// Agents that run with another configuration, because they started before or after the
    /// operator did; by node name.
    pub(crate) started_with: BTreeMap<String, CiliumConfig>,
}

impl Stack {
    /// Whether the operator acts on Gateways: the switch was on at its start, and so is what it needs (Cilium
    /// 1.20 `operator/pkg/gateway-api/cell.go`).
    pub(crate) fn serves_gateways(&self) -> bool {
        self.config.gateway_api
            && self.config.kube_proxy_replacement
            && self.faults.stale_operator.is_none()
            && self.undefined().next().is_none()
    }

    /// Kinds that the operator needs to act on Gateways and did not find defined at its start
    /// (Cilium 1.15.15 to 1.20 `operator/pkg/gateway-api/cell.go`; 1.14 does not look).
    pub(crate) fn undefined(&self) -> impl Iterator<Item = &str> {
        let required: &[&str] = match self.version.minor() {
            ..=14 => &[],
            15 | 16 => &["GRPCRoute", "TLSRoute"],
            17..=19 => &["GRPCRoute"],
            _ => &["GRPCRoute", "TLSRoute", "BackendTLSPolicy"],
        };
        let undefined = self.faults.undefined.iter().map(String::as_str);
        undefined.filter(|kind| required.contains(kind))
    }
}

/// What is wrong on purpose.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[expect(clippy::struct_excessive_bools, reason = "independent faults")]
pub(crate) struct Deviations {
    /// Agents that still run with the configuration from before Gateway API was enabled, and the
    /// uid of the pod that does: another pod of the node would have read the present one.
    pub(crate) stale_agents: BTreeMap<String, String>,
    /// The uid of the operator's pod, when it still runs with that configuration.
    pub(crate) stale_operator: Option<String>,
    /// Pods that do not come up, and nodes that are lost.
    pub(crate) pods: Troubles,
    /// Nodes before which packets to ports of Gateways are dropped.
    pub(crate) filtered: BTreeSet<String>,
    /// Nodes whose agents apply no CiliumEnvoyConfig.
    pub(crate) configs_ignored: BTreeSet<String>,
    /// Nodes whose Envoys have no routes.
    pub(crate) without_routes: BTreeSet<String>,
    /// Nodes whose Envoys have no endpoints.
    pub(crate) without_endpoints: BTreeSet<String>,
    /// Kinds of the Gateway API that were not defined when the operator started.
    pub(crate) undefined: Vec<String>,
    /// The operator fails over routes before it translates them.
    pub(crate) operator_fails_on_routes: bool,
    /// The operator copies no Secrets.
    pub(crate) secrets_not_copied: bool,
    /// cert-manager has no support for the Gateway API.
    pub(crate) cert_manager_without_gateway_api: bool,
    /// Envoys refuse listeners whose port was changed.
    pub(crate) port_change_rejected: bool,
    /// Envoys answer everything with 403.
    pub(crate) ingress_denied: bool,
    /// Agents may not write Leases.
    pub(crate) leases_forbidden: bool,
}

impl Deviations {
    /// Resolves faults against the nodes. Which pods are stale is known to the installation alone.
    pub(crate) fn resolve(faults: &[Fault], nodes: &[Node]) -> Self {
        let mut resolved = Self::default();
        for fault in faults {
            match fault {
                Fault::AgentsNotRestarted { .. } | Fault::OperatorNotRestarted => {}
                Fault::AgentDown { nodes: selector, why } => {
                    let down = chosen(selector, nodes).map(|node| (node, *why));
                    resolved.pods.agents.extend(down);
                }
                Fault::EnvoyDown { nodes: selector, why } => {
                    let down = chosen(selector, nodes).map(|node| (node, *why));
                    resolved.pods.envoys.extend(down);
                }
                Fault::BackendDown { backend, why } => {
                    resolved.pods.deployments.insert(backend.clone(), *why);
                }
                Fault::NodeDown { nodes: selector } => {
                    resolved.pods.lost_nodes.extend(chosen(selector, nodes));
                }
                Fault::PortsFiltered { nodes: selector } => {
                    resolved.filtered.extend(chosen(selector, nodes));
                }
                Fault::EnvoyConfigsIgnored { nodes: selector } => {
                    resolved.configs_ignored.extend(chosen(selector, nodes));
                }
                Fault::RoutesNotTaken { nodes: selector } => {
                    resolved.without_routes.extend(chosen(selector, nodes));
                }
                Fault::EndpointsNotTaken { nodes: selector } => {
                    resolved.without_endpoints.extend(chosen(selector, nodes));
                }
                Fault::DefinitionsAbsent { kinds } => resolved.undefined.clone_from(kinds),
                Fault::OperatorFailsOnRoutes => resolved.operator_fails_on_routes = true,
                Fault::SecretsNotCopied => resolved.secrets_not_copied = true,
                Fault::CertManagerWithoutGatewayApi => {
                    resolved.cert_manager_without_gateway_api = true;
                }
                Fault::PortChangeRejected => resolved.port_change_rejected = true,
                Fault::IngressDenied => resolved.ingress_denied = true,
                Fault::LeasesForbidden => resolved.leases_forbidden = true,
            }
        }
        resolved
    }

    /// What is left of them: what runs in a pod that was replaced has read the present
    /// configuration.
    pub(crate) fn still_there(mut self, snapshot: &Snapshot) -> Self {
        self.stale_agents.retain(|node, stale| {
            agent::pod_of(snapshot, node).and_then(uid) == Some(stale.as_str())
        });
        self.stale_operator = self
            .stale_operator
            .filter(|stale| operator::pod(snapshot).and_then(uid) == Some(stale));
        self
    }
}

/// What was not restarted when Gateway API was enabled.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct NotRestarted {
    /// The agents of these nodes.
    pub(crate) agents: BTreeSet<String>,
    /// The operator.
    pub(crate) operator: bool,
}

impl NotRestarted {
    /// Resolves faults against the nodes.
    pub(crate) fn resolve(faults: &[Fault], nodes: &[Node]) -> Self {
        let mut resolved = Self::default();
        for fault in faults {
            if let Fault::AgentsNotRestarted { nodes: selector } = fault {
                resolved.agents.extend(chosen(selector, nodes));
            }
            resolved.operator |= *fault == Fault::OperatorNotRestarted;
        }
        resolved
    }

    /// Whether everything was restarted.
    pub(crate) fn is_nothing(&self) -> bool {
        *self == Self::default()
    }
}

fn chosen(selector: &NodeSelector, nodes: &[Node]) -> impl Iterator<Item = String> {
    nodes.iter().filter(|node| selector.matches(node)).map(|node| node.name.as_str().to_owned())
}
