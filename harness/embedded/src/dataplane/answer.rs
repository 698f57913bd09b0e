//! Answers that the data plane gives itself, in the words that Envoy's router is known for
//! (envoyproxy/envoy `source/common/router/router.cc`; no version pinned), so that a report quotes
//! what a user would find. Checks should rely on the status, not on the text: "remote connection
//! failure" reads "connection failure" in older versions.

use http::{HeaderValue, Response, StatusCode, header};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Empty, Full};
use hyper::body::Bytes;

/// Why a body ended early.
pub(super) type BodyError = Box<dyn std::error::Error + Send + Sync>;

/// The body of a request or answer on its way.
pub(super) type Body = UnsyncBoxBody<Bytes, BodyError>;

/// A body of nothing.
pub(super) fn empty() -> Body {
    Empty::new().map_err(|never| match never {}).boxed_unsync()
}

/// A body that is there as a whole.
pub(super) fn whole(bytes: Bytes) -> Body {
    Full::new(bytes).map_err(|never| match never {}).boxed_unsync()
}

/// An answer without body; a status that is no HTTP status becomes 500.
pub(super) fn status(status: u16) -> Response<Body> {
    let mut answer = Response::new(empty());
    *answer.status_mut() =
        StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    answer
}

fn text(code: StatusCode, text: &'static str) -> Response<Body> {
    let mut answer = Response::new(whole(Bytes::from_static(text.as_bytes())));
    *answer.status_mut() = code;
    answer.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain"));
    answer
}

/// No route, or no virtual host: 404 without body.
pub(super) fn no_route() -> Response<Body> {
    status(404)
}

/// The request has no usable host: 400.
pub(super) fn bad_request() -> Response<Body> {
    status(400)
}

/// A cluster without ready endpoint: 503.
pub(super) fn no_healthy_upstream() -> Response<Body> {
    text(StatusCode::SERVICE_UNAVAILABLE, "no healthy upstream")
}

/// Why an endpoint gave no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum UpstreamFailure {
    /// No TCP connection.
    Connect,
    /// The connection ended before an answer.
    Terminated,
    /// What came was not HTTP.
    Protocol,
    /// No answer in time.
    TimedOut,
}

/// An endpoint that gave no answer: 503, 502 for a protocol error, 504 for a timeout.
pub(super) fn upstream_failed(failure: UpstreamFailure) -> Response<Body> {
    match failure {
        UpstreamFailure::Connect => text(
            StatusCode::SERVICE_UNAVAILABLE,
            "upstream connect error or disconnect/reset before headers. \
             reset reason: remote connection failure",
        ),
        UpstreamFailure::Terminated => text(
            StatusCode::SERVICE_UNAVAILABLE,
            "upstream connect error or disconnect/reset before headers. \
             reset reason: connection termination",
        ),
        UpstreamFailure::Protocol => text(
            StatusCode::BAD_GATEWAY,
            "upstream connect error or disconnect/reset before headers. \
             reset reason: protocol error",
        ),
        UpstreamFailure::TimedOut => text(StatusCode::GATEWAY_TIMEOUT, "upstream request timeout"),
    }
}
