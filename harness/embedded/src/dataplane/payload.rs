//! The body of a request on its way to backends: kept as a whole where it may be sent more than
//! once (retries, mirrors), streamed otherwise.
//!
//! Kept are bodies up to Envoy's default buffer of 1 MiB; a longer one is streamed to the first
//! backend and sent nowhere else, as Envoy gives up retries and mirrors then. Trailers of a
//! kept request body are not kept.

use futures_util::StreamExt;
use futures_util::stream;
use http_body_util::{BodyExt, BodyStream, StreamBody};
use hyper::body::{Bytes, Frame, Incoming};

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
    Whole(Bytes),
    /// To be sent once; nothing when it was.
    Stream(Option<Body>),
}

impl Payload {
    /// Takes a body over, reading it when it may be sent more than once.
    pub(super) async fn gather(body: Incoming, sends: Sends) -> Result<Self, hyper::Error> {
        if sends == Sends::Once {
            return Ok(Self::Stream(Some(body.map_err(BodyError::from).boxed_unsync())));
        }
        let mut body = body;
        let mut read: Vec<Bytes> = Vec::new();
        let mut length = 0;
        while let Some(frame) = body.frame().await {
            if let Ok(data) = frame?.into_data() {
                length += data.len();
                read.push(data);
            }
            if length > LIMIT {
                return Ok(Self::Stream(Some(continued(read, body))));
            }
        }
        Ok(Self::Whole(Bytes::from(read.concat())))
    }

    /// The body to send, if it can still be sent.
    pub(super) fn body(&mut self) -> Option<Body> {
        match self {
            Self::Whole(bytes) => Some(whole(bytes.clone())),
            Self::Stream(body) => body.take(),
        }
    }

    /// Another copy for a mirror.
    pub(super) fn copy(&self) -> Option<Body> {
        match self {
            Self::Whole(bytes) => Some(whole(bytes.clone())),
            Self::Stream(_) => None,
        }
    }
}

/// What was read already, then the rest as it comes.
fn continued(read: Vec<Bytes>, rest: Incoming) -> Body {
    let read = stream::iter(read.into_iter().map(|data| Ok(Frame::data(data))));
    let rest = BodyStream::new(rest).map(|frame| frame.map_err(BodyError::from));
    StreamBody::new(read.chain(rest)).boxed_unsync()
}
