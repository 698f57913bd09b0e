//! The time as the API server writes it.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use time::OffsetDateTime;
use time::macros::format_description;

/// Tells the time in RFC 3339 with whole seconds, in UTC: `2026-11-21T08:00:00Z`.
pub trait Clock: Send + Sync {
    /// The time now.
    fn now(&self) -> String;
}

/// The clock of this machine.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> String {
        written(OffsetDateTime::now_utc())
    }
}

/// A clock that can be set back for a while, so that a cluster has a past: what is installed
/// meanwhile is as old as it would be after an upgrade that somebody makes later.
pub(crate) struct ClockWithPast {
    clock: Arc<dyn Clock>,
    seconds_back: AtomicI64,
}

impl ClockWithPast {
    /// A clock that goes as the other one.
    pub(crate) fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, seconds_back: AtomicI64::new(0) }
    }

    /// From now on it is so much earlier; 0 is the present again.
    pub(crate) fn set_back(&self, seconds: i64) {
        self.seconds_back.store(seconds, Ordering::Release);
    }
}

impl Clock for ClockWithPast {
    fn now(&self) -> String {
        let now = self.clock.now();
        match self.seconds_back.load(Ordering::Acquire) {
            0 => now,
            seconds => {
                let then = parsed(&now).map(|now| now - time::Duration::seconds(seconds));
                then.map_or(now, written)
            }
        }
    }
}

fn written(time: OffsetDateTime) -> String {
    let format = format_description!("[year]-[month]-[day]T[hour]:[minute]:[second]Z");
    time.format(format).expect("a UTC date has all components of the format")
}

fn parsed(text: &str) -> Option<OffsetDateTime> {
    OffsetDateTime::parse(text, &time::format_description::well_known::Rfc3339).ok()
}

/// Seconds from one timestamp to another; `None` when either is no RFC 3339 timestamp.
pub(super) fn seconds_between(earlier: &str, later: &str) -> Option<i64> {
    Some((parsed(later)? - parsed(earlier)?).whole_seconds())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::{Clock, ClockWithPast, SystemClock, seconds_between};

    #[test]
    fn a_clock_that_is_set_back_comes_back_to_the_present() {
        struct Noon;
        impl Clock for Noon {
            fn now(&self) -> String {
                "2026-01-01T12:00:00Z".to_owned()
            }
        }
        let clock = ClockWithPast::new(Arc::new(Noon));
        clock.set_back(3600);
        assert_eq!(clock.now(), "2026-01-01T11:00:00Z");
        clock.set_back(0);
        assert_eq!(clock.now(), "2026-01-01T12:00:00Z");
    }

    #[test]
    fn system_clock_writes_whole_seconds_in_utc() {
        let now = SystemClock.now();
        assert_eq!(now.len(), "2026-11-21T08:00:00Z".len(), "{now}");
        assert!(now.ends_with('Z') && !now.contains('.'), "{now}");
        assert!(seconds_between("2026-01-01T00:00:00Z", &now).is_some(), "{now} must parse");
    }

    #[test]
    fn seconds_need_two_timestamps() {
        assert_eq!(seconds_between("2026-01-01T00:00:00Z", "2026-01-01T01:00:01Z"), Some(3601));
        assert_eq!(seconds_between("", "2026-01-01T01:00:01Z"), None);
    }
}
