//! Claims about HTTP and HTTPS requests: what is asked, where it enters, and what must come of it.

use std::collections::BTreeMap;

use super::{Entry, Hold};
use crate::name::NamespacedName;
use crate::observation::HttpVersion;

/// HTTP or HTTPS requests and what must come of them.
#[derive(Debug, Clone, PartialEq)]
pub struct HttpClaim {
    /// The Gateway whose entry points are used.
    pub gateway: NamespacedName,
    /// Whether TLS is spoken.
    pub tls: bool,
    /// The host of the URL: Host header and, unless given, server name.
    pub host: String,
    /// The port of the Gateway listener to enter by.
    pub listener_port: u16,
    /// Whether the URL named that port (then it is in the Host header too).
    pub port_in_host: bool,
    /// Path and query.
    pub path: String,
    /// The method.
    pub method: String,
    /// Request header fields.
    pub headers: Vec<(String, String)>,
    /// Which HTTP version to speak; `None` lets ALPN decide, or HTTP/1.1 without TLS.
    pub version: Option<HttpVersion>,
    /// The server name to send (SNI).
    pub server_name: ServerName,
    /// Where to enter.
    pub entry: Entry,
    /// What must come of it.
    pub expect: HttpExpectation,
    /// Keep asking for this long and this often; every single answer must fit.
    pub hold: Option<Hold>,
    /// So many requests at least, over all entry points, before the claim holds. Made for clusters
    /// that exist, where several backends share the requests; 0 leaves it at the usual looks.
    pub requests: u32,
}

impl HttpClaim {
    /// So many looks in a row at requests that must be carried, by how many entry points each look
    /// asks: what fails one time in five should not pass by luck, and whose backends they are should
    /// hardly notice.
    pub fn looks(entries: usize) -> u32 {
        const FEW: usize = 8;
        if entries <= FEW { 5 } else { 3 }
    }
}

/// The server name to send in a TLS handshake.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ServerName {
    /// The URL's host.
    Host,
    /// This one.
    Name(String),
    /// None.
    Absent,
}

/// What must come of a request.
#[derive(Debug, Clone, PartialEq)]
pub enum HttpExpectation {
    /// A response.
    Response(ResponseExpectation),
    /// A share of many requests for each backend.
    Distribution(Distribution),
    /// Any response that shows that the request was carried: one of a backend, whatever its
    /// status, or one that a filter gives. What Envoy answers because it has nowhere to send is
    /// none. Over TLS the certificate must be within its dates and hold for the name; who signed
    /// it is left open. Made for clusters that exist.
    Carried(ServedCertificate),
    /// Any response at all, of Envoy or from behind it, for where nothing may be sent to a
    /// backend: it shows that the listener works. Certificates as above.
    Answered(ServedCertificate),
    /// Nothing, because it is not asked for this reason: the claim stays open.
    Unasked(String),
    /// No response: the TLS handshake fails.
    TlsFailure,
    /// No response: no TCP connection.
    NoConnection,
}

/// What a response must be; what is not claimed is not looked at.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ResponseExpectation {
    /// The status code.
    pub status: Option<u16>,
    /// The backend Service that must have answered.
    pub backend: Option<NamespacedName>,
    /// Response header (lower case) → wanted value, or `None` when it must be absent.
    pub headers: BTreeMap<String, Option<String>>,
    /// Header as the backend saw it (any case) → wanted value, or `None` when it must be absent.
    pub request_headers: BTreeMap<String, Option<String>>,
    /// Path as the backend saw it.
    pub request_path: Option<String>,
    /// Host as the backend saw it.
    pub request_host: Option<String>,
    /// The HTTP version of the response.
    pub version: Option<HttpVersion>,
    /// What the certificate must be.
    pub certificate: Option<CertificateExpectation>,
}

/// What a served certificate must be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertificateExpectation {
    /// Whether the chain must lead to the scenario's issuer and hold for the server name.
    pub issuer: ExpectedIssuer,
    /// Names the certificate must carry, if claimed: exactly these, in any order.
    pub names: Option<Vec<String>>,
}

/// Which certificate a cluster that exists must serve.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ServedCertificate {
    /// SHA-256 of the certificates in the Secrets that the listener names, in lower-case
    /// hexadecimal: one of them must be served. Empty where no Secret could be read.
    pub sha256: Vec<String>,
}

/// Who must have signed a served certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExpectedIssuer {
    /// The scenario's issuer; the chain must verify for the name.
    Scenario,
    /// Anybody; only what else is claimed is looked at.
    Any,
}

/// Shares of many requests.
#[derive(Debug, Clone, PartialEq)]
pub struct Distribution {
    /// Requests to send, per entry point.
    pub requests: u32,
    /// Backend → share in percent.
    pub shares: BTreeMap<NamespacedName, f64>,
    /// Allowed deviation in percentage points.
    pub tolerance: f64,
}
