//! Request routing as Envoy does it, over the typed configuration: which filter chain serves a
//! connection, which route serves a request, where it goes and how its path changes.
//!
//! Pure: nothing is opened, sent or remembered. Not covered on purpose: what Cilium never
//! configures, such as routing by source address, by runtime key or by cookie. Regular
//! expressions match as RE2 does it. A pattern that cannot be read matches nothing: Envoy would
//! have refused the configuration that holds it.

mod decision;
mod rewrite;

use crate::re2::{self, matches_whole};
use crate::translation::envoy::{
    Forward, HeaderMatch, HttpChain, Listener, PassthroughChain, PathMatch, QueryMatch, Route,
    RouteMatch, RouteTable, TlsChain, ValueMatch, VirtualHost, WeightedCluster,
};

pub use decision::{Decision, decide, grpc_status, is_grpc};
pub use rewrite::{location, rewritten_path};

/// What routing looks at in a request.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// The method, in upper case.
    pub method: &'a str,
    /// The Host header or `:authority` as sent, with its port if it had one.
    pub host: &'a str,
    /// The path and, after `?`, the query.
    pub path_and_query: &'a str,
    /// Header fields in order; a field that occurs twice is there twice.
    pub headers: &'a [(String, String)],
    /// The scheme of the connection it came on.
    pub scheme: Scheme,
}

/// The scheme of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scheme {
    /// No TLS.
    Http,
    /// TLS, terminated by the listener.
    Https,
}

impl Scheme {
    /// As it is written in a URL.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }
}

/// The route that serves a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RouteHit<'t> {
    /// The route.
    pub route: &'t Route,
    /// The virtual host it belongs to.
    pub virtual_host: &'t VirtualHost,
}

/// What a TLS client said first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClientHello<'a> {
    /// The server name it asked for (SNI).
    pub server_name: Option<&'a str>,
}

/// The filter chain that serves a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Chain<'l> {
    /// Not TLS.
    Plain(&'l HttpChain),
    /// TLS, terminated here.
    Terminate(&'l TlsChain),
    /// TLS, passed to a backend as it is.
    Passthrough(&'l PassthroughChain),
    /// None matches; Envoy closes the connection.
    None,
}

/// The route for a request: the most specific virtual host, then its first route that matches.
/// A virtual host without a matching route does not fall back to a less specific one.
pub fn route<'t>(table: &'t RouteTable, request: &Request<'_>) -> Option<RouteHit<'t>> {
    let virtual_host = virtual_host(table, request.host)?;
    let route = virtual_host.routes.iter().find(|route| matches(&route.matcher, request))?;
    Some(RouteHit { route, virtual_host })
}

/// The cluster a request goes to. `draw` is any number, evenly distributed. With one entry the
/// weight is not looked at; with several whose weights sum to zero there is none (Envoy refuses
/// such a route when it is configured).
pub fn choose_cluster(forward: &Forward, draw: u64) -> Option<&WeightedCluster> {
    if let [only] = forward.clusters.as_slice() {
        return Some(only);
    }
    let sum: u64 = forward.clusters.iter().map(|cluster| u64::from(cluster.weight)).sum();
    let mut left = draw.checked_rem(sum)?;
    forward.clusters.iter().find(|cluster| {
        let weight = u64::from(cluster.weight);
        let here = left < weight;
        left = left.saturating_sub(weight);
        here
    })
}

/// The filter chain for a connection; `hello` is absent when the client does not speak TLS.
/// Among TLS chains an exact server name goes before the longest wildcard, and that before a
/// chain without server names. The port plays no part.
pub fn chain_for<'l>(listener: &'l Listener, hello: Option<&ClientHello<'_>>) -> Chain<'l> {
    let Some(hello) = hello else {
        return listener.plain.as_ref().map_or(Chain::None, Chain::Plain);
    };
    let name = hello.server_name.map(str::to_ascii_lowercase);
    let terminate =
        listener.terminate.iter().map(|chain| (&chain.server_names, Chain::Terminate(chain)));
    let passthrough =
        listener.passthrough.iter().map(|chain| (&chain.server_names, Chain::Passthrough(chain)));
    let mut best: Option<(usize, Chain<'l>)> = None;
    for (names, chain) in terminate.chain(passthrough) {
        let Some(rank) = server_name_rank(names, name.as_deref()) else { continue };
        if best.is_none_or(|(so_far, _)| rank > so_far) {
            best = Some((rank, chain));
        }
    }
    best.map_or(Chain::None, |(_, chain)| chain)
}

/// How specifically a chain's server names match: 0 for a chain without names, the length of a
/// wildcard's suffix, the largest number for an exact name.
fn server_name_rank(names: &[String], asked: Option<&str>) -> Option<usize> {
    if names.is_empty() {
        return Some(0);
    }
    let asked = asked?;
    names.iter().filter_map(|name| domain_rank(&name.to_ascii_lowercase(), asked)).max()
}

/// The virtual host for a Host header. Envoy's order: exact, longest `*suffix`, longest
/// `prefix*` (that is `host:*`), `*`.
fn virtual_host<'t>(table: &'t RouteTable, host: &str) -> Option<&'t VirtualHost> {
    let host = host.to_ascii_lowercase();
    let mut best: Option<((u8, usize), &'t VirtualHost)> = None;
    for virtual_host in &table.virtual_hosts {
        for domain in &virtual_host.domains {
            let Some(rank) = virtual_host_rank(&domain.to_ascii_lowercase(), &host) else {
                continue;
            };
            if best.is_none_or(|(so_far, _)| rank > so_far) {
                best = Some((rank, virtual_host));
            }
        }
    }
    best.map(|(_, virtual_host)| virtual_host)
}

fn virtual_host_rank(domain: &str, host: &str) -> Option<(u8, usize)> {
    if domain == "*" {
        return Some((0, 0));
    }
    if let Some(prefix) = domain.strip_suffix('*') {
        let matches = host.len() > prefix.len() && host.starts_with(prefix);
        return matches.then_some((1, prefix.len()));
    }
    domain_rank(domain, host).map(|rank| if rank == usize::MAX { (3, 0) } else { (2, rank) })
}

/// Rank of `name` or `*suffix` for a text, both in lower case; the `*` stands for at least one
/// character, so `*.example.test` does not match `example.test`.
fn domain_rank(pattern: &str, text: &str) -> Option<usize> {
    match pattern.strip_prefix('*') {
        Some(suffix) => {
            (text.len() > suffix.len() && text.ends_with(suffix)).then_some(suffix.len())
        }
        None => (pattern == text).then_some(usize::MAX),
    }
}

fn matches(matcher: &RouteMatch, request: &Request<'_>) -> bool {
    let (path, query) = split_query(request.path_and_query);
    path_matches(&matcher.path, path)
        && matcher.method.as_deref().is_none_or(|method| method == request.method)
        && matcher.headers.iter().all(|header| header_matches(header, request.headers))
        && matcher.query.iter().all(|parameter| query_matches(parameter, query))
}

fn path_matches(matcher: &PathMatch, path: &str) -> bool {
    match matcher {
        PathMatch::Exact(exact) => path == exact,
        PathMatch::Prefix(prefix) => path.starts_with(prefix.as_str()),
        PathMatch::SeparatedPrefix(prefix) => path
            .strip_prefix(prefix.as_str())
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/')),
        PathMatch::Regex(pattern) => matches_whole(pattern, path),
    }
}

/// A field that occurs more than once matches when one of its values does, as measured with Envoy
/// 1.40. Fields that hold one value in Envoy are joined before they get here.
fn header_matches(matcher: &HeaderMatch, headers: &[(String, String)]) -> bool {
    let holds = headers
        .iter()
        .filter(|(name, _)| name.eq_ignore_ascii_case(&matcher.name))
        .any(|(_, value)| text_matches(&matcher.value, value));
    holds != matcher.invert
}

/// Envoy looks at the first occurrence of a parameter and decodes nothing.
fn query_matches(matcher: &QueryMatch, query: &str) -> bool {
    query
        .split('&')
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .find(|(name, _)| *name == matcher.name)
        .is_some_and(|(_, value)| text_matches(&matcher.value, value))
}

/// Whether a match on a text holds.
pub fn text_matches(matcher: &ValueMatch, value: &str) -> bool {
    match matcher {
        ValueMatch::Exact(exact) => value == exact,
        ValueMatch::ExactIgnoreCase(exact) => value.eq_ignore_ascii_case(exact),
        ValueMatch::Regex(pattern) => matches_whole(pattern, value),
    }
}

/// Whether Envoy can read a regular expression.
pub fn is_expression(pattern: &str) -> bool {
    re2::is_valid(pattern)
}

/// The path without query and fragment, and the query without `?`.
fn split_query(path_and_query: &str) -> (&str, &str) {
    let whole = path_and_query.split('#').next().unwrap_or_default();
    whole.split_once('?').unwrap_or((whole, ""))
}

#[cfg(test)]
mod tests;
