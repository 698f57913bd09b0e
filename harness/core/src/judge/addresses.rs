//! Claims about the addresses of a load balancer.
//!
//! Whether there is a way to such an address depends on where one stands: an address that nodes
//! announce on Layer 2 is reached from their own network alone, one of a private load balancer from
//! its own. So what does not answer is no failure of the Gateway while nothing else of the same
//! address has answered, and no proof of it either.

use std::collections::BTreeSet;
use std::net::IpAddr;

use super::everywhere::told_once;
use super::hint::connection;
use super::{hints, refuted, undecided};
use crate::entry::EntryPoint;
use crate::observation::{TcpObservation, TcpOutcome};
use crate::verdict::{Failure, Judgement};

/// Judges connections to the addresses; none at all is never a pass.
pub fn addresses(seen: &[(EntryPoint, TcpObservation)]) -> Judgement {
    let answering: BTreeSet<IpAddr> = seen
        .iter()
        .filter(|(_, observation)| observation.outcome == TcpOutcome::Accepted)
        .map(|(point, _)| point.address)
        .collect();
    let mut failures: Vec<Failure> = seen
        .iter()
        .filter(|(_, observation)| observation.outcome != TcpOutcome::Accepted)
        .map(|(point, observation)| judge(point, &observation.outcome, &answering))
        .collect();
    if seen.is_empty() {
        failures.push(undecided(
            "the Gateway's load balancer",
            EXPECTED,
            "nothing to ask",
            Vec::new(),
        ));
    }
    told_once(&mut failures);
    failures.into()
}

const EXPECTED: &str = "a connection that is accepted";

fn judge(point: &EntryPoint, outcome: &TcpOutcome, answering: &BTreeSet<IpAddr>) -> Failure {
    let is_decided =
        matches!(outcome, TcpOutcome::Refused | TcpOutcome::Reset | TcpOutcome::TimedOut);
    if is_decided && answering.contains(&point.address) {
        let hints = connection::hints_for(point, outcome);
        return refuted(&point.place, EXPECTED, outcome.to_string(), hints);
    }
    let why = match outcome {
        TcpOutcome::Refused | TcpOutcome::Reset => {
            "who refuses is not known from here: it may be a firewall or another network that has the same address; no port of this address accepted"
        }
        _ => {
            "nothing of this address has answered from here, so there may be no way to it: an address that nodes announce on Layer 2 is reached from their own network alone, and a private load balancer from its own"
        }
    };
    let mut texts = hints(&[
        why,
        "ask from where clients stand, or from a machine in the network of the nodes; the node ports are judged by themselves",
    ]);
    texts.extend(connection::hints_for(point, &TcpOutcome::Refused).into_iter().take(1));
    undecided(&point.place, EXPECTED, outcome.to_string(), texts)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::addresses;
    use crate::cilium::CiliumConfig;
    use crate::entry::{EntryPoint, GatewayFacts, ServiceFacts, Site};
    use crate::observation::{TcpObservation, TcpOutcome};
    use crate::verdict::Verdict;

    /// A Gateway with listeners on 80 and 443 at these addresses.
    fn points(addresses: &[&str]) -> Vec<EntryPoint> {
        let gateway = serde_json::json!({"metadata": {"namespace": "g", "name": "g"},
            "spec": {"listeners": [{"name": "a", "port": 80, "protocol": "HTTP"},
                                   {"name": "b", "port": 443, "protocol": "HTTPS"}]}});
        let ingress: Vec<_> =
            addresses.iter().map(|address| serde_json::json!({"ip": address})).collect();
        let service = serde_json::json!({"metadata": {"namespace": "g", "name": "s"},
            "spec": {"type": "LoadBalancer", "ports": [{"port": 80}, {"port": 443}]},
            "status": {"loadBalancer": {"ingress": ingress}}});
        Site {
            config: &CiliumConfig::default(),
            nodes: &[],
            gateway: &GatewayFacts::from_object(&gateway).expect("a Gateway"),
            service: Some(&ServiceFacts::from_object(&service).expect("a Service")),
        }
        .addresses()
        .expect("addresses")
    }

    fn verdict(addresses_of: &[&str], outcomes: &[TcpOutcome]) -> Verdict {
        let seen: Vec<(EntryPoint, TcpObservation)> = points(addresses_of)
            .into_iter()
            .zip(outcomes)
            .map(|(point, outcome)| {
                let dialled = (point.address, point.port).into();
                let took = Duration::from_millis(1);
                (point, TcpObservation { dialled, outcome: outcome.clone(), took })
            })
            .collect();
        assert_eq!(seen.len(), outcomes.len(), "each outcome is of one socket");
        addresses(&seen).verdict()
    }

    #[test]
    fn an_address_that_never_answers_decides_nothing_and_one_that_does_everything() {
        use TcpOutcome::{Accepted, Other, Refused, TimedOut, Unreachable};
        let one = ["192.0.2.1"];
        let no_way = Other("no way".to_owned());
        for (outcomes, wanted) in [
            ([Accepted, Accepted], Verdict::Passed),
            ([Accepted, Refused], Verdict::Failed),
            ([Accepted, TimedOut], Verdict::Failed),
            ([Accepted, no_way.clone()], Verdict::Inconclusive),
            ([TimedOut, TimedOut], Verdict::Inconclusive),
            ([Refused, Refused], Verdict::Inconclusive),
            ([Unreachable, no_way], Verdict::Inconclusive),
        ] {
            assert_eq!(verdict(&one, &outcomes), wanted, "{outcomes:?}");
        }
        assert_eq!(addresses(&[]).verdict(), Verdict::Inconclusive);
    }

    #[test]
    fn one_address_does_not_answer_for_another() {
        use TcpOutcome::{Accepted, TimedOut};
        // Sorted by port: 80 of both, then 443 of both.
        let two = ["192.0.2.1", "192.0.2.2"];
        let outcomes = [Accepted, TimedOut, Accepted, TimedOut];
        assert_eq!(verdict(&two, &outcomes), Verdict::Inconclusive);
    }
}
