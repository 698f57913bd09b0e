//! Wall-clock time, read in this one place and handed on as values.

use std::sync::atomic::{AtomicU32, Ordering};

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// The present moment, UTC, as RFC 3339 with whole seconds.
pub fn now_rfc3339() -> String {
    #[expect(clippy::disallowed_methods, reason = "the one module that reads the wall clock")]
    let now = OffsetDateTime::from(std::time::SystemTime::now());
    let now = now.replace_nanosecond(0).expect("zero nanoseconds are in range");
    now.format(&Rfc3339).expect("a UTC time formats as RFC 3339")
}

/// A run's identity: sortable by start, unique on this machine while its process lives, also among
/// the runs of one process.
pub fn run_id() -> String {
    static RUNS: AtomicU32 = AtomicU32::new(0);
    let stamp: String = now_rfc3339()
        .chars()
        .filter(char::is_ascii_alphanumeric)
        .collect::<String>()
        .to_lowercase();
    match RUNS.fetch_add(1, Ordering::Relaxed) {
        0 => format!("{stamp}-{}", std::process::id()),
        earlier => format!("{stamp}-{}-{}", std::process::id(), earlier + 1),
    }
}

#[cfg(test)]
mod tests {
    use super::{now_rfc3339, run_id};

    #[test]
    fn a_run_id_is_fit_for_a_file_name_and_a_label_and_never_given_twice() {
        let id = run_id();
        assert_ne!(id, run_id());
        assert!(id.len() <= 63, "{id}");
        assert!(
            id.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-'),
            "{id}"
        );
    }

    #[test]
    fn time_is_utc_with_whole_seconds() {
        let now = now_rfc3339();
        assert!(now.ends_with('Z') && now.len() == "2026-11-21T02:07:00Z".len(), "{now}");
    }
}
