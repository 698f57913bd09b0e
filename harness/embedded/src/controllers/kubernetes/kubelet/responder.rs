//! Small HTTP servers whose answers are known when their pod starts: a solver of challenges, and
//! the two ports of Pebble.
//!
//! One request for each connection, HTTP/1.1 only.

use std::convert::Infallible;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

use http::header::{CACHE_CONTROL, CONTENT_TYPE, HOST};
use http::{Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::pebble::Pebble;
use gateproof_echo::Log;

/// Where challenges are asked for (RFC 8555, 8.3).
pub(crate) const CHALLENGE_PATH: &str = "/.well-known/acme-challenge";

/// What a server answers.
#[derive(Debug, Clone)]
pub(super) enum Answers {
    /// One challenge.
    Challenge(ChallengeAnswer),
    /// Pebble's directory, by which clients find the rest.
    Directory(Arc<Pebble>),
    /// Pebble's certificates.
    Management(Arc<Pebble>),
}

/// What cert-manager's solver answers (cert-manager 1.21 `pkg/issuer/acme/http/solver/solver.go`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ChallengeAnswer {
    /// The host that is asked for.
    pub(super) domain: String,
    /// The challenge's token.
    pub(super) token: String,
    /// The key authorization.
    pub(super) key: String,
}

/// A running server. Dropping it ends it.
#[derive(Debug)]
pub(super) struct Responder {
    socket: SocketAddr,
    #[expect(dead_code, reason = "ends the server when it is dropped")]
    stop: DropGuard,
}

/// No port could be bound.
#[derive(Debug, thiserror::Error)]
#[error("bind a port at {address} or 127.0.0.1")]
pub(super) struct ResponderError {
    address: IpAddr,
    #[source]
    source: io::Error,
}

impl Responder {
    /// Starts a server on a port that the system chooses, at this address or else at `127.0.0.1`.
    pub(super) async fn start(
        address: IpAddr,
        answers: Answers,
        log: Option<Arc<dyn Log>>,
    ) -> Result<Self, ResponderError> {
        let listener = match TcpListener::bind((address, 0)).await {
            Ok(listener) => Ok(listener),
            Err(_) => TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await,
        };
        let bound = listener.and_then(|it| it.local_addr().map(|socket| (it, socket)));
        let (listener, socket) = bound.map_err(|source| ResponderError { address, source })?;
        let stop = CancellationToken::new();
        tokio::spawn(accept(listener, Arc::new(answers), log, stop.clone()));
        Ok(Self { socket, stop: stop.drop_guard() })
    }

    /// Where it listens.
    pub(super) fn socket(&self) -> SocketAddr {
        self.socket
    }
}

async fn accept(
    listener: TcpListener,
    answers: Arc<Answers>,
    log: Option<Arc<dyn Log>>,
    stop: CancellationToken,
) {
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    let (answers, log, stop) = (Arc::clone(&answers), log.clone(), stop.clone());
                    tokio::spawn(async move {
                        tokio::select! {
                            () = stop.cancelled() => {}
                            () = converse(stream, &answers, log.as_ref()) => {}
                        }
                    });
                }
                Err(error) => {
                    tracing::warn!(%error, "a connection could not be accepted");
                    tokio::task::yield_now().await;
                }
            },
        }
    }
}

async fn converse(stream: TcpStream, answers: &Answers, log: Option<&Arc<dyn Log>>) {
    match answers {
        Answers::Challenge(_) => serve(stream, answers, log).await,
        Answers::Directory(pebble) | Answers::Management(pebble) => {
            match TlsAcceptor::from(pebble.tls()).accept(stream).await {
                Ok(stream) => serve(stream, answers, log).await,
                Err(error) => tracing::debug!(%error, "a client of Pebble did not speak TLS"),
            }
        }
    }
}

async fn serve<S>(stream: S, answers: &Answers, log: Option<&Arc<dyn Log>>)
where
    S: AsyncRead + AsyncWrite + Unpin + Send,
{
    let service = service_fn(|request: Request<Incoming>| async move {
        let answer = answer(answers, &request);
        if let Some(log) = log {
            let host = request.headers().get(HOST).and_then(|host| host.to_str().ok());
            log.say(format!(
                "{} {} host={} status={}",
                request.method(),
                request.uri().path(),
                host.unwrap_or_default(),
                answer.status().as_u16(),
            ));
        }
        Ok::<_, Infallible>(answer)
    });
    let mut server = http1::Builder::new();
    server.keep_alive(false);
    if let Err(error) = server.serve_connection(TokioIo::new(stream), service).await {
        tracing::debug!(%error, "a connection to a pod ended early");
    }
}

fn answer<B>(answers: &Answers, request: &Request<B>) -> Response<Full<Bytes>> {
    let path = request.uri().path();
    match answers {
        Answers::Challenge(answer) => {
            let host = request.headers().get(HOST).and_then(|host| host.to_str().ok());
            challenge(answer, host.unwrap_or_default(), path)
        }
        Answers::Directory(pebble) if path == "/dir" => {
            reply(StatusCode::OK, "application/json; charset=utf-8", pebble.directory())
        }
        Answers::Management(pebble) => match path {
            "/roots/0" => reply(StatusCode::OK, PEM, pebble.root().to_owned()),
            "/intermediates/0" => reply(StatusCode::OK, PEM, pebble.intermediate().to_owned()),
            _ => not_found(),
        },
        Answers::Directory(_) => not_found(),
    }
}

const PEM: &str = "application/pem-certificate-chain; charset=utf-8";

fn challenge(answer: &ChallengeAnswer, host: &str, path: &str) -> Response<Full<Bytes>> {
    let host = host.split_once(':').map_or(host, |(host, _)| host);
    let asked = path.rsplit_once('/');
    if matches!(path, "/" | "/healthz") {
        return reply(StatusCode::OK, "text/plain", String::new());
    }
    if host == answer.domain && asked == Some((CHALLENGE_PATH, answer.token.as_str())) {
        return reply(StatusCode::OK, "text/plain; charset=utf-8", answer.key.clone());
    }
    not_found()
}

fn not_found() -> Response<Full<Bytes>> {
    reply(StatusCode::NOT_FOUND, "text/plain; charset=utf-8", "404 page not found\n".to_owned())
}

fn reply(status: StatusCode, media_type: &'static str, text: String) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(text)));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, http::HeaderValue::from_static(media_type));
    headers.insert(CACHE_CONTROL, http::HeaderValue::from_static("no-cache"));
    response
}

#[cfg(test)]
mod tests {
    use super::{ChallengeAnswer, challenge};

    #[test]
    fn a_solver_answers_its_own_host_and_token_alone() {
        let answer = ChallengeAnswer {
            domain: "shop.example.test".to_owned(),
            token: "abc".to_owned(),
            key: "abc.thumbprint".to_owned(),
        };
        let status = |host: &str, path: &str| challenge(&answer, host, path).status().as_u16();
        let path = "/.well-known/acme-challenge/abc";
        assert_eq!(status("shop.example.test", path), 200);
        assert_eq!(status("shop.example.test:80", path), 200);
        assert_eq!(status("other.example.test", path), 404);
        assert_eq!(status("shop.example.test", "/.well-known/acme-challenge/abcd"), 404);
        assert_eq!(status("shop.example.test", "/.well-known/other/abc"), 404);
        assert_eq!(status("anything", "/healthz"), 200);
    }
}
