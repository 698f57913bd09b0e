//! Limits of a probe: each phase has its own, and all of them end with the whole.

use std::time::{Duration, Instant};

/// Longest time a probe may take when its total limit is beyond what a clock can hold.
const LONGEST: Duration = Duration::from_hours(24);

/// The clock of one probe, started with its first packet.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Clock {
    started: Instant,
    end: Instant,
}

impl Clock {
    /// Starts the clock now; everything ends after `total`.
    pub(crate) fn start(total: Duration) -> Self {
        let started = Instant::now();
        Self { started, end: started + total.min(LONGEST) }
    }

    /// When a phase that starts now must be over.
    pub(crate) fn limit(&self, phase: Duration) -> tokio::time::Instant {
        let end = Instant::now().checked_add(phase).map_or(self.end, |end| end.min(self.end));
        tokio::time::Instant::from_std(end)
    }

    /// When everything must be over.
    pub(crate) fn end(&self) -> tokio::time::Instant {
        tokio::time::Instant::from_std(self.end)
    }

    /// Time since the start.
    pub(crate) fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn total_limit_cuts_a_longer_phase_short() {
        let clock = Clock::start(Duration::from_secs(1));
        assert_eq!(clock.limit(Duration::from_mins(1)), clock.end());
    }

    #[test]
    fn shorter_phase_ends_before_the_total() {
        let clock = Clock::start(Duration::from_mins(1));
        assert!(clock.limit(Duration::from_secs(1)) < clock.end());
    }

    #[test]
    fn endless_limits_do_not_overflow_the_clock() {
        let clock = Clock::start(Duration::MAX);
        assert_eq!(clock.limit(Duration::MAX), clock.end());
    }
}
