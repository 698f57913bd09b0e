//! Requests that the reference is known to take: for every rule of every host on every port.

use std::collections::BTreeSet;

use gateproof_core::dossier::{Dossier, text};
use gateproof_core::redaction::{PLACEHOLDER, is_secret};
use gateproof_model::routing::{Chain, ClientHello, Request, Scheme, chain_for, route};
use gateproof_model::translation::envoy::{
    Action, EnvoyConfig, HeaderMatch, Listener, PathMatch, QueryMatch, Route, RouteTable,
    ValueMatch, VirtualHost,
};
use serde_json::Value;

/// A host for what takes every host; nobody has it (RFC 2606).
const ANY_HOST: &str = "gateproof-check.invalid";

/// What can be asked, and what not with the reason.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub(super) asked: Vec<Asked>,
    pub(super) unasked: Vec<(String, String)>,
}

/// A request that a rule takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Asked {
    pub(super) tls: bool,
    pub(super) port: u16,
    pub(super) method: &'static str,
    pub(super) host: String,
    /// Path and query.
    pub(super) path: String,
    pub(super) headers: Vec<(String, String)>,
    /// Whether it is the first for its host on its port.
    pub(super) first_of_its_kind: bool,
}

impl Asked {
    /// A name that no other request of a check has.
    pub(super) fn name(&self) -> String {
        let scheme = if self.tls { "https" } else { "http" };
        let method = if self.method == "HEAD" { "" } else { self.method };
        let space = if method.is_empty() { "" } else { " " };
        let with: Vec<String> =
            self.headers.iter().map(|(name, value)| format!(", {name}: {value}")).collect();
        let Self { host, path, port, .. } = self;
        format!("{method}{space}{scheme}://{host}{path} on port {port}{}", with.concat())
    }
}

/// Everything that can be asked of a Gateway.
pub(super) fn find(envoy: &EnvoyConfig, dossier: &Dossier, gateway: &Value) -> Found {
    let mut search = Search { found: Found::default(), for_grpc: for_grpc(dossier) };
    for (port, tls) in ports(gateway) {
        let listener = match envoy.listener_of(port) {
            Ok(Some(index)) => envoy.listeners.get(index),
            // Without a Service that leads anywhere the listener binds the port itself.
            _ => envoy.listeners.iter().find(|listener| listener.host_ports.contains(&port)),
        };
        let Some(listener) = listener else { continue };
        if tls {
            search.with_tls(envoy, listener, port);
        } else if let Some(chain) = &listener.plain
            && let Some(table) = envoy.route_tables.get(&chain.route_table)
        {
            for host in &table.virtual_hosts {
                let Some(name) = host_of(&host.domains) else { continue };
                search.host(table, host, &Way { tls: false, port, host: &name });
            }
        }
    }
    search.found
}

/// The ports of a Gateway that speak HTTP or HTTPS, each once.
fn ports(gateway: &Value) -> BTreeSet<(u16, bool)> {
    let listeners = gateway["spec"]["listeners"].as_array().into_iter().flatten();
    listeners
        .filter_map(|listener| {
            let tls = match listener["protocol"].as_str()? {
                "HTTP" => false,
                "HTTPS" => true,
                _ => return None,
            };
            Some((u16::try_from(listener["port"].as_u64()?).ok()?, tls))
        })
        .collect()
}

/// Envoy's names of what GRPCRoutes send to: a call may have any effect.
fn for_grpc(dossier: &Dossier) -> BTreeSet<String> {
    let routes = dossier.list("gateway.networking.k8s.io", "GRPCRoute");
    let backends = routes.flat_map(|route| {
        let home = text(route, "/metadata/namespace").unwrap_or_default();
        let rules = route["spec"]["rules"].as_array().into_iter().flatten();
        let backends = rules.flat_map(|rule| rule["backendRefs"].as_array().into_iter().flatten());
        backends.map(move |backend| {
            let namespace = backend["namespace"].as_str().unwrap_or(home);
            let name = backend["name"].as_str().unwrap_or_default();
            format!("{namespace}:{name}:{}", backend["port"])
        })
    });
    backends.collect()
}

/// The way to a host.
struct Way<'w> {
    tls: bool,
    port: u16,
    host: &'w str,
}

struct Search {
    found: Found,
    for_grpc: BTreeSet<String>,
}

impl Search {
    fn with_tls(&mut self, envoy: &EnvoyConfig, listener: &Listener, port: u16) {
        for chain in &listener.terminate {
            let Some(table) = envoy.route_tables.get(&chain.http.route_table) else { continue };
            for virtual_host in &table.virtual_hosts {
                let names = if chain.server_names.is_empty() {
                    &virtual_host.domains
                } else if virtual_host.domains.iter().any(|domain| domain == "*") {
                    &chain.server_names
                } else {
                    &virtual_host.domains
                };
                let Some(host) = host_of(names) else { continue };
                let hello = ClientHello { server_name: Some(&host) };
                let served = matches!(
                    chain_for(listener, Some(&hello)),
                    Chain::Terminate(served) if served == chain
                );
                if served {
                    self.host(table, virtual_host, &Way { tls: true, port, host: &host });
                }
            }
        }
    }

    /// One request for each rule of a host.
    fn host(&mut self, table: &RouteTable, host: &VirtualHost, way: &Way<'_>) {
        for rule in &host.routes {
            match self.request(table, rule, way) {
                Ok(Some(asked)) => self.keep(asked),
                Ok(None) => {}
                Err(why) => {
                    let scheme = if way.tls { "https" } else { "http" };
                    let path = path_in_words(&rule.matcher.path);
                    let what = format!("{scheme}://{}{path} on port {}", way.host, way.port);
                    self.found.unasked.push((what, why));
                }
            }
        }
    }

    fn keep(&mut self, mut asked: Asked) {
        let same = |other: &Asked| {
            (other.tls, other.port, &other.host) == (asked.tls, asked.port, &asked.host)
        };
        asked.first_of_its_kind = !self.found.asked.iter().any(same);
        let again = |other: &Asked| other.name() == asked.name();
        if !self.found.asked.iter().any(again) {
            self.found.asked.push(asked);
        }
    }

    /// The request that a rule takes; none where it answers by itself, and why not where it may not
    /// or cannot be asked.
    fn request(
        &self,
        table: &RouteTable,
        rule: &Route,
        way: &Way<'_>,
    ) -> Result<Option<Asked>, String> {
        match &rule.action {
            Action::Respond { .. } => return Ok(None),
            Action::Redirect(_) => {}
            Action::Forward(forward) => {
                if !forward.mirrors.is_empty() {
                    return Err("its rule sends copies of requests elsewhere".to_owned());
                }
                if forward.clusters.iter().any(|one| self.for_grpc.contains(&one.cluster)) {
                    return Err("it is for gRPC, and a call may have effects".to_owned());
                }
            }
        }
        let method = method(rule.matcher.method.as_deref())?;
        let headers = headers(&rule.matcher.headers)?;
        let query = query(&rule.matcher.query)?;
        let scheme = if way.tls { Scheme::Https } else { Scheme::Http };
        let taken = paths(&rule.matcher.path).into_iter().map(|path| path + &query).find(|path| {
            let request =
                Request { method, host: way.host, path_and_query: path, headers: &headers, scheme };
            route(table, &request).is_some_and(|hit| std::ptr::eq(hit.route, rule))
        });
        let Some(path) = taken else {
            return Err("no request is known that this rule takes".to_owned());
        };
        let Way { tls, port, host } = *way;
        let host = host.to_owned();
        Ok(Some(Asked { tls, port, method, host, path, headers, first_of_its_kind: false }))
    }
}

/// A safe method that a rule takes.
fn method(wanted: Option<&str>) -> Result<&'static str, String> {
    match wanted {
        None | Some("HEAD") => Ok("HEAD"),
        Some("GET") => Ok("GET"),
        Some("OPTIONS") => Ok("OPTIONS"),
        Some(other) => Err(format!("its rule asks for the method {other}, which may have effects")),
    }
}

/// Header fields that a rule asks for; what must not be there is not sent.
fn headers(wanted: &[HeaderMatch]) -> Result<Vec<(String, String)>, String> {
    let asked = wanted.iter().filter(|header| !header.invert);
    asked
        .map(|header| {
            let name = &header.name;
            let ours = ["host", "user-agent", "content-length", "connection"];
            let special = name.starts_with(':') || ours.contains(&&*name.to_lowercase());
            match exact(&header.value) {
                Some(value) if is_secret(name) || value.contains(PLACEHOLDER) => {
                    Err(format!("its rule asks for the header {name}, which may be a secret"))
                }
                Some(value)
                    if !special && value.bytes().all(|byte| (0x20..0x7f).contains(&byte)) =>
                {
                    Ok((name.clone(), value.to_owned()))
                }
                _ => Err(format!("its rule asks for the header {name} in a way that is not tried")),
            }
        })
        .collect()
}

/// The query that a rule asks for, with its question mark.
fn query(wanted: &[QueryMatch]) -> Result<String, String> {
    let plain = |text: &str| {
        !text.is_empty()
            && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte))
    };
    let mut all = Vec::new();
    for parameter in wanted {
        let name = &parameter.name;
        match exact(&parameter.value) {
            Some(value) if plain(name) && plain(value) && !is_secret(name) => {
                all.push(format!("{name}={value}"));
            }
            _ => {
                return Err(format!(
                    "its rule asks for the query parameter {name} in a way that is not tried"
                ));
            }
        }
    }
    Ok(if all.is_empty() { String::new() } else { format!("?{}", all.join("&")) })
}

fn exact(value: &ValueMatch) -> Option<&str> {
    match value {
        ValueMatch::Exact(value) | ValueMatch::ExactIgnoreCase(value) => Some(value),
        ValueMatch::Regex(_) => None,
    }
}

/// Paths that a match may take, likely ones first.
fn paths(path: &PathMatch) -> Vec<String> {
    match path {
        PathMatch::Exact(path) | PathMatch::Prefix(path) | PathMatch::SeparatedPrefix(path) => {
            vec![path.clone()]
        }
        PathMatch::Regex(pattern) => {
            let (literal, optional) = beginning(pattern);
            let tails = ["", "x", "/x", "1", "/1", "/"];
            let all = tails.iter().map(|tail| format!("{literal}{tail}"));
            all.chain(optional).filter(|path| path.starts_with('/')).collect()
        }
    }
}

/// What a regular expression begins with letter by letter, and the same without a last letter that
/// may be absent.
fn beginning(pattern: &str) -> (String, Option<String>) {
    let mut literal = String::new();
    let mut letters = pattern.trim_start_matches('^').chars().peekable();
    while let Some(letter) = letters.next() {
        let meant = match letter {
            '\\' => match letters.next() {
                Some(escaped) if !escaped.is_ascii_alphanumeric() => escaped,
                _ => break,
            },
            '*' | '?' | '{' => {
                let mut shorter = literal.clone();
                shorter.pop();
                return (literal, Some(shorter));
            }
            '.' | '+' | '(' | '[' | '|' | '$' => break,
            other => other,
        };
        literal.push(meant);
    }
    (literal, None)
}

fn path_in_words(path: &PathMatch) -> &str {
    match path {
        PathMatch::Exact(path)
        | PathMatch::Prefix(path)
        | PathMatch::SeparatedPrefix(path)
        | PathMatch::Regex(path) => path,
    }
}

/// A host that domains in Envoy's notation take.
fn host_of(domains: &[String]) -> Option<String> {
    let domain = domains.iter().find(|domain| !domain.ends_with(":*"))?;
    Some(match domain.strip_prefix("*.") {
        Some(suffix) => format!("gateproof-check.{suffix}"),
        None if domain == "*" => ANY_HOST.to_owned(),
        None => domain.clone(),
    })
}
