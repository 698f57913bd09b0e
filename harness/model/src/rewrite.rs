//! Rewriting a path and composing the `Location` of a redirect, as Envoy does it
//! (envoyproxy/envoy `source/common/router/config_impl.cc`).

use std::borrow::Cow;

use regex::{Captures, Regex};

use crate::routing::{Request, Scheme};
use crate::translation::envoy::{PathMatch, PathRewrite, Redirect, RedirectPath};

/// The path and query to send to the backend.
pub fn rewrite_path(matcher: &PathMatch, rewrite: &PathRewrite, path_and_query: &str) -> String {
    let (path, query) = split_query(path_and_query);
    let path = match rewrite {
        PathRewrite::Prefix(replacement) => replace_prefix(matcher, replacement, path),
        PathRewrite::Regex { pattern, substitution } => replace_regex(pattern, substitution, path),
    };
    format!("{path}{query}")
}

/// The `Location` a redirect answers with. A port that is given is always written, also the
/// scheme's own: Cilium sends `https://host:443/…`.
pub fn redirect_location(
    matcher: &PathMatch,
    redirect: &Redirect,
    request: &Request<'_>,
) -> String {
    let own = match request.scheme {
        Scheme::Http => "http",
        Scheme::Https => "https",
    };
    let scheme = redirect.scheme.as_deref().unwrap_or(own);
    let host = match &redirect.host {
        Some(host) => Cow::Borrowed(host.as_str()),
        None => request_host(request.host, own, scheme, redirect.port),
    };
    let port = redirect.port.map(|port| format!(":{port}")).unwrap_or_default();
    let (path, query) = split_query(request.path_and_query);
    let target = match &redirect.path {
        None => request.path_and_query.to_owned(),
        Some(RedirectPath::Full(full)) if full.contains('?') => full.clone(),
        Some(RedirectPath::Full(full)) => format!("{full}{query}"),
        Some(RedirectPath::Prefix(replacement)) => {
            format!("{}{query}", replace_prefix(matcher, replacement, path))
        }
        Some(RedirectPath::Regex { pattern, substitution }) => {
            format!("{}{query}", replace_regex(pattern, substitution, path))
        }
    };
    format!("{scheme}://{host}{port}{target}")
}

/// The request's host; its port goes when the redirect sets one, or when it was the old scheme's
/// own and the scheme changes.
fn request_host<'a>(host: &'a str, own: &str, scheme: &str, port: Option<u16>) -> Cow<'a, str> {
    let Some((name, given)) = split_port(host) else { return Cow::Borrowed(host) };
    let was_default = matches!((own, given), ("http", "80") | ("https", "443"));
    if port.is_some() || (own != scheme && was_default) {
        Cow::Borrowed(name)
    } else {
        Cow::Borrowed(host)
    }
}

/// Splits a port off a host; an IPv6 address is in brackets.
pub(crate) fn split_port(host: &str) -> Option<(&str, &str)> {
    let (name, port) = host.rsplit_once(':')?;
    let bracketed = !name.starts_with('[') || name.ends_with(']');
    (bracketed && !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit()))
        .then_some((name, port))
}

/// Splits a path from its query; the query keeps its question mark.
pub(crate) fn split_query(path_and_query: &str) -> (&str, &str) {
    let end = path_and_query.find(['?', '#']).unwrap_or(path_and_query.len());
    path_and_query.split_at(end)
}

fn replace_prefix(matcher: &PathMatch, replacement: &str, path: &str) -> String {
    let rest = match matcher {
        PathMatch::Prefix(prefix) | PathMatch::SeparatedPrefix(prefix) => {
            path.strip_prefix(prefix.as_str()).unwrap_or_default()
        }
        PathMatch::Exact(_) | PathMatch::Regex(_) => "",
    };
    format!("{replacement}{rest}")
}

/// Replaces what a pattern matches; `\1` in the substitution is a group, `\\` a backslash. A
/// pattern that cannot be read changes nothing.
fn replace_regex(pattern: &str, substitution: &str, path: &str) -> String {
    let Ok(regex) = Regex::new(pattern) else { return path.to_owned() };
    regex.replace_all(path, |captures: &Captures<'_>| expand(captures, substitution)).into_owned()
}

fn expand(captures: &Captures<'_>, substitution: &str) -> String {
    let mut expanded = String::new();
    let mut characters = substitution.chars();
    while let Some(character) = characters.next() {
        if character != '\\' {
            expanded.push(character);
            continue;
        }
        match characters.next().map(|next| (next, next.to_digit(10))) {
            Some((_, Some(group))) => {
                let group = usize::try_from(group).expect("a digit fits");
                expanded.push_str(captures.get(group).map_or("", |found| found.as_str()));
            }
            Some((other, None)) => expanded.push(other),
            None => expanded.push('\\'),
        }
    }
    expanded
}

#[cfg(test)]
mod tests {
    use super::{redirect_location, rewrite_path};
    use crate::routing::{Request, Scheme};
    use crate::translation::envoy::{PathMatch, PathRewrite, Redirect, RedirectPath};

    fn separated(prefix: &str) -> PathMatch {
        PathMatch::SeparatedPrefix(prefix.to_owned())
    }

    #[test]
    fn a_prefix_is_replaced_and_the_rest_and_query_stay() {
        let rewrite = PathRewrite::Prefix("/new".to_owned());
        for (path, expected) in
            [("/old/a?b=/old", "/new/a?b=/old"), ("/old", "/new"), ("/old?x", "/new?x")]
        {
            assert_eq!(rewrite_path(&separated("/old"), &rewrite, path), expected);
        }
    }

    #[test]
    fn removing_a_prefix_keeps_one_slash() {
        let rewrite = PathRewrite::Regex {
            pattern: "^/rewrite(/?)(.*)".to_owned(),
            substitution: r"/\2".to_owned(),
        };
        for (path, expected) in
            [("/rewrite", "/"), ("/rewrite/", "/"), ("/rewrite/a/b?c", "/a/b?c")]
        {
            assert_eq!(rewrite_path(&separated("/rewrite"), &rewrite, path), expected);
        }
    }

    #[test]
    fn a_full_replacement_drops_the_whole_path() {
        let rewrite =
            PathRewrite::Regex { pattern: "^/.*$".to_owned(), substitution: "/one".to_owned() };
        assert_eq!(rewrite_path(&separated("/full"), &rewrite, "/full/a?q=1"), "/one?q=1");
    }

    fn location(redirect: &Redirect, host: &str) -> String {
        let request = Request {
            method: "GET",
            host,
            path_and_query: "/old/a?q=1",
            headers: &|_| Vec::new(),
            scheme: Scheme::Http,
        };
        redirect_location(&separated("/old"), redirect, &request)
    }

    #[test]
    fn location_takes_absent_parts_from_the_request() {
        let mut redirect =
            Redirect { status: 302, scheme: None, host: None, port: None, path: None };
        assert_eq!(location(&redirect, "a.test:31080"), "http://a.test:31080/old/a?q=1");
        redirect.scheme = Some("https".to_owned());
        redirect.port = Some(443);
        assert_eq!(location(&redirect, "a.test:31080"), "https://a.test:443/old/a?q=1");
        redirect.host = Some("b.test".to_owned());
        redirect.path = Some(RedirectPath::Prefix("/new".to_owned()));
        assert_eq!(location(&redirect, "a.test"), "https://b.test:443/new/a?q=1");
    }

    #[test]
    fn an_ipv6_host_keeps_its_brackets() {
        let redirect =
            Redirect { status: 302, scheme: None, host: None, port: Some(8080), path: None };
        assert_eq!(location(&redirect, "[::1]:80"), "http://[::1]:8080/old/a?q=1");
        assert_eq!(location(&redirect, "[::1]"), "http://[::1]:8080/old/a?q=1");
    }
}
