//! Trailers that do not get through: Envoy's HTTP/1 codec drops those of requests and answers
//! unless `enable_trailers` is set (envoyproxy/envoy `api/envoy/config/core/v3/protocol.proto`),
//! which Cilium sets nowhere. Between HTTP/2 and HTTP/2 they are passed on.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use http::Version;
use hyper::body::{Body, Frame, SizeHint};

/// Whether trailers get through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Trailers {
    /// As they are.
    Passed,
    /// Not at all.
    Dropped,
}

impl Trailers {
    /// What becomes of the trailers of a message that comes in one version and goes on in another.
    pub(super) fn between(from: Version, to: Version) -> Self {
        if from == Version::HTTP_2 && to == Version::HTTP_2 { Self::Passed } else { Self::Dropped }
    }
}

/// A body whose trailers are passed on or dropped.
#[derive(Debug)]
pub(super) struct Trailing<B> {
    body: B,
    trailers: Trailers,
}

impl<B> Trailing<B> {
    /// The body with what becomes of its trailers.
    pub(super) fn new(body: B, trailers: Trailers) -> Self {
        Self { body, trailers }
    }
}

impl<B: Body + Unpin> Body for Trailing<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(context));
        let dropped = self.trailers == Trailers::Dropped
            && matches!(&frame, Some(Ok(frame)) if frame.is_trailers());
        Poll::Ready(if dropped { None } else { frame })
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
