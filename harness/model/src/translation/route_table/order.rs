//! The order of routes, and where it is not defined: the operator takes listeners in order, and at
//! each the HTTPRoutes before the GRPCRoutes, but lists the routes of a kind in no fixed order, and no
//! version sorts them by age or name.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use crate::facts::Behaviour;
use crate::ingestion::HttpRule;
use crate::translation::envoy::{HeaderMatch, PathMatch, QueryMatch, RouteMatch, ValueMatch};
use crate::{Input, Unmodelled};

/// Order of routes: longer exact path, longer expression, longer prefix, method, then more header
/// and more query matches. Equal ranks keep the order in which they came.
pub(super) fn precedence(input: &Input<'_>, a: &RouteMatch, b: &RouteMatch) -> Ordering {
    let lengths = |matcher: &RouteMatch| match &matcher.path {
        PathMatch::Exact(path) => (path.len(), 0, 0),
        PathMatch::Regex(pattern) => (0, pattern.len(), 0),
        PathMatch::Prefix(prefix) | PathMatch::SeparatedPrefix(prefix) => (0, 0, prefix.len()),
    };
    let method = |matcher: &RouteMatch| match &matcher.method {
        Some(method) if input.holds(Behaviour::MethodDecidesOrder) => (false, method.clone()),
        Some(_) => (false, String::new()),
        None => (input.holds(Behaviour::MethodDecidesOrder), String::new()),
    };
    // The method counts as a header field, as it does in Envoy.
    let guards_count = !input.holds(Behaviour::RedirectGuardOutranksNothing);
    let headers = |matcher: &RouteMatch| {
        let counted = matcher.headers.iter().filter(|header| guards_count || !is_guard(header));
        counted.count() + usize::from(matcher.method.is_some())
    };
    lengths(b)
        .cmp(&lengths(a))
        .then_with(|| method(a).cmp(&method(b)))
        .then_with(|| headers(b).cmp(&headers(a)))
        .then_with(|| b.query.len().cmp(&a.query.len()))
}

/// Whether a header match is the one that a redirect gets.
fn is_guard(header: &HeaderMatch) -> bool {
    header.name == "X-Forwarded-Proto"
        && header.invert
        && matches!(header.value, ValueMatch::ExactIgnoreCase(_))
}

/// Notes where several routes meet and the order in which they were listed would decide.
pub(super) fn note_undefined_order(
    input: &Input<'_>,
    groups: &BTreeMap<&str, Vec<&HttpRule>>,
    unmodelled: &mut Vec<Unmodelled>,
) {
    for group in groups.values() {
        let first = group[0];
        let differs = |other: &&&HttpRule| {
            other.route != first.route
                && other.turn == first.turn
                && (other.treatment != first.treatment
                    || other.port != first.port && uses_port(first))
        };
        for other in group[1..].iter().filter(differs) {
            unmodelled.push(Unmodelled::new(
                &other.route,
                format!("a match that {} has too, with different filters or timeouts", first.route),
            ));
        }
    }
    let mut firsts: Vec<(RouteMatch, &HttpRule)> =
        groups.values().map(|group| (guarded(input, group[0]), group[0])).collect();
    firsts.sort_by(|(a, _), (b, _)| precedence(input, a, b));
    for ties in firsts.chunk_by(|(a, _), (b, _)| precedence(input, a, b) == Ordering::Equal) {
        for (index, (_, a)) in ties.iter().enumerate() {
            for (_, b) in &ties[index + 1..] {
                note_tie(a, b, unmodelled);
            }
        }
    }
}

/// Notes two rules of the same rank if chance decides which of them a request meets first.
fn note_tie(a: &HttpRule, b: &HttpRule, unmodelled: &mut Vec<Unmodelled>) {
    if a.turn == b.turn && a.route != b.route && may_overlap(&a.matcher, &b.matcher) {
        unmodelled.push(Unmodelled::new(
            &b.route,
            format!("a match as specific as one of {} that may fit the same request", a.route),
        ));
    }
}

/// Whether a rule's answer depends on the listener's port.
fn uses_port(rule: &HttpRule) -> bool {
    let redirect = rule.treatment.redirect.as_ref();
    redirect.is_some_and(|found| found.port.is_none() && found.scheme.is_none())
}

/// The match as it is ordered.
fn guarded(input: &Input<'_>, rule: &HttpRule) -> RouteMatch {
    let mut matcher = rule.matcher.clone();
    let scheme = rule.treatment.redirect.as_ref().and_then(|redirect| redirect.scheme.as_ref());
    if let Some(scheme) = scheme.filter(|_| input.holds(Behaviour::RedirectGuard)) {
        matcher.headers.push(HeaderMatch {
            name: "X-Forwarded-Proto".to_owned(),
            value: ValueMatch::ExactIgnoreCase(scheme.clone()),
            invert: true,
        });
    }
    matcher
}

/// Whether two matches of the same rank could fit one request. Different plain paths of the same
/// length cannot, nor can different methods, nor different exact values of one field.
fn may_overlap(a: &RouteMatch, b: &RouteMatch) -> bool {
    let plain = |path: &PathMatch| !matches!(path, PathMatch::Regex(_));
    let paths_differ = plain(&a.path) && plain(&b.path) && a.path != b.path;
    let methods_differ = matches!((&a.method, &b.method), (Some(one), Some(other)) if one != other);
    let headers_differ = a.headers.iter().any(|one| {
        b.headers.iter().any(|other| {
            one.name.eq_ignore_ascii_case(&other.name)
                && exact_values_differ(&one.value, &other.value)
        })
    });
    let queries_differ = a.query.iter().any(|QueryMatch { name, value }| {
        b.query.iter().any(|other| *name == other.name && exact_values_differ(value, &other.value))
    });
    !(paths_differ || methods_differ || headers_differ || queries_differ)
}

fn exact_values_differ(one: &ValueMatch, other: &ValueMatch) -> bool {
    matches!((one, other), (ValueMatch::Exact(one), ValueMatch::Exact(other)) if one != other)
}

#[cfg(test)]
mod tests {
    use std::cmp::Ordering;

    use super::{
        HeaderMatch, PathMatch, QueryMatch, RouteMatch, ValueMatch, may_overlap, precedence,
    };
    use crate::fixture::Cluster;

    fn matcher(path: PathMatch, method: Option<&str>) -> RouteMatch {
        RouteMatch {
            path,
            method: method.map(str::to_owned),
            headers: Vec::new(),
            query: Vec::new(),
        }
    }

    fn compare(version: &str, a: &RouteMatch, b: &RouteMatch) -> Ordering {
        Cluster::new(version).run(|input| precedence(input, a, b))
    }

    fn header(name: &str, value: ValueMatch, invert: bool) -> HeaderMatch {
        HeaderMatch { name: name.into(), value, invert }
    }

    #[test]
    fn exact_comes_before_expression_before_prefix_whatever_their_length() {
        let exact = matcher(PathMatch::Exact("/a".into()), None);
        let regex = matcher(PathMatch::Regex("/aaa.*".into()), None);
        let prefix = matcher(PathMatch::SeparatedPrefix("/aaaaaaaaaa".into()), None);
        assert_eq!(compare("1.20.0", &exact, &regex), Ordering::Less);
        assert_eq!(compare("1.20.0", &regex, &prefix), Ordering::Less);
    }

    #[test]
    fn a_method_breaks_a_tie_of_paths_but_not_a_longer_path() {
        let any = matcher(PathMatch::SeparatedPrefix("/a".into()), None);
        let get = matcher(PathMatch::SeparatedPrefix("/a".into()), Some("GET"));
        let longer = matcher(PathMatch::SeparatedPrefix("/ab".into()), None);
        for version in ["1.16.0", "1.17.0"] {
            assert_eq!(compare(version, &get, &any), Ordering::Less, "{version}");
            assert_eq!(compare(version, &longer, &get), Ordering::Less, "{version}");
        }
    }

    #[test]
    fn a_method_outranks_two_header_fields_from_1_17_on() {
        let get = matcher(PathMatch::Prefix("/".into()), Some("GET"));
        let mut fields = matcher(PathMatch::Prefix("/".into()), None);
        for name in ["a", "b"] {
            fields.headers.push(header(name, ValueMatch::Exact("1".into()), false));
        }
        assert_eq!(compare("1.16.0", &get, &fields), Ordering::Greater);
        assert_eq!(compare("1.17.0", &get, &fields), Ordering::Less);
    }

    #[test]
    fn the_guard_of_a_redirect_counts_as_a_header_field_until_1_21() {
        let plain = matcher(PathMatch::Prefix("/".into()), None);
        let mut guarded = plain.clone();
        guarded.headers.push(header(
            "X-Forwarded-Proto",
            ValueMatch::ExactIgnoreCase("https".into()),
            true,
        ));
        let mut look_alike = plain.clone();
        look_alike.headers.push(header(
            "X-Forwarded-Proto",
            ValueMatch::Exact("https".into()),
            false,
        ));
        assert_eq!(compare("1.20.0", &guarded, &plain), Ordering::Less);
        assert_eq!(compare("1.21-dev", &guarded, &plain), Ordering::Equal);
        assert_eq!(compare("1.21-dev", &look_alike, &plain), Ordering::Less);
    }

    #[test]
    fn what_excludes_each_other_does_not_overlap() {
        let any = matcher(PathMatch::Prefix("/".into()), None);
        let with = |name: &str, value: &str| RouteMatch {
            headers: vec![header(name, ValueMatch::Exact(value.into()), false)],
            ..any.clone()
        };
        let query = |value: &str| RouteMatch {
            query: vec![QueryMatch { name: "v".into(), value: ValueMatch::Exact(value.into()) }],
            ..any.clone()
        };
        let method = |method| matcher(PathMatch::Prefix("/".into()), Some(method));
        assert!(!may_overlap(&with("x", "1"), &with("X", "2")));
        assert!(may_overlap(&with("x", "1"), &with("y", "2")));
        assert!(may_overlap(&with("x", "1"), &with("x", "1")));
        assert!(!may_overlap(&query("1"), &query("2")));
        assert!(!may_overlap(&method("GET"), &method("PUT")));
    }
}
