//! Answers that were seen.
//!
//! Envoy's own answers lack `x-envoy-upstream-service-time`, which it adds to what came from
//! upstream; `server: envoy` alone proves nothing, for it overwrites the backend's (Cilium 1.14 to
//! 1.20).

use std::collections::BTreeSet;

use crate::dossier::Dossier;
use crate::event::PlacedHttp;
use crate::observation::{HttpOutcome, HttpResponse};
use crate::verdict::Verdict;

/// Answers to requests of checks that failed, and to those nobody judged, with their places.
///
/// What a check wanted and got is no symptom, so evidence of checks that passed is left out.
pub(in crate::finding) fn answers(dossier: &Dossier) -> Vec<(&str, &HttpResponse)> {
    let passed: BTreeSet<&str> = dossier
        .checks
        .iter()
        .filter(|check| check.verdict == Verdict::Passed)
        .flat_map(|check| check.evidence.http.iter().map(|placed| placed.place.as_str()))
        .collect();
    let loose = dossier.http.iter().filter(|placed| !passed.contains(placed.place.as_str()));
    dossier
        .checks
        .iter()
        .filter(|check| check.verdict == Verdict::Failed)
        .flat_map(|check| &check.evidence.http)
        .chain(loose)
        .filter_map(answer)
        .collect()
}

fn answer(placed: &PlacedHttp) -> Option<(&str, &HttpResponse)> {
    match &placed.observation.outcome {
        HttpOutcome::Response(answer) => Some((&placed.place, answer)),
        _ => None,
    }
}

/// Whether Envoy made this answer itself.
pub(in crate::finding) fn made_by_envoy(answer: &HttpResponse) -> bool {
    answer.echo.is_none()
        && answer.header("x-envoy-upstream-service-time").is_none()
        && answer.header("server") == Some("envoy")
}
