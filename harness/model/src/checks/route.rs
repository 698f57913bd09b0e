//! Whether an HTTPRoute attaches to a Gateway, and whether its references are resolved
//! (cilium/cilium `operator/pkg/gateway-api/routechecks/`).

use std::collections::BTreeMap;

use super::hostname::intersect;
use super::listener::Problem;
use super::reference_grant::{Referrer, Target, permits};
use crate::facts::Behaviour;
use crate::resources::gateway::{GROUP, Gateway, Listener, NamespacesFrom};
use crate::resources::http_route::{BackendRef, HttpRoute, ParentRef};
use crate::{Input, Unmodelled};

/// Whether a route is accepted by one parent.
pub(crate) type Acceptance = Result<(), Problem>;

/// Whether a parent reference means this listener.
pub(crate) fn selects(parent: &ParentRef, listener: &Listener) -> bool {
    parent.section_name.as_ref().is_none_or(|name| *name == listener.name)
        && parent.port.is_none_or(|port| port == listener.port)
}

/// Whether a listener lets routes of a kind and namespace attach.
pub(crate) fn is_allowed(
    input: &Input<'_>,
    gateway: &Gateway,
    listener: &Listener,
    namespace: &str,
) -> bool {
    allows_kind(listener) && allows_namespace(input, gateway, listener, namespace)
}

fn allows_kind(listener: &Listener) -> bool {
    let kinds = &listener.allowed_routes.kinds;
    kinds.is_empty() || kinds.iter().any(|kind| kind.group == GROUP && kind.kind == "HTTPRoute")
}

fn allows_namespace(
    input: &Input<'_>,
    gateway: &Gateway,
    listener: &Listener,
    namespace: &str,
) -> bool {
    let rule = &listener.allowed_routes.namespaces;
    match rule.from {
        NamespacesFrom::All => true,
        NamespacesFrom::Same => namespace == gateway.name.namespace,
        NamespacesFrom::Selector => input
            .resources
            .namespaces
            .get(namespace)
            .is_some_and(|namespace| rule.selector.matches(&namespace.labels)),
    }
}

/// Judges one parent reference of a route. `Err` of the outer result: not covered.
pub(crate) fn accept(
    input: &Input<'_>,
    gateway: &Gateway,
    route: &HttpRoute,
    parent: &ParentRef,
) -> Result<Acceptance, Unmodelled> {
    let listeners: Vec<&Listener> = gateway.spec.listeners.iter().collect();
    let selected: Vec<&Listener> =
        listeners.iter().copied().filter(|listener| selects(parent, listener)).collect();
    let refused = |reason, message: String| Ok(Err(Problem { reason, message }));

    if !selected.iter().all(|listener| allows_kind(listener))
        || !listeners.iter().all(|l| allows_kind(l))
    {
        if listeners.iter().any(|listener| allows_kind(listener)) {
            return Err(Unmodelled::new(
                route.object(),
                format!(
                    "attachment to {}, whose listeners allow different kinds",
                    gateway.object()
                ),
            ));
        }
        return refused(
            "NotAllowedByListeners",
            "HTTPRoute is not allowed to attach to this Gateway due to route kind restrictions"
                .to_owned(),
        );
    }
    if let Some(port) = parent.port
        && !listeners.iter().any(|listener| listener.port == port)
    {
        return refused("NoMatchingParent", format!("No matching listener with port {port}"));
    }
    if listeners.iter().all(|listener| hosts(route, listener).is_empty()) {
        return refused("NoMatchingListenerHostname", "No matching listener hostname".to_owned());
    }
    if let Some(section) = &parent.section_name
        && !listeners.iter().any(|listener| listener.name == *section)
    {
        return refused(
            "NoMatchingParent",
            format!("No matching listener with sectionName {section}"),
        );
    }
    if selected.iter().all(|listener| hosts(route, listener).is_empty()) {
        // Section, port and host name each fit some listener but none fits all three.
        return Err(Unmodelled::new(
            route.object(),
            format!(
                "parentRef whose section, port and host names fit no one listener of {}",
                gateway.object()
            ),
        ));
    }
    namespace_acceptance(input, gateway, route, &selected)
}

/// The host names a route and listener have in common, isolation aside.
fn hosts(route: &HttpRoute, listener: &Listener) -> Vec<String> {
    intersect(&route.spec.hostnames, listener.hostname(), &[])
}

fn namespace_acceptance(
    input: &Input<'_>,
    gateway: &Gateway,
    route: &HttpRoute,
    selected: &[&Listener],
) -> Result<Acceptance, Unmodelled> {
    let namespace = &route.name.namespace;
    let allows = |listener: &&&Listener| allows_namespace(input, gateway, listener, namespace);
    let restriction = |by_selector: &str| {
        Ok(Err(Problem {
            reason: "NotAllowedByListeners",
            message: format!(
                "HTTPRoute is not allowed to attach to this Gateway due to namespace {by_selector}restrictions"
            ),
        }))
    };
    let is_selector =
        |listener: &Listener| listener.allowed_routes.namespaces.from == NamespacesFrom::Selector;
    if input.holds(Behaviour::FirstListenerDecidesNamespace) {
        // Every listener has a rule once the CRD's default is filled in, so the first one decides.
        return match selected.first() {
            Some(listener) if !allows(&listener) => {
                restriction(if is_selector(listener) { "selector " } else { "" })
            }
            _ => Ok(Ok(())),
        };
    }
    let fitting: Vec<&Listener> =
        selected.iter().copied().filter(|listener| !hosts(route, listener).is_empty()).collect();
    let first_allowing = fitting.iter().position(|listener| allows(&listener));
    let first_refusing_selector =
        fitting.iter().position(|listener| is_selector(listener) && !allows(&listener));
    match (first_allowing, first_refusing_selector) {
        (Some(allowing), Some(refusing)) if refusing < allowing => Err(Unmodelled::new(
            route.object(),
            format!("a namespace selector of {} that a later listener overrules", gateway.object()),
        )),
        (Some(_), _) => Ok(Ok(())),
        (None, Some(_)) => restriction("selector "),
        (None, None) => restriction(""),
    }
}

/// Why references of a route are not resolved, if so. The last problem found is the one told.
pub(crate) fn resolve(input: &Input<'_>, route: &HttpRoute) -> Option<Problem> {
    let refs: Vec<&BackendRef> = backend_refs(route).collect();
    let problem = |reason, message: String| Some(Problem { reason, message });
    if refs.iter().any(|backend| !is_granted(input, route, backend)) {
        return problem("RefNotPermitted", "Cross namespace references are not allowed".to_owned());
    }
    let unsupported =
        refs.iter().rev().find(|backend| !backend.is_service() || backend.port.is_none());
    if let Some(backend) = unsupported {
        let message = if backend.is_service() {
            "Must have port for backend object reference".to_owned()
        } else {
            format!("Unsupported backend kind {}", backend.kind)
        };
        return problem("InvalidKind", message);
    }
    let missing = refs.iter().rev().find(|backend| !exists(input, route, backend));
    missing.and_then(|backend| {
        problem("BackendNotFound", format!("Service \"{}\" not found", backend.name))
    })
}

/// Every reference to a backend, mirrors included.
pub(crate) fn backend_refs(route: &HttpRoute) -> impl Iterator<Item = &BackendRef> {
    route.spec.rules.iter().flat_map(|rule| {
        let mirrors = rule.filters.iter().filter_map(|filter| filter.request_mirror.as_ref());
        rule.backend_refs.iter().chain(mirrors.map(|mirror| &mirror.backend_ref))
    })
}

/// Whether traffic can be sent to a reference: a Service that exists, with a port, granted.
pub(crate) fn is_usable(input: &Input<'_>, route: &HttpRoute, backend: &BackendRef) -> bool {
    is_granted(input, route, backend)
        && backend.is_service()
        && backend.port.is_some()
        && exists(input, route, backend)
}

fn is_granted(input: &Input<'_>, route: &HttpRoute, backend: &BackendRef) -> bool {
    let target = backend.service(&route.name.namespace);
    permits(
        &input.resources.grants,
        Referrer { kind: "HTTPRoute", namespace: &route.name.namespace },
        Target { kind: &backend.kind, namespace: &target.namespace, name: &target.name },
    )
}

fn exists(input: &Input<'_>, route: &HttpRoute, backend: &BackendRef) -> bool {
    input.resources.services.contains_key(&backend.service(&route.name.namespace))
}

/// A route seen by one Gateway.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Attached<'a> {
    pub route: &'a HttpRoute,
}

impl<'a> Attached<'a> {
    /// Parent references of the route that name this Gateway.
    pub(crate) fn parents(self, gateway: &'a Gateway) -> impl Iterator<Item = &'a ParentRef> {
        let namespace = &self.route.name.namespace;
        self.route
            .spec
            .parent_refs
            .iter()
            .filter(move |parent| parent.gateway(namespace).as_ref() == Some(&gateway.name))
    }

    /// Whether one of those references means the listener.
    pub(crate) fn means(self, gateway: &'a Gateway, listener: &Listener) -> bool {
        self.parents(gateway).any(|parent| selects(parent, listener))
    }
}

/// How many routes a listener reports as attached.
pub(crate) fn attached_routes(
    input: &Input<'_>,
    gateway: &Gateway,
    listener: &Listener,
    routes: &[Attached<'_>],
) -> usize {
    let honours_policy = input.holds(Behaviour::ListenerPolicyInAttachedRoutes);
    routes
        .iter()
        .filter(|attached| attached.means(gateway, listener))
        .filter(|attached| !hosts(attached.route, listener).is_empty())
        .filter(|attached| {
            !honours_policy || is_allowed(input, gateway, listener, &attached.route.name.namespace)
        })
        .count()
}

/// Acceptances of the parents of a route, by position in `parentRefs`; parents that are not own
/// Gateways are absent.
pub(crate) type Acceptances = BTreeMap<usize, Acceptance>;
