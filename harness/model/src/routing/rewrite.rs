//! How the path of a request changes on its way to a backend, and where a redirect points.
//!
//! As envoyproxy/envoy `source/common/router/config_impl.cc` does it (no version pinned): a regular
//! expression sees the path without the query, and every occurrence is replaced; the query is kept.
//! Which port a redirect's host loses is inferred; no recording shows it.

use crate::re2;
use crate::translation::envoy::{PathMatch, PathRewrite, Redirect, RedirectPath, Route};

use super::{Request, Scheme};

/// The path and query after a rewrite.
pub fn rewritten_path(route: &Route, rewrite: &PathRewrite, path_and_query: &str) -> String {
    match rewrite {
        PathRewrite::Prefix(prefix) => replace_matched(route, prefix, path_and_query),
        PathRewrite::Regex { pattern, substitution } => {
            replace_regex(pattern, substitution, path_and_query)
        }
    }
}

/// The value of the Location header of a redirect. A part that the redirect does not set is the
/// request's; the request's port goes when the redirect sets one, or when the scheme changes and
/// the port is the old scheme's own.
pub fn location(route: &Route, redirect: &Redirect, request: &Request<'_>) -> String {
    let scheme = redirect.scheme.as_deref().unwrap_or(request.scheme.as_str());
    let port = redirect.port.map(|port| format!(":{port}")).unwrap_or_default();
    let host = match redirect.host.as_deref() {
        Some(host) => host,
        None => request_host(request, scheme, redirect.port),
    };
    let path = match &redirect.path {
        None => request.path_and_query.to_owned(),
        Some(RedirectPath::Full(path)) if path.contains('?') => path.clone(),
        Some(RedirectPath::Full(path)) => format!("{path}{}", from_query(request.path_and_query)),
        Some(RedirectPath::Prefix(prefix)) => {
            replace_matched(route, prefix, request.path_and_query)
        }
        Some(RedirectPath::Regex { pattern, substitution }) => {
            replace_regex(pattern, substitution, request.path_and_query)
        }
    };
    format!("{scheme}://{host}{port}{path}")
}

fn request_host<'a>(request: &Request<'a>, scheme: &str, new_port: Option<u16>) -> &'a str {
    let host = request.host;
    let Some(colon) = port_colon(host) else { return host };
    let default = match request.scheme {
        Scheme::Http => ":80",
        Scheme::Https => ":443",
    };
    let scheme_changes = scheme != request.scheme.as_str();
    if new_port.is_some() || (scheme_changes && &host[colon..] == default) {
        &host[..colon]
    } else {
        host
    }
}

/// Where the port of `host:port` or `[v6]:port` begins.
fn port_colon(host: &str) -> Option<usize> {
    if host.starts_with('[') { host.rfind("]:").map(|at| at + 1) } else { host.rfind(':') }
}

/// Replaces what the route's path match took: the prefix, or the whole path for an exact path or
/// a regular expression.
fn replace_matched(route: &Route, replacement: &str, path_and_query: &str) -> String {
    let rest = match &route.matcher.path {
        PathMatch::Prefix(prefix) | PathMatch::SeparatedPrefix(prefix) => {
            path_and_query.strip_prefix(prefix.as_str()).unwrap_or(path_and_query)
        }
        PathMatch::Exact(_) | PathMatch::Regex(_) => from_query(path_and_query),
    };
    format!("{replacement}{rest}")
}

fn replace_regex(pattern: &str, substitution: &str, path_and_query: &str) -> String {
    let query = from_query(path_and_query);
    let path = &path_and_query[..path_and_query.len() - query.len()];
    match re2::replace_all(pattern, path, |group| expand(substitution, group)) {
        Some(replaced) => format!("{replaced}{query}"),
        None => path_and_query.to_owned(),
    }
}

/// Expands RE2's substitution syntax: `\0` to `\9` for groups, `\\` for a backslash.
fn expand(substitution: &str, group: &dyn Fn(usize) -> String) -> String {
    let mut expanded = String::new();
    let mut characters = substitution.chars();
    while let Some(character) = characters.next() {
        if character != '\\' {
            expanded.push(character);
            continue;
        }
        match characters.next() {
            Some(digit) if digit.is_ascii_digit() => {
                expanded.push_str(&group(digit as usize - '0' as usize));
            }
            Some(other) => expanded.push(other),
            None => expanded.push('\\'),
        }
    }
    expanded
}

/// From the `?` or `#` on.
fn from_query(path_and_query: &str) -> &str {
    path_and_query.find(['?', '#']).map_or("", |at| &path_and_query[at..])
}
