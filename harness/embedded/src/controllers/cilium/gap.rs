//! What the model translates and the data plane does not carry out. Named, so that a check that
//! depends on it is inconclusive and never passes by chance.

use gateproof_model::Unmodelled;
use gateproof_model::translation::envoy::EnvoyConfig;

/// Everything in a configuration that the data plane passes over.
pub(super) fn gaps(config: &EnvoyConfig) -> Vec<Unmodelled> {
    let gap = |what: String| Unmodelled { object: format!("Gateway {}", config.gateway), what };
    let tables = config.route_tables.values();
    let mut hosts = tables.flat_map(|table| &table.virtual_hosts);
    let origins = hosts.find(|host| host.routes.iter().any(|route| route.cors.is_some()));
    let origins = origins.map(|host| gap(format!("requests of other origins to {}", host.name)));
    let encrypted = config.clusters.values().filter(|cluster| cluster.tls.is_some());
    let encrypted = encrypted.map(|cluster| gap(format!("TLS to backend {}", cluster.name)));
    origins.into_iter().chain(encrypted).collect()
}
