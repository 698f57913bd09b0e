//! Where the listeners of a Gateway are written: in itself and in the ListenerSets that it lets
//! attach (cilium/cilium 1.20 `operator/pkg/gateway-api/helpers.go`, `isListenerSetAllowed` and
//! `sortListenerSets`).

use gateproof_core::name::NamespacedName;

use crate::Input;
use crate::facts::Behaviour;
use crate::resources::gateway::{Gateway, Listener};
use crate::resources::http_route::ParentRef;
use crate::resources::listener_set::{ListenerSet, ListenersFrom};

/// What kind of object listeners are written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SourceKind {
    Gateway,
    ListenerSet,
}

impl SourceKind {
    /// The kind's name.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Gateway => "Gateway",
            Self::ListenerSet => "ListenerSet",
        }
    }
}

/// A Gateway or ListenerSet with its listeners. References and namespaces are seen from here.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Source<'a> {
    pub kind: SourceKind,
    pub name: &'a NamespacedName,
    pub listeners: &'a [Listener],
}

impl<'a> From<&'a Gateway> for Source<'a> {
    fn from(gateway: &'a Gateway) -> Self {
        Self { kind: SourceKind::Gateway, name: &gateway.name, listeners: &gateway.spec.listeners }
    }
}

impl<'a> From<&'a ListenerSet> for Source<'a> {
    fn from(set: &'a ListenerSet) -> Self {
        Self { kind: SourceKind::ListenerSet, name: &set.name, listeners: &set.listeners }
    }
}

impl<'a> Source<'a> {
    /// Its namespace.
    pub(crate) fn namespace(self) -> &'a str {
        &self.name.namespace
    }

    /// Whether a route in this namespace names it as a parent.
    pub(crate) fn is_named(self, parent: &ParentRef, namespace: &str) -> bool {
        let named = match self.kind {
            SourceKind::Gateway => parent.gateway(namespace),
            SourceKind::ListenerSet => parent.listener_set(namespace),
        };
        named.as_ref() == Some(self.name)
    }
}

/// A Gateway and the ListenerSets for it.
#[derive(Debug, Clone)]
pub(crate) struct Sources<'a> {
    pub gateway: &'a Gateway,
    /// Sets that attach; the older first, then by namespace and name.
    pub attached: Vec<&'a ListenerSet>,
    /// Sets that the Gateway does not let attach.
    pub refused: Vec<&'a ListenerSet>,
}

impl<'a> Sources<'a> {
    /// Finds the ListenerSets for a Gateway, where this version reads any.
    pub(crate) fn of(input: &Input<'a>, gateway: &'a Gateway) -> Self {
        let (attached, refused) =
            of(input, gateway).into_iter().partition(|set| is_allowed(input, gateway, set));
        Self { gateway, attached, refused }
    }

    /// The Gateway, then the sets that attach, in order of precedence.
    pub(crate) fn all(&self) -> impl Iterator<Item = Source<'a>> {
        let sets = self.attached.iter().map(|set| Source::from(*set));
        std::iter::once(Source::from(self.gateway)).chain(sets)
    }
}

/// ListenerSets for a Gateway in order of precedence. Text decides between those of one age.
fn of<'a>(input: &Input<'a>, gateway: &Gateway) -> Vec<&'a ListenerSet> {
    if !input.holds(Behaviour::LayerFourRoutes) {
        return Vec::new();
    }
    let sets = input.resources.listener_sets.values();
    let mut sets: Vec<&ListenerSet> = sets.filter(|set| set.gateway == gateway.name).collect();
    sets.sort_by_cached_key(|set| (set.created.clone(), set.name.to_string()));
    sets
}

/// Whether a Gateway lets a ListenerSet attach.
pub(crate) fn is_allowed(input: &Input<'_>, gateway: &Gateway, set: &ListenerSet) -> bool {
    let rule = &gateway.spec.allowed_listeners.namespaces;
    match rule.from {
        ListenersFrom::None => false,
        ListenersFrom::All => true,
        ListenersFrom::Same => set.name.namespace == gateway.name.namespace,
        ListenersFrom::Selector => input
            .resources
            .namespaces
            .get(&set.name.namespace)
            .is_some_and(|namespace| rule.selector.matches(&namespace.labels)),
    }
}
