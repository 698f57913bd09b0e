//! What listeners that pass TLS through serve
//! (cilium/cilium `operator/pkg/model/ingestion/gateway.go`, `toTLSRoutes`).

use gateproof_core::name::NamespacedName;

use super::unread;
use crate::checks::attachment::{Attached, Written, served_hosts};
use crate::checks::reference::usable_service;
use crate::facts::Behaviour;
use crate::resources::gateway::Protocol;
use crate::resources::http_route::BackendRef;
use crate::resources::route::Route;
use crate::resources::tls_route::TlsRoute;
use crate::{Input, Unmodelled};

/// A listener that may pass TLS through.
#[derive(Debug, Clone)]
pub(crate) struct PassthroughListener {
    pub name: String,
    /// Its host name, `*` for every host.
    pub hostname: String,
    pub port: u16,
    pub routes: Vec<PassthroughRoute>,
}

/// One rule of a TLSRoute.
#[derive(Debug, Clone)]
pub(crate) struct PassthroughRoute {
    /// Server names; empty for every one.
    pub hostnames: Vec<String>,
    /// Backends that can be used.
    pub backends: Vec<PassthroughBackend>,
}

/// A backend that gets TLS as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PassthroughBackend {
    pub service: NamespacedName,
    pub port: u16,
    pub weight: u32,
}

impl PassthroughBackend {
    /// The name of its cluster.
    pub(crate) fn cluster(&self) -> String {
        format!("{}:{}:{}", self.service.namespace, self.service.name, self.port)
    }
}

/// Works out what listeners pass through.
pub(crate) fn ingest(
    input: &Input<'_>,
    served: &[Written<'_>],
    routes: &[Attached<'_>],
    unmodelled: &mut Vec<Unmodelled>,
) -> Vec<PassthroughListener> {
    let tls_only = input.holds(Behaviour::PassthroughOnTlsOnly);
    served
        .iter()
        .filter(|written| written.listener.is_envoys())
        .filter(|written| !tls_only || written.listener.speaks() == Protocol::Tls)
        .map(|written| PassthroughListener {
            name: written.listener.name.clone(),
            hostname: written.listener.hostname().unwrap_or("*").to_owned(),
            port: written.listener.port,
            routes: routes
                .iter()
                .flat_map(|attached| rules(input, (served, *written), *attached, unmodelled))
                .collect(),
        })
        .collect()
}

/// The rules of a TLSRoute that a listener serves.
fn rules(
    input: &Input<'_>,
    (served, written): (&[Written<'_>], Written<'_>),
    attached: Attached<'_>,
    unmodelled: &mut Vec<Unmodelled>,
) -> Vec<PassthroughRoute> {
    let Route::Tls(route) = attached.route else { return Vec::new() };
    let mut hostnames = served_hosts(input, served, written, attached);
    if hostnames.is_empty() {
        return Vec::new();
    }
    if hostnames == ["*"] {
        hostnames.clear();
    }
    unread(attached.route, unmodelled);
    let rules = route.spec.rules.iter();
    rules
        .map(|rule| PassthroughRoute {
            hostnames: hostnames.clone(),
            backends: rule.backend_refs.iter().filter_map(|b| backend(input, route, b)).collect(),
        })
        .collect()
}

fn backend(
    input: &Input<'_>,
    route: &TlsRoute,
    backend: &BackendRef,
) -> Option<PassthroughBackend> {
    let service = usable_service(input, Route::Tls(route), backend)?;
    Some(PassthroughBackend { service, port: backend.port?, weight: backend.weight })
}

#[cfg(test)]
mod tests;
