//! Which sockets are open, where, and how they open and close.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use gateproof_kubernetes::cluster::AddressBook as _;
use gateproof_model::translation::envoy::Action;
use tokio::net::TcpStream;

use super::backend;
use super::client::{Http1, get, request};
use super::sample::{self, World};
use crate::address::{AddressBlock, Reach};
use crate::dataplane::{Behaviour, DataPlane, Program, SocketProgram};

fn answering(status: u16) -> Vec<gateproof_model::translation::envoy::Route> {
    vec![sample::route(sample::path("/"), Action::Respond { status })]
}

/// A limit for what hangs when it is broken.
const LIMIT: Duration = Duration::from_secs(10);

async fn connect_error(socket: SocketAddr) -> io::ErrorKind {
    TcpStream::connect(socket).await.expect_err("must not connect").kind()
}

#[tokio::test]
async fn served_port_is_bound_at_its_own_address_and_others_refuse() {
    let world = World::new();
    let config = sample::config(sample::listener(), answering(204));
    let applied = world.plane.apply(world.program(config, &[30_080])).await;
    assert_eq!(applied, crate::dataplane::Applied::default());
    assert_eq!(world.dial(30_080), SocketAddr::new(world.node, 30_080));
    assert_eq!(get(world.dial(30_080), "a.test", "/").await.status, 204);
    assert_eq!(connect_error(world.dial(30_081)).await, io::ErrorKind::ConnectionRefused);
    let other_node = IpAddr::from(world.plane.block().node(1).expect("a second node"));
    let other = world.plane.address_book().resolve(other_node, 30_080).expect("own address");
    assert_eq!(connect_error(other).await, io::ErrorKind::ConnectionRefused);
}

#[tokio::test]
async fn port_that_somebody_holds_everywhere_is_mapped_and_still_served() {
    let stranger = std::net::TcpListener::bind("0.0.0.0:0").expect("a port");
    let port = stranger.local_addr().expect("bound").port();
    let world = World::new();
    let config = sample::config(sample::listener(), answering(204));
    let applied = world.plane.apply(world.program(config, &[port])).await;
    let [mapped] = applied.mapped.as_slice() else { panic!("one mapped socket: {applied:?}") };
    assert!(mapped.reason.contains(&format!("holds port {port}")), "{}", mapped.reason);
    assert_eq!(world.dial(port), mapped.socket);
    assert_eq!(get(world.dial(port), "a.test", "/").await.status, 204);
    world.plane.apply(Program::default()).await;
    assert_eq!(connect_error(world.dial(port)).await, io::ErrorKind::ConnectionRefused);
}

#[tokio::test]
async fn cluster_with_only_one_bindable_address_maps_every_socket() {
    let block = AddressBlock::claim_with(99, Reach::Mapped).expect("a free block");
    let address = IpAddr::from(block.node(0).expect("a first node"));
    let plane = DataPlane::new(block);
    let book = plane.address_book();
    let serve = Behaviour::Serve { config: 0, listener: 0 };
    let socket = |port, behaviour| SocketProgram { address, port, behaviour };
    let program = Program {
        configs: vec![sample::config(sample::listener(), answering(204))],
        sockets: vec![socket(80, serve), socket(81, Behaviour::Silent)],
        ..Program::default()
    };
    assert_eq!(plane.apply(program).await.mapped.len(), 2);
    let dial = |port| book.resolve(address, port).expect("the node's own address");
    assert_eq!(dial(80).ip(), IpAddr::from([127, 0, 0, 1]));
    assert_eq!(get(dial(80), "a.test", "/").await.status, 204);
    assert_unanswered(dial(81)).await;
    assert_eq!(connect_error(dial(82)).await, io::ErrorKind::ConnectionRefused);
}

#[tokio::test]
async fn address_outside_the_block_is_mapped_even_if_it_could_be_bound() {
    let world = World::new();
    let address = IpAddr::from([127, 20, 0, 1]);
    let mut program = world.program(sample::config(sample::listener(), answering(204)), &[]);
    let behaviour = Behaviour::Serve { config: 0, listener: 0 };
    program.sockets.push(SocketProgram { address, port: 30_080, behaviour });
    let applied = world.plane.apply(program).await;
    assert!(world.plane.block().contains(applied.mapped[0].socket.ip()), "{applied:?}");
    let own = SocketAddr::new(address, 30_080);
    assert_eq!(connect_error(own).await, io::ErrorKind::ConnectionRefused);
}

#[tokio::test]
async fn load_balancer_address_outside_loopback_is_mapped_and_never_bound() {
    let world = World::new();
    let address: IpAddr = "172.18.255.7".parse().expect("an address");
    let mut program = world.program(sample::config(sample::listener(), answering(204)), &[]);
    let behaviour = Behaviour::Serve { config: 0, listener: 0 };
    program.sockets.push(SocketProgram { address, port: 80, behaviour });
    let applied = world.plane.apply(program).await;
    assert!(applied.mapped[0].socket.ip().is_loopback());
    let book = world.plane.address_book();
    let dial = |port| book.resolve(address, port).expect("an address of the cluster");
    assert_eq!(get(dial(80), "a.test", "/").await.status, 204);
    assert_eq!(connect_error(dial(81)).await, io::ErrorKind::ConnectionRefused);
    world.plane.apply(Program::default()).await;
    assert_eq!(connect_error(dial(80)).await, io::ErrorKind::ConnectionRefused, "not foreign now");
}

async fn assert_unanswered(socket: SocketAddr) {
    let attempt = tokio::time::timeout(Duration::from_millis(300), TcpStream::connect(socket));
    assert!(attempt.await.is_err(), "a connection attempt must go unanswered");
}

#[tokio::test]
async fn silent_port_answers_nothing_and_can_become_a_served_one() {
    let world = World::new();
    let silent = Program {
        sockets: vec![world.socket_program(30_080, Behaviour::Silent)],
        ..Program::default()
    };
    let applied = world.plane.apply(silent).await;
    assert!(applied.closed.is_empty(), "{applied:?}");
    assert_unanswered(world.dial(30_080)).await;
    assert_unanswered(world.dial(30_080)).await;
    let served = world.program(sample::config(sample::listener(), answering(204)), &[30_080]);
    world.plane.apply(served).await;
    assert_eq!(get(world.dial(30_080), "a.test", "/").await.status, 204);
}

#[tokio::test]
async fn removed_port_is_refused_at_once_and_its_request_in_flight_finishes() {
    let world = World::new();
    let gate = backend::gated().await;
    let routes = vec![sample::route(sample::path("/"), sample::forward(&[("a", 1)]))];
    let mut program = world.program(sample::config(sample::listener(), routes), &[30_080, 30_081]);
    program.endpoints = sample::endpoints(&[("a", gate.socket)]);
    world.plane.apply(program.clone()).await;
    let socket = world.dial(30_080);
    let in_flight = tokio::spawn(async move { get(socket, "a.test", "/").await });
    gate.arrived.await.expect("the request arrives");
    program.sockets.remove(0);
    world.plane.apply(program).await;
    assert_eq!(connect_error(socket).await, io::ErrorKind::ConnectionRefused);
    assert!(TcpStream::connect(world.dial(30_081)).await.is_ok(), "the other port stays");
    gate.release.send(()).expect("the backend waits");
    let answer = in_flight.await.expect("no panic");
    assert_eq!((answer.status, answer.body.as_str()), (200, "late"));
}

#[tokio::test]
async fn shutdown_closes_every_socket_and_may_be_repeated() {
    let world = World::new();
    let config = sample::config(sample::listener(), answering(204));
    world.plane.apply(world.program(config.clone(), &[30_080])).await;
    let socket = world.dial(30_080);
    let mut kept = Http1::to(socket).await;
    assert!(kept.get("a.test", "/").await.is_ok());
    world.plane.shutdown().await;
    world.plane.shutdown().await;
    assert_eq!(connect_error(socket).await, io::ErrorKind::ConnectionRefused);
    assert!(kept.send(request("a.test", "/")).await.is_err(), "idle connections are closed");
    let config = sample::config(sample::listener(), answering(204));
    let applied = world.plane.apply(world.program(config, &[30_080])).await;
    assert_eq!(applied.closed[0].reason, "the data plane has been shut down");
    assert_eq!(connect_error(world.dial(30_080)).await, io::ErrorKind::ConnectionRefused);
}

#[tokio::test]
async fn dropped_data_plane_leaves_no_listener_and_no_request_in_flight() {
    let world = World::new();
    let gate = backend::gated().await;
    let routes = vec![sample::route(sample::path("/"), sample::forward(&[("a", 1)]))];
    let mut program = world.program(sample::config(sample::listener(), routes), &[30_080]);
    program.endpoints = sample::endpoints(&[("a", gate.socket)]);
    world.plane.apply(program).await;
    let socket = world.dial(30_080);
    let mut client = Http1::to(socket).await;
    let in_flight = tokio::spawn(async move { client.get("a.test", "/").await.is_err() });
    gate.arrived.await.expect("the request arrives");
    let tasks = world.plane.shared.tasks.clone();
    drop(world);
    tasks.close();
    tokio::time::timeout(LIMIT, tasks.wait()).await.expect("every task ends");
    assert_eq!(connect_error(socket).await, io::ErrorKind::ConnectionRefused);
    assert!(in_flight.await.expect("no panic"), "the request ends without an answer");
}

#[tokio::test]
async fn sockets_that_cannot_be_are_reported_and_the_others_served() {
    let world = World::new();
    let mut program =
        world.program(sample::config(sample::listener(), answering(204)), &[30_080, 30_080]);
    let serve = |config, listener| Behaviour::Serve { config, listener };
    program.sockets.push(world.socket_program(30_081, serve(1, 0)));
    program.sockets.push(world.socket_program(30_082, serve(0, 7)));
    let applied = world.plane.apply(program).await;
    let reasons: Vec<_> = applied.closed.iter().map(|c| (c.port, c.reason.as_str())).collect();
    assert_eq!(
        reasons,
        [
            (30_080, "another socket of the program has this address and port already"),
            (30_081, "the socket names configuration 1, the program has 1"),
            (30_082, "the socket names listener 7 of apps/cilium-gateway-web, which has 1"),
        ]
    );
    assert_eq!(get(world.dial(30_080), "a.test", "/").await.status, 204);
    assert_eq!(connect_error(world.dial(30_081)).await, io::ErrorKind::ConnectionRefused);
}

#[tokio::test]
async fn health_check_port_answers_its_status_and_changes_while_open() {
    let world = World::new();
    let program = |status| Program {
        sockets: vec![world.socket_program(31_000, Behaviour::Status(status))],
        ..Program::default()
    };
    for status in [200, 503] {
        world.plane.apply(program(status)).await;
        assert_eq!(get(world.dial(31_000), "node", "/healthz").await.status, status);
    }
}

#[tokio::test]
async fn connections_and_datagrams_past_envoy_reach_an_endpoint_and_what_it_says_comes_back() {
    use crate::dataplane::{DatagramProgram, Target};
    use gateproof_echo::EchoIdentity;
    use gateproof_echo::datagram::{DatagramApplication, DatagramServer};
    use tokio::net::UdpSocket;

    let echo = sample::echo("web-1").await;
    let identity = EchoIdentity { pod: "udp-1".into(), ..EchoIdentity::default() };
    let local = [127, 0, 0, 1].into();
    let datagrams = DatagramServer::start(identity, local, DatagramApplication::Echo, None)
        .await
        .expect("a port on loopback");
    let world = World::new();
    let target = |socket| vec![Target { socket, weight: 1 }];
    let program = Program {
        sockets: vec![world.socket_program(35_300, Behaviour::Forward { to: 0 })],
        datagrams: vec![DatagramProgram { address: world.node, port: 35_300, to: 1 }],
        forwards: vec![target(echo.socket()), target(datagrams.socket())],
        ..Program::default()
    };
    let applied = world.plane.apply(program).await;
    assert!(applied.closed.is_empty(), "{applied:?}");
    assert_eq!(get(world.dial(35_300), "a.test", "/").await.echo().pod, "web-1");
    let client = UdpSocket::bind("127.0.0.1:0").await.expect("a port");
    let mut buffer = [0; 512];
    for words in ["one", "two"] {
        client.send_to(words.as_bytes(), (world.node, 35_300)).await.expect("sent");
        let answer = tokio::time::timeout(LIMIT, client.recv(&mut buffer)).await;
        let length = answer.expect("in time").expect("an answer");
        let answer = String::from_utf8_lossy(&buffer[..length]);
        assert!(answer.contains(words) && answer.contains("udp-1"), "{answer}");
    }
    world.plane.apply(Program::default()).await;
    assert_eq!(connect_error(world.dial(35_300)).await, io::ErrorKind::ConnectionRefused);
}
