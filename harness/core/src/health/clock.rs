//! Compressed time: a load balancer's clock beside the wall clock.
//!
//! Every duration is divided by one factor, with one exception: a real probe always gets at least
//! [`PROBE_TIMEOUT_FLOOR`]. A compressed timeout below what a handshake on a busy machine needs
//! would fail checks that a real load balancer passes. Nothing here waits or reads a clock.

use std::time::Duration;

use super::{Settings, in_words};
use crate::scenario::Pace;

/// The shortest time a real probe is given, however much time is compressed.
pub const PROBE_TIMEOUT_FLOOR: Duration = Duration::from_millis(500);

/// Converts between the load balancer's clock and the wall clock.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Clock {
    factor: f64,
}

/// A factor by which time cannot be compressed.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("time cannot be compressed by {0}; give a finite factor of at least 1")]
pub struct NotACompression(pub f64);

impl Clock {
    /// The clock for a pace.
    pub fn new(pace: Pace) -> Result<Self, NotACompression> {
        let factor = match pace {
            Pace::RealTime => 1.0,
            Pace::Compressed(factor) => factor,
        };
        if factor.is_finite() && (1.0..=1.0e6).contains(&factor) {
            Ok(Self { factor })
        } else {
            Err(NotACompression(factor))
        }
    }

    /// All durations are divided by this; 1 is real time.
    pub fn factor(self) -> f64 {
        self.factor
    }

    /// How long a duration of the load balancer's clock takes on the wall clock.
    pub fn wall(self, load_balancer: Duration) -> Duration {
        load_balancer.div_f64(self.factor)
    }

    /// How far the load balancer's clock goes in this much wall time.
    pub fn load_balancer(self, wall: Duration) -> Duration {
        wall.mul_f64(self.factor)
    }

    /// The timeout of a real probe, in wall time: the compressed one, but never less than
    /// [`PROBE_TIMEOUT_FLOOR`] (nor more than the settings' own).
    pub fn probe_timeout(self, settings: &Settings) -> Duration {
        let floor = PROBE_TIMEOUT_FLOOR.min(settings.timeout);
        self.wall(settings.timeout).max(floor)
    }

    /// When a check ended on the load balancer's clock that started there at `started` and took
    /// `took` of wall time: never later than its timeout, which the floor may have stretched.
    pub fn check_ended(self, settings: &Settings, started: Duration, took: Duration) -> Duration {
        started + self.load_balancer(took).min(settings.timeout)
    }

    /// How much wall time new targets need before a verdict about them is allowed, also when
    /// every check of a silent target waits for the probe timeout's floor.
    pub fn settled_by(self, settings: &Settings) -> Duration {
        let checks = settings.initial_passes.max(settings.unhealthy_threshold).max(1);
        let timeout = self.probe_timeout(settings);
        let pitch = timeout.max(self.wall(settings.interval));
        pitch.saturating_mul(checks) + timeout
    }

    /// The settings in words, with what compression makes of them.
    pub fn describe(self, settings: &Settings) -> String {
        if self.factor <= 1.0 {
            return settings.to_string();
        }
        let mut text = format!("{settings}; all times divided by {}", self.factor);
        if self.probe_timeout(settings) > self.wall(settings.timeout) {
            text.push_str(", except that a probe may take ");
            text.push_str(&in_words(self.probe_timeout(settings)));
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Clock, PROBE_TIMEOUT_FLOOR};
    use crate::health::{Cause, CheckOutcome, Machine, State, profile, settled_by};
    use crate::scenario::Pace;

    fn clock(factor: f64) -> Clock {
        Clock::new(Pace::Compressed(factor)).expect("a factor")
    }

    #[test]
    fn time_runs_by_the_factor_and_back() {
        let ten = Duration::from_secs(10);
        assert_eq!(clock(20.0).wall(ten), Duration::from_millis(500));
        assert_eq!(clock(20.0).load_balancer(Duration::from_millis(500)), ten);
        assert_eq!(Clock::new(Pace::RealTime).expect("real time").wall(ten), ten);
    }

    #[test]
    fn factors_that_are_no_compression_are_refused() {
        for factor in [0.0, -2.0, 0.5, f64::NAN, f64::INFINITY, 1.0e9] {
            assert!(Clock::new(Pace::Compressed(factor)).is_err(), "{factor}");
        }
        assert!(Clock::new(Pace::Compressed(1.0)).is_ok());
    }

    #[test]
    fn a_real_probe_never_gets_less_than_the_floor() {
        let settings = profile("aws-lbc-cluster").expect("a profile").settings;
        assert_eq!(clock(10.0).probe_timeout(&settings), Duration::from_secs(1));
        assert_eq!(clock(100.0).probe_timeout(&settings), PROBE_TIMEOUT_FLOOR);
        let started = Duration::from_secs(30);
        let ended = clock(100.0).check_ended(&settings, started, PROBE_TIMEOUT_FLOOR);
        assert_eq!(ended, Duration::from_secs(40), "a silent check ends at its timeout");
    }

    #[test]
    fn compression_and_its_exception_are_told() {
        let settings = profile("aws-lbc-cluster").expect("a profile").settings;
        let real = Clock::new(Pace::RealTime).expect("real time").describe(&settings);
        insta::assert_snapshot!(real, @"TCP every 10 s, timeout 10 s, 3 up, 3 down");
        insta::assert_snapshot!(clock(10.0).describe(&settings), @"TCP every 10 s, timeout 10 s, 3 up, 3 down; all times divided by 10");
        insta::assert_snapshot!(clock(100.0).describe(&settings), @"TCP every 10 s, timeout 10 s, 3 up, 3 down; all times divided by 100, except that a probe may take 500 ms");
    }

    #[test]
    fn a_silent_target_is_decided_within_the_wall_time_even_when_the_floor_slows_checks() {
        let settings = profile("aws-lbc-cluster").expect("a profile").settings;
        for factor in [1.0, 7.0, 20.0, 33.0, 100.0, 1000.0] {
            let clock = clock(factor);
            let mut machine = Machine::new(settings.clone(), Duration::ZERO);
            let mut wall = Duration::ZERO;
            while machine.state() != State::Unhealthy {
                let start = machine.next_check(clock.load_balancer(wall));
                wall = clock.wall(start) + clock.probe_timeout(&settings);
                let end = clock.check_ended(&settings, start, clock.probe_timeout(&settings));
                machine.record(end, CheckOutcome::Failed(Cause::TimedOut));
            }
            // Conversions round to the nanosecond.
            let allowed = clock.settled_by(&settings) + Duration::from_micros(1);
            assert!(wall <= allowed, "factor {factor}: {wall:?} is more than {allowed:?}");
            assert!(allowed >= clock.wall(settled_by(&settings)), "factor {factor}");
        }
    }
}
