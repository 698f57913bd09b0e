//! Claims for clusters whose backends nobody knows: carried, and answered at all.

use super::http::{claim, response, served};
use super::node_port;
use crate::judge::http;
use crate::observation::Trust;
use crate::scenario::{HttpClaim, HttpExpectation, ServedCertificate};
use crate::verdict::Verdict;

const OF_ENVOY: (&str, &str) = ("server", "envoy");
const OF_A_BACKEND: (&str, &str) = ("x-envoy-upstream-service-time", "1");

fn any() -> ServedCertificate {
    ServedCertificate::default()
}

#[test]
fn what_a_backend_answers_is_its_own_business_and_what_envoy_cannot_send_is_not_carried() {
    use Verdict::{Failed, Inconclusive, Passed};
    for (status, header, carried, answered) in [
        (200, OF_A_BACKEND, Passed, Passed),
        (404, OF_A_BACKEND, Passed, Passed),
        (503, OF_A_BACKEND, Passed, Passed),
        (301, OF_ENVOY, Passed, Passed),
        (404, OF_ENVOY, Failed, Passed),
        (503, OF_ENVOY, Failed, Passed),
        (200, ("server", "nginx"), Inconclusive, Inconclusive),
    ] {
        let seen = response(status, &[header], None);
        for (expect, verdict) in [
            (HttpExpectation::Carried(any()), carried),
            (HttpExpectation::Answered(any()), answered),
        ] {
            let judged = http(&claim(false, expect.clone()), &node_port(2), &seen);
            assert_eq!(judged.verdict(), verdict, "{status} {header:?} {expect:?}");
        }
    }
}

fn asked(host: &str, sha256: &[&str]) -> HttpClaim {
    let sha256 = sha256.iter().map(|text| (*text).to_owned()).collect();
    let expect = HttpExpectation::Carried(ServedCertificate { sha256 });
    HttpClaim { host: host.to_owned(), ..claim(true, expect) }
}

#[test]
fn the_served_certificate_must_be_the_secrets_and_for_the_host() {
    let out_of_date = || Trust::OutOfDate("expired".to_owned());
    let own = || Trust::Failed("unknown issuer".to_owned());
    for (host, sha256, trust, expected) in [
        ("a.example.test", &[][..], own(), ""),
        ("a.example.test", &["another", "00"], own(), ""),
        ("a.example.test", &["another"], own(), "the certificate of the Secret"),
        ("b.example.org", &["00"], own(), "a certificate for b.example.org"),
        // Asked for where a listener takes every host.
        ("gateproof-check.invalid", &["00"], own(), ""),
        ("a.example.test", &["00"], out_of_date(), "within its dates"),
    ] {
        let mut seen = served(&["*.example.test"], trust);
        if let crate::observation::HttpOutcome::Response(answer) = &mut seen.outcome {
            answer.headers.push((OF_A_BACKEND.0.to_owned(), OF_A_BACKEND.1.to_owned()));
        }
        seen.tls.as_mut().expect("TLS was spoken").chain[0].sha256 = "00".to_owned();
        let judged = http(&asked(host, sha256), &node_port(2), &seen);
        let told: Vec<&str> = judged.failures.iter().map(|failure| &*failure.expected).collect();
        match expected {
            "" => assert!(told.is_empty(), "{host} {sha256:?}: {told:?}"),
            expected => assert!(told.concat().contains(expected), "{host} {sha256:?}: {told:?}"),
        }
    }
}
