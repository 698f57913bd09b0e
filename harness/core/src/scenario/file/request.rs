//! HTTP and HTTPS checks as people write them.

use std::collections::BTreeMap;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer};

use super::form::NodesForm;
use crate::name::NamespacedName;
use crate::scenario::text::{DurationText, HttpUrl, TextForm};

/// Requests and what must come of them.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct HttpCheckFile {
    /// The URL. Its host goes into the Host header and the TLS server name and is never resolved;
    /// its port is the Gateway listener's.
    pub(crate) url: HttpUrl,
    /// The Gateway; not needed when only one has a listener on the URL's port.
    pub(crate) gateway: Option<NamespacedName>,
    /// Where requests enter the cluster.
    #[serde(default)]
    pub(crate) each: EachFile,
    /// With `each: node`, the nodes to ask; every node without it.
    pub(crate) nodes: Option<NodesForm>,
    /// The method.
    #[serde(default = "get")]
    #[schemars(length(min = 1))]
    pub(crate) method: String,
    /// Request header fields.
    #[serde(default)]
    pub(crate) headers: BTreeMap<String, String>,
    /// The HTTP version to speak; without it HTTP/1.1, or what ALPN decides.
    pub(crate) version: Option<VersionFile>,
    /// The TLS server name (SNI) to send instead of the URL's host; null sends none.
    #[serde(default)]
    #[schemars(schema_with = "server_name")]
    pub(crate) server_name: ServerNameFile,
    /// What must come of every request.
    pub(crate) expect: HttpExpectFile,
    /// Keep asking for this long; every answer must fit. Failures and error statuses are asked for
    /// 2s unless this says otherwise.
    #[serde(rename = "for")]
    pub(crate) hold: Option<DurationText>,
    /// Ask at least this often. Failures and error statuses are asked 5 times unless this says
    /// otherwise.
    #[schemars(range(min = 1, max = 10000))]
    pub(crate) count: Option<u32>,
}

fn get() -> String {
    "GET".to_owned()
}

/// The TLS server name as written: a name, null or nothing.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) enum ServerNameFile {
    /// Nothing was written.
    #[default]
    UrlHost,
    /// `null`
    Absent,
    /// A name.
    Name(String),
}

impl<'de> Deserialize<'de> for ServerNameFile {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Option::deserialize(deserializer)?.map_or(Self::Absent, Self::Name))
    }
}

fn server_name(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": ["string", "null"], "minLength": 1, "x-null": "sends no server name"})
}

/// Where requests enter the cluster.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) enum EachFile {
    /// Every chosen node, on the port that carries the listener there.
    #[default]
    Node,
    /// The Gateway's load-balancer address.
    LoadBalancer,
}

/// An HTTP version.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) enum VersionFile {
    /// HTTP/1.1.
    Http1,
    /// HTTP/2.
    Http2,
}

/// What must come of every request: claims about the response, or `failure`, or `backends`.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct HttpExpectFile {
    /// The status code.
    #[schemars(range(min = 100, max = 599))]
    pub(crate) status: Option<u16>,
    /// The backend that must have answered.
    pub(crate) backend: Option<NamespacedName>,
    /// Response header fields with their values; null claims that there is none.
    #[serde(default)]
    pub(crate) headers: BTreeMap<String, Option<String>>,
    /// The response header `location`, for redirects.
    pub(crate) location: Option<String>,
    /// The request as the backend saw it.
    pub(crate) request: Option<SeenRequestFile>,
    /// The HTTP version of the response.
    pub(crate) version: Option<VersionFile>,
    /// The certificate that was served.
    pub(crate) certificate: Option<ServedCertificateFile>,
    /// No response at all.
    pub(crate) failure: Option<FailureFile>,
    /// The share of many requests, in percent, that each backend must get; they sum to 100.
    #[serde(default)]
    #[schemars(schema_with = "shares")]
    pub(crate) backends: Option<BTreeMap<NamespacedName, f64>>,
    /// With `backends`: the allowed deviation in percentage points. Without it, four and a half
    /// standard deviations, so that chance alone hardly ever fails the check.
    #[schemars(range(min = 0.1, max = 50.0))]
    pub(crate) tolerance: Option<f64>,
    /// With `backends`: how many requests to send to each entry point; 500 without it.
    #[schemars(range(min = 10, max = 100_000))]
    pub(crate) requests: Option<u32>,
}

fn shares(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "object",
        "minProperties": 1,
        "propertyNames": {"format": NamespacedName::FORMAT},
        "additionalProperties": {"type": "number", "minimum": 0, "maximum": 100},
    })
}

/// The request as the backend saw it; at least one claim.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct SeenRequestFile {
    /// Header fields with their values; null claims that there is none.
    #[serde(default)]
    pub(crate) headers: BTreeMap<String, Option<String>>,
    /// The path.
    pub(crate) path: Option<String>,
    /// The Host header.
    pub(crate) host: Option<String>,
}

/// What a served certificate must be.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct ServedCertificateFile {
    /// Who must have signed it.
    pub(crate) issuer: ServedIssuerFile,
    /// Its names: exactly these, in any order.
    pub(crate) names: Option<Vec<String>>,
}

/// Who must have signed a served certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) enum ServedIssuerFile {
    /// The scenario's issuer; the chain must verify for the server name.
    Scenario,
    /// Anybody.
    Any,
}

/// How a request must fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) enum FailureFile {
    /// The TLS handshake fails.
    Tls,
    /// No TCP connection.
    Connect,
}
