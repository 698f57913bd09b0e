//! Envoy's configuration as typed values: listeners, filter chains, route tables, clusters.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use gateproof_core::name::NamespacedName;

pub use super::http_manager::{AddressRange, ClientAddress, HttpManager};

/// Everything one CiliumEnvoyConfig holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EnvoyConfig {
    /// The CiliumEnvoyConfig's namespace and name.
    pub name: NamespacedName,
    /// The Gateway it was made for.
    pub gateway: NamespacedName,
    /// Labels a node must have for its agent to apply it; `None` applies everywhere.
    pub node_selector: Option<BTreeMap<String, String>>,
    /// The Service whose frontends are redirected to the listener, with the ports listed.
    pub service: ServiceRedirect,
    /// How the HTTP connection managers of all listeners treat requests.
    pub http: HttpManager,
    /// The listeners, `listener` first.
    pub listeners: Vec<Listener>,
    /// Route tables by name, such as `listener-insecure`.
    pub route_tables: BTreeMap<String, RouteTable>,
    /// Clusters by name, such as `apps:web:80`.
    pub clusters: BTreeMap<String, Cluster>,
}

impl EnvoyConfig {
    /// The index of the listener that a port of the Service leads to. `Err` when entries
    /// contradict each other or name a listener that is not there.
    pub fn listener_of(&self, port: u16) -> Result<Option<usize>, String> {
        let mut found = None;
        for redirect in self.service.redirects.iter().filter(|entry| entry.ports.contains(&port)) {
            let index = match &redirect.listener {
                None => Some(0),
                Some(name) => self.listeners.iter().position(|listener| listener.name == *name),
            };
            let named = || redirect.listener.as_deref().unwrap_or("the first listener");
            let index = index
                .ok_or_else(|| format!("port {port}, which leads to no listener {}", named()))?;
            if found.is_some_and(|other| other != index) {
                return Err(format!("port {port}, which leads to several listeners"));
            }
            found = Some(index);
        }
        Ok(found)
    }
}

/// The redirect of a Service's frontends to Envoy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceRedirect {
    /// The Service.
    pub service: NamespacedName,
    /// Which ports lead where.
    pub redirects: Vec<PortRedirect>,
}

impl ServiceRedirect {
    /// All ports that are redirected, in order.
    pub fn ports(&self) -> impl Iterator<Item = u16> {
        let ports: BTreeSet<u16> =
            self.redirects.iter().flat_map(|redirect| redirect.ports.iter().copied()).collect();
        ports.into_iter()
    }
}

/// Ports of a Service that lead to a listener.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PortRedirect {
    /// The listener's name; `None` is the first listener.
    pub listener: Option<String>,
    /// The Service's ports, which are the Gateway's listener ports.
    pub ports: Vec<u16>,
}

/// One Envoy listener. There is no match on the destination port: every port that leads here
/// shares the chains.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listener {
    /// Its name, such as `listener`.
    pub name: String,
    /// Ports bound on the host in host-network mode, in order; empty means that the agent gives
    /// it a proxy port and redirects the Service's frontends to it.
    pub host_ports: Vec<u16>,
    /// Whether a PROXY protocol header must come first.
    pub proxy_protocol: bool,
    /// Chain for connections that are not TLS.
    pub plain: Option<HttpChain>,
    /// Chains for TLS that is terminated, in order.
    pub terminate: Vec<TlsChain>,
    /// Chains for TLS that is passed through, in order.
    pub passthrough: Vec<PassthroughChain>,
}

impl Listener {
    /// A server name for which two filter chains are given; Envoy refuses such a listener
    /// (envoyproxy/envoy `filter_chain_manager_impl.cc`: "multiple filter chains with overlapping
    /// matching rules").
    pub fn repeated_server_name(&self) -> Option<&str> {
        let terminate = self.terminate.iter().map(|chain| &chain.server_names);
        let passthrough = self.passthrough.iter().map(|chain| &chain.server_names);
        let mut seen = BTreeSet::new();
        for names in terminate.chain(passthrough) {
            if names.is_empty() && !seen.insert("*") {
                return Some("*");
            }
            if let Some(name) = names.iter().find(|name| !seen.insert(name.as_str())) {
                return Some(name);
            }
        }
        None
    }
}

/// What the HTTP connection manager of a chain does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpChain {
    /// The route table it uses.
    pub route_table: String,
}

/// A chain that terminates TLS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsChain {
    /// SNI values, exact or `*.suffix`; empty matches every connection, also without SNI.
    pub server_names: Vec<String>,
    /// The Secret that the Gateway named.
    pub secret: NamespacedName,
    /// The name Envoy asks for over SDS, such as `cilium-secrets/gateway-wildcard`.
    pub sds_name: String,
    /// Protocols offered by ALPN; empty offers none.
    pub alpn: Vec<String>,
    /// What happens after the handshake.
    pub http: HttpChain,
}

/// A chain that passes TLS through to a backend.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PassthroughChain {
    /// SNI values, exact or `*.suffix`.
    pub server_names: Vec<String>,
    /// Where to, by weight.
    pub clusters: Vec<WeightedCluster>,
}

/// A route table (Envoy: `RouteConfiguration`).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RouteTable {
    /// Virtual hosts, in order.
    pub virtual_hosts: Vec<VirtualHost>,
}

/// A virtual host: routes for some domains.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VirtualHost {
    /// Its name.
    pub name: String,
    /// Domains in Envoy's notation: exact, `*.suffix`, `host:*`, or `*`.
    pub domains: Vec<String>,
    /// Routes, first match wins.
    pub routes: Vec<Route>,
}

/// One route of a virtual host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// When it applies.
    pub matcher: RouteMatch,
    /// What it does.
    pub action: Action,
    /// Edits of the request's header fields.
    pub request_headers: HeaderEdits,
    /// Edits of the response's header fields.
    pub response_headers: HeaderEdits,
    /// What pages of other origins may do; `None` says nothing about origins.
    pub cors: Option<Cors>,
}

/// When a route applies: all of it must hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RouteMatch {
    /// On the path, without the query.
    pub path: PathMatch,
    /// On the method, exactly.
    pub method: Option<String>,
    /// On header fields.
    pub headers: Vec<HeaderMatch>,
    /// On query parameters.
    pub query: Vec<QueryMatch>,
}

/// A match on the path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PathMatch {
    /// Envoy `path`.
    Exact(String),
    /// Envoy `prefix`, used for `/` alone.
    Prefix(String),
    /// Envoy `pathSeparatedPrefix`: whole path elements.
    SeparatedPrefix(String),
    /// Envoy `safeRegex` over the whole path, RE2 syntax.
    Regex(String),
}

/// A match on a header field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeaderMatch {
    /// The field's name, any case.
    pub name: String,
    /// Its value.
    pub value: ValueMatch,
    /// Applies when the value does *not* match; an absent field counts as not matching.
    pub invert: bool,
}

/// A match on a query parameter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueryMatch {
    /// The parameter's name, exactly.
    pub name: String,
    /// Its value.
    pub value: ValueMatch,
}

/// A match on a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ValueMatch {
    /// Equal.
    Exact(String),
    /// Equal but for case.
    ExactIgnoreCase(String),
    /// Matches as a whole, RE2 syntax.
    Regex(String),
}

/// What a route does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Forward to backends.
    Forward(Forward),
    /// Answer with a redirect.
    Redirect(Redirect),
    /// Answer directly.
    Respond {
        /// The status code.
        status: u16,
    },
}

/// Forwarding to backends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Forward {
    /// Where to: one entry is a plain cluster whose weight is not looked at.
    pub clusters: Vec<WeightedCluster>,
    /// Replaces the Host header.
    pub host_rewrite: Option<String>,
    /// Rewrites the path.
    pub path_rewrite: Option<PathRewrite>,
    /// Answer 504 after this; `None` and zero wait without limit.
    pub timeout: Option<Duration>,
    /// Copies of the request, whose answers are thrown away.
    pub mirrors: Vec<Mirror>,
    /// Retries.
    pub retry: Option<Retry>,
}

/// A cluster with its weight.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WeightedCluster {
    /// The cluster's name.
    pub cluster: String,
    /// Its share of the sum.
    pub weight: u32,
    /// Edits for requests that go there.
    pub request_headers: HeaderEdits,
    /// Edits for responses from there.
    pub response_headers: HeaderEdits,
}

/// How a path is rewritten.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PathRewrite {
    /// Envoy `prefixRewrite`: the matched prefix is replaced.
    Prefix(String),
    /// Envoy `regexRewrite`.
    Regex {
        /// RE2 pattern.
        pattern: String,
        /// Substitution, with `\1` for groups.
        substitution: String,
    },
}

/// Copies a share of requests to another cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mirror {
    /// The cluster.
    pub cluster: String,
    /// Share, as numerator over denominator.
    pub numerator: u32,
    /// Denominator: 100, 10,000 or 1,000,000.
    pub denominator: u32,
}

/// Retries of a forwarded request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Retry {
    /// When one is made.
    pub on: RetryOn,
    /// How often; `None` is Envoy's default, once.
    pub attempts: Option<u32>,
    /// On which status codes.
    pub codes: Vec<u16>,
    /// Base of the back-off; twice as long is the longest.
    pub backoff: Option<Duration>,
}

/// When a retry is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RetryOn {
    /// Never: Envoy's `retryOn` is not set, and the rest of the policy has no effect.
    Nothing,
    /// On the listed status codes, and when a connection fails, is reset or refuses a stream.
    CodesAndConnection,
}

impl Retry {
    /// How many retries can follow the first try.
    pub fn limit(&self) -> u32 {
        match self.on {
            RetryOn::Nothing => 0,
            RetryOn::CodesAndConnection => self.attempts.unwrap_or(1),
        }
    }
}

/// What pages of other origins may do (Envoy's `CorsPolicy`). Envoy answers a preflight itself,
/// also one that does not match.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cors {
    /// Origins, exact or as an RE2 pattern.
    pub origins: Vec<ValueMatch>,
    /// Whether credentials may be sent.
    pub credentials: Credentials,
    /// For `Access-Control-Allow-Methods`.
    pub methods: String,
    /// For `Access-Control-Allow-Headers`.
    pub headers: String,
    /// For `Access-Control-Expose-Headers`.
    pub expose_headers: String,
    /// For `Access-Control-Max-Age`, in seconds.
    pub max_age: String,
}

/// Whether pages of other origins may send credentials.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Credentials {
    /// They may.
    Allowed,
    /// They may not.
    Refused,
}

/// A redirect answer. Parts that are absent are taken from the request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Redirect {
    /// 301, 302, 303, 307 or 308.
    pub status: u16,
    /// The new scheme.
    pub scheme: Option<String>,
    /// The new host.
    pub host: Option<String>,
    /// The new port.
    pub port: Option<u16>,
    /// The new path.
    pub path: Option<RedirectPath>,
}

/// The new path of a redirect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RedirectPath {
    /// Envoy `pathRedirect`: the whole path.
    Full(String),
    /// Envoy `prefixRewrite`: the matched prefix is replaced.
    Prefix(String),
    /// Envoy `regexRewrite`.
    Regex {
        /// RE2 pattern.
        pattern: String,
        /// Substitution.
        substitution: String,
    },
}

/// Edits of header fields, in the order Envoy applies them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct HeaderEdits {
    /// Append a value.
    pub add: Vec<(String, String)>,
    /// Replace or add.
    pub set: Vec<(String, String)>,
    /// Remove the field.
    pub remove: Vec<String>,
}

/// Where requests are forwarded to: the endpoints of one Service port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cluster {
    /// Its name, `namespace:service:port`.
    pub name: String,
    /// The Service.
    pub service: NamespacedName,
    /// The Service's port number.
    pub port: u16,
    /// Which HTTP version is spoken upstream.
    pub protocol: UpstreamProtocol,
    /// TLS to the endpoints; `None` speaks without.
    pub tls: Option<UpstreamTls>,
}

/// TLS to the endpoints of a cluster. The certificate must come from the authority; Cilium has Envoy
/// check no name in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UpstreamTls {
    /// The server name that is asked for (SNI).
    pub server_name: String,
    /// The ConfigMap with the authority's certificates in `ca.crt`.
    pub authority: NamespacedName,
    /// The name Envoy asks for over SDS.
    pub sds_name: String,
}

/// Which HTTP version is spoken to a backend.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UpstreamProtocol {
    /// The version the client used (`useDownstreamProtocolConfig`).
    AsDownstream,
    /// HTTP/1.1 always.
    Http1,
    /// HTTP/2 without TLS always (`kubernetes.io/h2c`, GRPCRoute).
    Http2,
    /// None: bytes are passed on as they are.
    Tcp,
}
