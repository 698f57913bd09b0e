//! The rules of a GRPCRoute. Service and method of a call are the two elements of its path.

use super::backend::backends;
use super::filter::{limit, treatment};
use super::rule::{HttpRule, Match, Path, Place, RuleProtocol, is_covered, note_patterns};
use crate::facts::Behaviour;
use crate::resources::grpc_route::{GrpcMatch, GrpcRoute, MethodMatch};
use crate::resources::http_route::ValueKind;
use crate::resources::route::Route;
use crate::{Input, Unmodelled};

/// Reads all rules of a route that is served in a place.
pub(super) fn read(
    input: &Input<'_>,
    grpc: &GrpcRoute,
    place: Place<'_>,
    unmodelled: &mut Vec<Unmodelled>,
) -> Vec<HttpRule> {
    let route = Route::Grpc(grpc);
    let mut rules = Vec::new();
    for (index, rule) in grpc.spec.rules.iter().enumerate() {
        let limits = rule.filters.iter().filter_map(|filter| limit(input, filter)).collect();
        if !is_covered(route, index, limits, unmodelled) {
            continue;
        }
        // Filters of a backend have no effect on a GRPCRoute, nor have policies for TLS.
        let (backends, _) = backends(input, route, &rule.backend_refs, None);
        let filters: Vec<_> =
            rule.filters.iter().filter(|f| is_grpc_filter(&f.kind)).cloned().collect();
        let treatment = treatment(input, route, &filters);
        let any = GrpcMatch::default();
        let (matches, protocol) = if rule.matches.is_empty() {
            // Only a rule with matches is marked as one for gRPC.
            (std::slice::from_ref(&any), RuleProtocol::Http)
        } else {
            (&rule.matches[..], RuleProtocol::Grpc)
        };
        for found in matches {
            let found = Match {
                path: found.method.as_ref().map_or(Path::Any, |method| path(input, method)),
                method: None,
                headers: found.headers.iter().collect(),
                query: vec![],
            };
            let envoy_match = found.matcher();
            note_patterns(&envoy_match, &route.object(), unmodelled);
            rules.push(HttpRule {
                route: route.object(),
                hosts: place.hosts.to_vec(),
                port: place.port,
                turn: place.turn,
                key: found.key(input, &treatment),
                matcher: envoy_match,
                prefix: found.path.prefix().to_owned(),
                protocol,
                treatment: treatment.clone(),
                backends: backends.clone(),
            });
        }
    }
    rules
}

fn is_grpc_filter(kind: &str) -> bool {
    matches!(kind, "RequestHeaderModifier" | "ResponseHeaderModifier" | "RequestMirror")
}

fn path<'a>(input: &Input<'_>, found: &MethodMatch) -> Path<'a> {
    let parts = (found.service.as_deref(), found.method.as_deref());
    if !input.holds(Behaviour::GrpcMethodMatchesInParts) {
        return joined_path(found.kind, parts);
    }
    match (found.kind, parts) {
        (ValueKind::Exact, (Some(service), Some(method))) => {
            Path::Exact(format!("/{service}/{method}"))
        }
        (ValueKind::Exact, (Some(service), None)) => Path::MadePrefix(format!("/{service}/")),
        (ValueKind::Exact, (None, None)) => Path::Any,
        (ValueKind::RegularExpression, (Some(service), Some(method))) => {
            Path::Regex(format!("/{service}/{method}"))
        }
        (ValueKind::RegularExpression, (Some(service), None)) => {
            Path::Regex(format!("/{service}/.+"))
        }
        (ValueKind::RegularExpression, (None, None)) => Path::MadePrefix("/".to_owned()),
        // The method of an exact match without service goes into a pattern as it is.
        (_, (None, Some(method))) => Path::Regex(format!("/.+/{method}")),
    }
}

/// The oldest form needs a service and takes it for the whole path where there is no method.
fn joined_path<'a>(kind: ValueKind, (service, method): (Option<&str>, Option<&str>)) -> Path<'a> {
    let Some(service) = service else { return Path::Any };
    let method = method.map(|method| format!("/{method}")).unwrap_or_default();
    let path = format!("/{service}{method}");
    match kind {
        ValueKind::Exact => Path::Exact(path),
        ValueKind::RegularExpression => Path::Regex(path),
    }
}
