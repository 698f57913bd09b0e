//! Claims about TLS that is passed through: a handshake through every entry point, and nothing
//! after it.

use std::time::Duration;

use futures_util::{StreamExt, TryStreamExt};
use gateproof_core::entry::EntryPoint;
use gateproof_core::event::{Evidence, PlacedHandshake};
use gateproof_core::judge;
use gateproof_core::observation::HandshakeObservation;
use gateproof_core::scenario::PassthroughClaim;
use gateproof_probe::{HandshakeProbe, Timeouts, TlsProbe, TrustRoots};

use super::place::{self, Unreadable};
use super::rounds::{self, Misfits, Policy, Round};
use super::{Circumstances, Decided, Progress};

/// Envoy gives up connecting to a backend after five seconds and closes (envoyproxy/envoy
/// `cluster.proto`, `connect_timeout`; Cilium 1.16 to 1.20 has no other); that should be seen as
/// what it is.
const TIMEOUTS: Timeouts = Timeouts {
    connect: Duration::from_secs(2),
    tls: Duration::from_secs(6),
    response: Duration::ZERO,
    total: Duration::from_secs(8),
};

/// How many handshakes are tried side by side.
const SIDE_BY_SIDE: usize = 12;

pub(super) async fn decide(
    circumstances: &Circumstances<'_>,
    claim: &PassthroughClaim,
    progress: Progress<'_>,
) -> Decided {
    let misfits = Misfits::on(circumstances.cluster);
    let policy = Policy { in_a_row: PassthroughClaim::LOOKS, hold: None, misfits };
    rounds::decide(circumstances.deadline, policy, progress, async || {
        look(circumstances, claim).await.unwrap_or_else(|failure| Round::without(*failure))
    })
    .await
}

async fn look(
    circumstances: &Circumstances<'_>,
    claim: &PassthroughClaim,
) -> Result<Round, Unreadable> {
    let now = place::gateway_now(circumstances, &claim.gateway).await?;
    let entries = now
        .site()
        .entry_points(&claim.entry, claim.listener_port)
        .map_err(|none| Box::new(none.failure()))?;
    let mut probes = Vec::new();
    let repeats = rounds::repeats(claim.handshakes, PassthroughClaim::LOOKS, entries.len());
    for entry in entries {
        let socket = place::socket(circumstances, entry.address, entry.port)?;
        let tls = TlsProbe::named(claim.server_name.clone(), TrustRoots::empty());
        let probe = HandshakeProbe { socket, tls, timeouts: TIMEOUTS };
        probes.extend((0..repeats).map(|_| (entry.clone(), probe.clone())));
    }
    let asker = circumstances.cluster.prober();
    let asker = &asker;
    let seen: Vec<(EntryPoint, HandshakeObservation)> = futures_util::stream::iter(probes)
        .map(async |(entry, probe)| Ok((entry, asker.handshake(&probe).await?)))
        .buffered(SIDE_BY_SIDE)
        .try_collect()
        .await
        .map_err(|error| Box::new(place::unasked(&error)))?;
    let probes = seen.len() as u64;
    let holds = |one: &(EntryPoint, HandshakeObservation)| {
        judge::passthrough(claim, std::slice::from_ref(one)).failures.is_empty()
    };
    let comes_and_goes = rounds::mixed(&seen, repeats, holds);
    let seen = rounds::one_of_each(seen, repeats, holds);
    let judgement = judge::passthrough(claim, &seen);
    let placed = |(entry, observation): (EntryPoint, HandshakeObservation)| PlacedHandshake {
        place: entry.place,
        observation,
    };
    let handshakes = seen.into_iter().map(placed).collect();
    let evidence = Evidence { handshakes, probes, comes_and_goes, ..Evidence::default() };
    Ok(Round { judgement, evidence })
}
