//! Filter chains over real connections: TLS by server name, plain beside it, passthrough, PROXY
//! protocol, and connections that no chain serves.

use std::io;

use gateproof_core::name::NamespacedName;
use gateproof_model::translation::envoy::{Action, Listener, PassthroughChain, Route};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use super::client::{Http1, get, get_http2, tls, tls_error};
use super::sample::{self, World};
use crate::dataplane::{
    AccessEvent, Behaviour, CertificateProblem, CertifiedKeyPem, CloseCause, Program, RefusedPart,
};

fn answering(status: u16) -> Vec<Route> {
    vec![sample::route(sample::path("/"), Action::Respond { status })]
}

/// A listener for a wildcard, its apex, and connections without TLS.
fn wildcard_and_apex() -> Listener {
    let mut listener = sample::listener();
    listener.terminate =
        vec![sample::tls("wildcard", &["*.a.test"]), sample::tls("apex", &["a.test"])];
    listener
}

struct Certified {
    world: World,
    program: Program,
    wildcard: CertifiedKeyPem,
    apex: CertifiedKeyPem,
}

async fn certified() -> Certified {
    let world = World::new();
    let (wildcard, apex) = (sample::certificate(&["*.a.test"]), sample::certificate(&["a.test"]));
    let config = sample::config(wildcard_and_apex(), answering(204));
    let mut program = world.program(config, &[30_443]);
    program.certificates =
        [("wildcard".to_owned(), wildcard.clone()), ("apex".to_owned(), apex.clone())].into();
    let applied = world.plane.apply(program.clone()).await;
    assert!(applied.certificates.is_empty(), "{applied:?}");
    Certified { world, program, wildcard, apex }
}

async fn status_over_tls(c: &Certified, name: &str, trusted: &CertifiedKeyPem) -> u16 {
    let stream = tls(c.world.dial(30_443), name, &[], trusted).await.expect("a handshake");
    Http1::over(stream).await.get(name, "/").await.expect("an answer").status
}

#[tokio::test]
async fn server_name_chooses_wildcard_or_apex_certificate_on_one_port() {
    let c = certified().await;
    assert_eq!(status_over_tls(&c, "x.a.test", &c.wildcard).await, 204);
    assert_eq!(status_over_tls(&c, "a.test", &c.apex).await, 204);
    let swapped = tls(c.world.dial(30_443), "a.test", &[], &c.wildcard).await;
    assert!(swapped.is_err(), "the apex is not served with the wildcard's certificate");
}

#[tokio::test]
async fn plain_request_is_answered_on_the_port_of_https() {
    let c = certified().await;
    assert_eq!(get(c.world.dial(30_443), "a.test", "/").await.status, 204);
}

#[tokio::test]
async fn absent_or_unknown_server_name_is_reset() {
    let c = certified().await;
    let socket = c.world.dial(30_443);
    for name in ["127.0.0.1", "b.test"] {
        assert_eq!(
            tls_error(socket, name, &c.apex).await,
            io::ErrorKind::ConnectionReset,
            "{name}"
        );
    }
    let causes: Vec<_> = c.world.plane.access_log().into_iter().map(|r| r.event).collect();
    let no_chain = |server_name: Option<&str>| {
        let server_name = server_name.map(str::to_owned);
        AccessEvent::Closed(CloseCause::NoChain { server_name })
    };
    assert_eq!(causes, [no_chain(None), no_chain(Some("b.test"))]);
}

#[tokio::test]
async fn chain_without_certificate_is_reset_and_its_neighbours_serve() {
    let mut c = certified().await;
    c.program.certificates.remove("apex");
    let applied = c.world.plane.apply(c.program.clone()).await;
    let [unusable] = applied.certificates.as_slice() else { panic!("{applied:?}") };
    assert_eq!(
        (unusable.sds_name.as_str(), &unusable.problem),
        ("apex", &CertificateProblem::Missing)
    );
    let socket = c.world.dial(30_443);
    assert_eq!(tls_error(socket, "a.test", &c.apex).await, io::ErrorKind::ConnectionReset);
    assert_eq!(status_over_tls(&c, "x.a.test", &c.wildcard).await, 204);
    assert_eq!(get(socket, "a.test", "/").await.status, 204);
}

#[tokio::test]
async fn renewed_certificate_is_served_from_the_next_handshake_on() {
    let mut c = certified().await;
    let stream = tls(c.world.dial(30_443), "a.test", &[], &c.apex).await.expect("a handshake");
    let mut kept = Http1::over(stream).await;
    let renewed = sample::certificate(&["a.test"]);
    c.program.certificates.insert("apex".into(), renewed.clone());
    c.world.plane.apply(c.program.clone()).await;
    assert_eq!(status_over_tls(&c, "a.test", &renewed).await, 204);
    assert_eq!(kept.get("a.test", "/").await.expect("kept").status, 204);
}

#[tokio::test]
async fn http2_over_tls_needs_alpn_or_prior_knowledge() {
    let mut c = certified().await;
    let socket = c.world.dial(30_443);
    let chosen = |stream: &tokio_rustls::client::TlsStream<TcpStream>| {
        stream.get_ref().1.alpn_protocol().map(<[u8]>::to_vec)
    };
    let stream = tls(socket, "a.test", &["h2", "http/1.1"], &c.apex).await.expect("a handshake");
    assert_eq!(chosen(&stream), None, "nothing is offered unless configured");
    assert_eq!(get_http2(stream, "a.test", "/").await.status, 204, "prior knowledge");
    c.program.configs[0].listeners[0].terminate[1].alpn = vec!["h2".into(), "http/1.1".into()];
    c.world.plane.apply(c.program.clone()).await;
    let stream = tls(socket, "a.test", &["http/1.1", "h2"], &c.apex).await.expect("a handshake");
    assert_eq!(chosen(&stream).as_deref(), Some(b"h2".as_slice()));
    assert_eq!(get_http2(stream, "a.test", "/").await.status, 204);
    let stream = tls(socket, "a.test", &["acme-tls/1"], &c.apex).await.expect("a handshake");
    assert_eq!(chosen(&stream), None, "without a common protocol the handshake goes on");
}

#[tokio::test]
async fn http2_without_tls_is_served_by_prior_knowledge() {
    let c = certified().await;
    let stream = TcpStream::connect(c.world.dial(30_443)).await.expect("connect");
    assert_eq!(get_http2(stream, "a.test", "/").await.status, 204);
}

#[tokio::test]
async fn plain_connection_without_chain_is_reset() {
    let mut c = certified().await;
    c.program.configs[0].listeners[0].plain = None;
    c.world.plane.apply(c.program.clone()).await;
    let mut client = Http1::to(c.world.dial(30_443)).await;
    assert!(client.get("a.test", "/").await.is_err());
    assert_eq!(status_over_tls(&c, "a.test", &c.apex).await, 204);
}

#[tokio::test]
async fn listener_with_overlapping_chains_is_refused_and_the_old_one_stays() {
    let mut c = certified().await;
    c.program.configs[0].listeners[0].terminate.push(sample::tls("apex", &["a.test"]));
    let applied = c.world.plane.apply(c.program.clone()).await;
    assert_eq!(applied.refused[0].part, RefusedPart::Listener("listener".into()));
    assert_eq!(status_over_tls(&c, "a.test", &c.apex).await, 204);

    let fresh = World::new();
    let applied = fresh.plane.apply(fresh.program(c.program.configs[0].clone(), &[30_443])).await;
    assert!(applied.closed[0].reason.contains("Envoy refuses the listener"), "{applied:?}");
    let error = TcpStream::connect(fresh.dial(30_443)).await.expect_err("had none before");
    assert_eq!(error.kind(), io::ErrorKind::ConnectionRefused);
}

#[tokio::test]
async fn passthrough_reaches_the_backend_with_its_own_certificate() {
    let mut c = certified().await;
    let backend = c.world.dial(30_443);
    let mut listener = sample::listener();
    listener.plain = None;
    listener.passthrough = vec![PassthroughChain {
        server_names: vec!["*.a.test".into()],
        clusters: vec![sample::weighted("a", 0)],
    }];
    let mut config = sample::config(listener, vec![]);
    config.name = NamespacedName::new("apps", "cilium-gateway-raw");
    c.program.configs.push(config);
    let serve = Behaviour::Serve { config: 1, listener: 0 };
    c.program.sockets.push(c.world.socket_program(30_444, serve));
    c.program.endpoints = sample::endpoints(&[("a", backend)]);
    c.world.plane.apply(c.program.clone()).await;
    let front = c.world.dial(30_444);
    let stream = tls(front, "x.a.test", &[], &c.wildcard).await.expect("a handshake");
    assert_eq!(Http1::over(stream).await.get("x.a.test", "/").await.expect("200").status, 204);
    assert_eq!(tls_error(front, "a.test", &c.apex).await, io::ErrorKind::ConnectionReset);
    c.program.endpoints.clear();
    c.world.plane.apply(c.program.clone()).await;
    assert_eq!(tls_error(front, "x.a.test", &c.wildcard).await, io::ErrorKind::ConnectionReset);
    let last = c.world.plane.access_log().pop().expect("a record").event;
    let cluster = Some("a".to_owned());
    assert_eq!(last, AccessEvent::Closed(CloseCause::NoEndpoint { cluster }));
}

#[tokio::test]
async fn proxy_protocol_names_the_client_and_is_required() {
    let world = World::new();
    let echo = sample::echo("web-1").await;
    let mut listener = sample::listener();
    listener.proxy_protocol = true;
    let routes = vec![sample::route(sample::path("/"), sample::forward(&[("a", 1)]))];
    let mut program = world.program(sample::config(listener, routes), &[30_080]);
    program.endpoints = sample::endpoints(&[("a", echo.socket())]);
    world.plane.apply(program).await;
    let mut stream = TcpStream::connect(world.dial(30_080)).await.expect("connect");
    let header = b"PROXY TCP4 203.0.113.9 198.51.100.1 50000 80\r\n";
    stream.write_all(header).await.expect("writable");
    let answer = Http1::over(stream).await.get("a.test", "/").await.expect("an answer");
    assert_eq!(answer.echo().headers["X-Forwarded-For"], ["203.0.113.9"]);
    let mut bare = Http1::to(world.dial(30_080)).await;
    assert!(bare.get("a.test", "/").await.is_err(), "no header, no service");
    let last = world.plane.access_log().pop().expect("a record").event;
    assert_eq!(last, AccessEvent::Closed(CloseCause::NoProxyHeader));
}
