//! What Cilium would do: its operator, LB-IPAM, the copying of Secrets, and its agents.
//!
//! Every decision about Gateways is the reference model's; this module feeds it the objects of the
//! cluster, writes what it wants written, and turns its data path into a program for the data
//! plane. What the model does not cover is collected and never guessed.

pub(crate) mod agent;
pub(crate) mod config_map;
pub(crate) mod endpoint;
pub(crate) mod lb_ipam;
pub(crate) mod operator;
pub(crate) mod program;
pub(crate) mod secret_sync;

use std::collections::{BTreeMap, BTreeSet};

use gateproof_core::cilium::{CiliumConfig, CiliumVersion};
use gateproof_core::cluster::{Node, NodeSelector};
use gateproof_core::scenario::Fault;

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
    pub(crate) faults: NodeFaults,
    /// Agents that run with another configuration, because they started before or after the
    /// operator did; by node name.
    pub(crate) started_with: BTreeMap<String, CiliumConfig>,
}

impl Stack {
    /// Whether the operator acts on Gateways: the switch is on, and so is what it needs (Cilium
    /// 1.20 `operator/pkg/gateway-api/cell.go`).
    pub(crate) fn serves_gateways(&self) -> bool {
        self.config.gateway_api && self.config.kube_proxy_replacement
    }
}

/// Deviations by node name.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct NodeFaults {
    /// Agents that still run with the configuration from before Gateway API was enabled, and the
    /// uid of the pod that does: another pod of the node would have read the present one.
    pub(crate) stale_agents: BTreeMap<String, String>,
    /// Nodes on which Envoy does not run.
    pub(crate) envoy_down: BTreeSet<String>,
}

impl NodeFaults {
    /// Resolves the selectors of faults against the nodes. Which pods are stale is known to the
    /// installation alone.
    pub(crate) fn resolve(faults: &[Fault], nodes: &[Node]) -> Self {
        let mut resolved = Self::default();
        for fault in faults {
            match fault {
                Fault::AgentsNotRestarted { .. } => {}
                Fault::EnvoyDown { nodes: selector } => {
                    resolved.envoy_down.extend(chosen(selector, nodes));
                }
            }
        }
        resolved
    }

    /// The nodes whose agents are not restarted.
    pub(crate) fn not_restarted(faults: &[Fault], nodes: &[Node]) -> BTreeSet<String> {
        let mut affected = BTreeSet::new();
        for fault in faults {
            if let Fault::AgentsNotRestarted { nodes: selector } = fault {
                affected.extend(chosen(selector, nodes));
            }
        }
        affected
    }

    /// What is left of them: an agent whose pod was replaced has read the present configuration.
    pub(crate) fn still_there(mut self, snapshot: &Snapshot) -> Self {
        self.stale_agents.retain(|node, stale| {
            agent::pod_of(snapshot, node).and_then(uid) == Some(stale.as_str())
        });
        self
    }
}

fn chosen(selector: &NodeSelector, nodes: &[Node]) -> impl Iterator<Item = String> {
    nodes.iter().filter(|node| selector.matches(node)).map(|node| node.name.as_str().to_owned())
}
