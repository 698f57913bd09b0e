//! A small HTTP client that shows what a connection is like.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use gateproof_core::observation::Echo;
use http::{HeaderMap, Request, Version};
use http_body_util::{BodyExt, Empty};
use hyper::body::Bytes;
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::crypto::ring;
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, ServerName};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::dataplane::CertifiedKeyPem;

pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) headers: HeaderMap,
    pub(super) body: String,
}

impl Answer {
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    pub(super) fn echo(&self) -> Echo {
        serde_json::from_str(&self.body)
            .unwrap_or_else(|error| panic!("{error}: {} {}", self.status, self.body))
    }
}

pub(super) fn request(host: &str, path: &str) -> Request<Empty<Bytes>> {
    Request::get(path).header("host", host).body(Empty::new()).expect("a request")
}

/// A connection that can be used more than once.
pub(super) struct Http1 {
    sender: hyper::client::conn::http1::SendRequest<Empty<Bytes>>,
}

impl Http1 {
    pub(super) async fn over<S>(stream: S) -> Self
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let (sender, connection) =
            hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.expect("handshake");
        tokio::spawn(connection);
        Self { sender }
    }

    pub(super) async fn to(socket: SocketAddr) -> Self {
        Self::over(TcpStream::connect(socket).await.expect("connect")).await
    }

    pub(super) async fn send(&mut self, request: Request<Empty<Bytes>>) -> hyper::Result<Answer> {
        self.sender.ready().await?;
        collect(self.sender.send_request(request).await?).await
    }

    pub(super) async fn get(&mut self, host: &str, path: &str) -> hyper::Result<Answer> {
        self.send(request(host, path)).await
    }
}

async fn collect(response: http::Response<hyper::body::Incoming>) -> hyper::Result<Answer> {
    let (parts, body) = response.into_parts();
    let body = body.collect().await?.to_bytes();
    let body = String::from_utf8_lossy(&body).into_owned();
    Ok(Answer { status: parts.status.as_u16(), headers: parts.headers, body })
}

/// One request on a connection of its own.
pub(super) async fn get(socket: SocketAddr, host: &str, path: &str) -> Answer {
    Http1::to(socket).await.get(host, path).await.expect("an answer")
}

/// One HTTP/2 request by prior knowledge, or after ALPN chose `h2`.
pub(super) async fn get_http2<S>(stream: S, host: &str, path: &str) -> Answer
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let executor = TokioExecutor::new();
    let (mut sender, connection) =
        hyper::client::conn::http2::handshake(executor, TokioIo::new(stream))
            .await
            .expect("handshake");
    tokio::spawn(connection);
    let request = Request::get(format!("http://{host}{path}"))
        .version(Version::HTTP_2)
        .body(Empty::<Bytes>::new())
        .expect("a request");
    collect(sender.send_request(request).await.expect("an answer")).await.expect("a body")
}

/// A TLS connection that trusts only this certificate, for this server name (an address sends
/// none).
pub(super) async fn tls(
    socket: SocketAddr,
    name: &str,
    alpn: &[&str],
    trusted: &CertifiedKeyPem,
) -> io::Result<TlsStream<TcpStream>> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(trusted.chain_pem.as_bytes()) {
        roots.add(certificate.expect("PEM")).expect("a certificate");
    }
    let mut config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("TLS 1.2 and 1.3")
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = alpn.iter().map(|protocol| protocol.as_bytes().to_vec()).collect();
    let name = ServerName::try_from(name.to_owned()).expect("a server name");
    let stream = TcpStream::connect(socket).await?;
    TlsConnector::from(Arc::new(config)).connect(name, stream).await
}

/// The kind of error that a TLS handshake ends with.
pub(super) async fn tls_error(
    socket: SocketAddr,
    name: &str,
    trusted: &CertifiedKeyPem,
) -> io::ErrorKind {
    tls(socket, name, &[], trusted).await.expect_err("the handshake must fail").kind()
}
