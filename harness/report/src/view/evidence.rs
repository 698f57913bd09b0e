//! Probe evidence in words, one line a probe.

use gateproof_core::event::Evidence;
use gateproof_core::observation::{HttpOutcome, TlsObservation, Trust};

use crate::view::duration::human;

/// What each probe saw, where.
pub(crate) fn lines(evidence: &Evidence) -> Vec<String> {
    let http = evidence.http.iter().map(|placed| {
        let seen = &placed.observation;
        let tls = seen.tls.as_ref().map(certificate).unwrap_or_default();
        let outcome = outcome(&seen.outcome);
        format!("{}: {outcome}{tls} ({})", placed.place, human(seen.timings.total))
    });
    let tcp = evidence.tcp.iter().map(|placed| {
        let seen = &placed.observation;
        format!("{}: {} ({})", placed.place, seen.outcome, human(seen.took))
    });
    let handshakes = evidence.handshakes.iter().map(|placed| {
        let seen = &placed.observation;
        let tls = seen.tls.as_ref().map(served).unwrap_or_default();
        format!("{}: {}{tls} ({})", placed.place, seen.outcome, human(seen.took))
    });
    let shares =
        evidence.shares.iter().map(|(backend, requests)| format!("{backend}: {requests} requests"));
    http.chain(tcp).chain(handshakes).chain(shares).collect()
}

pub(crate) fn outcome(outcome: &HttpOutcome) -> String {
    match outcome {
        HttpOutcome::Response(response) => match &response.echo {
            Some(echo) => format!("status {} from pod {}", response.status, echo.pod),
            None => format!("status {}", response.status),
        },
        HttpOutcome::NotConnected(outcome) => format!("not connected, {outcome}"),
        HttpOutcome::TlsFailed(failure) => failure.to_string(),
        HttpOutcome::NoResponse(reason) => reason.to_string(),
    }
}

fn certificate(tls: &TlsObservation) -> String {
    let trust = match &tls.trust {
        Trust::Verified => "verified".to_owned(),
        Trust::Failed(reason) | Trust::OutOfDate(reason) => format!("not verified, {reason}"),
        Trust::NoCertificate => return ", no certificate".to_owned(),
    };
    match tls.chain.first() {
        Some(leaf) => {
            format!(", certificate for {} by {} {trust}", leaf.names.join(" "), leaf.issuer)
        }
        None => format!(", certificate {trust}"),
    }
}

/// The certificate of a backend, which nobody was asked to trust.
fn served(tls: &TlsObservation) -> String {
    tls.chain.first().map_or_else(String::new, |leaf| {
        format!(", certificate for {} by {}", leaf.names.join(" "), leaf.issuer)
    })
}
