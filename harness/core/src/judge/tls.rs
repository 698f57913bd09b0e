//! What a served certificate must be.

use std::collections::BTreeSet;

use super::{hints, list, refuted};
use crate::observation::{Certificate, TlsObservation, Trust};
use crate::scenario::{CertificateExpectation, ExpectedIssuer, HttpClaim, ServerName};
use crate::verdict::Failure;

/// Compares the certificate of a handshake with what was claimed of it.
pub(super) fn judge(
    claim: &HttpClaim,
    wanted: &CertificateExpectation,
    place: &str,
    seen: Option<&TlsObservation>,
) -> Vec<Failure> {
    let Some(seen) = seen else {
        let hints = hints(&["only an https claim has a certificate to look at"]);
        return vec![refuted(place, "a certificate", "no TLS on this connection", hints)];
    };
    let Some(leaf) = seen.chain.first() else {
        let hints = hints(&["the handshake brought no certificate: is this the Gateway's port?"]);
        return vec![refuted(place, "a certificate", "none was served", hints)];
    };
    let mut failures = Vec::new();
    match (wanted.issuer, &seen.trust) {
        (_, Trust::OutOfDate(why)) => failures.push(out_of_date(place, why, leaf)),
        (ExpectedIssuer::Scenario, trust) => failures.extend(trusted(claim, place, trust, leaf)),
        (ExpectedIssuer::Any, _) => {}
    }
    if let Some(names) = &wanted.names {
        let set =
            |names: &[String]| names.iter().map(|n| n.to_lowercase()).collect::<BTreeSet<_>>();
        if set(names) != set(&leaf.names) {
            failures.push(refuted(
                place,
                format!("a certificate for {}", list(names)),
                described(leaf),
                name_hints(claim),
            ));
        }
    }
    failures
}

/// Whoever signed it, no client takes a certificate before its start or past its end.
fn out_of_date(place: &str, why: &str, leaf: &Certificate) -> Failure {
    let hints = hints(&[
        "was it renewed? Look at notAfter and renewalTime in the Certificate's status and at its CertificateRequests; a Secret that was made by hand renews itself never",
        "if the Secret is newer than what is served, look at its copy in Cilium's secrets namespace and at Envoy on the node",
        "if the dates are right, look at the clock of the machine that asked",
    ]);
    refuted(place, "a certificate within its dates", format!("{why}; {}", described(leaf)), hints)
}

fn trusted(claim: &HttpClaim, place: &str, trust: &Trust, leaf: &Certificate) -> Option<Failure> {
    let why = match trust {
        Trust::Verified => return None,
        Trust::Failed(why) | Trust::OutOfDate(why) => why.as_str(),
        Trust::NoCertificate => "nothing could be verified",
    };
    let name = asked_for(claim).unwrap_or(&claim.host);
    let hints = if leaf.names.iter().any(|pattern| covers(pattern, name)) {
        hints(&[
            "compare serial and issuer with the Secret that the listener names, and that with its copy in Cilium's secrets namespace: a copy that lags serves the older certificate",
            "look at the Certificate's issuerRef and at its CertificateRequests",
        ])
    } else {
        name_hints(claim)
    };
    Some(refuted(
        place,
        format!("a certificate of the scenario's issuer, valid for {name}"),
        format!("{why}; {}", described(leaf)),
        hints,
    ))
}

/// The server name that was sent.
fn asked_for(claim: &HttpClaim) -> Option<&str> {
    match &claim.server_name {
        ServerName::Host => Some(&claim.host),
        ServerName::Name(name) => Some(name),
        ServerName::Absent => None,
    }
}

pub(super) fn name_hints(claim: &HttpClaim) -> Vec<String> {
    let mut hints = match asked_for(claim) {
        Some(name) => vec![format!(
            "the server name {name} chooses the certificate: compare the listeners' hostnames, and the Secret of the listener that matches"
        )],
        None => vec![
            "without a server name only a listener without a hostname answers: look at its Secret"
                .to_owned(),
        ],
    };
    hints.push("compare the served names with dnsNames of the Certificate".to_owned());
    hints
}

pub(super) fn described(leaf: &Certificate) -> String {
    format!(
        "served: {} for {}, issuer {}, serial {}, valid {} to {}",
        leaf.subject,
        list(&leaf.names),
        leaf.issuer,
        leaf.serial,
        leaf.not_before,
        leaf.not_after
    )
}

/// Whether a name of a certificate covers a host; a wildcard stands for exactly one label
/// (RFC 9525, 6.3).
pub(super) fn covers(pattern: &str, host: &str) -> bool {
    match pattern.strip_prefix("*.") {
        Some(suffix) => {
            host.split_once('.').is_some_and(|(_, rest)| rest.eq_ignore_ascii_case(suffix))
        }
        None => pattern.eq_ignore_ascii_case(host),
    }
}

#[cfg(test)]
mod tests {
    use super::covers;

    #[test]
    fn a_wildcard_covers_exactly_one_label() {
        assert!(covers("*.example.test", "a.example.test"));
        assert!(covers("A.example.test", "a.EXAMPLE.test"));
        assert!(!covers("*.example.test", "a.b.example.test"));
        assert!(!covers("*.example.test", "example.test"));
    }
}
