//! What agents count about themselves.
//!
//! `cilium_drift_checker_config_delta` is how many entries of the ConfigMap an agent found to differ
//! from what it started with (cilium/cilium 1.17 to 1.21-dev, `pkg/driftchecker/{checker,metrics}.go`).
//! It is 0 as well while the drift checker is off, and counts keys that only the operator reads.

/// The metric's name, on an agent's page and in `cilium-dbg metrics list` alike.
pub(crate) const DRIFT: &str = "cilium_drift_checker_config_delta";

/// How many settings differ, by a line of Prometheus' text form or of `cilium-dbg metrics list`; the
/// value is the last word of either.
pub(crate) fn drift(line: &str) -> Option<u32> {
    let rest = line.trim().strip_prefix(DRIFT)?;
    if !rest.starts_with(char::is_whitespace) {
        return None;
    }
    let value: f64 = rest.split_whitespace().next_back()?.parse().ok()?;
    // A count as the checker sets it; anything else is not its number.
    let whole = value >= 0.0 && value.fract() == 0.0 && value <= 100_000.0;
    whole.then(|| format!("{value:.0}").parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::drift;

    #[test]
    fn the_count_is_read_in_both_forms_and_nothing_else_is() {
        for (line, count) in [
            ("cilium_drift_checker_config_delta 3", Some(3)),
            ("cilium_drift_checker_config_delta 0\n", Some(0)),
            ("cilium_drift_checker_config_delta                        12.000000", Some(12)),
            ("cilium_drift_checker_config_delta 1e+01", Some(10)),
            ("# TYPE cilium_drift_checker_config_delta gauge", None),
            ("cilium_drift_checker_config_delta_total 3", None),
            ("cilium_drift_checker_config_delta NaN", None),
            ("cilium_drift_checker_config_delta -1", None),
            ("cilium_drift_checker_config_delta", None),
        ] {
            assert_eq!(drift(line), count, "{line}");
        }
    }
}
