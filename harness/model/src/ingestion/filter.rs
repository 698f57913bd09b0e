//! Filters, timeouts and retries of a rule.

use std::time::Duration;

use super::backend::{Backend, BackendEdits, backend};
use super::duration::duration;
use crate::Input;
use crate::checks::reference::{is_granted, usable_service};
use crate::facts::Behaviour;
use crate::resources::http_route::{
    Cors, Filter, Header, HeaderModifier, PathModifier, PathModifierKind, RequestMirror,
    RequestRedirect, Retry, Timeouts, UrlRewrite,
};
use crate::resources::route::Route;
use crate::translation::envoy::{HeaderEdits, RetryOn};

/// What happens to a request besides choosing a backend.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Treatment {
    pub request_headers: HeaderEdits,
    pub response_headers: HeaderEdits,
    pub redirect: Option<RequestRedirect>,
    pub rewrite_host: Option<String>,
    pub rewrite_path: Option<Rewrite>,
    /// Backends that get a copy, with the share in percent.
    pub mirrors: Vec<(Backend, u32)>,
    pub cors: Option<Cors>,
    /// `None` says nothing; zero waits without limit.
    pub timeout: Option<Duration>,
    pub retry: Option<crate::translation::envoy::Retry>,
    /// Header edits of the rule's backends, in order.
    pub backend_edits: Vec<BackendEdits>,
}

/// A new path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Rewrite {
    /// The whole of it.
    Full(String),
    /// Instead of the matched prefix; a slash at its end is cut off.
    Prefix(String),
}

/// What a filter asks for that is not covered. Filters without effect ask for nothing.
pub(super) fn limit(input: &Input<'_>, filter: &Filter) -> Option<String> {
    let missing = match (filter.kind.as_str(), filter) {
        ("RequestHeaderModifier", Filter { request_header_modifier: None, .. })
        | ("ResponseHeaderModifier", Filter { response_header_modifier: None, .. })
        | ("URLRewrite", Filter { url_rewrite: None, .. })
        | ("RequestRedirect", Filter { request_redirect: None, .. })
        | ("RequestMirror", Filter { request_mirror: None, .. }) => true,
        ("CORS", Filter { cors: None, .. }) => input.holds(Behaviour::CorsFilter),
        _ => false,
    };
    let kind = &filter.kind;
    if missing {
        Some(format!("filter {kind} without its own section"))
    } else if kind == "ExternalAuth" && input.holds(Behaviour::ExternalAuthFilter) {
        Some(format!("filter {kind}"))
    } else if kind == "RequestMirror" && filter.request_mirror.as_ref()?.backend_ref.port.is_none()
    {
        Some("a mirror without port".to_owned())
    } else {
        None
    }
}

/// Timeouts that are no durations.
pub(super) fn timeout_limits(timeouts: &Timeouts, retry: Option<&Retry>) -> Vec<String> {
    let backoff = retry.and_then(|retry| retry.backoff.as_ref());
    let texts = [timeouts.request.as_ref(), timeouts.backend_request.as_ref(), backoff];
    texts
        .into_iter()
        .flatten()
        .filter(|text| duration(text).is_none())
        .map(|text| format!("timeout `{text}`, which is no duration such as 500ms"))
        .collect()
}

/// Reads the filters of a rule. Of several of one type the last counts, mirrors aside.
pub(super) fn treatment(input: &Input<'_>, route: Route<'_>, filters: &[Filter]) -> Treatment {
    let mut treatment = Treatment::default();
    for filter in filters {
        match filter.kind.as_str() {
            "RequestHeaderModifier" => {
                treatment.request_headers = option_edits(filter.request_header_modifier.as_ref());
            }
            "ResponseHeaderModifier" => {
                treatment.response_headers = option_edits(filter.response_header_modifier.as_ref());
            }
            "RequestRedirect" => treatment.redirect.clone_from(&filter.request_redirect),
            "URLRewrite" => {
                let rewrite = filter.url_rewrite.as_ref();
                treatment.rewrite_host = rewrite.and_then(|rewrite| rewrite.hostname.clone());
                treatment.rewrite_path = rewrite.and_then(rewrite_path);
            }
            "RequestMirror" => treatment
                .mirrors
                .extend(filter.request_mirror.as_ref().and_then(|m| mirror(input, route, m))),
            "CORS" if input.holds(Behaviour::CorsFilter) => {
                treatment.cors.clone_from(&filter.cors);
            }
            _ => {}
        }
    }
    treatment
}

fn option_edits(modifier: Option<&HeaderModifier>) -> HeaderEdits {
    modifier.map(edits).unwrap_or_default()
}

pub(super) fn edits(modifier: &HeaderModifier) -> HeaderEdits {
    let pairs = |headers: &[Header]| {
        headers.iter().map(|header| (header.name.clone(), header.value.clone())).collect()
    };
    HeaderEdits {
        add: pairs(&modifier.add),
        set: pairs(&modifier.set),
        remove: modifier.remove.clone(),
    }
}

fn rewrite_path(rewrite: &UrlRewrite) -> Option<Rewrite> {
    let PathModifier { kind, replace_full_path, replace_prefix_match } = rewrite.path.as_ref()?;
    match kind {
        // An empty path is not told from an empty prefix.
        PathModifierKind::ReplaceFullPath => {
            replace_full_path.clone().map(|path| match path.as_str() {
                "" => Rewrite::Prefix(path),
                _ => Rewrite::Full(path),
            })
        }
        PathModifierKind::ReplacePrefixMatch => replace_prefix_match
            .as_ref()
            .map(|prefix| Rewrite::Prefix(prefix.strip_suffix('/').unwrap_or(prefix).to_owned())),
    }
}

/// A mirror whose Service does not exist, or which is not granted, is left out without a word.
fn mirror(input: &Input<'_>, route: Route<'_>, mirror: &RequestMirror) -> Option<(Backend, u32)> {
    let reference = &mirror.backend_ref;
    if input.holds(Behaviour::MirrorNeedsGrant) && !is_granted(input, route, reference) {
        return None;
    }
    let service = if input.holds(Behaviour::MirrorResolvesImports) {
        usable_service(input, route, reference)?
    } else {
        let named = reference.service(&route.name().namespace);
        input.resources.services.contains_key(&named).then_some(named)?
    };
    Some((backend(input, service, reference), percentage(input, mirror)))
}

/// The share of requests a mirror gets; fractions are rounded down to whole percents.
fn percentage(input: &Input<'_>, mirror: &RequestMirror) -> u32 {
    match (mirror.percent, &mirror.fraction) {
        _ if !input.holds(Behaviour::MirrorFraction) => 100,
        (Some(percent), _) => percent,
        (None, Some(fraction)) => {
            fraction.numerator.saturating_mul(100) / fraction.denominator.max(1)
        }
        (None, None) => 100,
    }
}

/// The smaller of the two timeouts.
pub(super) fn timeout(timeouts: &Timeouts) -> Option<Duration> {
    let texts = [&timeouts.request, &timeouts.backend_request];
    texts.into_iter().flatten().filter_map(|text| duration(text)).min()
}

/// Retries, which older versions write in a way that has no effect.
pub(super) fn retry(
    input: &Input<'_>,
    retry: Option<&Retry>,
) -> Option<crate::translation::envoy::Retry> {
    let retry = retry.filter(|_| input.holds(Behaviour::RetryWritten))?;
    Some(crate::translation::envoy::Retry {
        on: if input.holds(Behaviour::RetryEffective) {
            RetryOn::CodesAndConnection
        } else {
            RetryOn::Nothing
        },
        attempts: retry.attempts,
        codes: retry.codes.clone(),
        backoff: retry.backoff.as_deref().and_then(duration),
    })
}
