//! Pods that do not come up on purpose: which, and what the kubelet finds.

use std::collections::{BTreeMap, BTreeSet};

use gateproof_core::name::NamespacedName;
use gateproof_core::scenario::PodTrouble;
use serde_json::Value;

use crate::controllers::kind::{DEPLOYMENT, REPLICA_SET};
use crate::controllers::kubernetes::container_image::{ContainerImage, SystemComponent};
use crate::controllers::kubernetes::pod;
use crate::controllers::object::{is_controlled_by, name, namespace, text};
use crate::controllers::snapshot::Snapshot;

/// Pods that do not come up.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Troubles {
    /// Nodes that are lost: nobody reports on their pods any more.
    pub(crate) lost_nodes: BTreeSet<String>,
    /// Agents, by node.
    pub(crate) agents: BTreeMap<String, PodTrouble>,
    /// Envoys, by node.
    pub(crate) envoys: BTreeMap<String, PodTrouble>,
    /// Pods of Deployments.
    pub(crate) deployments: BTreeMap<NamespacedName, PodTrouble>,
}

impl Troubles {
    /// What is the matter with a pod on a node.
    pub(super) fn of(&self, snapshot: &Snapshot, pod: &Value, node: &str) -> Option<PodTrouble> {
        let runs = |component| {
            pod::containers(pod).iter().any(|container| {
                let image = text(container, "/image").unwrap_or_default();
                ContainerImage::classify(image) == ContainerImage::System(component)
            })
        };
        let of_agent =
            self.agents.get(node).filter(|_| runs(SystemComponent::CiliumAgent)).copied();
        let of_envoy =
            || self.envoys.get(node).filter(|_| runs(SystemComponent::CiliumEnvoy)).copied();
        let of_deployment = || {
            if self.deployments.is_empty() {
                return None;
            }
            let deployment = deployment_of(snapshot, pod)?;
            let scope = namespace(pod).unwrap_or_default();
            self.deployments.get(&NamespacedName::new(scope, deployment)).copied()
        };
        of_agent.or_else(of_envoy).or_else(of_deployment)
    }
}

/// The name of the Deployment that a pod belongs to.
pub(super) fn deployment_of<'s>(snapshot: &'s Snapshot, pod: &'s Value) -> Option<&'s str> {
    let scope = namespace(pod).unwrap_or_default();
    let set = snapshot.list_in(REPLICA_SET, scope).find(|set| is_controlled_by(pod, set))?;
    let mut deployments = snapshot.list_in(DEPLOYMENT, scope);
    deployments.find(|deployment| is_controlled_by(set, deployment)).map(name)
}
