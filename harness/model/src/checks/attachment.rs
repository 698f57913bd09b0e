//! Which routes a Gateway serves, and through which of its listeners
//! (cilium/cilium `operator/pkg/gateway-api/gateway_reconcile.go` `filter…RoutesByGateway` and
//! `…ByListener`, `helpers.go`, and `operator/pkg/model/ingestion/gateway.go`).

use super::hostname::{Wildcards, intersect};
use super::route::{allows_namespace, hosts, names_kind, selects};
use super::source::Source;
use crate::Input;
use crate::facts::Behaviour;
use crate::resources::gateway::Listener;
use crate::resources::http_route::ParentRef;
use crate::resources::route::{Route, RouteKind};

/// A listener with where it is written.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Written<'a> {
    pub source: Source<'a>,
    pub listener: &'a Listener,
}

/// A route seen by one Gateway, which takes it: because one of its references is accepted, or,
/// in older versions, because its references to backends are not resolved.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Attached<'a> {
    pub route: Route<'a>,
}

impl<'a> Attached<'a> {
    /// Parent references of the route that name this Gateway or ListenerSet.
    fn parents(self, source: Source<'a>) -> impl Iterator<Item = &'a ParentRef> {
        let namespace = &self.route.name().namespace;
        self.route.parents().iter().filter(move |parent| source.is_named(parent, namespace))
    }

    /// Whether one of those references means the listener.
    fn means(self, source: Source<'a>, listener: &Listener) -> bool {
        self.parents(source).any(|parent| selects(parent, listener))
    }
}

/// Whether a listener lets a route attach by kind.
fn allows_kind(input: &Input<'_>, listener: &Listener, kind: RouteKind) -> bool {
    if !listener.allowed_routes.kinds.is_empty() {
        // Before GRPCRoutes were reconciled with Gateways, no list of kinds let them through.
        return names_kind(listener, kind)
            && (kind != RouteKind::Grpc || input.holds(Behaviour::GrpcRoutesWithGateways));
    }
    !input.holds(Behaviour::KindsDefaultToProtocol)
        || kind.protocols().contains(&listener.protocol.as_str())
}

fn is_allowed(
    input: &Input<'_>,
    source: Source<'_>,
    listener: &Listener,
    route: Route<'_>,
) -> bool {
    allows_kind(input, listener, route.kind())
        && allows_namespace(input, source, listener, &route.name().namespace)
}

/// The host names that a route is served for through one of the listeners that are served; empty
/// when it is not.
pub(crate) fn served_hosts(
    input: &Input<'_>,
    all: &[Written<'_>],
    Written { source, listener }: Written<'_>,
    attached: Attached<'_>,
) -> Vec<String> {
    let route = attached.route;
    let namespace = &route.name().namespace;
    let passes = gateway_takes(input, source, route)
        && names_listener(input, source, listener, attached)
        && (!input.holds(Behaviour::ListenerPolicyInRouting)
            || allows_namespace(input, source, listener, namespace));
    if !passes {
        return Vec::new();
    }
    let others = isolating(input, all, listener);
    intersect(Wildcards::of(input), route.hostnames(), listener.hostname(), &others)
}

/// Older versions, which know no ListenerSets, first ask whether any listener of the Gateway at all
/// would take the route.
fn gateway_takes(input: &Input<'_>, gateway: Source<'_>, route: Route<'_>) -> bool {
    if !input.holds(Behaviour::GatewayWideRouteFilter) {
        return true;
    }
    let listeners = gateway.listeners;
    let all: Vec<&str> = match route.kind() {
        RouteKind::Tls | RouteKind::Tcp | RouteKind::Udp => Vec::new(),
        RouteKind::Http | RouteKind::Grpc => {
            listeners.iter().filter_map(Listener::hostname).collect()
        }
    };
    let fits = |listener: &Listener| {
        let wildcards = Wildcards::of(input);
        !intersect(wildcards, route.hostnames(), listener.hostname(), &all).is_empty()
    };
    listeners.iter().any(|listener| is_allowed(input, gateway, listener, route))
        && listeners.iter().any(fits)
}

/// Whether references of the route name the listener. Section and port are compared without
/// asking whose they are; newer versions ask that separately, by section only.
fn names_listener(
    input: &Input<'_>,
    source: Source<'_>,
    listener: &Listener,
    attached: Attached<'_>,
) -> bool {
    let section =
        |parent: &ParentRef| parent.section_name.as_ref().is_none_or(|s| *s == listener.name);
    let own =
        !input.holds(Behaviour::ParentIdentityInRouting) || attached.parents(source).any(section);
    let port_counts = !matches!(attached.route.kind(), RouteKind::Grpc | RouteKind::Tls)
        || input.holds(Behaviour::ParentPortOfEveryRoute);
    own && attached
        .route
        .parents()
        .iter()
        .any(|parent| if port_counts { selects(parent, listener) } else { section(parent) })
}

/// Host names of other listeners, wherever they are written, that take hosts away from this one.
/// A listener that is not served takes nothing.
fn isolating<'a>(input: &Input<'_>, all: &[Written<'a>], listener: &Listener) -> Vec<&'a str> {
    let per_protocol = input.holds(Behaviour::IsolationPerProtocol);
    all.iter()
        .map(|other| other.listener)
        .filter(|other| !per_protocol || other.protocol == listener.protocol)
        .filter_map(Listener::hostname)
        .collect()
}

/// How many routes a listener reports as attached, of those that its source takes.
pub(crate) fn attached_routes(
    input: &Input<'_>,
    source: Source<'_>,
    listener: &Listener,
    routes: &[Attached<'_>],
) -> usize {
    let honours_policy = input.holds(Behaviour::ListenerPolicyInAttachedRoutes);
    let any_allows = |route| source.listeners.iter().any(|l| is_allowed(input, source, l, route));
    routes
        .iter()
        .filter(|attached| {
            attached.route.kind() != RouteKind::Grpc
                || input.holds(Behaviour::GrpcRoutesWithGateways)
        })
        .filter(|attached| attached.means(source, listener))
        .filter(|attached| !hosts(input, attached.route, listener).is_empty())
        .filter(|attached| {
            if honours_policy {
                is_allowed(input, source, listener, attached.route)
            } else {
                any_allows(attached.route)
            }
        })
        .count()
}
