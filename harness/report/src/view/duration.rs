//! Durations as people say them, rounded to what still matters.

use std::time::Duration;

/// `85ms`, `4.2s`, `3m05s`, `1h02m`.
pub(crate) fn human(duration: Duration) -> String {
    let millis = duration.as_millis();
    let tenths = (millis + 50) / 100;
    let seconds = (millis + 500) / 1000;
    match millis {
        0 if duration.is_zero() => "0s".to_owned(),
        0 => "<1ms".to_owned(),
        1..1000 => format!("{millis}ms"),
        _ if tenths < 600 => format!("{}.{}s", tenths / 10, tenths % 10),
        _ if seconds < 3600 => format!("{}m{:02}s", seconds / 60, seconds % 60),
        _ => format!("{}h{:02}m", seconds / 3600, seconds / 60 % 60),
    }
}

/// The duration, or a dash when there is none.
pub(crate) fn human_or_dash(duration: Option<Duration>) -> String {
    duration.map_or_else(|| "-".to_owned(), human)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::human;

    #[test]
    fn units_change_without_a_gap() {
        let cases = [
            (0, "0s"),
            (999, "<1ms"),
            (1_000, "1ms"),
            (999_999, "999ms"),
            (1_000_000, "1.0s"),
            (59_949_000, "59.9s"),
            (59_951_000, "1m00s"),
            (185_000_000, "3m05s"),
            (3_599_600_000, "1h00m"),
            (3_720_000_000, "1h02m"),
        ];
        for (micros, expected) in cases {
            assert_eq!(human(Duration::from_micros(micros)), expected, "{micros} µs");
        }
    }
}
