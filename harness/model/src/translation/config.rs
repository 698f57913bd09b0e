//! The whole Envoy configuration of a Gateway as typed values
//! (cilium/cilium `operator/pkg/model/translation/cec_translator.go` and `envoy_listener.go`).
//!
//! One listener serves all ports; nothing matches on the destination port.

use std::collections::{BTreeMap, BTreeSet};

use gateproof_core::cilium::HostNetwork;
use gateproof_core::name::NamespacedName;

use super::envoy::{
    Cluster, EnvoyConfig, HttpChain, Listener, RouteTable, ServiceRedirect, TlsChain,
};
use super::{names, route_table};
use crate::facts::Behaviour;
use crate::ingestion::{Backend, HttpListener, Security};
use crate::resources::gateway::Gateway;
use crate::{Input, Unmodelled};

/// The route table of plain HTTP.
const INSECURE: &str = "listener-insecure";
/// The route table behind TLS.
const SECURE: &str = "listener-secure";

/// Builds the configuration. `None` when there is no listener to serve.
pub(crate) fn build(
    input: &Input<'_>,
    gateway: &Gateway,
    listeners: &[HttpListener],
    unmodelled: &mut Vec<Unmodelled>,
) -> Option<EnvoyConfig> {
    if listeners.is_empty() {
        return None;
    }
    let ports: BTreeSet<u16> = listeners.iter().map(|listener| listener.port).collect();
    let (host_ports, node_selector) = match &input.config.host_network {
        HostNetwork::Off => (Vec::new(), None),
        HostNetwork::On { match_labels } => (
            ports.iter().copied().collect(),
            (!match_labels.is_empty()).then(|| match_labels.clone()),
        ),
    };
    Some(EnvoyConfig {
        name: names::envoy_config(input, &gateway.name),
        gateway: gateway.name.clone(),
        node_selector,
        service: ServiceRedirect {
            service: names::service(&gateway.name),
            ports: ports.iter().copied().collect(),
        },
        listeners: vec![Listener {
            name: "listener".to_owned(),
            host_ports,
            proxy_protocol: input.config.proxy_protocol,
            plain: Some(HttpChain { route_table: INSECURE.to_owned() }),
            terminate: tls_chains(input, listeners),
            passthrough: Vec::new(),
        }],
        route_tables: route_tables(input, listeners, unmodelled),
        clusters: clusters(listeners),
    })
}

/// One chain for each Secret, in order of namespace and name.
fn tls_chains(input: &Input<'_>, listeners: &[HttpListener]) -> Vec<TlsChain> {
    let mut hosts_of: BTreeMap<&NamespacedName, BTreeSet<&str>> = BTreeMap::new();
    for listener in listeners {
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
            server_names: if hosts.contains("*") {
                Vec::new()
            } else {
                hosts.into_iter().map(str::to_owned).collect()
            },
            secret: secret.clone(),
            sds_name: names::secret_copy(input, secret).to_string(),
            alpn: alpn.iter().map(|protocol| (*protocol).to_owned()).collect(),
            http: HttpChain { route_table: SECURE.to_owned() },
        })
        .collect()
}

fn route_tables(
    input: &Input<'_>,
    listeners: &[HttpListener],
    unmodelled: &mut Vec<Unmodelled>,
) -> BTreeMap<String, RouteTable> {
    let ports: Vec<u16> = listeners.iter().map(|listener| listener.port).collect();
    let (plain, tls): (Vec<&HttpListener>, Vec<&HttpListener>) =
        listeners.iter().partition(|listener| listener.security == Security::Plain);
    let has_tls = !tls.is_empty();
    let mut table = |listeners: Vec<&HttpListener>| {
        route_table::build(
            &route_table::Context { input, listeners, ports: ports.clone() },
            unmodelled,
        )
    };
    let mut tables = BTreeMap::from([(INSECURE.to_owned(), table(plain))]);
    if has_tls {
        tables.insert(SECURE.to_owned(), table(tls));
    }
    if !input.holds(Behaviour::EmptyRouteTables) {
        tables.retain(|_, table| !table.virtual_hosts.is_empty());
    }
    tables
}

fn clusters(listeners: &[HttpListener]) -> BTreeMap<String, Cluster> {
    let rules = listeners.iter().flat_map(|listener| &listener.rules);
    let backends = rules.flat_map(|rule| {
        rule.backends.iter().chain(rule.treatment.mirrors.iter().map(|(backend, _)| backend))
    });
    backends.map(|backend| (backend.cluster(), cluster(backend))).collect()
}

fn cluster(backend: &Backend) -> Cluster {
    Cluster {
        name: backend.cluster(),
        service: backend.service.clone(),
        port: backend.port,
        protocol: backend.protocol,
    }
}
