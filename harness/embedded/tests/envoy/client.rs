//! Sends a request as it is written and tells what came back.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use futures_util::stream;
use http::{HeaderMap, HeaderName, HeaderValue};
use http_body_util::{BodyExt, StreamBody};
use hyper::body::{Bytes, Frame};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::ring;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, SignatureScheme};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio_rustls::TlsConnector;

use crate::backend;
use crate::request::{Body, Protocol, Proxied, Request};
use crate::wire::{Head, Reader};

/// What came back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Outcome {
    Answer(Answer),
    /// The connection ended, or was never usable.
    Failed(Failure),
}

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Failure {
    /// The handshake of TLS did not succeed.
    Handshake,
    /// The connection ended before an answer.
    Closed,
    /// Nothing came in time.
    Silent,
    /// Not sent: HTTP/2 has no way to write it.
    NotExpressible,
}

/// An answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// Interim answers before it.
    pub(crate) interim: Vec<u16>,
    pub(crate) fields: Vec<(String, String)>,
    pub(crate) body: String,
    pub(crate) trailers: Vec<(String, String)>,
    pub(crate) complete: bool,
    /// What ALPN chose.
    pub(crate) alpn: Option<String>,
    /// The certificate's place in its chain is of no interest; its bytes are.
    pub(crate) certificate: Option<Vec<u8>>,
}

/// Where a request goes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Target {
    pub(crate) socket: SocketAddr,
    pub(crate) proxied: Proxied,
}

/// Sends a request. `case` goes into the field by which backends tell requests apart.
pub(crate) async fn send(target: Target, request: &Request, case: &str) -> Outcome {
    let behaves = |how| request.fields.iter().any(|(n, v)| n == "x-behave" && v == how);
    let limit = if behaves("never") { Duration::from_millis(700) } else { Duration::from_secs(8) };
    match tokio::time::timeout(limit, exchange(target, request, case)).await {
        Ok(Ok(answer)) => Outcome::Answer(answer),
        Ok(Err(failure)) => Outcome::Failed(failure),
        Err(_) => Outcome::Failed(Failure::Silent),
    }
}

async fn exchange(target: Target, request: &Request, case: &str) -> Result<Answer, Failure> {
    let stream = connect(target, request).await.map_err(|_| Failure::Closed)?;
    let Some(tls) = &request.tls else { return speak(stream, request, case).await };
    let mut config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("TLS 1.2 and 1.3")
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(AnyCertificate))
        .with_no_client_auth();
    config.alpn_protocols = tls.alpn.iter().map(|name| name.as_bytes().to_vec()).collect();
    config.enable_sni = tls.server_name.is_some();
    let name = tls.server_name.clone().unwrap_or_else(|| "127.0.0.1".into());
    let name = ServerName::try_from(name).expect("a server name");
    let stream = TlsConnector::from(Arc::new(config))
        .connect(name, stream)
        .await
        .map_err(|_| Failure::Handshake)?;
    let session = stream.get_ref().1;
    let alpn = session.alpn_protocol().map(|name| String::from_utf8_lossy(name).into_owned());
    let certificate =
        session.peer_certificates().and_then(|chain| chain.first()).map(|first| first.to_vec());
    let mut request = request.clone();
    if let Some(alpn) = &alpn {
        // A client that agreed on a protocol speaks it.
        request.protocol = match (alpn.as_str(), request.protocol) {
            ("h2", _) => Protocol::Http2,
            (_, Protocol::Http2) => Protocol::Http11,
            (_, other) => other,
        };
    }
    let answer = speak(stream, &request, case).await?;
    Ok(Answer { alpn, certificate, ..answer })
}

async fn connect(target: Target, request: &Request) -> std::io::Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    if target.proxied == Proxied::No {
        socket.bind(SocketAddr::new(IpAddr::from(request.client), 0))?;
    }
    let mut stream = socket.connect(target.socket).await?;
    stream.set_nodelay(true)?;
    if target.proxied == Proxied::Yes {
        let [a, b, c, d] = request.client;
        let line = format!("PROXY TCP4 {a}.{b}.{c}.{d} 10.0.0.9 50000 80\r\n");
        stream.write_all(line.as_bytes()).await?;
    }
    Ok(stream)
}

async fn speak<S>(stream: S, request: &Request, case: &str) -> Result<Answer, Failure>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    match request.protocol {
        Protocol::Http2 => http2(stream, request, case).await,
        Protocol::Http10 => http1(stream, request, case, "HTTP/1.0").await,
        Protocol::Http11 => http1(stream, request, case, "HTTP/1.1").await,
    }
}

async fn http1<S>(
    stream: S,
    request: &Request,
    case: &str,
    version: &str,
) -> Result<Answer, Failure>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut text = format!("{} {} {version}\r\n", request.method, request.target);
    for (name, value) in &request.fields {
        text.push_str(&format!("{name}: {value}\r\n"));
    }
    text.push_str(&format!("x-case: {case}\r\n"));
    match &request.body {
        Body::None => text.push_str("\r\n"),
        Body::Counted(body) => {
            text.push_str(&format!("content-length: {}\r\n\r\n{body}", body.len()));
        }
        Body::Chunked(parts) => {
            text.push_str("transfer-encoding: chunked\r\n\r\n");
            for part in parts {
                text.push_str(&format!("{:x}\r\n{part}\r\n", part.len()));
            }
            text.push_str("0\r\nx-last: 1\r\n\r\n");
        }
    }
    let mut stream = Reader::new(stream);
    // A server that refuses early may close before it read everything; its answer counts.
    drop(stream.inner().write_all(text.as_bytes()).await);
    let mut interim = Vec::new();
    loop {
        let head = Head::read(&mut stream).await.ok_or(Failure::Closed)?;
        let status: u16 = head
            .first
            .split(' ')
            .nth(1)
            .and_then(|code| code.parse().ok())
            .ok_or(Failure::Closed)?;
        if status < 200 && status != 101 {
            interim.push(status);
            continue;
        }
        if status == 101 {
            // What follows is the other protocol; the backend's first message is enough.
            let fields = head.fields;
            return Ok(Answer {
                status,
                interim,
                fields,
                body: String::new(),
                trailers: Vec::new(),
                complete: true,
                alpn: None,
                certificate: None,
            });
        }
        let body = head.response_body(&mut stream, &request.method).await;
        return Ok(Answer {
            status,
            interim,
            fields: head.fields,
            body: String::from_utf8_lossy(&body.bytes).into_owned(),
            trailers: body.trailers,
            complete: body.complete,
            alpn: None,
            certificate: None,
        });
    }
}

async fn http2<S>(stream: S, request: &Request, case: &str) -> Result<Answer, Failure>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let host = request.fields.iter().find(|(name, _)| name.eq_ignore_ascii_case("host"));
    let host = host.map(|(_, value)| value.as_str()).filter(|host| !host.is_empty());
    let Some(host) = host else { return Err(Failure::NotExpressible) };
    let mut builder = http::Request::builder()
        .version(http::Version::HTTP_2)
        .method(request.method.as_str())
        .uri(format!(
            "{}://{host}{}",
            if request.tls.is_some() { "https" } else { "http" },
            request.target
        ))
        .header("x-case", case);
    for (name, value) in &request.fields {
        let forbidden = [
            "host",
            "connection",
            "keep-alive",
            "upgrade",
            "proxy-connection",
            "te",
            "transfer-encoding",
            "expect",
        ];
        if !forbidden.contains(&name.to_ascii_lowercase().as_str()) {
            builder = builder.header(name.as_str(), value.as_str());
        }
    }
    let frames: Vec<Result<Frame<Bytes>, std::io::Error>> = match &request.body {
        Body::None => Vec::new(),
        Body::Counted(body) => vec![Ok(Frame::data(body.clone().into()))],
        Body::Chunked(parts) => {
            let trailers = HeaderMap::from_iter([(
                HeaderName::from_static("x-last"),
                HeaderValue::from_static("1"),
            )]);
            let data = parts.iter().map(|part| Frame::data(part.clone().into()));
            data.chain([Frame::trailers(trailers)]).map(Ok).collect()
        }
    };
    let body = if frames.is_empty() {
        http_body_util::Either::Left(http_body_util::Empty::new().map_err(|never| match never {}))
    } else {
        http_body_util::Either::Right(StreamBody::new(stream::iter(frames)))
    };
    let sent = builder.body(body).map_err(|_| Failure::NotExpressible)?;
    let (mut sender, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream))
            .await
            .map_err(|_| Failure::Closed)?;
    let running = tokio::spawn(connection);
    let response = sender.send_request(sent).await.map_err(|_| Failure::Closed)?;
    let (parts, mut body) = response.into_parts();
    let mut bytes = Vec::new();
    let mut trailers = Vec::new();
    let mut complete = true;
    while let Some(frame) = body.frame().await {
        let Ok(frame) = frame else {
            complete = false;
            break;
        };
        match frame.into_data() {
            Ok(data) => bytes.extend_from_slice(&data),
            Err(frame) => {
                trailers = frame.trailers_ref().map(backend::fields).unwrap_or_default();
            }
        }
    }
    running.abort();
    Ok(Answer {
        status: parts.status.as_u16(),
        interim: Vec::new(),
        fields: backend::fields(&parts.headers),
        body: String::from_utf8_lossy(&bytes).into_owned(),
        trailers,
        complete,
        alpn: None,
        certificate: None,
    })
}

/// Trusts every certificate: which one was shown is compared, not judged.
#[derive(Debug)]
struct AnyCertificate;

impl ServerCertVerifier for AnyCertificate {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        ring::default_provider().signature_verification_algorithms.supported_schemes()
    }
}
