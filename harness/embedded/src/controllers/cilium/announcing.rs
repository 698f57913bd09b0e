//! Layer-2 announcements: which node's agent holds the lease for a Service, and what that makes of
//! the Service's addresses (cilium/cilium `pkg/l2announcer/l2announcer.go` 1.16 to 1.21-dev).
//!
//! Agents on the nodes that a policy chooses elect one of themselves by a lease; whoever holds it
//! announces on the devices that the policy's interfaces match. Here every node has the one device
//! that kind gives it, the first in order wins the election, and a lease is renewed every ten
//! seconds instead of every two. An agent that announces nothing keeps the lease all the same.
//!
//! In a cluster with neither the setting nor a policy, something outside of Cilium leads addresses
//! to nodes, and this module has no part in it.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use gateproof_core::announcement::{Policy, addresses, foreign_class, is_lease, lease_name};
use gateproof_core::label_selector::labels_of;
use gateproof_core::name::{NamespacedName, NodeName};
use gateproof_kubernetes::Component;
use regex::Regex;
use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::{Stack, agent};
use crate::controllers::component_log::LogLine;
use crate::controllers::kind::{CILIUM_L2_ANNOUNCEMENT_POLICY, CILIUM_NODE, LEASE, SERVICE};
use crate::controllers::object::{condition, identity, name, namespace, skeleton, text};
use crate::controllers::snapshot::Snapshot;
use crate::controllers::transition::stamp;
use crate::controllers::write::{FieldManager, Write};

/// Where leases are: Cilium's own namespace.
const HOME: &str = "kube-system";
/// The device of every node, as on kind.
const DEVICE: &str = "eth0";
/// For how long a lease holds (`l2-announcements-lease-duration`).
const LASTS: u64 = 15;
/// When a lease is renewed.
const RENEWED_AFTER: Duration = Duration::from_secs(10);
/// What agents say of a policy whose interfaces are no regular expressions.
const BAD_INTERFACE: &str = "io.cilium/bad-interface-regex";

/// What one look at all Services amounts to.
#[derive(Debug, Default)]
pub(crate) struct Announced {
    /// Leases, and what agents say of policies.
    pub(crate) writes: Vec<Write>,
    /// What agents log.
    pub(crate) log: Vec<LogLine>,
    /// Whether a lease is to be renewed in a while.
    pub(crate) renewal: Option<Duration>,
}

/// How connections to addresses of load balancers get to nodes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Way {
    /// By something outside of the cluster, to whichever node serves them.
    AnyNode,
    /// To the node that announces the address; to nobody where none does.
    Announced(BTreeMap<IpAddr, NodeName>),
}

/// Elects announcers, and gives up leases that nobody wants any more.
pub(crate) fn desired(snapshot: &Snapshot, stack: &Stack, now: &str) -> Announced {
    let mut announced = Announced::default();
    let all = policies(snapshot);
    if stack.config.l2_announcements {
        announced.writes.extend(all.iter().filter_map(|policy| policy.status(snapshot, now)));
    }
    let mut wanted = Vec::new();
    for service in snapshot.list(SERVICE) {
        let full = full_name(service);
        let candidates = candidates(snapshot, stack, &all, service);
        if candidates.is_empty() {
            continue;
        }
        let lease = lease_name(&full);
        if stack.faults.leases_forbidden {
            announced.log.extend(
                candidates
                    .iter()
                    .filter(|one| one.is_up)
                    .map(|one| forbidden(stack, &lease, &one.node)),
            );
            continue;
        }
        let live = snapshot.get(LEASE, Some(HOME), &lease);
        wanted.push(lease.clone());
        if let Some(write) = elect(live, &lease, &candidates, now) {
            announced.writes.push(write);
        }
        if candidates.iter().any(|one| one.is_up) {
            announced.renewal = Some(RENEWED_AFTER);
        }
    }
    let unwanted = snapshot.list_in(LEASE, HOME).filter(|lease| {
        is_lease(name(lease)) && !wanted.iter().any(|wanted| wanted == name(lease))
    });
    announced.writes.extend(unwanted.map(|lease| Write::Delete(identity(lease))));
    announced
}

/// How connections get to nodes.
pub(crate) fn way(snapshot: &Snapshot, stack: &Stack) -> Way {
    let all = policies(snapshot);
    if !stack.config.l2_announcements && all.is_empty() {
        return Way::AnyNode;
    }
    let mut announcers = BTreeMap::new();
    for service in snapshot.list(SERVICE) {
        let lease = snapshot.get(LEASE, Some(HOME), &lease_name(&full_name(service)));
        let Some(holder) = lease.and_then(|lease| text(lease, "/spec/holderIdentity")) else {
            continue;
        };
        let does = candidates(snapshot, stack, &all, service)
            .into_iter()
            .any(|one| one.node == holder && one.is_up && one.announces);
        if !does {
            continue;
        }
        let by_ip = addresses(service).into_iter().filter_map(|address| address.parse().ok());
        // NDP is answered from 1.19 on (Documentation/network/l2-announcements.rst 1.18 and 1.19).
        let answered =
            by_ip.filter(|address: &IpAddr| address.is_ipv4() || stack.version.is_at_least(19, 0));
        announcers.extend(answered.map(|address| (address, NodeName::new(holder))));
    }
    Way::Announced(announcers)
}

/// A node that takes part in the election for a Service.
#[derive(Debug)]
struct Candidate {
    node: String,
    /// Whether its agent runs.
    is_up: bool,
    /// Whether the policy's interfaces match its device.
    announces: bool,
}

/// The nodes whose agents want the lease of a Service, in order.
fn candidates(
    snapshot: &Snapshot,
    stack: &Stack,
    policies: &[Known],
    service: &Value,
) -> Vec<Candidate> {
    if !stack.config.l2_announcements
        || addresses(service).is_empty()
        || foreign_class(service).is_some()
        || needs_backend(stack, service)
    {
        return Vec::new();
    }
    let nodes = snapshot.list(CILIUM_NODE).filter_map(|node| {
        let labels = [labels_of(node)];
        let counts =
            |known: &&Known| known.is_usable() && known.policy.denies(service, &labels).is_none();
        let mut counting = policies.iter().filter(counts).peekable();
        counting.peek()?;
        Some(Candidate {
            node: name(node).to_owned(),
            is_up: agent::is_up(stack, name(node)),
            announces: counting.any(Known::matches_the_device),
        })
    });
    nodes.collect()
}

/// 1.20.2 announces a Service with the policy Local only from nodes that have one of its backends,
/// and a Gateway's Service has the placeholder alone (cilium/cilium#48799).
fn needs_backend(stack: &Stack, service: &Value) -> bool {
    let affected = stack.version.minor() == 20 && stack.version.is_at_least(20, 2);
    affected && text(service, "/spec/externalTrafficPolicy") == Some("Local")
}

/// The lease as it should be, if it is not.
fn elect(live: Option<&Value>, lease: &str, candidates: &[Candidate], now: &str) -> Option<Write> {
    let of = |pointer: &str| live.and_then(|live| text(live, pointer));
    let holder = of("/spec/holderIdentity");
    let holds = |one: &&Candidate| Some(one.node.as_str()) == holder;
    let up = || candidates.iter().filter(|one| one.is_up);
    let Some(elected) = up().find(holds).or_else(|| up().next()) else {
        // The node that had it is lost, and the lease stays as it was left.
        let lost = candidates.first()?;
        return holder.is_none().then(|| written(lease, &lost.node, now, now));
    };
    let micro = micro(now);
    let since = of("/spec/acquireTime").unwrap_or(&micro);
    if holder != Some(elected.node.as_str()) {
        return Some(written(lease, &elected.node, now, now));
    }
    let renewed = of("/spec/renewTime").unwrap_or_default();
    (age(renewed, now) >= RENEWED_AFTER).then(|| written(lease, &elected.node, since, now))
}

fn written(lease: &str, holder: &str, since: &str, now: &str) -> Write {
    let mut object = skeleton(LEASE, Some(HOME), lease);
    object["spec"] = json!({
        "holderIdentity": holder,
        "leaseDurationSeconds": LASTS,
        "acquireTime": micro(since),
        "renewTime": micro(now),
        "leaseTransitions": 0,
    });
    Write::Apply(FieldManager::CiliumAgent, object)
}

/// A time with the microseconds that leases have.
fn micro(time: &str) -> String {
    match time.strip_suffix('Z') {
        Some(seconds) if !seconds.contains('.') => format!("{seconds}.000000Z"),
        _ => time.to_owned(),
    }
}

/// How long ago a time was; what cannot be read was long ago.
fn age(then: &str, now: &str) -> Duration {
    let read = |time: &str| OffsetDateTime::parse(time, &Rfc3339).ok();
    let passed = read(then).zip(read(now)).map(|(then, now)| now - then);
    passed.map_or(Duration::MAX, |passed| Duration::try_from(passed).unwrap_or_default())
}

/// What an agent logs that may not read the lease: up to 1.18 as
/// `Documentation/network/l2-announcements.rst` has it, then as client-go's structured lines
/// (`tools/leaderelection/leaderelection.go` in the vendored copies of 1.18 and 1.19).
fn forbidden(stack: &Stack, lease: &str, node: &str) -> LogLine {
    let error = format!(
        "leases.coordination.k8s.io \\\"{lease}\\\" is forbidden: User \
         \\\"system:serviceaccount:{HOME}:cilium\\\" cannot get resource \\\"leases\\\" in API group \
         \\\"coordination.k8s.io\\\" in the namespace \\\"{HOME}\\\""
    );
    let text = if stack.version.is_at_least(19, 0) {
        format!(
            "level=error msg=\"Error retrieving lease lock\" lock={HOME}/{lease} error=\"{error}\""
        )
    } else {
        format!("level=error msg=\"error retrieving resource lock {HOME}/{lease}: {error}\"")
    };
    LogLine { component: Component::CiliumAgent(NodeName::new(node)), text }
}

fn full_name(service: &Value) -> NamespacedName {
    NamespacedName::new(namespace(service).unwrap_or_default(), name(service))
}

/// A policy, and what its interfaces are.
#[derive(Debug)]
struct Known {
    policy: Policy,
    /// One for each interface, or what is wrong with the first that is none.
    interfaces: Result<Vec<Regex>, String>,
}

fn policies(snapshot: &Snapshot) -> Vec<Known> {
    let all = snapshot.list(CILIUM_L2_ANNOUNCEMENT_POLICY).filter_map(Policy::from_object);
    all.map(|mut policy| {
        let interfaces: Result<Vec<Regex>, _> =
            policy.interfaces.iter().map(|one| Regex::new(one)).collect();
        // What was said of it before is of another generation.
        policy.errors.clear();
        Known {
            policy,
            interfaces: interfaces
                .map_err(|error: regex::Error| format!("error parsing regexp: {error}")),
        }
    })
    .collect()
}

impl Known {
    fn is_usable(&self) -> bool {
        self.interfaces.is_ok()
    }

    fn matches_the_device(&self) -> bool {
        self.interfaces.as_ref().is_ok_and(|all| {
            all.is_empty() || all.iter().any(|interface| interface.is_match(DEVICE))
        })
    }

    /// What agents say of its interfaces, once there was something to say.
    fn status(&self, snapshot: &Snapshot, now: &str) -> Option<Write> {
        let live = snapshot.get(CILIUM_L2_ANNOUNCEMENT_POLICY, None, &self.policy.name)?;
        let (status, message) = match &self.interfaces {
            Err(error) => ("True", error.as_str()),
            Ok(_) => condition(live, BAD_INTERFACE).map(|_| ("False", ""))?,
        };
        let mut object = identity(live);
        object["status"] = json!({"conditions": [{
            "type": BAD_INTERFACE, "status": status, "reason": "error", "message": message,
            "observedGeneration": live.pointer("/metadata/generation"),
        }]});
        stamp(&mut object["status"], live.get("status"), now);
        Some(Write::ApplyStatus(FieldManager::CiliumAgent, object))
    }
}

#[cfg(test)]
mod tests;
