//! The time as the API server writes it.

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
        let format = format_description!("[year]-[month]-[day]T[hour]:[minute]:[second]Z");
        OffsetDateTime::now_utc()
            .format(format)
            .expect("a UTC date has all components of the format")
    }
}

/// Seconds from one timestamp to another; `None` when either is no RFC 3339 timestamp.
pub(super) fn seconds_between(earlier: &str, later: &str) -> Option<i64> {
    let parse = |text: &str| {
        OffsetDateTime::parse(text, &time::format_description::well_known::Rfc3339).ok()
    };
    Some((parse(later)? - parse(earlier)?).whole_seconds())
}

#[cfg(test)]
mod tests {
    use super::{Clock, SystemClock, seconds_between};

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
