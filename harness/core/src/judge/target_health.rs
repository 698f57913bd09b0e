//! What a load balancer concluded about its targets.
//!
//! The verdict comes from target health, never from whether traffic passed: an NLB without a
//! healthy target sends to all of them (AWS, Network Load Balancers: Target group health).

use std::collections::BTreeSet;

use super::everywhere::{Contact, Fared, pattern, told_once};
use super::hint::connection;
use super::{hints, refuted, undecided};
use crate::entry::EntryPoint;
use crate::event::Target;
use crate::health::{self, Cause, in_words};
use crate::name::NodeName;
use crate::observation::TcpOutcome;
use crate::scenario::{TargetCount, TargetHealthClaim};
use crate::verdict::{Failure, Judgement};

/// A target and the socket that is checked.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RegisteredTarget<'a> {
    /// The socket.
    pub point: &'a EntryPoint,
    /// What the load balancer concluded.
    pub target: &'a Target,
}

impl RegisteredTarget<'_> {
    fn is_on_one_of(&self, nodes: &[NodeName]) -> bool {
        self.point.node.as_ref().is_some_and(|node| nodes.contains(node))
    }

    /// What the checks came to when they failed.
    fn outcome(&self) -> Option<TcpOutcome> {
        self.target.cause.as_deref().map(|words| (&Cause::from_words(words)).into())
    }
}

/// What a target's state amounts to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Standing {
    Healthy,
    Unhealthy,
    /// Not enough checks yet.
    Initial,
    /// Unused, draining, unavailable, or a word that AWS does not use.
    OutOfService,
}

impl Standing {
    fn of(target: &Target) -> Self {
        match target.state.as_str() {
            "healthy" => Self::Healthy,
            "unhealthy" | "unhealthy.draining" => Self::Unhealthy,
            "initial" => Self::Initial,
            _ => Self::OutOfService,
        }
    }
}

/// Judges the targets as they are now.
///
/// `registered` are the nodes that the claim's selector chose, `selected` those of them that
/// Cilium's node selector chooses (all of them outside host-network mode). Every registered node
/// must have a target, and no target at all refutes every claim.
pub fn target_health(
    claim: &TargetHealthClaim,
    targets: &[RegisteredTarget<'_>],
    registered: &[NodeName],
    selected: &[NodeName],
) -> Judgement {
    let gateway = format!("targets of Gateway {}", claim.gateway);
    if targets.is_empty() {
        let hints = hints(&[
            "an empty target group proves nothing: look at the claim's node selector and at whether the Gateway's Service has node ports",
        ]);
        return vec![refuted(gateway, "at least one target", "none", hints)].into();
    }
    let mut failures: Vec<Failure> = registered
        .iter()
        .filter(|node| !targets.iter().any(|target| target.point.node.as_ref() == Some(node)))
        .map(|node| {
            let hints = hints(&["the harness owes a target for every registered node"]);
            undecided(format!("node {node}"), "a target on this node", "none", hints)
        })
        .collect();
    let unasked = unasked(targets);
    if !unasked.is_empty() {
        failures.extend(unasked);
        return failures.into();
    }
    let mut judged = match claim.healthy {
        TargetCount::All => each(claim, targets, |_| Standing::Healthy),
        TargetCount::None => each(claim, targets, |_| Standing::Unhealthy),
        TargetCount::Exactly(count) => exactly(claim, &gateway, targets, count),
        TargetCount::Selected => by_selection(claim, &gateway, targets, selected),
    };
    if let Some(first) = judged.first_mut() {
        first.hints.extend(circumstances(targets));
    }
    failures.append(&mut judged);
    failures.into()
}

/// Targets whose checks failed because the harness could not make them ("too many open files").
/// They prove nothing, least of all that a target is unhealthy as claimed.
fn unasked(targets: &[RegisteredTarget<'_>]) -> Vec<Failure> {
    let mut failures: Vec<Failure> = targets
        .iter()
        .filter_map(|target| match target.outcome()? {
            TcpOutcome::Other(reason) => Some(undecided(
                &target.target.place,
                "a check that the harness can make",
                format!("{}: {reason}", target.target.state),
                hints(&["this machine refused the check itself: it says nothing about the target"]),
            )),
            _ => None,
        })
        .collect();
    told_once(&mut failures);
    failures
}

/// Every target against the standing it should have.
fn each(
    claim: &TargetHealthClaim,
    targets: &[RegisteredTarget<'_>],
    wanted: impl Fn(&RegisteredTarget<'_>) -> Standing,
) -> Vec<Failure> {
    let judged: Vec<_> =
        targets.iter().map(|target| (target, one(claim, target, wanted(target)))).collect();
    let fared: Vec<Fared<'_>> = judged
        .iter()
        .filter(|(target, _)| wanted(target) == Standing::Healthy)
        .map(|(target, failure)| Fared {
            point: target.point,
            failures: failure.iter().cloned().collect(),
            contact: target.outcome().as_ref().map_or(Contact::NotAtIssue, connection::contact),
        })
        .collect();
    let pattern = pattern(&fared);
    let mut failures: Vec<Failure> =
        judged.into_iter().filter_map(|(_, failure)| failure).collect();
    told_once(&mut failures);
    if let Some(first) = failures.first_mut() {
        first.hints.splice(0..0, pattern);
    }
    failures
}

fn one(
    claim: &TargetHealthClaim,
    registered: &RegisteredTarget<'_>,
    wanted: Standing,
) -> Option<Failure> {
    let target = registered.target;
    let standing = Standing::of(target);
    if standing == wanted {
        return None;
    }
    let expected = if wanted == Standing::Healthy { "healthy" } else { "unhealthy" };
    let hints = match standing {
        Standing::Initial => vec![format!(
            "a new target is decided after {} of checks at the latest (by the load balancer's clock): it was not watched that long, or passes and failures alternate",
            in_words(health::settled_by(&claim.settings))
        )],
        Standing::Unhealthy => cause_hints(claim, registered),
        Standing::Healthy => connection::hints_when_open(registered.point),
        Standing::OutOfService => hints(&["this target is not being checked: look at its reason"]),
    };
    let seen = told(target);
    Some(if standing == Standing::Initial {
        undecided(&target.place, expected, seen, hints)
    } else {
        refuted(&target.place, expected, seen, hints)
    })
}

fn exactly(
    claim: &TargetHealthClaim,
    gateway: &str,
    targets: &[RegisteredTarget<'_>],
    count: usize,
) -> Vec<Failure> {
    let number = |wanted: Standing| {
        targets.iter().filter(|target| Standing::of(target.target) == wanted).count()
    };
    let (healthy, initial) = (number(Standing::Healthy), number(Standing::Initial));
    if healthy == count && initial == 0 {
        return Vec::new();
    }
    let others: Vec<String> = targets
        .iter()
        .filter(|target| Standing::of(target.target) != Standing::Healthy)
        .map(|target| format!("{} is {}", target.target.place, told(target.target)))
        .collect();
    let expected = format!("exactly {count} of {} targets healthy", targets.len());
    let seen = format!("{healthy} healthy, {initial} undecided");
    let open = healthy <= count && count <= healthy + initial;
    vec![if open {
        let watch = in_words(health::settled_by(&claim.settings));
        let hint = format!("undecided targets may still turn either way; {watch} of checks decide");
        undecided(gateway, expected, seen, [vec![hint], others].concat())
    } else {
        refuted(gateway, expected, seen, others)
    }]
}

fn by_selection(
    claim: &TargetHealthClaim,
    gateway: &str,
    targets: &[RegisteredTarget<'_>],
    selected: &[NodeName],
) -> Vec<Failure> {
    if !targets.iter().any(|target| target.is_on_one_of(selected)) {
        let hints = hints(&[
            "Cilium's node selector chooses none of the registered nodes: compare gatewayAPI.hostNetwork.nodes.matchLabels with the nodes' labels",
        ]);
        return vec![refuted(gateway, "at least one target on a selected node", "none", hints)];
    }
    each(claim, targets, |target| {
        if target.is_on_one_of(selected) { Standing::Healthy } else { Standing::Unhealthy }
    })
}

/// A target's state, AWS's reason and our cause: `unhealthy, Target.FailedHealthChecks (refused)`.
fn told(target: &Target) -> String {
    let reason = target.reason.as_ref().map(|reason| format!(", {reason}"));
    let cause = target.cause.as_ref().map(|cause| format!(" ({cause})"));
    format!("{}{}{}", target.state, reason.unwrap_or_default(), cause.unwrap_or_default())
}

fn cause_hints(claim: &TargetHealthClaim, registered: &RegisteredTarget<'_>) -> Vec<String> {
    let mut texts = match registered.outcome() {
        Some(outcome) => connection::hints_for(registered.point, &outcome),
        None => Vec::new(),
    };
    if registered.target.timeline.iter().any(|change| change.state == "healthy") {
        texts.push(format!(
            "it was healthy before: a port that refuses is noticed after {}, and one that is repaired after {}",
            claim.settings.noticed_when_refusing(),
            claim.settings.recovered()
        ));
    }
    texts
}

/// What the whole group shows: zones without a healthy target, and failing open.
fn circumstances(targets: &[RegisteredTarget<'_>]) -> Vec<String> {
    let healthy = |target: &&RegisteredTarget<'_>| Standing::of(target.target) == Standing::Healthy;
    if !targets.iter().any(|target| healthy(&target)) {
        return hints(&[
            "without any healthy target an NLB sends to all of them (fail open): requests that pass through it are no sign of health",
        ]);
    }
    let zone = |target: &RegisteredTarget<'_>| target.target.zone.clone();
    let all: BTreeSet<String> = targets.iter().filter_map(zone).collect();
    let served: BTreeSet<String> = targets.iter().filter(healthy).filter_map(zone).collect();
    let bare: Vec<&str> = all.difference(&served).map(String::as_str).collect();
    if bare.is_empty() {
        return Vec::new();
    }
    vec![format!(
        "no healthy target in zone {}: cross-zone balancing is off by default on an NLB, so its node there has nowhere to send",
        bare.join(", ")
    )]
}
