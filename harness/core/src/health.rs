//! Target health: what a cloud load balancer would conclude from its health checks.
//!
//! Read in this order: [`Settings`] (what a target group is told), [`PROFILES`] (settings that real
//! platforms start from), [`Settings::validate`] (which settings are legal), [`Machine`] (the
//! states of one target), [`settled_by`] (how long a verdict takes), [`Clock`] (compressed time).
//!
//! Not modelled on purpose: HTTP and HTTPS checks, several checkers that vote, passive checks,
//! deregistration and draining, and what a load balancer does with traffic (fail open, DNS).
//! Nothing here probes: outcomes come in, states go out, on a clock that the caller owns.

mod profile;

mod limits;

mod machine;

mod latency;

mod clock;

use std::fmt;
use std::time::Duration;

pub use clock::{Clock, NotACompression, PROBE_TIMEOUT_FLOOR};
pub use latency::{Span, settled_by};
pub use limits::{Problem, Setting, Severity};
pub use machine::{Cause, CheckOutcome, Machine, State, Transition, report};
pub use profile::{Overrides, PROFILES, Profile, UnknownProfile, find_profile, profile};

/// The health-check settings of a target group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// What one check is.
    pub protocol: Protocol,
    /// Time between checks of one target.
    pub interval: Duration,
    /// How long one check may take.
    pub timeout: Duration,
    /// Consecutive passes that make an unhealthy target healthy.
    pub healthy_threshold: u32,
    /// Consecutive failures that make a target unhealthy.
    pub unhealthy_threshold: u32,
    /// Passes that make a *new* target healthy (facts of AWS disagree; default 1).
    pub initial_passes: u32,
}

/// What one health check is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// A TCP handshake, nothing more.
    Tcp,
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Tcp => "TCP",
        })
    }
}

impl fmt::Display for Settings {
    /// The settings in words: `TCP every 10 s, timeout 10 s, 3 up, 3 down`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} every {}, timeout {}, {} up, {} down",
            self.protocol,
            in_words(self.interval),
            in_words(self.timeout),
            self.healthy_threshold,
            self.unhealthy_threshold,
        )?;
        if self.initial_passes != 1 {
            write!(f, ", {} for a new target", self.initial_passes)?;
        }
        Ok(())
    }
}

/// A duration as reports write it: `10 s`, `2.5 s`, `250 ms`.
pub(crate) fn in_words(duration: Duration) -> String {
    if duration.subsec_nanos() == 0 {
        format!("{} s", duration.as_secs())
    } else if duration < Duration::from_secs(1) {
        format!("{} ms", duration.as_millis())
    } else {
        format!("{:.1} s", duration.as_secs_f64())
    }
}
