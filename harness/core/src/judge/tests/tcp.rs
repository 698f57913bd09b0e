use super::{assert_verdict, listener_port, node_port, printed, tcp_seen};
use crate::cluster::NodeSelector;
use crate::judge::{tcp, tcp_everywhere};
use crate::observation::TcpOutcome::{self, Accepted, Refused, Reset, TimedOut, Unreachable};
use crate::scenario::{TcpClaim, TcpExpectation, TcpPort};
use crate::verdict::Verdict::{Failed, Inconclusive, Passed};

fn claim(expect: TcpExpectation) -> TcpClaim {
    TcpClaim {
        gateway: None,
        port: TcpPort::Number(80),
        nodes: NodeSelector::All,
        expect,
        hold: None,
    }
}

fn other() -> TcpOutcome {
    TcpOutcome::Other("too many open files".to_owned())
}

#[test]
fn a_claimed_outcome_is_that_outcome_and_no_other() {
    let cases = [
        (Accepted, Accepted, Passed),
        (Accepted, Refused, Failed),
        (Accepted, TimedOut, Failed),
        (Accepted, other(), Inconclusive),
        (Refused, Refused, Passed),
        (Refused, TimedOut, Failed),
        (Refused, Accepted, Failed),
        (Refused, other(), Inconclusive),
        (Unreachable, Unreachable, Passed),
    ];
    for (wanted, seen, expected) in cases {
        let about = format!("wanted {wanted}, seen {seen}");
        let claim = claim(TcpExpectation::Outcome(wanted));
        assert_verdict(&tcp(&claim, &node_port(2), &tcp_seen(seen)), expected, &about);
    }
}

#[test]
fn not_accepted_needs_a_sign_that_the_socket_was_reached_or_silence() {
    let cases = [
        (Refused, Passed),
        (Reset, Passed),
        (TimedOut, Passed),
        (Accepted, Failed),
        (Unreachable, Inconclusive),
        (other(), Inconclusive),
    ];
    for (seen, expected) in cases {
        let about = seen.to_string();
        let claim = claim(TcpExpectation::NotAccepted);
        assert_verdict(&tcp(&claim, &listener_port(2, 80), &tcp_seen(seen)), expected, &about);
    }
}

#[test]
fn all_sockets_must_hold_and_there_must_be_some() {
    let refused = claim(TcpExpectation::Outcome(Refused));
    let at = |outcomes: &[TcpOutcome]| {
        let seen = (2..).zip(outcomes).map(|(n, o)| (listener_port(n, 80), tcp_seen(o.clone())));
        tcp_everywhere(&refused, &seen.collect::<Vec<_>>())
    };
    assert_verdict(&at(&[Refused, Refused]), Passed, "both");
    assert_verdict(&at(&[Refused, Accepted]), Failed, "one");
    assert_verdict(&at(&[]), Inconclusive, "none");
    let silent = at(&[TimedOut, TimedOut]);
    assert!(
        !printed(&silent).contains("agents that started before"),
        "a claim of refusal does not suspect the agents"
    );
}

#[test]
fn failures_of_tcp_claims_say_what_to_look_at() {
    let accepted = claim(TcpExpectation::Outcome(Accepted));
    let closed = claim(TcpExpectation::NotAccepted);
    let refused = claim(TcpExpectation::Outcome(Refused));
    let told = [
        tcp(&accepted, &node_port(2), &tcp_seen(TimedOut)),
        tcp(&closed, &listener_port(2, 80), &tcp_seen(Accepted)),
        tcp(&refused, &listener_port(2, 80), &tcp_seen(TimedOut)),
        tcp(&closed, &listener_port(2, 80), &tcp_seen(Unreachable)),
    ];
    insta::assert_snapshot!(told.iter().map(printed).collect::<Vec<_>>().join("\n"));
}
