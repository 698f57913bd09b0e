//! Claims about the share of many requests that each backend gets.
//!
//! The default tolerance follows from chance: Envoy draws a backend for each request, so a share
//! p of n requests deviates by the square root of p(1-p)/n. Four and a half of these deviations
//! are crossed by chance about once in 150 000 looks.

use std::collections::BTreeMap;

use super::super::super::file::request::{HttpCheckFile, HttpExpectFile};
use super::super::check::Context;
use super::super::status::report_unknown_service;
use crate::name::NamespacedName;
use crate::scenario::Distribution;
use crate::source::problem::Problem;
use crate::source::tree::Place;

/// Requests to each entry point unless the check says otherwise.
const REQUESTS: u32 = 500;
/// Standard deviations that chance may be off.
const DEVIATIONS: f64 = 4.5;

/// Resolves shares.
pub(super) fn resolve(
    expect: &HttpExpectFile,
    shares: &BTreeMap<NamespacedName, f64>,
    place: Place<'_>,
    context: &Context<'_, '_>,
    problems: &mut Vec<Problem>,
) -> Distribution {
    let at = place.get("backends");
    for name in shares.keys() {
        report_unknown_service(name, at.key(&name.to_string()), context, problems);
    }
    let sum: f64 = shares.values().sum();
    if (sum - 100.0).abs() > 0.01 {
        problems.push(
            Problem::at(&at, "these shares do not sum to 100")
                .found(format!("a sum of {sum}"))
                .expected("percentages that sum to 100"),
        );
    }
    let requests = expect.requests.unwrap_or(REQUESTS);
    let tolerance = expect.tolerance.unwrap_or_else(|| tolerance(shares, requests));
    if let Some((name, share)) =
        shares.iter().find(|(_, share)| **share > 0.0 && **share <= tolerance)
    {
        problems.push(
            Problem::at(&at.get(&name.to_string()), "this share could not be told from nothing")
                .found(format!("{share} % with a tolerance of {tolerance:.1} percentage points"))
                .expected("more `requests:`, or a smaller `tolerance:`"),
        );
    }
    Distribution { requests, shares: shares.clone(), tolerance }
}

fn tolerance(shares: &BTreeMap<NamespacedName, f64>, requests: u32) -> f64 {
    let widest = shares
        .values()
        .map(|share| (share / 100.0) * (1.0 - share / 100.0) / f64::from(requests))
        .fold(0.0, f64::max);
    (DEVIATIONS * widest.sqrt() * 100.0).max(0.1)
}

/// Reports keys that only mean something together with shares, or never do.
pub(super) fn report_stray_keys(file: &HttpCheckFile, at: Place<'_>, problems: &mut Vec<Problem>) {
    let expect = at.get("expect");
    if file.expect.backends.is_none() {
        for (key, there) in [
            ("tolerance", file.expect.tolerance.is_some()),
            ("requests", file.expect.requests.is_some()),
        ] {
            if there {
                problems.push(
                    Problem::at(
                        &expect.key(key),
                        format!("`{key}` means nothing without `backends`"),
                    )
                    .expected("`backends:` with a share for each, or `count:` beside `expect:`"),
                );
            }
        }
    } else {
        for (key, there) in [("for", file.hold.is_some()), ("count", file.count.is_some())] {
            if there {
                problems.push(
                    Problem::at(&at.key(key), format!("`{key}` means nothing with `backends`"))
                        .expected("`requests:` inside `expect:`"),
                );
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::tolerance;
    use crate::name::NamespacedName;

    #[test]
    fn tolerance_shrinks_with_more_requests_and_leaves_room_for_chance() {
        let shares = BTreeMap::from([
            (NamespacedName::new("a", "stable"), 90.0),
            (NamespacedName::new("a", "canary"), 10.0),
        ]);
        let few = tolerance(&shares, 500);
        assert!((5.5..6.5).contains(&few), "{few}");
        assert!(tolerance(&shares, 5000) < few / 2.0);
    }
}
