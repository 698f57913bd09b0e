//! Claims about HTTP and HTTPS requests, one answer at a time.

use super::carried;
use super::everywhere::{Contact, Fared, across};
use super::hint::{connection, reply};
use super::response::{self, described};
use super::{refuted, undecided};
use crate::entry::EntryPoint;
use crate::observation::{HttpObservation, HttpOutcome, TcpOutcome, TlsFailure};
use crate::scenario::{HttpClaim, HttpExpectation};
use crate::verdict::{Failure, Judgement};

/// Judges one answer at one entry point.
///
/// For a [`HttpExpectation::Distribution`] this says whether the answer can be counted at all;
/// the shares are [`distribution`](super::distribution)'s.
pub fn http(claim: &HttpClaim, point: &EntryPoint, seen: &HttpObservation) -> Judgement {
    let failures = match &claim.expect {
        HttpExpectation::Response(wanted) => match &seen.outcome {
            HttpOutcome::Response(answer) => {
                response::judge(claim, wanted, point, answer, seen.tls.as_ref())
            }
            outcome => vec![no_answer(claim, point, "a response", outcome)],
        },
        HttpExpectation::Distribution(_) => match &seen.outcome {
            HttpOutcome::Response(answer) => response::countable(claim, point, answer),
            outcome => vec![no_answer(claim, point, "a response", outcome)],
        },
        HttpExpectation::Carried(served) => match &seen.outcome {
            HttpOutcome::Response(answer) => {
                let mut failures = carried::judge(claim, point, answer);
                failures.extend(carried::certificate(claim, served, point, seen.tls.as_ref()));
                failures
            }
            outcome => vec![no_answer(claim, point, "a response", outcome)],
        },
        HttpExpectation::Answered(served) => match &seen.outcome {
            HttpOutcome::Response(answer) => {
                let mut failures: Vec<Failure> = carried::author(claim, point, answer);
                failures.extend(carried::certificate(claim, served, point, seen.tls.as_ref()));
                failures
            }
            outcome => vec![no_answer(claim, point, "a response", outcome)],
        },
        HttpExpectation::Unasked(why) => {
            vec![undecided(&point.place, "the request is carried", why.as_str(), Vec::new())]
        }
        HttpExpectation::TlsFailure => tls_failure(claim, point, seen).into_iter().collect(),
        HttpExpectation::NoConnection => no_connection(point, seen).into_iter().collect(),
    };
    failures.into()
}

/// Judges the answers of all entry points together; none at all is never a pass.
///
/// Beside what each answer shows, the first failure says what the pattern over the entry points
/// suggests, and hints that would repeat are told once.
pub fn http_everywhere(claim: &HttpClaim, seen: &[(EntryPoint, HttpObservation)]) -> Judgement {
    let fared = seen.iter().map(|(point, observation)| Fared {
        point,
        failures: http(claim, point, observation).failures,
        contact: match (&claim.expect, &observation.outcome) {
            (HttpExpectation::NoConnection, _) => Contact::NotAtIssue,
            (_, HttpOutcome::NotConnected(outcome)) => connection::contact(outcome),
            _ => Contact::NotAtIssue,
        },
    });
    across(fared.collect())
}

/// There was no response although one was claimed.
fn no_answer(
    claim: &HttpClaim,
    point: &EntryPoint,
    expected: &str,
    outcome: &HttpOutcome,
) -> Failure {
    let (seen, hints) = match outcome {
        HttpOutcome::NotConnected(outcome) => {
            let seen = format!("no TCP connection: {outcome}");
            let hints = connection::hints_for(point, outcome);
            if matches!(outcome, TcpOutcome::Other(_)) {
                return undecided(&point.place, expected, seen, hints);
            }
            (seen, hints)
        }
        HttpOutcome::TlsFailed(failure) => (failure.to_string(), reply::after_tls(claim, failure)),
        HttpOutcome::NoResponse(missing) => {
            (missing.to_string(), reply::after_silence(claim, missing))
        }
        HttpOutcome::Response(answer) => (described(answer), Vec::new()),
    };
    refuted(&point.place, expected, seen, hints)
}

/// The claim is that the handshake fails: only a peer that ends it shows that.
fn tls_failure(claim: &HttpClaim, point: &EntryPoint, seen: &HttpObservation) -> Option<Failure> {
    let expected = "a TLS handshake that fails";
    match &seen.outcome {
        HttpOutcome::TlsFailed(
            TlsFailure::ClosedByPeer | TlsFailure::Alert(_) | TlsFailure::NotTls,
        ) => None,
        HttpOutcome::TlsFailed(failure @ (TlsFailure::TimedOut | TlsFailure::Other(_))) => {
            let hints =
                vec!["a handshake that ends without the peer's word proves no refusal".to_owned()];
            Some(undecided(&point.place, expected, failure.to_string(), hints))
        }
        HttpOutcome::Response(answer) => {
            let served = seen.tls.as_ref().and_then(|tls| tls.chain.first());
            let names = served.map(|leaf| format!(", certificate for {}", leaf.names.join(", ")));
            let seen = format!("{}{}", described(answer), names.unwrap_or_default());
            Some(refuted(&point.place, expected, seen, reply::unexpected_handshake(claim)))
        }
        outcome @ HttpOutcome::NotConnected(_) => Some(no_answer(
            claim,
            point,
            "a connection, and then a TLS handshake that fails",
            outcome,
        )),
        HttpOutcome::NoResponse(missing) => {
            let seen = format!("the handshake completed, then {missing}");
            Some(refuted(&point.place, expected, seen, reply::unexpected_handshake(claim)))
        }
    }
}

/// The claim is that nothing connects.
fn no_connection(point: &EntryPoint, seen: &HttpObservation) -> Option<Failure> {
    let expected = "no TCP connection";
    match &seen.outcome {
        HttpOutcome::NotConnected(outcome) => connection::proves_closed(outcome).err().map(|why| {
            undecided(&point.place, expected, outcome.to_string(), vec![why.to_owned()])
        }),
        HttpOutcome::Response(answer) => Some(refuted(
            &point.place,
            expected,
            described(answer),
            connection::hints_when_open(point),
        )),
        HttpOutcome::TlsFailed(failure) => Some(refuted(
            &point.place,
            expected,
            format!("connected, then {failure}"),
            connection::hints_when_open(point),
        )),
        HttpOutcome::NoResponse(missing) => Some(refuted(
            &point.place,
            expected,
            format!("connected, then {missing}"),
            connection::hints_when_open(point),
        )),
    }
}
