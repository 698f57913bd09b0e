//! What Envoy would refuse when it is configured.
//!
//! A refused listener or route table changes nothing: what was there before stays, and nothing
//! is there if nothing was. Sources: envoyproxy/envoy `source/common/router/config_impl.cc` (sum
//! of weights, unique domains, regular expressions, values of header fields) and
//! `source/common/listener_manager/filter_chain_manager_impl.cc` (overlapping chains), main
//! branch, 2026. That a refusal concerns the one table or listener and not everything that was
//! sent with it is inferred from how Cilium's agent serves xDS.

use std::collections::BTreeSet;

use gateproof_model::routing::is_expression;
use gateproof_model::translation::envoy::{
    Action, Listener, PathMatch, PathRewrite, RedirectPath, Route, RouteTable, ValueMatch,
};

use super::format;

/// Why Envoy would refuse a route table.
pub(super) fn table_refusal(table: &RouteTable) -> Option<String> {
    let mut domains = BTreeSet::new();
    for virtual_host in &table.virtual_hosts {
        for domain in &virtual_host.domains {
            if !domains.insert(domain.to_ascii_lowercase()) {
                return Some(format!(
                    "the domain {domain} occurs twice; each may occur once in a route table"
                ));
            }
        }
        for route in &virtual_host.routes {
            if let Some(reason) = route_refusal(route) {
                return Some(format!("virtual host {}: {reason}", virtual_host.name));
            }
        }
    }
    None
}

fn route_refusal(route: &Route) -> Option<String> {
    if let Action::Forward(forward) = &route.action {
        let sum: u64 = forward.clusters.iter().map(|c| u64::from(c.weight)).sum();
        if forward.clusters.is_empty() {
            return Some("a route forwards to no cluster".into());
        }
        if forward.clusters.len() > 1 && sum == 0 {
            let names: Vec<_> = forward.clusters.iter().map(|c| c.cluster.as_str()).collect();
            return Some(format!(
                "the weights of {} sum to zero; the sum must be greater than zero",
                names.join(", ")
            ));
        }
    }
    if let Some(reason) = values(route).find_map(format::refusal) {
        return Some(reason);
    }
    let unread = patterns(route).into_iter().find(|pattern| !is_expression(pattern))?;
    Some(format!("the regular expression {unread:?} does not compile"))
}

/// Every value that a route gives a header field.
fn values(route: &Route) -> impl Iterator<Item = &str> {
    let clusters = match &route.action {
        Action::Forward(forward) => forward.clusters.as_slice(),
        Action::Redirect(_) | Action::Respond { .. } => &[],
    };
    clusters
        .iter()
        .flat_map(|cluster| [&cluster.request_headers, &cluster.response_headers])
        .chain([&route.request_headers, &route.response_headers])
        .flat_map(|edits| edits.set.iter().chain(&edits.add))
        .map(|(_, value)| value.as_str())
}

/// Every regular expression of a route.
fn patterns(route: &Route) -> Vec<&str> {
    let mut patterns = Vec::new();
    if let PathMatch::Regex(pattern) = &route.matcher.path {
        patterns.push(pattern.as_str());
    }
    let headers = route.matcher.headers.iter().map(|header| &header.value);
    let query = route.matcher.query.iter().map(|parameter| &parameter.value);
    for value in headers.chain(query) {
        if let ValueMatch::Regex(pattern) = value {
            patterns.push(pattern);
        }
    }
    match &route.action {
        Action::Forward(forward) => {
            if let Some(PathRewrite::Regex { pattern, .. }) = &forward.path_rewrite {
                patterns.push(pattern);
            }
        }
        Action::Redirect(redirect) => {
            if let Some(RedirectPath::Regex { pattern, .. }) = &redirect.path {
                patterns.push(pattern);
            }
        }
        Action::Respond { .. } => {}
    }
    patterns
}

/// Why Envoy would refuse a listener: two filter chains for the same server name, or two for
/// every server name.
pub(super) fn listener_refusal(listener: &Listener) -> Option<String> {
    let terminate = listener.terminate.iter().map(|chain| &chain.server_names);
    let passthrough = listener.passthrough.iter().map(|chain| &chain.server_names);
    let mut taken = BTreeSet::new();
    for names in terminate.chain(passthrough) {
        let own: BTreeSet<String> = if names.is_empty() {
            BTreeSet::from([String::new()])
        } else {
            names.iter().map(|name| name.to_ascii_lowercase()).collect()
        };
        if let Some(name) = own.iter().find(|name| taken.contains(*name)) {
            let what = if name.is_empty() { "every server name" } else { name.as_str() };
            return Some(format!(
                "two filter chains match {what}; matching rules of chains must not overlap"
            ));
        }
        taken.extend(own);
    }
    None
}

#[cfg(test)]
mod tests;
