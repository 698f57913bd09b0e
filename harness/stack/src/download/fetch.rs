//! One download over HTTP/1.1: TLS with the system's authorities, through a proxy where there is
//! one, redirects followed, tried again when a server is busy.

use std::sync::Arc;
use std::time::Duration;

use gateproof_kubernetes::wait::pause;
use http::header::{HOST, LOCATION, PROXY_AUTHORIZATION, USER_AGENT};
use http::{Method, Request, Response, StatusCode, Uri};
use http_body_util::{BodyExt, Empty, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, ServerName};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use super::proxy;
use crate::settings::Downloads;

/// The longest manifest so far is a megabyte and a half.
const LARGEST: usize = 32 * 1024 * 1024;
/// How long one try may take.
const WITHIN: Duration = Duration::from_mins(2);
/// How often it is tried.
const TRIES: u32 = 3;
/// A release is one redirect away.
const REDIRECTS: usize = 5;

/// Why a try failed.
enum Failed {
    /// Trying again may help.
    Busy(String),
    /// It does not.
    ForGood(String),
}

/// Downloads a file.
///
/// # Errors
///
/// Why not, in words.
pub(super) async fn fetch(address: &str, downloads: &Downloads) -> Result<Vec<u8>, String> {
    let uri: Uri = address.parse().map_err(|error| format!("it is no address: {error}"))?;
    let mut tries = 1;
    loop {
        let outcome = match timeout(WITHIN, follow(uri.clone(), downloads)).await {
            Ok(outcome) => outcome,
            Err(_) => Err(Failed::Busy(format!("no answer within {} s", WITHIN.as_secs()))),
        };
        match outcome {
            Ok(octets) => return Ok(octets),
            Err(Failed::Busy(_)) if tries < TRIES => pause(Duration::from_secs(1 << tries)).await,
            Err(Failed::Busy(words)) => return Err(format!("{words} (tried {tries} times)")),
            Err(Failed::ForGood(words)) => return Err(words),
        }
        tries += 1;
    }
}

/// Follows redirects to the file; never from TLS to plain text.
async fn follow(mut uri: Uri, downloads: &Downloads) -> Result<Vec<u8>, Failed> {
    for _ in 0..=REDIRECTS {
        let response = ask(&uri, downloads).await?;
        let status = response.status();
        if status.is_redirection() {
            let next = response.headers().get(LOCATION).and_then(|value| value.to_str().ok());
            let next = next.and_then(|next| resolve(&uri, next));
            let Some(next) = next else {
                return Err(Failed::ForGood(format!("{status} without a place to go")));
            };
            if uri.scheme_str() == Some("https") && next.scheme_str() != Some("https") {
                return Err(Failed::ForGood("it is redirected from TLS to plain text".to_owned()));
            }
            uri = next;
            continue;
        }
        return match status {
            StatusCode::OK => Limited::new(response.into_body(), LARGEST)
                .collect()
                .await
                .map(|body| body.to_bytes().to_vec())
                .map_err(|error| Failed::Busy(format!("the answer broke off: {error}"))),
            StatusCode::NOT_FOUND => Err(Failed::ForGood("there is no such file (404)".to_owned())),
            busy if busy.is_server_error() || busy == StatusCode::TOO_MANY_REQUESTS => {
                Err(Failed::Busy(format!("the server says {busy}")))
            }
            other => Err(Failed::ForGood(format!("the server says {other}"))),
        };
    }
    Err(Failed::ForGood(format!("more than {REDIRECTS} redirects")))
}

/// Where a `Location` leads: an address, or a path on the same server.
fn resolve(from: &Uri, location: &str) -> Option<Uri> {
    if !location.starts_with('/') || location.starts_with("//") {
        return location.parse().ok().filter(|uri: &Uri| uri.scheme().is_some());
    }
    let mut parts = from.clone().into_parts();
    parts.path_and_query = Some(location.parse().ok()?);
    Uri::from_parts(parts).ok()
}

/// Sends one request.
async fn ask(uri: &Uri, downloads: &Downloads) -> Result<Response<Incoming>, Failed> {
    let host = uri.host().ok_or_else(|| Failed::ForGood("it names no host".to_owned()))?;
    let tls = match uri.scheme_str() {
        Some("https") => true,
        Some("http") => false,
        _ => return Err(Failed::ForGood("expected https:// or http://".to_owned())),
    };
    let port = uri.port_u16().unwrap_or(if tls { 443 } else { 80 });
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    let socket: Box<dyn Socket> = match proxy::of(uri, downloads).map_err(Failed::ForGood)? {
        None => Box::new(connect(bare, port).await?),
        Some(proxy) => Box::new(tunnel(&proxy, host, port).await?),
    };
    if !tls {
        return send(socket, uri).await;
    }
    let name = ServerName::try_from(bare.to_owned())
        .map_err(|_| Failed::ForGood(format!("`{bare}` is no host name")))?;
    let secured = TlsConnector::from(Arc::new(trust(downloads)?)).connect(name, socket).await;
    let secured = secured.map_err(|error| {
        let words = format!("TLS with {bare} failed: {error}");
        // What is wrong with a certificate does not pass; a connection that breaks may.
        if error.kind() == std::io::ErrorKind::InvalidData {
            Failed::ForGood(words)
        } else {
            Failed::Busy(words)
        }
    })?;
    send(secured, uri).await
}

/// A way to the server, direct or through a proxy.
trait Socket: AsyncRead + AsyncWrite + Unpin + Send {}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> Socket for S {}

async fn connect(host: &str, port: u16) -> Result<TcpStream, Failed> {
    TcpStream::connect((host, port)).await.map_err(|error| {
        let hint = "behind a proxy set HTTPS_PROXY";
        Failed::Busy(format!("{host}:{port} cannot be reached ({error}); {hint}"))
    })
}

/// Asks a proxy for a connection to the server (`CONNECT`).
async fn tunnel(
    proxy: &Uri,
    host: &str,
    port: u16,
) -> Result<TokioIo<hyper::upgrade::Upgraded>, Failed> {
    let name = proxy.host().unwrap_or_default();
    let proxy_port = proxy.port_u16().unwrap_or(80);
    let socket = TcpStream::connect((name, proxy_port)).await.map_err(|error| {
        Failed::Busy(format!("the proxy {name}:{proxy_port} cannot be reached ({error})"))
    })?;
    let target = format!("{host}:{port}");
    let mut request = Request::builder().method(Method::CONNECT).uri(&target).header(HOST, &target);
    if let Some(credentials) = proxy::credentials(proxy) {
        request = request.header(PROXY_AUTHORIZATION, credentials);
    }
    let request = request
        .body(Empty::<Bytes>::new())
        .map_err(|error| Failed::ForGood(format!("the request is not possible: {error}")))?;
    let words = |error: hyper::Error| Failed::Busy(format!("the proxy {name}: {error}"));
    let (mut sender, connection) = http1::handshake(TokioIo::new(socket)).await.map_err(words)?;
    tokio::spawn(connection.with_upgrades());
    let response = sender.send_request(request).await.map_err(words)?;
    if !response.status().is_success() {
        let status = response.status();
        return Err(Failed::ForGood(format!("the proxy {name} says {status} to {target}")));
    }
    hyper::upgrade::on(response).await.map(TokioIo::new).map_err(words)
}

async fn send<S>(socket: S, uri: &Uri) -> Result<Response<Incoming>, Failed>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    let host = uri.authority().map_or("", |authority| authority.as_str());
    let request = Request::builder()
        .uri(path)
        .header(HOST, host)
        .header(USER_AGENT, "gateproof")
        .body(Empty::<Bytes>::new())
        .map_err(|error| Failed::ForGood(format!("the request is not possible: {error}")))?;
    let words = |error: hyper::Error| Failed::Busy(format!("the connection broke: {error}"));
    let (mut sender, connection) = http1::handshake(TokioIo::new(socket)).await.map_err(words)?;
    // Ends with the response, or when the sender is dropped.
    tokio::spawn(connection);
    sender.send_request(request).await.map_err(words)
}

/// The system's authorities, and those of the settings.
fn trust(downloads: &Downloads) -> Result<ClientConfig, Failed> {
    let mut roots = RootCertStore::empty();
    let found = rustls_native_certs::load_native_certs();
    roots.add_parsable_certificates(found.certs);
    if let Some(text) = &downloads.authorities {
        for certificate in CertificateDer::pem_slice_iter(text.as_bytes()) {
            let certificate = certificate
                .map_err(|error| Failed::ForGood(format!("the authorities given: {error}")))?;
            roots
                .add(certificate)
                .map_err(|error| Failed::ForGood(format!("the authorities given: {error}")))?;
        }
    }
    if roots.is_empty() {
        return Err(Failed::ForGood(
            "this machine trusts no certificate authority; install its CA certificates".to_owned(),
        ));
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| Failed::ForGood(error.to_string()))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(config)
}
