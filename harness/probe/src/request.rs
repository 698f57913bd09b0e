//! What to ask: the value that describes one HTTP or HTTPS probe.
//!
//! Socket, server name and host are three independent fields on purpose: a probe dials one node
//! of many, and a mismatch between server name and host is itself a question worth asking.
//!
//! The values can be written down, because a prober may stand elsewhere ([`crate::prober`]).

use std::net::SocketAddr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::roots::TrustRoots;

/// One TCP handshake with one socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TcpProbe {
    /// The socket to dial.
    pub socket: SocketAddr,
    /// How long the handshake may take.
    #[serde(with = "micros", rename = "timeoutMicros")]
    pub timeout: Duration,
}

/// One HTTP or HTTPS request to one socket.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct HttpProbe {
    /// The socket to dial.
    pub socket: SocketAddr,
    /// The method, such as `GET`.
    pub method: String,
    /// The `Host` field (HTTP/1.1) or `:authority` (HTTP/2), exactly as sent.
    pub host: String,
    /// Path and query, starting with `/`.
    pub path_and_query: String,
    /// Further header fields, in order.
    pub headers: Vec<(String, String)>,
    /// How to speak TLS; `None` speaks plain HTTP.
    pub tls: Option<TlsProbe>,
    /// Which HTTP version to speak.
    pub version: VersionChoice,
    /// How long each phase may take.
    pub timeouts: Timeouts,
    /// How many bytes of the body to keep; the rest is not read.
    pub body_limit: usize,
}

impl HttpProbe {
    /// A plain `GET /` with usual limits and 64 KiB of body; change the fields as needed.
    pub fn get(socket: SocketAddr, host: impl Into<String>) -> Self {
        Self {
            socket,
            method: "GET".to_owned(),
            host: host.into(),
            path_and_query: "/".to_owned(),
            headers: Vec::new(),
            tls: None,
            version: VersionChoice::ByAlpn,
            timeouts: Timeouts::default(),
            body_limit: 64 * 1024,
        }
    }
}

/// One TLS handshake with one socket, and nothing after it.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct HandshakeProbe {
    /// The socket to dial.
    pub socket: SocketAddr,
    /// How to speak TLS. No protocol is offered by ALPN: nobody knows what comes after it.
    pub tls: TlsProbe,
    /// How long the phases may take; there is no response.
    pub timeouts: Timeouts,
}

/// How to speak TLS in a probe.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TlsProbe {
    /// The server name to send (SNI).
    pub server_name: ServerNameChoice,
    /// The DNS name or address that the served certificate must hold for.
    pub verify_for: String,
    /// The roots that the chain must lead to; never those of the system.
    pub roots: TrustRoots,
    /// Which versions of TLS to offer.
    pub versions: TlsVersions,
}

impl TlsProbe {
    /// Sends `name` as server name, verifies for it against `roots`, offers TLS 1.2 and 1.3.
    pub fn named(name: impl Into<String>, roots: TrustRoots) -> Self {
        let name = name.into();
        Self {
            server_name: ServerNameChoice::Name(name.clone()),
            verify_for: name,
            roots,
            versions: TlsVersions::Both,
        }
    }
}

/// The server name in the ClientHello.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum ServerNameChoice {
    /// This DNS name. An IP address is never sent as server name (RFC 6066 §3), so naming one
    /// is the same as [`ServerNameChoice::Absent`], and the observation says so.
    Name(String),
    /// No server name.
    Absent,
}

/// The TLS versions to offer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum TlsVersions {
    /// TLS 1.2 and 1.3.
    #[default]
    Both,
    /// TLS 1.2 only.
    Tls12,
    /// TLS 1.3 only.
    Tls13,
}

/// Which HTTP version to speak.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum VersionChoice {
    /// HTTP/1.1; over TLS only `http/1.1` is offered by ALPN.
    Http1,
    /// HTTP/2: by prior knowledge without TLS. Over TLS only `h2` is offered by ALPN, and a
    /// server that does not choose it brings no response, as RFC 9113 §3.2 has it.
    Http2,
    /// Over TLS `h2` and `http/1.1` are offered, and HTTP/1.1 is spoken when the server chooses
    /// neither; HTTP/1.1 without TLS.
    #[default]
    ByAlpn,
}

/// How long the phases of a probe may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Timeouts {
    /// TCP handshake.
    #[serde(with = "micros", rename = "connectMicros")]
    pub connect: Duration,
    /// TLS handshake.
    #[serde(with = "micros", rename = "tlsMicros")]
    pub tls: Duration,
    /// From the request to the head of the response.
    #[serde(with = "micros", rename = "responseMicros")]
    pub response: Duration,
    /// Everything, the body included; it also cuts the other limits short.
    #[serde(with = "micros", rename = "totalMicros")]
    pub total: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(2),
            tls: Duration::from_secs(5),
            response: Duration::from_secs(5),
            total: Duration::from_secs(10),
        }
    }
}

/// Durations as whole microseconds; longer ones than can be written are the longest.
mod micros {
    use std::time::Duration;

    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(d: &Duration, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_u64(u64::try_from(d.as_micros()).unwrap_or(u64::MAX))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<Duration, D::Error> {
        u64::deserialize(d).map(Duration::from_micros)
    }
}
