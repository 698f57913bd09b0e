//! The body of a request on its way to backends: kept as a whole where it may be sent more than
//! once (retries, mirrors), streamed otherwise.
//!
//! Kept are bodies up to Envoy's default buffer of 1 MiB; a longer one is streamed to the first
//! backend and sent nowhere else, as Envoy gives up retries and mirrors then.

use futures_util::stream;
use futures_util::{FutureExt, StreamExt};
use http::{HeaderMap, header};
use http_body_util::{BodyExt, BodyStream, StreamBody};
use hyper::body::{Body as _, Bytes, Frame, Incoming};

use super::answer::{Body, BodyError, whole};

/// Envoy's default `per_connection_buffer_limit_bytes`.
const LIMIT: usize = 1024 * 1024;

/// How often a body may be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sends {
    /// To one backend, once.
    Once,
    /// Again for a retry, or to mirrors too.
    Repeatedly,
}

/// A request body.
pub(super) enum Payload {
    /// All of it.
    Whole(Kept),
    /// To be sent once; nothing when it was.
    Stream(Option<Body>),
}

/// A body that is kept.
pub(super) struct Kept {
    bytes: Bytes,
    framing: Framing,
    trailers: Option<HeaderMap>,
}

/// How a body's end is found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Framing {
    /// By its length, said in advance.
    Counted,
    /// By itself.
    Chunked,
}

impl Payload {
    /// Takes a body over, reading it when it may be sent more than once.
    pub(super) async fn gather(mut body: Body, sends: Sends) -> Result<Self, BodyError> {
        if sends == Sends::Once {
            return Ok(Self::Stream(Some(body)));
        }
        let framing = match body.size_hint().exact() {
            Some(_) => Framing::Counted,
            None => Framing::Chunked,
        };
        let mut read: Vec<Bytes> = Vec::new();
        let mut length = 0;
        let mut trailers = None;
        while let Some(frame) = body.frame().await {
            match frame?.into_data() {
                Ok(data) => {
                    length += data.len();
                    read.push(data);
                }
                Err(frame) => trailers = frame.into_trailers().ok(),
            }
            if length > LIMIT {
                return Ok(Self::Stream(Some(continued(read, body))));
            }
        }
        Ok(Self::Whole(Kept { bytes: Bytes::from(read.concat()), framing, trailers }))
    }

    /// The body to send, if it can still be sent.
    pub(super) fn body(&mut self) -> Option<Body> {
        match self {
            Self::Whole(kept) => Some(kept.again()),
            Self::Stream(body) => body.take(),
        }
    }

    /// Another copy for a mirror.
    pub(super) fn copy(&self) -> Option<Body> {
        match self {
            Self::Whole(kept) => Some(kept.again()),
            Self::Stream(_) => None,
        }
    }
}

impl Kept {
    fn again(&self) -> Body {
        let data = self.bytes.clone();
        match (self.framing, &self.trailers) {
            (Framing::Counted, None) => whole(data),
            (_, trailers) => {
                let trailers = trailers.clone().map(Frame::trailers);
                let frames = [Frame::data(data)].into_iter().chain(trailers).map(Ok);
                StreamBody::new(stream::iter(frames)).boxed_unsync()
            }
        }
    }
}

/// What was read already, then the rest as it comes.
fn continued(read: Vec<Bytes>, rest: Body) -> Body {
    let read = stream::iter(read.into_iter().map(|data| Ok(Frame::data(data))));
    StreamBody::new(read.chain(BodyStream::new(rest))).boxed_unsync()
}

/// A request's body. To a client that waits for `100 Continue` Envoy says it at once, whatever
/// the answer will be; here the server says it when the body is asked for.
pub(super) async fn awaited(headers: &HeaderMap, body: Incoming) -> Body {
    let waits = headers
        .get(header::EXPECT)
        .is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"100-continue"));
    let mut body = body.map_err(BodyError::from).boxed_unsync();
    if !waits || body.is_end_stream() {
        return body;
    }
    let asked = body.frame().now_or_never();
    tokio::task::yield_now().await;
    match asked {
        None => body,
        Some(None) => super::answer::empty(),
        Some(Some(first)) => {
            let first = stream::iter([first]);
            StreamBody::new(first.chain(BodyStream::new(body))).boxed_unsync()
        }
    }
}
