//! HTTP and HTTPS claims: the same request through every entry point, judged one by one, or many
//! requests counted by backend.

use std::collections::BTreeMap;
use std::time::Duration;

use futures_util::{StreamExt, TryStreamExt};
use gateproof_core::entry::EntryPoint;
use gateproof_core::event::{Evidence, PlacedHttp};
use gateproof_core::judge;
use gateproof_core::observation::{HttpObservation, HttpOutcome, HttpVersion};
use gateproof_core::scenario::{Distribution, Entry, HttpClaim, HttpExpectation, ServerName};
use gateproof_core::verdict::{Judgement, Verdict};
use gateproof_probe::{
    HttpProbe, ServerNameChoice, Timeouts, TlsProbe, TlsVersions, TrustRoots, VersionChoice,
};

use super::place::{self, Unreadable};
use super::rounds::{self, Misfits, Policy, Round};
use super::{Circumstances, Decided, Progress, trust};
use crate::step::undecided;

/// How many entry points are probed side by side; few, so that timings mean something.
const SIDE_BY_SIDE: usize = 2;

/// Where only whether there is an answer matters, and a check has a minute for everything.
const MANY_SIDE_BY_SIDE: usize = 12;

/// Limits of one such request.
const SHORT_TIMEOUTS: Timeouts = Timeouts {
    connect: Duration::from_secs(2),
    tls: Duration::from_secs(3),
    response: Duration::from_secs(5),
    total: Duration::from_secs(8),
};

/// Limits of one request.
const TIMEOUTS: Timeouts = Timeouts {
    connect: Duration::from_secs(2),
    tls: Duration::from_secs(5),
    response: Duration::from_secs(10),
    total: Duration::from_secs(15),
};

/// How much of a body is kept as evidence.
const BODY_LIMIT: usize = 64 * 1024;

pub(super) async fn decide(
    circumstances: &Circumstances<'_>,
    claim: &HttpClaim,
    progress: Progress<'_>,
) -> Decided {
    if let HttpExpectation::Unasked(why) = &claim.expect {
        let failures = vec![undecided("every rule of the routes is asked", why)];
        return Decided { judgement: Judgement { failures }, evidence: Evidence::default() };
    }
    // A distribution is itself many requests; asking for it several times in a row would only
    // make an unlikely sample likelier to fail.
    let in_a_row = match claim.expect {
        HttpExpectation::Distribution(_) => 1,
        HttpExpectation::Carried(_) => HttpClaim::looks(entry_count(circumstances, claim)),
        _ => 3,
    };
    // Claims of this kind are made of clusters that exist: nothing is being programmed there.
    let misfits = match claim.expect {
        HttpExpectation::Carried(_) | HttpExpectation::Answered(_) => {
            Misfits::on(circumstances.cluster)
        }
        _ => Misfits::Settle,
    };
    let policy = Policy { in_a_row, hold: claim.hold, misfits };
    rounds::decide(circumstances.deadline, policy, progress, async || {
        look(circumstances, claim).await.unwrap_or_else(|failure| Round::without(*failure))
    })
    .await
}

fn entry_count(circumstances: &Circumstances<'_>, claim: &HttpClaim) -> usize {
    let nodes = circumstances.cluster.nodes();
    match &claim.entry {
        Entry::EachNode(selector) => nodes.iter().filter(|node| selector.matches(node)).count(),
        Entry::LoadBalancer => 1,
    }
}

async fn look(circumstances: &Circumstances<'_>, claim: &HttpClaim) -> Result<Round, Unreadable> {
    let entries = entry_points(circumstances, claim).await?;
    let roots = if claim.tls {
        let client = circumstances.cluster.client();
        trust::roots(&client, &circumstances.plan.definition.issuer).await?
    } else {
        TrustRoots::empty()
    };
    match &claim.expect {
        HttpExpectation::Distribution(distribution) => {
            count(circumstances, claim, distribution, &entries, &roots).await
        }
        _ => ask(circumstances, claim, &entries, &roots).await,
    }
}

async fn entry_points(
    circumstances: &Circumstances<'_>,
    claim: &HttpClaim,
) -> Result<Vec<EntryPoint>, Unreadable> {
    let now = place::gateway_now(circumstances, &claim.gateway).await?;
    now.site()
        .entry_points(&claim.entry, claim.listener_port)
        .map_err(|none| Box::new(none.failure()))
}

/// One request through every entry point.
async fn ask(
    circumstances: &Circumstances<'_>,
    claim: &HttpClaim,
    entries: &[EntryPoint],
    roots: &TrustRoots,
) -> Result<Round, Unreadable> {
    let mut probes = Vec::new();
    let repeats = rounds::repeats(claim.requests, HttpClaim::looks(entries.len()), entries.len());
    for entry in entries {
        let probe = probe(circumstances, claim, entry, roots)?;
        probes.extend((0..repeats).map(|_| (entry.clone(), probe.clone())));
    }
    let asker = circumstances.cluster.prober();
    let asker = &asker;
    let side_by_side = match claim.expect {
        HttpExpectation::Carried(_) | HttpExpectation::Answered(_) => MANY_SIDE_BY_SIDE,
        _ => SIDE_BY_SIDE,
    };
    let observed: Vec<(EntryPoint, HttpObservation)> = futures_util::stream::iter(probes)
        .map(async |(entry, mut probe)| {
            let seen = asker.http(&probe).await?;
            let is_check = matches!(claim.expect, HttpExpectation::Carried(_));
            if !is_check || !hides_its_words(&probe, &seen) {
                return Ok((entry, seen));
            }
            "GET".clone_into(&mut probe.method);
            let in_words = asker.http(&probe).await?;
            Ok((entry, if status(&in_words) == status(&seen) { in_words } else { seen }))
        })
        .buffered(side_by_side)
        .try_collect()
        .await
        .map_err(|error| Box::new(place::unasked(&error)))?;
    let probes = observed.len() as u64;
    let holds = |(entry, seen): &(EntryPoint, HttpObservation)| {
        judge::http(claim, entry, seen).failures.is_empty()
    };
    let comes_and_goes = rounds::mixed(&observed, repeats, holds);
    let observed = rounds::one_of_each(observed, repeats, holds);
    let judgement = judge::http_everywhere(claim, &observed);
    let http = observed.into_iter().map(placed).collect();
    let evidence = Evidence { http, probes, comes_and_goes, ..Evidence::default() };
    Ok(Round { judgement, evidence })
}

/// Many requests through every entry point, judged one by one and counted by backend.
async fn count(
    circumstances: &Circumstances<'_>,
    claim: &HttpClaim,
    distribution: &Distribution,
    entries: &[EntryPoint],
    roots: &TrustRoots,
) -> Result<Round, Unreadable> {
    // An entry point that does not answer yet would be asked hundreds of times in vain, and the
    // claim's time would be over before the first count that means something.
    let ready = ask(circumstances, claim, entries, roots).await?;
    if !ready.judgement.failures.is_empty() {
        return Ok(ready);
    }
    let prober = circumstances.cluster.prober();
    let mut round = Round::default();
    round.evidence.probes = ready.evidence.probes;
    for entry in entries {
        let probe = probe(circumstances, claim, entry, roots)?;
        let mut shares: BTreeMap<String, u64> = BTreeMap::new();
        let mut first_bad = None;
        let mut last = None;
        let mut unasked = false;
        for _ in 0..distribution.requests {
            let observation =
                prober.http(&probe).await.map_err(|error| Box::new(place::unasked(&error)))?;
            *shares.entry(answered_by(&observation)).or_default() += 1;
            let judged = judge::http(claim, entry, &observation);
            last = Some(observation);
            round.evidence.probes += 1;
            // Where the harness itself could not ask, the shares of the others mean nothing.
            unasked = judged.verdict() == Verdict::Inconclusive;
            if unasked {
                first_bad = Some(judged);
                break;
            }
            if first_bad.is_none() {
                first_bad = (!judged.failures.is_empty()).then_some(judged);
            }
        }
        round.judgement.failures.extend(first_bad.unwrap_or_default().failures);
        if !unasked {
            let judged = judge::distribution(distribution, &entry.place, &shares);
            round.judgement.failures.extend(judged.failures);
        }
        for (backend, answers) in shares {
            *round.evidence.shares.entry(backend).or_default() += answers;
        }
        round.evidence.http.extend(last.map(|seen| placed((entry.clone(), seen))));
    }
    Ok(round)
}

/// Whether a gateway's own answer to HEAD lacks the words that say why: then it is asked once more
/// with GET, which went nowhere the first time.
fn hides_its_words(probe: &HttpProbe, seen: &HttpObservation) -> bool {
    let HttpOutcome::Response(response) = &seen.outcome else { return false };
    let by_backend = response.header("x-envoy-upstream-service-time").is_some();
    probe.method == "HEAD" && matches!(response.status, 502..=504) && !by_backend
}

fn status(seen: &HttpObservation) -> Option<u16> {
    match &seen.outcome {
        HttpOutcome::Response(response) => Some(response.status),
        _ => None,
    }
}

fn placed((entry, observation): (EntryPoint, HttpObservation)) -> PlacedHttp {
    PlacedHttp { place: entry.place, observation }
}

/// Who answered: a backend, or what came instead.
fn answered_by(observation: &HttpObservation) -> String {
    match &observation.outcome {
        HttpOutcome::Response(response) => match &response.echo {
            Some(echo) if response.status == 200 => format!("{}/{}", echo.namespace, echo.service),
            _ => format!("status {}", response.status),
        },
        HttpOutcome::NotConnected(outcome) => outcome.to_string(),
        HttpOutcome::TlsFailed(failure) => failure.to_string(),
        HttpOutcome::NoResponse(reason) => reason.to_string(),
    }
}

fn probe(
    circumstances: &Circumstances<'_>,
    claim: &HttpClaim,
    entry: &EntryPoint,
    roots: &TrustRoots,
) -> Result<HttpProbe, Unreadable> {
    let socket = place::socket(circumstances, entry.address, entry.port)?;
    let host = if claim.port_in_host {
        format!("{}:{}", claim.host, claim.listener_port)
    } else {
        claim.host.clone()
    };
    let server_name = match &claim.server_name {
        ServerName::Host => ServerNameChoice::Name(claim.host.clone()),
        ServerName::Name(name) => ServerNameChoice::Name(name.clone()),
        ServerName::Absent => ServerNameChoice::Absent,
    };
    let verify_for = match &server_name {
        ServerNameChoice::Name(name) => name.clone(),
        ServerNameChoice::Absent => claim.host.clone(),
    };
    Ok(HttpProbe {
        socket,
        method: claim.method.clone(),
        host,
        path_and_query: claim.path.clone(),
        headers: claim.headers.clone(),
        tls: claim.tls.then(|| TlsProbe {
            server_name,
            verify_for,
            roots: roots.clone(),
            versions: TlsVersions::Both,
        }),
        version: match claim.version {
            None => VersionChoice::ByAlpn,
            Some(HttpVersion::Http1) => VersionChoice::Http1,
            Some(HttpVersion::Http2) => VersionChoice::Http2,
        },
        timeouts: match claim.expect {
            HttpExpectation::Carried(_) | HttpExpectation::Answered(_) => SHORT_TIMEOUTS,
            _ => TIMEOUTS,
        },
        body_limit: BODY_LIMIT,
    })
}
