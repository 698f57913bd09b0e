//! Answers that the data plane gives itself, in the words that Envoy's router is known for
//! (envoyproxy/envoy `source/common/router/router.cc`; no version pinned), so that a report quotes
//! what a user would find. Checks should rely on the status, not on the text: "remote connection
//! failure" reads "connection failure" in older versions.

use http::{HeaderValue, Response, StatusCode, header};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Empty, Full};
use hyper::body::Bytes;

use super::access_log::ResponseFlag;

/// Why a body ended early.
pub(super) type BodyError = Box<dyn std::error::Error + Send + Sync>;

/// The body of a request or answer on its way.
pub(super) type Body = UnsyncBoxBody<Bytes, BodyError>;

/// A body of nothing.
pub(super) fn empty() -> Body {
    Empty::new().map_err(|never| match never {}).boxed_unsync()
}

/// A body of nothing that does not say so in advance: HTTP/2 needs no `content-length: 0`.
pub(super) fn unsaid() -> Body {
    Unsaid.boxed_unsync()
}

struct Unsaid;

impl hyper::body::Body for Unsaid {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<hyper::body::Frame<Bytes>, BodyError>>> {
        std::task::Poll::Ready(None)
    }

    fn is_end_stream(&self) -> bool {
        true
    }
}

/// A body that is there as a whole.
pub(super) fn whole(bytes: Bytes) -> Body {
    Full::new(bytes).map_err(|never| match never {}).boxed_unsync()
}

/// Says of an answer that the data plane gave it itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Local {
    /// The body's text.
    text: &'static str,
    /// Why, in Envoy's letters.
    pub(super) flag: Option<ResponseFlag>,
    /// When it was given.
    pub(super) moment: Moment,
}

/// When the data plane answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Moment {
    /// The codec did not make a request of it.
    BeforeRequest,
    /// As soon as the request's head was read.
    AtOnce,
    /// Later.
    Later,
}

/// When the data plane gave an answer itself; `None` for a backend's.
pub(super) fn moment(answer: &Response<Body>) -> Option<Moment> {
    answer.extensions().get::<Local>().map(|local| local.moment)
}

/// An answer without body; a status that is no HTTP status becomes 500.
pub(super) fn status(status: u16) -> Response<Body> {
    let mut answer = Response::new(empty());
    *answer.status_mut() =
        StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    answer
}

/// The same, with its reason.
pub(super) fn local(status: u16, flag: Option<ResponseFlag>) -> Response<Body> {
    let mut answer = self::status(status);
    answer.extensions_mut().insert(Local { text: "", flag, moment: Moment::AtOnce });
    answer
}

fn text(code: StatusCode, text: &'static str, flag: ResponseFlag) -> Response<Body> {
    let mut answer = Response::new(whole(Bytes::from_static(text.as_bytes())));
    *answer.status_mut() = code;
    answer.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain"));
    let local = Local { text, flag: Some(flag), moment: Moment::Later };
    answer.extensions_mut().insert(local);
    answer
}

/// No network policy lets the client in: 403 (cilium/proxy `cilium/l7policy.cc`).
pub(super) fn access_denied() -> Response<Body> {
    let mut answer = Response::new(whole(Bytes::from_static(b"Access denied\r\n")));
    *answer.status_mut() = StatusCode::FORBIDDEN;
    answer.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain"));
    let local = Local { text: "Access denied", flag: None, moment: Moment::AtOnce };
    answer.extensions_mut().insert(local);
    answer
}

/// No route, or no virtual host: 404 without body.
pub(super) fn no_route() -> Response<Body> {
    local(404, Some(ResponseFlag::NoRoute))
}

/// The request cannot be served as it is: 400 without body.
pub(super) fn bad_request() -> Response<Body> {
    local(400, Some(ResponseFlag::ClientProtocolError))
}

/// What Envoy's codec does not take: the connection ends.
pub(super) fn refused_by_codec(code: StatusCode) -> Response<Body> {
    let words = match code {
        StatusCode::UPGRADE_REQUIRED => "Upgrade Required",
        StatusCode::FORBIDDEN => "Forbidden",
        _ => "Bad Request",
    };
    let mut answer = text(code, words, ResponseFlag::ClientProtocolError);
    answer.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    if let Some(local) = answer.extensions_mut().get_mut::<Local>() {
        local.moment = Moment::BeforeRequest;
    }
    answer
}

/// A cluster without ready endpoint: 503.
pub(super) fn no_healthy_upstream() -> Response<Body> {
    let flag = ResponseFlag::NoHealthyUpstream;
    let mut answer = text(StatusCode::SERVICE_UNAVAILABLE, "no healthy upstream", flag);
    if let Some(local) = answer.extensions_mut().get_mut::<Local>() {
        local.moment = Moment::AtOnce;
    }
    answer
}

/// An answer of the data plane as a gRPC client gets it: 200, and the reason as a gRPC status
/// (envoyproxy/envoy `source/common/grpc/status.cc`, `source/common/http/utility.cc`).
pub(super) fn as_grpc(mut answer: Response<Body>) -> Response<Body> {
    let Some(local) = answer.extensions().get::<Local>().copied() else { return answer };
    let code = match answer.status().as_u16() {
        400 => "13",
        401 => "16",
        403 => "7",
        404 => "12",
        429 | 502..=504 => "14",
        _ => "2",
    };
    *answer.status_mut() = StatusCode::OK;
    *answer.body_mut() = empty();
    let fields = answer.headers_mut();
    fields.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
    fields.insert("grpc-status", HeaderValue::from_static(code));
    if !local.text.is_empty() {
        fields.insert("grpc-message", HeaderValue::from_static(local.text));
    }
    answer
}

/// Why an endpoint gave no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum UpstreamFailure {
    /// No TCP connection.
    Connect,
    /// The connection ended before an answer.
    Terminated,
    /// The endpoint reset the HTTP/2 stream before an answer.
    Reset,
    /// What came was not HTTP.
    Protocol,
    /// No answer in time.
    TimedOut,
}

/// Envoy's words for a backend that gave no answer, without and after a retry.
macro_rules! reset {
    ($reason:literal) => {
        [
            concat!(
                "upstream connect error or disconnect/reset before headers. reset reason: ",
                $reason
            ),
            concat!(
                "upstream connect error or disconnect/reset before headers. ",
                "retried and the latest reset reason: ",
                $reason
            ),
        ]
    };
}

/// Whether a request was sent to backends more than once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tries {
    /// Once.
    One,
    /// Again after a failure: Envoy says so in its answer.
    Several,
}

/// An endpoint that gave no answer: 503, 502 for a protocol error, 504 for a timeout.
pub(super) fn upstream_failed(failure: UpstreamFailure, tries: Tries) -> Response<Body> {
    use ResponseFlag::{
        ConnectFailure, ConnectionTermination, RemoteReset, RequestTimeout, UpstreamProtocolError,
    };
    let (status, reason, flag) = match failure {
        UpstreamFailure::Connect => {
            (StatusCode::SERVICE_UNAVAILABLE, reset!("remote connection failure"), ConnectFailure)
        }
        UpstreamFailure::Terminated => (
            StatusCode::SERVICE_UNAVAILABLE,
            reset!("connection termination"),
            ConnectionTermination,
        ),
        UpstreamFailure::Reset => {
            (StatusCode::SERVICE_UNAVAILABLE, reset!("remote reset"), RemoteReset)
        }
        UpstreamFailure::Protocol => {
            (StatusCode::BAD_GATEWAY, reset!("protocol error"), UpstreamProtocolError)
        }
        UpstreamFailure::TimedOut => {
            return text(StatusCode::GATEWAY_TIMEOUT, "upstream request timeout", RequestTimeout);
        }
    };
    let [first, again] = reason;
    let body = match tries {
        Tries::One => first,
        Tries::Several => again,
    };
    text(status, body, flag)
}
