//! Durations as Go writes them (`2160h`, `1h30m`), which Kubernetes objects use.
//!
//! Negative durations and units below a millisecond are not read.

use std::time::Duration;

/// Reads a duration; `None` when the text is not one.
pub(super) fn parse(text: &str) -> Option<Duration> {
    let mut rest = text.trim();
    if rest.is_empty() {
        return None;
    }
    let mut total = 0_f64;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let number: f64 = rest[..digits].parse().ok()?;
        let unit_end = rest[digits..]
            .find(|c: char| c.is_ascii_digit() || c == '.')
            .map_or(rest.len(), |end| digits + end);
        let seconds = match &rest[digits..unit_end] {
            "h" => 3600.0,
            "m" => 60.0,
            "s" => 1.0,
            "ms" => 0.001,
            _ => return None,
        };
        total += number * seconds;
        rest = &rest[unit_end..];
    }
    Duration::try_from_secs_f64(total).ok()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::parse;

    #[test]
    fn durations_add_up_their_units() {
        for (text, seconds) in
            [("2160h", 7_776_000), ("1h30m", 5400), ("1h0m0s", 3600), ("90m", 5400)]
        {
            assert_eq!(parse(text), Some(Duration::from_secs(seconds)), "{text}");
        }
        assert_eq!(parse("1.5h"), Some(Duration::from_mins(90)));
    }

    #[test]
    fn text_without_units_is_no_duration() {
        for text in ["", "90", "1d", "h", "-1h", "1h30"] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
