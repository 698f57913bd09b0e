//! Requests that fail a given number of times before they succeed.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use http::StatusCode;

/// How often each request, known by its `uuid`, has failed.
#[derive(Debug, Default)]
pub(super) struct Attempts {
    failed: Mutex<BTreeMap<String, u64>>,
}

/// What is to become of an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Attempt {
    /// It is answered as any request.
    Succeeds,
    /// Its connection is cut.
    IsCut,
    /// It is answered with this status.
    Fails(StatusCode),
    /// The request says too little; answered 400 with this text.
    Malformed(&'static str),
}

impl Attempts {
    /// Counts an attempt of a request with these parameters.
    pub(super) fn count(&self, parameter: impl Fn(&str) -> Option<String>) -> Attempt {
        let Some(id) = parameter("uuid") else { return Attempt::Malformed("uuid is required") };
        let wanted = parameter("succeedAfter").and_then(|after| after.parse::<u64>().ok());
        let Some(wanted) = wanted else { return Attempt::Malformed("succeedAfter is required") };
        let mut failed = self.failed.lock().unwrap_or_else(PoisonError::into_inner);
        let count = failed.entry(id).or_default();
        if *count >= wanted {
            return Attempt::Succeeds;
        }
        *count += 1;
        parameter("responseCode")
            .and_then(|code| code.parse().ok())
            .and_then(|code| StatusCode::from_u16(code).ok())
            .map_or(Attempt::IsCut, Attempt::Fails)
    }
}

#[cfg(test)]
mod tests {
    use http::StatusCode;

    use super::{Attempt, Attempts};

    #[test]
    fn an_attempt_succeeds_after_as_many_failures_as_asked_for() {
        let attempts = Attempts::default();
        let count = |pairs: &[(&str, &str)]| {
            attempts.count(|name| {
                pairs.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned())
            })
        };
        let coded = [("uuid", "a"), ("succeedAfter", "2"), ("responseCode", "503")];
        let fails = Attempt::Fails(StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(count(&coded), fails);
        assert_eq!(count(&coded), fails);
        assert_eq!(count(&coded), Attempt::Succeeds);
        assert_eq!(count(&[("uuid", "b"), ("succeedAfter", "1")]), Attempt::IsCut);
        assert_eq!(count(&[("uuid", "b"), ("succeedAfter", "1")]), Attempt::Succeeds);
        assert!(matches!(count(&[("succeedAfter", "1")]), Attempt::Malformed(_)));
        assert!(matches!(count(&[("uuid", "c"), ("succeedAfter", "x")]), Attempt::Malformed(_)));
    }
}
