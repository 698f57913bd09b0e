//! Routing: which filter chain takes a connection and which route takes a request, as Envoy
//! decides it (envoyproxy/envoy `source/common/router/config_impl.cc`,
//! `source/common/listener_manager/filter_chain_manager_impl.cc`).
//!
//! Pure choices over the translated configuration; nothing is sent here.

use regex::Regex;

use crate::rewrite::split_query;
use crate::translation::envoy::{
    Forward, HeaderMatch, HttpChain, Listener, PassthroughChain, PathMatch, QueryMatch, Route,
    RouteMatch, RouteTable, TlsChain, ValueMatch, VirtualHost, WeightedCluster,
};

/// A request as it reaches the HTTP connection manager.
#[derive(Clone, Copy)]
pub struct Request<'a> {
    /// The method, as sent.
    pub method: &'a str,
    /// The Host header or `:authority`, with its port as sent.
    pub host: &'a str,
    /// The path with its query.
    pub path_and_query: &'a str,
    /// All values of a header field, by name in any case.
    pub headers: &'a dyn Fn(&str) -> Vec<String>,
    /// What the connection was; stands in for `X-Forwarded-Proto` where that is absent.
    pub scheme: Scheme,
}

/// Whether a connection came over TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scheme {
    /// Plain.
    Http,
    /// TLS.
    Https,
}

/// The route that takes a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RouteHit<'t> {
    /// Where it was found.
    pub virtual_host: &'t VirtualHost,
    /// The route.
    pub route: &'t Route,
}

/// What a client said in its TLS ClientHello.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClientHello<'a> {
    /// The server name it asked for.
    pub sni: Option<&'a str>,
}

/// The filter chain that takes a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Chain<'l> {
    /// Plain HTTP.
    Plain(&'l HttpChain),
    /// TLS ends here.
    Terminate(&'l TlsChain),
    /// TLS goes on to a backend.
    Passthrough(&'l PassthroughChain),
    /// None: the connection is reset.
    None,
}

/// Finds the route for a request; `None` is answered with 404.
pub fn route<'t>(table: &'t RouteTable, request: &Request<'_>) -> Option<RouteHit<'t>> {
    let virtual_host = virtual_host(table, request.host)?;
    let route = virtual_host.routes.iter().find(|route| matches(&route.matcher, request))?;
    Some(RouteHit { virtual_host, route })
}

/// The virtual host for a Host header: exact domain, then longest `*suffix`, then longest
/// `prefix*` (such as `host:*`), then `*`.
///
/// A domain that starts with `*` is a suffix for Envoy whatever its end, so `*.x.test:*` never
/// takes `a.x.test:8080`: a wildcard host is only met without a port.
fn virtual_host<'t>(table: &'t RouteTable, host: &str) -> Option<&'t VirtualHost> {
    let host = host.to_ascii_lowercase();
    let domains = || {
        table
            .virtual_hosts
            .iter()
            .flat_map(|found| found.domains.iter().map(move |domain| (domain.as_str(), found)))
    };
    let exact = domains().find(|(domain, _)| domain.eq_ignore_ascii_case(&host));
    let longest = |fits: &dyn Fn(&str) -> bool| {
        domains()
            .filter(|(domain, _)| *domain != "*" && fits(domain))
            .max_by_key(|(domain, _)| domain.len())
    };
    let suffix = |domain: &str| {
        domain
            .strip_prefix('*')
            .is_some_and(|suffix| host.len() > suffix.len() && host.ends_with(suffix))
    };
    let prefix = |domain: &str| {
        !domain.starts_with('*')
            && domain
                .strip_suffix('*')
                .is_some_and(|prefix| host.len() > prefix.len() && host.starts_with(prefix))
    };
    exact
        .or_else(|| longest(&suffix))
        .or_else(|| longest(&prefix))
        .or_else(|| domains().find(|(domain, _)| *domain == "*"))
        .map(|(_, found)| found)
}

fn matches(matcher: &RouteMatch, request: &Request<'_>) -> bool {
    let (path, query) = split_query(request.path_and_query);
    path_matches(&matcher.path, path)
        && matcher.method.as_deref().is_none_or(|method| method == request.method)
        && matcher.headers.iter().all(|header| header_matches(header, request))
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

/// Several values of a field count as one, joined by commas. An absent field never matches, so
/// that an inverted match holds for it.
fn header_matches(header: &HeaderMatch, request: &Request<'_>) -> bool {
    let mut values = (request.headers)(&header.name);
    if values.is_empty() && header.name.eq_ignore_ascii_case("x-forwarded-proto") {
        // Envoy sets the field before it looks for a route.
        values.push(if request.scheme == Scheme::Https {
            "https".to_owned()
        } else {
            "http".to_owned()
        });
    }
    let found = !values.is_empty() && value_matches(&header.value, &values.join(","));
    found != header.invert
}

/// The first value of a parameter counts; it is compared as it was sent.
fn query_matches(parameter: &QueryMatch, query: &str) -> bool {
    let query = query.strip_prefix('?').unwrap_or_default();
    let query = query.split('#').next().unwrap_or_default();
    query
        .split('&')
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .find(|(name, _)| *name == parameter.name)
        .is_some_and(|(_, value)| value_matches(&parameter.value, value))
}

fn value_matches(matcher: &ValueMatch, value: &str) -> bool {
    match matcher {
        ValueMatch::Exact(exact) => value == exact,
        ValueMatch::ExactIgnoreCase(exact) => value.eq_ignore_ascii_case(exact),
        ValueMatch::Regex(pattern) => matches_whole(pattern, value),
    }
}

/// A pattern that cannot be read matches nothing.
fn matches_whole(pattern: &str, text: &str) -> bool {
    Regex::new(&format!("^(?:{pattern})$")).is_ok_and(|regex| regex.is_match(text))
}

/// Chooses a cluster by weight. A single one takes everything, whatever its weight; `None` when
/// all weights are zero, which Envoy refuses as a configuration.
pub fn choose_cluster(forward: &Forward, draw: u64) -> Option<&WeightedCluster> {
    if let [only] = &forward.clusters[..] {
        return Some(only);
    }
    let sum: u64 = forward.clusters.iter().map(|cluster| u64::from(cluster.weight)).sum();
    let mut left = draw.checked_rem(sum)?;
    forward.clusters.iter().find(|cluster| {
        let weight = u64::from(cluster.weight);
        let chosen = left < weight;
        left = left.saturating_sub(weight);
        chosen
    })
}

/// Chooses the filter chain: without a ClientHello the plain one, else by server name (exact, then
/// longest wildcard, then a chain without server names).
pub fn chain_for<'l>(listener: &'l Listener, hello: Option<&ClientHello<'_>>) -> Chain<'l> {
    let Some(hello) = hello else {
        return listener.plain.as_ref().map_or(Chain::None, Chain::Plain);
    };
    let terminate =
        listener.terminate.iter().map(|chain| (&chain.server_names, Chain::Terminate(chain)));
    let passthrough =
        listener.passthrough.iter().map(|chain| (&chain.server_names, Chain::Passthrough(chain)));
    let sni = hello.sni.map(str::to_ascii_lowercase);
    terminate
        .chain(passthrough)
        .filter_map(|(names, chain)| Some((rank(names, sni.as_deref())?, chain)))
        .reduce(|best, next| if next.0 > best.0 { next } else { best })
        .map_or(Chain::None, |(_, chain)| chain)
}

/// How well server names fit: 0 for a catch-all, more for a longer wildcard, most for an exact one.
fn rank(names: &[String], sni: Option<&str>) -> Option<usize> {
    if names.is_empty() {
        return Some(0);
    }
    let sni = sni?;
    names
        .iter()
        .filter_map(|name| match name.strip_prefix('*') {
            None => name.eq_ignore_ascii_case(sni).then_some(usize::MAX),
            Some(suffix) => (sni.len() > suffix.len()
                && sni.ends_with(&suffix.to_ascii_lowercase()))
            .then_some(name.len()),
        })
        .max()
}

#[cfg(test)]
mod tests;
