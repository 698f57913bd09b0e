//! A rule of a route as values that fit Envoy, whatever kind of route it came from: one for each
//! match.

use super::backend::Backend;
use super::filter::Treatment;
use crate::checks::backend_tls::Policies;
use crate::facts::Behaviour;
use crate::resources::http_route::{ValueKind, ValueMatch};
use crate::resources::route::{Route, RouteKind};
use crate::translation::envoy::{
    HeaderMatch, PathMatch, QueryMatch, RouteMatch, ValueMatch as EnvoyValue,
};
use crate::{Input, Unmodelled, re2};

/// One match of one rule.
#[derive(Debug, Clone)]
pub(crate) struct HttpRule {
    /// The route it came from, such as `HTTPRoute apps/web`.
    pub route: String,
    /// Hosts it is served for; never empty.
    pub hosts: Vec<String>,
    /// The port of the listener that serves it.
    pub port: u16,
    /// Where among all rules it comes.
    pub turn: Turn,
    /// Rules of one host with the same key become one route.
    pub key: String,
    pub matcher: RouteMatch,
    /// The path prefix as it was written; empty for other path matches.
    pub prefix: String,
    pub protocol: RuleProtocol,
    pub treatment: Treatment,
    /// Backends that can be used.
    pub backends: Vec<Backend>,
}

/// When a rule comes: listeners have an order, and kinds of routes at each listener. Routes of one
/// kind at one listener have none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Turn {
    /// The listener's position.
    pub listener: usize,
    pub kind: RouteKind,
}

/// What is spoken to the backends of a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RuleProtocol {
    /// What the Service says.
    Http,
    /// HTTP/2, because the rule is for gRPC.
    Grpc,
}

/// Where a rule is served.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place<'a> {
    pub hosts: &'a [String],
    pub port: u16,
    pub turn: Turn,
    pub policies: &'a Policies<'a>,
}

/// A match of any kind of route.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Match<'a> {
    pub path: Path<'a>,
    pub method: Option<&'a str>,
    pub headers: Vec<&'a ValueMatch>,
    pub query: Vec<&'a ValueMatch>,
}

/// A match on the path, as it was written.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Path<'a> {
    Any,
    Exact(String),
    Prefix(&'a str),
    /// A prefix that the translation made.
    MadePrefix(String),
    Regex(String),
}

impl Path<'_> {
    fn text(&self) -> (&'static str, &str) {
        match self {
            Self::Any => ("", ""),
            Self::Exact(text) => ("exact:", text),
            Self::Prefix(text) => ("prefix:", text),
            Self::MadePrefix(text) => ("prefix:", text),
            Self::Regex(text) => ("regex:", text),
        }
    }

    /// The prefix as it was written; empty for other matches.
    pub(super) fn prefix(&self) -> &str {
        match self {
            Self::Prefix(text) => text,
            Self::MadePrefix(text) => text,
            Self::Any | Self::Exact(_) | Self::Regex(_) => "",
        }
    }

    fn to_envoy(&self) -> PathMatch {
        match self {
            Self::Exact(path) if !path.is_empty() => PathMatch::Exact(path.clone()),
            Self::Regex(pattern) if !pattern.is_empty() => PathMatch::Regex(pattern.clone()),
            _ => match self.prefix() {
                "" | "/" => PathMatch::Prefix("/".to_owned()),
                path => {
                    PathMatch::SeparatedPrefix(path.strip_suffix('/').unwrap_or(path).to_owned())
                }
            },
        }
    }
}

impl Match<'_> {
    /// What tells matches apart. It is made of the match as written: `/a` and `/a/` differ, although
    /// Envoy gets the same for both.
    pub(super) fn key(&self, input: &Input<'_>, treatment: &Treatment) -> String {
        let (kind, path) = self.path.text();
        let method = self.method.map(|method| format!("method:{method}|"));
        let headers =
            sorted(&self.headers).into_iter().map(|found| format!("header:{}|", text(found)));
        let query = sorted(&self.query).into_iter().map(|found| format!("query:{}|", text(found)));
        let redirects = treatment.redirect.as_ref().is_some_and(|found| found.scheme.is_some());
        let redirect = (redirects && input.holds(Behaviour::RedirectGuard))
            .then(|| "redirect:true|".to_owned());
        let parts = method.into_iter().chain([format!("path:{kind}{path}|")]);
        parts.chain(headers).chain(query).chain(redirect).collect()
    }

    pub(super) fn matcher(&self) -> RouteMatch {
        RouteMatch {
            path: self.path.to_envoy(),
            method: self.method.map(str::to_uppercase),
            headers: sorted(&self.headers)
                .into_iter()
                .map(|header| HeaderMatch {
                    name: header.name.clone(),
                    value: envoy_value(header),
                    invert: false,
                })
                .collect(),
            query: sorted(&self.query)
                .into_iter()
                .map(|query| QueryMatch { name: query.name.clone(), value: envoy_value(query) })
                .collect(),
        }
    }
}

/// How Cilium writes a match out, for keys and for its order.
fn text(value: &ValueMatch) -> String {
    let kind = match value.kind {
        ValueKind::Exact => "exact",
        ValueKind::RegularExpression => "regex",
    };
    format!("kv:{}:{kind}:{}", value.name, value.value)
}

fn sorted<'a>(values: &[&'a ValueMatch]) -> Vec<&'a ValueMatch> {
    let mut values = values.to_vec();
    values.sort_by_key(|value| text(value));
    values
}

fn envoy_value(value: &ValueMatch) -> EnvoyValue {
    match value.kind {
        ValueKind::Exact => EnvoyValue::Exact(value.value.clone()),
        ValueKind::RegularExpression => EnvoyValue::Regex(value.value.clone()),
    }
}

/// Whether nothing keeps a rule from being read; else what does is noted.
pub(super) fn is_covered(
    route: Route<'_>,
    index: usize,
    other_limits: Vec<String>,
    unmodelled: &mut Vec<Unmodelled>,
) -> bool {
    let own = format!("rules[{index}]");
    let unread = (route.unread().iter())
        .filter(|field| field.starts_with(&own) || !field.starts_with("rules["))
        .map(|field| format!("field spec.{field}"));
    let limits: Vec<String> =
        unread.chain(other_limits.into_iter().map(|what| format!("{own}: {what}"))).collect();
    let covered = limits.is_empty();
    unmodelled.extend(limits.into_iter().map(|what| Unmodelled::new(route.object(), what)));
    covered
}

/// Notes patterns that Envoy cannot read; it refuses the configuration that holds one.
pub(super) fn note_patterns(matcher: &RouteMatch, route: &str, unmodelled: &mut Vec<Unmodelled>) {
    let path = match &matcher.path {
        PathMatch::Regex(pattern) => Some(pattern),
        PathMatch::Exact(_) | PathMatch::Prefix(_) | PathMatch::SeparatedPrefix(_) => None,
    };
    let headers = matcher.headers.iter().map(|header| &header.value);
    let values = headers.chain(matcher.query.iter().map(|query| &query.value));
    let patterns = values.filter_map(|value| match value {
        EnvoyValue::Regex(pattern) => Some(pattern),
        EnvoyValue::Exact(_) | EnvoyValue::ExactIgnoreCase(_) => None,
    });
    for pattern in path.into_iter().chain(patterns).filter(|pattern| !re2::is_valid(pattern)) {
        unmodelled.push(Unmodelled::new(
            route,
            format!(
                "regular expression `{pattern}`, which Envoy refuses with everything beside it"
            ),
        ));
    }
}
