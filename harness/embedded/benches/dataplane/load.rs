//! Load: clients that send one request after the other, and a backend that costs as little as it
//! can.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustls::crypto::ring;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsConnector;

use crate::certificate;
use crate::setup::SECRETS;

const REQUEST: &[u8] = b"GET /service-20/items?page=2 HTTP/1.1\r\nhost: a.test\r\n\
    user-agent: load\r\naccept: */*\r\n\r\n";
const ANSWER: &[u8] =
    b"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: 5\r\n\r\nhello";

/// A kind of load.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Plain,
    Tls,
    PlainOnce,
    TlsOnce,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Plain => "HTTP kept alive",
            Self::Tls => "HTTPS kept alive",
            Self::PlainOnce => "HTTP, a connection for each request",
            Self::TlsOnce => "HTTPS, a connection for each request",
        })
    }
}

/// What a round measured.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Measured {
    pub(crate) per_second: f64,
    pub(crate) p99_millis: f64,
}

/// A backend that answers every request alike.
pub(crate) async fn backend() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let socket = listener.local_addr().expect("bound");
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.expect("accept");
            stream.set_nodelay(true).expect("TCP_NODELAY");
            tokio::spawn(async move {
                let mut head = Vec::with_capacity(4096);
                while stream.read_buf(&mut head).await.is_ok_and(|read| read > 0) {
                    if head.ends_with(b"\r\n\r\n") {
                        head.clear();
                        if stream.write_all(ANSWER).await.is_err() {
                            return;
                        }
                    }
                }
            });
        }
    });
    socket
}

/// Runs a round.
pub(crate) async fn run(
    kind: Kind,
    socket: SocketAddr,
    connections: usize,
    span: Duration,
) -> Measured {
    let tls = TlsConnector::from(Arc::new(client_config()));
    let began = Instant::now();
    let clients: Vec<_> = (0..connections)
        .map(|_| tokio::spawn(client(kind, socket, tls.clone(), began + span)))
        .collect();
    let mut latencies = Vec::new();
    for client in clients {
        latencies.extend(client.await.expect("a client does not panic"));
    }
    let took = began.elapsed();
    latencies.sort_unstable();
    assert!(!latencies.is_empty(), "{kind}: nothing was answered at {socket}");
    let p99 = latencies[(latencies.len() * 99 / 100).min(latencies.len() - 1)];
    #[expect(clippy::cast_precision_loss, reason = "a count of requests is small")]
    let count = latencies.len() as f64;
    Measured { per_second: count / took.as_secs_f64(), p99_millis: p99.as_secs_f64() * 1000.0 }
}

async fn client(kind: Kind, socket: SocketAddr, tls: TlsConnector, end: Instant) -> Vec<Duration> {
    let mut latencies = Vec::new();
    let once = matches!(kind, Kind::PlainOnce | Kind::TlsOnce);
    while Instant::now() < end {
        let began = Instant::now();
        let stream = TcpStream::connect(socket).await.expect("connect");
        stream.set_nodelay(true).expect("TCP_NODELAY");
        let until = if once { began } else { end };
        if matches!(kind, Kind::Plain | Kind::PlainOnce) {
            requests(stream, began, until, &mut latencies).await;
        } else {
            let name = ServerName::try_from("a.test").expect("a server name");
            let stream = tls.connect(name, stream).await.expect("a handshake");
            requests(stream, began, until, &mut latencies).await;
        }
    }
    latencies
}

/// Sends requests until then, at least one.
async fn requests<S: AsyncRead + AsyncWrite + Unpin>(
    mut stream: S,
    mut began: Instant,
    until: Instant,
    latencies: &mut Vec<Duration>,
) {
    let mut answer = Vec::with_capacity(4096);
    loop {
        stream.write_all(REQUEST).await.expect("writable");
        answer.clear();
        while !answer.ends_with(b"\r\n\r\nhello") {
            let read = stream.read_buf(&mut answer).await.expect("readable");
            assert!(read > 0, "an answer: {}", String::from_utf8_lossy(&answer));
        }
        latencies.push(began.elapsed());
        if Instant::now() >= until {
            return;
        }
        began = Instant::now();
    }
}

fn client_config() -> ClientConfig {
    let mut roots = RootCertStore::empty();
    let pair = certificate::pair(SECRETS[0].0, SECRETS[0].1);
    for certificate in CertificateDer::pem_slice_iter(pair.chain_pem.as_bytes()) {
        roots.add(certificate.expect("PEM")).expect("a certificate");
    }
    let mut config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("TLS 1.2 and 1.3")
        .with_root_certificates(roots)
        .with_no_client_auth();
    // Each handshake is a whole one.
    config.resumption = rustls::client::Resumption::disabled();
    config
}
