use std::net::SocketAddr;
use std::time::Duration;

use gateproof_core::observation::{
    HttpObservation, HttpOutcome, NoResponse, TcpOutcome, TlsFailure, Trust,
};
use tokio::net::{TcpListener, TcpSocket, TcpStream};

use super::remote;
use crate::http::tests::pki::Authority;
use crate::http::tests::server::{Server, silence};
use crate::prober::{LocalProber, Prober};
use crate::request::{HttpProbe, ServerNameChoice, TcpProbe, TlsProbe, TlsVersions, VersionChoice};
use crate::roots::TrustRoots;

/// One question with a server that is asked, and what both probers must see.
struct Case {
    name: &'static str,
    _server: Option<Server>,
    probe: HttpProbe,
    expected: fn(&HttpObservation) -> bool,
}

impl Case {
    fn of(
        name: &'static str,
        server: Server,
        edit: impl FnOnce(&mut HttpProbe),
        expected: fn(&HttpObservation) -> bool,
    ) -> Self {
        let mut probe = server.probe();
        edit(&mut probe);
        Self { name, _server: Some(server), probe, expected }
    }
}

fn https(roots: TrustRoots) -> impl FnOnce(&mut HttpProbe) {
    move |probe| probe.tls = Some(TlsProbe::named("a.example", roots))
}

fn body(seen: &HttpObservation) -> Option<&str> {
    match &seen.outcome {
        HttpOutcome::Response(response) => Some(&response.body),
        _ => None,
    }
}

fn trust(seen: &HttpObservation) -> Option<&Trust> {
    seen.tls.as_ref().map(|tls| &tls.trust)
}

async fn refused() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    listener.local_addr().unwrap()
}

async fn plain_cases() -> Vec<Case> {
    let refused = Case {
        name: "refused",
        _server: None,
        probe: HttpProbe::get(refused().await, "a.example"),
        expected: |seen| seen.outcome == HttpOutcome::NotConnected(TcpOutcome::Refused),
    };
    vec![
        refused,
        Case::of(
            "answered",
            Server::http().await,
            |_| {},
            |seen| body(seen) == Some("GET a.example /"),
        ),
        Case::of(
            "method, path and header fields",
            Server::http().await,
            |probe| {
                probe.method = "HEAD".to_owned();
                probe.path_and_query = "/x?y=%22'".to_owned();
                probe.headers =
                    vec![("x-twice".into(), "é".into()), ("x-twice".into(), "2".into())];
            },
            |seen| body(seen) == Some(""),
        ),
        Case::of(
            "HTTP/2",
            Server::http().await,
            |probe| probe.version = VersionChoice::Http2,
            |seen| body(seen) == Some("GET a.example /"),
        ),
        Case::of(
            "no response in time",
            Server::each(silence).await,
            |probe| probe.timeouts.response = Duration::from_millis(100),
            |seen| seen.outcome == HttpOutcome::NoResponse(NoResponse::TimedOut),
        ),
        Case::of(
            "not HTTP",
            Server::answering(b"SSH-2.0-OpenSSH\r\n").await,
            |_| {},
            |seen| matches!(seen.outcome, HttpOutcome::NoResponse(NoResponse::NotHttp(_))),
        ),
        Case::of(
            "body beyond the limit",
            Server::answering(b"HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\n\x00\xff\n\"ab").await,
            |probe| probe.body_limit = 5,
            |seen| matches!(&seen.outcome, HttpOutcome::Response(seen) if seen.body_cut),
        ),
        Case::of(
            "closed",
            Server::answering(b"").await,
            |_| {},
            |seen| seen.outcome == HttpOutcome::NoResponse(NoResponse::Closed),
        ),
        Case::of(
            "cannot be sent",
            Server::http().await,
            |probe| probe.method = "G T".to_owned(),
            |seen| matches!(seen.outcome, HttpOutcome::NoResponse(NoResponse::Other(_))),
        ),
    ]
}

async fn tls_cases() -> Vec<Case> {
    let (ours, theirs) = (Authority::named("ours"), Authority::named("theirs"));
    let server = async |names: &[&str]| Server::https(ours.server(names, |_| {})).await;
    let mut only_http2 = ours.server(&["a.example"], |_| {});
    only_http2.alpn_protocols = vec![b"h2".to_vec()];
    vec![
        Case::of("trusted", server(&["a.example"]).await, https(ours.roots()), |seen| {
            trust(seen) == Some(&Trust::Verified)
        }),
        Case::of("wrong name", server(&["b.example"]).await, https(ours.roots()), |seen| {
            matches!(trust(seen), Some(Trust::Failed(_))) && body(seen).is_some()
        }),
        Case::of(
            "unknown issuer",
            server(&["a.example"]).await,
            https(theirs.roots()),
            |seen| matches!(trust(seen), Some(Trust::Failed(reason)) if reason.contains("unknown issuer")),
        ),
        Case::of(
            "no roots",
            server(&["a.example"]).await,
            https(TrustRoots::empty()),
            |seen| matches!(trust(seen), Some(Trust::Failed(reason)) if reason.contains("no trust roots")),
        ),
        Case::of(
            "expired",
            Server::https(ours.server(&["a.example"], |params| {
                params.not_before = rcgen::date_time_ymd(2020, 1, 1);
                params.not_after = rcgen::date_time_ymd(2021, 2, 3);
            }))
            .await,
            https(ours.roots()),
            |seen| matches!(trust(seen), Some(Trust::OutOfDate(_))),
        ),
        Case::of(
            "no server name, TLS 1.2",
            server(&["a.example"]).await,
            |probe| {
                let mut tls = TlsProbe::named("a.example", ours.roots());
                tls.server_name = ServerNameChoice::Absent;
                tls.versions = TlsVersions::Tls12;
                probe.tls = Some(tls);
            },
            |seen| {
                seen.tls.as_ref().is_some_and(|tls| {
                    tls.server_name.is_none() && tls.version.as_deref() == Some("TLSv1.2")
                })
            },
        ),
        Case::of(
            "alert",
            Server::https(only_http2).await,
            |probe| {
                https(ours.roots())(probe);
                probe.version = VersionChoice::Http1;
            },
            |seen| {
                matches!(&seen.outcome, HttpOutcome::TlsFailed(TlsFailure::Alert(name))
                    if name == "no_application_protocol")
            },
        ),
        Case::of(
            "not TLS",
            Server::answering_anything(b"HTTP/1.1 400 Bad Request\r\n\r\n").await,
            https(ours.roots()),
            |seen| seen.outcome == HttpOutcome::TlsFailed(TlsFailure::NotTls),
        ),
        Case::of(
            "silent handshake",
            Server::each(silence).await,
            |probe| {
                https(ours.roots())(probe);
                probe.timeouts.tls = Duration::from_millis(100);
            },
            |seen| seen.outcome == HttpOutcome::TlsFailed(TlsFailure::TimedOut),
        ),
    ]
}

/// What was seen, without when and how long it took; which phases were reached stays.
fn timeless(mut seen: HttpObservation) -> HttpObservation {
    if let HttpOutcome::Response(response) = &mut seen.outcome {
        response.headers.retain(|(name, _)| name != "date");
    }
    let timings = &mut seen.timings;
    for phase in [&mut timings.connect, &mut timings.tls, &mut timings.first_byte] {
        *phase = phase.map(|_| Duration::ZERO);
    }
    timings.total = Duration::ZERO;
    seen
}

#[tokio::test]
async fn requests_have_the_same_observation_from_here_and_from_elsewhere() {
    let elsewhere = remote().await;
    let mut cases = plain_cases().await;
    cases.extend(tls_cases().await);
    for case in cases {
        let here = LocalProber.http(&case.probe).await.unwrap();
        let there = elsewhere.http(&case.probe).await.unwrap();
        assert!((case.expected)(&here), "{}: {here:#?}", case.name);
        assert_eq!(timeless(here), timeless(there), "{}", case.name);
    }
}

/// A listener whose queue of connections is full, so that the next handshake gets no answer.
async fn full() -> (TcpListener, Vec<TcpStream>) {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let listener = socket.listen(1).unwrap();
    let address = listener.local_addr().unwrap();
    let mut held = Vec::new();
    while let Ok(Ok(stream)) =
        tokio::time::timeout(Duration::from_millis(300), TcpStream::connect(address)).await
    {
        held.push(stream);
    }
    (listener, held)
}

#[tokio::test]
async fn handshakes_have_the_same_outcome_from_here_and_from_elsewhere() {
    let elsewhere = remote().await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (silent, _held) = full().await;
    let cases = [
        (listener.local_addr().unwrap(), TcpOutcome::Accepted),
        (refused().await, TcpOutcome::Refused),
        (silent.local_addr().unwrap(), TcpOutcome::TimedOut),
    ];
    for (socket, expected) in cases {
        let probe = TcpProbe { socket, timeout: Duration::from_millis(400) };
        let here = LocalProber.tcp(&probe).await.unwrap();
        let there = elsewhere.tcp(&probe).await.unwrap();
        assert_eq!((here.dialled, &here.outcome), (socket, &expected));
        assert_eq!((there.dialled, &there.outcome), (socket, &expected));
    }
}

#[tokio::test]
async fn answers_come_as_they_are_ready_and_not_in_the_order_of_questions() {
    let elsewhere = remote().await;
    let (silent, _held) = full().await;
    let slow = TcpProbe { socket: silent.local_addr().unwrap(), timeout: Duration::from_mins(1) };
    let fast = TcpProbe { socket: refused().await, timeout: Duration::from_mins(1) };
    let waits = elsewhere.tcp(&slow);
    tokio::pin!(waits);
    tokio::select! {
        biased;
        _ = &mut waits => panic!("nobody answers this handshake"),
        seen = elsewhere.tcp(&fast) => assert_eq!(seen.unwrap().outcome, TcpOutcome::Refused),
    }
}
