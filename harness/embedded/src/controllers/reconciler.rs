//! One pass over everything: rounds of all controllers until nothing changes, then the data plane.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use gateproof_core::cert_manager::GatewaySupport;
use gateproof_core::name::NamespacedName;
use gateproof_model::translation::envoy::EnvoyConfig;
use gateproof_model::{Resources, SkipReason, Unmodelled};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::cert_manager;
use super::cert_manager::acme::AcmeServers;
use super::cert_manager::acme::validation::{Means, Validated, validate};
use super::cilium::agent::{Rejected, drift_log, envoy_log, rejection_log};
use super::cilium::endpoint::Backends;
use super::cilium::operator::Operator;
use super::cilium::program::{Programmed, program};
use super::cilium::{Stack, announcing, deviation, lb_ipam, secret_sync};
use super::cluster_network::ClusterNetwork;
use super::component_log::{LogLine, component_pods};
use super::findings::Findings;
use super::kubernetes::kubelet::Kubelet;
use super::kubernetes::{
    daemon_set, deployment, endpoint_slice, namespace, node_range, replica_set, scheduler, service,
};
use super::snapshot::Snapshot;
use super::write::{Effect, Write};
use super::writer::Writer;
use super::{Installation, Surroundings, installed};
use crate::dataplane::Program;
use gateproof_echo::Log;

/// Rounds after which a pass is given up. A Gateway with certificates and backends settles in
/// fewer than ten.
const ROUNDS: usize = 60;

/// After which time a challenge that is not fulfilled is tried again; cert-manager waits ten
/// seconds (`--dns01-check-retry-period`, which holds for HTTP-01 too).
const CHALLENGES_AGAIN: Duration = Duration::from_secs(1);

/// All controllers and what they keep between passes.
pub(super) struct Reconciler {
    surroundings: Surroundings,
    /// What runs pods on all nodes, where they are not machines of their own.
    kubelet: Option<Kubelet>,
    operator: Operator,
    /// What Envoys have in force where they refuse changes of a port, by configuration.
    in_force: BTreeMap<NamespacedName, EnvoyConfig>,
    writer: Writer,
}

/// What a pass amounts to.
pub(super) struct Pass {
    /// The revision that the last round started from: everything up to it has been worked through.
    pub(super) revision: u64,
    /// After which time something is due without any change.
    pub(super) wake_in: Option<Duration>,
    /// What could not be done or is not covered.
    pub(super) findings: Findings,
}

/// What one round did.
#[derive(Default)]
struct Round {
    changed: Vec<String>,
    refused: Vec<String>,
    unmodelled: Vec<Unmodelled>,
    next_wake: Option<OffsetDateTime>,
    /// When leases of announcers are to be renewed.
    renewal: Option<Duration>,
}

impl Reconciler {
    /// Controllers that have seen nothing yet.
    pub(super) fn new(surroundings: Surroundings) -> Self {
        let writer = Writer::new(surroundings.store.clone());
        let kubelet = surroundings.data_plane.as_ref().map(|data_plane| {
            let store = &surroundings.store;
            let (logs, network) = (store.pod_logs().clone(), store.pod_network().clone());
            Kubelet::new(data_plane.block().base(), logs, network)
        });
        Self {
            surroundings,
            kubelet,
            operator: Operator::default(),
            in_force: BTreeMap::new(),
            writer,
        }
    }

    /// Runs rounds until nothing changes, then programs the data plane and asks it for ACME's
    /// challenges, which may change something again.
    pub(super) async fn settle(&mut self, stack: Option<&Stack>) -> Pass {
        let mut findings = Findings::default();
        let mut changed = Vec::new();
        for _ in 0..ROUNDS {
            let revision = self.surroundings.store.revision();
            let round = self.round(stack).await;
            findings.refused_writes = round.refused;
            findings.unmodelled = round.unmodelled;
            if round.changed.is_empty() {
                self.program(stack, &mut findings).await;
                let challenges = self.challenges(stack).await;
                findings.unmodelled.extend(challenges.unmodelled);
                findings.unmodelled.sort();
                let mut answered = Round::default();
                self.perform(challenges.writes, &mut answered);
                if answered.changed.is_empty() {
                    let due = round.next_wake.map(|due| self.time_until(due));
                    let again = (challenges.waiting > 0).then_some(CHALLENGES_AGAIN);
                    let wake_in = due.into_iter().chain(again).chain(round.renewal).min();
                    return Pass { revision, wake_in, findings };
                }
                changed = answered.changed;
                continue;
            }
            changed = round.changed;
        }
        changed.sort();
        changed.dedup();
        tracing::error!(?changed, rounds = ROUNDS, "the embedded controllers do not settle");
        self.program(stack, &mut findings).await;
        findings.livelock = Some(changed);
        Pass { revision: self.surroundings.store.revision(), wake_in: None, findings }
    }

    /// Stops every echo server.
    pub(super) async fn shutdown(&mut self) {
        if let Some(kubelet) = &mut self.kubelet {
            kubelet.shutdown().await;
        }
    }

    /// How long until this moment, and a second more: certificates are renewed a little late
    /// rather than looked at a little early.
    fn time_until(&self, due: OffsetDateTime) -> Duration {
        let now = OffsetDateTime::parse(&self.surroundings.clock.now(), &Rfc3339);
        let left = now.ok().and_then(|now| Duration::try_from(due - now).ok());
        left.unwrap_or_default() + Duration::from_secs(1)
    }

    fn snapshot(&self) -> Snapshot {
        Snapshot::of(self.surroundings.store.all())
    }

    /// What is installed, by `told` or by what is recorded in the cluster.
    fn installed(&self, told: Option<&Stack>) -> (Option<Stack>, Option<GatewaySupport>) {
        match self.surroundings.installation {
            Installation::Told => {
                let snapshot = self.snapshot();
                let stack = told.cloned().map(|stack| Stack {
                    faults: stack.faults.clone().still_there(&snapshot),
                    ..stack
                });
                let shim = stack.as_ref().map(|stack| {
                    if stack.faults.cert_manager_without_gateway_api {
                        GatewaySupport::Off
                    } else {
                        GatewaySupport::On
                    }
                });
                (stack, shim)
            }
            Installation::Recorded => {
                let snapshot = self.snapshot();
                (installed::stack(&snapshot), installed::cert_manager(&snapshot))
            }
        }
    }

    async fn round(&mut self, told: Option<&Stack>) -> Round {
        let now = self.surroundings.clock.now();
        let mut round = Round::default();
        if self.surroundings.installation == Installation::Recorded {
            let writes = node_range::desired(&self.snapshot());
            self.perform(writes, &mut round);
            let writes = installed::desired(&self.snapshot());
            self.perform(writes, &mut round);
        }
        let (stack, cert_manager) = self.installed(told);
        let stack = stack.as_ref();
        let writes = namespace::desired(&self.snapshot());
        self.perform(writes, &mut round);
        let writes = service::desired(&self.snapshot());
        self.perform(writes, &mut round);
        let writes = daemon_set::desired(&self.snapshot());
        self.perform(writes, &mut round);
        let writes = deployment::desired(&self.snapshot(), &now);
        self.perform(writes, &mut round);
        let writes = replica_set::desired(&self.snapshot());
        self.perform(writes, &mut round);
        let writes = scheduler::desired(&self.snapshot(), &now);
        self.perform(writes, &mut round);
        let troubles = stack.map(|stack| stack.faults.pods.clone()).unwrap_or_default();
        let snapshot = self.snapshot();
        if let Some(kubelet) = &mut self.kubelet {
            let writes = kubelet.sync(&snapshot, &troubles, &now).await;
            self.perform(writes, &mut round);
        }
        let writes = endpoint_slice::desired(&self.snapshot());
        self.perform(writes, &mut round);
        if let Some(shim) = cert_manager {
            self.cert_manager(shim, &now, &mut round);
        }
        if let Some(stack) = stack {
            self.cilium(stack, &now, &mut round);
        }
        round.unmodelled.sort();
        round.unmodelled.dedup();
        round
    }

    fn acme_servers(&self) -> AcmeServers {
        self.kubelet.as_ref().map(Kubelet::acme_servers).unwrap_or_default()
    }

    /// Asks for the challenges of ACME; there are some only where Pebble runs in this process.
    async fn challenges(&self, told: Option<&Stack>) -> Validated {
        let servers = self.acme_servers();
        let (stack, _) = self.installed(told);
        match (&self.surroundings.data_plane, &self.kubelet, stack) {
            (Some(data_plane), Some(kubelet), Some(stack)) if !servers.is_empty() => {
                let book = data_plane.address_book();
                let (snapshot, pods) = (self.snapshot(), kubelet.sockets());
                let means = Means {
                    servers: &servers,
                    stack: &stack,
                    book: book.as_ref(),
                    network: &ClusterNetwork::new(&snapshot, &pods),
                    now: &self.surroundings.clock.now(),
                };
                validate(&means).await
            }
            _ => Validated::default(),
        }
    }

    fn cert_manager(&mut self, shim: GatewaySupport, now: &str, round: &mut Round) {
        let outcome = cert_manager::reconcile(&self.snapshot(), shim, &self.acme_servers(), now);
        self.say(outcome.log, now);
        round.unmodelled.extend(outcome.unmodelled);
        round.next_wake = outcome.next_renewal;
        self.perform(outcome.writes, round);
    }

    fn cilium(&mut self, stack: &Stack, now: &str, round: &mut Round) {
        let snapshot = self.snapshot();
        let (resources, broken) = resources(&snapshot);
        round.unmodelled.extend(broken);
        let (assigned, not_covered) = lb_ipam::desired(&snapshot, stack, &resources, now);
        round.unmodelled.extend(not_covered);
        self.perform(assigned, round);
        let reconciled = self.operator.reconcile(&snapshot, stack, &resources, now);
        self.say(reconciled.log, now);
        round.unmodelled.extend(reconciled.unmodelled);
        self.perform(reconciled.writes, round);
        let announced = announcing::desired(&self.snapshot(), stack, now);
        self.say(announced.log, now);
        round.renewal = announced.renewal;
        self.perform(announced.writes, round);
        let copies = stack.config.secrets_sync && !stack.faults.secrets_not_copied;
        if stack.serves_gateways() && copies {
            let copies = secret_sync::desired(
                &snapshot,
                &stack.config.secrets_namespace,
                &reconciled.synced_secrets,
            );
            self.perform(copies, round);
        }
    }

    /// The agents: tells the data plane what the model says every node's sockets do.
    async fn program(&mut self, told: Option<&Stack>, findings: &mut Findings) {
        let snapshot = self.snapshot();
        let (stack, _) = self.installed(told);
        let Some(stack) = stack else {
            if let Some(data_plane) = &self.surroundings.data_plane {
                findings.applied = data_plane.apply(Program::default()).await;
            }
            return;
        };
        let stack = &stack;
        let (mut configs, foreign) = self.operator.configs(&snapshot);
        let (resources, _) = resources(&snapshot);
        findings.unmodelled.extend(foreign);
        let mut said = envoy_log(&snapshot, stack, &configs);
        if stack.faults.port_change_rejected {
            said.extend(self.keep_ports(&snapshot, stack, &mut configs));
        }
        if stack.faults.ingress_denied {
            configs.iter_mut().for_each(deviation::deny);
        }
        if let (Some(data_plane), Some(kubelet)) = (&self.surroundings.data_plane, &self.kubelet) {
            let backends =
                Backends { pods: kubelet.sockets(), refused: data_plane.block().refused() };
            let Programmed { program, unmodelled } =
                program(&snapshot, stack, &resources, configs, &backends);
            findings.unmodelled.extend(unmodelled);
            findings.applied = data_plane.apply(program).await;
        }
        findings.unmodelled.sort();
        findings.unmodelled.dedup();
        let now = self.surroundings.clock.now();
        self.say(drift_log(stack), &now);
        self.say(said, &now);
    }

    /// Puts listeners that are in force in the place of those whose ports were changed.
    fn keep_ports(
        &mut self,
        snapshot: &Snapshot,
        stack: &Stack,
        configs: &mut [EnvoyConfig],
    ) -> Vec<LogLine> {
        let mut said = Vec::new();
        for config in configs {
            let before = self.in_force.entry(config.name.clone()).or_insert_with(|| config.clone());
            match deviation::port_changed(before, config) {
                None => before.clone_from(config),
                Some((listener, port)) => {
                    let rejected = [Rejected { config, listener: &listener, port }];
                    said.extend(rejection_log(snapshot, stack, &rejected));
                    config.clone_from(before);
                }
            }
        }
        said
    }

    fn say(&self, lines: Vec<LogLine>, now: &str) {
        if lines.is_empty() {
            return;
        }
        let snapshot = self.snapshot();
        let logs = self.surroundings.store.pod_logs();
        for line in lines {
            let component = line.component.clone();
            let Some(text) = self.surroundings.logs.say(line, now) else { continue };
            for pod in component_pods::of(&snapshot, &component) {
                logs.of(pod).say(text.clone());
            }
        }
    }

    fn perform(&mut self, writes: Vec<Write>, round: &mut Round) {
        for write in writes {
            let description = write.describe();
            match self.writer.perform(write) {
                Ok(Effect::Changed) => round.changed.push(description),
                Ok(Effect::Unchanged) => {}
                Err(error) => {
                    tracing::warn!(%error, "the embedded API refused to {description}");
                    round.refused.push(format!("failed to {description}: {error}"));
                }
            }
        }
    }
}

/// The objects as the model reads them, and those that it cannot read. Kinds that it does not look
/// at are no finding.
fn resources(snapshot: &Snapshot) -> (Resources, BTreeSet<Unmodelled>) {
    let (resources, skipped) = Resources::from_objects(snapshot.objects());
    let broken = skipped
        .into_iter()
        .filter_map(|skipped| match skipped.reason {
            SkipReason::NotRead => None,
            SkipReason::Broken(why) => Some(Unmodelled {
                object: skipped.object,
                what: format!("what is no valid object of its kind ({why})"),
            }),
        })
        .collect();
    (resources, broken)
}
