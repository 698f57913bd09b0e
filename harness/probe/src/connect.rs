//! TCP handshakes and what came of them.
//!
//! What a handshake can tell and what it cannot: `connect` returns as soon as the peer's kernel
//! has answered SYN with SYN-ACK. Whether a program ever accepts the connection, or a proxy
//! behind it resets it at once, is not visible by then. So [`TcpOutcome::Reset`] is reported only
//! when the reset arrives during the handshake itself; a peer that accepts and then resets shows
//! as `Accepted` here, as it does to a load balancer's TCP health check, and as a reset or closed
//! connection in an HTTP probe.

use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use gateproof_core::observation::{TcpObservation, TcpOutcome};
use tokio::net::TcpStream;

/// Tries one TCP handshake with `socket` and closes the connection again.
pub async fn tcp(socket: SocketAddr, timeout: Duration) -> TcpObservation {
    let started = Instant::now();
    let outcome = match tokio::time::timeout(timeout, dial(socket)).await {
        Ok(Ok(_stream)) => TcpOutcome::Accepted,
        Ok(Err(outcome)) => outcome,
        Err(_elapsed) => TcpOutcome::TimedOut,
    };
    TcpObservation { dialled: socket, outcome, took: started.elapsed() }
}

/// Connects; the error is never [`TcpOutcome::Accepted`].
pub(crate) async fn dial(socket: SocketAddr) -> Result<TcpStream, TcpOutcome> {
    let stream = TcpStream::connect(socket).await.map_err(|error| outcome_of(&error))?;
    if is_connected_to_itself(&stream) {
        return Err(TcpOutcome::Refused);
    }
    stream.set_nodelay(true).map_err(|error| outcome_of(&error))?;
    Ok(stream)
}

/// Whether both ends are the same socket. When nothing listens on a local port of the ephemeral
/// range, the kernel may pick that very port as source, and TCP's simultaneous open connects the
/// socket to itself: a handshake that completed although nobody is there.
fn is_connected_to_itself(stream: &TcpStream) -> bool {
    match (stream.local_addr(), stream.peer_addr()) {
        (Ok(local), Ok(peer)) => local == peer,
        _ => false,
    }
}

/// Names the cause of a failed `connect`.
fn outcome_of(error: &io::Error) -> TcpOutcome {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => TcpOutcome::Refused,
        io::ErrorKind::TimedOut => TcpOutcome::TimedOut,
        io::ErrorKind::ConnectionReset
        | io::ErrorKind::ConnectionAborted
        | io::ErrorKind::BrokenPipe
        | io::ErrorKind::NotConnected => TcpOutcome::Reset,
        io::ErrorKind::HostUnreachable
        | io::ErrorKind::NetworkUnreachable
        | io::ErrorKind::NetworkDown => TcpOutcome::Unreachable,
        _ => TcpOutcome::Other(error.to_string()),
    }
}

#[cfg(test)]
mod tests;
