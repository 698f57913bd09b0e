//! Answers that were seen.
//!
//! Envoy's own answers lack `x-envoy-upstream-service-time`, which it adds to what came from
//! upstream; `server: envoy` alone proves nothing, for it overwrites the backend's (Cilium 1.14 to
//! 1.20).

use std::collections::BTreeSet;

use crate::dossier::Dossier;
use crate::event::{CheckResult, PlacedHttp};
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

/// A request of a check that failed, as it fared through one node.
#[derive(Debug, Clone, Copy)]
pub(in crate::finding) struct Fared<'d> {
    pub(in crate::finding) node: &'d str,
    pub(in crate::finding) place: &'d str,
    pub(in crate::finding) outcome: &'d HttpOutcome,
}

impl Fared<'_> {
    /// Whether it came to a backend, or to an answer that a filter gives.
    pub(in crate::finding) fn is_carried(&self) -> bool {
        match self.outcome {
            HttpOutcome::Response(answer) => !made_by_envoy(answer) || answer.status < 400,
            _ => false,
        }
    }

    /// Whether Envoy has no route for it.
    pub(in crate::finding) fn has_no_route(&self) -> bool {
        matches!(self.outcome, HttpOutcome::Response(answer) if made_by_envoy(answer) && answer.status == 404)
    }

    /// What came of it, in words.
    pub(in crate::finding) fn in_words(&self) -> String {
        match self.outcome {
            HttpOutcome::Response(answer) if made_by_envoy(answer) => {
                format!("status {} by Envoy itself", answer.status)
            }
            HttpOutcome::Response(answer) => format!("status {}", answer.status),
            HttpOutcome::NotConnected(outcome) => format!("no connection: {outcome}"),
            HttpOutcome::TlsFailed(failure) => failure.to_string(),
            HttpOutcome::NoResponse(missing) => missing.to_string(),
        }
    }
}

/// Checks of requests that failed, each with how its requests fared through nodes.
pub(in crate::finding) fn failed_requests(
    dossier: &Dossier,
) -> Vec<(&CheckResult, Vec<Fared<'_>>)> {
    let is_failed = |check: &&CheckResult| {
        check.verdict == Verdict::Failed && matches!(check.kind.as_str(), "http" | "https")
    };
    dossier
        .checks
        .iter()
        .filter(is_failed)
        .map(|check| (check, check.evidence.http.iter().filter_map(through_node).collect()))
        .collect()
}

/// Places begin with the node, where they are one's: `worker2 127.9.0.4:31080 (node port of 80)`.
fn through_node(placed: &PlacedHttp) -> Option<Fared<'_>> {
    let (node, rest) = placed.place.split_once(' ')?;
    rest.parse::<std::net::SocketAddr>()
        .or_else(|_| rest.split(' ').next().unwrap_or_default().parse())
        .ok()?;
    Some(Fared { node, place: &placed.place, outcome: &placed.observation.outcome })
}

/// Host and path that a check asked for, from its claim in words: `HEAD http://host/path with …`.
pub(in crate::finding) fn asked_for(check: &CheckResult) -> Option<(&str, &str)> {
    let url = check.claim.split(' ').find(|word| word.contains("://"))?;
    let (_, rest) = url.split_once("://")?;
    let path = rest.find('/').unwrap_or(rest.len());
    let (authority, path) = rest.split_at(path);
    Some((authority.split(':').next()?, if path.is_empty() { "/" } else { path }))
}

/// Whether Envoy made this answer itself.
pub(in crate::finding) fn made_by_envoy(answer: &HttpResponse) -> bool {
    answer.echo.is_none()
        && answer.header("x-envoy-upstream-service-time").is_none()
        && answer.header("server") == Some("envoy")
}
