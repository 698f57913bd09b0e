//! Installing the stack in an embedded cluster: objects, restarts, and what the past left behind.
//!
//! Installing again over another configuration restarts Cilium, as whoever installs it should.
//! Agents and operators that were not restarted ([`Fault::AgentsNotRestarted`]) have a past: Cilium is installed
//! without Gateway API first, by a clock that is set back, and then upgraded, with only the others
//! restarted. So their pods are older than the ConfigMap, and Helm has two
//! revisions, as after such an upgrade.
//!
//! [`Fault::AgentsNotRestarted`]: gateproof_core::scenario::Fault::AgentsNotRestarted

use std::collections::BTreeMap;
use std::sync::PoisonError;

use gateproof_kubernetes::{ProviderError, StackRequest};
use serde_json::Value;

use super::cluster::{EmbeddedCluster, refusal};
use super::helm_release::{HelmRelease, Standing};
use super::nodes::control_plane;
use super::stack_objects::{Cidr, GATEWAY_CLASS_NAME, INSTALLED, before_gateway_api, objects};
use super::workloads::SYSTEM;
use crate::api::{Clock, ObjectName};
use crate::controllers::cilium::{Deviations, NotRestarted, Stack, agent, operator};
use crate::controllers::component_log::component_pods::runs;
use crate::controllers::kind::{
    CONFIG_MAP, CUSTOM_RESOURCE_DEFINITION, DAEMON_SET, GATEWAY_CLASS, NODE, POD,
};
use crate::controllers::kubernetes::container_image::SystemComponent;
use crate::controllers::kubernetes::node::{NodeState, node_writes};
use crate::controllers::object::{identity, is_true, label, name, namespace, skeleton, text, uid};
use crate::controllers::snapshot::Snapshot;
use crate::controllers::write::{FieldManager, Write};

/// How long ago what agents still run was installed, in seconds.
const PAST: i64 = 3600;

/// A revision of Cilium's release.
#[derive(Debug, Clone)]
pub(super) struct Revision {
    version: String,
    values: Value,
    now: String,
}

impl EmbeddedCluster {
    /// Installs or reconfigures everything, and returns when it is in force.
    pub(super) async fn install_stack(&self, stack: &StackRequest) -> Result<(), ProviderError> {
        let operation = format!("install Cilium {} in cluster {}", stack.cilium, self.name);
        let pools = self.pools(stack, &operation)?;
        *self.version.lock().unwrap_or_else(PoisonError::into_inner) = Some(stack.cilium.clone());
        self.logs.clear();
        let mut faults = Deviations::resolve(&stack.faults, &self.nodes);
        let not_restarted = NotRestarted::resolve(&stack.faults, &self.nodes);
        self.write(&operation, undefine(&faults))?;
        self.write(&operation, self.lose(&faults))?;
        if !not_restarted.is_nothing() {
            self.clock.set_back(PAST);
            let past = self
                .put_in_force(
                    &before_gateway_api(stack),
                    &pools,
                    Deviations::default(),
                    &NotRestarted::default(),
                )
                .await;
            self.clock.set_back(0);
            past?;
            let snapshot = self.snapshot();
            faults.stale_agents = not_restarted
                .agents
                .iter()
                .filter_map(|node| {
                    Some((node.clone(), uid(agent::pod_of(&snapshot, node)?)?.to_owned()))
                })
                .collect();
            if not_restarted.operator {
                faults.stale_operator = operator::pod(&snapshot).and_then(uid).map(str::to_owned);
            }
        }
        self.put_in_force(stack, &pools, faults, &not_restarted).await
    }

    /// Applies what is to be there, restarts Cilium if its configuration changed, and waits until
    /// everything has been worked through.
    async fn put_in_force(
        &self,
        stack: &StackRequest,
        pools: &[Cidr],
        faults: Deviations,
        not_restarted: &NotRestarted,
    ) -> Result<(), ProviderError> {
        let operation = format!("install Cilium {} in cluster {}", stack.cilium, self.name);
        let before = self.configuration();
        let wanted = objects(stack, pools, &self.nodes);
        let mut writes = self.obsolete(&wanted);
        writes.extend(wanted.into_iter().map(|object| Write::Apply(FieldManager::Helm, object)));
        writes.extend(self.released(stack));
        self.write(&operation, writes)?;
        if before.is_some() && before != self.configuration() {
            self.write(&operation, self.restart(not_restarted))?;
        }
        let installed = Stack {
            version: stack.cilium.clone(),
            config: stack.config.clone(),
            faults,
            started_with: BTreeMap::new(),
        };
        self.controllers
            .install(installed, self.store.revision())
            .await
            .map_err(|stopped| refusal(&operation, stopped.to_string()))
    }

    fn pools(&self, stack: &StackRequest, operation: &str) -> Result<Vec<Cidr>, ProviderError> {
        let own = Vec::from_iter(self.data_plane.block().load_balancer_pool());
        let written = if stack.address_pools.is_empty() { &own } else { &stack.address_pools };
        let pools = written
            .iter()
            .map(|pool| Cidr::parse(pool))
            .collect::<Result<Vec<_>, _>>()
            .map_err(|detail| refusal(operation, detail))?;
        for pool in &pools {
            self.book().admit(pool.network, pool.prefix_length);
        }
        Ok(pools)
    }

    /// The records of Cilium's release: this revision, and the ones before it.
    fn released(&self, stack: &StackRequest) -> Vec<Write> {
        let mut revisions = self.releases.lock().unwrap_or_else(PoisonError::into_inner);
        revisions.push(Revision {
            version: stack.cilium.to_string(),
            values: stack.values.clone(),
            now: self.clock.now(),
        });
        let newest = revisions.len() - 1;
        let records = revisions.iter().zip(1..).enumerate().map(|(index, (one, revision))| {
            HelmRelease {
                namespace: SYSTEM,
                name: "cilium",
                version: &one.version,
                revision,
                standing: if index == newest { Standing::Deployed } else { Standing::Superseded },
                values: &one.values,
                now: &one.now,
            }
            .secret()
        });
        records.map(|record| Write::Apply(FieldManager::Helm, record)).collect()
    }

    /// Nodes that are lost since the last installation, and those that are back.
    fn lose(&self, faults: &Deviations) -> Vec<Write> {
        let snapshot = self.snapshot();
        let taint = control_plane(&self.nodes);
        let now = self.clock.now();
        let mut writes = Vec::new();
        for node in &self.nodes {
            let state = if faults.pods.lost_nodes.contains(node.name.as_str()) {
                NodeState::Lost
            } else {
                NodeState::Ready
            };
            let live = snapshot.get(NODE, None, node.name.as_str());
            if live.is_some_and(|live| is_true(live, "Ready")) != (state == NodeState::Ready) {
                writes.extend(node_writes(node, taint, state, &now));
            }
        }
        writes
    }

    /// The entries of Cilium's ConfigMap, once there is one.
    fn configuration(&self) -> Option<Value> {
        let map = self.snapshot().get(CONFIG_MAP, Some(SYSTEM), "cilium-config").cloned();
        map.and_then(|map| map.get("data").cloned())
    }

    /// The pods that read their configuration at their start go, and come back with what is there
    /// now; not those that are spared.
    fn restart(&self, spared: &NotRestarted) -> Vec<Write> {
        let snapshot = self.snapshot();
        let restarted = snapshot.list(POD).filter(|pod| {
            let node = text(pod, "/spec/nodeName").unwrap_or_default();
            (runs(pod, SystemComponent::CiliumOperator) && !spared.operator)
                || runs(pod, SystemComponent::CiliumEnvoy)
                || (runs(pod, SystemComponent::CiliumAgent) && !spared.agents.contains(node))
        });
        restarted
            .map(|pod| {
                let scope = namespace(pod).unwrap_or_default();
                self.store.pod_logs().forget(&ObjectName::namespaced(scope, name(pod)));
                Write::Delete(identity(pod))
            })
            .collect()
    }

    fn snapshot(&self) -> Snapshot {
        Snapshot::of(self.store.all())
    }

    /// Objects of an earlier installation that this one does not make.
    fn obsolete(&self, wanted: &[Value]) -> Vec<Write> {
        let is_wanted = |object: &Value| wanted.iter().any(|one| identity(one) == identity(object));
        self.store
            .all()
            .into_iter()
            .filter(|object| {
                let kind = object.get("kind").and_then(Value::as_str).unwrap_or_default();
                let class = kind == GATEWAY_CLASS.kind && name(object) == GATEWAY_CLASS_NAME;
                let envoy = kind == DAEMON_SET.kind && name(object) == "cilium-envoy";
                class || envoy || label(object, INSTALLED.0) == Some(INSTALLED.1)
            })
            .filter(|object| !is_wanted(object))
            .map(|object| Write::Delete(identity(&object)))
            .collect()
    }
}

/// Takes away the definitions that are not to be there.
fn undefine(faults: &Deviations) -> Vec<Write> {
    let definitions = faults.undefined.iter().map(|kind| operator::definition_name(kind));
    definitions
        .map(|name| Write::Delete(skeleton(CUSTOM_RESOURCE_DEFINITION, None, &name)))
        .collect()
}
