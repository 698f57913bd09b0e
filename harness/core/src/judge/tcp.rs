//! Claims about TCP connections.

use super::everywhere::{Contact, Fared, across};
use super::hint::connection;
use super::{hints, refuted, undecided};
use crate::entry::EntryPoint;
use crate::observation::{TcpObservation, TcpOutcome};
use crate::scenario::{TcpClaim, TcpExpectation};
use crate::verdict::{Failure, Judgement};

/// Judges one connection attempt at one socket.
pub fn tcp(claim: &TcpClaim, point: &EntryPoint, seen: &TcpObservation) -> Judgement {
    let failure = match &claim.expect {
        TcpExpectation::Outcome(wanted) => exactly(wanted, point, &seen.outcome),
        TcpExpectation::NotAccepted => not_accepted(point, &seen.outcome),
    };
    failure.into_iter().collect::<Vec<_>>().into()
}

/// Judges the attempts at all sockets together; none at all is never a pass.
pub fn tcp_everywhere(claim: &TcpClaim, seen: &[(EntryPoint, TcpObservation)]) -> Judgement {
    let wants_contact = claim.expect == TcpExpectation::Outcome(TcpOutcome::Accepted);
    let fared = seen.iter().map(|(point, observation)| Fared {
        point,
        failures: tcp(claim, point, observation).failures,
        contact: if wants_contact {
            connection::contact(&observation.outcome)
        } else {
            Contact::NotAtIssue
        },
    });
    across(fared.collect())
}

fn exactly(wanted: &TcpOutcome, point: &EntryPoint, seen: &TcpOutcome) -> Option<Failure> {
    if seen == wanted {
        return None;
    }
    let expected = format!("connection {wanted}");
    Some(match seen {
        TcpOutcome::Other(reason) => {
            undecided(&point.place, expected, reason, connection::hints_for(point, seen))
        }
        TcpOutcome::Accepted => refuted(
            &point.place,
            expected,
            "connection accepted",
            connection::hints_when_open(point),
        ),
        _ if *wanted == TcpOutcome::Accepted => refuted(
            &point.place,
            expected,
            format!("connection {seen}"),
            connection::hints_for(point, seen),
        ),
        _ => refuted(
            &point.place,
            expected,
            format!("connection {seen}"),
            hints(&[
                "neither is accepted, only the way differs: a kernel without a listener refuses, a firewall keeps silent; claim that it is not accepted where either will do",
            ]),
        ),
    })
}

fn not_accepted(point: &EntryPoint, seen: &TcpOutcome) -> Option<Failure> {
    let expected = "a connection that is not accepted";
    if *seen == TcpOutcome::Accepted {
        let hints = connection::hints_when_open(point);
        return Some(refuted(&point.place, expected, "connection accepted", hints));
    }
    let why = connection::proves_closed(seen).err()?;
    Some(undecided(&point.place, expected, seen.to_string(), vec![why.to_owned()]))
}
