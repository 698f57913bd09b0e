//! Which pools may be used, and for whom.

use super::range::{Range, ranges};
use crate::resources::core::Service;
use crate::resources::pool::Pool;

/// A pool with its ranges.
pub(super) struct Offer<'a> {
    pub(super) pool: &'a Pool,
    pub(super) ranges: Vec<Range>,
    pub(super) state: State<'a>,
}

/// Whether addresses are given from a pool.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State<'a> {
    Usable,
    /// Its own blocks overlap, or an older pool's overlap them.
    Conflicting,
    /// It overlaps this pool and neither is older: whichever is looked at first is disabled.
    Undecided(&'a str),
}

/// The enabled pools in order of their names, with conflicts settled
/// (cilium/cilium `operator/pkg/lbipam/lbipam.go`, `settleConflicts`: of two overlapping pools the
/// younger is not used). A disabled pool takes part in conflicts.
pub(super) fn settle<'a>(pools: impl Iterator<Item = &'a Pool>) -> Vec<Offer<'a>> {
    let mut settled = settle_all(pools);
    settled.retain(|pool| !pool.pool.spec.disabled);
    settled
}

/// The same with disabled pools.
pub(super) fn settle_all<'a>(pools: impl Iterator<Item = &'a Pool>) -> Vec<Offer<'a>> {
    let mut settled: Vec<Offer<'a>> =
        pools.map(|pool| Offer { pool, ranges: ranges(pool), state: State::Usable }).collect();
    for pool in &mut settled {
        let mut ranges = pool.ranges.iter().enumerate();
        let overlaps = ranges.any(|(index, range)| {
            pool.ranges[index + 1..].iter().any(|other| range.intersects(*other))
        });
        if overlaps {
            pool.state = State::Conflicting;
        }
    }
    let mut by_age: Vec<usize> = (0..settled.len()).collect();
    by_age.sort_by_key(|index| settled[*index].pool.created.clone());
    for (rank, younger) in by_age.iter().enumerate() {
        for older in &by_age[..rank] {
            if settled[*younger].state != State::Usable || !settled[*older].is_used() {
                continue;
            }
            if !settled[*older].overlaps(&settled[*younger]) {
                continue;
            }
            let (elder, junior) = (settled[*older].pool, settled[*younger].pool);
            if elder.created == junior.created {
                settled[*younger].state = State::Undecided(&elder.name);
                settled[*older].state = State::Undecided(&junior.name);
            } else {
                settled[*younger].state = State::Conflicting;
            }
        }
    }
    settled
}

impl Offer<'_> {
    fn is_used(&self) -> bool {
        self.state != State::Conflicting
    }

    fn overlaps(&self, other: &Self) -> bool {
        self.ranges.iter().any(|range| other.ranges.iter().any(|found| range.intersects(*found)))
    }

    pub(super) fn selects(&self, service: &Service) -> bool {
        let Some(selector) = &self.pool.spec.service_selector else { return true };
        let mut labels = service.labels.clone();
        labels.insert("io.kubernetes.service.namespace".to_owned(), service.name.namespace.clone());
        labels.insert("io.kubernetes.service.name".to_owned(), service.name.name.clone());
        selector.matches(&labels)
    }
}
