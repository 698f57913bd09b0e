//! Tables of claims and observations. Every judge has a case where it speaks and a look-alike
//! where it must not.

mod carried;
mod claims;
mod exposure;
mod http;
mod shares;
mod status;
mod targets;
mod tcp;

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use crate::entry::EntryPoint;
use crate::exposure::{Endpoint, PortRole};
use crate::name::{NamespacedName, NodeName};
use crate::observation::{TcpObservation, TcpOutcome};
use crate::verdict::{Judgement, Verdict};

fn name(text: &str) -> NamespacedName {
    text.parse().expect("namespace/name")
}

fn node_address(node: u8) -> Ipv4Addr {
    Ipv4Addr::new(127, 9, 0, node)
}

/// A socket of the node `worker<node>`.
fn endpoint(node: u8, port: u16, role: PortRole) -> Endpoint {
    let name = NodeName::new(format!("worker{node}"));
    Endpoint { node: name, address: node_address(node).into(), port, role }
}

fn node_port(node: u8) -> EntryPoint {
    EntryPoint::from(&endpoint(node, 31080, PortRole::NodePort { listener: 80 }))
}

fn listener_port(node: u8, port: u16) -> EntryPoint {
    EntryPoint::from(&endpoint(node, port, PortRole::ListenerPort))
}

fn tcp_seen(outcome: TcpOutcome) -> TcpObservation {
    TcpObservation {
        dialled: SocketAddr::from((node_address(2), 31080)),
        outcome,
        took: Duration::from_millis(1),
    }
}

fn texts(pairs: &[(&str, Option<&str>)]) -> BTreeMap<String, Option<String>> {
    pairs.iter().map(|(k, v)| ((*k).to_owned(), v.map(str::to_owned))).collect()
}

/// All failures as they are printed.
fn printed(judgement: &Judgement) -> String {
    judgement.failures.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

#[track_caller]
fn assert_verdict(judgement: &Judgement, expected: Verdict, about: &str) {
    assert_eq!(judgement.verdict(), expected, "{about}:\n{}", printed(judgement));
}

#[test]
fn no_hint_names_the_placeholder_endpoint() {
    // It is on every healthy Gateway; naming it as a cause is the folklore this project answers.
    let sources = [
        include_str!("hint/condition.rs"),
        include_str!("hint/connection.rs"),
        include_str!("hint/reply.rs"),
        include_str!("everywhere.rs"),
        include_str!("exposure.rs"),
        include_str!("target_health.rs"),
    ];
    for source in sources {
        assert!(!source.contains("192.192.192.192"));
    }
}
