//! TCP claims: connect to a port of every chosen node.

use std::net::SocketAddr;
use std::time::Duration;

use futures_util::{StreamExt, TryStreamExt};
use gateproof_core::entry::{self, EntryPoint};
use gateproof_core::event::{Evidence, PlacedTcp};
use gateproof_core::exposure::Endpoint;
use gateproof_core::judge;
use gateproof_core::observation::{TcpObservation, TcpOutcome};
use gateproof_core::scenario::{Hold, TcpClaim, TcpExpectation, TcpPort};
use gateproof_probe::TcpProbe;

use super::place::{self, Unreadable};
use super::rounds::{self, Misfits, Policy, Round};
use super::{Circumstances, Decided, Progress};
use crate::step::undecided;

/// How long a handshake may take. A refusal is answered at once, so this only bounds silence.
const CONNECT_LIMIT: Duration = Duration::from_secs(2);

/// How many sockets are probed side by side. Silence of a large cluster takes long otherwise.
const SIDE_BY_SIDE: usize = 32;

/// A negative claim without a duration of its own is held this long and this often: "closed right
/// now" says little about a port that is still being programmed.
const DEFAULT_HOLD: Hold = Hold { duration: Duration::from_millis(300), count: 3 };

pub(super) async fn decide(
    circumstances: &Circumstances<'_>,
    claim: &TcpClaim,
    progress: Progress<'_>,
) -> Decided {
    let negative = claim.expect != TcpExpectation::Outcome(TcpOutcome::Accepted);
    let hold = claim.hold.or(negative.then_some(DEFAULT_HOLD));
    let policy = Policy { in_a_row: 3, hold, misfits: Misfits::Settle };
    rounds::decide(circumstances.deadline, policy, progress, async || {
        look(circumstances, claim).await.unwrap_or_else(|failure| Round::without(*failure))
    })
    .await
}

async fn look(circumstances: &Circumstances<'_>, claim: &TcpClaim) -> Result<Round, Unreadable> {
    let points = points(circumstances, claim).await?;
    let observed = connect_points(circumstances, points).await?;
    let judgement = judge::tcp_everywhere(claim, &observed);
    Ok(Round { judgement, evidence: evidence(observed) })
}

/// What was seen of each point, as a report keeps it.
pub(super) fn evidence(observed: Vec<(EntryPoint, TcpObservation)>) -> Evidence {
    let probes = observed.len() as u64;
    let tcp = observed
        .into_iter()
        .map(|(point, observation)| PlacedTcp { place: point.place, observation })
        .collect();
    Evidence { tcp, probes, ..Evidence::default() }
}

async fn points(
    circumstances: &Circumstances<'_>,
    claim: &TcpClaim,
) -> Result<Vec<EntryPoint>, Unreadable> {
    let points = match (&claim.gateway, &claim.port) {
        (Some(gateway), port) => {
            place::gateway_now(circumstances, gateway).await?.site().tcp_ports(port, &claim.nodes)
        }
        (None, TcpPort::Number(port)) => {
            entry::numbered(*port, &circumstances.cluster.nodes(), &claim.nodes)
        }
        (None, TcpPort::Listener(name) | TcpPort::NodePort(name)) => {
            return Err(Box::new(undecided(
                "a port named by a listener belongs to a Gateway",
                &format!("the claim names listener `{name}` and no Gateway"),
            )));
        }
    };
    points.map_err(|none| Box::new(none.failure()))
}

/// Connects to entry points, in their order.
pub(super) async fn connect_points(
    circumstances: &Circumstances<'_>,
    points: Vec<EntryPoint>,
) -> Result<Vec<(EntryPoint, TcpObservation)>, Unreadable> {
    let mut sockets = Vec::new();
    for point in points {
        let socket = place::socket(circumstances, point.address, point.port)?;
        sockets.push((point, socket));
    }
    let seen = ask(circumstances, sockets.iter().map(|(_, socket)| *socket).collect()).await?;
    Ok(sockets.into_iter().map(|(point, _)| point).zip(seen).collect())
}

/// Connects to endpoints of the grid, in their order.
pub(super) async fn connect(
    circumstances: &Circumstances<'_>,
    endpoints: &[Endpoint],
) -> Result<Vec<TcpObservation>, Unreadable> {
    let mut sockets = Vec::new();
    for endpoint in endpoints {
        sockets.push(place::socket(circumstances, endpoint.address, endpoint.port)?);
    }
    ask(circumstances, sockets).await
}

/// Connects to sockets of the cluster, in their order.
async fn ask(
    circumstances: &Circumstances<'_>,
    sockets: Vec<SocketAddr>,
) -> Result<Vec<TcpObservation>, Unreadable> {
    let prober = circumstances.cluster.prober();
    let prober = &prober;
    futures_util::stream::iter(sockets)
        .map(async |socket| prober.tcp(&TcpProbe { socket, timeout: CONNECT_LIMIT }).await)
        .buffered(SIDE_BY_SIDE)
        .try_collect()
        .await
        .map_err(|error| Box::new(place::unasked(&error)))
}
