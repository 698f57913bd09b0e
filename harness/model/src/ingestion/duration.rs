//! Durations of the Gateway API (`GEP-2257`).

use std::time::Duration;

/// A duration such as `1m30s` or `500ms`.
pub(super) fn duration(text: &str) -> Option<Duration> {
    let mut rest = text;
    let mut total = Duration::ZERO;
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit())?;
        let amount: u64 = rest[..digits].parse().ok()?;
        rest = &rest[digits..];
        let letters = rest.find(|c: char| c.is_ascii_digit()).unwrap_or(rest.len());
        total += match &rest[..letters] {
            "h" => Duration::from_secs(amount * 3600),
            "m" => Duration::from_secs(amount * 60),
            "s" => Duration::from_secs(amount),
            "ms" => Duration::from_millis(amount),
            _ => return None,
        };
        rest = &rest[letters..];
    }
    Some(total)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::duration;

    #[test]
    fn durations_of_the_gateway_api_are_read() {
        assert_eq!(duration("10s"), Some(Duration::from_secs(10)));
        assert_eq!(duration("1h30m"), Some(Duration::from_mins(90)));
        assert_eq!(duration("500ms"), Some(Duration::from_millis(500)));
        assert_eq!(duration("0s"), Some(Duration::ZERO));
    }

    #[test]
    fn look_alikes_of_durations_are_refused() {
        for text in ["", "10", "s", "1.5s", "-1s", "10 s", "1d"] {
            assert_eq!(duration(text), None, "{text}");
        }
    }
}
