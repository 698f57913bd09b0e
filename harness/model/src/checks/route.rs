//! Whether a route attaches to a Gateway or ListenerSet, in Cilium's words
//! (cilium/cilium `operator/pkg/gateway-api/routechecks/gateway_checks.go`, and the reconcilers that
//! put the checks in order).
//!
//! The first check that fails decides. Which routes a Gateway then serves is [`super::attachment`];
//! whether their references are resolved is [`super::reference`].

use std::collections::BTreeMap;

use gateproof_core::name::NamespacedName;

use super::hostname::{Wildcards, intersect};
use super::listener::Problem;
use super::source::Source;
use crate::Input;
use crate::facts::Behaviour;
use crate::resources::gateway::{GROUP, Listener, NamespacesFrom};
use crate::resources::http_route::ParentRef;
use crate::resources::route::{Route, RouteKind};

/// Whether a route is accepted by one parent.
pub(crate) type Acceptance = Result<(), Problem>;

/// Acceptances of the parents of a route, by position in `parentRefs`; parents that get no status
/// are absent.
pub(crate) type Acceptances = BTreeMap<usize, Acceptance>;

/// Whether a parent reference means this listener.
pub(crate) fn selects(parent: &ParentRef, listener: &Listener) -> bool {
    parent.section_name.as_ref().is_none_or(|name| *name == listener.name)
        && parent.port.is_none_or(|port| port == listener.port)
}

/// Whether `allowedRoutes.kinds` of a listener names a kind.
pub(crate) fn names_kind(listener: &Listener, kind: RouteKind) -> bool {
    let kinds = &listener.allowed_routes.kinds;
    kinds.iter().any(|allowed| allowed.group == GROUP && allowed.kind == kind.as_str())
}

/// Whether `allowedRoutes.namespaces` of a listener lets routes of a namespace attach.
pub(crate) fn allows_namespace(
    input: &Input<'_>,
    source: Source<'_>,
    listener: &Listener,
    namespace: &str,
) -> bool {
    let rule = &listener.allowed_routes.namespaces;
    match rule.from {
        NamespacesFrom::All => true,
        NamespacesFrom::Same => namespace == source.namespace(),
        NamespacesFrom::Selector => input
            .resources
            .namespaces
            .get(namespace)
            .is_some_and(|namespace| rule.selector.matches(&namespace.labels)),
    }
}

/// The host names a route and a listener have in common, isolation aside.
pub(crate) fn hosts(input: &Input<'_>, route: Route<'_>, listener: &Listener) -> Vec<String> {
    intersect(Wildcards::of(input), route.hostnames(), listener.hostname(), &[])
}

/// What one check looks at.
struct Check<'a> {
    input: &'a Input<'a>,
    source: Source<'a>,
    route: Route<'a>,
    parent: &'a ParentRef,
}

/// Judges one parent reference of a route.
pub(crate) fn accept(
    input: &Input<'_>,
    source: Source<'_>,
    route: Route<'_>,
    parent: &ParentRef,
) -> Acceptance {
    let check = Check { input, source, route, parent };
    let namespace_first = input.holds(Behaviour::NamespaceCheckedFirst);
    if namespace_first {
        check.first_namespace()?;
    }
    if input.holds(Behaviour::RouteProtocolChecked) {
        check.protocol()?;
    }
    check.kind()?;
    check.port()?;
    check.hostnames()?;
    check.section()?;
    if namespace_first { Ok(()) } else { check.namespace() }
}

/// What is said of a Gateway that does not exist, by versions that say anything.
pub(crate) fn missing_gateway(kind: RouteKind, name: &NamespacedName) -> Problem {
    let name = &name.name;
    Problem {
        reason: match kind {
            RouteKind::Http => "InvalidHTTPRoute",
            RouteKind::Grpc => "InvalidGRPCRoute",
            RouteKind::Tls => "InvalidTLSRoute",
            RouteKind::Tcp => "InvalidTCPRoute",
            RouteKind::Udp => "InvalidUDPRoute",
        },
        message: format!(
            "gateway \"{name}\" does not exist: Gateway.gateway.networking.k8s.io \"{name}\" not found"
        ),
    }
}

impl<'a> Check<'a> {
    fn selected(&self) -> impl Iterator<Item = &'a Listener> {
        self.source.listeners.iter().filter(|listener| selects(self.parent, listener))
    }

    fn not_allowed(&self, by: &str) -> Acceptance {
        let kind = self.route.kind().as_str();
        refuse(
            "NotAllowedByListeners",
            format!("{kind} is not allowed to attach to this Gateway due to {by} restrictions"),
        )
    }

    fn protocol(&self) -> Acceptance {
        let protocols = self.route.kind().protocols();
        let found = self.source.listeners.iter().any(|l| protocols.contains(&l.protocol.as_str()));
        if found {
            return Ok(());
        }
        let list = format!("[{}]", protocols.join(" "));
        refuse(
            "NotAllowedByListeners",
            if self.input.holds(Behaviour::ProtocolMismatchReworded) {
                format!("No matching listener protocol; route requires one of: {list}")
            } else {
                format!("No Listener with matching Protocol. Allowed protocols: {list}")
            },
        )
    }

    fn kind(&self) -> Acceptance {
        let kind = self.route.kind();
        let restricts = |listener: &&Listener| !listener.allowed_routes.kinds.is_empty();
        if !self.input.holds(Behaviour::KindCheckedPerSelectedListener) {
            // Whichever listener the route means, all of them must allow its kind.
            let mut restricting = self.source.listeners.iter().filter(restricts);
            return if restricting.all(|listener| names_kind(listener, kind)) {
                Ok(())
            } else {
                self.not_allowed("route kind")
            };
        }
        if self.input.holds(Behaviour::UnrestrictedListenerAllowsKind)
            && self.selected().any(|listener| !restricts(&listener))
        {
            return Ok(());
        }
        let restricting: Vec<&Listener> = self.selected().filter(restricts).collect();
        if restricting.is_empty() || restricting.iter().any(|listener| names_kind(listener, kind)) {
            Ok(())
        } else {
            self.not_allowed("route kind")
        }
    }

    fn port(&self) -> Acceptance {
        match self.parent.port {
            Some(port) if !self.source.listeners.iter().any(|listener| listener.port == port) => {
                refuse("NoMatchingParent", format!("No matching listener with port {port}"))
            }
            _ => Ok(()),
        }
    }

    fn hostnames(&self) -> Acceptance {
        let fits = |listener: &Listener| !hosts(self.input, self.route, listener).is_empty();
        if self.source.listeners.iter().any(fits) {
            Ok(())
        } else {
            refuse("NoMatchingListenerHostname", "No matching listener hostname".to_owned())
        }
    }

    fn section(&self) -> Acceptance {
        match &self.parent.section_name {
            Some(section) if !self.source.listeners.iter().any(|found| found.name == *section) => {
                refuse(
                    "NoMatchingParent",
                    format!("No matching listener with sectionName {section}"),
                )
            }
            _ => Ok(()),
        }
    }

    fn allows(&self, listener: &Listener) -> bool {
        let namespace = &self.route.name().namespace;
        allows_namespace(self.input, self.source, listener, namespace)
    }

    /// Whether the listener has a host name of its own that the route, isolation included, serves.
    fn serves_own_hostname(&self, listener: &Listener) -> bool {
        let all: Vec<&str> = self.source.listeners.iter().filter_map(Listener::hostname).collect();
        let wildcards = Wildcards::of(self.input);
        listener.hostname.is_some()
            && !intersect(wildcards, self.route.hostnames(), listener.hostname(), &all).is_empty()
    }

    /// Listeners are asked in order; where none fits the reference and the host names, nobody
    /// objects.
    fn namespace(&self) -> Acceptance {
        let keeps_asking = self.input.holds(Behaviour::RefusingSelectorKeepsAsking);
        let mut asked = false;
        for listener in self.selected() {
            if listener.hostname.is_some() && !self.serves_own_hostname(listener) {
                continue;
            }
            asked = true;
            if self.allows(listener) {
                return Ok(());
            }
            if is_selector(listener) && !keeps_asking {
                return self.not_allowed("namespace selector");
            }
        }
        if asked { self.not_allowed("namespace") } else { Ok(()) }
    }

    /// The oldest form looks at the section only, and passes over listeners whose host name the
    /// route serves.
    fn first_namespace(&self) -> Acceptance {
        let section = self.parent.section_name.as_ref();
        let mut asked = false;
        for listener in self.source.listeners {
            if section.is_some_and(|name| *name != listener.name)
                || self.serves_own_hostname(listener)
            {
                continue;
            }
            if self.allows(listener) {
                return Ok(());
            }
            if is_selector(listener) {
                return self.not_allowed("namespace selector");
            }
            asked = true;
        }
        if asked { self.not_allowed("namespace") } else { Ok(()) }
    }
}

fn is_selector(listener: &Listener) -> bool {
    listener.allowed_routes.namespaces.from == NamespacesFrom::Selector
}

fn refuse(reason: &'static str, message: String) -> Acceptance {
    Err(Problem { reason, message })
}
