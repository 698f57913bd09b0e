//! Whether a request was carried: the claim for clusters whose backends nobody knows.
//!
//! What a backend answers is its own business, also 404 and 503: then listener, route and the way
//! to the backend work. What Envoy answers itself because no route matches, no backend is there or
//! a policy forbids shows that the request went nowhere. Redirects and the like are answers of
//! filters that somebody wrote.

use super::hint::reply::{self, Author};
use super::response::described;
use super::{hints, refuted, tls, undecided};
use crate::entry::EntryPoint;
use crate::observation::{HttpResponse, TlsObservation};
use crate::scenario::{CertificateExpectation, ExpectedIssuer, HttpClaim, ServedCertificate};
use crate::verdict::Failure;

/// What Envoy answers when a request goes nowhere.
const NOWHERE: [u16; 8] = [400, 403, 404, 426, 500, 502, 503, 504];

/// Hosts that nobody has (RFC 2606) are asked for where a listener takes every host; no certificate
/// is for them.
const NOBODYS: &str = ".invalid";

const EXPECTED: &str = "an answer of a backend or of a filter";

/// Judges whether an answer shows that its request was carried.
pub(super) fn judge(claim: &HttpClaim, point: &EntryPoint, answer: &HttpResponse) -> Vec<Failure> {
    match reply::author(answer) {
        Author::Backend => Vec::new(),
        Author::Envoy if !NOWHERE.contains(&answer.status) => Vec::new(),
        Author::Envoy => {
            let hints = reply::after_status(claim, answer);
            vec![refuted(&point.place, EXPECTED, described(answer), hints)]
        }
        Author::Unknown => author(claim, point, answer),
    }
}

/// Judges whether an answer comes from the Gateway at all.
pub(super) fn author(claim: &HttpClaim, point: &EntryPoint, answer: &HttpResponse) -> Vec<Failure> {
    match reply::author(answer) {
        Author::Backend | Author::Envoy => Vec::new(),
        Author::Unknown => {
            let hints = reply::after_status(claim, answer);
            vec![undecided(&point.place, EXPECTED, described(answer), hints)]
        }
    }
}

/// Judges the certificate that came with an answer: within its dates, for the host, and the one
/// of the Secret.
pub(super) fn certificate(
    claim: &HttpClaim,
    served: &ServedCertificate,
    point: &EntryPoint,
    seen: Option<&TlsObservation>,
) -> Vec<Failure> {
    if !claim.tls {
        return Vec::new();
    }
    let place = &point.place;
    let wanted = CertificateExpectation { issuer: ExpectedIssuer::Any, names: None };
    let mut failures = tls::judge(claim, &wanted, place, seen);
    let Some(leaf) = seen.and_then(|seen| seen.chain.first()) else { return failures };
    let covered = leaf.names.iter().any(|pattern| tls::covers(pattern, &claim.host));
    if !covered && !claim.host.ends_with(NOBODYS) {
        let expected = format!("a certificate for {}", claim.host);
        failures.push(refuted(place, expected, tls::described(leaf), tls::name_hints(claim)));
    }
    if !served.sha256.is_empty() && !served.sha256.contains(&leaf.sha256) {
        failures.push(refuted(
            place,
            "the certificate of the Secret that the listener names",
            tls::described(leaf),
            hints(&[
                "compare serial and dates with the Secret, and that with its copy in Cilium's secrets namespace: a copy that lags serves the older certificate",
                "where the copy is right, Envoy on this node has not taken it: look at its log, and at the agent's",
                "another listener's certificate is served when its hostname takes the server name",
            ]),
        ));
    }
    failures
}
