//! The grid node × port: what should accept, and what did.
//!
//! A grid that expects nothing to accept proves nothing, unless that is the claim. A socket that
//! was not probed, or that the reference does not cover, leaves the claim undecided.

use std::collections::{BTreeMap, BTreeSet};

use super::everywhere::{Fared, pattern, told_once};
use super::hint::connection;
use super::{hints, refuted, undecided};
use crate::cluster::{Node, NodeSelector};
use crate::entry::EntryPoint;
use crate::exposure::{Cell, Endpoint, Expectation, Grid, PortRole};
use crate::name::NodeName;
use crate::observation::TcpOutcome;
use crate::scenario::{ExposureClaim, ExposureExpectation};
use crate::verdict::{Failure, Judgement};

const ACCEPTED: &str = "a connection that is accepted";

/// The cells that a claim itself expects; `None` when the reference model is to say.
///
/// Health-check node ports are left out where the claim speaks of node or listener ports.
pub fn expected_cells(
    expect: &ExposureExpectation,
    endpoints: &[Endpoint],
    nodes: &[Node],
) -> Option<Vec<Cell>> {
    let cell = |endpoint: &Endpoint, accepts| Cell {
        endpoint: endpoint.clone(),
        expected: if accepts { Expectation::Accepts } else { Expectation::DoesNotAccept },
        seen: None,
    };
    let chosen = |selector: &NodeSelector, endpoint: &Endpoint| {
        nodes.iter().any(|node| node.name == endpoint.node && selector.matches(node))
    };
    let serving = endpoints.iter().filter(|at| at.role != PortRole::HealthCheckNodePort);
    let cells = match expect {
        ExposureExpectation::Reference | ExposureExpectation::Unknowable(_) => return None,
        ExposureExpectation::Nothing => endpoints.iter().map(|at| cell(at, false)).collect(),
        ExposureExpectation::NodePorts(selector) => serving
            .map(|at| {
                cell(at, matches!(at.role, PortRole::NodePort { .. }) && chosen(selector, at))
            })
            .collect(),
        ExposureExpectation::ListenerPorts(selector) => serving
            .map(|at| cell(at, at.role == PortRole::ListenerPort && chosen(selector, at)))
            .collect(),
    };
    Some(cells)
}

/// Judges a probed grid against the expected cells.
///
/// The expectation comes from `expected`, the observations from `grid`; every expected cell must
/// have been probed.
pub fn exposure(claim: &ExposureClaim, expected: &[Cell], grid: &Grid) -> Judgement {
    let gateway = format!("Gateway {}", claim.gateway);
    if expected.is_empty() {
        let hints = hints(&["a grid without sockets proves nothing: has the Gateway listeners?"]);
        return vec![undecided(gateway, "sockets to look at", "none", hints)].into();
    }
    let seen: BTreeMap<&Endpoint, &TcpOutcome> = grid
        .cells
        .iter()
        .filter_map(|cell| Some((&cell.endpoint, &cell.seen.as_ref()?.outcome)))
        .collect();
    let reached = reached(&seen);
    let mut failures: Vec<Failure> = Vec::new();
    failures.extend(nothing_expected(claim, &gateway, expected));
    failures.extend(unmodelled(expected));
    for cell in expected {
        let endpoint = &cell.endpoint;
        let outcome = seen.get(endpoint).copied();
        failures.extend(match (&cell.expected, outcome) {
            (Expectation::Unmodelled(_), _) => None,
            (_, None) => Some(undecided(
                place(endpoint),
                "a probe of this socket",
                "not probed",
                hints(&["the harness owes this probe: is the address in the address book?"]),
            )),
            (Expectation::Accepts, Some(outcome)) => should_accept(endpoint, outcome),
            (Expectation::DoesNotAccept, Some(outcome)) => {
                should_not_accept(endpoint, outcome, reached.contains(&endpoint.node))
            }
        });
    }
    if failures.is_empty() && reached.is_empty() {
        let hints = hints(&[
            "silence from every socket may also mean that there is no way from here to the nodes: one refusal or one accepted connection would show that there is",
        ]);
        failures.push(undecided(gateway, "a sign of life of any node", "none", hints));
    }
    told_once(&mut failures);
    let pattern = pattern_of(expected, &seen);
    if let Some(first) = failures.first_mut() {
        first.hints.splice(0..0, pattern);
    }
    failures.into()
}

/// What the sockets that should accept and do not have in common.
fn pattern_of(expected: &[Cell], seen: &BTreeMap<&Endpoint, &TcpOutcome>) -> Vec<String> {
    let wanted = expected.iter().filter(|cell| cell.expected == Expectation::Accepts);
    let probed: Vec<(EntryPoint, &TcpOutcome)> = wanted
        .filter_map(|cell| Some((as_point(&cell.endpoint), *seen.get(&cell.endpoint)?)))
        .collect();
    let fared: Vec<Fared<'_>> = probed
        .iter()
        .map(|(point, outcome)| Fared {
            point,
            failures: (**outcome != TcpOutcome::Accepted)
                .then(|| refuted(&point.place, ACCEPTED, outcome.to_string(), Vec::new()))
                .into_iter()
                .collect(),
            contact: connection::contact(outcome),
        })
        .collect();
    pattern(&fared)
}

/// Nodes that answered at all: accepted, refused or reset.
fn reached<'g>(seen: &BTreeMap<&'g Endpoint, &TcpOutcome>) -> BTreeSet<&'g NodeName> {
    let answered = |outcome: &TcpOutcome| {
        matches!(outcome, TcpOutcome::Accepted | TcpOutcome::Refused | TcpOutcome::Reset)
    };
    seen.iter().filter(|(_, outcome)| answered(outcome)).map(|(at, _)| &at.node).collect()
}

fn nothing_expected(claim: &ExposureClaim, gateway: &str, expected: &[Cell]) -> Option<Failure> {
    let any = |wanted: fn(&Expectation) -> bool| expected.iter().any(|cell| wanted(&cell.expected));
    let accepting = any(|expected| *expected == Expectation::Accepts);
    let open = any(|expected| matches!(expected, Expectation::Unmodelled(_)));
    (claim.expect != ExposureExpectation::Nothing && !accepting && !open).then(|| {
        let why = match &claim.expect {
            ExposureExpectation::Reference | ExposureExpectation::Unknowable(_) => {
                "the reference expects no socket of this Gateway to accept: look at the Gateway's conditions, and at gatewayAPI and kubeProxyReplacement in the variant's values"
            }
            ExposureExpectation::NodePorts(_) => {
                "no node port of the chosen nodes is in the grid: has the Gateway a Service, with node ports, and does the selector choose a node?"
            }
            ExposureExpectation::ListenerPorts(_) | ExposureExpectation::Nothing => {
                "no listener port of the chosen nodes is in the grid: does the selector choose a node?"
            }
        };
        refuted(gateway, "at least one socket that should accept", "none", hints(&[why]))
    })
}

/// One failure for each thing that the reference does not cover.
fn unmodelled(expected: &[Cell]) -> Vec<Failure> {
    let mut places: BTreeMap<&str, Vec<&Endpoint>> = BTreeMap::new();
    for cell in expected {
        if let Expectation::Unmodelled(what) = &cell.expected {
            places.entry(what).or_default().push(&cell.endpoint);
        }
    }
    places
        .into_iter()
        .map(|(what, endpoints)| {
            let first = endpoints.first().map(|endpoint| place(endpoint)).unwrap_or_default();
            let more = match endpoints.len() - 1 {
                0 => String::new(),
                more => format!(" and {more} more"),
            };
            undecided(
                format!("{first}{more}"),
                "a prediction of the reference",
                format!("not modelled: {what}"),
                hints(&[
                    "claim the exposure by nodePorts or listenerPorts, which needs no reference",
                ]),
            )
        })
        .collect()
}

fn should_accept(endpoint: &Endpoint, outcome: &TcpOutcome) -> Option<Failure> {
    let hints = connection::hints_for(&as_point(endpoint), outcome);
    match outcome {
        TcpOutcome::Accepted => None,
        TcpOutcome::Other(reason) => Some(undecided(place(endpoint), ACCEPTED, reason, hints)),
        _ => Some(refuted(place(endpoint), ACCEPTED, outcome.to_string(), hints)),
    }
}

fn should_not_accept(
    endpoint: &Endpoint,
    outcome: &TcpOutcome,
    node_reached: bool,
) -> Option<Failure> {
    let expected = "a connection that is not accepted";
    if *outcome == TcpOutcome::Accepted {
        let hints = connection::hints_when_open(&as_point(endpoint));
        return Some(refuted(place(endpoint), expected, "accepted", hints));
    }
    // Another socket of this node answered, so there is a way, and "unreachable" is its answer.
    if *outcome == TcpOutcome::Unreachable && node_reached {
        return None;
    }
    let why = connection::proves_closed(outcome).err()?;
    Some(undecided(place(endpoint), expected, outcome.to_string(), hints(&[why])))
}

fn as_point(endpoint: &Endpoint) -> EntryPoint {
    EntryPoint::from(endpoint)
}

fn place(endpoint: &Endpoint) -> String {
    as_point(endpoint).place
}
