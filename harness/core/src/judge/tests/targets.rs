use std::time::Duration;

use super::{assert_verdict, name, node_port, printed};
use crate::cluster::NodeSelector;
use crate::entry::EntryPoint;
use crate::event::Target;
use crate::health::{Cause, CheckOutcome, Machine, profile};
use crate::judge::{RegisteredTarget, target_health};
use crate::name::NodeName;
use crate::scenario::{Pace, TargetCount, TargetHealthClaim, TargetPorts};
use crate::verdict::Judgement;
use crate::verdict::Verdict::{self, Failed, Inconclusive, Passed};

fn claim(healthy: TargetCount) -> TargetHealthClaim {
    TargetHealthClaim {
        gateway: name("infra/shared"),
        targets: TargetPorts::Exposed,
        nodes: NodeSelector::All,
        profile: "aws-lbc-cluster".to_owned(),
        settings: profile("aws-lbc-cluster").expect("a profile").settings,
        pace: Pace::RealTime,
        healthy,
    }
}

/// A target that went through checks: `+` passed, `-` refused, `?` not made, one every ten seconds.
fn target(node: u8, checks: &str) -> Target {
    let settings = claim(TargetCount::All).settings;
    let mut machine = Machine::new(settings, Duration::ZERO);
    for (index, sign) in (1..).zip(checks.chars()) {
        let outcome = match sign {
            '+' => CheckOutcome::Passed,
            '?' => CheckOutcome::Failed(Cause::Other("Too many open files".to_owned())),
            _ => CheckOutcome::Failed(Cause::Refused),
        };
        machine.record(Duration::from_secs(10 * index), outcome);
    }
    let zone = if node == 2 { "eu-1a" } else { "eu-1b" };
    machine.target(node_port(node).place, Some(zone))
}

/// Judges one target per word, on worker2, worker3, …; all are registered.
fn judge(healthy: TargetCount, checks: &[&str], selected: &[u8]) -> Judgement {
    let node = |n: &u8| NodeName::new(format!("worker{n}"));
    let points: Vec<EntryPoint> = (2..).zip(checks).map(|(n, _)| node_port(n)).collect();
    let nodes: Vec<NodeName> = points.iter().filter_map(|point| point.node.clone()).collect();
    let targets: Vec<Target> = (2..).zip(checks).map(|(n, checks)| target(n, checks)).collect();
    let registered: Vec<_> = points
        .iter()
        .zip(&targets)
        .map(|(point, target)| RegisteredTarget { point, target })
        .collect();
    let selected: Vec<NodeName> = selected.iter().map(node).collect();
    target_health(&claim(healthy), &registered, &nodes, &selected)
}

const UP: &str = "+++";
const DOWN: &str = "---";
const OPEN: &str = "--";

type Case<'a> = (&'a str, TargetCount, &'a [&'a str], &'a [u8], Verdict);

#[test]
fn targets_are_counted_as_claimed_and_undecided_ones_decide_nothing() {
    use TargetCount::{All, Exactly, None, Selected};
    let cases: [Case<'_>; 22] = [
        ("the harness could not check, all", All, &[UP, "???"], &[], Inconclusive),
        ("the harness could not check, none", None, &[DOWN, "???"], &[], Inconclusive),
        ("all healthy", All, &[UP, UP], &[], Passed),
        ("one unhealthy", All, &[UP, DOWN], &[], Failed),
        ("one undecided", All, &[UP, OPEN], &[], Inconclusive),
        ("no target, all", All, &[], &[], Failed),
        ("none healthy", None, &[DOWN, DOWN], &[], Passed),
        ("one healthy", None, &[DOWN, UP], &[], Failed),
        ("one undecided, none claimed", None, &[DOWN, OPEN], &[], Inconclusive),
        ("no target, none", None, &[], &[], Failed),
        ("exactly one", Exactly(1), &[UP, DOWN], &[], Passed),
        ("exactly one of two healthy", Exactly(1), &[UP, UP], &[], Failed),
        ("exactly one, and one that may join", Exactly(1), &[UP, OPEN], &[], Inconclusive),
        ("exactly two can no longer be", Exactly(2), &[UP, DOWN], &[], Failed),
        ("exactly none, none there", Exactly(0), &[], &[], Failed),
        ("exactly none", Exactly(0), &[DOWN], &[], Passed),
        ("selected", Selected, &[UP, DOWN], &[2], Passed),
        ("selected one is down", Selected, &[DOWN, DOWN], &[2], Failed),
        ("unselected one is up", Selected, &[UP, UP], &[2], Failed),
        ("unselected one is undecided", Selected, &[UP, OPEN], &[2], Inconclusive),
        ("nobody is selected", Selected, &[DOWN, DOWN], &[], Failed),
        ("selected node is not registered", Selected, &[DOWN, DOWN], &[9], Failed),
    ];
    for (about, healthy, checks, selected, expected) in cases {
        assert_verdict(&judge(healthy, checks, selected), expected, about);
    }
}

#[test]
fn a_registered_node_without_a_target_is_missed() {
    let nodes = [NodeName::new("worker2"), NodeName::new("worker3")];
    let target = target(2, UP);
    let point = node_port(2);
    let registered = [RegisteredTarget { point: &point, target: &target }];
    let judge =
        |nodes: &[NodeName]| target_health(&claim(TargetCount::All), &registered, nodes, &[]);
    assert_verdict(&judge(&nodes), Inconclusive, "worker3 has no target");
    assert_verdict(&judge(&nodes[..1]), Passed, "worker3 is not registered");
}

#[test]
fn states_outside_the_checks_are_neither_healthy_nor_unhealthy() {
    let point = node_port(2);
    for (state, all, none) in [
        ("healthy", Passed, Failed),
        ("unhealthy", Failed, Passed),
        ("unhealthy.draining", Failed, Passed),
        ("unused", Failed, Failed),
        ("draining", Failed, Failed),
    ] {
        let target = Target { state: state.to_owned(), ..target(2, UP) };
        let registered = [RegisteredTarget { point: &point, target: &target }];
        let judge = |count| target_health(&claim(count), &registered, &[], &[]);
        assert_verdict(&judge(TargetCount::All), all, state);
        assert_verdict(&judge(TargetCount::None), none, state);
    }
}

#[test]
fn failures_of_target_health_say_cause_zone_and_arithmetic() {
    let told = [
        judge(TargetCount::All, &[DOWN, DOWN], &[]),
        judge(TargetCount::All, &[UP, "+---"], &[]),
        judge(TargetCount::All, &[UP, OPEN], &[]),
        judge(TargetCount::Exactly(2), &[UP, DOWN], &[]),
        judge(TargetCount::Selected, &[UP, UP], &[2]),
        judge(TargetCount::All, &[], &[]),
    ];
    insta::assert_snapshot!(told.iter().map(printed).collect::<Vec<_>>().join("\n"));
}
