//! What a socket serves at a moment: one listener with everything it refers to. Built as a whole
//! and swapped as a whole, so that a request never sees half a change.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use gateproof_model::translation::envoy::{
    Cluster, EnvoyConfig, HttpManager, Listener, RouteTable, TlsChain, UpstreamProtocol,
};
use rustls::ServerConfig;

use super::Program;
use super::certificate::Certificates;
use super::upstream_tls::Security;

/// A listener with its route tables, clusters and certificates.
#[derive(Debug)]
pub(super) struct Serving {
    /// The listener.
    pub(super) listener: Listener,
    /// How requests are treated before routing.
    pub(super) manager: HttpManager,
    tables: BTreeMap<String, Arc<RouteTable>>,
    destinations: BTreeMap<String, Destination>,
    /// By the chain's index in the listener.
    tls: Vec<Option<Arc<ServerConfig>>>,
}

/// A cluster with its ready endpoints.
#[derive(Debug)]
pub(super) struct Destination {
    /// Which HTTP version is spoken.
    pub(super) protocol: UpstreamProtocol,
    /// Whether with TLS.
    pub(super) security: Security,
    endpoints: Vec<SocketAddr>,
    next: AtomicUsize,
}

impl Destination {
    /// Whether it has an endpoint.
    pub(super) fn is_reachable(&self) -> bool {
        !self.endpoints.is_empty()
    }

    /// The next endpoint, in turn (Envoy's round robin); `None` when there is none.
    pub(super) fn endpoint(&self) -> Option<SocketAddr> {
        let turn = self.next.fetch_add(1, Ordering::Relaxed);
        self.endpoints.get(turn.checked_rem(self.endpoints.len())?).copied()
    }
}

fn security(cluster: &Cluster, program: &Program) -> Security {
    let tls = cluster.tls.as_ref();
    let authority = tls.and_then(|tls| program.authorities.get(&tls.sds_name));
    Security::new(tls, authority.map(String::as_str))
}

impl Serving {
    /// Puts a listener together. `tables` are the route tables that Envoy has taken.
    pub(super) fn new(
        config: &EnvoyConfig,
        listener: Listener,
        tables: BTreeMap<String, Arc<RouteTable>>,
        certificates: &Certificates,
        program: &Program,
    ) -> Self {
        let destinations = config
            .clusters
            .iter()
            .map(|(name, cluster)| {
                let destination = Destination {
                    protocol: cluster.protocol,
                    security: security(cluster, program),
                    endpoints: program.endpoints.get(&cluster.name).cloned().unwrap_or_default(),
                    next: AtomicUsize::new(0),
                };
                (name.clone(), destination)
            })
            .collect();
        let tls =
            listener.terminate.iter().map(|chain| certificates.server_config(chain)).collect();
        Self { listener, manager: config.http.clone(), tables, destinations, tls }
    }

    /// The route table of this name. A chain whose table is not there serves no route.
    pub(super) fn table(&self, name: &str) -> Option<&RouteTable> {
        self.tables.get(name).map(Arc::as_ref)
    }

    /// The cluster of this name.
    pub(super) fn destination(&self, cluster: &str) -> Option<&Destination> {
        self.destinations.get(cluster)
    }

    /// The TLS configuration of a chain of this listener.
    pub(super) fn tls(&self, chain: &TlsChain) -> Option<Arc<ServerConfig>> {
        let index = self.listener.terminate.iter().position(|own| own == chain)?;
        self.tls.get(index)?.clone()
    }
}
