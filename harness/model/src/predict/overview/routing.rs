//! Where requests go, in the order in which Cilium's Envoy tries the routes, in words.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use serde::Serialize;

use crate::translation::envoy::{
    Action, EnvoyConfig, Forward, HeaderEdits, HeaderMatch, Listener, PathMatch, PathRewrite,
    QueryMatch, Redirect, RedirectPath, Route, RouteMatch, RouteTable, ValueMatch, VirtualHost,
    WeightedCluster,
};

/// A way into a Gateway: a filter chain, or several that lead to the same routes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Entry {
    /// What a client speaks, such as `HTTPS`.
    pub protocol: String,
    /// The ports it comes in by.
    pub ports: Vec<u16>,
    /// Server names with the Secret that answers for them.
    pub certificates: Vec<String>,
    /// The hosts, the most specific first.
    pub hosts: Vec<Host>,
}

/// A virtual host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Host {
    /// Its name, `*` for any.
    pub name: String,
    /// Routes; the first that matches is taken.
    pub routes: Vec<RouteLine>,
}

/// A route in words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RouteLine {
    /// When it is taken.
    pub when: String,
    /// Where the request goes.
    pub goes_to: String,
    /// What else happens to it.
    pub with: Vec<String>,
}

/// The ways into the Gateway of a configuration.
pub(super) fn entries(config: &EnvoyConfig) -> Vec<Entry> {
    let mut entries = Vec::new();
    for (index, listener) in config.listeners.iter().enumerate() {
        let ports = ports(config, index, listener);
        if let Some(plain) = &listener.plain {
            entries.push(entry(config, "HTTP", &ports, Vec::new(), &plain.route_table));
        }
        let tables: BTreeSet<&str> =
            listener.terminate.iter().map(|chain| chain.http.route_table.as_str()).collect();
        for table in tables {
            let chains = listener.terminate.iter().filter(|chain| chain.http.route_table == table);
            let certificates = chains
                .map(|chain| format!("{} (Secret {})", names(&chain.server_names), chain.secret))
                .collect();
            entries.push(entry(config, "HTTPS", &ports, certificates, table));
        }
        if !listener.passthrough.is_empty() {
            let hosts = listener.passthrough.iter().map(|chain| Host {
                name: names(&chain.server_names),
                routes: vec![RouteLine {
                    when: "any connection".to_owned(),
                    goes_to: shares(config, &chain.clusters),
                    with: Vec::new(),
                }],
            });
            entries.push(Entry {
                protocol: "TLS passed through".to_owned(),
                ports: ports.clone(),
                certificates: Vec::new(),
                hosts: hosts.collect(),
            });
        }
    }
    entries
}

/// The ports that lead to a listener.
fn ports(config: &EnvoyConfig, index: usize, listener: &Listener) -> Vec<u16> {
    if !listener.host_ports.is_empty() {
        return listener.host_ports.clone();
    }
    let ports: BTreeSet<u16> = config.service.ports().collect();
    ports.into_iter().filter(|port| config.listener_of(*port) == Ok(Some(index))).collect()
}

fn names(names: &[String]) -> String {
    if names.is_empty() { "any name".to_owned() } else { names.join(", ") }
}

fn entry(
    config: &EnvoyConfig,
    protocol: &str,
    ports: &[u16],
    certificates: Vec<String>,
    table: &str,
) -> Entry {
    let empty = RouteTable::default();
    let table = config.route_tables.get(table).unwrap_or(&empty);
    let mut hosts: Vec<&VirtualHost> = table.virtual_hosts.iter().collect();
    hosts.sort_by_key(|host| specificity(&host_name(host)));
    Entry {
        protocol: protocol.to_owned(),
        ports: ports.to_vec(),
        certificates,
        hosts: hosts.into_iter().map(|host| of_host(config, host)).collect(),
    }
}

/// Exact names first, then longer suffixes before shorter ones, `*` last.
fn specificity(name: &str) -> (bool, std::cmp::Reverse<usize>, String) {
    let is_pattern = name.starts_with('*');
    (is_pattern, std::cmp::Reverse(if is_pattern { name.len() } else { 0 }), name.to_owned())
}

/// Its domains without those that only add a port.
fn host_name(host: &VirtualHost) -> String {
    let domains: Vec<&str> =
        host.domains.iter().map(String::as_str).filter(|domain| !domain.ends_with(":*")).collect();
    if domains.is_empty() { host.name.clone() } else { domains.join(", ") }
}

fn of_host(config: &EnvoyConfig, host: &VirtualHost) -> Host {
    let routes = host.routes.iter().map(|route| RouteLine {
        when: when(&route.matcher),
        goes_to: goes_to(config, &route.action),
        with: with(config, route),
    });
    Host { name: host_name(host), routes: routes.collect() }
}

fn when(matcher: &RouteMatch) -> String {
    let path = match &matcher.path {
        PathMatch::Exact(path) => format!("path {path}"),
        PathMatch::Prefix(prefix) if prefix == "/" => "any path".to_owned(),
        PathMatch::Prefix(prefix) => format!("path {prefix}…"),
        PathMatch::SeparatedPrefix(prefix) => format!("path {prefix} and below"),
        PathMatch::Regex(pattern) => format!("path matching {pattern}"),
    };
    let mut parts: Vec<String> = matcher.method.iter().cloned().collect();
    parts.push(path);
    parts.extend(matcher.headers.iter().map(header));
    parts.extend(matcher.query.iter().map(query));
    parts.join(", ")
}

fn header(matcher: &HeaderMatch) -> String {
    let not = if matcher.invert { "not " } else { "" };
    format!("header {} {not}{}", matcher.name, value(&matcher.value))
}

fn query(matcher: &QueryMatch) -> String {
    format!("query {} {}", matcher.name, value(&matcher.value))
}

fn value(matcher: &ValueMatch) -> String {
    match matcher {
        ValueMatch::Exact(text) => format!("= {text}"),
        ValueMatch::ExactIgnoreCase(text) => format!("= {text} in any case"),
        ValueMatch::Regex(pattern) => format!("matching {pattern}"),
    }
}

fn goes_to(config: &EnvoyConfig, action: &Action) -> String {
    match action {
        Action::Forward(forward) => shares(config, &forward.clusters),
        Action::Redirect(redirect) => redirection(redirect),
        Action::Respond { status } => format!("answer {status}"),
    }
}

/// Backends with their shares in percent.
fn shares(config: &EnvoyConfig, clusters: &[WeightedCluster]) -> String {
    let backend = |cluster: &WeightedCluster| match config.clusters.get(&cluster.cluster) {
        Some(found) => {
            let tls = if found.tls.is_some() { " over TLS" } else { "" };
            format!("{}:{}{tls}", found.service, found.port)
        }
        None => format!("{}, which does not exist", cluster.cluster),
    };
    if let [only] = clusters {
        return backend(only);
    }
    let sum: u64 = clusters.iter().map(|cluster| u64::from(cluster.weight)).sum();
    let parts: Vec<String> = clusters
        .iter()
        .map(|cluster| format!("{} {}", percent(u64::from(cluster.weight), sum), backend(cluster)))
        .collect();
    parts.join(", ")
}

/// A share in percent, with one digit where it does not come out even.
fn percent(part: u64, whole: u64) -> String {
    if whole == 0 {
        return "0 %".to_owned();
    }
    let permille = (part * 1000 + whole / 2) / whole;
    if permille.is_multiple_of(10) {
        format!("{} %", permille / 10)
    } else {
        format!("{}.{} %", permille / 10, permille % 10)
    }
}

fn redirection(redirect: &Redirect) -> String {
    let mut target = String::new();
    if let Some(scheme) = &redirect.scheme {
        target = format!("{scheme}://");
    }
    if let Some(host) = &redirect.host {
        target.push_str(host);
    } else if redirect.scheme.is_some() || redirect.port.is_some() {
        target.push_str("the same host");
    }
    if let Some(port) = redirect.port {
        write!(target, ":{port}").expect("a String takes it");
    }
    let path = match &redirect.path {
        None => ", same path".to_owned(),
        Some(RedirectPath::Full(path)) => format!(", path {path}"),
        Some(RedirectPath::Prefix(prefix)) => format!(", prefix becomes {prefix}"),
        Some(RedirectPath::Regex { pattern, substitution }) => {
            format!(", path {pattern} becomes {substitution}")
        }
    };
    let target = if target.is_empty() { "the same host".to_owned() } else { target };
    format!("redirect {} to {target}{path}", redirect.status)
}

fn with(config: &EnvoyConfig, route: &Route) -> Vec<String> {
    let mut with = Vec::new();
    if let Action::Forward(forward) = &route.action {
        forwarding(config, forward, &mut with);
    }
    if let Some(cors) = &route.cors {
        let origins: Vec<String> = cors.origins.iter().map(value).collect();
        with.push(format!("CORS for origins {}", origins.join(", ")));
    }
    edits("request", &route.request_headers, &mut with);
    edits("response", &route.response_headers, &mut with);
    with
}

fn forwarding(config: &EnvoyConfig, forward: &Forward, with: &mut Vec<String>) {
    if let Some(host) = &forward.host_rewrite {
        with.push(format!("host becomes {host}"));
    }
    match &forward.path_rewrite {
        Some(PathRewrite::Prefix(prefix)) => with.push(format!("prefix becomes {prefix}")),
        Some(PathRewrite::Regex { pattern, substitution }) => {
            with.push(format!("path {pattern} becomes {substitution}"));
        }
        None => {}
    }
    if let Some(timeout) = forward.timeout.filter(|timeout| !timeout.is_zero()) {
        with.push(format!("timeout {timeout:?}"));
    }
    for mirror in &forward.mirrors {
        let to = config
            .clusters
            .get(&mirror.cluster)
            .map_or_else(|| mirror.cluster.clone(), |to| format!("{}:{}", to.service, to.port));
        let share = percent(mirror.numerator.into(), mirror.denominator.into());
        with.push(format!("copies {share} to {to}"));
    }
    if let Some(retry) = forward.retry.as_ref().filter(|retry| retry.limit() > 0) {
        let codes: Vec<String> = retry.codes.iter().map(ToString::to_string).collect();
        let on = if codes.is_empty() { String::new() } else { format!(" on {}", codes.join(", ")) };
        let times = if retry.limit() == 1 { "retry" } else { "retries" };
        with.push(format!("{} {times}{on}", retry.limit()));
    }
    for cluster in &forward.clusters {
        let mut own = Vec::new();
        edits("request", &cluster.request_headers, &mut own);
        edits("response", &cluster.response_headers, &mut own);
        with.extend(own.into_iter().map(|edit| format!("{edit} for {}", cluster.cluster)));
    }
}

fn edits(side: &str, edits: &HeaderEdits, with: &mut Vec<String>) {
    with.extend(edits.set.iter().map(|(name, value)| format!("{side} header {name}: {value}")));
    with.extend(
        edits.add.iter().map(|(name, value)| format!("{side} header added {name}: {value}")),
    );
    with.extend(edits.remove.iter().map(|name| format!("{side} header {name} removed")));
}
