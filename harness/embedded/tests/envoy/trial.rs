//! Runs cases on Envoy and on the embedded data plane and tells what differs.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream;
use gateproof_embedded::address::AddressBlock;
use gateproof_embedded::dataplane::{Behaviour, DataPlane, Program, SocketProgram};
use gateproof_kubernetes::cluster::AddressBook as _;
use gateproof_kubernetes::wait;

use crate::backend::{Backends, Seen};
use crate::client::{self, Failure, Outcome, Target};
use crate::compare::{deliberately_different, differences};
use crate::draw::Draw;
use crate::envoy::{Envoy, Resources};
use crate::request::{Proxied, Request};
use crate::setup::Setup;
use crate::translate::{Translated, translate};

/// A setup and what is sent to it.
#[derive(Debug, Clone)]
pub(crate) struct Case {
    pub(crate) setup: Setup,
    pub(crate) requests: Vec<Request>,
}

/// What came of a case.
#[derive(Debug)]
pub(crate) enum Verdict {
    /// The model makes nothing of it or does not cover it.
    NotModelled,
    /// Which requests were answered differently, and how.
    Compared(Vec<(usize, Vec<String>)>),
}

const REQUESTS: usize = 24;
/// How often a request is repeated where chance decides where it goes.
const TRIES: usize = 40;
/// How many requests are under way at a time where they may be tried again: as many as Envoy lets
/// a cluster try again at a time.
const RETRIES: usize = 3;
const FIRST_PORT: u16 = 20_000;

impl Case {
    /// The case of a seed.
    pub(crate) fn drawn(seed: u64) -> Self {
        let mut draw = Draw::new(seed);
        let setup = Setup::drawn(&mut draw);
        let translated = translate(&setup, "");
        let proxied = translated.as_ref().map_or(Proxied::No, Translated::proxied);
        let mut requests: Vec<Request> =
            (0..REQUESTS).map(|_| Request::drawn(&mut draw, proxied)).collect();
        if translated.is_some_and(|translated| translated.config.http.internal.is_none()) {
            // Which addresses are internal by default changed after the Envoy that such a Cilium
            // comes with; the model and the data plane follow that one.
            for request in &mut requests {
                request.without_private_addresses();
            }
        }
        Self { setup, requests }
    }
}

/// Runs cases side by side on one Envoy and one data plane.
pub(crate) async fn run(program: &PathBuf, cases: &[Case]) -> Vec<Verdict> {
    let names: Vec<String> = ["s0", "s1", "s2", "s3"]
        .iter()
        .flat_map(|service| [80, 8080].map(|port| format!("{service}:{port}")))
        .collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let backends = Backends::start(&names).await;
    let block = AddressBlock::claim().expect("a free block of loopback addresses");
    let node = block.node(0).expect("a first node").into();
    let refusing = block.refused();
    let plane = DataPlane::new(block);
    let translated: Vec<Option<Translated>> = cases
        .iter()
        .enumerate()
        .map(|(index, case)| translate(&case.setup, &format!("-t{index}")))
        .collect();
    let mut resources = Resources::default();
    let mut ours = Program::default();
    for translated in translated.iter().flatten() {
        let endpoints = translated.endpoints(&backends, refusing);
        translated.feed(&mut resources, &endpoints);
        for listener in 0..translated.config.listeners.len() {
            let port = FIRST_PORT + u16::try_from(ours.sockets.len()).expect("few sockets");
            let behaviour = Behaviour::Serve { config: ours.configs.len(), listener };
            ours.sockets.push(SocketProgram { address: node, port, behaviour });
        }
        ours.configs.push(translated.config.clone());
        ours.endpoints.extend(endpoints);
        ours.certificates.extend(translated.certificates());
    }
    let sockets = ours.sockets.clone();
    let applied = plane.apply(ours).await;
    let tables = applied.refused.iter().filter(|refusal| {
        matches!(refusal.part, gateproof_embedded::dataplane::RefusedPart::RouteTable(_))
    });
    assert_eq!(tables.count(), 0, "the model makes route tables that Envoy takes: {applied:?}");
    let envoy = Envoy::start(program, &resources).await;
    let mut verdicts = Vec::new();
    let mut next = sockets.iter();
    for (case, translated) in cases.iter().zip(&translated) {
        let Some(translated) = translated else {
            verdicts.push(Verdict::NotModelled);
            continue;
        };
        let places: Vec<Place> = (0..translated.config.listeners.len())
            .map(|listener| {
                let socket = next.next().expect("a socket for each listener");
                let closed = applied.closed.iter().any(|closed| closed.port == socket.port);
                let ours = plane.address_book().resolve(socket.address, socket.port);
                let name = translated.listener_name(listener).expect("a listener");
                Place { envoy: envoy.listener(&name), ours: ours.filter(|_| !closed) }
            })
            .collect();
        verdicts
            .push(Verdict::Compared(compare(case, translated, &places, &backends, &envoy).await));
    }
    plane.shutdown().await;
    verdicts
}

/// Where both data planes serve a listener, if they do.
struct Place {
    envoy: Option<SocketAddr>,
    ours: Option<SocketAddr>,
}

async fn compare(
    case: &Case,
    translated: &Translated,
    places: &[Place],
    backends: &Backends,
    envoy: &Envoy,
) -> Vec<(usize, Vec<String>)> {
    let proxied = translated.proxied();
    let copies = translated.has_mirrors();
    // A backend ends an HTTP/2 connection, with all that is on it, for a request without authority.
    let over_http2 = translated.has_http2_backends();
    let tries = if translated.has_choices() { TRIES } else { 1 };
    let each = case.requests.iter().enumerate().map(|(index, request)| async move {
        if deliberately_different(request).is_some() || (over_http2 && request.has_empty_host()) {
            return (index, Vec::new());
        }
        let place = &places[request.listener % places.len()];
        let (theirs, ours) = match (place.envoy, place.ours) {
            (Some(theirs), Some(ours)) => (theirs, ours),
            (None, None) => return (index, Vec::new()),
            _ if index > 0 => return (index, Vec::new()),
            (theirs, ours) => {
                let dump = envoy.ask("/config_dump?resource=dynamic_listeners").await;
                let what = format!(
                    "a listener is refused: Envoy serves at {theirs:?}, data plane at {ours:?}; \
                     {dump} {}",
                    envoy.log()
                );
                return (index, vec![what]);
            }
        };
        let name = format!("{theirs}-{index:04}");
        let envoy = format!("{name}-e");
        let reference = patient(Target { socket: theirs, proxied }, request, &envoy).await;
        let mut closest: Option<Vec<String>> = None;
        for attempt in 0..tries {
            let tag = format!("{name}-d{attempt}");
            let outcome = patient(Target { socket: ours, proxied }, request, &tag).await;
            let mut found = differences(request, &reference, &outcome);
            if time_went_by(&limits(backends, &envoy), &limits(backends, &tag)) {
                found.retain(|what| !what.starts_with(TIME_LEFT));
            }
            let answered = matches!(&outcome, Outcome::Answer(answer) if answer.status < 500);
            if found.is_empty() && copies && answered {
                found = visits(backends, &envoy, &tag).await;
            }
            let over = found.is_empty();
            if closest.as_ref().is_none_or(|closest| found.len() < closest.len()) {
                closest = Some(found);
            }
            if over {
                break;
            }
        }
        (index, closest.unwrap_or_default())
    });
    let mut found: Vec<_> = stream::iter(each)
        .buffer_unordered(if translated.has_retries() { RETRIES } else { 8 })
        .filter(|(_, found)| std::future::ready(!found.is_empty()))
        .collect()
        .await;
    found.sort();
    found
}

/// Sends a request; again when nothing came, or nothing before a time limit, which on a busy machine
/// may be its doing.
async fn patient(target: Target, request: &Request, case: &str) -> Outcome {
    let outcome = client::send(target, request, case).await;
    match &outcome {
        Outcome::Failed(Failure::Silent) => client::send(target, request, case).await,
        Outcome::Answer(answer) if answer.status == 504 => {
            client::send(target, request, case).await
        }
        _ => outcome,
    }
}

/// A difference in what a backend was told of the time that it has.
const TIME_LEFT: &str = "field x-envoy-expected-rq-timeout-ms at the backend:";

/// Whether both told a backend the same limit at first, and of a retry no more than it: how much
/// is left by then is a matter of time.
fn time_went_by(theirs: &[u64], own: &[u64]) -> bool {
    let tried_again = |told: &[u64]| match told {
        [] | [_] => false,
        [first, later @ ..] => later.iter().all(|left| (1..=*first).contains(left)),
    };
    tried_again(theirs) && tried_again(own) && theirs[0] == own[0]
}

/// The limits that backends were told of in a case, one for each try, without mirrors.
fn limits(backends: &Backends, case: &str) -> Vec<u64> {
    let visits = backends.visits(case);
    let tries = visits.iter().filter(|seen| !host(seen).contains("-shadow"));
    let told = tries.filter_map(|seen| {
        let mut fields = seen.headers.iter();
        let (_, limit) = fields.find(|(name, _)| name == "x-envoy-expected-rq-timeout-ms")?;
        limit.parse().ok()
    });
    told.collect()
}

/// How long copies for mirrors may be on their way.
const COPIES: Duration = Duration::from_millis(500);

/// Whether the same backends were visited, mirrors included.
async fn visits(backends: &Backends, envoy: &str, ours: &str) -> Vec<String> {
    let deadline = tokio::time::Instant::now() + COPIES;
    loop {
        let (theirs, own) = (visited(backends, envoy), visited(backends, ours));
        if theirs == own {
            return Vec::new();
        }
        if tokio::time::Instant::now() > deadline {
            return vec![format!("visits: Envoy {theirs:?}, data plane {own:?}")];
        }
        wait::pause(Duration::from_millis(10)).await;
    }
}

/// Who was visited, by which target and host.
fn visited(backends: &Backends, case: &str) -> BTreeMap<(String, String, String), usize> {
    let mut counted = BTreeMap::new();
    for seen in backends.visits(case) {
        let host = host(&seen);
        *counted.entry((seen.backend, seen.target, host)).or_insert(0) += 1;
    }
    counted
}

/// The host that a backend saw.
fn host(seen: &Seen) -> String {
    let mut fields = seen.headers.iter();
    let found = fields.find(|(name, _)| name == "host" || name == ":authority");
    found.map(|(_, value)| value.clone()).unwrap_or_default()
}
