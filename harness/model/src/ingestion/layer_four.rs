//! What TCP and UDP listeners serve: connections go from the agent to backends, past Envoy
//! (cilium/cilium 1.20 `operator/pkg/model/ingestion/gateway.go`, `toTCPRoutes`, `toUDPRoutes`).

use super::passthrough::PassthroughBackend;
use super::unread;
use crate::checks::attachment::{Attached, Written, served_hosts};
use crate::checks::reference::usable_service;
use crate::facts::Behaviour;
use crate::resources::gateway::Protocol;
use crate::resources::http_route::BackendRef;
use crate::resources::layer_four_route::LayerFourRoute;
use crate::resources::route::{Route, RouteKind};
use crate::translation::objects::Transport;
use crate::{Input, Unmodelled};

/// A TCP or UDP listener with where its connections go.
#[derive(Debug, Clone)]
pub(crate) struct LayerFourListener {
    pub port: u16,
    pub transport: Transport,
    /// Backends that can be used.
    pub backends: Vec<PassthroughBackend>,
}

/// Works out what TCP and UDP listeners serve. Of several routes the oldest counts.
pub(crate) fn ingest(
    input: &Input<'_>,
    served: &[Written<'_>],
    routes: &[Attached<'_>],
    unmodelled: &mut Vec<Unmodelled>,
) -> Vec<LayerFourListener> {
    if !input.holds(Behaviour::LayerFourRoutes) {
        return Vec::new();
    }
    let mut listeners = Vec::new();
    for written in served {
        let listener = written.listener;
        let (transport, kind) = match listener.speaks() {
            Protocol::Tcp => (Transport::Tcp, RouteKind::Tcp),
            Protocol::Udp => (Transport::Udp, RouteKind::Udp),
            Protocol::Http | Protocol::Https | Protocol::Tls | Protocol::Other => continue,
        };
        let takes = |attached: &&Attached<'_>| {
            attached.route.kind() == kind
                && !served_hosts(input, served, *written, **attached).is_empty()
        };
        let oldest = routes.iter().filter(takes).filter_map(|attached| layer_four(attached.route));
        let oldest = oldest.min_by_key(|(_, route)| (&route.created, &route.name));
        let backends = oldest.map_or_else(Vec::new, |(whole, route)| {
            unread(whole, unmodelled);
            let backends = route.spec.rules.iter().flat_map(|rule| &rule.backend_refs);
            backends.filter_map(|reference| backend(input, whole, reference)).collect()
        });
        listeners.push(LayerFourListener { port: listener.port, transport, backends });
    }
    listeners
}

fn layer_four(route: Route<'_>) -> Option<(Route<'_>, &LayerFourRoute)> {
    match route {
        Route::Tcp(found) | Route::Udp(found) => Some((route, found)),
        Route::Http(_) | Route::Grpc(_) | Route::Tls(_) => None,
    }
}

fn backend(
    input: &Input<'_>,
    route: Route<'_>,
    reference: &BackendRef,
) -> Option<PassthroughBackend> {
    let service = usable_service(input, route, reference)?;
    Some(PassthroughBackend { service, port: reference.port?, weight: reference.weight })
}

#[cfg(test)]
mod tests;
