//! The API behind a socket: TLS, HTTP/1.1 and HTTP/2, one token or one client certificate.
//!
//! Serves the same tower service that in-process clients use. Whoever has the token, or a
//! certificate of the server's own authority, may do everything; without it only health and version
//! are answered, as a cluster does for strangers. It listens on loopback unless told otherwise
//! ([`ApiServer::start_at`]), and limits protect it from clients that hang: for the handshake,
//! for the request's head, and for its body (see [`ApiService`]).

mod credentials;

use std::convert::Infallible;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use http::header::{AUTHORIZATION, HeaderValue, WWW_AUTHENTICATE};
use http::{Request, Response};
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::Service;

use super::error::{ApiError, Reason};
use super::http::{ApiBody, ApiService, refusal};
use credentials::Credentials;
pub use credentials::{Access, CredentialError, Face};

/// A TLS handshake that takes longer is given up.
const HANDSHAKE_WITHIN: Duration = Duration::from_secs(10);
/// A request whose head takes longer is given up.
const HEAD_WITHIN: Duration = Duration::from_secs(30);
/// When no connection could be accepted, nothing is accepted for this long.
const ACCEPT_AGAIN_AFTER: Duration = Duration::from_millis(50);
/// Requests of one HTTP/2 connection at the same time; every watch is one.
const STREAMS: u32 = 1000;

/// A served API. Dropping it closes the socket and every connection.
#[derive(Debug)]
pub struct ApiServer {
    access: Access,
    stop: CancellationToken,
    tasks: TaskTracker,
}

/// The API could not be served.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// No socket.
    #[error("listen on {address}")]
    Listen {
        /// Where.
        address: SocketAddr,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// No certificates.
    #[error("make the certificates of the API server")]
    Credentials(#[from] CredentialError),
}

impl ApiServer {
    /// Serves the API on a loopback address of the system's choice, under a cluster's name.
    ///
    /// # Errors
    ///
    /// When no socket can be opened or no certificate made.
    pub async fn start(service: ApiService, cluster: &str) -> Result<Self, ServeError> {
        let (listener, bound) = listen(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).await?;
        let face = Face {
            cluster: cluster.to_owned(),
            url: format!("https://{bound}"),
            names: vec![bound.ip().to_string()],
            tokens: Vec::new(),
        };
        Self::on(listener, service, &face)
    }

    /// Serves the API at this address, which may be one that others reach, under names of its own.
    ///
    /// # Errors
    ///
    /// When the socket cannot be opened or no certificate made.
    pub async fn start_at(
        address: SocketAddr,
        service: ApiService,
        face: &Face,
    ) -> Result<Self, ServeError> {
        let (listener, _) = listen(address).await?;
        Self::on(listener, service, face)
    }

    fn on(listener: TcpListener, service: ApiService, face: &Face) -> Result<Self, ServeError> {
        let credentials = Credentials::make(face)?;
        let stop = CancellationToken::new();
        let tasks = TaskTracker::new();
        let front = Front {
            service,
            access: Arc::new(credentials.access.clone()),
            tokens: face.tokens.clone().into(),
            has_certificate: false,
        };
        tasks.spawn(accept(
            listener,
            TlsAcceptor::from(credentials.tls),
            front,
            stop.clone(),
            tasks.clone(),
        ));
        Ok(Self { access: credentials.access, stop, tasks })
    }

    /// What a client needs.
    pub fn access(&self) -> &Access {
        &self.access
    }

    /// Closes the socket and every connection. Safe to call twice.
    pub async fn shutdown(&self) {
        self.stop.cancel();
        self.tasks.close();
        self.tasks.wait().await;
    }
}

impl Drop for ApiServer {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

async fn listen(address: SocketAddr) -> Result<(TcpListener, SocketAddr), ServeError> {
    let failed = |source| ServeError::Listen { address, source };
    let listener = TcpListener::bind(address).await.map_err(failed)?;
    let bound = listener.local_addr().map_err(failed)?;
    Ok((listener, bound))
}

async fn accept(
    listener: TcpListener,
    tls: TlsAcceptor,
    front: Front,
    stop: CancellationToken,
    tasks: TaskTracker,
) {
    loop {
        let stream = tokio::select! {
            () = stop.cancelled() => return,
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => stream,
                Err(error) => {
                    // No descriptor is left, or the client went away before it was accepted.
                    tracing::warn!(%error, "a connection to the API server was not accepted");
                    if tokio::time::timeout(ACCEPT_AGAIN_AFTER, stop.cancelled()).await.is_ok() {
                        return;
                    }
                    continue;
                }
            },
        };
        let connection = serve(stream, tls.clone(), front.clone());
        let stop = stop.clone();
        tasks.spawn(async move {
            tokio::select! {
                () = stop.cancelled() => {}
                () = connection => {}
            }
        });
    }
}

async fn serve(stream: TcpStream, tls: TlsAcceptor, mut front: Front) {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "a connection keeps its delay");
    }
    let stream = match tokio::time::timeout(HANDSHAKE_WITHIN, tls.accept(stream)).await {
        Ok(Ok(stream)) => stream,
        Ok(Err(error)) => {
            tracing::debug!(%error, "a client of the API server did not complete its handshake");
            return;
        }
        Err(_) => return,
    };
    // The handshake has failed already for a certificate of another authority.
    front.has_certificate = stream.get_ref().1.peer_certificates().is_some();
    let answer = hyper::service::service_fn(move |request| front.clone().answer(request));
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(HEAD_WITHIN);
    builder.http2().timer(TokioTimer::new()).max_concurrent_streams(STREAMS);
    if let Err(error) = builder.serve_connection(TokioIo::new(stream), answer).await {
        tracing::debug!(%error, "a connection to the API server ended early");
    }
}

/// Asks who comes, then hands the request to the service.
#[derive(Clone)]
struct Front {
    service: ApiService,
    access: Arc<Access>,
    tokens: Arc<[String]>,
    has_certificate: bool,
}

impl Front {
    async fn answer(mut self, request: Request<Incoming>) -> Result<Response<ApiBody>, Infallible> {
        // Who shows wrong credentials is refused everywhere, as by kube-apiserver.
        let is_stranger = !request.headers().contains_key(AUTHORIZATION);
        let may_pass = is_stranger && is_public(request.uri().path());
        if !may_pass && !self.is_known(&request) {
            let mut response = refusal(&ApiError::new(Reason::Unauthorized, "Unauthorized"));
            let bearer = HeaderValue::from_static("Bearer");
            response.headers_mut().insert(WWW_AUTHENTICATE, bearer);
            return Ok(response);
        }
        self.service.call(request).await
    }

    fn is_known(&self, request: &Request<Incoming>) -> bool {
        if self.has_certificate {
            return true;
        }
        let given = request.headers().get(AUTHORIZATION).and_then(|value| value.to_str().ok());
        given.and_then(|value| value.strip_prefix("Bearer ")).map(str::trim).is_some_and(|given| {
            self.access.is_token(given) || self.tokens.iter().any(|token| token == given)
        })
    }
}

/// What a cluster answers to strangers.
fn is_public(path: &str) -> bool {
    ["/healthz", "/livez", "/readyz", "/version"].iter().any(|public| {
        path.strip_prefix(public).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    })
}

#[cfg(test)]
mod tests;
