//! Changes while requests go on: a few hundred programs, one after the other, and no request lost.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use gateproof_model::translation::envoy::Listener;
use tokio::task::JoinHandle;

use super::client::{Http1, get, tls};
use super::sample::{self, World};
use crate::dataplane::{Behaviour, CertifiedKeyPem, Program};

const PLAIN: u16 = 30_080;
const COMING_AND_GOING: u16 = 30_081;
const SWAPS: usize = 300;

fn listener() -> Listener {
    let mut listener = sample::listener();
    listener.terminate = vec![sample::tls("cert", &[])];
    listener
}

/// The program of a turn: routes, endpoints, the certificate and one socket change at paces of
/// their own.
fn program(
    world: &World,
    turn: usize,
    pods: [SocketAddr; 2],
    certificates: &[CertifiedKeyPem; 2],
) -> Program {
    let cluster = if turn.is_multiple_of(2) { "a" } else { "b" };
    let path = if turn.is_multiple_of(3) { "/" } else { "/app" };
    let routes = vec![sample::route(sample::path(path), sample::forward(&[(cluster, 1)]))];
    let ports: &[u16] = if turn.is_multiple_of(5) { &[PLAIN, COMING_AND_GOING] } else { &[PLAIN] };
    let mut program = world.program(sample::config(listener(), routes), ports);
    let pod = |name: &str, at: usize| endpoint(name, pods[(turn / 7 + at) % 2]);
    program.endpoints = [pod("a", 0), pod("b", 1)].into();
    program.certificates = [("cert".to_owned(), certificates[turn / 11 % 2].clone())].into();
    if turn.is_multiple_of(13) {
        program.sockets.push(world.socket_program(30_999, Behaviour::Status(200)));
    }
    program
}

fn endpoint(name: &str, socket: SocketAddr) -> (String, Vec<SocketAddr>) {
    (name.to_owned(), vec![socket])
}

/// Sends requests until told to stop; how many were answered.
fn clients(socket: SocketAddr, path: &'static str, stop: &Arc<AtomicBool>) -> JoinHandle<usize> {
    let stop = Arc::clone(stop);
    tokio::spawn(async move {
        let mut client = Http1::to(socket).await;
        let mut answered = 0;
        while !stop.load(Ordering::Relaxed) {
            let answer = client.get("a.test", path).await.expect("no request is lost");
            assert_eq!(answer.status, 200, "{path}: {}", answer.body);
            answered += 1;
        }
        answered
    })
}

/// The same with a connection, and a handshake, for each request.
fn newcomers(
    socket: SocketAddr,
    certificates: [CertifiedKeyPem; 2],
    stop: &Arc<AtomicBool>,
) -> JoinHandle<usize> {
    let stop = Arc::clone(stop);
    tokio::spawn(async move {
        let both = CertifiedKeyPem {
            chain_pem: certificates.map(|pair| pair.chain_pem).concat(),
            key_pem: String::new(),
        };
        let mut answered = 0;
        while !stop.load(Ordering::Relaxed) {
            let stream = tls(socket, "a.test", &[], &both).await.expect("no handshake is lost");
            let answer = Http1::over(stream).await.get("a.test", "/app").await;
            assert_eq!(answer.expect("no request is lost").status, 200);
            answered += 1;
        }
        answered
    })
}

#[tokio::test]
async fn hundreds_of_changes_lose_no_request_and_no_connection() {
    let world = World::new();
    let (one, two) = (sample::echo("one").await, sample::echo("two").await);
    let pods = [one.socket(), two.socket()];
    let certificates = [sample::certificate(&["a.test"]), sample::certificate(&["a.test"])];
    world.plane.apply(program(&world, 0, pods, &certificates)).await;
    let socket = world.dial(PLAIN);
    let stop = Arc::new(AtomicBool::new(false));
    let mut going: Vec<_> = (0..3).map(|_| clients(socket, "/app", &stop)).collect();
    going.push(clients(socket, "/app?delay=30ms", &stop));
    going.push(newcomers(socket, certificates.clone(), &stop));
    for turn in 1..=SWAPS {
        world.plane.apply(program(&world, turn, pods, &certificates)).await;
        // Something is on its way during every change.
        assert_eq!(get(socket, "a.test", "/app").await.status, 200, "turn {turn}");
    }
    stop.store(true, Ordering::Relaxed);
    for client in going {
        let answered = client.await.expect("no request is lost");
        assert!(answered > 5, "only {answered} requests of a client went on");
    }
}

#[tokio::test]
async fn request_in_flight_on_a_removed_listener_is_answered_and_its_connection_ends() {
    let world = World::new();
    let gated = super::backend::gated().await;
    let routes = vec![sample::route(sample::path("/"), sample::forward(&[("a", 1)]))];
    let config = sample::config(sample::listener(), routes);
    let mut with = world.program(config.clone(), &[PLAIN, COMING_AND_GOING]);
    with.endpoints = sample::endpoints(&[("a", gated.socket)]);
    let mut without = world.program(config, &[PLAIN]);
    without.endpoints = with.endpoints.clone();
    world.plane.apply(with).await;
    let socket = world.dial(COMING_AND_GOING);
    let asking = tokio::spawn(async move {
        let mut client = Http1::to(socket).await;
        let first = client.get("a.test", "/slow").await;
        (first, client.get("a.test", "/next").await)
    });
    gated.arrived.await.expect("the request is at the backend");
    world.plane.apply(without).await;
    gated.release.send(()).expect("the backend waits");
    let (first, next) = asking.await.expect("the client");
    assert_eq!(first.expect("an answer").body, "late");
    assert!(next.is_err(), "the connection of a removed listener takes no further request");
}
