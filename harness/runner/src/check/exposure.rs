//! Exposure claims: the grid node × port, expected and seen.

mod unreadable_kinds;

use std::collections::BTreeMap;
use std::time::Duration;

use gateproof_core::event::Evidence;
use gateproof_core::exposure::{Cell, Endpoint, Expectation, Grid, PortRole};
use gateproof_core::judge;
use gateproof_core::name::{NamespacedName, NodeName};
use gateproof_core::scenario::{ExposureClaim, ExposureExpectation, Hold};
use gateproof_core::verdict::{Failure, Judgement};
use gateproof_model::exposure::NoExpectation;
use gateproof_model::{Input, Resources};
use serde_json::Value;

use super::place::{self, Unreadable};
use super::rounds::{self, Misfits, Policy, Round};
use super::{Circumstances, Decided, Progress, tcp};
use crate::cause::with_causes;
use crate::step::{refuted, undecided};

/// Closed cells are negative claims, so the whole grid must hold for a moment.
const HOLD: Hold = Hold { duration: Duration::from_millis(300), count: 3 };

pub(super) async fn decide(
    circumstances: &Circumstances<'_>,
    claim: &ExposureClaim,
    progress: Progress<'_>,
) -> Decided {
    if let ExposureExpectation::Unknowable(why) = &claim.expect {
        let failures = vec![undecided("it is known where this Gateway should accept", why)];
        let judgement = Judgement { failures };
        return Decided { judgement, evidence: Evidence::default() };
    }
    let misfits = Misfits::on(circumstances.cluster);
    let policy = match misfits {
        Misfits::Settle => Policy { in_a_row: 3, hold: Some(HOLD), misfits },
        Misfits::Count => Policy { in_a_row: 6, hold: None, misfits },
    };
    // Where the run changes nothing, what was expected a moment ago still is: reading it again in
    // every round would take long where answers are slow.
    let mut known = None;
    rounds::decide(circumstances.deadline, policy, progress, async || {
        let found = look(circumstances, claim, &mut known).await;
        if !circumstances.cluster.is_taken_as_it_is() {
            known = None;
        }
        found.unwrap_or_else(|failure| Round::without(*failure))
    })
    .await
}

async fn look(
    circumstances: &Circumstances<'_>,
    claim: &ExposureClaim,
    known: &mut Option<Vec<Cell>>,
) -> Result<Round, Unreadable> {
    let expected = match known.take() {
        Some(expected) => expected,
        None => expected(circumstances, claim).await?,
    };
    *known = Some(expected.clone());
    let grid = seen(circumstances, &expected).await?;
    let probes = grid.cells.len() as u64;
    let judged = judged(circumstances, &expected);
    let judgement = judge::exposure(claim, &judged, &grid);
    let evidence = Evidence { grid: Some(grid), probes, ..Evidence::default() };
    Ok(Round { judgement, evidence })
}

/// The cells that a claim stands or falls with. On somebody's nodes other programs may listen on
/// a port that the Gateway's listeners have in its Service alone: that it is open is shown, and is
/// no failure of the Gateway.
fn judged(circumstances: &Circumstances<'_>, cells: &[Cell]) -> Vec<Cell> {
    let strangers = circumstances.cluster.is_taken_as_it_is()
        && !circumstances.plan.config.host_network.is_on();
    let counts = |cell: &&Cell| {
        !strangers
            || cell.endpoint.role != PortRole::ListenerPort
            || cell.expected != Expectation::DoesNotAccept
    };
    cells.iter().filter(counts).cloned().collect()
}

/// What a Gateway exposes now, by one look.
pub(super) async fn now(
    circumstances: &Circumstances<'_>,
    gateway: &NamespacedName,
) -> Result<Grid, Unreadable> {
    let expected = reference(circumstances, gateway).await?;
    seen(circumstances, &expected).await
}

/// Connects to every cell once.
async fn seen(circumstances: &Circumstances<'_>, expected: &[Cell]) -> Result<Grid, Unreadable> {
    let endpoints: Vec<Endpoint> = expected.iter().map(|cell| cell.endpoint.clone()).collect();
    let seen = tcp::connect(circumstances, &endpoints).await?;
    let mut grid = Grid { cells: expected.to_vec() };
    for (cell, seen) in grid.cells.iter_mut().zip(seen) {
        cell.seen = Some(seen);
    }
    Ok(grid)
}

/// The cells, each with what should happen there and nothing seen yet.
async fn expected(
    circumstances: &Circumstances<'_>,
    claim: &ExposureClaim,
) -> Result<Vec<Cell>, Unreadable> {
    let now = place::gateway_now(circumstances, &claim.gateway).await?;
    let sockets = now.site().sockets().map_err(|none| Box::new(none.failure()))?;
    match judge::expected_cells(&claim.expect, &sockets, now.nodes()) {
        Some(cells) => Ok(cells),
        None => reference(circumstances, &claim.gateway).await,
    }
}

/// What the reference model expects of the cluster as it is now.
async fn reference(
    circumstances: &Circumstances<'_>,
    gateway: &NamespacedName,
) -> Result<Vec<Cell>, Unreadable> {
    let client = circumstances.cluster.client();
    let mut snapshot = client
        .snapshot_of_readable(gateproof_kubernetes::snapshot::REFERENCE_KINDS)
        .await
        .map_err(|error| Box::new(unread(&with_causes(&error))))?;
    unreadable_kinds::make_up_for(&mut snapshot).map_err(|missing| Box::new(unread(&missing)))?;
    let (resources, _) = Resources::from_objects(&snapshot.objects);
    let plan = circumstances.plan;
    let input = Input::new(&plan.cilium, &plan.config, &resources);
    let expected = match gateproof_model::exposure::exposure(&input, gateway) {
        Ok(expected) => expected,
        Err(none) => return Err(Box::new(no_expectation(circumstances, gateway, &none).await)),
    };
    let nodes = circumstances.cluster.nodes();
    let names: BTreeMap<NodeName, NodeName> = nodes
        .into_iter()
        .map(|node| (circumstances.cluster.kubernetes_name(&node.name), node.name))
        .collect();
    Ok(cells(expected, &names))
}

/// A run waits for the Service that it has caused; where nothing is being made, one that is not
/// there is missing.
async fn no_expectation(
    circumstances: &Circumstances<'_>,
    gateway: &NamespacedName,
    none: &NoExpectation,
) -> Failure {
    const COVERED: &str = "the reference model covers this Gateway";
    let open = || undecided(COVERED, &none.to_string());
    if !circumstances.cluster.is_taken_as_it_is() {
        return open();
    }
    let client = circumstances.cluster.client();
    let found = place::service_of(&client, gateway).await;
    let has_no_ports = |service: &Value| {
        matches!(service["spec"]["type"].as_str(), None | Some("ClusterIP" | "ExternalName"))
    };
    match (none, found) {
        (NoExpectation::NoService { service, .. }, Ok(None)) => missing_service(
            &format!("Service {service}, by which traffic enters the Gateway"),
            "it does not exist",
        ),
        (NoExpectation::NoNodePort { service, .. }, Ok(Some(found))) if has_no_ports(&found) => {
            let kind = found["spec"]["type"].as_str().unwrap_or("ClusterIP");
            missing_service(
                &format!("a port of the nodes by which traffic enters Service {service}"),
                &format!("its type is {kind}, so it has none"),
            )
        }
        _ => open(),
    }
}

fn missing_service(expected: &str, seen: &str) -> Failure {
    let mut failure = refuted(expected, seen);
    failure.hints.push(
        "the operator makes it: look at whether its pod is ready and which configuration it \
         started with, and at its log"
            .to_owned(),
    );
    failure
}

fn unread(why: &str) -> Failure {
    undecided("the cluster's objects can be read", why)
}

/// What the model expects, with its names of nodes, which are those of Kubernetes, turned into
/// the topology's.
fn cells(
    expected: Vec<(Endpoint, Expectation)>,
    names: &BTreeMap<NodeName, NodeName>,
) -> Vec<Cell> {
    let mut cells: Vec<Cell> = expected
        .into_iter()
        .map(|(endpoint, expected)| {
            let node = names.get(&endpoint.node).unwrap_or(&endpoint.node).clone();
            Cell { endpoint: Endpoint { node, ..endpoint }, expected, seen: None }
        })
        .collect();
    cells.sort_by(|one, other| one.endpoint.cmp(&other.endpoint));
    cells
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::net::IpAddr;

    use gateproof_core::exposure::{Endpoint, Expectation, PortRole};
    use gateproof_core::name::NodeName;

    use super::cells;

    #[test]
    fn nodes_of_the_model_get_their_names_in_the_topology_and_cells_stay_sorted() {
        let endpoint = |node: &str, last: u8| Endpoint {
            node: NodeName::new(node),
            address: IpAddr::from([172, 18, 0, last]),
            port: 80,
            role: PortRole::ListenerPort,
        };
        let names = BTreeMap::from([
            (NodeName::new("a-worker"), NodeName::new("worker")),
            (NodeName::new("a-control-plane"), NodeName::new("control-plane")),
        ]);
        let expected = ["stranger", "a-worker", "a-control-plane"]
            .map(|name| (endpoint(name, 2), Expectation::Accepts));
        let found: Vec<Endpoint> =
            cells(expected.to_vec(), &names).into_iter().map(|cell| cell.endpoint).collect();
        let sorted = ["control-plane", "stranger", "worker"].map(|name| endpoint(name, 2));
        assert_eq!(found, sorted);
    }
}
