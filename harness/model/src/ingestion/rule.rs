//! The rules of an HTTPRoute as values that fit Envoy: one for each match.

use std::time::Duration;

use gateproof_core::name::NamespacedName;
use regex::Regex;

use crate::checks::route::is_usable;
use crate::facts::Behaviour;
use crate::resources::http_route::{
    BackendRef, Filter, HeaderModifier, HttpRoute, Match, PathKind, PathModifierKind,
    RequestMirror, RequestRedirect, Rule, UrlRewrite, ValueKind, ValueMatch,
};
use crate::translation::envoy::{
    HeaderEdits, HeaderMatch, PathMatch, QueryMatch, RouteMatch, UpstreamProtocol,
    ValueMatch as EnvoyValue,
};
use crate::{Input, Unmodelled};

/// One match of one rule.
#[derive(Debug, Clone)]
pub(crate) struct HttpRule {
    /// The HTTPRoute it came from.
    pub route: NamespacedName,
    /// Hosts it is served for; never empty.
    pub hosts: Vec<String>,
    pub matcher: RouteMatch,
    /// The path prefix as it was written; empty for other path matches.
    pub prefix: String,
    pub treatment: Treatment,
    /// Backends that can be used.
    pub backends: Vec<Backend>,
}

/// What happens to a request besides choosing a backend.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Treatment {
    pub request_headers: HeaderEdits,
    pub response_headers: HeaderEdits,
    pub redirect: Option<RequestRedirect>,
    pub rewrite: Option<UrlRewrite>,
    /// Backends that get a copy, with the share in percent.
    pub mirrors: Vec<(Backend, u32)>,
    /// `None` waits without limit.
    pub timeout: Option<Duration>,
}

/// A backend: a port of a Service.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Backend {
    pub service: NamespacedName,
    pub port: u16,
    pub weight: u32,
    pub protocol: UpstreamProtocol,
    pub request_headers: HeaderEdits,
    pub response_headers: HeaderEdits,
}

impl Backend {
    /// The name of Envoy's cluster.
    pub(crate) fn cluster(&self) -> String {
        format!("{}:{}:{}", self.service.namespace, self.service.name, self.port)
    }
}

/// Reads all rules of a route that is served for these hosts.
pub(super) fn read(
    input: &Input<'_>,
    route: &HttpRoute,
    hosts: &[String],
    unmodelled: &mut Vec<Unmodelled>,
) -> Vec<HttpRule> {
    let mut rules = Vec::new();
    for (index, rule) in route.spec.rules.iter().enumerate() {
        let limits = limits(input, route, index, rule);
        if !limits.is_empty() {
            unmodelled.extend(limits.into_iter().map(|what| Unmodelled::new(route.object(), what)));
            continue;
        }
        let backends: Vec<Backend> = rule
            .backend_refs
            .iter()
            .filter(|backend| is_usable(input, route, backend))
            .map(|reference| backend(input, route, reference))
            .collect();
        let treatment = treatment(input, route, rule);
        let default = [Match::default()];
        let matches = if rule.matches.is_empty() { &default[..] } else { &rule.matches[..] };
        rules.extend(matches.iter().map(|found| HttpRule {
            route: route.name.clone(),
            hosts: hosts.to_vec(),
            matcher: matcher(found),
            prefix: prefix(found),
            treatment: treatment.clone(),
            backends: backends.clone(),
        }));
    }
    rules
}

/// What a rule asks for that is not covered.
fn limits(input: &Input<'_>, route: &HttpRoute, index: usize, rule: &Rule) -> Vec<String> {
    let own = format!("rules[{index}]");
    let mut limits: Vec<String> = route
        .unread
        .iter()
        .filter(|field| field.starts_with(&own) || !field.starts_with("rules["))
        .map(|field| format!("field spec.{field}"))
        .collect();
    for filter in &rule.filters {
        limits.extend(filter_limit(input, route, filter).map(|what| format!("{own}: {what}")));
    }
    for filter in rule.backend_refs.iter().flat_map(|backend| &backend.filters) {
        if !matches!(filter.kind.as_str(), "RequestHeaderModifier" | "ResponseHeaderModifier") {
            limits.push(format!("{own}: filter {} on a backendRef", filter.kind));
        }
    }
    if rule.backend_refs.iter().any(|backend| backend.kind == "ServiceImport") {
        limits.push(format!("{own}: a backend of kind ServiceImport"));
    }
    let texts = [&rule.timeouts.request, &rule.timeouts.backend_request];
    for text in texts.into_iter().flatten().filter(|text| duration(text).is_none()) {
        limits.push(format!("{own}: timeout `{text}`, which is no duration such as 500ms"));
    }
    let patterns = rule.matches.iter().flat_map(patterns);
    for pattern in patterns.filter(|pattern| Regex::new(pattern).is_err()) {
        limits.push(format!("{own}: regular expression `{pattern}`, which cannot be read"));
    }
    limits
}

fn filter_limit(input: &Input<'_>, route: &HttpRoute, filter: &Filter) -> Option<String> {
    let whole_prefix_removed = |path: &crate::resources::http_route::PathModifier| {
        path.kind == PathModifierKind::ReplacePrefixMatch
            && matches!(path.replace_prefix_match.as_str(), "" | "/")
    };
    match (filter.kind.as_str(), filter) {
        ("RequestHeaderModifier", Filter { request_header_modifier: Some(_), .. })
        | ("ResponseHeaderModifier", Filter { response_header_modifier: Some(_), .. })
        | ("URLRewrite", Filter { url_rewrite: Some(_), .. }) => None,
        ("RequestRedirect", Filter { request_redirect: Some(redirect), .. }) => redirect
            .path
            .as_ref()
            .is_some_and(whole_prefix_removed)
            .then(|| "a redirect that removes the matched prefix".to_owned()),
        ("RequestMirror", Filter { request_mirror: Some(mirror), .. }) => {
            if !is_usable(input, route, &mirror.backend_ref) {
                Some("a mirror whose backend cannot be used".to_owned())
            } else if (mirror.percent.is_some() || mirror.fraction.is_some())
                && !input.holds(Behaviour::MirrorFraction)
            {
                Some("a mirror of a share of requests".to_owned())
            } else {
                None
            }
        }
        (kind, _) => Some(format!("filter {kind}")),
    }
}

fn patterns(found: &Match) -> impl Iterator<Item = &String> {
    let path = (found.path.kind == PathKind::RegularExpression).then_some(&found.path.value);
    let values = found.headers.iter().chain(&found.query_params);
    path.into_iter().chain(
        values.filter(|value| value.kind == ValueKind::RegularExpression).map(|value| &value.value),
    )
}

fn matcher(found: &Match) -> RouteMatch {
    let value = |value: &ValueMatch| match value.kind {
        ValueKind::Exact => EnvoyValue::Exact(value.value.clone()),
        ValueKind::RegularExpression => EnvoyValue::Regex(value.value.clone()),
    };
    let path = found.path.value.clone();
    RouteMatch {
        path: match found.path.kind {
            PathKind::Exact => PathMatch::Exact(path),
            PathKind::PathPrefix if matches!(path.as_str(), "" | "/") => {
                PathMatch::Prefix("/".to_owned())
            }
            PathKind::PathPrefix => {
                PathMatch::SeparatedPrefix(path.strip_suffix('/').unwrap_or(&path).to_owned())
            }
            PathKind::RegularExpression => PathMatch::Regex(path),
        },
        method: found.method.as_ref().map(|method| method.to_uppercase()),
        headers: found
            .headers
            .iter()
            .map(|header| HeaderMatch {
                name: header.name.clone(),
                value: value(header),
                invert: false,
            })
            .collect(),
        query: found
            .query_params
            .iter()
            .map(|query| QueryMatch { name: query.name.clone(), value: value(query) })
            .collect(),
    }
}

fn prefix(found: &Match) -> String {
    match found.path.kind {
        PathKind::PathPrefix => found.path.value.clone(),
        PathKind::Exact | PathKind::RegularExpression => String::new(),
    }
}

fn treatment(input: &Input<'_>, route: &HttpRoute, rule: &Rule) -> Treatment {
    let mut treatment = Treatment { timeout: timeout(rule), ..Treatment::default() };
    for filter in &rule.filters {
        if let Some(modifier) = &filter.request_header_modifier {
            treatment.request_headers = edits(modifier);
        }
        if let Some(modifier) = &filter.response_header_modifier {
            treatment.response_headers = edits(modifier);
        }
        if let Some(redirect) = &filter.request_redirect {
            treatment.redirect = Some(redirect.clone());
        }
        if let Some(rewrite) = &filter.url_rewrite {
            treatment.rewrite = Some(rewrite.clone());
        }
        if let Some(mirror) = &filter.request_mirror {
            treatment
                .mirrors
                .push((backend(input, route, &mirror.backend_ref), percentage(mirror)));
        }
    }
    treatment
}

fn edits(modifier: &HeaderModifier) -> HeaderEdits {
    let pairs = |headers: &[crate::resources::http_route::Header]| {
        headers.iter().map(|header| (header.name.clone(), header.value.clone())).collect()
    };
    HeaderEdits {
        add: pairs(&modifier.add),
        set: pairs(&modifier.set),
        remove: modifier.remove.clone(),
    }
}

/// The share of requests a mirror gets; fractions are rounded down to whole percents
/// (cilium/cilium 1.17 `envoy_virtual_host.go`).
fn percentage(mirror: &RequestMirror) -> u32 {
    match (mirror.percent, &mirror.fraction) {
        (Some(percent), _) => percent,
        (None, Some(fraction)) => {
            fraction.numerator.saturating_mul(100) / fraction.denominator.max(1)
        }
        (None, None) => 100,
    }
}

/// The smaller of the two timeouts; zero switches the limit off.
fn timeout(rule: &Rule) -> Option<Duration> {
    [&rule.timeouts.request, &rule.timeouts.backend_request]
        .into_iter()
        .flatten()
        .filter_map(|text| duration(text))
        .min()
        .filter(|timeout| !timeout.is_zero())
}

fn backend(input: &Input<'_>, route: &HttpRoute, reference: &BackendRef) -> Backend {
    let service = reference.service(&route.name.namespace);
    let port = reference.port.expect("a usable backend has a port");
    let mut backend = Backend {
        protocol: protocol(input, &service, port),
        service,
        port,
        weight: reference.weight,
        request_headers: HeaderEdits::default(),
        response_headers: HeaderEdits::default(),
    };
    for filter in &reference.filters {
        if let Some(modifier) = &filter.request_header_modifier {
            backend.request_headers = edits(modifier);
        }
        if let Some(modifier) = &filter.response_header_modifier {
            backend.response_headers = edits(modifier);
        }
    }
    backend
}

/// What is spoken to a backend: with application protocols on, HTTP/2 for `kubernetes.io/h2c` and
/// HTTP/1.1 for everything else (cilium/cilium `cec_translator.go`).
fn protocol(input: &Input<'_>, service: &NamespacedName, port: u16) -> UpstreamProtocol {
    if !(input.config.app_protocol || input.config.alpn) {
        return UpstreamProtocol::AsDownstream;
    }
    let declared = input.resources.services.get(service).and_then(|service| {
        service.spec.ports.iter().find(|found| found.port == port)?.app_protocol.as_deref()
    });
    match declared {
        Some("kubernetes.io/h2c") => UpstreamProtocol::Http2,
        _ => UpstreamProtocol::Http1,
    }
}

/// A duration of the Gateway API, such as `1m30s` or `500ms`.
fn duration(text: &str) -> Option<Duration> {
    let mut rest = text;
    let mut total = Duration::ZERO;
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit())?;
        let amount: u64 = rest[..digits].parse().ok()?;
        rest = &rest[digits..];
        let letters = rest.find(|c: char| c.is_ascii_digit()).unwrap_or(rest.len());
        total += match &rest[..letters] {
            "h" => Duration::from_secs(amount * 3600),
            "m" => Duration::from_secs(amount * 60),
            "s" => Duration::from_secs(amount),
            "ms" => Duration::from_millis(amount),
            _ => return None,
        };
        rest = &rest[letters..];
    }
    Some(total)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::duration;

    #[test]
    fn durations_of_the_gateway_api_are_read() {
        assert_eq!(duration("10s"), Some(Duration::from_secs(10)));
        assert_eq!(duration("1h30m"), Some(Duration::from_mins(90)));
        assert_eq!(duration("500ms"), Some(Duration::from_millis(500)));
        assert_eq!(duration("0s"), Some(Duration::ZERO));
    }

    #[test]
    fn look_alikes_of_durations_are_refused() {
        for text in ["", "10", "s", "1.5s", "-1s", "10 s", "1d"] {
            assert_eq!(duration(text), None, "{text}");
        }
    }
}
