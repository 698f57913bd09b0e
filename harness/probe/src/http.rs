//! One HTTP or HTTPS request from connect to the end of the body.
//!
//! The order of phases and their limits is here; the request as bytes is in [`message`], the
//! exchange over an open stream in [`exchange`], the causes of its failures in [`failure`]. No
//! redirect is followed, nothing is repeated, no connection outlives its probe.

mod echo;
mod exchange;
mod failure;
mod message;

use gateproof_core::observation::{
    HttpObservation, HttpOutcome, HttpVersion, NoResponse, TcpOutcome, Timings, TlsObservation,
};
use tokio::net::TcpStream;

use crate::connect::dial;
use crate::deadline::Clock;
use crate::request::{HttpProbe, VersionChoice};
use crate::tls;
use exchange::Exchange;

/// Sends one request and says what came of it. A phase's timing is present when that phase was
/// completed, so a first-byte time beside [`NoResponse`] means that the head of a response had
/// arrived and its body had not.
pub async fn http(probe: &HttpProbe) -> HttpObservation {
    let clock = Clock::start(probe.timeouts.total);
    let mut run = Run { probe, clock, tls: None, timings: Timings::default() };
    let outcome = run.outcome().await;
    run.timings.total = clock.elapsed();
    HttpObservation { dialled: probe.socket, tls: run.tls, outcome, timings: run.timings }
}

/// A probe under way: what has been learned so far.
struct Run<'p> {
    probe: &'p HttpProbe,
    clock: Clock,
    tls: Option<TlsObservation>,
    timings: Timings,
}

impl Run<'_> {
    async fn outcome(&mut self) -> HttpOutcome {
        if let Err(problem) = message::check(self.probe) {
            return HttpOutcome::NoResponse(NoResponse::Other(problem));
        }
        let stream = match self.connect().await {
            Ok(stream) => stream,
            Err(outcome) => return HttpOutcome::NotConnected(outcome),
        };
        let Some(tls) = &self.probe.tls else {
            let version = match self.probe.version {
                VersionChoice::Http2 => HttpVersion::Http2,
                VersionChoice::Http1 | VersionChoice::ByAlpn => HttpVersion::Http1,
            };
            return self.exchange(stream, version).await;
        };
        let before = self.clock.elapsed();
        let limit = self.clock.limit(self.probe.timeouts.tls);
        let connected = (stream, self.probe.socket.ip());
        let protocols = tls::http_protocols(self.probe.version);
        let handshake = tls::handshake(connected, tls, protocols, limit).await;
        let chosen = version_by_alpn(self.probe.version, handshake.observation.alpn.as_deref());
        self.tls = Some(handshake.observation);
        let stream = match handshake.stream {
            Ok(stream) => stream,
            Err(failure) => return HttpOutcome::TlsFailed(failure),
        };
        self.timings.tls = Some(self.clock.elapsed().saturating_sub(before));
        match chosen {
            Ok(version) => self.exchange(stream, version).await,
            Err(problem) => HttpOutcome::NoResponse(NoResponse::Other(problem)),
        }
    }

    async fn connect(&mut self) -> Result<TcpStream, TcpOutcome> {
        let limit = self.clock.limit(self.probe.timeouts.connect);
        let stream = tokio::time::timeout_at(limit, dial(self.probe.socket))
            .await
            .unwrap_or(Err(TcpOutcome::TimedOut))?;
        self.timings.connect = Some(self.clock.elapsed());
        Ok(stream)
    }

    async fn exchange<S>(&mut self, stream: S, version: HttpVersion) -> HttpOutcome
    where
        S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
    {
        let exchange = Exchange { probe: self.probe, clock: self.clock, version };
        exchange.run(stream, &mut self.timings).await
    }
}

/// The version to speak after a handshake.
fn version_by_alpn(choice: VersionChoice, alpn: Option<&str>) -> Result<HttpVersion, String> {
    match (choice, alpn) {
        (_, Some("h2")) => Ok(HttpVersion::Http2),
        (VersionChoice::Http2, _) => Err(
            "HTTP/2 was asked for, but the server chose no protocol by ALPN; is ALPN enabled on \
             the Gateway?"
                .to_owned(),
        ),
        (VersionChoice::Http1 | VersionChoice::ByAlpn, _) => Ok(HttpVersion::Http1),
    }
}

#[cfg(test)]
pub(crate) mod tests;
