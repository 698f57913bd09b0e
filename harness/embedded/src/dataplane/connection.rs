//! One connection: its opening, its filter chain, TLS, and the HTTP server on top.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use gateproof_model::routing::{Chain, ClientHello, Scheme, chain_for};
use gateproof_model::translation::envoy::TlsChain;
use http::{HeaderValue, Request, Response, header};
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use rustls::ServerConfig;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;

use super::access_log::{AccessEvent, AccessRecord, CloseCause, ServedBy};
use super::answer::{self, Body};
use super::direct;
use super::exchange;
use super::opening::{self, Opened, OpeningError};
use super::passthrough;
use super::serving::Serving;
use super::socket::{Port, Role};

/// How long a client may take until its chain is known (Envoy's `listener_filters_timeout`, 15
/// seconds unless set).
const OPENING_LIMIT: Duration = Duration::from_secs(15);

/// A connection with its chain chosen.
#[derive(Debug)]
pub(super) struct Connection {
    /// The socket it came to.
    pub(super) port: Arc<Port>,
    /// Who connected, after the PROXY protocol.
    pub(super) client: SocketAddr,
    /// The chain, for the log.
    pub(super) chain: ServedBy,
    /// The route table the chain uses.
    pub(super) route_table: String,
    /// Whether TLS was terminated.
    pub(super) scheme: Scheme,
}

/// Serves an accepted connection until it ends.
pub(super) async fn serve(port: Arc<Port>, stream: TcpStream, peer: SocketAddr) {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "TCP_NODELAY could not be set");
    }
    let abort = port.shared.abort.clone();
    let served = async {
        match &port.role {
            Role::Health(_) => health(Arc::clone(&port), stream).await,
            Role::Direct(targets) => direct::serve(&port, &targets.load_full(), stream).await,
            Role::Gateway(current) => {
                let serving = current.load_full();
                gateway(&port, &serving, stream, peer).await;
            }
        }
    };
    tokio::select! {
        () = served => {}
        () = abort.cancelled() => {}
    }
}

async fn gateway(port: &Arc<Port>, serving: &Serving, stream: TcpStream, peer: SocketAddr) {
    let close = |client, chain, cause| log(port, client, chain, AccessEvent::Closed(cause));
    let opening = opening::open(stream, &serving.listener, peer);
    let opened = tokio::select! {
        opened = tokio::time::timeout(OPENING_LIMIT, opening) => opened,
        () = port.drain.cancelled() => return,
    };
    let opened = match opened {
        Ok(Ok(opened)) => opened,
        Ok(Err(OpeningError::Left)) => return,
        Ok(Err(OpeningError::NoProxyHeader(stream))) => {
            close(peer, ServedBy::Nothing, CloseCause::NoProxyHeader);
            return opening::reset(stream);
        }
        Err(_) => return close(peer, ServedBy::Nothing, CloseCause::OpeningTimedOut),
    };
    let client = opened.client;
    let server_name = opened.hello.as_ref().and_then(|hello| hello.server_name.clone());
    let hello =
        opened.hello.is_some().then_some(ClientHello { server_name: server_name.as_deref() });
    match chain_for(&serving.listener, hello.as_ref()) {
        Chain::None => {
            close(client, ServedBy::Nothing, CloseCause::NoChain { server_name });
            opened.reset();
        }
        Chain::Plain(chain) => {
            let connection = Connection {
                port: Arc::clone(port),
                client,
                chain: ServedBy::Plain,
                route_table: chain.route_table.clone(),
                scheme: Scheme::Http,
            };
            http(connection, opened.into_stream()).await;
        }
        Chain::Terminate(chain) => terminate(port, serving, chain, opened).await,
        Chain::Passthrough(chain) => passthrough::serve(port, serving, chain, opened).await,
    }
}

async fn terminate(port: &Arc<Port>, serving: &Serving, chain: &TlsChain, opened: Opened) {
    let served_by = ServedBy::Terminate { sds_name: chain.sds_name.clone() };
    let client = opened.client;
    let Some(config) = serving.tls(chain) else {
        log(port, client, served_by, AccessEvent::Closed(CloseCause::NoCertificate));
        return opened.reset();
    };
    let offered = opened.hello.as_ref().map_or(&[][..], |hello| hello.alpn.as_slice());
    let acceptor = TlsAcceptor::from(without_mismatched_alpn(config, offered));
    match acceptor.accept(opened.into_stream()).await {
        Ok(stream) => {
            let connection = Connection {
                port: Arc::clone(port),
                client,
                chain: served_by,
                route_table: chain.http.route_table.clone(),
                scheme: Scheme::Https,
            };
            http(connection, stream).await;
        }
        Err(error) => {
            let cause = CloseCause::HandshakeFailed(error.to_string());
            log(port, client, served_by, AccessEvent::Closed(cause));
        }
    }
}

/// Envoy goes on without ALPN when client and listener have no protocol in common (inferred: its
/// selection callback declines instead of failing); rustls would end the handshake.
fn without_mismatched_alpn(config: Arc<ServerConfig>, offered: &[Vec<u8>]) -> Arc<ServerConfig> {
    let common = config.alpn_protocols.iter().any(|own| offered.contains(own));
    if common || offered.is_empty() || config.alpn_protocols.is_empty() {
        return config;
    }
    let mut without = ServerConfig::clone(&config);
    without.alpn_protocols.clear();
    Arc::new(without)
}

/// Serves HTTP/1.1, or HTTP/2 for a client that begins with its preface (after ALPN or by prior
/// knowledge).
async fn http<S>(connection: Connection, stream: S)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let port = Arc::clone(&connection.port);
    let connection = Arc::new(connection);
    let answer = move |request: Request<Incoming>| {
        let connection = Arc::clone(&connection);
        async move { Ok(exchange::answer(&connection, request).await) }
    };
    run(&port, stream, answer).await;
}

/// Answers every request with the health-check node port's status. The body has the form that
/// kube-proxy gives it, as far as it is known here.
async fn health(port: Arc<Port>, stream: TcpStream) {
    let shown = Arc::clone(&port);
    let answer = move |_: Request<Incoming>| {
        let status = match &shown.role {
            Role::Health(status) => status.load(Ordering::Relaxed),
            Role::Gateway(_) | Role::Direct(_) => 503,
        };
        async move {
            let mut answer = answer::status(status);
            let endpoints = u8::from(answer.status().is_success());
            let body = format!("{{\"localEndpoints\": {endpoints}}}");
            *answer.body_mut() = answer::whole(Bytes::from(body));
            let json = HeaderValue::from_static("application/json");
            answer.headers_mut().insert(header::CONTENT_TYPE, json);
            Ok(answer)
        }
    };
    run(&port, stream, answer).await;
}

/// Runs the HTTP server until the connection ends; once the socket drains, only until the
/// requests in flight are answered.
async fn run<S, F, A>(port: &Port, stream: S, answer: F)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    F: Fn(Request<Incoming>) -> A + Send + 'static,
    A: Future<Output = Result<Response<Body>, Infallible>> + Send + 'static,
{
    let mut server = auto::Builder::new(TokioExecutor::new());
    server.http1().timer(TokioTimer::new());
    server.http2().timer(TokioTimer::new());
    let connection =
        server.serve_connection_with_upgrades(TokioIo::new(stream), service_fn(answer));
    let mut connection = pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = port.drain.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(error, "a connection ended early");
    }
}

/// Adds a record for a connection.
pub(super) fn log(port: &Port, client: SocketAddr, chain: ServedBy, event: AccessEvent) {
    let log = &port.shared.log;
    let (address, number) = (port.address, port.number);
    log.push(AccessRecord { at: log.now(), address, port: number, client, chain, event });
}
