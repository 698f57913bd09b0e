//! Whether a request was carried: the claim for clusters whose backends nobody knows.
//!
//! What a backend answers is its own business, also 404 and 503: then listener, route and the way
//! to the backend work. What Envoy answers itself because no route matches, no backend is there or
//! a policy forbids shows that the request went nowhere. Redirects and the like are answers of
//! filters that somebody wrote.

use super::hint::reply::{self, Author};
use super::response::described;
use super::{refuted, tls, undecided};
use crate::entry::EntryPoint;
use crate::observation::{HttpResponse, TlsObservation};
use crate::scenario::{CertificateExpectation, ExpectedIssuer, HttpClaim};
use crate::verdict::Failure;

/// What Envoy answers when a request goes nowhere.
const NOWHERE: [u16; 8] = [400, 403, 404, 426, 500, 502, 503, 504];

/// Judges one answer.
pub(super) fn judge(
    claim: &HttpClaim,
    point: &EntryPoint,
    answer: &HttpResponse,
    seen: Option<&TlsObservation>,
) -> Vec<Failure> {
    const EXPECTED: &str = "an answer of a backend or of a filter";
    let place = &point.place;
    let told = || (described(answer), reply::after_status(claim, answer));
    let mut failures = match reply::author(answer) {
        Author::Backend => Vec::new(),
        Author::Envoy if !NOWHERE.contains(&answer.status) => Vec::new(),
        Author::Envoy => {
            let (seen, hints) = told();
            vec![refuted(place, EXPECTED, seen, hints)]
        }
        Author::Unknown => {
            let (seen, hints) = told();
            vec![undecided(place, EXPECTED, seen, hints)]
        }
    };
    if claim.tls {
        let wanted = CertificateExpectation { issuer: ExpectedIssuer::Any, names: None };
        failures.extend(tls::judge(claim, &wanted, place, seen));
        let leaf = seen.and_then(|seen| seen.chain.first());
        let strangers =
            leaf.filter(|leaf| !leaf.names.iter().any(|pattern| tls::covers(pattern, &claim.host)));
        failures.extend(strangers.map(|leaf| {
            let expected = format!("a certificate for {}", claim.host);
            refuted(place, expected, tls::described(leaf), tls::name_hints(claim))
        }));
    }
    failures
}
