//! A TLS handshake on its own: what is asked of a Gateway that passes TLS through.
//!
//! Envoy speaks no TLS there: it reads the server name and passes bytes on, or closes. So a TLS
//! record that comes back is a backend's, whatever it says, and a connection that ends without one
//! has met no TLS server.

use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{TcpOutcome, TlsFailure, TlsObservation};

/// One TLS handshake, and nothing after it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct HandshakeObservation {
    /// The socket that was dialled, after the address book.
    pub dialled: SocketAddr,
    /// What was learned, also when it did not complete; `None` without a connection.
    pub tls: Option<TlsObservation>,
    /// What came of it.
    pub outcome: HandshakeOutcome,
    /// From the first packet to the outcome.
    #[serde(with = "super::micros", rename = "tookMicros")]
    pub took: Duration,
}

/// What came of a TLS handshake.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum HandshakeOutcome {
    /// It completed. A server that wants a certificate of the client may still refuse it
    /// afterwards.
    Completed,
    /// A TLS server answered, and the two did not come to terms.
    Answered(TlsFailure),
    /// No TCP connection; the outcome is never `Accepted`.
    NotConnected(TcpOutcome),
    /// Connected, but nothing of TLS came back.
    Unanswered(Unanswered),
}

/// How a connection ended on which no TLS server answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Unanswered {
    /// The far side closed or reset it without a byte.
    Closed,
    /// Not a byte within the limit.
    TimedOut,
    /// What came is no TLS; how it begins.
    NotTls(String),
    /// Anything else, in the library's words.
    Other(String),
}

impl fmt::Display for HandshakeOutcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Completed => f.write_str("the TLS handshake completed"),
            Self::Answered(failure) => write!(f, "a TLS server answered: {failure}"),
            Self::NotConnected(outcome) => write!(f, "not connected, {outcome}"),
            Self::Unanswered(how) => how.fmt(f),
        }
    }
}

impl fmt::Display for Unanswered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Closed => f.write_str("closed by the far side before a byte of TLS"),
            Self::TimedOut => f.write_str("connected, then silence: no byte of TLS in time"),
            Self::NotTls(begins) => {
                write!(f, "what came back is no TLS; it begins with `{begins}`")
            }
            Self::Other(reason) => f.write_str(reason),
        }
    }
}
