//! What asker and prober write to each other: one JSON value a line.
//!
//! The prober speaks first and says which version it is. Then questions and answers go past each
//! other in any order, told apart by a number that the asker gives. When the asker closes its end,
//! the prober gives up everything that is under way and ends. Nothing here is secret: trust roots
//! are certificates, and there is no field for a key.

use gateproof_core::observation::{HandshakeObservation, HttpObservation, TcpObservation};
use serde::{Deserialize, Serialize};

use crate::request::{HandshakeProbe, HttpProbe, TcpProbe};

/// The version of the protocol. Asker and prober must speak the same.
pub const VERSION: u32 = 2;

/// What the asker writes.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase", deny_unknown_fields)]
pub enum FromAsker {
    /// A question.
    Ask {
        /// Its number, never used before.
        id: u64,
        /// What is asked.
        question: Question,
    },
    /// Nobody waits for this answer any more.
    Forget {
        /// The question's number.
        id: u64,
    },
}

/// What the prober writes.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase", deny_unknown_fields)]
pub enum FromProber {
    /// The first line.
    Hello {
        /// The version of the protocol.
        version: u32,
        /// The program's version.
        program: String,
    },
    /// What was seen.
    Answer {
        /// The question's number.
        id: u64,
        /// What was seen.
        observation: Observation,
    },
    /// A line could not be understood; the prober ends.
    Refused {
        /// Why.
        reason: String,
    },
}

/// A question.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Question {
    /// A TCP handshake.
    Tcp(TcpProbe),
    /// An HTTP or HTTPS request.
    Http(Box<HttpProbe>),
    /// A TLS handshake.
    Handshake(Box<HandshakeProbe>),
}

/// What was seen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Observation {
    /// Of a TCP handshake.
    Tcp(TcpObservation),
    /// Of an HTTP or HTTPS request.
    Http(Box<HttpObservation>),
    /// Of a TLS handshake.
    Handshake(Box<HandshakeObservation>),
}

/// A message as a line.
pub(super) fn line(message: &impl Serialize) -> Vec<u8> {
    let mut line = serde_json::to_vec(message).expect("messages have text for keys");
    line.push(b'\n');
    line
}
