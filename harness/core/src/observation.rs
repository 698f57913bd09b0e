//! What a probe saw. A refused connection or a wrong certificate is an observation, not an error.
//!
//! `probe` makes these values, [`crate::judge`] reads them, events carry them.

use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

mod handshake;

pub use handshake::{HandshakeObservation, HandshakeOutcome, Unanswered};

/// One TCP connection attempt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TcpObservation {
    /// The socket that was dialled, after the address book.
    pub dialled: SocketAddr,
    /// What came of it.
    pub outcome: TcpOutcome,
    /// From the first packet to the outcome.
    #[serde(with = "micros")]
    pub took: Duration,
}

/// What came of a TCP connection attempt.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum TcpOutcome {
    /// The handshake completed.
    Accepted,
    /// `ECONNREFUSED`: nothing listens, or something rejects.
    Refused,
    /// No answer within the limit.
    TimedOut,
    /// The connection was reset during or right after the handshake.
    Reset,
    /// No route to the host or network, or ICMP says so.
    Unreachable,
    /// Anything else, in the system's words.
    Other(String),
}

impl fmt::Display for TcpOutcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Accepted => "accepted",
            Self::Refused => "refused",
            Self::TimedOut => "timed out",
            Self::Reset => "reset",
            Self::Unreachable => "unreachable",
            Self::Other(reason) => reason,
        })
    }
}

/// One HTTP or HTTPS request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct HttpObservation {
    /// The socket that was dialled, after the address book.
    pub dialled: SocketAddr,
    /// What was learned in the TLS handshake, if one took place (also when it failed after the
    /// server's certificate had arrived).
    pub tls: Option<TlsObservation>,
    /// What came of it.
    pub outcome: HttpOutcome,
    /// How long each phase took.
    pub timings: Timings,
}

/// What came of an HTTP request.
#[expect(clippy::large_enum_variant, reason = "the large variant is the usual one")]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum HttpOutcome {
    /// A response arrived, whatever its status.
    Response(HttpResponse),
    /// No TCP connection; the outcome is never `Accepted`.
    NotConnected(TcpOutcome),
    /// The TLS handshake failed.
    TlsFailed(TlsFailure),
    /// Connected, but no complete response.
    NoResponse(NoResponse),
}

/// Why the TLS handshake failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum TlsFailure {
    /// The peer closed or reset the connection before finishing (no certificate for this server
    /// name, or none at all).
    ClosedByPeer,
    /// The peer sent a TLS alert, named as in RFC 8446.
    Alert(String),
    /// The peer does not speak TLS on this port.
    NotTls,
    /// Not finished within the limit.
    TimedOut,
    /// Anything else, in the library's words.
    Other(String),
}

impl fmt::Display for TlsFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ClosedByPeer => f.write_str("closed by the peer during the TLS handshake"),
            Self::Alert(name) => write!(f, "TLS alert {name}"),
            Self::NotTls => f.write_str("the peer does not speak TLS"),
            Self::TimedOut => f.write_str("TLS handshake timed out"),
            Self::Other(reason) => write!(f, "TLS handshake failed: {reason}"),
        }
    }
}

/// Why a connected request brought no complete response.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum NoResponse {
    /// The peer closed the connection first.
    Closed,
    /// The peer reset the connection or the stream.
    Reset,
    /// Not finished within the limit.
    TimedOut,
    /// What came was not HTTP.
    NotHttp(String),
    /// Anything else, in the library's words.
    Other(String),
}

impl fmt::Display for NoResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Closed => f.write_str("connection closed before a response"),
            Self::Reset => f.write_str("connection reset before a response"),
            Self::TimedOut => f.write_str("no response in time"),
            Self::NotHttp(reason) => write!(f, "not an HTTP response: {reason}"),
            Self::Other(reason) => f.write_str(reason),
        }
    }
}

/// An HTTP response.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct HttpResponse {
    /// The status code.
    pub status: u16,
    /// `HTTP/1.1` or `HTTP/2`.
    pub version: HttpVersion,
    /// Header fields in order, names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body, cut at a limit; not UTF-8 is replaced.
    pub body: String,
    /// Whether the body was longer than what was kept.
    pub body_cut: bool,
    /// What an echo server said of the request it saw, if the body is its JSON.
    pub echo: Option<Echo>,
}

impl HttpResponse {
    /// The first value of a header field; the name in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str())
    }
}

/// The HTTP version of a response or request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum HttpVersion {
    /// HTTP/1.0 or HTTP/1.1.
    #[serde(rename = "HTTP/1.1")]
    Http1,
    /// HTTP/2.
    #[serde(rename = "HTTP/2")]
    Http2,
}

impl fmt::Display for HttpVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Http1 => "HTTP/1.1",
            Self::Http2 => "HTTP/2",
        })
    }
}

/// The JSON that the Gateway API's echo server answers (kubernetes-sigs/gateway-api,
/// `conformance/echo-basic/echo-basic.go`, v1.6.1): what the backend saw.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Echo {
    /// Path and query.
    pub path: String,
    /// The Host header or `:authority`.
    pub host: String,
    /// The method.
    pub method: String,
    /// `HTTP/1.1` or `HTTP/2.0`.
    pub proto: String,
    /// Header fields, canonical names, every value.
    pub headers: std::collections::BTreeMap<String, Vec<String>>,
    /// Namespace of the pod that answered.
    pub namespace: String,
    /// Ingress class of the echo server, usually empty.
    pub ingress: String,
    /// Service of the pod that answered.
    pub service: String,
    /// The pod that answered.
    pub pod: String,
    /// TLS facts when the backend itself terminated TLS.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls: Option<serde_json::Value>,
}

/// What a TLS handshake showed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TlsObservation {
    /// The server name sent (SNI), if any.
    pub server_name: Option<String>,
    /// `TLSv1.2` or `TLSv1.3`, when the handshake finished.
    pub version: Option<String>,
    /// The protocol chosen by ALPN, if any.
    pub alpn: Option<String>,
    /// The chain as served, leaf first.
    pub chain: Vec<Certificate>,
    /// Whether the chain and name hold against the probe's trust roots.
    pub trust: Trust,
}

/// Whether a served certificate is to be trusted for the name in question.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Trust {
    /// Verified against the probe's own roots, for the name.
    Verified,
    /// Not verified, in words: unknown issuer, not valid for the name.
    Failed(String),
    /// Not verified, in words, because now is not within the validity of a certificate: no client
    /// accepts it, whoever signed it.
    OutOfDate(String),
    /// No certificate arrived, so nothing could be verified.
    NoCertificate,
}

/// A certificate as served.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Certificate {
    /// The subject, RFC 4514 style.
    pub subject: String,
    /// The issuer, RFC 4514 style.
    pub issuer: String,
    /// DNS names and addresses of the subject alternative name, in order.
    pub names: Vec<String>,
    /// The serial number in lower-case hexadecimal.
    pub serial: String,
    /// Start of validity, RFC 3339.
    pub not_before: String,
    /// End of validity, RFC 3339.
    pub not_after: String,
    /// SHA-256 of the DER form in lower-case hexadecimal.
    pub sha256: String,
}

/// How long each phase of a request took; a phase that was not reached is absent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Timings {
    /// TCP handshake.
    #[serde(with = "optional_micros", rename = "connectMicros")]
    pub connect: Option<Duration>,
    /// TLS handshake.
    #[serde(with = "optional_micros", rename = "tlsMicros")]
    pub tls: Option<Duration>,
    /// From the request's first byte to the response's first.
    #[serde(with = "optional_micros", rename = "firstByteMicros")]
    pub first_byte: Option<Duration>,
    /// From the first packet to the end of the body or the failure.
    #[serde(with = "micros", rename = "totalMicros")]
    pub total: Duration,
}

/// Durations as whole microseconds.
pub(crate) mod micros {
    use std::time::Duration;

    use serde::{Deserialize, Deserializer, Serializer};

    pub(crate) fn serialize<S: Serializer>(d: &Duration, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_u64(u64::try_from(d.as_micros()).unwrap_or(u64::MAX))
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<Duration, D::Error> {
        u64::deserialize(d).map(Duration::from_micros)
    }
}

/// Optional durations as whole microseconds.
pub(crate) mod optional_micros {
    use std::time::Duration;

    use serde::{Deserialize, Deserializer, Serializer};

    #[expect(clippy::ref_option, reason = "the signature serde asks for")]
    pub(crate) fn serialize<S: Serializer>(d: &Option<Duration>, s: S) -> Result<S::Ok, S::Error> {
        match d {
            Some(d) => s.serialize_some(&u64::try_from(d.as_micros()).unwrap_or(u64::MAX)),
            None => s.serialize_none(),
        }
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
        d: D,
    ) -> Result<Option<Duration>, D::Error> {
        Ok(Option::<u64>::deserialize(d)?.map(Duration::from_micros))
    }
}
