//! ListenerSets that a Gateway does not let attach, and a word about the others
//! (cilium/cilium `operator/pkg/gateway-api/helpers.go`, `isListenerSetAllowed`).

use serde_json::json;

use super::{Outcome, StatusUpdate};
use crate::facts::Behaviour;
use crate::resources::gateway::Gateway;
use crate::resources::listener_set::{ListenerSet, ListenersFrom};
use crate::resources::route::Route;
use crate::{Input, Unmodelled};

/// ListenerSets for a Gateway, where this version reads any.
fn of<'a>(input: &Input<'a>, gateway: &'a Gateway) -> impl Iterator<Item = &'a ListenerSet> {
    let read = input.holds(Behaviour::LayerFourRoutes);
    let sets = input.resources.listener_sets.values().filter(move |_| read);
    sets.filter(|set| set.gateway.as_ref() == Some(&gateway.name))
}

/// Whether a Gateway lets a ListenerSet attach.
fn is_allowed(input: &Input<'_>, gateway: &Gateway, set: &ListenerSet) -> bool {
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

/// ListenerSets that attach, which the model does not cover.
pub(super) fn limits(input: &Input<'_>, gateway: &Gateway) -> Vec<Unmodelled> {
    of(input, gateway)
        .filter(|set| is_allowed(input, gateway, set))
        .map(|set| Unmodelled::new(gateway.object(), format!("the attached {}", set.object())))
        .collect()
}

/// Writes the statuses of ListenerSets that may not attach.
pub(super) fn refuse(input: &Input<'_>, gateway: &Gateway, outcome: &mut Outcome) {
    for set in of(input, gateway).filter(|set| !is_allowed(input, gateway, set)) {
        let conditions = ["Accepted", "Programmed"].map(|kind| {
            let mut condition = json!({
                "type": kind,
                "status": "False",
                "reason": "NotAllowed",
                "message": "ListenerSet is not allowed by the Gateway's allowedListeners policy",
            });
            if let Some(generation) = set.generation {
                condition["observedGeneration"] = json!(generation);
            }
            condition
        });
        outcome.statuses.push(StatusUpdate {
            api_version: "gateway.networking.k8s.io/v1".to_owned(),
            kind: "ListenerSet".to_owned(),
            namespace: Some(set.name.namespace.clone()),
            name: set.name.name.clone(),
            status: json!({"conditions": conditions}),
        });
    }
}

/// A route for the listeners of a ListenerSet; what it gets there is not modelled.
pub(super) fn note_parents(input: &Input<'_>, route: Route<'_>, unmodelled: &mut Vec<Unmodelled>) {
    if !input.holds(Behaviour::LayerFourRoutes) {
        return;
    }
    let namespace = &route.name().namespace;
    let sets = route.parents().iter().filter_map(|parent| parent.listener_set(namespace));
    for set in sets.filter_map(|name| input.resources.listener_sets.get(&name)) {
        unmodelled.push(Unmodelled::new(route.object(), format!("its parent {}", set.object())));
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::fixture::{Cluster, condition};

    /// A Gateway with this `allowedListeners` and a ListenerSet for it in namespace `other`.
    fn cluster(version: &str, allowed: &Value) -> Cluster {
        Cluster::new(version)
            .gateway_spec(json!({"gatewayClassName": "cilium", "allowedListeners": allowed,
                "listeners": [{"name": "http", "port": 80, "protocol": "HTTP"}]}))
            .with(json!({"apiVersion": "v1", "kind": "Namespace",
                "metadata": {"name": "other", "labels": {"expose": "true"}}}))
            .with(json!({"apiVersion": "gateway.networking.k8s.io/v1", "kind": "ListenerSet",
                "metadata": {"name": "more", "namespace": "other", "generation": 1},
                "spec": {"parentRef": {"name": "gw", "namespace": "apps"},
                    "listeners": [{"name": "extra", "port": 8080, "protocol": "HTTP"}]}}))
    }

    #[test]
    fn a_set_attaches_only_if_the_gateway_says_so() {
        let selector = |label: &str| {
            json!({"namespaces": {"from": "Selector",
                "selector": {"matchLabels": {"expose": label}}}})
        };
        let cases = [
            (json!({}), false),
            (json!({"namespaces": {"from": "None"}}), false),
            (json!({"namespaces": {"from": "Same"}}), false),
            (json!({"namespaces": {"from": "All"}}), true),
            (selector("true"), true),
            (selector("false"), false),
        ];
        for (allowed, attaches) in cases {
            let outcome = cluster("1.20.0", &allowed).outcome();
            let told: Vec<String> = outcome.unmodelled.iter().map(ToString::to_string).collect();
            if attaches {
                let limit = "Gateway apps/gw: the reference model does not cover the attached \
                             ListenerSet other/more";
                assert_eq!(told, [limit], "{allowed}");
                assert!(outcome.objects.is_empty(), "nothing is made of what is not covered");
            } else {
                assert_eq!(told, [""; 0], "{allowed}");
                assert_eq!(
                    condition(&outcome, "ListenerSet", "more", "Programmed"),
                    "False NotAllowed: ListenerSet is not allowed by the Gateway's \
                     allowedListeners policy",
                );
            }
        }
    }

    #[test]
    fn versions_before_1_20_know_no_sets() {
        let outcome = cluster("1.19.6", &json!({"namespaces": {"from": "All"}})).outcome();
        assert!(outcome.unmodelled.is_empty(), "{:?}", outcome.unmodelled);
        assert!(outcome.statuses.iter().all(|update| update.kind != "ListenerSet"));
    }

    #[test]
    fn without_a_valid_listener_sets_are_told_only_up_to_1_20() {
        let told = |version: &str| {
            let mut cluster = cluster(version, &json!({}));
            for gateway in cluster.objects.iter_mut().filter(|found| found["kind"] == "Gateway") {
                gateway["spec"]["listeners"][0]["protocol"] = json!("HTTPS");
                gateway["spec"]["listeners"][0]["tls"] =
                    json!({"certificateRefs": [{"name": "absent"}]});
            }
            cluster.outcome().statuses.iter().any(|update| update.kind == "ListenerSet")
        };
        assert!(told("1.20.0") && !told("1.21-dev"));
    }

    #[test]
    fn a_route_for_a_set_is_not_covered() {
        let spec = json!({"parentRefs": [{"name": "gw"}, {"name": "more", "namespace": "other",
            "group": "gateway.networking.k8s.io", "kind": "ListenerSet"}]});
        let told = |version: &str| {
            let outcome = cluster(version, &json!({})).route("r", spec.clone()).outcome();
            outcome.unmodelled.iter().map(ToString::to_string).collect::<Vec<_>>()
        };
        let limit = "HTTPRoute apps/r: the reference model does not cover its parent ListenerSet \
                     other/more";
        assert_eq!(told("1.20.0"), [limit]);
        assert_eq!(told("1.19.6"), [""; 0]);
    }
}
