//! GP0036: an HTTP-01 challenge does not reach its solver, because no HTTP listener takes the
//! solver's route.

use serde_json::Value;

use crate::dossier::{Dossier, text};
use crate::finding::reading::{
    Gateway, Listener, certificate_of, cited, could_read, gateways, items, listed,
};
use crate::finding::{About, Confidence, Firing, Issue, Role, Rule};

/// The rule.
pub(super) const RULE: Rule = Rule {
    id: "GP0036",
    title: "an ACME challenge does not reach its solver through the Gateway",
    explanation: "\
For HTTP-01 cert-manager makes an HTTPRoute (cm-acme-http-solver-…) beside the Certificate, in the \
Certificate's namespace; for a Gateway with an issuer's annotation that is the Gateway's own. An ACME \
server asks over plain HTTP, so a listener with protocol HTTP has to take that route: its hostname has to \
hold the name, and its allowedRoutes have to let the namespace and HTTPRoutes in. The route may well be \
Accepted all the same, by an HTTPS listener that nobody asks.

Until a listener takes it, whatever else is there answers: 404 by Envoy (wrong status code '404', expected \
'200'), a redirect, or the site itself (did not get expected response). The challenge waits for ever, and \
the certificate does not come.",
    remedy: &[
        "let the Certificate's namespace in at the HTTP listener: allowedRoutes.namespaces.from: Same for the Gateway's own, or a selector that holds for it as well",
        "add a listener with protocol HTTP on port 80 for the name, if there is none; a redirect to HTTPS may stay, because the solver's exact path wins over it",
    ],
    sources: &[
        "cert-manager/cert-manager pkg/issuer/acme/http/{http,httproute}.go and pkg/controller/certificate-shim/sync.go 1.21: the route, its namespace and parents, what is asked and what is said",
        "kubernetes-sigs/gateway-api v1.6.1 apis/v1/gateway_types.go: allowedRoutes, whose default is routes of the same namespace",
        "RFC 8555, 8.3: a challenge is asked for over plain HTTP",
    ],
    issues: &[
        Issue {
            reference: "cert-manager/cert-manager#2517",
            about: About::Other("every version: challenges that wait for 404"),
        },
        Issue {
            reference: "cert-manager/cert-manager#8748",
            about: About::Other("cert-manager 1.20: a parent without an HTTP listener"),
        },
    ],
    examine,
};

fn examine(dossier: &Dossier) -> Vec<Firing> {
    let gateways = gateways(dossier);
    let challenges = dossier.list("acme.cert-manager.io", "Challenge");
    challenges
        .filter(|challenge| answered_by_another(challenge))
        .filter_map(|challenge| {
            let parents = items(challenge, "/spec/solver/http01/gatewayHTTPRoute/parentRefs");
            let asked: Vec<&Gateway<'_>> =
                gateways.iter().filter(|gateway| is_parent(gateway, parents, challenge)).collect();
            let refusals: Vec<(&Gateway<'_>, Vec<String>)> = asked
                .iter()
                .map(|gateway| Some((*gateway, refusals(dossier, gateway, parents, challenge)?)))
                .collect::<Option<_>>()?;
            (!refusals.is_empty()).then(|| firing(dossier, challenge, refusals))
        })
        .collect()
}

fn firing(
    dossier: &Dossier,
    challenge: &Value,
    refusals: Vec<(&Gateway<'_>, Vec<String>)>,
) -> Firing {
    let reason = text(challenge, "/status/reason").unwrap_or_default();
    let namespace = text(challenge, "/metadata/namespace").unwrap_or_default();
    let mut firing = Firing::new(Role::Cause, Confidence::Certain)
        .about(cited(challenge))
        .seen(reason, format!("status of {}", cited(challenge)));
    if let Some(certificate) = certificate_of(dossier, challenge) {
        firing = firing.accounts_for(certificate);
    }
    for (gateway, whys) in refusals {
        firing = firing.about(gateway);
        firing = whys.into_iter().fold(firing, |firing, why| firing.seen(why, gateway));
    }
    let solver = dossier.list("gateway.networking.k8s.io", "HTTPRoute").find(|route| {
        items(route, "/metadata/ownerReferences")
            .iter()
            .any(|owner| text(owner, "/name") == text(challenge, "/metadata/name"))
    });
    if let Some(solver) = solver {
        firing = firing
            .seen(format!("a route in namespace {namespace} for the challenge"), cited(solver));
    }
    firing.inferred(
        "nothing that is asked over plain HTTP for this name reaches the solver, so something else answers",
    )
}

/// Whether somebody answered, and it was not the solver.
fn answered_by_another(challenge: &Value) -> bool {
    let answers = [
        "wrong status code",
        "did not get expected response",
        "Non-200 status code",
        "did not match this challenge",
    ];
    text(challenge, "/spec/type") == Some("HTTP-01")
        && text(challenge, "/status/state") != Some("valid")
        && text(challenge, "/status/reason")
            .is_some_and(|reason| answers.iter().any(|answer| reason.contains(answer)))
}

fn is_parent(gateway: &Gateway<'_>, parents: &[Value], challenge: &Value) -> bool {
    parents.iter().any(|parent| refers_to(parent, gateway, challenge))
}

fn refers_to(parent: &Value, gateway: &Gateway<'_>, challenge: &Value) -> bool {
    let namespace = text(parent, "/namespace").or(text(challenge, "/metadata/namespace"));
    text(parent, "/kind").unwrap_or("Gateway") == "Gateway"
        && text(parent, "/name") == Some(&gateway.name.name)
        && namespace == Some(&gateway.name.namespace)
}

/// Why no HTTP listener of a Gateway takes the solver's route; `None` when one does, or when that
/// cannot be told.
fn refusals(
    dossier: &Dossier,
    gateway: &Gateway<'_>,
    parents: &[Value],
    challenge: &Value,
) -> Option<Vec<String>> {
    let host = text(challenge, "/spec/dnsName")?;
    let listeners = gateway.listeners();
    let plain: Vec<_> =
        listeners.iter().filter(|it| it.protocol == "HTTP" && it.takes(host)).collect();
    if plain.is_empty() {
        let all: Vec<String> =
            listeners.iter().map(|it| format!("{} ({})", it.name, it.protocol)).collect();
        return Some(vec![format!("no HTTP listener takes {host}; there are {}", listed(&all))]);
    }
    plain
        .into_iter()
        .map(|listener| refusal(dossier, gateway, listener, (parents, challenge)))
        .collect()
}

fn refusal(
    dossier: &Dossier,
    gateway: &Gateway<'_>,
    listener: &Listener<'_>,
    (parents, challenge): (&[Value], &Value),
) -> Option<String> {
    let named = parents
        .iter()
        .filter(|parent| refers_to(parent, gateway, challenge))
        .any(|parent| text(parent, "/sectionName").is_none_or(|section| section == listener.name));
    if !named {
        return Some(format!("the solver's route does not name listener {}", listener.name));
    }
    let kinds = items(listener.value, "/allowedRoutes/kinds");
    if !kinds.is_empty() && kinds.iter().all(|kind| text(kind, "/kind") != Some("HTTPRoute")) {
        return Some(format!("listener {} takes no HTTPRoutes", listener.name));
    }
    let namespace = text(challenge, "/metadata/namespace")?;
    let from = text(listener.value, "/allowedRoutes/namespaces/from").unwrap_or("Same");
    match from {
        "None" => Some(format!("listener {} takes no routes", listener.name)),
        "Same" if namespace != gateway.name.namespace => Some(format!(
            "listener {} takes routes of namespace {} alone, and the solver's is in {namespace}",
            listener.name, gateway.name.namespace
        )),
        "Selector" => not_selected(dossier, listener, namespace),
        _ => None,
    }
}

/// Why a selector leaves a namespace out; expressions are not evaluated, and tell nothing.
fn not_selected(dossier: &Dossier, listener: &Listener<'_>, namespace: &str) -> Option<String> {
    let selector = listener.value.pointer("/allowedRoutes/namespaces/selector")?;
    if !could_read(dossier, "Namespace") {
        return None;
    }
    let labels = dossier.get("", "Namespace", None, namespace)?.pointer("/metadata/labels");
    let label = |key: &str| labels.and_then(|labels| labels.get(key));
    let wanted = selector.get("matchLabels")?.as_object()?;
    let missing: Vec<String> = wanted
        .iter()
        .filter(|(key, value)| label(key) != Some(value))
        .map(|(key, value)| format!("{key}={}", value.as_str().unwrap_or_default()))
        .collect();
    (!missing.is_empty()).then(|| {
        format!(
            "listener {} takes routes of namespaces with {}, and {namespace} has {} not",
            listener.name,
            listed(&missing),
            if missing.len() == 1 { "it" } else { "them" },
        )
    })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::RULE;
    use crate::dossier::Dossier;
    use crate::finding::fixture::{Change, dedicated, fires, silent, words};

    const WAITS: &str =
        "Waiting for HTTP-01 challenge propagation: wrong status code '404', expected '200'";

    fn waiting(reason: &str, parent: &Value) -> Dossier {
        dedicated().with(json!({"apiVersion": "acme.cert-manager.io/v1", "kind": "Challenge",
            "metadata": {"name": "wildcard-1-1-1", "namespace": "gateway"},
            "spec": {"type": "HTTP-01", "dnsName": "a.obs.example.test",
                "solver": {"http01": {"gatewayHTTPRoute": {"parentRefs": [parent]}}}},
            "status": {"state": "pending", "reason": reason}}))
    }

    fn parent() -> Value {
        json!({"kind": "Gateway", "name": "shared-gateway", "namespace": "gateway"})
    }

    fn allowing(reason: &str, allowed: &Value) -> Dossier {
        waiting(reason, &parent())
            .with(json!({"apiVersion": "v1", "kind": "Namespace",
                "metadata": {"name": "gateway", "labels": {"team": "network"}}}))
            .set("Gateway", "shared-gateway", "/spec/listeners/0/allowedRoutes", allowed)
    }

    fn from(selector: &Value) -> Value {
        json!({"namespaces": {"from": "Selector", "selector": selector}})
    }

    #[test]
    fn a_listener_that_leaves_the_solvers_namespace_out_is_named_with_what_it_takes() {
        let cases = [
            (from(&json!({"matchLabels": {"team": "shop"}})), "namespaces with team=shop"),
            (json!({"namespaces": {"from": "None"}}), "takes no routes"),
            (
                json!({"kinds": [{"kind": "GRPCRoute"}], "namespaces": {"from": "All"}}),
                "no HTTPRoutes",
            ),
        ];
        for (allowed, told) in cases {
            let words = words(&fires(&RULE, &allowing(WAITS, &allowed)));
            assert!(words.contains(told) && words.contains("'404'"), "{words}");
        }
        let other = "Waiting for HTTP-01 challenge propagation: did not get expected response \"k\" when querying endpoint";
        fires(&RULE, &allowing(other, &cases_none()));
    }

    fn cases_none() -> Value {
        json!({"namespaces": {"from": "None"}})
    }

    #[test]
    fn a_gateway_without_an_http_listener_for_the_name_is_told() {
        let other = waiting(WAITS, &parent()).set(
            "Gateway",
            "shared-gateway",
            "/spec/listeners/0/hostname",
            &json!("b.obs.example.test"),
        );
        let words = words(&fires(&RULE, &other));
        assert!(words.contains("no HTTP listener takes a.obs.example.test"), "{words}");
        let mut secure = parent();
        secure["sectionName"] = "https".into();
        fires(&RULE, &waiting(WAITS, &secure));
    }

    #[test]
    fn a_listener_that_takes_the_route_and_an_answer_that_never_came_are_other_matters() {
        for allowed in [
            json!({"namespaces": {"from": "All"}}),
            json!({}),
            from(&json!({"matchLabels": {"team": "network"}})),
            from(&json!({"matchExpressions": [{"key": "team", "operator": "DoesNotExist"}]})),
        ] {
            silent(&RULE, &allowing(WAITS, &allowed));
        }
        let unreached = "Waiting for HTTP-01 challenge propagation: failed to perform self check \
                         GET request 'http://a.obs.example.test/x': dial tcp: i/o timeout";
        silent(&RULE, &allowing(unreached, &cases_none()));
        let mut foreign = parent();
        foreign["name"] = "other".into();
        silent(&RULE, &waiting(WAITS, &foreign));
        let unread = from(&json!({"matchLabels": {"team": "shop"}}));
        silent(&RULE, &allowing(WAITS, &unread).unread("Namespace objects"));
    }
}
