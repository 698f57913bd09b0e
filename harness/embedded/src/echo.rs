//! Echo servers: backends in this process that answer what they saw of a request.
//!
//! They speak the JSON of the Gateway API's echo server (kubernetes-sigs/gateway-api
//! `conformance/echo-basic/echo-basic.go`, v1.6.1), so that checks read both alike, and its
//! special requests: `/health`, `/status/<code>`, `?delay=<duration>`, and the request header
//! `X-Echo-Set-Header`. HTTP/1.1 and HTTP/2 without TLS on one port; no TLS, no gRPC, no
//! WebSocket.

mod reply;

use std::convert::Infallible;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use gateproof_kubernetes::wait;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// How long accepting rests when this machine denies it.
const BREATH: Duration = Duration::from_millis(10);

/// Who an echo server says it is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct EchoIdentity {
    /// Namespace of the pod it stands for.
    pub namespace: String,
    /// Service it belongs to.
    pub service: String,
    /// Name of the pod it stands for.
    pub pod: String,
}

/// A running echo server. Dropping it ends it.
#[derive(Debug)]
pub struct EchoServer {
    identity: Arc<EchoIdentity>,
    socket: SocketAddr,
    stop: CancellationToken,
    tasks: TaskTracker,
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

impl EchoServer {
    /// Starts a server on a port that the system chooses, at this loopback address if it can be
    /// bound, else at `127.0.0.1`.
    pub async fn start(identity: EchoIdentity, address: IpAddr) -> Result<Self, EchoError> {
        let wanted = if address.is_loopback() { address } else { Ipv4Addr::LOCALHOST.into() };
        let listener = match TcpListener::bind((wanted, 0)).await {
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
        let server = Self {
            identity: Arc::new(identity),
            socket,
            stop: CancellationToken::new(),
            tasks: TaskTracker::new(),
        };
        let accepting = accept(
            listener,
            Arc::clone(&server.identity),
            server.stop.clone(),
            server.tasks.clone(),
        );
        server.tasks.spawn(accepting);
        Ok(server)
    }

    /// Who it says it is.
    pub fn identity(&self) -> &EchoIdentity {
        &self.identity
    }

    /// Where it listens.
    pub fn socket(&self) -> SocketAddr {
        self.socket
    }

    /// Stops listening and ends every connection. Safe to call twice.
    pub async fn shutdown(&self) {
        self.stop.cancel();
        self.tasks.close();
        self.tasks.wait().await;
    }
}

impl Drop for EchoServer {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

async fn accept(
    listener: TcpListener,
    identity: Arc<EchoIdentity>,
    stop: CancellationToken,
    tasks: TaskTracker,
) {
    loop {
        tokio::select! {
            biased;
            () = stop.cancelled() => return,
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    tasks.spawn(serve(stream, Arc::clone(&identity), stop.clone()));
                }
                Err(error) => {
                    tracing::warn!(%error, pod = identity.pod, "a connection could not be accepted");
                    // Until somebody else lets go of a descriptor there is nothing to do.
                    wait::pause(BREATH).await;
                }
            },
        }
    }
}

async fn serve(stream: TcpStream, identity: Arc<EchoIdentity>, stop: CancellationToken) {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "TCP_NODELAY could not be set");
    }
    let mut server = auto::Builder::new(TokioExecutor::new());
    server.http1().timer(TokioTimer::new());
    server.http2().timer(TokioTimer::new());
    let answer = service_fn(|request| {
        let (identity, stop) = (Arc::clone(&identity), stop.clone());
        async move { Ok::<_, Infallible>(reply::reply(&identity, &stop, request).await) }
    });
    let connection = pin!(server.serve_connection(TokioIo::new(stream), answer));
    tokio::select! {
        ended = connection => {
            if let Err(error) = ended {
                tracing::debug!(error, "a connection to an echo server ended early");
            }
        }
        () = stop.cancelled() => {}
    }
}

#[cfg(test)]
mod tests;
