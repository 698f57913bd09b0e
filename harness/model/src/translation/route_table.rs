//! Route tables: virtual hosts and routes in the order Envoy tries them
//! (cilium/cilium `operator/pkg/model/translation/envoy_virtual_host.go` and `cec_translator.go`).

use std::cmp::Ordering;
use std::collections::BTreeMap;

use super::envoy::{
    Action, Forward, HeaderEdits, HeaderMatch, Mirror, PathMatch, PathRewrite, Redirect,
    RedirectPath, Route, RouteMatch, RouteTable, ValueMatch, VirtualHost, WeightedCluster,
};
use crate::facts::Behaviour;
use crate::ingestion::{Backend, HttpListener, HttpRule, Security};
use crate::resources::http_route::{PathModifierKind, RequestRedirect, UrlRewrite};
use crate::{Input, Unmodelled};

/// What a table is made for.
pub(super) struct Context<'a> {
    pub input: &'a Input<'a>,
    /// The listeners that share the table.
    pub listeners: Vec<&'a HttpListener>,
    /// All ports of the Gateway, in the order of its listeners.
    pub ports: Vec<u16>,
}

/// Builds the table of some listeners.
pub(super) fn build(context: &Context<'_>, unmodelled: &mut Vec<Unmodelled>) -> RouteTable {
    let mut by_host: BTreeMap<&str, Vec<(&HttpListener, &HttpRule)>> = BTreeMap::new();
    for listener in &context.listeners {
        for rule in &listener.rules {
            for host in &rule.hosts {
                by_host.entry(host).or_default().push((listener, rule));
            }
        }
    }
    let virtual_hosts = by_host
        .into_iter()
        .map(|(host, rules)| VirtualHost {
            name: host.to_owned(),
            domains: match host {
                "*" => vec!["*".to_owned()],
                host => vec![host.to_owned(), format!("{host}:*")],
            },
            routes: routes(context, &rules, unmodelled),
        })
        .collect();
    RouteTable { virtual_hosts }
}

/// Routes of one virtual host, sorted. Rules with the same match become one route.
fn routes(
    context: &Context<'_>,
    rules: &[(&HttpListener, &HttpRule)],
    unmodelled: &mut Vec<Unmodelled>,
) -> Vec<Route> {
    let mut groups: Vec<Vec<(&HttpListener, &HttpRule)>> = Vec::new();
    for entry in rules {
        match groups.iter_mut().find(|group| same_match(&group[0].1.matcher, &entry.1.matcher)) {
            Some(group) => group.push(*entry),
            None => groups.push(vec![*entry]),
        }
    }
    note_undefined_order(&groups, unmodelled);
    let mut routes: Vec<Route> =
        groups.iter().flat_map(|group| merge(context, group, unmodelled)).collect();
    routes.sort_by(|a, b| precedence(&a.matcher, &b.matcher));
    routes
}

fn same_match(a: &RouteMatch, b: &RouteMatch) -> bool {
    fn sorted<T: Clone>(list: &[T], key: impl Fn(&T) -> String) -> Vec<String> {
        let mut keys: Vec<String> = list.iter().map(key).collect();
        keys.sort();
        keys
    }
    let headers = |m: &RouteMatch| {
        sorted(&m.headers, |h| format!("{} {:?}", h.name.to_ascii_lowercase(), h.value))
    };
    let query = |m: &RouteMatch| sorted(&m.query, |q| format!("{} {:?}", q.name, q.value));
    a.path == b.path && a.method == b.method && headers(a) == headers(b) && query(a) == query(b)
}

/// The operator lists routes in no fixed order. Where several HTTPRoutes meet and that order
/// would decide, nothing can be said.
fn note_undefined_order(
    groups: &[Vec<(&HttpListener, &HttpRule)>],
    unmodelled: &mut Vec<Unmodelled>,
) {
    for group in groups {
        let (_, first) = group[0];
        for (_, other) in &group[1..] {
            let filtered = |rule: &HttpRule| {
                rule.backends.iter().any(|backend| {
                    backend.request_headers != HeaderEdits::default()
                        || backend.response_headers != HeaderEdits::default()
                })
            };
            if other.route != first.route
                && (other.treatment != first.treatment || filtered(first) || filtered(other))
            {
                unmodelled.push(Unmodelled::new(
                    format!("HTTPRoute {}", other.route),
                    format!(
                        "a match that HTTPRoute {} has too, with different filters or timeouts",
                        first.route
                    ),
                ));
            }
        }
    }
    for (index, group) in groups.iter().enumerate() {
        for other in &groups[index + 1..] {
            let (a, b) = (group[0].1, other[0].1);
            let tied = precedence(&a.matcher, &b.matcher) == Ordering::Equal;
            if tied && a.route != b.route && may_overlap(&a.matcher, &b.matcher) {
                unmodelled.push(Unmodelled::new(
                    format!("HTTPRoute {}", b.route),
                    format!(
                        "a match as specific as one of HTTPRoute {} that may fit the same request",
                        a.route
                    ),
                ));
            }
        }
    }
}

/// Whether two matches of the same rank could fit one request: different plain paths of the same
/// length cannot.
fn may_overlap(a: &RouteMatch, b: &RouteMatch) -> bool {
    let plain = |path: &PathMatch| !matches!(path, PathMatch::Regex(_));
    !(plain(&a.path) && plain(&b.path) && a.path != b.path)
}

/// One route for rules with the same match. A group without any backend yields one answer 500
/// for each of its rules, as Cilium writes it.
fn merge(
    context: &Context<'_>,
    group: &[(&HttpListener, &HttpRule)],
    unmodelled: &mut Vec<Unmodelled>,
) -> Vec<Route> {
    let (listener, first) = group[0];
    let backends: Vec<&Backend> = group.iter().flat_map(|(_, rule)| &rule.backends).collect();
    if backends.is_empty() && first.treatment.redirect.is_none() {
        let failed = Route {
            matcher: first.matcher.clone(),
            action: Action::Respond { status: 500 },
            request_headers: HeaderEdits::default(),
            response_headers: HeaderEdits::default(),
        };
        return vec![failed; group.len()];
    }
    let mut route = Route {
        matcher: first.matcher.clone(),
        action: Action::Respond { status: 500 },
        request_headers: first.treatment.request_headers.clone(),
        response_headers: first.treatment.response_headers.clone(),
    };
    if let Some(wanted) = &first.treatment.redirect {
        route.action = Action::Redirect(redirect(context, first, wanted, unmodelled));
        guard(context, listener, first, wanted, &mut route.matcher, unmodelled);
    } else {
        if let [only] = backends[..] {
            append(&mut route.request_headers, &only.request_headers);
            append(&mut route.response_headers, &only.response_headers);
        }
        if backends.len() > 1 && backends.iter().all(|backend| backend.weight == 0) {
            // Envoy refuses a sum of zero; what it serves then depends on what it had before.
            unmodelled.push(Unmodelled::new(
                format!("HTTPRoute {}", first.route),
                "several backends that all have weight 0, which Envoy refuses",
            ));
        }
        route.action = Action::Forward(forward(first, &backends));
    }
    vec![route]
}

fn append(edits: &mut HeaderEdits, more: &HeaderEdits) {
    edits.add.extend(more.add.iter().cloned());
    edits.set.extend(more.set.iter().cloned());
    edits.remove.extend(more.remove.iter().cloned());
}

fn forward(rule: &HttpRule, backends: &[&Backend]) -> Forward {
    let single = backends.len() == 1;
    let per_backend =
        |edits: &HeaderEdits| if single { HeaderEdits::default() } else { edits.clone() };
    Forward {
        clusters: backends
            .iter()
            .map(|backend| WeightedCluster {
                cluster: backend.cluster(),
                weight: backend.weight,
                request_headers: per_backend(&backend.request_headers),
                response_headers: per_backend(&backend.response_headers),
            })
            .collect(),
        host_rewrite: rule.treatment.rewrite.as_ref().and_then(|rewrite| rewrite.hostname.clone()),
        path_rewrite: rule
            .treatment
            .rewrite
            .as_ref()
            .and_then(|rewrite| path_rewrite(rewrite, &rule.prefix)),
        timeout: rule.treatment.timeout,
        mirrors: rule
            .treatment
            .mirrors
            .iter()
            .map(|(backend, percent)| Mirror {
                cluster: backend.cluster(),
                numerator: *percent,
                denominator: 100,
            })
            .collect(),
        retry: None,
    }
}

/// Removing a prefix whole needs a regular expression, or a path could lose its first slash.
fn path_rewrite(rewrite: &UrlRewrite, prefix: &str) -> Option<PathRewrite> {
    let path = rewrite.path.as_ref()?;
    match (path.kind, path.replace_prefix_match.as_str()) {
        (PathModifierKind::ReplaceFullPath, _) if path.replace_full_path.is_empty() => None,
        (PathModifierKind::ReplaceFullPath, _) => Some(PathRewrite::Regex {
            pattern: "^/.*$".to_owned(),
            substitution: path.replace_full_path.clone(),
        }),
        (PathModifierKind::ReplacePrefixMatch, "" | "/") => Some(PathRewrite::Regex {
            pattern: format!("^{}(/?)(.*)", quote(prefix)),
            substitution: r"/\2".to_owned(),
        }),
        (PathModifierKind::ReplacePrefixMatch, replacement) => {
            Some(PathRewrite::Prefix(replacement.to_owned()))
        }
    }
}

/// Escapes what RE2 gives a meaning, as Go's `regexp.QuoteMeta` does.
fn quote(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len());
    for character in text.chars() {
        if r"\.+*?()|[]{}^$".contains(character) {
            quoted.push('\\');
        }
        quoted.push(character);
    }
    quoted
}

fn redirect(
    context: &Context<'_>,
    rule: &HttpRule,
    wanted: &RequestRedirect,
    unmodelled: &mut Vec<Unmodelled>,
) -> Redirect {
    let port = match (wanted.port, wanted.scheme.as_deref()) {
        (Some(port), _) => Some(port),
        (None, Some("https")) => Some(443),
        (None, Some("http")) => Some(80),
        (None, Some(_)) => None,
        (None, None) => {
            let first = context.ports.first().copied();
            if context.ports.iter().any(|port| Some(*port) != first) {
                // Older code takes the port of the Gateway's first listener; which release
                // began to look at the right one was not read.
                unmodelled.push(Unmodelled::new(
                    format!("HTTPRoute {}", rule.route),
                    "a redirect without scheme and port on a Gateway with several ports",
                ));
            }
            first
        }
    };
    let path = wanted.path.as_ref().and_then(|path| match path.kind {
        PathModifierKind::ReplaceFullPath if path.replace_full_path.is_empty() => None,
        PathModifierKind::ReplaceFullPath => {
            Some(RedirectPath::Full(path.replace_full_path.clone()))
        }
        PathModifierKind::ReplacePrefixMatch => {
            Some(RedirectPath::Prefix(path.replace_prefix_match.clone()))
        }
    });
    Redirect {
        status: wanted.status_code,
        scheme: wanted.scheme.clone(),
        host: wanted.hostname.clone(),
        port,
        path,
    }
}

/// A redirect to https must not catch a request that a proxy in front took over https already.
fn guard(
    context: &Context<'_>,
    listener: &HttpListener,
    rule: &HttpRule,
    wanted: &RequestRedirect,
    matcher: &mut RouteMatch,
    unmodelled: &mut Vec<Unmodelled>,
) {
    if wanted.scheme.as_deref() != Some("https") || !context.input.holds(Behaviour::RedirectGuard) {
        return;
    }
    if listener.security != Security::Plain {
        // On TLS the guard would never let the route match; a later release leaves it out there.
        // Which one was not read.
        unmodelled.push(Unmodelled::new(
            format!("HTTPRoute {}", rule.route),
            "a redirect to https on an HTTPS listener",
        ));
        return;
    }
    matcher.headers.push(HeaderMatch {
        name: "X-Forwarded-Proto".to_owned(),
        value: ValueMatch::ExactIgnoreCase("https".to_owned()),
        invert: true,
    });
}

/// Order of routes: longer exact path, longer expression, longer prefix, method, then more header
/// and more query matches. Equal ranks keep the order in which they came.
fn precedence(a: &RouteMatch, b: &RouteMatch) -> Ordering {
    let lengths = |matcher: &RouteMatch| match &matcher.path {
        PathMatch::Exact(path) => (path.len(), 0, 0),
        PathMatch::Regex(pattern) => (0, pattern.len(), 0),
        PathMatch::Prefix(prefix) | PathMatch::SeparatedPrefix(prefix) => (0, 0, prefix.len()),
    };
    let method = |matcher: &RouteMatch| (matcher.method.is_none(), matcher.method.clone());
    // The method counts as a header field, as it does in Envoy.
    let headers =
        |matcher: &RouteMatch| matcher.headers.len() + usize::from(matcher.method.is_some());
    lengths(b)
        .cmp(&lengths(a))
        .then_with(|| method(a).cmp(&method(b)))
        .then_with(|| headers(b).cmp(&headers(a)))
        .then_with(|| b.query.len().cmp(&a.query.len()))
}

#[cfg(test)]
mod tests {
    use std::cmp::Ordering;

    use super::{PathMatch, RouteMatch, precedence, quote};

    fn matcher(path: PathMatch, method: Option<&str>) -> RouteMatch {
        RouteMatch {
            path,
            method: method.map(str::to_owned),
            headers: Vec::new(),
            query: Vec::new(),
        }
    }

    #[test]
    fn exact_comes_before_expression_before_prefix_whatever_their_length() {
        let exact = matcher(PathMatch::Exact("/a".into()), None);
        let regex = matcher(PathMatch::Regex("/aaa.*".into()), None);
        let prefix = matcher(PathMatch::SeparatedPrefix("/aaaaaaaaaa".into()), None);
        assert_eq!(precedence(&exact, &regex), Ordering::Less);
        assert_eq!(precedence(&regex, &prefix), Ordering::Less);
    }

    #[test]
    fn a_method_breaks_a_tie_of_paths_but_not_a_longer_path() {
        let any = matcher(PathMatch::SeparatedPrefix("/a".into()), None);
        let get = matcher(PathMatch::SeparatedPrefix("/a".into()), Some("GET"));
        let longer = matcher(PathMatch::SeparatedPrefix("/ab".into()), None);
        assert_eq!(precedence(&get, &any), Ordering::Less);
        assert_eq!(precedence(&longer, &get), Ordering::Less);
    }

    #[test]
    fn only_what_re2_gives_a_meaning_is_quoted() {
        assert_eq!(quote("/a.b-c(d)"), r"/a\.b-c\(d\)");
    }
}
