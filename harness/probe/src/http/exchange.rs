//! One request and its response over an open stream.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use gateproof_core::observation::{HttpOutcome, HttpResponse, HttpVersion, NoResponse, Timings};
use http_body_util::{BodyExt, Empty};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::{http1, http2};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::task::JoinSet;
use tokio::time::timeout_at;

use super::{echo, failure, message};
use crate::deadline::Clock;
use crate::request::HttpProbe;

/// What an exchange needs besides its stream.
pub(super) struct Exchange<'p> {
    /// The question.
    pub(super) probe: &'p HttpProbe,
    /// The probe's clock.
    pub(super) clock: Clock,
    /// The version to speak.
    pub(super) version: HttpVersion,
}

/// The body of a response as far as it was kept.
struct Body {
    kept: Vec<u8>,
    cut: bool,
}

impl Exchange<'_> {
    /// Sends the request and reads the response; notes when its head arrived.
    pub(super) async fn run<S>(&self, stream: S, timings: &mut Timings) -> HttpOutcome
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let asked = self.clock.elapsed();
        let limit = self.clock.limit(self.probe.timeouts.response);
        let mut connection = Connection::new();
        let head = match timeout_at(limit, self.head(stream, &mut connection)).await {
            Ok(Ok(head)) => head,
            Ok(Err(outcome)) => return outcome,
            Err(_elapsed) => return HttpOutcome::NoResponse(NoResponse::TimedOut),
        };
        timings.first_byte = Some(self.clock.elapsed().saturating_sub(asked));
        let (parts, incoming) = head.into_parts();
        match timeout_at(self.clock.end(), self.body(incoming, &mut connection)).await {
            Ok(Ok(body)) => HttpOutcome::Response(response(&parts, &body)),
            Ok(Err(error)) => connection.outcome_of(&error),
            Err(_elapsed) => HttpOutcome::NoResponse(NoResponse::TimedOut),
        }
    }

    /// Sends the request and waits for the head of the response.
    async fn head<S>(
        &self,
        stream: S,
        connection: &mut Connection,
    ) -> Result<http::Response<Incoming>, HttpOutcome>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let request = message::build(self.probe, self.version)
            .map_err(|problem| HttpOutcome::NoResponse(NoResponse::Other(problem)))?;
        let io = TokioIo::new(stream);
        let answer = match self.version {
            HttpVersion::Http1 => {
                let (mut sender, driver) = http1::handshake::<_, Empty<Bytes>>(io)
                    .await
                    .map_err(|e| failure::outcome_of(&e))?;
                connection.driver = Some(Box::pin(driver));
                connection.drive(sender.send_request(request)).await
            }
            HttpVersion::Http2 => {
                let (mut sender, driver) = http2::handshake(connection.tasks.clone(), io)
                    .await
                    .map_err(|e| failure::outcome_of(&e))?;
                connection.driver = Some(Box::pin(driver));
                let answer = connection.drive(sender.send_request(request)).await;
                connection.sender = Some(sender);
                answer
            }
        };
        answer.map_err(|error| connection.outcome_of(&error))
    }

    /// Reads the body up to the limit; stops at the first byte beyond it.
    async fn body(
        &self,
        mut incoming: Incoming,
        connection: &mut Connection,
    ) -> Result<Body, hyper::Error> {
        let mut kept = Vec::new();
        while let Some(frame) = connection.drive(incoming.frame()).await {
            let Ok(data) = frame?.into_data() else { continue };
            let room = self.probe.body_limit - kept.len();
            kept.extend_from_slice(&data[..data.len().min(room)]);
            if data.len() > room {
                return Ok(Body { kept, cut: true });
            }
        }
        Ok(Body { kept, cut: false })
    }
}

/// The response as an observation.
fn response(parts: &http::response::Parts, body: &Body) -> HttpResponse {
    HttpResponse {
        status: parts.status.as_u16(),
        version: if parts.version == http::Version::HTTP_2 {
            HttpVersion::Http2
        } else {
            HttpVersion::Http1
        },
        headers: parts
            .headers
            .iter()
            .map(|(name, value)| {
                (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned())
            })
            .collect(),
        body: String::from_utf8_lossy(&body.kept).into_owned(),
        body_cut: body.cut,
        echo: if body.cut { None } else { echo::parse(&body.kept) },
    }
}

/// The connection under a request. It makes progress only while the probe waits for something
/// ([`Connection::drive`]), and ends with it.
struct Connection {
    driver: Option<Pin<Box<dyn Future<Output = hyper::Result<()>> + Send>>>,
    /// What the driver ended with; the request itself often only learns that it was cancelled.
    failed: Option<hyper::Error>,
    /// Kept until the body is read: HTTP/2 says goodbye when the last sender is gone.
    sender: Option<http2::SendRequest<Empty<Bytes>>>,
    tasks: Tasks,
}

impl Connection {
    fn new() -> Self {
        Self { driver: None, failed: None, sender: None, tasks: Tasks::default() }
    }

    /// Waits for `wanted` and moves the connection on meanwhile.
    async fn drive<F: Future>(&mut self, wanted: F) -> F::Output {
        let mut wanted = pin!(wanted);
        poll_fn(|context| {
            if let Poll::Ready(output) = wanted.as_mut().poll(context) {
                return Poll::Ready(output);
            }
            self.advance(context);
            wanted.as_mut().poll(context)
        })
        .await
    }

    fn advance(&mut self, context: &mut Context<'_>) {
        let Some(driver) = &mut self.driver else { return };
        if let Poll::Ready(ended) = driver.as_mut().poll(context) {
            self.driver = None;
            self.failed = ended.err();
        }
    }

    /// The outcome of a failed request: its own error, or the connection's when that says more.
    fn outcome_of(&mut self, error: &hyper::Error) -> HttpOutcome {
        match self.failed.take() {
            Some(deeper) if error.is_canceled() || error.is_closed() => {
                failure::outcome_of(&deeper)
            }
            _ => failure::outcome_of(error),
        }
    }
}

/// Runs the HTTP/2 library's background tasks and ends them with the probe.
#[derive(Clone, Default)]
struct Tasks {
    running: Arc<Mutex<JoinSet<()>>>,
}

impl<F> hyper::rt::Executor<F> for Tasks
where
    F: Future<Output = ()> + Send + 'static,
{
    fn execute(&self, task: F) {
        self.running.lock().unwrap_or_else(PoisonError::into_inner).spawn(task);
    }
}
