//! Shares of many requests.
//!
//! Deterministic: no significance test decides a pass. The tolerance does, and the binomial
//! spread of so many requests only says whether a deviation refutes the claim or too few requests
//! were sent to tell.

use std::collections::BTreeMap;

use super::{hints, refuted, undecided};
use crate::scenario::Distribution;
use crate::verdict::{Failure, Judgement};

/// A deviation of more standard deviations than this is not chance (about 1 in 16,000).
const BEYOND_CHANCE: f64 = 4.0;

/// Judges how many answers of one entry point came from each backend.
///
/// Keys are backends as `namespace/name`; any other key, such as `status 503`, is an unexpected
/// answer and counts against the claim.
pub fn distribution(
    claim: &Distribution,
    place: &str,
    counts: &BTreeMap<String, u64>,
) -> Judgement {
    let total: u64 = counts.values().sum();
    if total < u64::from(claim.requests) || total == 0 {
        let expected = format!("{} answers to count", claim.requests);
        let hints = hints(&["every request counts: look at what became of the others"]);
        return vec![undecided(place, expected, format!("{total} answers"), hints)].into();
    }
    let mut failures: Vec<Failure> = claim
        .shares
        .iter()
        .filter_map(|(backend, share)| {
            let backend = backend.to_string();
            let count = counts.get(&backend).copied().unwrap_or(0);
            share_failure(claim, place, &backend, *share, (count, total))
        })
        .collect();
    for (other, count) in counts {
        let named = claim.shares.keys().any(|backend| backend.to_string() == *other);
        if !named && *count > 0 {
            failures.push(refuted(
                place,
                "answers of the claim's backends only",
                format!("{other}: {count} of {total} answers"),
                hints(&[
                    "look at the backendRefs of the rule, and at whether another rule matched",
                ]),
            ));
        }
    }
    failures.into()
}

fn share_failure(
    claim: &Distribution,
    place: &str,
    backend: &str,
    share: f64,
    (count, total): (u64, u64),
) -> Option<Failure> {
    let (count_f, total_f) = (as_float(count), as_float(total));
    let seen_share = 100.0 * count_f / total_f;
    let seen = format!("{seen_share:.1} % ({count} of {total})");
    if share <= 0.0 {
        let hints = hints(&[
            "a backend of weight 0 gets nothing, except that Cilium ignores the weight of a rule's only backend",
        ]);
        return (count > 0).then(|| refuted(place, format!("no answer of {backend}"), seen, hints));
    }
    let expected = format!("{share} % from {backend}, give or take {} points", claim.tolerance);
    let probability = (share / 100.0).clamp(0.0, 1.0);
    let unseen_by_chance = (1.0 - probability).powf(total_f);
    if count == 0 && seen_share + claim.tolerance >= share {
        // Within a tolerance as wide as the share itself, yet it never answered.
        let few = hints(&["so few requests may miss this backend by chance: send more"]);
        return Some(if unseen_by_chance > 0.001 {
            undecided(place, expected, "it never answered", few)
        } else {
            refuted(place, expected, "it never answered", never_hints())
        });
    }
    let deviation = (seen_share - share).abs();
    if deviation <= claim.tolerance {
        return None;
    }
    let spread = 100.0 * (probability * (1.0 - probability) / total_f).sqrt();
    if deviation <= BEYOND_CHANCE * spread {
        let hints = vec![format!(
            "chance alone moves {total} answers by {:.1} points: send more requests, or allow a wider tolerance",
            BEYOND_CHANCE * spread
        )];
        return Some(undecided(place, expected, seen, hints));
    }
    let hints = if count == 0 {
        never_hints()
    } else {
        hints(&[
            "compare the weights of the backendRefs; HTTPRoutes with the same match are put into one set of backends by Cilium",
        ])
    };
    Some(refuted(place, expected, seen, hints))
}

fn never_hints() -> Vec<String> {
    hints(&[
        "is the backendRef valid (ResolvedRefs)? Cilium sends everything to the valid ones",
        "has its Service ready endpoints?",
    ])
}

/// A count as a number to divide; counts beyond 2³² do not occur.
fn as_float(count: u64) -> f64 {
    f64::from(u32::try_from(count).unwrap_or(u32::MAX))
}
