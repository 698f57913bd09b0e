//! Values in a route that leave it not accepted by any parent
//! (cilium/cilium `operator/pkg/gateway-api/routechecks/httproute.go` and `grpcroute.go`,
//! `ValidateHeaderModifier` and `ValidateMatchRegexps`).

use super::listener::Problem;
use crate::Input;
use crate::facts::Behaviour;
use crate::re2;
use crate::resources::http_route::{PathKind, ValueKind, ValueMatch};
use crate::resources::route::Route;

/// The value that is not supported, if there is one. Both checks run; the later one is told.
pub(crate) fn unsupported_value(input: &Input<'_>, route: Route<'_>) -> Option<Problem> {
    let regexps = input.holds(Behaviour::RegexpsValidated).then(|| bad_regexp(route)).flatten();
    let host =
        || input.holds(Behaviour::HostModifierRefused).then(|| host_modifier(route)).flatten();
    let message = regexps.or_else(host)?;
    Some(Problem { reason: "UnsupportedValue", message })
}

/// Only this spelling is noticed, and only where the field is set.
fn host_modifier(route: Route<'_>) -> Option<String> {
    let rules = route.rules();
    let mut filters = rules.iter().flat_map(|rule| rule.filters);
    let sets_host = filters.any(|filter| {
        filter.kind == "RequestHeaderModifier"
            && filter
                .request_header_modifier
                .as_ref()
                .is_some_and(|modifier| modifier.set.iter().any(|header| header.name == "Host"))
    });
    sets_host.then(|| "Invalid header modifier: \"Host\" header is not supported".to_owned())
}

fn bad_regexp(route: Route<'_>) -> Option<String> {
    patterns(route).into_iter().find_map(|(place, pattern)| {
        let error = re2::check(pattern).err()?;
        Some(format!("Invalid regular expression in {place} match: {error}"))
    })
}

/// The regular expressions of a route's matches, in the order in which Cilium reads them, each with
/// the name of its place.
pub(crate) fn patterns(route: Route<'_>) -> Vec<(&'static str, &str)> {
    fn regexps<'a>(
        place: &'static str,
        values: &'a [ValueMatch],
    ) -> impl Iterator<Item = (&'static str, &'a str)> {
        (values.iter())
            .filter(|value| value.kind == ValueKind::RegularExpression)
            .map(move |value| (place, value.value.as_str()))
    }
    let mut patterns = Vec::new();
    match route {
        Route::Http(route) => {
            for found in route.spec.rules.iter().flat_map(|rule| &rule.matches) {
                if found.path.kind == PathKind::RegularExpression {
                    patterns.push(("path", found.path.value.as_str()));
                }
                patterns.extend(regexps("header", &found.headers));
                patterns.extend(regexps("queryParam", &found.query_params));
            }
        }
        Route::Tls(_) | Route::Tcp(_) | Route::Udp(_) => {}
        Route::Grpc(route) => {
            for found in route.spec.rules.iter().flat_map(|rule| &rule.matches) {
                let method = found.method.iter();
                let method = method.filter(|m| m.kind == ValueKind::RegularExpression);
                for method in method {
                    let service = method.service.as_deref().map(|text| ("method.service", text));
                    let name = method.method.as_deref().map(|text| ("method.method", text));
                    patterns.extend(service.into_iter().chain(name));
                }
                patterns.extend(regexps("header", &found.headers));
            }
        }
    }
    patterns
}
