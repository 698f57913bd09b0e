//! Route tables: virtual hosts and routes in the order Envoy tries them
//! (cilium/cilium `operator/pkg/model/translation/envoy_virtual_host.go` and
//! `envoy_route_configuration.go`).

mod order;

use std::collections::{BTreeMap, BTreeSet};

use self::order::{note_undefined_order, precedence};
use super::envoy::{
    Action, Cors as EnvoyCors, Credentials, Forward, HeaderEdits, HeaderMatch, Mirror, PathRewrite,
    Redirect, RedirectPath, Route, RouteTable, ValueMatch, VirtualHost, WeightedCluster,
};
use crate::facts::Behaviour;
use crate::ingestion::{Backend, HttpListener, HttpRule, Rewrite};
use crate::resources::http_route::{Cors, PathModifierKind, RequestRedirect};
use crate::{Input, Unmodelled};

/// Builds the table of the listeners that share it.
pub(super) fn build(
    input: &Input<'_>,
    listeners: &[&HttpListener],
    unmodelled: &mut Vec<Unmodelled>,
) -> RouteTable {
    let mut by_host: BTreeMap<&str, Vec<&HttpRule>> = BTreeMap::new();
    for rule in listeners.iter().flat_map(|listener| &listener.rules) {
        for host in &rule.hosts {
            by_host.entry(host).or_default().push(rule);
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
            routes: routes(input, &rules, unmodelled),
        })
        .collect();
    RouteTable { virtual_hosts }
}

/// Routes of one virtual host, sorted. Rules with the same key become one route.
fn routes(input: &Input<'_>, rules: &[&HttpRule], unmodelled: &mut Vec<Unmodelled>) -> Vec<Route> {
    let mut groups: BTreeMap<&str, Vec<&HttpRule>> = BTreeMap::new();
    for rule in rules {
        groups.entry(&rule.key).or_default().push(rule);
    }
    let repeats_failures = !input.holds(Behaviour::RepeatedMatchesStayApart);
    let mut routes: Vec<Route> = Vec::new();
    let mut done = BTreeSet::new();
    for rule in rules {
        let group = &groups[rule.key.as_str()];
        if done.contains(rule.key.as_str()) {
            continue;
        }
        match merge(input, group, unmodelled) {
            Merged::Failed(route) => {
                // Older versions write the answer again for each rule without backends.
                routes.push(route);
                if repeats_failures {
                    continue;
                }
            }
            Merged::Route(route) => routes.push(route),
        }
        done.insert(rule.key.as_str());
    }
    note_undefined_order(input, &groups, unmodelled);
    routes.sort_by(|a, b| precedence(input, &a.matcher, &b.matcher));
    routes
}

/// What rules with the same key become.
enum Merged {
    Route(Route),
    /// None of them has a backend.
    Failed(Route),
}

/// The first rule decides everything but the backends, which come from all rules.
fn merge(input: &Input<'_>, group: &[&HttpRule], unmodelled: &mut Vec<Unmodelled>) -> Merged {
    let first = group[0];
    let treatment = &first.treatment;
    let backends: Vec<&Backend> = group.iter().flat_map(|rule| &rule.backends).collect();
    let mut route = Route {
        matcher: first.matcher.clone(),
        action: Action::Respond { status: 500 },
        request_headers: HeaderEdits::default(),
        response_headers: HeaderEdits::default(),
        cors: treatment.cors.as_ref().map(cors),
    };
    if backends.is_empty() && treatment.redirect.is_none() {
        return Merged::Failed(route);
    }
    route.request_headers.clone_from(&treatment.request_headers);
    route.response_headers.clone_from(&treatment.response_headers);
    if let Some(wanted) = &treatment.redirect {
        route.action = Action::Redirect(redirect(first, wanted));
        if let Some(scheme) = &wanted.scheme
            && input.holds(Behaviour::RedirectGuard)
        {
            // A redirect must not catch a request that a proxy in front took by its scheme already.
            route.matcher.headers.push(HeaderMatch {
                name: "X-Forwarded-Proto".to_owned(),
                value: ValueMatch::ExactIgnoreCase(scheme.clone()),
                invert: true,
            });
        }
    } else {
        if backends.len() > 1 && backends.iter().all(|backend| backend.weight == 0) {
            // Envoy refuses a sum of zero. What it serves then depends on what it had before, and which
            // other tables are left behind with it is a matter of chance: Cilium sends all route
            // tables of a node in one response, Envoy hands them out in the order of a hash set and
            // stops at the first that it refuses (envoyproxy/envoy `config_subscription/grpc/watch_map.cc`,
            // main branch, 2026). So nothing is said of it. The embedded data plane keeps what was
            // there, for this table alone.
            unmodelled.push(Unmodelled::new(
                &first.route,
                "several backends that all have weight 0, which Envoy refuses",
            ));
        }
        route.action = Action::Forward(forward(input, first, &backends));
    }
    if backends.len() == 1 {
        for edits in &treatment.backend_edits {
            append(&mut route.request_headers, &edits.request);
            append(&mut route.response_headers, &edits.response);
        }
    }
    Merged::Route(route)
}

fn append(edits: &mut HeaderEdits, more: &HeaderEdits) {
    edits.add.extend(more.add.iter().cloned());
    edits.set.extend(more.set.iter().cloned());
    edits.remove.extend(more.remove.iter().cloned());
}

fn forward(input: &Input<'_>, rule: &HttpRule, backends: &[&Backend]) -> Forward {
    let treatment = &rule.treatment;
    Forward {
        clusters: backends.iter().map(|backend| weighted(rule, backend, backends)).collect(),
        host_rewrite: treatment.rewrite_host.clone(),
        path_rewrite: treatment
            .rewrite_path
            .as_ref()
            .map(|rewrite| path_rewrite(input, rewrite, &rule.prefix)),
        timeout: treatment.timeout,
        mirrors: (treatment.mirrors.iter())
            .map(|(backend, percent)| Mirror {
                cluster: backend.cluster(),
                numerator: *percent,
                denominator: 100,
            })
            .collect(),
        retry: treatment.retry.clone(),
    }
}

/// A backend with its weight. Of several filters of a backend only the last one is written, and
/// only those of the first rule are looked at; the edits of a sole backend are the route's.
fn weighted(rule: &HttpRule, backend: &Backend, all: &[&Backend]) -> WeightedCluster {
    let cluster = backend.cluster();
    let edits = &rule.treatment.backend_edits;
    let last = edits.iter().rev().find(|edits| all.len() > 1 && edits.cluster == cluster);
    WeightedCluster {
        weight: backend.weight,
        request_headers: last.map(|edits| edits.request.clone()).unwrap_or_default(),
        response_headers: last.map(|edits| edits.response.clone()).unwrap_or_default(),
        cluster,
    }
}

/// Removing a prefix whole needs a regular expression, or a path could lose its first slash; so
/// does adding one in front of everything, from the release on that noticed it.
fn path_rewrite(input: &Input<'_>, rewrite: &Rewrite, prefix: &str) -> PathRewrite {
    match rewrite {
        Rewrite::Full(path) => {
            PathRewrite::Regex { pattern: "^/.*$".to_owned(), substitution: path.clone() }
        }
        Rewrite::Prefix(new) if matches!(new.as_str(), "" | "/") => PathRewrite::Regex {
            pattern: format!("^{}(/?)(.*)", quote(prefix)),
            substitution: r"/\2".to_owned(),
        },
        Rewrite::Prefix(new) if prefix == "/" && input.holds(Behaviour::RootRewriteKeepsSlash) => {
            PathRewrite::Regex {
                pattern: "^/(.*)".to_owned(),
                substitution: format!(r"{}/\1", new.strip_suffix('/').unwrap_or(new)),
            }
        }
        Rewrite::Prefix(new) => PathRewrite::Prefix(new.clone()),
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

/// Without port and scheme a redirect goes to the port of the listener that serves the rule; without
/// port to that of the scheme, for schemes with one.
fn redirect(rule: &HttpRule, wanted: &RequestRedirect) -> Redirect {
    let port = match (wanted.port, wanted.scheme.as_deref()) {
        (Some(port), _) => Some(port),
        (None, Some("https")) => Some(443),
        (None, Some("http")) => Some(80),
        (None, Some(_)) => None,
        (None, None) => Some(rule.port),
    };
    let path = wanted.path.as_ref().and_then(|path| match path.kind {
        PathModifierKind::ReplaceFullPath => {
            path.replace_full_path.clone().filter(|path| !path.is_empty()).map(RedirectPath::Full)
        }
        PathModifierKind::ReplacePrefixMatch => {
            let prefix = path.replace_prefix_match.clone().filter(|prefix| !prefix.is_empty());
            prefix.map(RedirectPath::Prefix)
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

fn cors(filter: &Cors) -> EnvoyCors {
    EnvoyCors {
        origins: filter.allow_origins.iter().map(|origin| origin_match(origin)).collect(),
        credentials: match filter.allow_credentials {
            Some(true) => Credentials::Allowed,
            Some(false) | None => Credentials::Refused,
        },
        methods: filter.allow_methods.join(", "),
        headers: filter.allow_headers.join(", "),
        expose_headers: filter.expose_headers.join(", "),
        max_age: filter.max_age.filter(|age| *age != 0).unwrap_or(5).to_string(),
    }
}

/// A `*` in an origin stands for letters, digits, dots and dashes; alone for anything.
fn origin_match(origin: &str) -> ValueMatch {
    if !origin.contains('*') {
        return ValueMatch::Exact(origin.to_owned());
    }
    let pattern = if origin == "*" {
        ".*".to_owned()
    } else {
        quote(origin).replace(r"\*", "[A-Za-z0-9.-]+")
    };
    ValueMatch::Regex(format!("^{pattern}$"))
}

#[cfg(test)]
mod tests {
    use super::{ValueMatch, origin_match, quote};

    #[test]
    fn only_what_re2_gives_a_meaning_is_quoted() {
        assert_eq!(quote("/a.b-c(d)"), r"/a\.b-c\(d\)");
    }

    #[test]
    fn a_star_in_an_origin_is_no_pattern_of_the_users_own() {
        let regex = |pattern: &str| ValueMatch::Regex(pattern.to_owned());
        assert_eq!(origin_match("https://a.test"), ValueMatch::Exact("https://a.test".to_owned()));
        assert_eq!(origin_match("*"), regex("^.*$"));
        assert_eq!(origin_match("https://*.a.test"), regex(r"^https://[A-Za-z0-9.-]+\.a\.test$"));
    }
}
