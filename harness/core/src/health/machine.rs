//! The states of one target, as an NLB moves it, on a clock that the caller owns.
//!
//! The moves (AWS, Network Load Balancers: Health checks for target groups; what AWS leaves open
//! is marked):
//!
//! 1. `initial` → `healthy` after `initialPasses` consecutive passes (AWS's texts disagree; 1).
//! 2. `initial` → `unhealthy` after `unhealthyThreshold` consecutive failures (inferred).
//! 3. `healthy` → `unhealthy` after `unhealthyThreshold` consecutive failures.
//! 4. `unhealthy` → `healthy` after `healthyThreshold` consecutive passes.
//! 5. `Elb.RegistrationInProgress` lasts as long as the caller says (inferred; none by default).
//!
//! One result of the other kind resets a count. Draining and deregistration are not modelled.

use std::fmt;
use std::time::Duration;

use super::{Settings, clock::Clock};
use crate::event;
use crate::observation::TcpOutcome;

/// A target's state, with the reason that AWS gives for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// `initial`, `Elb.RegistrationInProgress`: no check counts yet.
    Registering,
    /// `initial`, `Elb.InitialHealthChecking`: too few checks to decide.
    InitialHealthChecking,
    /// `healthy`.
    Healthy,
    /// `unhealthy`, `Target.FailedHealthChecks`.
    Unhealthy,
}

impl State {
    /// AWS's word for the state, as `describe-target-health` prints it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Registering | Self::InitialHealthChecking => "initial",
            Self::Healthy => "healthy",
            Self::Unhealthy => "unhealthy",
        }
    }

    /// AWS's reason; a healthy target has none.
    pub fn reason(self) -> Option<&'static str> {
        match self {
            Self::Registering => Some("Elb.RegistrationInProgress"),
            Self::InitialHealthChecking => Some("Elb.InitialHealthChecking"),
            Self::Healthy => None,
            Self::Unhealthy => Some("Target.FailedHealthChecks"),
        }
    }
}

/// What came of one health check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CheckOutcome {
    /// The handshake completed within the timeout.
    Passed,
    /// It did not.
    Failed(Cause),
}

/// Why a check failed: the detail that AWS throws away.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cause {
    /// Nothing listens, or something rejects.
    Refused,
    /// No answer within the timeout.
    TimedOut,
    /// Reset during or right after the handshake.
    Reset,
    /// No route to the host or network.
    Unreachable,
    /// Anything else, in the system's words.
    Other(String),
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Refused => "refused",
            Self::TimedOut => "timed out",
            Self::Reset => "reset",
            Self::Unreachable => "unreachable",
            Self::Other(reason) => reason,
        })
    }
}

impl Cause {
    /// The cause that events tell in these words.
    pub fn from_words(words: &str) -> Self {
        let known = [Self::Refused, Self::TimedOut, Self::Reset, Self::Unreachable];
        known
            .into_iter()
            .find(|cause| cause.to_string() == words)
            .unwrap_or_else(|| Self::Other(words.to_owned()))
    }
}

impl From<&Cause> for TcpOutcome {
    fn from(cause: &Cause) -> Self {
        match cause {
            Cause::Refused => Self::Refused,
            Cause::TimedOut => Self::TimedOut,
            Cause::Reset => Self::Reset,
            Cause::Unreachable => Self::Unreachable,
            Cause::Other(reason) => Self::Other(reason.clone()),
        }
    }
}

impl From<&TcpOutcome> for CheckOutcome {
    fn from(outcome: &TcpOutcome) -> Self {
        match outcome {
            TcpOutcome::Accepted => Self::Passed,
            TcpOutcome::Refused => Self::Failed(Cause::Refused),
            TcpOutcome::TimedOut => Self::Failed(Cause::TimedOut),
            TcpOutcome::Reset => Self::Failed(Cause::Reset),
            TcpOutcome::Unreachable => Self::Failed(Cause::Unreachable),
            TcpOutcome::Other(reason) => Self::Failed(Cause::Other(reason.clone())),
        }
    }
}

/// A change of state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transition {
    /// When, since registration.
    pub at: Duration,
    /// The new state.
    pub state: State,
    /// Why the check that tipped it had failed.
    pub cause: Option<Cause>,
}

impl From<&Transition> for event::Transition {
    fn from(transition: &Transition) -> Self {
        Self {
            at: transition.at,
            state: transition.state.name().to_owned(),
            reason: transition.state.reason().map(str::to_owned),
            cause: transition.cause.as_ref().map(Cause::to_string),
        }
    }
}

/// One target over time.
///
/// Times that go in are the load balancer's clock; times in the timeline count from registration.
#[derive(Debug, Clone)]
pub struct Machine {
    settings: Settings,
    registered_at: Duration,
    checking_from: Duration,
    planned: Option<Duration>,
    state: State,
    passes: u32,
    failures: u32,
    cause: Option<Cause>,
    timeline: Vec<Transition>,
}

impl Machine {
    /// A target registered at this time and checked from then on.
    pub fn new(settings: Settings, registered_at: Duration) -> Self {
        Self::registering(settings, registered_at, Duration::ZERO)
    }

    /// A target whose registration takes this long before checks count.
    ///
    /// Real registrations take tens of seconds to minutes; nobody can predict them.
    pub fn registering(settings: Settings, registered_at: Duration, delay: Duration) -> Self {
        let state = if delay.is_zero() { State::InitialHealthChecking } else { State::Registering };
        Self {
            settings,
            registered_at,
            checking_from: registered_at + delay,
            planned: None,
            state,
            passes: 0,
            failures: 0,
            cause: None,
            timeline: vec![Transition { at: Duration::ZERO, state, cause: None }],
        }
    }

    /// Plans the next check and says when it starts, on the load balancer's clock.
    ///
    /// Checks are due on a grid of intervals, and each call hands out a later point of it, so a
    /// check that uses up its timeout does not delay the next. A check that is due already starts
    /// at `now`; those that are late by a whole interval or more are skipped.
    pub fn next_check(&mut self, now: Duration) -> Duration {
        let interval = self.settings.interval.max(Duration::from_micros(1));
        let due = match self.planned {
            None => self.checking_from,
            Some(planned) => planned + interval,
        };
        let skipped = now.saturating_sub(due).as_nanos() / interval.as_nanos();
        let planned = due + interval.saturating_mul(u32::try_from(skipped).unwrap_or(u32::MAX));
        self.planned = Some(planned);
        planned.max(now)
    }

    /// Counts the outcome of a check that ended at this time, and says whether the state changed.
    ///
    /// A check that ended before registration was complete does not count. Times that do not
    /// advance are moved on by a microsecond, the event log's resolution, so that a timeline is
    /// always strictly ordered.
    pub fn record(&mut self, at: Duration, outcome: CheckOutcome) -> Option<Transition> {
        if at < self.checking_from {
            return None;
        }
        if self.state == State::Registering {
            self.enter(State::InitialHealthChecking, self.checking_from, None);
        }
        match outcome {
            CheckOutcome::Passed => {
                self.passes = self.passes.saturating_add(1);
                self.failures = 0;
                self.cause = None;
            }
            CheckOutcome::Failed(cause) => {
                self.failures = self.failures.saturating_add(1);
                self.passes = 0;
                self.cause = Some(cause);
            }
        }
        let next = self.tipped()?;
        Some(self.enter(next, at, self.cause.clone()))
    }

    /// The state that the counts lead to, when it is another one.
    fn tipped(&self) -> Option<State> {
        let passes_needed = match self.state {
            State::Registering => return None,
            State::InitialHealthChecking => Some(self.settings.initial_passes),
            State::Unhealthy => Some(self.settings.healthy_threshold),
            State::Healthy => None,
        };
        // A threshold of 0 would make a target healthy unseen, so one pass is always asked for.
        if passes_needed.is_some_and(|needed| self.passes >= needed.max(1)) {
            Some(State::Healthy)
        } else if self.state != State::Unhealthy
            && self.failures >= self.settings.unhealthy_threshold.max(1)
        {
            Some(State::Unhealthy)
        } else {
            None
        }
    }

    fn enter(&mut self, state: State, at: Duration, cause: Option<Cause>) -> Transition {
        let after_last =
            self.timeline.last().map_or(Duration::ZERO, |last| last.at + Duration::from_micros(1));
        let at = at.saturating_sub(self.registered_at).max(after_last);
        self.state = state;
        let transition = Transition { at, state, cause };
        self.timeline.push(transition.clone());
        transition
    }

    /// The state now.
    pub fn state(&self) -> State {
        self.state
    }

    /// Why the last check failed; `None` when it passed or there was none.
    pub fn cause(&self) -> Option<&Cause> {
        self.cause.as_ref()
    }

    /// Every change of state so far, the first state included.
    pub fn timeline(&self) -> &[Transition] {
        &self.timeline
    }

    /// The target as events tell it.
    ///
    /// The cause is told for every state but `healthy`: a healthy target that just failed once is
    /// still healthy.
    pub fn target(&self, place: impl Into<String>, zone: Option<&str>) -> event::Target {
        let cause = self.cause.as_ref().filter(|_| self.state != State::Healthy);
        event::Target {
            place: place.into(),
            zone: zone.map(str::to_owned),
            state: self.state.name().to_owned(),
            reason: self.state.reason().map(str::to_owned),
            cause: cause.map(Cause::to_string),
            timeline: self.timeline.iter().map(event::Transition::from).collect(),
        }
    }
}

/// What a load balancer concluded about its targets, as events tell it; sorted by place.
pub fn report(
    profile: &str,
    settings: &Settings,
    clock: Clock,
    mut targets: Vec<event::Target>,
) -> event::TargetReport {
    targets.sort_by(|a, b| a.place.cmp(&b.place));
    event::TargetReport {
        profile: profile.to_owned(),
        settings: clock.describe(settings),
        compression: clock.factor(),
        targets,
    }
}

#[cfg(test)]
mod tests;
