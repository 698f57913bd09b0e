use std::time::Duration;

use gateproof_core::observation::{
    HttpObservation, HttpOutcome, HttpResponse, HttpVersion, NoResponse, TcpOutcome,
};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpSocket;

use super::server::{Server, read_head, silence};
use crate::http;
use crate::request::{HttpProbe, VersionChoice};

const BRIEF: Duration = Duration::from_millis(200);

fn response(seen: &HttpObservation) -> &HttpResponse {
    match &seen.outcome {
        HttpOutcome::Response(response) => response,
        other => panic!("expected a response, saw {other:?}"),
    }
}

fn no_response(seen: &HttpObservation) -> &NoResponse {
    match &seen.outcome {
        HttpOutcome::NoResponse(cause) => cause,
        other => panic!("expected no response, saw {other:?}"),
    }
}

#[tokio::test]
async fn plain_request_is_answered_with_every_phase_timed() {
    let server = Server::http().await;
    let mut probe = server.probe();
    probe.method = "POST".to_owned();
    probe.path_and_query = "/x?y".to_owned();
    let seen = http(&probe).await;
    assert_eq!(response(&seen).body, "POST a.example /x");
    assert_eq!(response(&seen).version, HttpVersion::Http1);
    assert_eq!(seen.dialled, server.address);
    assert!(seen.tls.is_none() && seen.timings.tls.is_none());
    let (connect, first) = (seen.timings.connect.unwrap(), seen.timings.first_byte.unwrap());
    assert!(connect + first <= seen.timings.total, "{:?}", seen.timings);
}

#[tokio::test]
async fn http2_is_spoken_by_prior_knowledge() {
    let server = Server::http().await;
    let mut probe = server.probe();
    probe.version = VersionChoice::Http2;
    let seen = http(&probe).await;
    assert_eq!(response(&seen).version, HttpVersion::Http2);
    assert_eq!(response(&seen).body, "GET a.example /");
}

#[tokio::test]
async fn http1_server_is_no_http2_server() {
    let server = Server::answering(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n").await;
    let mut probe = server.probe();
    probe.version = VersionChoice::Http2;
    let seen = http(&probe).await;
    assert!(matches!(no_response(&seen), NoResponse::NotHttp(_)), "{:?}", seen.outcome);
}

#[tokio::test]
async fn port_without_listener_is_refused() {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let seen = http(&HttpProbe::get(socket.local_addr().unwrap(), "a.example")).await;
    assert_eq!(seen.outcome, HttpOutcome::NotConnected(TcpOutcome::Refused));
    assert_eq!(seen.timings.connect, None);
}

#[tokio::test]
async fn peer_that_accepts_and_closes_is_closed_and_not_refused() {
    let server = Server::each(|mut stream| async move {
        read_head(&mut stream).await;
    })
    .await;
    let seen = http(&server.probe()).await;
    assert_eq!(*no_response(&seen), NoResponse::Closed);
    assert!(seen.timings.connect.is_some() && seen.timings.first_byte.is_none());
}

#[tokio::test]
async fn peer_that_resets_is_told_from_one_that_closes() {
    let server = Server::each(|mut stream| async move {
        read_head(&mut stream).await;
        stream.set_zero_linger().unwrap();
    })
    .await;
    assert_eq!(*no_response(&http(&server.probe()).await), NoResponse::Reset);
}

#[tokio::test]
async fn closed_http2_connection_is_closed_and_not_malformed() {
    let server = Server::each(|stream| async move { drop(stream) }).await;
    let mut probe = server.probe();
    probe.version = VersionChoice::Http2;
    let seen = http(&probe).await;
    assert!(matches!(no_response(&seen), NoResponse::Closed | NoResponse::Reset), "{seen:?}");
}

#[tokio::test]
async fn other_protocols_are_named_as_not_http() {
    for bytes in [&b"SSH-2.0-OpenSSH_9.9\r\n"[..], b"\x00\x00\x12\x04\x00\x00\x00\x00\x00"] {
        let seen = http(&Server::answering(bytes).await.probe()).await;
        assert!(matches!(no_response(&seen), NoResponse::NotHttp(_)), "{:?}", seen.outcome);
    }
}

#[tokio::test]
async fn peer_that_speaks_before_it_is_asked_is_not_http() {
    let server = Server::each(|mut stream| async move {
        stream.write_all(b"220 mail.example ESMTP\r\n").await.unwrap();
        silence(stream).await;
    })
    .await;
    let seen = http(&server.probe()).await;
    assert!(matches!(no_response(&seen), NoResponse::NotHttp(_)), "{:?}", seen.outcome);
}

#[tokio::test]
async fn slow_first_byte_times_out_without_a_first_byte_time() {
    let server = Server::stalling_after(b"").await;
    let mut probe = server.probe();
    probe.timeouts.response = BRIEF;
    let seen = http(&probe).await;
    assert_eq!(*no_response(&seen), NoResponse::TimedOut);
    assert_eq!(seen.timings.first_byte, None);
}

#[tokio::test]
async fn slow_body_times_out_after_a_first_byte_time() {
    let server =
        Server::stalling_after(b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n12345").await;
    let mut probe = server.probe();
    probe.timeouts.total = Duration::from_secs(1);
    let seen = http(&probe).await;
    assert_eq!(*no_response(&seen), NoResponse::TimedOut);
    assert!(seen.timings.first_byte.is_some(), "the head had arrived: {:?}", seen.timings);
}

#[tokio::test]
async fn response_limit_does_not_cut_a_body_that_is_on_its_way() {
    let server = Server::stalling_after(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n12345").await;
    let mut probe = server.probe();
    probe.timeouts.response = Duration::from_secs(5);
    assert_eq!(response(&http(&probe).await).body, "12345");
}

#[tokio::test]
async fn truncated_body_is_no_response() {
    let server = Server::answering(b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n12345").await;
    let seen = http(&server.probe()).await;
    assert_eq!(*no_response(&seen), NoResponse::Closed);
    assert!(seen.timings.first_byte.is_some());
}

#[tokio::test]
async fn body_that_ends_with_the_connection_is_complete() {
    let server = Server::answering(b"HTTP/1.1 200 OK\r\n\r\n12345").await;
    assert_eq!(response(&http(&server.probe()).await).body, "12345");
}

#[tokio::test]
async fn body_is_cut_only_beyond_the_limit() {
    let server = Server::answering(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n12345").await;
    for (limit, body, cut) in [(4, "1234", true), (5, "12345", false), (0, "", true)] {
        let mut probe = server.probe();
        probe.body_limit = limit;
        let seen = http(&probe).await;
        assert_eq!((response(&seen).body.as_str(), response(&seen).body_cut), (body, cut));
    }
}

#[tokio::test]
async fn status_and_repeated_fields_are_kept_as_sent() {
    let server = Server::answering(
        b"HTTP/1.1 404 Not Found\r\nX-A: 1\r\nx-a: 2\r\nserver: envoy\r\ncontent-length: 0\r\n\r\n",
    )
    .await;
    let seen = http(&server.probe()).await;
    let values: Vec<_> =
        response(&seen).headers.iter().filter(|(n, _)| n == "x-a").map(|(_, v)| v).collect();
    assert_eq!(response(&seen).status, 404);
    assert_eq!(values, ["1", "2"]);
    assert_eq!(response(&seen).header("server"), Some("envoy"));
}

#[tokio::test]
async fn request_that_cannot_be_sent_says_so_without_dialling() {
    let server = Server::http().await;
    let mut probe = server.probe();
    probe.path_and_query = "nowhere".to_owned();
    let seen = http(&probe).await;
    let NoResponse::Other(words) = no_response(&seen) else { panic!("{seen:?}") };
    assert!(words.contains("`nowhere`") && words.contains("starts with /"), "{words}");
    assert_eq!(seen.timings.connect, None);
}

#[tokio::test]
async fn abandoned_probe_closes_its_http2_connection() {
    let (sender, mut closed) = tokio::sync::mpsc::channel(1);
    let server = Server::each(move |stream| {
        let sender = sender.clone();
        async move {
            silence(stream).await;
            sender.send(()).await.unwrap();
        }
    })
    .await;
    let mut probe = server.probe();
    probe.version = VersionChoice::Http2;
    probe.timeouts.response = BRIEF;
    assert_eq!(*no_response(&http(&probe).await), NoResponse::TimedOut);
    closed.recv().await.expect("the server sees the end of the connection");
}
