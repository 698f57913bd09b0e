//! One request and its answer: find the route, do what it says, record it.

use gateproof_model::routing::{self, RouteHit, Scheme, choose_cluster};
use gateproof_model::translation::envoy::{Action, ClientAddress, HttpManager, Route};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Version, header};
use hyper::body::{Body as _, Incoming};
use hyper::upgrade::OnUpgrade;
use tokio::time::Instant;

use super::access_log::{AccessEvent, AccessRecord, RequestRecord};
use super::answer::{self, Body, Local, Moment};
use super::connection::Connection;
use super::cors::{self, Verdict};
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
    /// The scheme that the client used, as far as it is believed.
    pub(super) scheme: Scheme,
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
    let asks_for = headers::upgrade(request.headers());
    let unread = !request.body().is_end_stream();
    let upgrade = match asks_for {
        Upgrade::WebSocket => Some(hyper::upgrade::on(&mut request)),
        Upgrade::Forbidden | Upgrade::None => None,
    };
    let (parts, body) = request.into_parts();
    let method = parts.method.to_string();
    let head_only = parts.method == Method::HEAD;
    let (host, path) = (host(&parts), path_and_query(&parts));
    let refused = refusal(&parts, connection.scheme, &serving.manager, host.as_deref(), &path);
    let body = match &refused {
        // What the codec does not take is answered before anybody looks at its fields.
        Some(refused) if answer::moment(refused) == Some(Moment::BeforeRequest) => answer::empty(),
        _ => payload::awaited(&parts.headers, body).await,
    };
    let mut traced = None;
    let (done, virtual_host) = if let Some(refused) = refused {
        if host.is_none() && parts.headers.contains_key("x-envoy-force-trace") {
            // Envoy refuses before it looks at who asks.
            traced = parts.headers.get("x-request-id").cloned();
        }
        (refused.into(), None)
    } else {
        let host = host.clone().unwrap_or_default();
        let asked = enter(connection, &serving, parts, (host, path.clone()), upgrade);
        if asked.parts.headers.contains_key("x-envoy-force-trace") {
            traced = asked.parts.headers.get("x-request-id").cloned();
        }
        done(connection, &serving, asked, body).await
    };
    let mut answer = done.answer;
    if let Some(id) = traced {
        // An internal client that asks for a trace is told its name.
        answer.headers_mut().insert("x-request-id", id);
    }
    let local = answer.extensions().get::<Local>().copied();
    if grpc && local.is_some_and(|local| local.moment != Moment::BeforeRequest) {
        answer = answer::as_grpc(answer);
        if head_only {
            // Its text is the body that an answer to HEAD has none of.
            answer.headers_mut().remove("grpc-message");
        }
    }
    // Envoy does not read on what it will not use.
    let unused = match local.map(|local| local.moment) {
        Some(Moment::AtOnce) => unread || asks_for != Upgrade::None,
        _ => asks_for != Upgrade::None && answer.status() != StatusCode::SWITCHING_PROTOCOLS,
    };
    if unused && version <= Version::HTTP_11 {
        answer.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    if head_only && version == Version::HTTP_2 {
        // HTTP/1 servers leave the body out by themselves.
        if let Some(length) = answer.body().size_hint().exact().filter(|length| *length > 0) {
            answer.headers_mut().insert(header::CONTENT_LENGTH, HeaderValue::from(length));
        }
        *answer.body_mut() = answer::unsaid();
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

/// What Envoy refuses before it looks for a route. Its HTTP/1 codec knows the methods it takes, takes
/// targets of HTTP alone, and none with other than ASCII.
fn refusal(
    parts: &Parts,
    connection: Scheme,
    manager: &HttpManager,
    host: Option<&str>,
    path: &str,
) -> Option<Response<Body>> {
    if parts.version <= Version::HTTP_11 {
        let scheme = parts.uri.scheme_str().map(str::to_ascii_lowercase);
        let foreign = match scheme.as_deref() {
            Some(scheme) => scheme != "http" && scheme != "https",
            None => parts.uri.authority().is_some() && parts.method != Method::CONNECT,
        };
        let pathless = !path.starts_with('/') && parts.method != Method::OPTIONS;
        if foreign || pathless || !path.is_ascii() || !METHODS.contains(&parts.method.as_str()) {
            return Some(answer::refused_by_codec(StatusCode::BAD_REQUEST));
        }
    }
    let https = parts.uri.scheme_str().is_some_and(|scheme| scheme.eq_ignore_ascii_case("https"));
    if https && connection == Scheme::Http && !is_proxy_believed(manager) {
        return Some(answer::refused_by_codec(StatusCode::FORBIDDEN));
    }
    if parts.version == Version::HTTP_10 {
        return Some(answer::refused_by_codec(StatusCode::UPGRADE_REQUIRED));
    }
    if host.is_none() {
        let mut answer = answer::bad_request();
        answer.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
        return Some(answer);
    }
    None
}

/// The methods that Envoy's HTTP/1 codec takes (envoyproxy/envoy
/// `source/common/http/http1/balsa_parser.cc`).
const METHODS: [&str; 34] = [
    "ACL",
    "BIND",
    "CHECKOUT",
    "CONNECT",
    "COPY",
    "DELETE",
    "GET",
    "HEAD",
    "LINK",
    "LOCK",
    "MERGE",
    "MKACTIVITY",
    "MKCALENDAR",
    "MKCOL",
    "MOVE",
    "MSEARCH",
    "NOTIFY",
    "OPTIONS",
    "PATCH",
    "POST",
    "PROPFIND",
    "PROPPATCH",
    "PURGE",
    "PUT",
    "REBIND",
    "REPORT",
    "SEARCH",
    "SOURCE",
    "SUBSCRIBE",
    "TRACE",
    "UNBIND",
    "UNLINK",
    "UNLOCK",
    "UNSUBSCRIBE",
];

/// Whether a request is gRPC's.
fn is_grpc(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE).map(HeaderValue::as_bytes);
    kind.and_then(|kind| kind.strip_prefix(b"application/grpc"))
        .is_some_and(|rest| rest.is_empty() || rest.starts_with(b"+"))
}

/// The authority of an absolute target or of HTTP/2, else the Host header.
fn host(parts: &Parts) -> Option<String> {
    match parts.uri.authority() {
        Some(authority) => {
            // Who the client claims to be is no part of the host.
            let authority = authority.as_str();
            Some(authority.rsplit_once('@').map_or(authority, |(_, host)| host).to_owned())
        }
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
    if headers::says(&parts.headers, header::EXPECT, "100-continue") {
        parts.headers.remove(header::EXPECT);
    }
    let draws = &connection.port.shared.draws;
    let client = connection.client.ip();
    manager::enter(
        &mut parts.headers,
        parts.version,
        &serving.manager,
        client,
        connection.scheme,
        || draws.request_id(),
    );
    let scheme = scheme(connection, &parts);
    Asked { parts, host, path_and_query, scheme, upgrade }
}

/// Whether somebody in front may say how a client came.
fn is_proxy_believed(manager: &HttpManager) -> bool {
    manager.trusted_hops > 0 || manager.client == ClientAddress::ForwardedFor
}

/// The scheme of a request: what HTTP/2 or an absolute target says, also where the connection is
/// another; else what X-Forwarded-Proto says by now; else the connection's.
fn scheme(connection: &Connection, parts: &Parts) -> Scheme {
    let target = parts.uri.scheme_str();
    let forwarded = parts.headers.get("x-forwarded-proto").and_then(|proto| proto.to_str().ok());
    match target.or(forwarded) {
        Some(scheme) if scheme.eq_ignore_ascii_case("http") => Scheme::Http,
        Some(scheme) if scheme.eq_ignore_ascii_case("https") => Scheme::Https,
        _ => connection.scheme,
    }
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
        scheme: asked.scheme,
    };
    let hit =
        serving.table(&connection.route_table).and_then(|table| routing::route(table, &request));
    let Some(RouteHit { route, virtual_host }) = hit else {
        return (answer::no_route().into(), None);
    };
    let name = Some(virtual_host.name.clone());
    if headers::upgrade(&asked.parts.headers) == Upgrade::Forbidden {
        return (upgrade_refused(connection, route, &asked.parts).into(), name);
    }
    let mut local = match &route.action {
        Action::Forward(forward) => {
            // The filter looks at no other routes: their preflights are redirected or answered as
            // any request is (as measured with Envoy 1.40).
            let told = match &route.cors {
                None => Vec::new(),
                Some(policy) => {
                    match cors::judge(policy, &asked.parts.method, &asked.parts.headers) {
                        Verdict::On(fields) => fields,
                        Verdict::Answered(answer) => return (answer.into(), name),
                    }
                }
            };
            let forwarding = Forwarding { connection, serving, route, forward };
            let mut done = forward::forward(&forwarding, asked, body).await;
            cors::set(&mut done.answer, told);
            return (done, name);
        }
        // No route of the model's says so: it is the policy filter's answer.
        Action::Respond { status: 403 } => answer::access_denied(),
        Action::Respond { status } => answer::local(*status, None),
        Action::Redirect(redirect) => {
            let mut answer = answer::local(redirect.status, None);
            let location = routing::location(route, redirect, &request);
            headers::insert(answer.headers_mut(), header::LOCATION, &location);
            answer
        }
    };
    let facts = facts(connection, &asked.parts);
    headers::edit_response(local.headers_mut(), &route.response_headers, Some(&facts));
    (local.into(), name)
}

/// Envoy refuses an upgrade as soon as it knows the route and before any of its filters sees the
/// request, CORS and the router among them: only a route that forwards has its say about the answer
/// (envoyproxy/envoy `source/common/http/conn_manager_impl.cc` and `filter_manager.cc`, 1.40).
fn upgrade_refused(connection: &Connection, route: &Route, parts: &Parts) -> Response<Body> {
    let mut answer = answer::local(403, None);
    if let Action::Forward(forward) = &route.action {
        let chosen = choose_cluster(forward, connection.port.shared.draws.next());
        let facts = facts(connection, parts);
        let edits = chosen.map(|chosen| &chosen.response_headers);
        for edits in edits.into_iter().chain([&route.response_headers]) {
            headers::edit_response(answer.headers_mut(), edits, Some(&facts));
        }
    }
    answer
}

/// What edits may ask about a request.
pub(super) fn facts<'a>(connection: &Connection, parts: &'a Parts) -> Facts<'a> {
    let protocol = if parts.version == Version::HTTP_2 { "HTTP/2" } else { "HTTP/1.1" };
    Facts { request: &parts.headers, client: connection.client, protocol }
}
