//! Which health-check settings are legal: AWS's ranges for an NLB target group
//! (Elastic Load Balancing API, CreateTargetGroup; read August 2026).
//!
//! An application load balancer's ranges differ and are not used here.

use std::fmt;
use std::ops::RangeInclusive;
use std::time::Duration;

use super::{Settings, in_words};

/// Seconds between checks.
const INTERVAL: RangeInclusive<u64> = 5..=300;
/// Seconds a check may take.
const TIMEOUT: RangeInclusive<u64> = 2..=120;
/// Consecutive results that move a target.
const THRESHOLD: RangeInclusive<u64> = 2..=10;
/// Passes of a new target; not a setting of AWS but of this model.
const INITIAL_PASSES: RangeInclusive<u64> = 1..=10;

/// A setting, by the name that scenario files use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Setting {
    /// [`Settings::interval`].
    Interval,
    /// [`Settings::timeout`].
    Timeout,
    /// [`Settings::healthy_threshold`].
    HealthyThreshold,
    /// [`Settings::unhealthy_threshold`].
    UnhealthyThreshold,
    /// [`Settings::initial_passes`].
    InitialPasses,
}

impl fmt::Display for Setting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Interval => "interval",
            Self::Timeout => "timeout",
            Self::HealthyThreshold => "healthyThreshold",
            Self::UnhealthyThreshold => "unhealthyThreshold",
            Self::InitialPasses => "initialPasses",
        })
    }
}

/// How grave a problem is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Legal, but probably not meant.
    Warning,
    /// A load balancer would refuse it.
    Error,
}

/// What is wrong with a setting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Whether a load balancer would refuse it.
    pub severity: Severity,
    /// The setting.
    pub setting: Setting,
    /// What was found and what would be accepted.
    pub message: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl Settings {
    /// Every problem of these settings at once; empty when there is none.
    pub fn validate(&self) -> Vec<Problem> {
        let mut problems: Vec<Problem> = [
            seconds(Setting::Interval, self.interval, &INTERVAL),
            seconds(Setting::Timeout, self.timeout, &TIMEOUT),
            count(Setting::HealthyThreshold, self.healthy_threshold, &THRESHOLD),
            count(Setting::UnhealthyThreshold, self.unhealthy_threshold, &THRESHOLD),
            count(Setting::InitialPasses, self.initial_passes, &INITIAL_PASSES),
        ]
        .into_iter()
        .flatten()
        .collect();
        if self.timeout > self.interval {
            problems.push(Problem {
                severity: Severity::Warning,
                setting: Setting::Timeout,
                message: format!(
                    "timeout {} is longer than interval {}: checks of one target overlap",
                    in_words(self.timeout),
                    in_words(self.interval)
                ),
            });
        }
        problems
    }
}

fn seconds(setting: Setting, value: Duration, range: &RangeInclusive<u64>) -> Option<Problem> {
    let whole = value.subsec_nanos() == 0;
    (!whole || !range.contains(&value.as_secs())).then(|| Problem {
        severity: Severity::Error,
        setting,
        message: format!(
            "{setting} {} is not among the whole seconds from {} s to {} s that an NLB accepts",
            in_words(value),
            range.start(),
            range.end()
        ),
    })
}

fn count(setting: Setting, value: u32, range: &RangeInclusive<u64>) -> Option<Problem> {
    (!range.contains(&u64::from(value))).then(|| Problem {
        severity: Severity::Error,
        setting,
        message: format!("{setting} {value} is outside {} to {}", range.start(), range.end()),
    })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Setting, Severity};
    use crate::health::{Overrides, Settings, profile};

    fn with(overrides: Overrides) -> Settings {
        overrides.apply(&profile("aws-lbc-cluster").expect("a profile").settings)
    }

    #[test]
    fn the_ends_of_every_range_are_legal_and_the_next_values_are_not() {
        let errors = |overrides: Overrides| {
            with(overrides)
                .validate()
                .into_iter()
                .filter(|problem| problem.severity == Severity::Error)
                .map(|problem| problem.setting)
                .collect::<Vec<_>>()
        };
        let none = Overrides::default();
        for (legal, seconds) in [(true, 5), (true, 300), (false, 4), (false, 301)] {
            let found = errors(Overrides { interval: Some(Duration::from_secs(seconds)), ..none });
            assert_eq!(found.is_empty(), legal, "interval {seconds}: {found:?}");
        }
        for (legal, seconds) in [(true, 2), (true, 120), (false, 1), (false, 121)] {
            let found = errors(Overrides { timeout: Some(Duration::from_secs(seconds)), ..none });
            assert_eq!(found.is_empty(), legal, "timeout {seconds}: {found:?}");
        }
        for (legal, value) in [(true, 2), (true, 10), (false, 1), (false, 11)] {
            let up = errors(Overrides { healthy_threshold: Some(value), ..none });
            let down = errors(Overrides { unhealthy_threshold: Some(value), ..none });
            assert_eq!((up.is_empty(), down.is_empty()), (legal, legal), "threshold {value}");
        }
        assert_eq!(errors(Overrides { initial_passes: Some(0), ..none }), [Setting::InitialPasses]);
        assert_eq!(errors(Overrides { initial_passes: Some(1), ..none }), []);
    }

    #[test]
    fn every_problem_is_told_with_its_range() {
        let problems = with(Overrides {
            interval: Some(Duration::from_millis(2500)),
            healthy_threshold: Some(0),
            ..Overrides::default()
        })
        .validate();
        let told: Vec<_> = problems.iter().map(|p| format!("{:?}: {p}", p.severity)).collect();
        insta::assert_snapshot!(told.join("\n"), @r"
        Error: interval 2.5 s is not among the whole seconds from 5 s to 300 s that an NLB accepts
        Error: healthyThreshold 0 is outside 2 to 10
        Warning: timeout 10 s is longer than interval 2.5 s: checks of one target overlap
        ");
    }

    #[test]
    fn a_timeout_as_long_as_the_interval_is_no_problem() {
        assert_eq!(with(Overrides::default()).validate(), []);
    }
}
