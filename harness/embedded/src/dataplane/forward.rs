//! Forwarding a request to a backend, with everything a route asks for on the way: edits,
//! rewrites, mirrors, retries, a time limit.
//!
//! Retries follow the listed statuses and connections that fail or end (`retriable-status-codes`,
//! `connect-failure`, `reset`, what Cilium configures), as long as not too many are under way
//! (`retries`).

use std::sync::Arc;
use std::time::Duration;

use futures_util::stream;
use gateproof_core::observation::HttpVersion;
use gateproof_kubernetes::wait;
use gateproof_model::routing::{Scheme, choose_cluster, rewritten_path};
use gateproof_model::translation::envoy::{
    Forward, Mirror, Retry, Route, UpstreamProtocol, WeightedCluster,
};
use http::request::Parts;
use http::{HeaderMap, HeaderName, Method, Request, Response, StatusCode, Uri, Version, header};
use http_body_util::{BodyExt, StreamBody};
use hyper::body::{Body as _, Incoming};
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use tokio::time::Instant;

use super::answer::{self, Body, BodyError, Tries, UpstreamFailure};
use super::connection::Connection;
use super::exchange::{Asked, Done, facts};
use super::format::Facts;
use super::headers::{self, Upgrade};
use super::passthrough::tunnel;
use super::payload::{Payload, Sends};
use super::serving::{Destination, Serving};
use super::trailers::{Trailers, Trailing};

const ORIGINAL_PATH: HeaderName = HeaderName::from_static("x-envoy-original-path");
const ORIGINAL_HOST: HeaderName = HeaderName::from_static("x-envoy-original-host");
const EXPECTED_TIMEOUT: HeaderName = HeaderName::from_static("x-envoy-expected-rq-timeout-ms");
const ASKED_TIMEOUT: HeaderName = HeaderName::from_static("x-envoy-upstream-rq-timeout-ms");
const SERVICE_TIME: HeaderName = HeaderName::from_static("x-envoy-upstream-service-time");

/// Fields of internal clients that the router takes for itself.
const STEERING: [&str; 8] = [
    "x-envoy-upstream-rq-timeout-ms",
    "x-envoy-upstream-rq-per-try-timeout-ms",
    "x-envoy-retry-on",
    "x-envoy-retry-grpc-on",
    "x-envoy-max-retries",
    "x-envoy-retriable-status-codes",
    "x-envoy-retriable-header-names",
    "x-envoy-hedge-on-per-try-timeout",
];

/// The base interval of Envoy's back-off where a route sets none.
const BACKOFF: Duration = Duration::from_millis(25);

/// Where a request is forwarded from and by which route.
pub(super) struct Forwarding<'f> {
    /// The client's connection.
    pub(super) connection: &'f Connection,
    /// What its socket serves.
    pub(super) serving: &'f Serving,
    /// The route.
    pub(super) route: &'f Route,
    /// What the route says.
    pub(super) forward: &'f Forward,
}

/// The head of a request as the backend is to see it.
struct Outgoing {
    parts: Parts,
    host: String,
    path_and_query: String,
    scheme: Scheme,
}

/// Forwards a request and answers with what the backend says.
pub(super) async fn forward(f: &Forwarding<'_>, asked: Asked, body: Body) -> Done {
    let shared = &f.connection.port.shared;
    let Some(chosen) = choose_cluster(f.forward, shared.draws.next()) else {
        // A table with such a route is refused before it gets here.
        return answer::no_healthy_upstream().into();
    };
    let cluster = Some(chosen.cluster.clone());
    let client_version = asked.parts.version;
    let edits = [&chosen.response_headers, &f.route.response_headers];
    let requested = edits.iter().any(|edits| headers::asks(edits)).then(|| asked.parts.clone());
    let limit = limit(f.forward, &asked.parts.headers);
    let (mut outgoing, client_upgrade) = outgoing(f, chosen, asked, limit);
    let Ok(mut payload) = Payload::gather(body, sends(f.forward)).await else {
        return Done { answer: answer::bad_request(), cluster };
    };
    // Where nothing can be sent, nothing is copied either.
    let reachable = f.serving.destination(&chosen.cluster).is_some_and(Destination::is_reachable);
    for mirror in f.forward.mirrors.iter().filter(|_| reachable) {
        send_copy(f, mirror, &outgoing, client_version, &payload);
    }
    let deadline = limit.map(|limit| Instant::now() + limit);
    let began = Instant::now();
    let sending = send(f, chosen, &mut outgoing, client_version, deadline, &mut payload);
    let sent = match deadline {
        Some(deadline) => tokio::time::timeout_at(deadline, sending)
            .await
            .unwrap_or(Err(Undelivered::Failed(UpstreamFailure::TimedOut, Tries::One))),
        None => sending.await,
    };
    let answer = match sent {
        Ok(response) => {
            let came = Came { response, took: began.elapsed(), deadline, to: client_version };
            relay(f, chosen, came, requested.as_ref(), client_upgrade)
        }
        Err(undelivered) => {
            let mut answer = match undelivered {
                Undelivered::NoEndpoint => answer::no_healthy_upstream(),
                // The backend would not take it either.
                Undelivered::Malformed => {
                    answer::upstream_failed(UpstreamFailure::Protocol, Tries::One)
                }
                Undelivered::Failed(failure, tries) => answer::upstream_failed(failure, tries),
            };
            edit_response(f, chosen, requested.as_ref(), answer.headers_mut());
            answer
        }
    };
    Done { answer, cluster }
}

/// The time limit of a request: what an internal client asks for (a field that others may not set),
/// else the route's. Zero means none, to Envoy and to the Gateway API alike.
fn limit(forward: &Forward, headers: &HeaderMap) -> Option<Duration> {
    let asked = headers.get(ASKED_TIMEOUT).and_then(|value| value.to_str().ok()?.parse().ok());
    asked.map(Duration::from_millis).or(forward.timeout).filter(|limit| !limit.is_zero())
}

/// How often the body of a request may be sent.
fn sends(forward: &Forward) -> Sends {
    if forward.retry.is_some() || !forward.mirrors.is_empty() {
        Sends::Repeatedly
    } else {
        Sends::Once
    }
}

/// Why a request got no answer from a backend.
enum Undelivered {
    NoEndpoint,
    Malformed,
    Failed(UpstreamFailure, Tries),
}

/// Applies edits and rewrites: the cluster's edits first, then the route's, then host and path.
fn outgoing(
    f: &Forwarding<'_>,
    chosen: &WeightedCluster,
    asked: Asked,
    limit: Option<Duration>,
) -> (Outgoing, Option<OnUpgrade>) {
    let Asked { mut parts, host, path_and_query, scheme, upgrade: client_upgrade } = asked;
    let upgrade = if client_upgrade.is_some() { Upgrade::WebSocket } else { Upgrade::None };
    let version = parts.version;
    let fields = &mut parts.headers;
    headers::strip_connection(fields, upgrade);
    for steering in STEERING {
        fields.remove(steering);
    }
    if let Some(limit) = limit {
        headers::insert(fields, EXPECTED_TIMEOUT, &limit.as_millis().to_string());
    }
    for edits in [&chosen.request_headers, &f.route.request_headers] {
        let before = headers::asks(edits).then(|| fields.clone());
        let facts = before.as_ref().map(|request| Facts {
            request,
            client: f.connection.client,
            protocol: if version == Version::HTTP_2 { "HTTP/2" } else { "HTTP/1.1" },
        });
        headers::edit(fields, edits, facts.as_ref());
    }
    let edited_host =
        fields.get(header::HOST).and_then(|host| host.to_str().ok()).map(str::to_owned);
    let host = match (&f.forward.host_rewrite, edited_host) {
        (Some(rewritten), _) => {
            if !host.is_empty() {
                headers::insert(fields, ORIGINAL_HOST, &host);
            }
            rewritten.clone()
        }
        (None, Some(edited)) => edited,
        (None, None) => host,
    };
    let path_and_query = match &f.forward.path_rewrite {
        Some(rewrite) => {
            headers::insert(fields, ORIGINAL_PATH, &path_and_query);
            rewritten_path(f.route, rewrite, &path_and_query)
        }
        None => path_and_query,
    };
    (Outgoing { parts, host, path_and_query, scheme }, client_upgrade)
}

/// Sends to the chosen cluster, again while the status asks for a retry.
async fn send(
    f: &Forwarding<'_>,
    chosen: &WeightedCluster,
    outgoing: &mut Outgoing,
    client_version: Version,
    deadline: Option<Instant>,
    payload: &mut Payload,
) -> Result<Response<Incoming>, Undelivered> {
    let destination = f.serving.destination(&chosen.cluster).ok_or(Undelivered::NoEndpoint)?;
    let version = upstream_version(destination.protocol, client_version);
    let mut retries = f.forward.retry.as_ref().map_or(0, Retry::limit);
    let upgrades = headers::upgrade(&outgoing.parts.headers) == Upgrade::WebSocket;
    if upgrades && version == HttpVersion::Http2 {
        // No try gets as far as the backend.
        let again = retries > 0 && payload.copy().is_some();
        let tries = if again { Tries::Several } else { Tries::One };
        return Err(Undelivered::Failed(UpstreamFailure::Protocol, tries));
    }
    let mut tries = Tries::One;
    let mut retrying = None;
    loop {
        let endpoint = destination.endpoint().ok_or(Undelivered::NoEndpoint)?;
        let body =
            payload.body().ok_or(Undelivered::Failed(UpstreamFailure::Terminated, Tries::One))?;
        let request = request(outgoing, version, body).ok_or(Undelivered::Malformed)?;
        let upstreams = &f.connection.port.shared.upstreams;
        let sent = upstreams.send(endpoint, version, &destination.security, request).await;
        let wanted = match (&sent, &f.forward.retry) {
            (Ok(response), Some(retry)) => retry.codes.contains(&response.status().as_u16()),
            // `reset` covers whatever ends a request before its answer, also what is not HTTP.
            (Err(_), Some(_)) => true,
            (_, None) => false,
        };
        drop(retrying.take());
        if wanted && retries > 0 && payload.copy().is_some() {
            retrying = f.connection.port.shared.retries.begin(&chosen.cluster);
        }
        if retrying.is_none() {
            return sent.map_err(|failure| Undelivered::Failed(failure, tries));
        }
        retries -= 1;
        tries = Tries::Several;
        wait::pause(backoff(f)).await;
        if let Some(deadline) = deadline {
            let left = time_left(deadline.saturating_duration_since(Instant::now()));
            headers::insert(&mut outgoing.parts.headers, EXPECTED_TIMEOUT, &left);
        }
    }
}

/// The milliseconds that a backend is told it has for a retry: what is left of the limit, and one
/// where nothing is, as zero would mean no limit (envoyproxy/envoy `source/common/router/router.cc`,
/// `setTimeoutHeaders`).
fn time_left(left: Duration) -> String {
    left.as_micros().div_ceil(1000).max(1).to_string()
}

/// How long to wait before a retry: any time up to the base interval, as Envoy draws it for the first
/// one (envoyproxy/envoy `source/common/common/backoff_strategy.cc`; it lets later ones wait longer).
fn backoff(f: &Forwarding<'_>) -> Duration {
    let base = f.forward.retry.as_ref().and_then(|retry| retry.backoff).unwrap_or(BACKOFF);
    let share = u32::try_from(f.connection.port.shared.draws.next() % 1000).unwrap_or(0);
    base * share / 1000
}

fn upstream_version(protocol: UpstreamProtocol, client: Version) -> HttpVersion {
    match protocol {
        UpstreamProtocol::AsDownstream if client == Version::HTTP_2 => HttpVersion::Http2,
        // A cluster that says nothing speaks HTTP/1.1 to whoever routes requests to it.
        UpstreamProtocol::AsDownstream | UpstreamProtocol::Http1 | UpstreamProtocol::Tcp => {
            HttpVersion::Http1
        }
        UpstreamProtocol::Http2 => HttpVersion::Http2,
    }
}

/// A request for a backend; `None` when host or path cannot be written.
fn request(outgoing: &Outgoing, version: HttpVersion, body: Body) -> Option<Request<Body>> {
    let authority = match version {
        // HTTP/1.1 writes no authority in its target; the host goes into its field.
        HttpVersion::Http1 => "backend",
        HttpVersion::Http2 => outgoing.host.as_str(),
    };
    let uri = Uri::builder()
        .scheme(outgoing.scheme.as_str())
        .authority(authority)
        .path_and_query(outgoing.path_and_query.as_str())
        .build()
        .ok()?;
    let length = body.size_hint().exact();
    let ended = body.is_end_stream();
    let unsaid = ended && version == HttpVersion::Http2;
    let to = match version {
        HttpVersion::Http1 => Version::HTTP_11,
        HttpVersion::Http2 => Version::HTTP_2,
    };
    let body = match (unsaid, Trailers::between(outgoing.parts.version, to)) {
        (true, _) => answer::unsaid(),
        (false, Trailers::Passed) => body,
        (false, Trailers::Dropped) => Trailing::new(body, Trailers::Dropped).boxed_unsync(),
    };
    let mut request = Request::new(body);
    *request.version_mut() = to;
    *request.method_mut() = outgoing.parts.method.clone();
    *request.uri_mut() = uri;
    *request.headers_mut() = outgoing.parts.headers.clone();
    match version {
        HttpVersion::Http1 => {
            headers::insert(request.headers_mut(), header::HOST, &outgoing.host);
            if ended && says_its_length(request.method()) {
                headers::insert(request.headers_mut(), header::CONTENT_LENGTH, "0");
            } else if !ended
                && length.is_none()
                && !request.headers().contains_key(header::CONTENT_LENGTH)
            {
                headers::insert(request.headers_mut(), header::TRANSFER_ENCODING, "chunked");
            }
        }
        HttpVersion::Http2 => {
            request.headers_mut().remove(header::HOST);
            headers::strip_connection(request.headers_mut(), Upgrade::None);
        }
    }
    Some(request)
}

/// Whether a request of this method that has no body says so in HTTP/1.1.
fn says_its_length(method: &Method) -> bool {
    ![Method::GET, Method::HEAD, Method::DELETE, Method::TRACE, Method::CONNECT].contains(method)
}

/// Sends a copy to a mirror and forgets about it. Envoy appends `-shadow` to the host, before its
/// port.
fn send_copy(
    f: &Forwarding<'_>,
    mirror: &Mirror,
    outgoing: &Outgoing,
    client_version: Version,
    payload: &Payload,
) {
    let shared = Arc::clone(&f.connection.port.shared);
    if !shared.draws.happens(mirror.numerator, mirror.denominator) {
        return;
    }
    let Some(destination) = f.serving.destination(&mirror.cluster) else { return };
    let (Some(endpoint), Some(body)) = (destination.endpoint(), payload.copy()) else { return };
    let version = upstream_version(destination.protocol, client_version);
    let mut parts = outgoing.parts.clone();
    headers::strip_connection(&mut parts.headers, Upgrade::None);
    let copy = Outgoing {
        parts,
        host: shadow(&outgoing.host),
        path_and_query: outgoing.path_and_query.clone(),
        scheme: outgoing.scheme,
    };
    let Some(request) = request(&copy, version, body) else { return };
    let tasks = shared.tasks.clone();
    let security = destination.security.clone();
    tasks.spawn(async move {
        let sent = async {
            if let Ok(response) = shared.upstreams.send(endpoint, version, &security, request).await
            {
                // Read to its end, so that the connection can be used again.
                if let Err(error) = response.into_body().collect().await {
                    tracing::debug!(%error, "a mirror's answer ended early");
                }
            }
        };
        tokio::select! {
            () = sent => {}
            () = shared.abort.cancelled() => {}
        }
    });
}

fn shadow(host: &str) -> String {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|b| b.is_ascii_digit()) => {
            format!("{name}-shadow:{port}")
        }
        _ => format!("{host}-shadow"),
    }
}

/// An answer of a backend.
struct Came {
    response: Response<Incoming>,
    took: Duration,
    deadline: Option<Instant>,
    /// The client's version.
    to: Version,
}

/// Passes an answer on. The time limit goes on until its body has ended.
fn relay(
    f: &Forwarding<'_>,
    chosen: &WeightedCluster,
    came: Came,
    requested: Option<&Parts>,
    client_upgrade: Option<OnUpgrade>,
) -> Response<Body> {
    let mut response = came.response;
    let switching = response.status() == StatusCode::SWITCHING_PROTOCOLS;
    let upgrade = match client_upgrade {
        Some(client) if switching => {
            join(f.connection, client, hyper::upgrade::on(&mut response));
            Upgrade::WebSocket
        }
        _ => Upgrade::None,
    };
    let (mut parts, body) = response.into_parts();
    let body = Trailing::new(body, Trailers::between(parts.version, came.to));
    parts.version = Version::HTTP_11;
    headers::strip_connection(&mut parts.headers, upgrade);
    if !switching {
        headers::insert(&mut parts.headers, SERVICE_TIME, &came.took.as_millis().to_string());
    }
    edit_response(f, chosen, requested, &mut parts.headers);
    let body = match (upgrade, came.deadline) {
        (Upgrade::WebSocket, _) => answer::empty(),
        _ if body.is_end_stream() => answer::empty(),
        (_, Some(deadline)) => until(deadline, body),
        (_, None) => body.map_err(BodyError::from).boxed_unsync(),
    };
    Response::from_parts(parts, body)
}

/// Applies the edits of an answer, also of one that is not a backend's.
fn edit_response(
    f: &Forwarding<'_>,
    chosen: &WeightedCluster,
    requested: Option<&Parts>,
    fields: &mut HeaderMap,
) {
    let facts = requested.map(|parts| facts(f.connection, parts));
    for edits in [&chosen.response_headers, &f.route.response_headers] {
        headers::edit_response(fields, edits, facts.as_ref());
    }
}

/// A body that breaks off at the deadline.
fn until(deadline: Instant, body: Trailing<Incoming>) -> Body {
    let frames = stream::unfold(Some(body), move |body| async move {
        let mut body = body?;
        match tokio::time::timeout_at(deadline, body.frame()).await {
            Ok(frame) => Some((frame?.map_err(BodyError::from), Some(body))),
            Err(elapsed) => Some((Err(BodyError::from(elapsed)), None)),
        }
    });
    StreamBody::new(frames).boxed_unsync()
}

/// Joins both sides of a WebSocket once each has switched.
fn join(connection: &Connection, client: OnUpgrade, upstream: OnUpgrade) {
    let port = Arc::clone(&connection.port);
    let tasks = port.shared.tasks.clone();
    tasks.spawn(async move {
        let abort = port.shared.abort.clone();
        let joined = async {
            match tokio::try_join!(client, upstream) {
                Ok((client, upstream)) => {
                    tunnel(&port, TokioIo::new(client), TokioIo::new(upstream)).await;
                }
                Err(error) => tracing::debug!(%error, "a WebSocket was not established"),
            }
        };
        tokio::select! {
            () = joined => {}
            () = abort.cancelled() => {}
        }
    });
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{shadow, time_left};

    #[test]
    fn mirrored_host_gets_a_suffix_before_its_port() {
        assert_eq!(shadow("a.test"), "a.test-shadow");
        assert_eq!(shadow("a.test:8080"), "a.test-shadow:8080");
    }

    #[test]
    fn retry_is_told_what_is_left_and_never_that_there_is_no_limit() {
        for (left, told) in [(119_001, "120"), (119_000, "119"), (1, "1"), (0, "1")] {
            assert_eq!(time_left(Duration::from_micros(left)), told, "{left} microseconds");
        }
    }
}
