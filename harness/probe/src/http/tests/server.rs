//! Servers for one test: a closure for each connection, or an HTTP service over plain TCP or TLS.

use std::convert::Infallible;
use std::future::Future;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use rustls::ServerConfig;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

use crate::request::{HttpProbe, Timeouts};

/// A server that ends with the test.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    _running: JoinSet<()>,
}

impl Server {
    /// Handles every connection with `handle`.
    pub(crate) async fn each<H, F>(handle: H) -> Self
    where
        H: Fn(TcpStream) -> F + Send + Sync + 'static,
        F: Future<Output = ()> + Send + 'static,
    {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let mut running = JoinSet::new();
        running.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                connections.spawn(handle(stream));
            }
        });
        Self { address, _running: running }
    }

    /// Reads the head of a request, writes these bytes, and closes.
    pub(crate) async fn answering(bytes: &'static [u8]) -> Self {
        Self::each(move |mut stream| async move {
            read_head(&mut stream).await;
            stream.write_all(bytes).await.unwrap();
            stream.shutdown().await.unwrap();
        })
        .await
    }

    /// Reads whatever comes first, writes these bytes, and closes.
    pub(crate) async fn answering_anything(bytes: &'static [u8]) -> Self {
        Self::each(move |mut stream| async move {
            let mut sink = [0; 4096];
            assert!(stream.read(&mut sink).await.unwrap() > 0);
            stream.write_all(bytes).await.unwrap();
            stream.shutdown().await.unwrap();
        })
        .await
    }

    /// Reads the head of a request, writes these bytes, and stays silent with the stream open.
    pub(crate) async fn stalling_after(bytes: &'static [u8]) -> Self {
        Self::each(move |mut stream| async move {
            read_head(&mut stream).await;
            stream.write_all(bytes).await.unwrap();
            silence(stream).await;
        })
        .await
    }

    /// An HTTP/1.1 and HTTP/2 server that answers what it saw.
    pub(crate) async fn http() -> Self {
        Self::each(serve).await
    }

    /// The same behind TLS.
    pub(crate) async fn https(config: ServerConfig) -> Self {
        let acceptor = TlsAcceptor::from(Arc::new(config));
        Self::each(move |stream| {
            let acceptor = acceptor.clone();
            async move {
                if let Ok(stream) = acceptor.accept(stream).await {
                    serve(stream).await;
                }
            }
        })
        .await
    }

    /// A probe of this server with limits that only a hanging test would reach.
    pub(crate) fn probe(&self) -> HttpProbe {
        let minute = Duration::from_mins(1);
        let mut probe = HttpProbe::get(self.address, "a.example");
        probe.timeouts = Timeouts { connect: minute, tls: minute, response: minute, total: minute };
        probe
    }
}

/// Keeps a stream open until the peer closes it.
pub(crate) async fn silence(mut stream: impl AsyncRead + Unpin) {
    let mut sink = [0; 1024];
    while let Ok(1..) = stream.read(&mut sink).await {}
}

/// Reads up to the empty line that ends a request's head.
pub(crate) async fn read_head(stream: &mut (impl AsyncRead + Unpin)) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.unwrap());
    }
}

async fn serve<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(stream: S) {
    let service = service_fn(|request: Request<Incoming>| async move {
        let host = request
            .uri()
            .authority()
            .map(ToString::to_string)
            .or_else(|| Some(request.headers().get("host")?.to_str().ok()?.to_owned()))
            .unwrap_or_default();
        let body = format!("{} {host} {}", request.method(), request.uri().path());
        Ok::<_, Infallible>(Response::new(Full::new(Bytes::from(body))))
    });
    // A peer that leaves early is the client's choice in these tests.
    drop(
        auto::Builder::new(TokioExecutor::new())
            .serve_connection(TokioIo::new(stream), service)
            .await,
    );
}
