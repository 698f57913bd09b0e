//! What a handshake alone shows of servers that answer, refuse, close or speak something else.

use std::sync::Arc;

use gateproof_core::observation::{HandshakeOutcome, TcpOutcome, TlsFailure, Unanswered};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::{failed, handshake};
use crate::TrustRoots;
use crate::http::tests::pki::Authority;
use crate::http::tests::server::{Server, silence};
use crate::request::{HandshakeProbe, TlsProbe};

fn probe(server: &Server) -> HandshakeProbe {
    HandshakeProbe {
        socket: server.address,
        tls: TlsProbe::named("a.example", TrustRoots::empty()),
        timeouts: server.probe().timeouts,
    }
}

/// What a server does that writes these bytes once it has heard something, and closes.
async fn answering(bytes: &'static [u8]) -> HandshakeOutcome {
    let server = Server::each(move |mut stream| async move {
        let mut hello = [0; 4096];
        let read = stream.read(&mut hello).await.expect("a ClientHello");
        assert!(read > 0, "a ClientHello");
        stream.write_all(bytes).await.expect("the client listens");
        silence(stream).await;
    });
    handshake(&probe(&server.await)).await.outcome
}

#[tokio::test]
async fn a_server_that_nobody_trusts_has_answered_and_shows_its_certificate() {
    let server = Server::https(Authority::named("theirs").server(&["b.example"], |_| {})).await;
    let seen = handshake(&probe(&server)).await;
    assert_eq!(seen.outcome, HandshakeOutcome::Completed);
    let tls = seen.tls.expect("a handshake");
    assert_eq!((&*tls.chain[0].names, tls.alpn), (&["b.example".to_owned()][..], None));
}

#[tokio::test]
async fn a_server_that_refuses_the_client_has_answered_all_the_same() {
    // An alert, and then the end: handshake_failure, as of a server that wants a certificate.
    let refused = answering(b"\x15\x03\x03\x00\x02\x02\x28").await;
    let failure = TlsFailure::Alert("handshake_failure".to_owned());
    assert_eq!(refused, HandshakeOutcome::Answered(failure));
    // A ServerHello that this client can make nothing of.
    let hello = b"\x16\x03\x01\x00\x04\x02\x00\x00\x00";
    assert!(matches!(answering(hello).await, HandshakeOutcome::Answered(TlsFailure::Other(_))));
}

#[tokio::test]
async fn a_client_certificate_that_is_wanted_and_not_there_is_an_answer() {
    let ca = Authority::named("theirs");
    for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let roots = Arc::new(ca.roots().store().clone());
        let clients = rustls::server::WebPkiClientVerifier::builder_with_provider(
            roots,
            Arc::clone(&provider),
        );
        let server = rustls::ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(&[version])
            .expect("a version")
            .with_client_cert_verifier(clients.build().expect("a verifier"))
            .with_cert_resolver(ca.server(&["a.example"], |_| {}).cert_resolver);
        let seen = handshake(&probe(&Server::https(server).await)).await;
        assert!(
            matches!(seen.outcome, HandshakeOutcome::Completed | HandshakeOutcome::Answered(_)),
            "{version:?}: {}",
            seen.outcome
        );
    }
}

#[tokio::test]
async fn who_closes_resets_keeps_silent_or_speaks_something_else_is_no_tls_server() {
    let closes = Server::each(|mut stream| async move {
        let mut hello = [0; 4096];
        let read = stream.read(&mut hello).await.expect("a ClientHello");
        assert!(read > 0, "a ClientHello");
    });
    let resets = Server::each(|stream| async move {
        // Closing with the ClientHello unread makes the kernel reset.
        stream.readable().await.expect("a ClientHello");
    });
    for server in [closes.await, resets.await] {
        let seen = handshake(&probe(&server)).await.outcome;
        assert_eq!(seen, HandshakeOutcome::Unanswered(Unanswered::Closed));
    }
    let HandshakeOutcome::Unanswered(Unanswered::NotTls(begins)) =
        answering(b"HTTP/1.1 400 Bad Request\r\n\r\n").await
    else {
        panic!("that is no TLS")
    };
    assert_eq!(begins, "HTTP/1.1 400 Bad Request");
    let silent = Server::each(silence).await;
    let mut impatient = probe(&silent);
    impatient.timeouts.tls = std::time::Duration::from_millis(50);
    let seen = handshake(&impatient).await.outcome;
    assert_eq!(seen, HandshakeOutcome::Unanswered(Unanswered::TimedOut));
}

#[tokio::test]
async fn where_nobody_listens_there_is_no_connection() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a socket");
    let server = Server::each(silence).await;
    let mut nobody = probe(&server);
    nobody.socket = listener.local_addr().expect("it is bound");
    drop(listener);
    let seen = handshake(&nobody).await;
    assert_eq!(seen.outcome, HandshakeOutcome::NotConnected(TcpOutcome::Refused));
    assert_eq!(seen.tls, None);
}

#[test]
fn a_name_that_cannot_be_sent_is_nobodys_answer() {
    let words = TlsFailure::Other("`a b` cannot be sent as server name".to_owned());
    assert!(matches!(failed(b"", words), HandshakeOutcome::Unanswered(Unanswered::Other(_))));
}
