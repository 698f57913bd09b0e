//! How long a load balancer takes to notice: plain arithmetic over the settings.
//!
//! Predictions for a target that changes at a random moment between two checks, by one checker.
//! What real balancers do on top (several checkers, passive checks) only makes them faster.

use std::fmt;
use std::time::Duration;

use super::{Settings, in_words};

/// From the earliest to the latest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// When the change falls right before a check.
    pub earliest: Duration,
    /// When it falls right after one.
    pub latest: Duration,
}

impl fmt::Display for Span {
    /// `20 s to 30 s`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} to {}", in_words(self.earliest), in_words(self.latest))
    }
}

impl Settings {
    /// Until a target that begins to refuse or reset is unhealthy.
    pub fn noticed_when_refusing(&self) -> Span {
        self.consecutive(self.unhealthy_threshold)
    }

    /// Until a target that falls silent is unhealthy: the last check's timeout comes on top.
    pub fn noticed_when_silent(&self) -> Span {
        let refusing = self.noticed_when_refusing();
        Span { earliest: refusing.earliest + self.timeout, latest: refusing.latest + self.timeout }
    }

    /// Until an unhealthy target that accepts again is healthy.
    pub fn recovered(&self) -> Span {
        self.consecutive(self.healthy_threshold)
    }

    /// Until a new target that accepts is healthy, once checking has begun.
    pub fn first_healthy(&self) -> Span {
        self.consecutive(self.initial_passes)
    }

    /// So many checks in a row, the first of them at a random moment within one interval.
    fn consecutive(&self, checks: u32) -> Span {
        Span {
            earliest: self.interval.saturating_mul(checks.saturating_sub(1)),
            latest: self.interval.saturating_mul(checks),
        }
    }
}

/// How long new targets must be watched before a verdict about them is allowed.
///
/// By then a target that always passes is healthy and one that always fails is unhealthy, even
/// if it fails by silence. Earlier, `healthy` might be one lucky pass, and `initial` says nothing.
pub fn settled_by(settings: &Settings) -> Duration {
    let checks = settings.initial_passes.max(settings.unhealthy_threshold).max(1);
    settings.interval.saturating_mul(checks) + settings.timeout
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Span, settled_by};
    use crate::health::{Cause, CheckOutcome, Machine, PROFILES, Protocol, Settings, State};

    const fn settings(interval: u64, timeout: u64, up: u32, down: u32) -> Settings {
        Settings {
            protocol: Protocol::Tcp,
            interval: Duration::from_secs(interval),
            timeout: Duration::from_secs(timeout),
            healthy_threshold: up,
            unhealthy_threshold: down,
            initial_passes: 1,
        }
    }

    #[test]
    fn predictions_agree_with_the_printed_table() {
        let rows = [
            ("aws-default", settings(30, 10, 5, 2), [(30, 60), (40, 70), (120, 150), (0, 30)]),
            ("aws-lbc-cluster", settings(10, 10, 3, 3), [(20, 30), (30, 40), (20, 30), (0, 10)]),
            ("aws-lbc-local", settings(10, 6, 2, 2), [(10, 20), (16, 26), (10, 20), (0, 10)]),
            ("fastest legal", settings(5, 2, 2, 2), [(5, 10), (7, 12), (5, 10), (0, 5)]),
        ];
        for (name, settings, expected) in rows {
            let predicted = [
                settings.noticed_when_refusing(),
                settings.noticed_when_silent(),
                settings.recovered(),
                settings.first_healthy(),
            ];
            let expected = expected.map(|(earliest, latest)| Span {
                earliest: Duration::from_secs(earliest),
                latest: Duration::from_secs(latest),
            });
            assert_eq!(predicted, expected, "{name}");
        }
        let told = settings(10, 10, 3, 3).noticed_when_refusing().to_string();
        assert_eq!(told, "20 s to 30 s");
    }

    /// Drives a machine against a target that stops accepting at `change`.
    fn noticed_after(settings: &Settings, change: Duration, cause: &Cause) -> Duration {
        let mut machine = Machine::new(settings.clone(), Duration::ZERO);
        let mut now = Duration::ZERO;
        loop {
            let start = machine.next_check(now);
            let up = start < change;
            let silent = *cause == Cause::TimedOut;
            let end = if !up && silent { start + settings.timeout } else { start };
            let outcome =
                if up { CheckOutcome::Passed } else { CheckOutcome::Failed(cause.clone()) };
            if let Some(transition) = machine.record(end, outcome)
                && transition.state == State::Unhealthy
            {
                return transition.at.saturating_sub(change);
            }
            now = start;
        }
    }

    #[test]
    fn the_machine_notices_within_the_predicted_span() {
        for profile in PROFILES {
            let settings = &profile.settings;
            for step in 0..50 {
                let change = settings.interval * 3 + settings.interval * step / 50;
                for (cause, span) in [
                    (Cause::Refused, settings.noticed_when_refusing()),
                    (Cause::TimedOut, settings.noticed_when_silent()),
                ] {
                    let took = noticed_after(settings, change, &cause);
                    assert!(
                        span.earliest <= took && took <= span.latest,
                        "{}, {cause}: {took:?} is not within {span}",
                        profile.name
                    );
                }
            }
        }
    }

    #[test]
    fn by_the_settling_time_a_dead_target_is_unhealthy_and_a_live_one_healthy() {
        for profile in PROFILES {
            for (outcome, state) in [
                (CheckOutcome::Passed, State::Healthy),
                (CheckOutcome::Failed(Cause::TimedOut), State::Unhealthy),
            ] {
                let settings = &profile.settings;
                let mut machine = Machine::new(settings.clone(), Duration::ZERO);
                let mut now = Duration::ZERO;
                loop {
                    let start = machine.next_check(now);
                    let end = start + settings.timeout;
                    if end > settled_by(settings) {
                        break;
                    }
                    machine.record(end, outcome.clone());
                    now = start;
                }
                assert_eq!(machine.state(), state, "{}", profile.name);
            }
        }
    }
}
