//! Filter chains for TLS: terminated with a certificate, or passed through by server name.

use std::collections::{BTreeMap, BTreeSet};

use gateproof_core::name::NamespacedName;

use crate::Input;
use crate::facts::Behaviour;
use crate::ingestion::passthrough::{PassthroughBackend, PassthroughListener, PassthroughRoute};
use crate::ingestion::{HttpListener, Security};
use crate::translation::envoy::{
    HeaderEdits, HttpChain, PassthroughChain, TlsChain, WeightedCluster,
};
use crate::translation::names;

/// Which chains, and where they lead.
#[derive(Debug, Clone, Copy)]
pub(super) struct Chains<'a> {
    /// Of the listeners of one port only.
    pub port: Option<u16>,
    /// The route table of all of them.
    pub route_table: &'a str,
}

/// One chain for each Secret, in order of namespace and name.
pub(super) fn tls_chains(
    input: &Input<'_>,
    listeners: &[HttpListener],
    chains: Chains<'_>,
) -> Vec<TlsChain> {
    let mut hosts_of: BTreeMap<&NamespacedName, BTreeSet<&str>> = BTreeMap::new();
    let fits = |listener: &&HttpListener| chains.port.is_none_or(|port| port == listener.port);
    for listener in listeners.iter().filter(fits) {
        if let Security::Tls(secrets) = &listener.security {
            for secret in secrets {
                hosts_of.entry(secret).or_default().insert(&listener.hostname);
            }
        }
    }
    let alpn: &[&str] = if input.config.alpn { &["h2", "http/1.1"] } else { &[] };
    hosts_of
        .into_iter()
        .map(|(secret, hosts)| TlsChain {
            server_names: server_names(hosts),
            secret: secret.clone(),
            sds_name: names::secret_copy(input, secret).to_string(),
            alpn: alpn.iter().map(|protocol| (*protocol).to_owned()).collect(),
            http: HttpChain { route_table: chains.route_table.to_owned() },
        })
        .collect()
}

/// Sorted; none when one of them is every host.
fn server_names(hosts: BTreeSet<&str>) -> Vec<String> {
    if hosts.contains("*") {
        return Vec::new();
    }
    hosts.into_iter().map(str::to_owned).collect()
}

/// Chains for TLS that is passed through, of the listeners of one port or of all.
pub(super) fn passthrough_chains(
    input: &Input<'_>,
    listeners: &[PassthroughListener],
    port: Option<u16>,
) -> Vec<PassthroughChain> {
    let mut listeners: Vec<&PassthroughListener> =
        listeners.iter().filter(|listener| port.is_none_or(|port| port == listener.port)).collect();
    if !input.holds(Behaviour::PassthroughPerRoute) {
        return chains_of_backends(listeners.iter().flat_map(|listener| &listener.routes));
    }
    listeners.sort_by_key(|listener| (listener.port, &listener.hostname, &listener.name));
    listeners.iter().flat_map(|listener| chains_of_routes(&listener.routes)).collect()
}

/// One chain for each backend, with the host names of all its routes; weights play no part.
fn chains_of_backends<'a>(
    routes: impl Iterator<Item = &'a PassthroughRoute>,
) -> Vec<PassthroughChain> {
    let mut hosts_of: BTreeMap<String, BTreeSet<&str>> = BTreeMap::new();
    for route in routes {
        for backend in &route.backends {
            let hosts = hosts_of.entry(backend.cluster()).or_default();
            hosts.extend(route.hostnames.iter().map(String::as_str));
        }
    }
    hosts_of
        .into_iter()
        .map(|(cluster, hosts)| PassthroughChain {
            server_names: server_names(hosts),
            clusters: vec![weighted(cluster, 1)],
        })
        .collect()
}

/// One chain for each route that has backends.
fn chains_of_routes(routes: &[PassthroughRoute]) -> Vec<PassthroughChain> {
    let mut chains: Vec<(String, String, PassthroughChain)> = Vec::new();
    for route in routes.iter().filter(|route| !route.backends.is_empty()) {
        let hosts: BTreeSet<&str> = route.hostnames.iter().map(String::as_str).collect();
        let names = if hosts.is_empty() {
            "*".to_owned()
        } else {
            hosts.iter().copied().collect::<Vec<_>>().join(",")
        };
        let mut backends: Vec<&PassthroughBackend> = route.backends.iter().collect();
        backends.sort_by_key(|backend| {
            (
                &backend.service.namespace,
                &backend.service.name,
                backend.port.to_string(),
                backend.weight,
            )
        });
        let listed: Vec<String> = backends
            .iter()
            .map(|backend| format!("{}:{}:{}", backend.service, backend.port, backend.weight))
            .collect();
        let clusters =
            backends.iter().map(|backend| weighted(backend.cluster(), backend.weight)).collect();
        let chain = PassthroughChain { server_names: server_names(hosts), clusters };
        chains.push((names, listed.join(","), chain));
    }
    chains.sort_by(|a, b| (&a.0, &a.1).cmp(&(&b.0, &b.1)));
    chains.into_iter().map(|(_, _, chain)| chain).collect()
}

fn weighted(cluster: String, weight: u32) -> WeightedCluster {
    WeightedCluster {
        cluster,
        weight,
        request_headers: HeaderEdits::default(),
        response_headers: HeaderEdits::default(),
    }
}
