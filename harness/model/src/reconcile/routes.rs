//! The statuses of routes, and which routes each Gateway takes
//! (cilium/cilium `operator/pkg/gateway-api/gateway_reconcile.go` `set…RouteStatuses`; before 1.18.3
//! `httproute_reconcile.go` and `grpcroute_reconcile.go`).
//!
//! Only parents that are Gateways or ListenerSets are looked at. A Service as parent makes a route one of the mesh,
//! which is no part of the model.

use std::collections::BTreeSet;

use gateproof_core::name::NamespacedName;
use serde_json::{Value, json};

use super::ending::refusal;
use super::{Outcome, StatusUpdate, own_class};
use crate::checks::attachment::Attached;
use crate::checks::listener::Problem;
use crate::checks::reference::resolve;
use crate::checks::route::{Acceptances, accept, missing_gateway};
use crate::checks::source::{Source, is_allowed};
use crate::checks::value::unsupported_value;
use crate::facts::Behaviour;
use crate::resources::gateway::Gateway;
use crate::resources::http_route::ParentRef;
use crate::resources::listener_set::ListenerSet;
use crate::resources::route::{Route, RouteKind};
use crate::{Input, Unmodelled};

/// Routes with what was found about them.
pub(super) struct Judged<'a> {
    routes: Vec<(Route<'a>, Verdict)>,
}

struct Verdict {
    acceptances: Acceptances,
    unresolved: Option<Problem>,
}

/// Judges every route and writes its status.
pub(super) fn judge_routes<'a>(input: &Input<'a>, outcome: &mut Outcome) -> Judged<'a> {
    let mut judged = Judged { routes: Vec::new() };
    for route in input.resources.all_routes() {
        if route.kind().is_layer_four() && !input.holds(Behaviour::LayerFourRoutes) {
            continue;
        }
        note_mesh(input, route, &mut outcome.unmodelled);
        let acceptances = acceptances(input, route);
        if acceptances.is_empty() || !any_gateway_comes_to(input, route) {
            continue;
        }
        note_unordered_host_edits(input, route, &mut outcome.unmodelled);
        let verdict = Verdict { acceptances, unresolved: resolve(input, route) };
        note_hidden(input, route, &verdict, &mut outcome.unmodelled);
        outcome.statuses.push(StatusUpdate {
            api_version: api_version(input, route.kind()).to_owned(),
            kind: route.kind().as_str().to_owned(),
            namespace: Some(route.name().namespace.clone()),
            name: route.name().name.clone(),
            status: status(input, route, &verdict),
        });
        judged.routes.push((route, verdict));
    }
    judged
}

impl<'a> Judged<'a> {
    /// Routes that a Gateway takes for itself and for these ListenerSets: those that name it, then
    /// those that name a set. Being taken by one of them is enough.
    pub(super) fn attached(
        &self,
        input: &Input<'_>,
        gateway: &Gateway,
        sets: &[&ListenerSet],
    ) -> Vec<Attached<'a>> {
        let unresolved_attaches = input.holds(Behaviour::UnresolvedRouteAttaches);
        let reads_sets = input.holds(Behaviour::LayerFourRoutes);
        let owns = |route: Route<'_>, parent: &ParentRef| {
            let namespace = &route.name().namespace;
            let set = parent.listener_set(namespace).filter(|_| reads_sets);
            // A ListenerSet of the Gateway's name and namespace is taken for the Gateway.
            parent.gateway(namespace).as_ref() == Some(&gateway.name)
                || set.is_some_and(|name| {
                    name == gateway.name || sets.iter().any(|set| set.name == name)
                })
        };
        let takes = |(route, verdict): &(Route<'a>, Verdict)| {
            let mut parents = route.parents().iter().enumerate();
            parents.any(|(index, parent)| {
                owns(*route, parent)
                    && verdict.acceptances.get(&index).is_some_and(|acceptance| {
                        acceptance.is_ok() || (unresolved_attaches && verdict.unresolved.is_some())
                    })
            })
        };
        let mut attached: Vec<Attached<'a>> = Vec::new();
        let mut listed = BTreeSet::new();
        let sources =
            std::iter::once(Source::from(gateway)).chain(sets.iter().map(|set| Source::from(*set)));
        for source in sources {
            for (position, judged) in self.routes.iter().enumerate() {
                let (route, _) = judged;
                let namespace = &route.name().namespace;
                let named = route.parents().iter().any(|parent| source.is_named(parent, namespace));
                if named && takes(judged) && listed.insert(position) {
                    attached.push(Attached { route: *route });
                }
            }
        }
        attached
    }
}

/// The version that the operator writes a kind in.
fn api_version(input: &Input<'_>, kind: RouteKind) -> &'static str {
    match kind {
        RouteKind::Tls if !input.holds(Behaviour::LayerFourRoutes) => {
            "gateway.networking.k8s.io/v1alpha2"
        }
        _ => "gateway.networking.k8s.io/v1",
    }
}

/// Whether every parent of the route gets a status, own Gateway or not.
fn every_parent(input: &Input<'_>, kind: RouteKind) -> bool {
    match kind {
        RouteKind::Http => input.holds(Behaviour::EveryParentGetsStatus),
        RouteKind::Grpc | RouteKind::Tls => input.holds(Behaviour::EveryGrpcParentGetsStatus),
        RouteKind::Tcp | RouteKind::Udp => false,
    }
}

fn acceptances(input: &Input<'_>, route: Route<'_>) -> Acceptances {
    let namespace = &route.name().namespace;
    let every = every_parent(input, route.kind());
    let unsupported =
        refused_by_host_network(input, route).or_else(|| unsupported_value(input, route));
    // Where every parent gets a status, one of any kind is taken for a Gateway, as soon as one is.
    let takes_all = every && route.parents().iter().any(|p| p.gateway(namespace).is_some());
    let misread = |parent: &ParentRef| {
        (takes_all && !is_service(parent)).then(|| {
            let namespace = parent.namespace.as_deref().unwrap_or(namespace);
            NamespacedName::new(namespace, parent.name.as_str())
        })
    };
    let mut acceptances = Acceptances::new();
    for (index, parent) in route.parents().iter().enumerate() {
        if let Some(set) = set_of_own_gateway(input, parent, namespace) {
            let acceptance = accept(input, set.into(), route, parent);
            acceptances.insert(index, unsupported.clone().map_or(acceptance, Err));
            continue;
        }
        let Some(name) = parent.gateway(namespace).or_else(|| misread(parent)) else { continue };
        let acceptance = match input.resources.gateways.get(&name) {
            Some(gateway) if every || is_own(input, gateway) => {
                accept(input, gateway.into(), route, parent)
            }
            None if every => Err(missing_gateway(route.kind(), &name)),
            Some(_) | None => continue,
        };
        acceptances.insert(index, unsupported.clone().map_or(acceptance, Err));
    }
    acceptances
}

/// The ListenerSet that a parent is, if it is for an own Gateway, whether that one lets it attach or
/// not.
fn set_of_own_gateway<'a>(
    input: &Input<'a>,
    parent: &ParentRef,
    namespace: &str,
) -> Option<&'a ListenerSet> {
    let name = parent.listener_set(namespace)?;
    input.holds(Behaviour::LayerFourRoutes).then_some(())?;
    let set = input.resources.listener_sets.get(&name)?;
    input
        .resources
        .gateways
        .get(&set.gateway)
        .is_some_and(|found| is_own(input, found))
        .then_some(set)
}

/// Where Gateways judge routes, one whose parameters are refused ends before it does. They list the
/// routes that name them or a ListenerSet that they let attach.
fn any_gateway_comes_to(input: &Input<'_>, route: Route<'_>) -> bool {
    if !input.holds(Behaviour::GrpcRoutesWithGateways) {
        return true;
    }
    let namespace = &route.name().namespace;
    let listing = |parent: &ParentRef| {
        let name = parent.gateway(namespace);
        name.and_then(|name| input.resources.gateways.get(&name)).or_else(|| {
            let set = set_of_own_gateway(input, parent, namespace)?;
            let gateway = input.resources.gateways.get(&set.gateway)?;
            is_allowed(input, gateway, set).then_some(gateway)
        })
    };
    let mut gateways = route.parents().iter().filter_map(listing);
    gateways.any(|gateway| {
        own_class(input, gateway).is_some_and(|class| refusal(input, gateway, class).is_none())
    })
}

fn is_own(input: &Input<'_>, gateway: &Gateway) -> bool {
    own_class(input, gateway).is_some()
}

fn is_service(parent: &ParentRef) -> bool {
    parent.group.is_empty() && parent.kind == "Service"
}

/// A Service as parent is for the mesh. In versions that judge every parent two reconcilers write
/// the status of a route that has both; which of them wins was not seen.
fn note_mesh(input: &Input<'_>, route: Route<'_>, unmodelled: &mut Vec<Unmodelled>) {
    if !route.parents().iter().any(is_service) {
        return;
    }
    let both = route.parents().iter().any(|parent| !is_service(parent));
    let what = if both && every_parent(input, route.kind()) {
        "parents that are Services beside Gateways, for which two reconcilers write one status"
    } else {
        "a parent that is a Service, which makes it a route of the mesh"
    };
    unmodelled.push(Unmodelled::new(route.object(), what));
}

/// Where each parent has its turn, the turns of several overwrite one another.
fn note_hidden(
    input: &Input<'_>,
    route: Route<'_>,
    verdict: &Verdict,
    unmodelled: &mut Vec<Unmodelled>,
) {
    let by_turns = matches!(route.kind(), RouteKind::Grpc | RouteKind::Tls)
        && input.holds(Behaviour::ParentsHideUnresolved);
    if by_turns && verdict.unresolved.is_some() && route.parents().len() > 1 {
        unmodelled.push(Unmodelled::new(
            route.object(),
            "unresolved references of several parents, which this version tells for one of them",
        ));
    }
}

/// Envoy refuses a configuration that edits the Host field by name. From 1.19 the operator notices
/// `Host` spelled so and leaves off, without a word, before it comes to routes it listed later.
fn note_unordered_host_edits(
    input: &Input<'_>,
    route: Route<'_>,
    unmodelled: &mut Vec<Unmodelled>,
) {
    if input.holds(Behaviour::HostModifierRefused) && unsupported_value(input, route).is_some() {
        return;
    }
    let edits_host = route.rules().iter().flat_map(|rule| rule.filters).any(|filter| {
        filter.request_header_modifier.as_ref().is_some_and(|modifier| {
            let named = modifier.set.iter().chain(&modifier.add).map(|header| &header.name);
            named.chain(&modifier.remove).any(|name| name.eq_ignore_ascii_case("host"))
        })
    });
    if edits_host {
        unmodelled.push(Unmodelled::new(
            route.object(),
            "a header modifier for Host, which Envoy refuses with everything beside it",
        ));
    }
}

/// The status of a route: parents that this operator writes only.
fn status(input: &Input<'_>, route: Route<'_>, verdict: &Verdict) -> Value {
    let resolved = match &verdict.unresolved {
        _ if refused_by_host_network(input, route).is_some() => (
            "Unknown",
            "Pending",
            "Backend references were not evaluated because this route type is not supported in \
             Gateway API Host Network mode",
        ),
        None => ("True", "ResolvedRefs", "Service reference is valid"),
        Some(problem) => ("False", problem.reason, problem.message.as_str()),
    };
    let resolved = condition(route, "ResolvedRefs", resolved);
    let kind = match route.kind() {
        RouteKind::Grpc | RouteKind::Tls
            if input.holds(Behaviour::GrpcRouteAcceptedAsHttpRoute) =>
        {
            RouteKind::Http
        }
        kind => kind,
    };
    let accepted_message = format!("Accepted {}", kind.as_str());
    let every = every_parent(input, route.kind());
    // The same reference twice is one parent.
    let mut seen = BTreeSet::new();
    let parents = verdict.acceptances.iter().filter_map(|(index, acceptance)| {
        let parent = route.parents()[*index].to_json();
        if !seen.insert(parent.to_string()) {
            return None;
        }
        let accepted = match acceptance {
            Ok(()) => ("True", "Accepted", accepted_message.as_str()),
            Err(problem) => ("False", problem.reason, problem.message.as_str()),
        };
        let accepted = condition(route, "Accepted", accepted);
        // Where every parent gets a status, the first one's turn writes `ResolvedRefs` of all.
        let conditions = if every && *index > 0 {
            [resolved.clone(), accepted]
        } else {
            [accepted, resolved.clone()]
        };
        Some(json!({
            "conditions": conditions,
            "controllerName": super::CONTROLLER,
            "parentRef": parent,
        }))
    });
    json!({"parents": parents.collect::<Vec<_>>()})
}

/// Why a TCPRoute or UDPRoute is not supported, where host network has no use for it.
fn refused_by_host_network(input: &Input<'_>, route: Route<'_>) -> Option<Problem> {
    let refused = route.kind().is_layer_four()
        && input.config.host_network.is_on()
        && input.holds(Behaviour::HostNetworkRefusesLayerFour);
    refused.then(|| Problem {
        reason: "UnsupportedValue",
        message: format!(
            "{} is not supported when Gateway API Host Network mode is enabled",
            route.kind().as_str()
        ),
    })
}

fn condition(route: Route<'_>, kind: &str, (status, reason, message): (&str, &str, &str)) -> Value {
    let mut value = json!({"type": kind, "status": status, "reason": reason, "message": message});
    if let Some(generation) = route.generation() {
        value["observedGeneration"] = json!(generation);
    }
    value
}

#[cfg(test)]
mod tests;
