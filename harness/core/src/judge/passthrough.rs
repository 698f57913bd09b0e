//! Whether a TLS handshake was passed through to a server behind the Gateway.
//!
//! Envoy speaks no TLS there, so whatever of TLS came back is the backend's: a certificate that
//! nobody trusts, a request for one of the client's, an alert. Envoy closes a connection without a
//! byte when no filter chain takes its server name and when it cannot connect to the backend
//! (seen with Envoy 1.40); a backend may do the same for a name that it does not know, so for a
//! name that no route spells out this decides nothing.

use super::everywhere::{Contact, Fared, across};
use super::hint::connection;
use super::{hints, refuted, undecided};
use crate::entry::EntryPoint;
use crate::observation::{HandshakeObservation, HandshakeOutcome, TcpOutcome, Unanswered};
use crate::scenario::{NameOrigin, PassthroughClaim};
use crate::verdict::{Failure, Judgement};

const EXPECTED: &str = "a TLS server behind the Gateway that answers";

/// Judges handshakes at all entry points together; none at all is never a pass.
pub fn passthrough(
    claim: &PassthroughClaim,
    seen: &[(EntryPoint, HandshakeObservation)],
) -> Judgement {
    let fared = seen.iter().map(|(point, observation)| Fared {
        point,
        failures: judge(claim, point, observation).into_iter().collect(),
        contact: match &observation.outcome {
            HandshakeOutcome::NotConnected(outcome) => connection::contact(outcome),
            _ => Contact::NotAtIssue,
        },
    });
    across(fared.collect())
}

fn judge(
    claim: &PassthroughClaim,
    point: &EntryPoint,
    seen: &HandshakeObservation,
) -> Option<Failure> {
    let place = &point.place;
    match &seen.outcome {
        HandshakeOutcome::Completed | HandshakeOutcome::Answered(_) => {
            let leaf = seen.tls.as_ref().and_then(|tls| tls.chain.first())?;
            claim.own.contains(&leaf.sha256).then(|| {
                undecided(
                    place,
                    EXPECTED,
                    format!(
                        "a certificate for {} that a listener of this port serves itself",
                        leaf.names.join(", ")
                    ),
                    hints(&[
                        "either the backend serves the same certificate, or the connection was not passed through but ended at Envoy: compare the filter chains (cilium-dbg envoy admin config) with the listeners' hostnames",
                    ]),
                )
            })
        }
        HandshakeOutcome::NotConnected(outcome) => {
            let words = format!("no TCP connection: {outcome}");
            let next = connection::hints_for(point, outcome);
            Some(if matches!(outcome, TcpOutcome::Other(_)) {
                undecided(place, EXPECTED, words, next)
            } else {
                refuted(place, EXPECTED, words, next)
            })
        }
        HandshakeOutcome::Unanswered(how) => Some(unanswered(claim, place, how)),
    }
}

fn unanswered(claim: &PassthroughClaim, place: &str, how: &Unanswered) -> Failure {
    let name = &claim.server_name;
    match (how, claim.origin) {
        (Unanswered::NotTls(_), _) => refuted(
            place,
            EXPECTED,
            how.to_string(),
            hints(&[
                "what is passed through arrives at the backend as TLS, so the backend has to speak it itself: is the backendRef's port its TLS port?",
            ]),
        ),
        (Unanswered::Other(_), _) => undecided(place, EXPECTED, how.to_string(), Vec::new()),
        (Unanswered::Closed | Unanswered::TimedOut, NameOrigin::Route) => {
            refuted(place, EXPECTED, how.to_string(), ways_to_silence(name, how))
        }
        (Unanswered::Closed | Unanswered::TimedOut, NameOrigin::Wildcard) => {
            let mut texts = vec![format!(
                "no route spells out a name, so {name} was made up, and a backend may hang up on a name that it does not know: try one of yours with openssl s_client -connect ADDRESS:PORT -servername NAME"
            )];
            texts.extend(ways_to_silence(name, how));
            undecided(place, EXPECTED, how.to_string(), texts)
        }
    }
}

/// What to look at when nobody answered.
fn ways_to_silence(name: &str, how: &Unanswered) -> Vec<String> {
    let mut texts = Vec::new();
    if *how == Unanswered::Closed {
        texts.push(format!(
            "Envoy closes a connection when it cannot connect to the backend, and when no filter chain takes the server name: look at whether the backend's Service has the port of the backendRef and ready endpoints, then whether a TLSRoute and its listener take {name}"
        ));
    } else {
        texts.push("the connection was taken and nobody spoke: look at the backend, and at the way from this node to its pods".to_owned());
    }
    texts.push("with gatewayAPI.enableProxyProtocol Envoy closes connections that do not begin with a PROXY header".to_owned());
    texts
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::passthrough;
    use crate::cluster::NodeSelector;
    use crate::entry::EntryPoint;
    use crate::exposure::{Endpoint, PortRole};
    use crate::name::{NamespacedName, NodeName};
    use crate::observation::{
        Certificate, HandshakeObservation, HandshakeOutcome, TcpOutcome, TlsFailure,
        TlsObservation, Trust, Unanswered,
    };
    use crate::scenario::{Entry, NameOrigin, PassthroughClaim};
    use crate::verdict::{Judgement, Verdict};

    fn judged(origin: NameOrigin, outcome: HandshakeOutcome, served: &[&str]) -> Judgement {
        let claim = PassthroughClaim {
            gateway: NamespacedName::new("g", "g"),
            server_name: "raw.a.test".to_owned(),
            origin,
            listener_port: 8443,
            entry: Entry::EachNode(NodeSelector::All),
            own: vec!["ours".to_owned()],
            handshakes: 1,
        };
        let point = EntryPoint::from(&Endpoint {
            node: NodeName::new("worker"),
            address: [192, 0, 2, 1].into(),
            port: 31443,
            role: PortRole::NodePort { listener: 8443 },
        });
        let leaf = |sha256: &&str| Certificate {
            subject: String::new(),
            issuer: String::new(),
            names: vec!["raw.a.test".to_owned()],
            serial: String::new(),
            not_before: String::new(),
            not_after: String::new(),
            sha256: (*sha256).to_owned(),
        };
        let tls = TlsObservation {
            server_name: Some("raw.a.test".to_owned()),
            version: None,
            alpn: None,
            chain: served.iter().map(leaf).collect(),
            trust: Trust::NoCertificate,
        };
        let seen = HandshakeObservation {
            dialled: (point.address, point.port).into(),
            tls: Some(tls),
            outcome,
            took: Duration::from_millis(1),
        };
        passthrough(&claim, &[(point, seen)])
    }

    #[test]
    fn a_tls_server_that_says_anything_carries_and_a_connection_that_ends_without_a_byte_does_not()
    {
        use HandshakeOutcome::{Answered, Completed, NotConnected, Unanswered as Un};
        use NameOrigin::{Route, Wildcard};
        let alert = || Answered(TlsFailure::Alert("unrecognized_name".to_owned()));
        let not_tls = || Un(Unanswered::NotTls("SSH-2.0".to_owned()));
        for (origin, outcome, served, wanted) in [
            (Route, Completed, &["theirs"][..], Verdict::Passed),
            (Route, alert(), &[], Verdict::Passed),
            (Wildcard, alert(), &[], Verdict::Passed),
            (Route, Answered(TlsFailure::ClosedByPeer), &["theirs"], Verdict::Passed),
            (Route, Completed, &["ours"], Verdict::Inconclusive),
            (Route, Un(Unanswered::Closed), &[], Verdict::Failed),
            (Route, Un(Unanswered::TimedOut), &[], Verdict::Failed),
            (Route, not_tls(), &[], Verdict::Failed),
            (Wildcard, Un(Unanswered::Closed), &[], Verdict::Inconclusive),
            (Wildcard, Un(Unanswered::TimedOut), &[], Verdict::Inconclusive),
            (Wildcard, not_tls(), &[], Verdict::Failed),
            (Route, Un(Unanswered::Other("?".to_owned())), &[], Verdict::Inconclusive),
            (Route, NotConnected(TcpOutcome::Refused), &[], Verdict::Failed),
            (Route, NotConnected(TcpOutcome::Other("?".to_owned())), &[], Verdict::Inconclusive),
        ] {
            let judgement = judged(origin, outcome.clone(), served);
            assert_eq!(judgement.verdict(), wanted, "{origin:?} {outcome}");
        }
    }

    #[test]
    fn a_name_that_was_made_up_is_told_as_such() {
        let closed = HandshakeOutcome::Unanswered(Unanswered::Closed);
        let failure = &judged(NameOrigin::Wildcard, closed, &[]).failures[0];
        assert!(failure.hints[0].contains("made up"), "{failure}");
    }

    #[test]
    fn without_an_entry_point_nothing_is_proven() {
        let claim = PassthroughClaim {
            gateway: NamespacedName::new("g", "g"),
            server_name: "a.test".to_owned(),
            origin: NameOrigin::Route,
            listener_port: 443,
            entry: Entry::LoadBalancer,
            own: Vec::new(),
            handshakes: 1,
        };
        assert_eq!(passthrough(&claim, &[]).verdict(), Verdict::Inconclusive);
    }
}
