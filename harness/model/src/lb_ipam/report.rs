//! What LB-IPAM says of its pools: conditions of CiliumLoadBalancerIPPools
//! (cilium/cilium 1.20 `operator/pkg/lbipam/lbipam.go`, `updatePoolCounts` and `settleConflicts`;
//! the names of the conditions are the same from 1.16 on).

use std::collections::BTreeSet;
use std::net::IpAddr;

use serde_json::{Value, json};

use super::IpamAssignment;
use super::pools::{Offer, State, settle_all};
use super::range::Range;
use crate::Input;

/// The condition that says whether a pool is left out because it overlaps.
pub const CONFLICT: &str = "cilium.io/PoolConflict";

/// What is said of one pool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PoolReport {
    /// The pool.
    pub pool: String,
    /// Why it is left out, if it overlaps.
    pub conflict: Option<String>,
    /// How many addresses it holds.
    pub total: u128,
    /// How many of them Services have.
    pub used: u128,
}

impl PoolReport {
    /// The conditions, without times. A pool that never conflicted has no condition about it.
    pub fn conditions(&self, before: Before) -> Vec<Value> {
        let mut conditions = Vec::new();
        let conflict = match (&self.conflict, before) {
            (Some(why), _) => Some(("True", "cidr_overlap", why.as_str())),
            (None, Before::Conflicted) => Some(("False", "resolved", "")),
            (None, Before::NeverConflicted) => None,
        };
        if let Some((status, reason, message)) = conflict {
            conditions.push(json!({
                "type": CONFLICT, "status": status, "reason": reason, "message": message}));
        }
        let counts = [
            ("cilium.io/IPsTotal", self.total),
            ("cilium.io/IPsAvailable", self.total.saturating_sub(self.used)),
            ("cilium.io/IPsUsed", self.used),
        ];
        conditions.extend(counts.map(|(kind, count)| {
            json!({
                "type": kind, "status": "Unknown", "reason": "noreason",
                "message": count.to_string()})
        }));
        conditions
    }
}

/// Whether a pool conflicted at some time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Before {
    /// Its condition says so.
    Conflicted,
    /// It has no such condition.
    NeverConflicted,
}

/// Reports on every pool, sorted by name. A pool of which the model cannot say whether it conflicts
/// is left out.
pub fn pool_reports(input: &Input<'_>, assignments: &[IpamAssignment]) -> Vec<PoolReport> {
    let pools = settle_all(input.resources.pools.values());
    let taken: BTreeSet<IpAddr> =
        assignments.iter().flat_map(|one| &one.addresses).copied().collect();
    let reported = pools.iter().filter(|pool| !matches!(pool.state, State::Undecided(_)));
    reported
        .map(|pool| {
            let holds =
                |address: &&IpAddr| pool.ranges.iter().any(|range| range.contains(**address));
            let is_used = pool.state == State::Usable && !pool.pool.spec.disabled;
            let used = if is_used { taken.iter().filter(holds).count() } else { 0 };
            PoolReport {
                pool: pool.pool.name.clone(),
                conflict: (pool.state == State::Conflicting).then(|| conflict(pool, &pools)),
                total: pool.ranges.iter().map(|range| range.size()).fold(0, u128::saturating_add),
                used: u128::try_from(used).unwrap_or(u128::MAX),
            }
        })
        .collect()
}

/// Which ranges overlap, as the condition has it.
fn conflict(pool: &Offer<'_>, all: &[Offer<'_>]) -> String {
    let told = |own: &Range, other: &Range, name: &str| {
        format!("Pool conflicts since range '{own}' overlaps range '{other}' from IP Pool '{name}'")
    };
    let mut inside = pool.ranges.iter().enumerate().flat_map(|(index, range)| {
        pool.ranges[index + 1..].iter().map(move |other| (range, other))
    });
    if let Some((own, other)) = inside.find(|(own, other)| own.intersects(**other)) {
        return told(own, other, &pool.pool.name);
    }
    let others = all.iter().filter(|other| other.pool.name != pool.pool.name);
    let mut pairs = others.filter(|other| other.state != State::Conflicting).flat_map(|other| {
        let pairs =
            pool.ranges.iter().flat_map(|own| other.ranges.iter().map(move |found| (own, found)));
        pairs.map(|(own, found)| (own, found, other.pool.name.as_str()))
    });
    pairs
        .find(|(own, other, _)| own.intersects(**other))
        .map_or_else(String::new, |(own, other, name)| told(own, other, name))
}
