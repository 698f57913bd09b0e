//! What faults make of Envoy's configuration: pure functions.

use gateproof_model::translation::envoy::{
    Action, EnvoyConfig, HeaderEdits, PathMatch, Route, RouteMatch,
};

/// The status of Envoy's policy filter for whom no policy lets in (Cilium 1.20 `docs`,
/// "Access denied"; inferred: it comes before any route is chosen, also for unknown hosts of a
/// virtual host that exists).
pub(crate) const DENIED: u16 = 403;

/// Answers every request with [`DENIED`].
pub(crate) fn deny(config: &mut EnvoyConfig) {
    let route = Route {
        matcher: RouteMatch {
            path: PathMatch::Prefix("/".to_owned()),
            method: None,
            headers: Vec::new(),
            query: Vec::new(),
        },
        action: Action::Respond { status: DENIED },
        request_headers: HeaderEdits::default(),
        response_headers: HeaderEdits::default(),
        cors: None,
    };
    for table in config.route_tables.values_mut() {
        for host in &mut table.virtual_hosts {
            host.routes = vec![route.clone()];
        }
    }
}

/// What an Envoy lacks that its agent should have handed it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Lack {
    /// The routes that came after the listeners: for every host it has no route.
    Routes,
    /// Endpoints of clusters, which it knows by name.
    Endpoints,
}

/// The configuration as an Envoy has it that lacks something.
pub(crate) fn lacking(config: &EnvoyConfig, lack: Lack) -> EnvoyConfig {
    let mut config = config.clone();
    match lack {
        Lack::Routes => {
            config.route_tables.values_mut().for_each(|table| table.virtual_hosts.clear());
        }
        // Nobody has endpoints for these names.
        Lack::Endpoints => {
            config.clusters.values_mut().for_each(|cluster| cluster.name.push_str(" (unknown)"));
        }
    }
    config
}

/// The first listener that binds other ports on the host than before, and a port that the one in
/// force holds.
pub(crate) fn port_changed(before: &EnvoyConfig, now: &EnvoyConfig) -> Option<(String, u16)> {
    now.listeners.iter().find_map(|listener| {
        let known = before.listeners.iter().find(|known| known.name == listener.name)?;
        let held = *known.host_ports.first()?;
        (known.host_ports != listener.host_ports).then(|| (listener.name.clone(), held))
    })
}
