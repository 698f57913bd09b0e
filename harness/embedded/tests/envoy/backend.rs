//! Backends that tell what they saw of a request, byte for byte where HTTP/1.1 is spoken, and that
//! misbehave when a request asks for it with the field `x-behave`.

use std::collections::HashMap;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use http::{HeaderMap, HeaderValue, Request, Response};
use http_body_util::{BodyExt, StreamBody};
use hyper::body::{Bytes, Frame, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::wire::{self, Head};

/// What a backend saw of a request.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct Seen {
    pub(crate) backend: String,
    pub(crate) version: String,
    pub(crate) method: String,
    pub(crate) target: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
    pub(crate) trailers: Vec<(String, String)>,
}

/// Every request by the value of its `x-case` field.
pub(crate) type Visits = Arc<Mutex<HashMap<String, Vec<Seen>>>>;

/// The sockets of all backends, and what they saw.
#[derive(Debug, Clone)]
pub(crate) struct Backends {
    sockets: Vec<(String, SocketAddr)>,
    visits: Visits,
}

impl Backends {
    /// Starts a backend for each name; they end with the runtime.
    pub(crate) async fn start(names: &[&str]) -> Self {
        let visits = Visits::default();
        let mut sockets = Vec::new();
        for name in names {
            let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
            sockets.push(((*name).to_owned(), listener.local_addr().expect("bound")));
            tokio::spawn(accept(listener, (*name).to_owned(), Arc::clone(&visits)));
        }
        Self { sockets, visits }
    }

    pub(crate) fn socket(&self, name: &str) -> Option<SocketAddr> {
        self.sockets.iter().find(|(own, _)| own == name).map(|(_, socket)| *socket)
    }

    /// What was seen of a case so far.
    pub(crate) fn visits(&self, case: &str) -> Vec<Seen> {
        let visits = self.visits.lock().unwrap_or_else(PoisonError::into_inner);
        visits.get(case).cloned().unwrap_or_default()
    }
}

async fn accept(listener: TcpListener, name: String, visits: Visits) {
    loop {
        let (stream, _) = listener.accept().await.expect("accept");
        stream.set_nodelay(true).expect("TCP_NODELAY");
        let (name, visits) = (name.clone(), Arc::clone(&visits));
        tokio::spawn(async move {
            let mut stream = wire::Reader::new(stream);
            if stream.begins_with(b"PRI * HTTP/2.0\r\n").await {
                http2(stream, name, visits).await;
            } else {
                while http1(&mut stream, &name, &visits).await.is_some() {}
            }
        });
    }
}

fn record(visits: &Visits, seen: &Seen) {
    let case = field(&seen.headers, "x-case").unwrap_or_default().to_owned();
    let mut visits = visits.lock().unwrap_or_else(PoisonError::into_inner);
    visits.entry(case).or_default().push(seen.clone());
}

fn field<'h>(headers: &'h [(String, String)], name: &str) -> Option<&'h str> {
    headers.iter().find(|(own, _)| own.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
}

/// Serves one request; `None` when the connection is over.
async fn http1(stream: &mut wire::Reader<TcpStream>, name: &str, visits: &Visits) -> Option<()> {
    let head = Head::read(stream).await?;
    let behave = field(&head.fields, "x-behave").unwrap_or_default().to_owned();
    if field(&head.fields, "expect").is_some() && behave != "final" {
        stream.inner().write_all(b"HTTP/1.1 100 Continue\r\n\r\n").await.ok()?;
    }
    let upgrade = field(&head.fields, "upgrade").is_some();
    let body = head.request_body(stream).await?;
    let words: Vec<&str> = head.first.split(' ').collect();
    let seen = Seen {
        backend: name.to_owned(),
        version: words.get(2).copied().unwrap_or_default().to_owned(),
        method: words[0].to_owned(),
        target: words.get(1).copied().unwrap_or_default().to_owned(),
        headers: head.fields.clone(),
        body: shown(&body.bytes),
        trailers: body.trailers,
    };
    record(visits, &seen);
    let json = serde_json::to_string(&seen).expect("text serializes");
    let head_only = seen.method == "HEAD";
    if upgrade && seen.method == "GET" {
        let reply =
            "HTTP/1.1 101 Switching Protocols\r\nconnection: Upgrade\r\nupgrade: websocket\r\n\r\n";
        stream.inner().write_all(format!("{reply}{json}").as_bytes()).await.ok()?;
        let mut rest = Vec::new();
        stream.inner().read_to_end(&mut rest).await.ok()?;
        return None;
    }
    let reply = match behave.as_str() {
        "close" => return None,
        "never" => {
            let mut rest = Vec::new();
            stream.inner().read_to_end(&mut rest).await.ok()?;
            return None;
        }
        "garbage" => "SSH-2.0-backend\r\n\r\n".to_owned(),
        "half" => format!("HTTP/1.1 200 OK\r\ncontent-length: 5000\r\n\r\n{json}"),
        "chunks" if !head_only => format!(
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\ntrailer: x-last\r\n\r\n{:x}\r\n{json}\r\n0\r\nx-last: 1\r\n\r\n",
            json.len()
        ),
        "eof" => format!("HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n{json}"),
        "interim" => format!(
            "HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{json}",
            json.len()
        ),
        "old" => format!("HTTP/1.0 200 OK\r\nserver: old\r\n\r\n{json}"),
        "204" => "HTTP/1.1 204 No Content\r\nx-back: 1\r\n\r\n".to_owned(),
        "304" => "HTTP/1.1 304 Not Modified\r\netag: \"1\"\r\n\r\n".to_owned(),
        other => {
            let status: u16 = other.parse().unwrap_or(200);
            format!(
                "HTTP/1.1 {status} Word\r\nserver: backend\r\ncontent-type: application/json\r\n\
                 X-Back: one\r\nx-back: two\r\nconnection: keep-alive\r\ncontent-length: {}\r\n\r\n{}",
                json.len(),
                if head_only { "" } else { &json }
            )
        }
    };
    stream.inner().write_all(reply.as_bytes()).await.ok()?;
    let over = matches!(behave.as_str(), "half" | "eof" | "garbage" | "old");
    (!over).then_some(())
}

/// A body as text; a long one by its length.
fn shown(bytes: &[u8]) -> String {
    if bytes.len() > 200 {
        return format!("{} bytes", bytes.len());
    }
    String::from_utf8_lossy(bytes).into_owned()
}

async fn http2(stream: wire::Reader<TcpStream>, name: String, visits: Visits) {
    let answer = service_fn(move |request: Request<Incoming>| {
        let (name, visits) = (name.clone(), Arc::clone(&visits));
        async move { Ok::<_, Infallible>(http2_answer(request, name, &visits).await) }
    });
    let served = hyper::server::conn::http2::Builder::new(TokioExecutor::new())
        .serve_connection(TokioIo::new(stream.into_stream()), answer)
        .await;
    drop(served);
}

type Frames = StreamBody<
    futures_util::stream::Iter<std::vec::IntoIter<Result<Frame<Bytes>, std::io::Error>>>,
>;

async fn http2_answer(
    request: Request<Incoming>,
    name: String,
    visits: &Visits,
) -> Response<Frames> {
    let (parts, body) = request.into_parts();
    let collected = body.collect().await;
    let (trailers, bytes) = match collected {
        Ok(body) => (body.trailers().map(fields).unwrap_or_default(), body.to_bytes()),
        Err(_) => Default::default(),
    };
    let mut headers = fields(&parts.headers);
    if let Some(authority) = parts.uri.authority() {
        headers.push((":authority".into(), authority.to_string()));
    }
    if let Some(scheme) = parts.uri.scheme_str() {
        headers.push((":scheme".into(), scheme.to_owned()));
    }
    let seen = Seen {
        backend: name,
        version: "HTTP/2".into(),
        method: parts.method.to_string(),
        target: parts.uri.path_and_query().map(ToString::to_string).unwrap_or_default(),
        headers,
        body: shown(&bytes),
        trailers,
    };
    record(visits, &seen);
    let json = serde_json::to_string(&seen).expect("text serializes");
    let behave = field(&seen.headers, "x-behave").unwrap_or_default();
    if behave == "never" {
        std::future::pending::<()>().await;
    }
    // Neither 204 nor 304 has a body; Envoy resets an HTTP/2 stream that gives them one.
    let mut frames = match (seen.method.as_str(), behave) {
        ("HEAD", _) | (_, "204" | "304") => Vec::new(),
        _ => vec![Ok(Frame::data(Bytes::from(json)))],
    };
    let grpc =
        field(&seen.headers, "content-type").is_some_and(|t| t.starts_with("application/grpc"));
    if !frames.is_empty() && (grpc || behave == "chunks") {
        let mut trailers = HeaderMap::new();
        trailers.insert("grpc-status", HeaderValue::from_static("7"));
        frames.push(Ok(Frame::trailers(trailers)));
    }
    if behave == "half" {
        frames.push(Err(std::io::ErrorKind::ConnectionReset.into()));
    }
    let mut response = Response::new(StreamBody::new(futures_util::stream::iter(frames)));
    if let Ok(status) = behave.parse::<u16>() {
        *response.status_mut() = http::StatusCode::from_u16(status).expect("a status");
    }
    let fields = response.headers_mut();
    fields.append("server", HeaderValue::from_static("backend"));
    if grpc {
        fields.append("content-type", HeaderValue::from_static("application/grpc"));
    }
    fields.append("x-back", HeaderValue::from_static("one"));
    fields.append("x-back", HeaderValue::from_static("two"));
    response
}

/// Header fields as text.
pub(crate) fn fields(headers: &HeaderMap) -> Vec<(String, String)> {
    headers
        .iter()
        .map(|(name, value)| {
            (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned())
        })
        .collect()
}
