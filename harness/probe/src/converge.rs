//! Bookkeeping for claims over several probes: "so many successes in a row" and "for so long,
//! without exception".
//!
//! Pure: the caller probes, decides whether an answer fits, and passes the time in. Nothing here
//! waits or reads a clock.

use std::time::Duration;

/// Whether one probe's answer fits the claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It fits.
    Fits,
    /// It does not.
    Misfits,
}

/// Counts successes in a row; a single misfit starts the count anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Streak {
    /// How many successes in a row are needed; 0 counts as 1, because no probe proves nothing.
    pub needed: u32,
    in_a_row: u32,
}

/// How far a streak has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// Enough successes in a row.
    Converged,
    /// Not yet.
    NotYet {
        /// Successes in a row so far.
        in_a_row: u32,
        /// How many are needed.
        needed: u32,
    },
}

impl Streak {
    /// Starts at nothing.
    pub fn new(needed: u32) -> Self {
        Self { needed, in_a_row: 0 }
    }

    /// Takes one more answer into account.
    pub fn record(&mut self, outcome: Outcome) -> Progress {
        self.in_a_row = match outcome {
            Outcome::Fits => self.in_a_row.saturating_add(1),
            Outcome::Misfits => 0,
        };
        let needed = self.needed.max(1);
        if self.in_a_row >= needed {
            Progress::Converged
        } else {
            Progress::NotYet { in_a_row: self.in_a_row, needed }
        }
    }
}

/// Follows a claim that must hold for a duration and a number of probes, every one of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HoldProgress {
    /// At least this long between the first probe and the last.
    pub duration: Duration,
    /// At least this many probes; 0 counts as 1.
    pub count: u32,
    first: Option<Duration>,
    seen: u32,
    broken: Option<HoldState>,
}

/// How far a held claim has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HoldState {
    /// So far every probe fitted; this much is still needed.
    Holding {
        /// Time still to be covered.
        remaining: Duration,
        /// Probes still to be made.
        missing: u32,
    },
    /// Held long enough and often enough.
    Held,
    /// A probe did not fit. Final: later answers do not mend it.
    Broken {
        /// Which probe, from 1.
        probe: u32,
        /// How long after the first probe.
        after: Duration,
    },
}

impl HoldProgress {
    /// Starts with no probe made.
    pub fn new(duration: Duration, count: u32) -> Self {
        Self { duration, count, first: None, seen: 0, broken: None }
    }

    /// Takes one more answer into account, made `at` on the caller's clock (any origin, never
    /// running backwards).
    pub fn record(&mut self, at: Duration, outcome: Outcome) -> HoldState {
        if let Some(broken) = self.broken {
            return broken;
        }
        let first = *self.first.get_or_insert(at);
        let covered = at.saturating_sub(first);
        self.seen = self.seen.saturating_add(1);
        if outcome == Outcome::Misfits {
            let broken = HoldState::Broken { probe: self.seen, after: covered };
            self.broken = Some(broken);
            return broken;
        }
        let remaining = self.duration.saturating_sub(covered);
        let missing = self.count.max(1).saturating_sub(self.seen);
        if remaining.is_zero() && missing == 0 {
            HoldState::Held
        } else {
            HoldState::Holding { remaining, missing }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn streak_converges_only_on_the_last_success_needed() {
        let mut streak = Streak::new(3);
        assert_eq!(streak.record(Outcome::Fits), Progress::NotYet { in_a_row: 1, needed: 3 });
        assert_eq!(streak.record(Outcome::Fits), Progress::NotYet { in_a_row: 2, needed: 3 });
        assert_eq!(streak.record(Outcome::Fits), Progress::Converged);
    }

    #[test]
    fn one_misfit_starts_the_streak_anew() {
        let mut streak = Streak::new(2);
        streak.record(Outcome::Fits);
        assert_eq!(streak.record(Outcome::Misfits), Progress::NotYet { in_a_row: 0, needed: 2 });
        assert_eq!(streak.record(Outcome::Fits), Progress::NotYet { in_a_row: 1, needed: 2 });
    }

    #[test]
    fn misfit_after_convergence_takes_it_back() {
        let mut streak = Streak::new(1);
        assert_eq!(streak.record(Outcome::Fits), Progress::Converged);
        assert_eq!(streak.record(Outcome::Misfits), Progress::NotYet { in_a_row: 0, needed: 1 });
    }

    #[test]
    fn streak_of_zero_still_needs_one_success() {
        let mut streak = Streak::new(0);
        assert_eq!(streak.record(Outcome::Misfits), Progress::NotYet { in_a_row: 0, needed: 1 });
        assert_eq!(streak.record(Outcome::Fits), Progress::Converged);
    }

    #[test]
    fn many_probes_at_once_do_not_replace_the_duration() {
        let mut hold = HoldProgress::new(SECOND, 2);
        for _ in 0..10 {
            hold.record(SECOND, Outcome::Fits);
        }
        assert_eq!(
            hold.record(SECOND, Outcome::Fits),
            HoldState::Holding { remaining: SECOND, missing: 0 }
        );
    }

    #[test]
    fn long_time_does_not_replace_the_count() {
        let mut hold = HoldProgress::new(SECOND, 3);
        hold.record(Duration::ZERO, Outcome::Fits);
        assert_eq!(
            hold.record(10 * SECOND, Outcome::Fits),
            HoldState::Holding { remaining: Duration::ZERO, missing: 1 }
        );
        assert_eq!(hold.record(11 * SECOND, Outcome::Fits), HoldState::Held);
    }

    #[test]
    fn time_before_the_first_probe_does_not_count() {
        let mut hold = HoldProgress::new(SECOND, 1);
        assert_eq!(
            hold.record(60 * SECOND, Outcome::Fits),
            HoldState::Holding { remaining: SECOND, missing: 0 }
        );
    }

    #[test]
    fn broken_hold_is_not_mended_by_later_answers() {
        let mut hold = HoldProgress::new(SECOND, 1);
        hold.record(SECOND, Outcome::Fits);
        let broken = HoldState::Broken { probe: 2, after: SECOND };
        assert_eq!(hold.record(2 * SECOND, Outcome::Misfits), broken);
        assert_eq!(hold.record(9 * SECOND, Outcome::Fits), broken);
    }

    #[test]
    fn hold_of_no_time_and_no_count_still_needs_one_probe_that_fits() {
        let mut hold = HoldProgress::new(Duration::ZERO, 0);
        assert_eq!(hold.record(SECOND, Outcome::Fits), HoldState::Held);
        let mut hold = HoldProgress::new(Duration::ZERO, 0);
        assert!(matches!(hold.record(SECOND, Outcome::Misfits), HoldState::Broken { .. }));
    }
}
