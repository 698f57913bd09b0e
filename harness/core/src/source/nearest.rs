//! "Did you mean": the nearest of the names that would have been right.
//!
//! Decides nothing; a suggestion is help in a message, never a correction.

/// The candidate nearest to what was written, if one is near enough to be a slip.
///
/// Case is ignored, and a name that contains the other counts as near (`matchlabels`,
/// `hello` for `go-hello-world`).
pub fn nearest<'a>(
    written: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    let wanted = written.to_lowercase();
    candidates
        .into_iter()
        .map(|candidate| (similarity(&wanted, &candidate.to_lowercase()), candidate))
        .filter(|(score, _)| *score >= NEAR)
        .max_by(|a, b| a.0.total_cmp(&b.0).then_with(|| b.1.cmp(a.1)))
        .map(|(_, candidate)| candidate)
}

/// Several candidates, nearest first, at most `limit`; for messages that list what there is.
pub fn ranked<'a>(
    written: &str,
    candidates: impl IntoIterator<Item = &'a str>,
    limit: usize,
) -> Vec<&'a str> {
    let wanted = written.to_lowercase();
    let mut scored: Vec<_> = candidates
        .into_iter()
        .map(|candidate| (similarity(&wanted, &candidate.to_lowercase()), candidate))
        .filter(|(score, _)| *score >= NEAR)
        .collect();
    scored.sort_by(|a, b| b.0.total_cmp(&a.0).then_with(|| a.1.cmp(b.1)));
    scored.truncate(limit);
    scored.into_iter().map(|(_, candidate)| candidate).collect()
}

/// Below this, two names have nothing to do with each other. Found by trying the slips in the
/// fixtures: swapped, missing and doubled letters score above 0.7, unrelated keys below 0.6.
const NEAR: f64 = 0.62;

fn similarity(a: &str, b: &str) -> f64 {
    let distance = strsim::normalized_damerau_levenshtein(a, b);
    let short = a.len().min(b.len());
    if short >= 3 && (a.contains(b) || b.contains(a)) { distance.max(0.7) } else { distance }
}

#[cfg(test)]
mod tests {
    use super::{nearest, ranked};

    #[test]
    fn a_slip_finds_its_key_and_a_stranger_does_not() {
        let keys = ["hostNetwork", "gatewayClass", "enabled"];
        assert_eq!(nearest("hostNetwrok", keys), Some("hostNetwork"));
        assert_eq!(nearest("hostnetwork", keys), Some("hostNetwork"));
        assert_eq!(nearest("replicas", keys), None);
    }

    #[test]
    fn nearest_comes_first_and_ties_are_alphabetical() {
        assert_eq!(
            ranked("canary", ["canary-b", "canary-a", "canaries"], 2),
            ["canary-a", "canary-b"]
        );
    }
}
