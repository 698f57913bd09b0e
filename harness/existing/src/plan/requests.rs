//! Which requests a check sends: one for every rule of the Gateway's routes that takes one without
//! effect.
//!
//! They are read off what the reference makes of the routes, and each is held against it again, so
//! that it is known which rule takes it. Methods are safe ones (RFC 9110, 9.2.1): HEAD, which uptime
//! monitors and load balancers send, unless a rule insists on GET or OPTIONS. A rule with a mirror is
//! left out, because its copies would go where nobody expects them, and so are calls of gRPC, which
//! may have any effect. What is left out is told ([`Unread`]): nobody should take a check that passed
//! for more than it saw.
//!
//! A listener or host without such a rule is still asked for something that Envoy answers itself,
//! so that a dead listener does not pass because its routes are particular. What speaks the PROXY
//! protocol is asked for nothing: it would not understand.

mod taken;
pub(super) mod ways;

use std::collections::BTreeSet;

use gateproof_core::dossier::{Dossier, Unread, Why};
use gateproof_core::name::NamespacedName;
use gateproof_core::scenario::{Entry, HttpClaim, HttpExpectation, ServedCertificate, ServerName};
use gateproof_model::routing::{Chain, ClientHello, Decision, Request, Scheme, chain_for, decide};
use gateproof_model::translation::envoy::{
    Action, Forward, Listener, RouteTable, TlsChain, VirtualHost,
};
use serde_json::Value;

use super::cover;
use super::reference::Reference;
use ways::Protocol;

/// So many rules are asked at most; those beyond are a claim that stays open.
const ASKED: usize = 200;

/// About so many requests are sent at a time, over all hosts and nodes.
const REQUESTS: usize = 120;

/// A request goes through so many nodes at least, and at most. The first to each port and
/// certificate goes through as many as may be, because each node has an Envoy of its own.
const NODES: (usize, usize) = (3, 24);

/// A host for what takes every host; nobody has it (RFC 2606).
pub(super) const ANY_HOST: &str = "gateproof-check.invalid";

/// Paths for where no rule names one that can be used.
const PATHS: [&str; 2] = ["/", "/gateproof-check"];

/// Clusters that Envoy sends something to, each with its share of 1.
pub(super) type Goes = Vec<(String, f64)>;

/// What can be asked of a Gateway.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Requests {
    /// These, each with the clusters that it goes to by their shares, and what is not asked.
    Of(Vec<(HttpClaim, Goes)>, Vec<Unread>),
    /// None, for this reason.
    Unaskable(String),
}

/// The requests for a Gateway.
pub(super) fn of(reference: &Reference<'_>, gateway: &Value) -> Requests {
    if reference.envoy.listeners.iter().any(|listener| listener.proxy_protocol) {
        return Requests::Unaskable(
            "listeners want the PROXY protocol before anything else, which this check does not speak"
                .to_owned(),
        );
    }
    let asking = Asking { reference, calls: calls(reference.dossier) };
    let (mut found, unasked) = asking.all(gateway);
    if let (true, true, Some(why)) =
        (found.is_empty(), unasked.is_empty(), ways::unasked(reference.dossier, gateway))
    {
        return Requests::Unaskable(why);
    }
    let over = found.len().saturating_sub(ASKED);
    found.truncate(ASKED);
    let usual = (REQUESTS / found.len().max(1)).clamp(NODES.0, NODES.1);
    let claims = found.into_iter().enumerate().map(|(index, mut asked)| {
        let through = if asked.first { NODES.1 } else { usual };
        let goes = std::mem::take(&mut asked.goes);
        (claim(&reference.gateway, asked, reference.entry(index, through)), goes)
    });
    let mut claims: Vec<(HttpClaim, Goes)> = claims.collect();
    if let (true, Some((last, _))) = (over > 0, claims.last()) {
        let why = format!("one check sends {ASKED} requests, which leaves {over} of the rules out");
        let open = HttpClaim { expect: HttpExpectation::Unasked(why), ..last.clone() };
        claims.push((open, Vec::new()));
    }
    Requests::Of(claims, unasked)
}

/// A request, and whether it goes to a backend.
#[derive(Debug, Clone, PartialEq)]
struct Asked {
    port: u16,
    tls: bool,
    host: String,
    request: taken::Taken,
    expect: HttpExpectation,
    /// Whether it is the first to its port and certificate.
    first: bool,
    goes: Goes,
}

/// What came of looking for a request: it, or what is not asked and why not.
type Tried = Result<Asked, (String, String)>;

fn claim(gateway: &NamespacedName, asked: Asked, entry: Entry) -> HttpClaim {
    let mut headers = vec![("user-agent".to_owned(), "gateproof-check".to_owned())];
    headers.extend(asked.request.headers);
    HttpClaim {
        gateway: gateway.clone(),
        tls: asked.tls,
        host: asked.host,
        listener_port: asked.port,
        port_in_host: false,
        path: asked.request.path,
        method: asked.request.method.to_owned(),
        headers,
        version: None,
        server_name: ServerName::Host,
        entry,
        expect: asked.expect,
        hold: None,
        requests: 0,
    }
}

/// The name of a request, which no other request of a check has.
pub(super) fn name(claim: &HttpClaim) -> String {
    if let HttpExpectation::Unasked(_) = claim.expect {
        return "further requests".to_owned();
    }
    let HttpClaim { host, path, listener_port: port, .. } = claim;
    let scheme = if claim.tls { "https" } else { "http" };
    let method = if claim.method == "HEAD" { String::new() } else { format!("{} ", claim.method) };
    let with: Vec<String> =
        claim.headers[1..].iter().map(|(name, value)| format!(", {name}: {value}")).collect();
    format!("{method}{scheme}://{host}{path} on port {port}{}", with.concat())
}

/// Services and ports that GRPCRoutes send to, as clusters are named.
fn calls(dossier: &Dossier) -> BTreeSet<String> {
    let routes = dossier.list(super::GROUP, "GRPCRoute");
    let references = routes.flat_map(|route| {
        let namespace = route["metadata"]["namespace"].as_str().unwrap_or_default();
        let rules = route["spec"]["rules"].as_array().into_iter().flatten();
        let backends = rules.flat_map(|rule| rule["backendRefs"].as_array().into_iter().flatten());
        backends.map(move |backend| {
            let namespace = backend["namespace"].as_str().unwrap_or(namespace);
            let name = backend["name"].as_str().unwrap_or_default();
            format!("{namespace}:{name}:{}", backend["port"])
        })
    });
    references.collect()
}

/// What is looked through for requests.
struct Asking<'a> {
    reference: &'a Reference<'a>,
    /// Clusters that gRPC goes to.
    calls: BTreeSet<String>,
}

/// Where a request enters.
#[derive(Clone, Copy)]
struct Way<'a> {
    port: u16,
    table: &'a RouteTable,
    scheme: Scheme,
}

impl Asking<'_> {
    /// For each port and certificate of the Gateway in turn, and what is not asked.
    fn all(&self, gateway: &Value) -> (Vec<Asked>, Vec<Unread>) {
        let mut tried: Vec<Vec<Tried>> = Vec::new();
        let mut seen = BTreeSet::new();
        for (port, protocol) in ways::of(self.reference.dossier, gateway) {
            let tls = match protocol {
                Protocol::Http => false,
                Protocol::Https => true,
                Protocol::Tls => continue,
            };
            if seen.insert((port, tls)) {
                tried.extend(self.reference.listener(port).into_iter().flat_map(|listener| {
                    if tls { self.over_tls(listener, port) } else { self.plain(listener, port) }
                }));
            }
        }
        let mut unasked = BTreeSet::new();
        let mut groups: Vec<Vec<Asked>> = Vec::new();
        for group in tried {
            let mut asked: Vec<Asked> = Vec::new();
            for one in group {
                match one {
                    Ok(mut one) => {
                        one.first = asked.is_empty();
                        asked.push(one);
                    }
                    Err((what, why)) => {
                        unasked.insert(unread(what, why));
                    }
                }
            }
            groups.push(asked);
        }
        let longest = groups.iter().map(Vec::len).max().unwrap_or_default();
        let turns = (0..longest).flat_map(|turn| {
            groups.iter().filter_map(move |group| group.get(turn)).cloned().collect::<Vec<_>>()
        });
        (turns.collect(), unasked.into_iter().collect())
    }

    fn table(&self, name: &str) -> Option<&RouteTable> {
        self.reference.envoy.route_tables.get(name)
    }

    fn plain(&self, listener: &Listener, port: u16) -> Vec<Vec<Tried>> {
        let chain = listener.plain.as_ref();
        let Some(table) = chain.and_then(|chain| self.table(&chain.route_table)) else {
            return Vec::new();
        };
        let way = Way { port, table, scheme: Scheme::Http };
        let any = || ServedCertificate::default();
        let hosts = table.virtual_hosts.iter();
        let mut asked: Vec<Tried> = hosts
            .filter_map(|host| Some((host, host_of(&host.domains)?)))
            .flat_map(|(host, name)| self.of_host(way, Some(host), &name, &any()))
            .collect();
        if !asked.iter().any(Tried::is_ok) {
            asked = self.of_host(way, None, ANY_HOST, &any());
        }
        vec![asked]
    }

    fn over_tls(&self, listener: &Listener, port: u16) -> Vec<Vec<Tried>> {
        let chains = listener.terminate.iter();
        chains.map(|chain| self.of_chain(listener, chain, port).unwrap_or_default()).collect()
    }

    fn of_chain(&self, listener: &Listener, chain: &TlsChain, port: u16) -> Option<Vec<Tried>> {
        let way = Way { port, table: self.table(&chain.http.route_table)?, scheme: Scheme::Https };
        let certificates = self.reference.certificates(listener, chain);
        let served = ServedCertificate {
            sha256: certificates.iter().map(|(sha256, _)| sha256.clone()).collect(),
        };
        let is_served = |host: &str| {
            let hello = ClientHello { server_name: Some(host) };
            matches!(chain_for(listener, Some(&hello)), Chain::Terminate(found) if found == chain)
        };
        // What takes every name is asked for one that its certificate is for.
        let of_certificate: Vec<String> =
            certificates.iter().flat_map(|(_, names)| names).cloned().collect();
        let own = if chain.server_names.is_empty() { &of_certificate } else { &chain.server_names };
        let name_for = |domains: &[String]| {
            let takes_all = domains.iter().any(|domain| domain == "*");
            let names = if takes_all && !own.is_empty() { own } else { domains };
            host_of(names).filter(|host| is_served(host))
        };
        let hosts = way.table.virtual_hosts.iter();
        let mut asked: Vec<Tried> = hosts
            .filter_map(|host| Some((host, name_for(&host.domains)?)))
            .flat_map(|(host, name)| self.of_host(way, Some(host), &name, &served))
            .collect();
        if !asked.iter().any(Tried::is_ok) {
            let name = host_of(own).unwrap_or_else(|| ANY_HOST.to_owned());
            if is_served(&name) {
                asked = self.of_host(way, None, &name, &served);
            }
        }
        Some(asked)
    }

    /// One request for each rule of a host, else one that nobody but Envoy answers.
    fn of_host(
        &self,
        way: Way<'_>,
        host: Option<&VirtualHost>,
        name: &str,
        served: &ServedCertificate,
    ) -> Vec<Tried> {
        let Way { port, table, scheme } = way;
        let tls = scheme == Scheme::Https;
        let asked = |request, expect, goes| {
            let host = name.to_owned();
            Ok(Asked { port, tls, host, request, expect, first: false, goes })
        };
        let mut tried: Vec<Tried> = Vec::new();
        for rule in host.map_or(&[][..], |host| &host.routes) {
            // Where Envoy redirects, it is known what it answers; nobody behind it is asked.
            let request = match &rule.action {
                Action::Respond { .. } => continue,
                Action::Forward(forward) if !forward.mirrors.is_empty() => {
                    Err("its rule sends copies of requests elsewhere".to_owned())
                }
                Action::Forward(forward) if self.is_call(forward) => {
                    Err("it is for gRPC, and a call may have effects".to_owned())
                }
                Action::Forward(_) | Action::Redirect(_) => {
                    taken::request(table, rule, name, scheme)
                }
            };
            let goes = match &rule.action {
                Action::Forward(forward) => cover::shares(&forward.clusters),
                Action::Redirect(_) | Action::Respond { .. } => Vec::new(),
            };
            let one = match request {
                Ok(request) => {
                    let carried = HttpExpectation::Carried(served.clone());
                    asked(request, carried, goes)
                }
                Err(why) => {
                    let (scheme, path) = (scheme.as_str(), taken::path_in_words(rule));
                    Err((format!("{scheme}://{name}{path} on port {port}"), why))
                }
            };
            if !tried.contains(&one) {
                tried.push(one);
            }
        }
        if !tried.iter().any(Tried::is_ok) {
            let answered =
                |request| asked(request, HttpExpectation::Answered(served.clone()), Vec::new());
            tried.extend(self.nowhere(way, host, name).map(answered));
        }
        tried
    }

    /// A request that Envoy answers by itself, or that a call of gRPC would be.
    fn nowhere(
        &self,
        way: Way<'_>,
        host: Option<&VirtualHost>,
        name: &str,
    ) -> Option<taken::Taken> {
        let routes = host.map_or(&[][..], |host| &host.routes);
        let named = routes.iter().flat_map(taken::paths);
        let request = |path: String| {
            let request = Request {
                method: "HEAD",
                host: name,
                path_and_query: &path,
                headers: &[],
                scheme: way.scheme,
            };
            let reaches_nobody = match decide(way.table, &request, 0) {
                Decision::Forward { hit, .. } => matches!(
                    &hit.route.action,
                    Action::Forward(forward) if forward.mirrors.is_empty() && self.is_call(forward)
                ),
                Decision::Redirect { .. } | Decision::Answer { .. } => true,
            };
            reaches_nobody.then(|| taken::Taken { method: "HEAD", path, headers: Vec::new() })
        };
        named.chain(PATHS.map(str::to_owned)).find_map(request)
    }

    fn is_call(&self, forward: &Forward) -> bool {
        forward.clusters.iter().any(|to| self.calls.contains(&to.cluster))
    }
}

/// A host that domains in Envoy's notation, or names of a certificate, take.
pub(super) fn host_of(domains: &[String]) -> Option<String> {
    let is_name =
        |domain: &&String| !domain.ends_with(":*") && domain.parse::<std::net::IpAddr>().is_err();
    let domain = domains.iter().find(is_name)?;
    Some(match domain.strip_prefix("*.") {
        Some(suffix) => format!("gateproof-check.{suffix}"),
        None if domain == "*" => ANY_HOST.to_owned(),
        None => domain.clone(),
    })
}

/// Something that is not asked, as reports tell it.
pub(super) fn unread(what: String, why: String) -> Unread {
    Unread { what, why: Why::Failed(why), hides: "whether requests are carried there".to_owned() }
}
