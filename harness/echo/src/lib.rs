//! Echo servers: backends in this process that answer what they saw of a request.
//!
//! They behave as the Gateway API's echo server does (kubernetes-sigs/gateway-api
//! `conformance/echo-basic`, v1.6.1), so that checks and the conformance suite read both alike:
//!
//! - HTTP: the JSON of what was seen, `/health`, `/status/<code>`, `/retry/`, `?delay=<duration>`,
//!   the request header `X-Echo-Set-Header`, and WebSocket frames sent back on `/ws`;
//! - h2c: the same JSON, for HTTP/2 without TLS alone;
//! - gRPC: the echo service, by hand-written messages and without reflection;
//! - lines over TCP, and datagrams over UDP ([`datagram`]).
//!
//! Each of the first three and lines also speak TLS. No client certificates are asked for.
//!
//! The embedded cluster runs many of them in its own process; [`pod`] is one alone in a container.

pub mod datagram;
mod grpc;
mod lines;
pub mod pod;
mod reply;
mod retry;
mod tls;
mod web_socket;

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use http::{Request, Response};
use http_body_util::combinators::UnsyncBoxBody;
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use retry::Attempts;
use tls::TlsFacts;
pub use tls::{TlsIdentity, TlsIdentityError};

/// How long accepting rests when this machine denies it.
const BREATH: Duration = Duration::from_millis(10);

/// The body of an answer.
type EchoBody = UnsyncBoxBody<Bytes, std::convert::Infallible>;

/// Who an echo server says it is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct EchoIdentity {
    /// Namespace of the pod it stands for.
    pub namespace: String,
    /// Service it belongs to.
    pub service: String,
    /// Name of the pod it stands for.
    pub pod: String,
}

/// What an echo server speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Application {
    /// HTTP/1.1 and HTTP/2 on one port.
    Http,
    /// HTTP/1.1, and HTTP/2 only where TLS chose it: what Go's server does.
    Http1,
    /// HTTP/2 without TLS; everything else is answered 400.
    H2c,
    /// The gRPC echo service.
    Grpc,
    /// Lines of text.
    Lines,
}

/// Where an echo server writes what it is asked.
pub trait Log: std::fmt::Debug + Send + Sync {
    /// Takes a line.
    fn say(&self, line: String);
}

/// What an echo server does.
#[derive(Debug, Clone)]
pub struct Serving {
    /// What it speaks.
    pub application: Application,
    /// Its certificate, if it speaks over TLS.
    pub tls: Option<TlsIdentity>,
    /// The port its pod serves, as it says so.
    pub port: u16,
    /// Where it writes what it is asked, if anywhere.
    pub log: Option<Arc<dyn Log>>,
}

impl Serving {
    /// HTTP without TLS and without a log.
    pub fn http() -> Self {
        Self { application: Application::Http, tls: None, port: 3000, log: None }
    }
}

/// A running echo server. Dropping it ends it.
#[derive(Debug)]
pub struct EchoServer {
    shared: Arc<Shared>,
    socket: SocketAddr,
}

/// What all connections of a server share.
#[derive(Debug)]
struct Shared {
    identity: EchoIdentity,
    serving: Serving,
    attempts: Attempts,
    stop: CancellationToken,
    tasks: TaskTracker,
}

/// One connection, as those who answer on it see it.
#[derive(Debug)]
struct Connection {
    shared: Arc<Shared>,
    client: SocketAddr,
    tls: Option<TlsFacts>,
}

/// An echo server could not be started.
#[derive(Debug, thiserror::Error)]
#[error(
    "start the echo server of pod {namespace}/{pod} on {address}: \
     neither there nor on 127.0.0.1 a port could be bound"
)]
pub struct EchoError {
    namespace: String,
    pod: String,
    address: IpAddr,
    #[source]
    source: io::Error,
}

/// The connection is to be cut without an answer.
#[derive(Debug, thiserror::Error)]
#[error("the request asks for its connection to be cut")]
struct Cut;

impl EchoServer {
    /// Starts an HTTP server on a port that the system chooses, at this address if it can
    /// be bound, else at `127.0.0.1`.
    pub async fn start(identity: EchoIdentity, address: IpAddr) -> Result<Self, EchoError> {
        Self::serve(identity, address, Serving::http()).await
    }

    /// Starts a server of any kind, where [`EchoServer::start`] would.
    pub async fn serve(
        identity: EchoIdentity,
        address: IpAddr,
        serving: Serving,
    ) -> Result<Self, EchoError> {
        let listener = match TcpListener::bind((address, 0)).await {
            Ok(listener) => Ok(listener),
            Err(_) => TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await,
        };
        let (listener, socket) = listener
            .and_then(|listener| listener.local_addr().map(|socket| (listener, socket)))
            .map_err(|source| EchoError {
                namespace: identity.namespace.clone(),
                pod: identity.pod.clone(),
                address,
                source,
            })?;
        Ok(Self::accepting(listener, socket, identity, serving))
    }

    /// Serves the connections of a listener.
    ///
    /// # Errors
    /// When the listener has no address.
    pub fn over(
        listener: TcpListener,
        identity: EchoIdentity,
        serving: Serving,
    ) -> io::Result<Self> {
        let socket = listener.local_addr()?;
        Ok(Self::accepting(listener, socket, identity, serving))
    }

    fn accepting(
        listener: TcpListener,
        socket: SocketAddr,
        identity: EchoIdentity,
        serving: Serving,
    ) -> Self {
        let shared = Arc::new(Shared {
            identity,
            serving,
            attempts: Attempts::default(),
            stop: CancellationToken::new(),
            tasks: TaskTracker::new(),
        });
        shared.tasks.spawn(accept(listener, Arc::clone(&shared)));
        Self { shared, socket }
    }

    /// Who it says it is.
    pub fn identity(&self) -> &EchoIdentity {
        &self.shared.identity
    }

    /// Where it listens.
    pub fn socket(&self) -> SocketAddr {
        self.socket
    }

    /// Stops listening and ends every connection. Safe to call twice.
    pub async fn shutdown(&self) {
        self.shared.stop.cancel();
        self.shared.tasks.close();
        self.shared.tasks.wait().await;
    }
}

impl Drop for EchoServer {
    fn drop(&mut self) {
        self.shared.stop.cancel();
    }
}

impl Shared {
    fn say(&self, line: String) {
        if let Some(log) = &self.serving.log {
            log.say(line);
        }
    }
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    loop {
        tokio::select! {
            biased;
            () = shared.stop.cancelled() => return,
            accepted = listener.accept() => match accepted {
                Ok((stream, client)) => {
                    shared.tasks.spawn(greet(stream, client, Arc::clone(&shared)));
                }
                Err(error) => {
                    let pod = &shared.identity.pod;
                    tracing::warn!(%error, pod, "a connection could not be accepted");
                    // Until somebody else lets go of a descriptor there is nothing to do.
                    let stopped = tokio::time::timeout(BREATH, shared.stop.cancelled()).await;
                    if stopped.is_ok() {
                        return;
                    }
                }
            },
        }
    }
}

async fn greet(stream: TcpStream, client: SocketAddr, shared: Arc<Shared>) {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "TCP_NODELAY could not be set");
    }
    let stop = shared.stop.clone();
    let work = async {
        let Some(identity) = shared.serving.tls.clone() else {
            return speak(stream, Connection { shared, client, tls: None }).await;
        };
        match TlsAcceptor::from(identity.config()).accept(stream).await {
            Ok(stream) => {
                let tls = Some(TlsFacts::of(stream.get_ref().1));
                speak(stream, Connection { shared, client, tls }).await;
            }
            Err(error) => tracing::debug!(%error, "no TLS with an echo server"),
        }
    };
    tokio::select! {
        () = work => {}
        () = stop.cancelled() => {}
    }
}

async fn speak<S>(stream: S, connection: Connection)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let application = connection.shared.serving.application;
    if application == Application::Lines {
        return lines::serve(stream, &connection).await;
    }
    let mut server = auto::Builder::new(TokioExecutor::new());
    server.http1().timer(TokioTimer::new());
    server.http2().timer(TokioTimer::new());
    let by_alpn = connection.tls.as_ref().is_some_and(TlsFacts::chose_http2);
    let server = match application {
        Application::Http1 if !by_alpn => server.http1_only(),
        Application::Grpc => server.http2_only(),
        _ => server,
    };
    let connection = Arc::new(connection);
    let answer = service_fn(|request| answer(Arc::clone(&connection), request));
    if let Err(error) = server.serve_connection_with_upgrades(TokioIo::new(stream), answer).await {
        tracing::debug!(error, "a connection to an echo server ended early");
    }
}

async fn answer(
    connection: Arc<Connection>,
    request: Request<Incoming>,
) -> Result<Response<EchoBody>, Cut> {
    match connection.shared.serving.application {
        Application::Grpc => Ok(grpc::reply(&connection, request).await),
        _ => reply::reply(&connection, request).await,
    }
}

#[cfg(test)]
mod tests;
