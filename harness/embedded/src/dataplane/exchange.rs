//! One request and its answer: find the route, do what it says, record it.

use gateproof_model::routing::{self, RouteHit};
use gateproof_model::translation::envoy::Action;
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode, Version, header};
use hyper::body::{Body as _, Incoming};
use hyper::upgrade::OnUpgrade;
use tokio::time::Instant;

use super::access_log::{AccessEvent, AccessRecord, RequestRecord};
use super::answer::{self, Body, Local, Moment};
use super::connection::Connection;
use super::format::Facts;
use super::forward::{self, Forwarding};
use super::headers::{self, Upgrade};
use super::serving::Serving;
use super::socket::Role;
use super::{manager, payload};

/// A request whose target is known.
#[derive(Debug)]
pub(super) struct Asked {
    /// The head, with the fields that Envoy adds on entry; without body.
    pub(super) parts: Parts,
    /// The Host header or `:authority` as sent.
    pub(super) host: String,
    /// Path and query.
    pub(super) path_and_query: String,
    /// The client's side of a WebSocket, if it asks for one.
    pub(super) upgrade: Option<OnUpgrade>,
}

/// What was done with a request.
pub(super) struct Done {
    /// The answer.
    pub(super) answer: Response<Body>,
    /// The cluster it was forwarded to.
    pub(super) cluster: Option<String>,
}

impl From<Response<Body>> for Done {
    fn from(answer: Response<Body>) -> Self {
        Self { answer, cluster: None }
    }
}

/// Answers a request. Routes and certificates are those of this moment, not of the connection's
/// beginning.
pub(super) async fn answer(
    connection: &Connection,
    mut request: Request<Incoming>,
) -> Response<Body> {
    let began = Instant::now();
    let Role::Gateway(current) = &connection.port.role else { return answer::no_route() };
    let serving = current.load_full();
    let version = request.version();
    let grpc = is_grpc(request.headers());
    let unread =
        !request.body().is_end_stream() || headers::upgrade(request.headers()) != Upgrade::None;
    let upgrade = match headers::upgrade(request.headers()) {
        Upgrade::WebSocket => Some(hyper::upgrade::on(&mut request)),
        Upgrade::Forbidden | Upgrade::None => None,
    };
    let (parts, body) = request.into_parts();
    let method = parts.method.to_string();
    let (host, path) = (host(&parts), path_and_query(&parts));
    let body = payload::awaited(&parts.headers, body).await;
    let (done, virtual_host) = match refusal(&parts, host.as_deref(), &path) {
        Some(refused) => (refused.into(), None),
        None => {
            let host = host.clone().unwrap_or_default();
            let asked = enter(connection, &serving, parts, (host, path.clone()), upgrade);
            done(connection, &serving, asked, body).await
        }
    };
    let mut answer = done.answer;
    let local = answer.extensions().get::<Local>().copied();
    if let Some(local) = local {
        if unread && version <= Version::HTTP_11 && local.moment == Moment::AtOnce {
            // Envoy does not read on what it will not use.
            answer.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        if grpc {
            answer = answer::as_grpc(answer);
        }
    }
    answer.headers_mut().insert(header::SERVER, HeaderValue::from_static("envoy"));
    let log = &connection.port.shared.log;
    log.push(AccessRecord {
        at: log.now(),
        address: connection.port.address,
        port: connection.port.number,
        client: connection.client,
        chain: connection.chain.clone(),
        event: AccessEvent::Request(RequestRecord {
            method,
            host: host.unwrap_or_default(),
            path,
            virtual_host,
            cluster: done.cluster,
            status: answer.status().as_u16(),
            flag: local.and_then(|local| local.flag),
            took: began.elapsed(),
        }),
    });
    answer
}

/// What Envoy refuses before it looks for a route.
fn refusal(parts: &Parts, host: Option<&str>, path: &str) -> Option<Response<Body>> {
    if parts.version == Version::HTTP_10 {
        return Some(answer::refused_by_codec(StatusCode::UPGRADE_REQUIRED));
    }
    if !path.is_ascii() {
        return Some(answer::refused_by_codec(StatusCode::BAD_REQUEST));
    }
    if headers::upgrade(&parts.headers) == Upgrade::Forbidden {
        return Some(answer::local(403, None));
    }
    host.is_none().then(answer::bad_request)
}

/// Whether a request is gRPC's.
fn is_grpc(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE).map(HeaderValue::as_bytes);
    kind.and_then(|kind| kind.strip_prefix(b"application/grpc"))
        .is_some_and(|rest| rest.is_empty() || rest.starts_with(b"+"))
}

/// The authority of an absolute target or of HTTP/2, else the Host header.
fn host(parts: &Parts) -> Option<String> {
    match parts.uri.authority() {
        Some(authority) => Some(authority.to_string()),
        None => parts
            .headers
            .get(header::HOST)
            .map(|host| String::from_utf8_lossy(host.as_bytes()).into_owned()),
    }
}

fn path_and_query(parts: &Parts) -> String {
    parts.uri.path_and_query().map_or("/", |path| path.as_str()).to_owned()
}

/// Makes of a request what the connection manager makes of it.
fn enter(
    connection: &Connection,
    serving: &Serving,
    mut parts: Parts,
    (host, path_and_query): (String, String),
    upgrade: Option<OnUpgrade>,
) -> Asked {
    headers::insert(&mut parts.headers, header::HOST, &host);
    parts.headers.remove(header::EXPECT);
    let draws = &connection.port.shared.draws;
    let client = connection.client.ip();
    manager::enter(&mut parts.headers, &serving.manager, client, connection.scheme, || {
        draws.request_id()
    });
    Asked { parts, host, path_and_query, upgrade }
}

/// Does what the route says; also gives the virtual host's name.
async fn done(
    connection: &Connection,
    serving: &Serving,
    asked: Asked,
    body: Body,
) -> (Done, Option<String>) {
    let fields = headers::pairs(&asked.parts.headers);
    let request = routing::Request {
        method: asked.parts.method.as_str(),
        host: &asked.host,
        path_and_query: &asked.path_and_query,
        headers: &fields,
        scheme: connection.scheme,
    };
    let hit =
        serving.table(&connection.route_table).and_then(|table| routing::route(table, &request));
    let Some(RouteHit { route, virtual_host }) = hit else {
        return (answer::no_route().into(), None);
    };
    let name = Some(virtual_host.name.clone());
    let mut local = match &route.action {
        Action::Forward(forward) => {
            let forwarding = Forwarding { connection, serving, route, forward };
            return (forward::forward(&forwarding, asked, body).await, name);
        }
        Action::Respond { status } => answer::local(*status, None),
        Action::Redirect(redirect) => {
            let mut answer = answer::local(redirect.status, None);
            let location = routing::location(route, redirect, &request);
            headers::insert(answer.headers_mut(), header::LOCATION, &location);
            answer
        }
    };
    let facts = facts(connection, &asked.parts);
    headers::edit(local.headers_mut(), &route.response_headers, Some(&facts));
    (local.into(), name)
}

/// What edits may ask about a request.
pub(super) fn facts<'a>(connection: &Connection, parts: &'a Parts) -> Facts<'a> {
    let protocol = if parts.version == Version::HTTP_2 { "HTTP/2" } else { "HTTP/1.1" };
    Facts { request: &parts.headers, client: connection.client, protocol }
}
