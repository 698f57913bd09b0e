//! Claims about a cert-manager Certificate object.
//!
//! What Envoy serves is another matter, judged from the TLS handshake.

use std::collections::BTreeSet;

use serde_json::Value;

use super::condition::Conditions;
use super::hint::condition::{Owner, hints_for};
use super::{hints, list, refuted};
use crate::scenario::{CertificateClaim, ConditionClaim, ConditionStatus};
use crate::verdict::{Failure, Judgement};

/// Judges a Certificate as it is now; `None` when there is none of that name.
pub fn certificate(claim: &CertificateClaim, object: Option<&Value>) -> Judgement {
    let place = format!("Certificate {}", claim.certificate);
    let Some(object) = object else {
        let hints = hints(&[
            "cert-manager makes one for each Secret that an annotated Gateway's listeners name: it needs the annotation cert-manager.io/issuer or cluster-issuer, a hostname and tls.mode Terminate, and the Secret in the Gateway's namespace",
            "cert-manager ignores Gateways unless that is switched on (enableGatewayAPI, from 1.15 on) and the CRDs were there when it started",
        ]);
        return vec![refuted(place, "a Certificate", "no such object", hints)].into();
    };
    let mut failures = readiness(claim, object, &place);
    if let Some(wanted) = &claim.dns_names {
        let listed = object.pointer("/spec/dnsNames").and_then(Value::as_array);
        let seen: BTreeSet<&str> = listed.into_iter().flatten().filter_map(Value::as_str).collect();
        let wanted: BTreeSet<&str> = wanted.iter().map(String::as_str).collect();
        if seen != wanted {
            let told = |names: &BTreeSet<&str>| list(&names.iter().copied().collect::<Vec<_>>());
            let hints =
                hints(&["the names are the hostnames of the listeners that name the Secret"]);
            failures.push(refuted(
                place,
                format!("dnsNames {}", told(&wanted)),
                format!("dnsNames {}", told(&seen)),
                hints,
            ));
        }
    }
    failures.into()
}

fn readiness(claim: &CertificateClaim, object: &Value, place: &str) -> Vec<Failure> {
    let conditions = Conditions::of(object, object.get("status"));
    if claim.ready {
        let ready = ConditionClaim { status: ConditionStatus::True, reason: None };
        return conditions.judge(
            Owner::Certificate,
            place,
            &[("Ready".to_owned(), ready)].into_iter().collect(),
        );
    }
    match conditions.get("Ready") {
        Some(found) if found.status == ConditionStatus::True => {
            let hints = hints_for(Owner::Certificate, "Ready", Some(&found));
            vec![refuted(place, "Ready is not True", "Ready is True", hints)]
        }
        _ => Vec::new(),
    }
}
