use std::collections::BTreeMap;

use super::{assert_verdict, endpoint, name, node_address, printed, tcp_seen};
use crate::cluster::{Node, NodeRole, NodeSelector};
use crate::exposure::Expectation::{self, Accepts, DoesNotAccept};
use crate::exposure::{Cell, Endpoint, Grid, PortRole};
use crate::judge::{expected_cells, exposure};
use crate::name::NodeName;
use crate::observation::TcpOutcome::{self, Accepted, Refused, TimedOut, Unreachable};
use crate::scenario::{ExposureClaim, ExposureExpectation};
use crate::verdict::Judgement;
use crate::verdict::Verdict::{Failed, Inconclusive, Passed};

fn node_port(node: u8) -> Endpoint {
    endpoint(node, 31080, PortRole::NodePort { listener: 80 })
}

fn listener(node: u8) -> Endpoint {
    endpoint(node, 80, PortRole::ListenerPort)
}

fn judge(
    expect: ExposureExpectation,
    cells: &[(Endpoint, Expectation, Option<TcpOutcome>)],
) -> Judgement {
    let claim = ExposureClaim { gateway: name("infra/shared"), expect };
    let cell = |(endpoint, expected, _): &(Endpoint, Expectation, Option<TcpOutcome>)| Cell {
        endpoint: endpoint.clone(),
        expected: expected.clone(),
        seen: None,
    };
    let expected: Vec<Cell> = cells.iter().map(cell).collect();
    let probed =
        cells.iter().map(|row| Cell { seen: row.2.clone().map(tcp_seen), ..cell(row) }).collect();
    exposure(&claim, &expected, &Grid { cells: probed })
}

#[test]
fn every_cell_must_be_as_expected() {
    use ExposureExpectation::Reference;
    let other = || TcpOutcome::Other("no descriptors".to_owned());
    let open = |outcome| (node_port(2), Accepts, Some(outcome));
    let shut = |outcome| (listener(2), DoesNotAccept, Some(outcome));
    let cases = [
        ("as expected", vec![open(Accepted), shut(Refused)], Passed),
        ("closed although it should accept", vec![open(Refused), shut(Refused)], Failed),
        ("open although it should not", vec![open(Accepted), shut(Accepted)], Failed),
        ("silence where nothing should accept", vec![open(Accepted), shut(TimedOut)], Passed),
        ("the node is reachable", vec![open(Accepted), shut(Unreachable)], Passed),
        (
            "another node being reachable says nothing",
            vec![open(Accepted), (listener(3), DoesNotAccept, Some(Unreachable))],
            Inconclusive,
        ),
        ("a failure on our side, wanted open", vec![open(other()), shut(Refused)], Inconclusive),
        ("a failure on our side, wanted shut", vec![open(Accepted), shut(other())], Inconclusive),
        ("not probed", vec![open(Accepted), (listener(2), DoesNotAccept, None)], Inconclusive),
    ];
    for (about, cells, expected) in cases {
        assert_verdict(&judge(Reference, &cells), expected, about);
    }
}

#[test]
fn a_grid_that_expects_nothing_to_accept_proves_nothing_unless_that_is_the_claim() {
    use ExposureExpectation::{NodePorts, Nothing, Reference};
    let shut = [(listener(2), DoesNotAccept, Some(Refused))];
    assert_verdict(&judge(Reference, &shut), Failed, "reference");
    assert_verdict(&judge(NodePorts(NodeSelector::All), &shut), Failed, "node ports");
    assert_verdict(&judge(Nothing, &shut), Passed, "nothing is the claim");
    assert_verdict(&judge(Nothing, &[]), Inconclusive, "an empty grid");
    let silent = [(listener(2), DoesNotAccept, Some(TimedOut))];
    let judged = judge(Nothing, &silent);
    assert_verdict(&judged, Inconclusive, "silence everywhere may be a missing way");
}

#[test]
fn what_the_reference_does_not_cover_leaves_the_claim_undecided() {
    let what = || Expectation::Unmodelled("node ports in host-network mode".to_owned());
    let judged = judge(
        ExposureExpectation::Reference,
        &[
            (listener(2), Accepts, Some(Accepted)),
            (node_port(2), what(), Some(Refused)),
            (node_port(3), what(), Some(Accepted)),
        ],
    );
    assert_verdict(&judged, Inconclusive, "unmodelled");
    insta::assert_snapshot!(printed(&judged), @r"
    undecided at worker2 127.9.0.2:31080 (node port of 80) and 1 more
      expected  a prediction of the reference
      seen      not modelled: node ports in host-network mode
      next      claim the exposure by nodePorts or listenerPorts, which needs no reference
    ");
}

#[test]
fn a_claim_about_ports_and_nodes_makes_its_own_expectation() {
    let gateway_label = BTreeMap::from([("role".to_owned(), "gateway".to_owned())]);
    let node = |n: u8, labels| Node {
        name: NodeName::new(format!("worker{n}")),
        role: NodeRole::Worker,
        labels,
        addresses: vec![node_address(n).into()],
    };
    let nodes = [node(2, gateway_label.clone()), node(3, BTreeMap::new())];
    let health = endpoint(2, 32000, PortRole::HealthCheckNodePort);
    let sockets = [listener(2), node_port(2), health.clone(), listener(3), node_port(3)];
    let open = |expect: &ExposureExpectation| -> Vec<Endpoint> {
        let cells = expected_cells(expect, &sockets, &nodes).expect("its own expectation");
        cells.into_iter().filter(|c| c.expected == Accepts).map(|c| c.endpoint).collect()
    };
    let selected = NodeSelector::Labels(gateway_label);
    assert_eq!(open(&ExposureExpectation::ListenerPorts(selected.clone())), [listener(2)]);
    assert_eq!(open(&ExposureExpectation::NodePorts(selected)), [node_port(2)]);
    assert_eq!(
        open(&ExposureExpectation::NodePorts(NodeSelector::All)),
        [node_port(2), node_port(3)]
    );
    assert_eq!(open(&ExposureExpectation::Nothing), []);
    assert_eq!(expected_cells(&ExposureExpectation::Reference, &sockets, &nodes), None);
    let all = expected_cells(&ExposureExpectation::Nothing, &sockets, &nodes).expect("cells");
    assert!(all.iter().any(|cell| cell.endpoint == health), "nothing means nothing");
}

#[test]
fn failures_of_a_grid_say_the_pattern_first() {
    let reference = || ExposureExpectation::Reference;
    let open = |endpoint, outcome| (endpoint, Accepts, Some(outcome));
    let secure = |node| endpoint(node, 31443, PortRole::NodePort { listener: 443 });
    let told = [
        judge(reference(), &[open(node_port(2), Refused), open(node_port(3), Refused)]),
        judge(reference(), &[open(node_port(2), Refused), open(node_port(3), Accepted)]),
        judge(
            reference(),
            &[
                open(node_port(2), Accepted),
                open(secure(2), Refused),
                open(node_port(3), Accepted),
                open(secure(3), Refused),
            ],
        ),
        judge(reference(), &[(listener(2), DoesNotAccept, Some(Accepted))]),
    ];
    insta::assert_snapshot!(told.iter().map(printed).collect::<Vec<_>>().join("\n"));
}
