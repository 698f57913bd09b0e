//! Which requests a check may send: for a few hosts of the Gateway's routes, HEAD on a path that a
//! route takes.
//!
//! They are read off what the reference makes of the routes, so that only a request is sent that
//! goes to a backend by a rule that asks for nothing more than host and path. HEAD is safe and has
//! no effect by its definition (RFC 9110, 9.2.1 and 9.3.2), which is what uptime monitors and load
//! balancers send; a rule with a mirror is left out, because its copies would go where nobody
//! expects them. Nothing is sent for GRPCRoutes, which HEAD never matches, nor for filters that
//! ask somebody else first.

use std::collections::BTreeSet;

use gateproof_core::cilium::{CiliumConfig, CiliumVersion};
use gateproof_core::cluster::NodeSelector;
use gateproof_core::dossier::Dossier;
use gateproof_core::name::{NamespacedName, NodeName};
use gateproof_core::scenario::{Entry, HttpClaim, HttpExpectation, ServerName};
use gateproof_model::routing::{Chain, ClientHello, Decision, Request, Scheme, chain_for, decide};
use gateproof_model::translation::envoy::{
    Action, EnvoyConfig, Listener, PathMatch, Route, RouteTable, VirtualHost,
};
use gateproof_model::{Input, Resources, reconcile, unread_secrets};
use serde_json::Value;

/// So many hosts are asked for at most.
const HOSTS: usize = 6;

/// Through so many nodes without TLS: every node is asked for connections anyway.
const NODES: usize = 3;

/// Through so many nodes with TLS, where each may serve another certificate.
const NODES_WITH_TLS: usize = 24;

/// A host for what takes every host; nobody has it (RFC 2606).
const ANY_HOST: &str = "gateproof-check.invalid";

/// The requests for a Gateway.
pub(super) fn of(
    dossier: &Dossier,
    version: &CiliumVersion,
    config: &CiliumConfig,
    gateway: &Value,
) -> Vec<HttpClaim> {
    let name = super::name_of(gateway);
    let mut objects = dossier.objects.clone();
    if dossier.list("", "Secret").next().is_none() {
        objects.extend(unread_secrets::stand_ins(&dossier.objects));
    }
    let (resources, _) = Resources::from_objects(&objects);
    let outcome = reconcile(&Input::new(version, config, &resources));
    let Some(envoy) = outcome.envoy.iter().find(|envoy| envoy.gateway == name) else {
        return Vec::new();
    };
    let serving: Vec<NodeName> = dossier
        .nodes
        .iter()
        .filter(|node| !config.host_network.is_on() || config.host_network.selects(&node.labels))
        .map(|node| node.name.clone())
        .collect();
    let mut seen = BTreeSet::new();
    let found = envoy.listeners.iter().flat_map(|listener| asked(envoy, listener));
    found
        .filter_map(|asked| {
            let port = port(gateway, asked.tls)?;
            seen.insert((asked.tls, asked.host.clone()))
                .then(|| claim(&name, asked, port, &serving))
        })
        .take(HOSTS)
        .collect()
}

/// A request that goes to a backend.
struct Asked {
    tls: bool,
    host: String,
    path: String,
}

/// The first port of the Gateway that speaks HTTP or HTTPS.
fn port(gateway: &Value, tls: bool) -> Option<u16> {
    let wanted = if tls { "HTTPS" } else { "HTTP" };
    let listeners = gateway["spec"]["listeners"].as_array()?;
    let listener = listeners.iter().find(|listener| listener["protocol"] == wanted)?;
    u16::try_from(listener["port"].as_u64()?).ok()
}

fn claim(gateway: &NamespacedName, asked: Asked, port: u16, serving: &[NodeName]) -> HttpClaim {
    let limit = if asked.tls { NODES_WITH_TLS } else { NODES };
    let step = serving.len().div_ceil(limit).max(1);
    let nodes = serving.iter().step_by(step).cloned().collect();
    HttpClaim {
        gateway: gateway.clone(),
        tls: asked.tls,
        host: asked.host,
        listener_port: port,
        port_in_host: false,
        path: asked.path,
        method: "HEAD".to_owned(),
        headers: vec![("user-agent".to_owned(), "gateproof-check".to_owned())],
        version: None,
        server_name: ServerName::Host,
        entry: Entry::EachNode(NodeSelector::Names(nodes)),
        expect: HttpExpectation::Carried,
        hold: None,
    }
}

/// One request for each virtual host of a listener, with TLS and without.
fn asked(envoy: &EnvoyConfig, listener: &Listener) -> Vec<Asked> {
    let mut all = Vec::new();
    let table = |name: &str| envoy.route_tables.get(name);
    if let Some(table) = listener.plain.as_ref().and_then(|chain| table(&chain.route_table)) {
        all.extend(table.virtual_hosts.iter().filter_map(|host| without_tls(table, host)));
    }
    for chain in &listener.terminate {
        let Some(table) = table(&chain.http.route_table) else { continue };
        all.extend(table.virtual_hosts.iter().filter_map(|virtual_host| {
            let names = if chain.server_names.is_empty() {
                &virtual_host.domains
            } else if virtual_host.domains.iter().any(|domain| domain == "*") {
                &chain.server_names
            } else {
                &virtual_host.domains
            };
            let host = host_of(names)?;
            let hello = ClientHello { server_name: Some(&host) };
            let served = matches!(
                chain_for(listener, Some(&hello)),
                Chain::Terminate(served) if served == chain
            );
            let path = path(table, virtual_host, &host, Scheme::Https).filter(|_| served)?;
            Some(Asked { tls: true, host, path })
        }));
    }
    all
}

fn without_tls(table: &RouteTable, virtual_host: &VirtualHost) -> Option<Asked> {
    let host = host_of(&virtual_host.domains)?;
    let path = path(table, virtual_host, &host, Scheme::Http)?;
    Some(Asked { tls: false, host, path })
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

/// A path on which HEAD goes to a backend by a route of this virtual host.
fn path(table: &RouteTable, host: &VirtualHost, name: &str, scheme: Scheme) -> Option<String> {
    host.routes.iter().filter(|route| is_harmless(route)).find_map(|route| {
        let path = match &route.matcher.path {
            PathMatch::Exact(path) | PathMatch::Prefix(path) | PathMatch::SeparatedPrefix(path) => {
                path
            }
            PathMatch::Regex(_) => return None,
        };
        let request =
            Request { method: "HEAD", host: name, path_and_query: path, headers: &[], scheme };
        match decide(table, &request, 0) {
            Decision::Forward { hit, .. } if hit.route == route => Some(path.clone()),
            Decision::Forward { .. } | Decision::Redirect { .. } | Decision::Answer { .. } => None,
        }
    })
}

/// Whether a route asks for nothing but host and path, and sends no copies.
fn is_harmless(route: &Route) -> bool {
    let matcher = &route.matcher;
    let plain = matcher.method.is_none() && matcher.headers.is_empty() && matcher.query.is_empty();
    plain && matches!(&route.action, Action::Forward(forward) if forward.mirrors.is_empty())
}
