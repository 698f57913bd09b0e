//! Connections to backends: one pool for each endpoint and HTTP version.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::error::Error as _;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use gateproof_core::observation::HttpVersion;
use http::{Request, Response, Uri};
use hyper::body::Incoming;
use hyper_util::client::legacy::{Client, Error};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::net::TcpStream;

use super::answer::{Body, UpstreamFailure};
use super::shortage::Shortages;
use super::upstream_tls::{Security, UpstreamStream};

/// Envoy's default `connect_timeout`, which Cilium does not change (before 1.18 it wrote the same
/// 5 seconds out).
const CONNECT_LIMIT: Duration = Duration::from_secs(5);
/// The `idleTimeout` of Cilium's clusters.
const IDLE_LIMIT: Duration = Duration::from_mins(1);

type HttpClient = Client<Dial, Body>;

/// The pools.
#[derive(Debug)]
pub(super) struct Upstreams {
    shortages: Arc<Shortages>,
    clients: Mutex<HashMap<PoolKey, HttpClient>>,
}

/// Endpoint, version, and what is particular about its TLS.
type PoolKey = (SocketAddr, HttpVersionKey, Option<String>);

/// The HTTP version as a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum HttpVersionKey {
    One,
    Two,
}

/// Connects to one endpoint, whatever the request's URI says: its authority is the Host that the
/// backend is to see.
#[derive(Debug, Clone)]
pub(super) struct Dial {
    endpoint: SocketAddr,
    version: HttpVersion,
    security: Security,
    shortages: Arc<Shortages>,
}

impl tower::Service<Uri> for Dial {
    type Response = TokioIo<UpstreamStream>;
    type Error = io::Error;
    type Future = BoxFuture<'static, io::Result<TokioIo<UpstreamStream>>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Uri) -> Self::Future {
        let Self { endpoint, version, security, shortages } = self.clone();
        async move {
            let stream = match security {
                Security::None => UpstreamStream::Plain(connect(endpoint, &shortages).await?),
                Security::Unusable => return Err(io::ErrorKind::ConnectionRefused.into()),
                Security::Tls(secured) => {
                    let stream = connect(endpoint, &shortages).await?;
                    UpstreamStream::Tls(Box::new(secured.handshake(version, stream).await?))
                }
            };
            Ok(TokioIo::new(stream))
        }
        .boxed()
    }
}

/// Connects to an endpoint within Envoy's limit.
pub(super) async fn connect(endpoint: SocketAddr, shortages: &Shortages) -> io::Result<TcpStream> {
    let connected = tokio::time::timeout(CONNECT_LIMIT, TcpStream::connect(endpoint))
        .await
        .unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
        .and_then(|stream| stream.set_nodelay(true).map(|()| stream));
    if let Err(error) = &connected {
        shortages.note("connect to a backend", error);
    }
    connected
}

impl Upstreams {
    /// No pool yet.
    pub(super) fn new(shortages: Arc<Shortages>) -> Self {
        Self { shortages, clients: Mutex::default() }
    }

    /// Sends a request to an endpoint and waits for the head of the answer.
    pub(super) async fn send(
        &self,
        endpoint: SocketAddr,
        version: HttpVersion,
        security: &Security,
        request: Request<Body>,
    ) -> Result<Response<Incoming>, UpstreamFailure> {
        self.client(endpoint, version, security)
            .request(request)
            .await
            .map_err(|error| failure(&error))
    }

    /// Forgets the pools of endpoints that no cluster has any more.
    pub(super) fn retain(&self, endpoints: &BTreeMap<String, Vec<SocketAddr>>) {
        let known: BTreeSet<_> = endpoints.values().flatten().copied().collect();
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        clients.retain(|(endpoint, _, _), _| known.contains(endpoint));
    }

    fn client(
        &self,
        endpoint: SocketAddr,
        version: HttpVersion,
        security: &Security,
    ) -> HttpClient {
        let key = match version {
            HttpVersion::Http1 => HttpVersionKey::One,
            HttpVersion::Http2 => HttpVersionKey::Two,
        };
        let particular = match security {
            Security::None => None,
            Security::Tls(secured) => Some(secured.identity.clone()),
            Security::Unusable => Some(String::new()),
        };
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        clients
            .entry((endpoint, key, particular))
            .or_insert_with(|| {
                Client::builder(TokioExecutor::new())
                    .pool_idle_timeout(IDLE_LIMIT)
                    .pool_timer(TokioTimer::new())
                    .timer(TokioTimer::new())
                    .http2_only(key == HttpVersionKey::Two)
                    .build(Dial {
                        endpoint,
                        version,
                        security: security.clone(),
                        shortages: Arc::clone(&self.shortages),
                    })
            })
            .clone()
    }
}

fn failure(error: &Error) -> UpstreamFailure {
    if error.is_connect() {
        return UpstreamFailure::Connect;
    }
    let mut cause = error.source();
    while let Some(inner) = cause {
        if inner.downcast_ref::<hyper::Error>().is_some_and(hyper::Error::is_parse) {
            return UpstreamFailure::Protocol;
        }
        if inner
            .downcast_ref::<h2::Error>()
            .is_some_and(|error| error.is_reset() && error.is_remote())
        {
            return UpstreamFailure::Reset;
        }
        cause = inner.source();
    }
    UpstreamFailure::Terminated
}
