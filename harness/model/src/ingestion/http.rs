//! The rules of an HTTPRoute.

use std::collections::{BTreeMap, BTreeSet};

use super::backend::backends;
use super::filter::{limit, retry, timeout, timeout_limits, treatment};
use super::rule::{HttpRule, Match, Path, Place, RuleProtocol, is_covered, note_patterns};
use crate::facts::Behaviour;
use crate::resources::http_route::{HttpRoute, Match as Written, PathKind, Rule};
use crate::resources::route::Route;
use crate::{Input, Unmodelled};

/// Reads all rules of a route that is served in a place.
pub(super) fn read(
    input: &Input<'_>,
    http: &HttpRoute,
    place: Place<'_>,
    unmodelled: &mut Vec<Unmodelled>,
) -> Vec<HttpRule> {
    let route = Route::Http(http);
    let mut rules = Vec::new();
    let mut sources = Vec::new();
    for (index, rule) in http.spec.rules.iter().enumerate() {
        if !is_covered(route, index, limits(input, rule), unmodelled) {
            continue;
        }
        let (backends, edits) = backends(input, route, &rule.backend_refs, Some(place.policies));
        let mut treatment = treatment(input, route, &rule.filters);
        treatment.timeout = timeout(&rule.timeouts);
        treatment.retry = retry(input, rule.retry.as_ref());
        treatment.backend_edits = edits;
        let any = [Match { path: Path::Any, method: None, headers: vec![], query: vec![] }];
        let written: Vec<Match<'_>> = rule.matches.iter().map(read_match).collect();
        let matches = if written.is_empty() { &any[..] } else { &written[..] };
        for (match_index, found) in matches.iter().enumerate() {
            let envoy_match = found.matcher();
            note_patterns(&envoy_match, &route.object(), unmodelled);
            sources.push((index, match_index));
            rules.push(HttpRule {
                route: route.object(),
                hosts: place.hosts.to_vec(),
                port: place.port,
                turn: place.turn,
                key: found.key(input, &treatment),
                matcher: envoy_match,
                prefix: found.path.prefix().to_owned(),
                protocol: RuleProtocol::Http,
                treatment: treatment.clone(),
                backends: backends.clone(),
            });
        }
    }
    if input.holds(Behaviour::RepeatedMatchesStayApart) {
        keep_apart(&route.object(), &mut rules, &sources);
    }
    rules
}

/// Matches that several rules of one route share keep a key for each rule, so that the first rule
/// wins and the backends are not mixed.
fn keep_apart(route: &str, rules: &mut [HttpRule], sources: &[(usize, usize)]) {
    let mut rules_of: BTreeMap<String, BTreeSet<usize>> = BTreeMap::new();
    for (rule, (index, _)) in rules.iter().zip(sources) {
        rules_of.entry(rule.key.clone()).or_default().insert(*index);
    }
    for (rule, (index, match_index)) in rules.iter_mut().zip(sources) {
        if rules_of.get(&rule.key).is_some_and(|indexes| indexes.len() > 1) {
            rule.key = format!("{route} rules[{index}].matches[{match_index}]");
        }
    }
}

fn limits(input: &Input<'_>, rule: &Rule) -> Vec<String> {
    let mut limits = timeout_limits(&rule.timeouts, rule.retry.as_ref());
    limits.extend(rule.filters.iter().filter_map(|filter| limit(input, filter)));
    limits
}

fn read_match(found: &Written) -> Match<'_> {
    let path = &found.path.value;
    Match {
        path: match found.path.kind {
            PathKind::Exact => Path::Exact(path.clone()),
            PathKind::PathPrefix => Path::Prefix(path),
            PathKind::RegularExpression => Path::Regex(path.clone()),
        },
        method: found.method.as_deref(),
        headers: found.headers.iter().collect(),
        query: found.query_params.iter().collect(),
    }
}
