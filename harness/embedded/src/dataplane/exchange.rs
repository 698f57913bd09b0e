//! One request and its answer: find the route, do what it says, record it.

use std::sync::Arc;

use gateproof_model::routing::{self, RouteHit};
use gateproof_model::translation::envoy::Action;
use http::request::Parts;
use http::{HeaderValue, Request, Response, header};
use hyper::body::Incoming;
use hyper::upgrade::OnUpgrade;
use tokio::time::Instant;

use super::access_log::{AccessEvent, AccessRecord, RequestRecord};
use super::answer::{self, Body};
use super::connection::Connection;
use super::forward::{self, Forwarding};
use super::headers::{self, Upgrade};
use super::socket::Role;

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
pub(super) async fn answer(connection: &Connection, request: Request<Incoming>) -> Response<Body> {
    let began = Instant::now();
    let (asked, body) = take_apart(connection, request);
    let method = asked.parts.method.to_string();
    let (host, path) = (asked.host.clone(), asked.path_and_query.clone());
    let (done, virtual_host) = done(connection, asked, body).await;
    let mut answer = done.answer;
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
            host,
            path,
            virtual_host,
            cluster: done.cluster,
            status: answer.status().as_u16(),
            took: began.elapsed(),
        }),
    });
    answer
}

fn take_apart(connection: &Connection, mut request: Request<Incoming>) -> (Asked, Incoming) {
    let upgrade = match headers::upgrade(request.headers()) {
        Upgrade::WebSocket => Some(hyper::upgrade::on(&mut request)),
        Upgrade::None => None,
    };
    let (mut parts, body) = request.into_parts();
    let host = match parts.uri.authority() {
        Some(authority) => authority.to_string(),
        None => parts
            .headers
            .get(header::HOST)
            .and_then(|host| host.to_str().ok())
            .unwrap_or_default()
            .to_owned(),
    };
    headers::insert(&mut parts.headers, header::HOST, &host);
    let path_and_query = parts.uri.path_and_query().map_or("/", |path| path.as_str()).to_owned();
    let draws = &connection.port.shared.draws;
    headers::enter(&mut parts.headers, connection.client.ip(), connection.scheme, || {
        draws.request_id()
    });
    (Asked { parts, host, path_and_query, upgrade }, body)
}

/// Does what the route says; also gives the virtual host's name.
async fn done(connection: &Connection, asked: Asked, body: Incoming) -> (Done, Option<String>) {
    if asked.host.is_empty() {
        return (answer::bad_request().into(), None);
    }
    let serving = match &connection.port.role {
        Role::Gateway(current) => current.load_full(),
        Role::Health(_) => return (answer::no_route().into(), None),
    };
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
    let local = match &route.action {
        Action::Forward(forward) => {
            let serving = Arc::clone(&serving);
            let forwarding = Forwarding { connection, serving: &serving, route, forward };
            return (forward::forward(&forwarding, asked, body).await, name);
        }
        Action::Respond { status } => answer::status(*status),
        Action::Redirect(redirect) => {
            let mut answer = answer::status(redirect.status);
            let location = routing::location(route, redirect, &request);
            headers::insert(answer.headers_mut(), header::LOCATION, &location);
            answer
        }
    };
    let mut local = local;
    headers::edit(local.headers_mut(), &route.response_headers);
    (local.into(), name)
}
