//! Points in time, as Kubernetes and logs write them (RFC 3339). Nothing here reads a clock.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// A point in time; ordered, in UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Moment(OffsetDateTime);

impl Moment {
    /// How long after `earlier` this is; `None` when it is before.
    pub fn since(self, earlier: Self) -> Option<Duration> {
        Duration::try_from(self.0 - earlier.0).ok()
    }
}

/// Text that is no point in time.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no time such as 2026-01-31T10:00:00Z (RFC 3339)")]
pub struct NotAMoment(pub String);

impl FromStr for Moment {
    type Err = NotAMoment;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        OffsetDateTime::parse(text, &Rfc3339)
            .map(|time| Self(time.to_offset(time::UtcOffset::UTC)))
            .map_err(|_| NotAMoment(text.to_owned()))
    }
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = self.0.format(&Rfc3339).map_err(|_| fmt::Error)?;
        f.pad(&text)
    }
}

impl Serialize for Moment {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Moment {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::Moment;

    #[test]
    fn times_of_kubernetes_and_of_logs_are_compared_whatever_their_offset() {
        let at = |text: &str| text.parse::<Moment>().expect("a time");
        let start = at("2026-01-31T10:00:00Z");
        assert_eq!(start, at("2026-01-31T11:00:00+01:00"));
        let later = at("2026-01-31T10:00:01.5Z");
        assert_eq!(later.since(start), Some(Duration::from_millis(1500)));
        assert_eq!(start.since(later), None);
        assert_eq!(start.to_string(), "2026-01-31T10:00:00Z");
    }

    #[test]
    fn other_text_is_refused_with_an_example() {
        let error = "yesterday".parse::<Moment>().expect_err("no time").to_string();
        assert!(error.contains("yesterday") && error.contains("2026-01-31"), "{error}");
    }
}
