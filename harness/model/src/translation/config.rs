//! The whole Envoy configuration of a Gateway as typed values
//! (cilium/cilium `operator/pkg/model/translation/cec_translator.go` and `envoy_listener.go`).
//!
//! One listener serves all ports and nothing matches on the destination port, unless
//! [`split`] gives ports listeners of their own.

mod chains;
mod split;

use std::collections::{BTreeMap, BTreeSet};

use gateproof_core::cilium::HostNetwork;

use self::chains::{Chains, passthrough_chains, tls_chains};
use super::envoy::{EnvoyConfig, HttpChain, Listener, PortRedirect, RouteTable, ServiceRedirect};
use super::{clusters, http_manager, names, route_table};
use crate::facts::Behaviour;
use crate::ingestion::passthrough::PassthroughListener;
use crate::ingestion::{HttpListener, Security};
use crate::resources::gateway::Gateway;
use crate::{Input, Unmodelled};

/// The name of the first listener, and the start of the others' and of route tables' names.
const LISTENER: &str = "listener";
/// The route table of plain HTTP.
pub(crate) const INSECURE: &str = "listener-insecure";
/// The route table behind TLS.
const SECURE: &str = "listener-secure";

/// What a Gateway serves.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Served<'a> {
    /// Listeners of protocol HTTP, HTTPS and TLS alike: the last can terminate TLS too.
    pub http: &'a [HttpListener],
    /// Listeners that may pass TLS through.
    pub passthrough: &'a [PassthroughListener],
}

/// Builds the configuration. `None` when there is no listener to serve.
pub(crate) fn build(
    input: &Input<'_>,
    gateway: &Gateway,
    served: Served<'_>,
    unmodelled: &mut Vec<Unmodelled>,
) -> Option<EnvoyConfig> {
    if served.http.is_empty() {
        return None;
    }
    let node_selector = match &input.config.host_network {
        HostNetwork::On { match_labels } if !match_labels.is_empty() => Some(match_labels.clone()),
        HostNetwork::On { .. } | HostNetwork::Off => None,
    };
    let layout = if split::is_needed(input, served) {
        split::layout(input, served)
    } else {
        combined(input, served)
    };
    Some(EnvoyConfig {
        name: names::envoy_config(input, &gateway.name),
        gateway: gateway.name.clone(),
        node_selector,
        service: ServiceRedirect {
            service: names::service(&gateway.name),
            redirects: layout.redirects,
        },
        http: http_manager::build(input),
        listeners: layout.listeners,
        route_tables: route_tables(input, served, &layout.secure_tables, unmodelled),
        clusters: clusters::of(input, served),
    })
}

/// Listeners, and what leads to them.
struct Layout {
    listeners: Vec<Listener>,
    redirects: Vec<PortRedirect>,
    /// Route tables behind TLS, with the ports whose listeners they serve; `None` is all ports.
    secure_tables: Vec<(String, Option<u16>)>,
}

/// One listener for everything.
fn combined(input: &Input<'_>, served: Served<'_>) -> Layout {
    let ports: Vec<u16> = sorted(served.http.iter().map(|listener| listener.port));
    let listener = Listener {
        name: LISTENER.to_owned(),
        host_ports: host_ports(input, &ports),
        proxy_protocol: input.config.proxy_protocol,
        plain: Some(HttpChain { route_table: INSECURE.to_owned() }),
        terminate: tls_chains(input, served.http, Chains { port: None, route_table: SECURE }),
        passthrough: passthrough_chains(input, served.passthrough, None),
    };
    let is_secure = |listener: &HttpListener| match &listener.security {
        Security::Plain => false,
        Security::Tls(secrets) => !secrets.is_empty() || !listener.rules.is_empty(),
    };
    let has_secure = served.http.iter().any(is_secure);
    Layout {
        listeners: vec![listener],
        redirects: vec![PortRedirect { listener: None, ports }],
        secure_tables: has_secure.then(|| (SECURE.to_owned(), None)).into_iter().collect(),
    }
}

/// Ports to bind on the host: all in host network, else none.
fn host_ports(input: &Input<'_>, ports: &[u16]) -> Vec<u16> {
    match input.config.host_network {
        HostNetwork::Off => Vec::new(),
        HostNetwork::On { .. } => ports.to_vec(),
    }
}

fn sorted(ports: impl Iterator<Item = u16>) -> Vec<u16> {
    ports.collect::<BTreeSet<_>>().into_iter().collect()
}

fn route_tables(
    input: &Input<'_>,
    served: Served<'_>,
    secure: &[(String, Option<u16>)],
    unmodelled: &mut Vec<Unmodelled>,
) -> BTreeMap<String, RouteTable> {
    let (plain, tls): (Vec<&HttpListener>, Vec<&HttpListener>) =
        served.http.iter().partition(|listener| listener.security == Security::Plain);
    let mut table =
        |listeners: Vec<&HttpListener>| route_table::build(input, &listeners, unmodelled);
    let mut tables = BTreeMap::from([(INSECURE.to_owned(), table(plain))]);
    for (name, port) in secure {
        let fits = |listener: &&HttpListener| port.is_none_or(|port| port == listener.port);
        tables.insert(name.clone(), table(tls.iter().copied().filter(fits).collect()));
    }
    if !input.holds(Behaviour::EmptyRouteTables) {
        tables.retain(|_, table| !table.virtual_hosts.is_empty());
    }
    tables
}

#[cfg(test)]
mod tests;
