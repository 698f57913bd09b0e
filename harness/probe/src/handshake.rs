//! One TLS handshake and nothing after it, for where TLS is passed through.
//!
//! Whether *anybody* spoke TLS is what counts: a peer that asks for a certificate, knows no such
//! name or wants another version has answered, and a peer that closes has not. The library's error
//! alone does not tell the two apart (a server may send an alert and reset at once), so the first
//! bytes that came are kept.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::{cmp, io};

use gateproof_core::observation::{
    HandshakeObservation, HandshakeOutcome, TcpOutcome, TlsFailure, TlsObservation, Unanswered,
};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

use crate::connect::dial;
use crate::deadline::Clock;
use crate::request::HandshakeProbe;
use crate::tls;

/// So many of the first bytes are kept.
const KEPT: usize = 24;

/// Tries a TLS handshake and closes the connection again.
pub async fn handshake(probe: &HandshakeProbe) -> HandshakeObservation {
    let clock = Clock::start(probe.timeouts.total);
    let (tls, outcome) = attempt(probe, clock).await;
    HandshakeObservation { dialled: probe.socket, tls, outcome, took: clock.elapsed() }
}

async fn attempt(
    probe: &HandshakeProbe,
    clock: Clock,
) -> (Option<TlsObservation>, HandshakeOutcome) {
    let limit = clock.limit(probe.timeouts.connect);
    let dialled = tokio::time::timeout_at(limit, dial(probe.socket)).await;
    let stream = match dialled.unwrap_or(Err(TcpOutcome::TimedOut)) {
        Ok(stream) => stream,
        Err(outcome) => return (None, HandshakeOutcome::NotConnected(outcome)),
    };
    let heard = Heard::default();
    let stream = Listening { stream, heard: heard.clone() };
    let limit = clock.limit(probe.timeouts.tls);
    let connected = (stream, probe.socket.ip());
    let done = tls::handshake(connected, &probe.tls, Vec::new(), limit).await;
    let outcome = match done.stream {
        Ok(_stream) => HandshakeOutcome::Completed,
        Err(failure) => failed(&heard.first(), failure),
    };
    (Some(done.observation), outcome)
}

/// What a handshake that failed shows, by what came back.
fn failed(first: &[u8], failure: TlsFailure) -> HandshakeOutcome {
    if is_tls(first) {
        return HandshakeOutcome::Answered(failure);
    }
    HandshakeOutcome::Unanswered(if first.is_empty() {
        match failure {
            TlsFailure::TimedOut => Unanswered::TimedOut,
            TlsFailure::Other(reason) => Unanswered::Other(reason),
            TlsFailure::ClosedByPeer | TlsFailure::Alert(_) | TlsFailure::NotTls => {
                Unanswered::Closed
            }
        }
    } else {
        Unanswered::NotTls(first.escape_ascii().to_string())
    })
}

/// Whether bytes begin a record of TLS: its type, and the version's first byte (RFC 8446, 5.1).
fn is_tls(first: &[u8]) -> bool {
    matches!(first, [20..=23, 3, ..])
}

/// The first bytes that came over a connection.
#[derive(Debug, Clone, Default)]
struct Heard(Arc<Mutex<Vec<u8>>>);

impl Heard {
    fn first(&self) -> Vec<u8> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn hear(&self, bytes: &[u8]) {
        let mut first = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let room = cmp::min(KEPT - first.len(), bytes.len());
        first.extend_from_slice(&bytes[..room]);
    }
}

/// A connection whose first bytes are kept.
struct Listening {
    stream: TcpStream,
    heard: Heard,
}

impl AsyncRead for Listening {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let polled = Pin::new(&mut self.stream).poll_read(context, buffer);
        self.heard.hear(&buffer.filled()[before..]);
        polled
    }
}

impl AsyncWrite for Listening {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests;
