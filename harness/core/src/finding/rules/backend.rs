//! GP0017: a backend is missing, has no such port, or nothing behind it.

use serde_json::Value;

use crate::dossier::{Dossier, text};
use crate::finding::reading::{
    Condition, Route, Upstream, answers, cited, could_read, gateways, items, made_by_envoy,
    of_service, routes, unanswered,
};
use crate::finding::{Confidence, Firing, Role, Rule};
use crate::name::NamespacedName;

/// The rule.
pub(super) const RULE: Rule = Rule {
    id: "GP0017",
    title: "a route's backend is missing, has no such port, or nothing answers behind it",
    explanation: "\
Envoy's answers tell the cases apart. 500: every backend of the rule is invalid, such as a Service \
that does not exist; the route still attaches, with ResolvedRefs False. 503: the Service is there and \
Envoy has nothing to send to: the port of the backendRef is none of the Service's (up to 1.20 \
ResolvedRefs does not tell), no endpoint is ready, or connections to the endpoints fail because \
targetPort is not the port that the container listens on.

The port of a backendRef is that of the Service, not of the container. When only some backends of a \
rule are invalid, traffic goes to the others alone. Ports of the Gateway accept connections in all \
these cases: a TCP health check passes while every request fails.",
    remedy: &[
        "compare the route's backendRefs with the Service (kubectl -n NAMESPACE get service NAME -o yaml) and the Service's selector and targetPort with the pods",
        "look at the endpoints: kubectl -n NAMESPACE get endpointslices -l kubernetes.io/service-name=NAME",
    ],
    sources: &[
        "cilium/cilium operator/pkg/model/ingestion/gateway.go and operator/pkg/gateway-api/routechecks 1.16 to 1.20: what is valid, and the answers",
        "cilium/cilium 17766dc3e6, after 1.20 was branched: ports are checked",
    ],
    issues: &[],
    examine,
};

fn examine(dossier: &Dossier) -> Vec<Firing> {
    let ours: Vec<NamespacedName> = gateways(dossier).into_iter().map(|one| one.name).collect();
    let mut firings: Vec<Firing> = Vec::new();
    for route in routes(dossier) {
        if !route.parents().iter().any(|parent| ours.contains(&parent.gateway)) {
            continue;
        }
        let mut backends = route.backends();
        backends.sort();
        backends.dedup();
        let found =
            backends.iter().filter_map(|(name, port)| backend(dossier, &route, name, *port));
        firings.extend(found);
    }
    let refused: Vec<String> = answers(dossier)
        .into_iter()
        .filter(|(_, answer)| made_by_envoy(answer) && matches!(answer.status, 500 | 503))
        .map(|(place, answer)| format!("{} by Envoy at {place}", answer.status))
        .collect();
    for firing in &mut firings {
        if let Some(first) = refused.first() {
            *firing = firing.clone().seen(first, "HTTP probes");
        }
    }
    firings
}

fn backend(
    dossier: &Dossier,
    route: &Route<'_>,
    name: &NamespacedName,
    port: Option<u64>,
) -> Option<Firing> {
    let about = |confidence| {
        Firing::new(Role::Cause, confidence)
            .about(cited(route.object))
            .about(format!("Service {name}"))
    };
    let Some(service) = dossier.get("", "Service", Some(&name.namespace), &name.name) else {
        let refused = route
            .parents()
            .iter()
            .filter_map(|parent| parent.condition("ResolvedRefs"))
            .find(|one| one.is_false() && one.reason == "BackendNotFound");
        // The condition is the operator's; a Service may be there that was not read.
        return match refused {
            Some(refused) if names(&refused, name) || route.backends().len() == 1 => Some(
                about(Confidence::Certain)
                    .seen(refused, format!("status of {}", cited(route.object)))
                    .inferred("Envoy answers 500 for rules that have no other backend"),
            ),
            _ => None,
        };
    };
    if text(service, "/spec/type") == Some("ExternalName") {
        return None;
    }
    let wanted = port?;
    let ports = items(service, "/spec/ports");
    let Some(found) =
        ports.iter().find(|one| one.get("port").and_then(Value::as_u64) == Some(wanted))
    else {
        let there: Vec<String> = ports
            .iter()
            .filter_map(|one| one.get("port").and_then(Value::as_u64))
            .map(|port| port.to_string())
            .collect();
        let there = if there.is_empty() { "none".to_owned() } else { there.join(", ") };
        return Some(
            about(Confidence::Certain)
                .seen(format!("backendRef port {wanted}"), cited(route.object))
                .seen(format!("ports {there}"), cited(service))
                .inferred("Envoy has nothing to send to and answers 503 (500 from 1.21 on)")
                .remedy(format!("use one of the Service's ports ({there}) in the backendRef")),
        );
    };
    endpoints(dossier, name, service, found)
        .or_else(|| no_slices(dossier, route, name, service))
        .or_else(|| refused_connection(dossier, route, name, found))
        .map(|firing| firing.about(cited(route.object)))
}

/// Not one slice is there, and Envoy knows no endpoint either. A dump may lack them; an answer does
/// not lie.
fn no_slices(
    dossier: &Dossier,
    route: &Route<'_>,
    name: &NamespacedName,
    service: &Value,
) -> Option<Firing> {
    if !could_read(dossier, "EndpointSlice") || !of_service(dossier, name).is_empty() {
        return None;
    }
    let failed = unanswered(dossier);
    let found =
        failed.iter().find(|one| one.upstream == Upstream::NoEndpoint && one.concerns(route))?;
    let selector = service.pointer("/spec/selector").map(Value::to_string);
    let selector = selector.unwrap_or_else(|| "none".to_owned());
    let firing = Firing::new(Role::Cause, Confidence::Likely)
        .about(format!("Service {name}"))
        .seen(found.in_words(), format!("HTTP probes of check `{}`", found.check.check))
        .seen(format!("none of Service {name}"), "EndpointSlices")
        .seen(format!("spec.selector {selector}"), cited(service));
    Some(firing.inferred("no pod is behind the Service, so Envoy has nothing to send to"))
}

/// Endpoints are ready, and Envoy could not connect to one for a request of this route.
///
/// Containers need not declare their ports, and pods of backends may be unread; Envoy's words are
/// what is left.
fn refused_connection(
    dossier: &Dossier,
    route: &Route<'_>,
    name: &NamespacedName,
    port: &Value,
) -> Option<Firing> {
    let failed = unanswered(dossier);
    let found =
        failed.iter().find(|one| one.upstream == Upstream::NotConnected && one.concerns(route))?;
    let target = port.get("targetPort").map(Value::to_string).unwrap_or_default();
    let mut backends = route.backends();
    backends.sort();
    backends.dedup();
    // Where others of the same rules answer, nobody knows whose endpoint it was.
    if found.check.evidence.comes_and_goes.is_some() && backends.len() > 1 {
        let names: Vec<String> = backends.iter().map(|(name, _)| name.to_string()).collect();
        return Some(
            Firing::new(Role::Cause, Confidence::Possible)
                .about(format!("Service {name}"))
                .seen(found.in_words(), format!("HTTP probes of check `{}`", found.check.check))
                .inferred(format!(
                    "now and then Envoy cannot connect to an endpoint of one of {}: which one does not show",
                    names.join(", ")
                )),
        );
    }
    Some(
        Firing::new(Role::Cause, Confidence::Likely)
            .about(format!("Service {name}"))
            .seen(found.in_words(), format!("HTTP probes of check `{}`", found.check.check))
            .seen(format!("targetPort {target}, with ready endpoints"), format!("Service {name}"))
            .inferred("Envoy cannot connect to the endpoints: targetPort is not a port that the container listens on, or the way from Envoy's node to the pods is broken")
            .remedy(format!("compare targetPort {target} with what the container listens on; when it is right, ask the pod from the node of that Envoy")),
    )
}

fn names(condition: &Condition<'_>, name: &NamespacedName) -> bool {
    condition.message.contains(&name.name)
}

/// Whether anything ready is behind a port of a Service, where that can be seen.
fn endpoints(
    dossier: &Dossier,
    name: &NamespacedName,
    service: &Value,
    port: &Value,
) -> Option<Firing> {
    let has_selector = service
        .pointer("/spec/selector")
        .and_then(Value::as_object)
        .is_some_and(|selector| !selector.is_empty());
    let slices = of_service(dossier, name);
    if !has_selector || !could_read(dossier, "EndpointSlice") || slices.is_empty() {
        return None;
    }
    let all: Vec<&Value> = slices.iter().flat_map(|slice| items(slice, "/endpoints")).collect();
    let ready = |endpoint: &&&Value| {
        endpoint.pointer("/conditions/ready").and_then(Value::as_bool).unwrap_or(true)
    };
    let about = |confidence| Firing::new(Role::Cause, confidence).about(format!("Service {name}"));
    if all.iter().filter(ready).count() == 0 {
        let what = if all.is_empty() {
            "no endpoints".to_owned()
        } else {
            format!("none of {} endpoints is ready", all.len())
        };
        let selector = service.pointer("/spec/selector").map(Value::to_string).unwrap_or_default();
        return Some(
            about(Confidence::Certain)
                .seen(what, format!("EndpointSlices of Service {name}"))
                .seen(format!("spec.selector {selector}"), cited(service))
                .inferred("Envoy has nothing to send to and answers 503"),
        );
    }
    wrong_target(dossier, name, port, &all).map(|(confidence, what, pod)| {
        about(confidence)
            .seen(what, cited(service))
            .seen(pod, "ports that the containers declare")
            .inferred("connections from Envoy to the pods are refused, and Envoy answers 503")
            .remedy("set targetPort of the Service to the port that the container listens on")
    })
}

/// A numeric targetPort that no container of a pod behind it declares. Containers need not declare
/// their ports, so this is told only where requests fail at Envoy with 503.
fn wrong_target(
    dossier: &Dossier,
    name: &NamespacedName,
    port: &Value,
    endpoints: &[&Value],
) -> Option<(Confidence, String, String)> {
    let target = port.get("targetPort").and_then(Value::as_u64)?;
    let failing =
        answers(dossier).iter().any(|(_, answer)| made_by_envoy(answer) && answer.status == 503);
    if !failing {
        return None;
    }
    let pod = endpoints.iter().find_map(|endpoint| {
        let pod = text(endpoint, "/targetRef/name")?;
        dossier.get("", "Pod", Some(&name.namespace), pod)
    })?;
    let declared: Vec<u64> = items(pod, "/spec/containers")
        .iter()
        .flat_map(|container| items(container, "/ports"))
        .filter_map(|port| port.get("containerPort").and_then(Value::as_u64))
        .collect();
    if declared.is_empty() || declared.contains(&target) {
        return None;
    }
    let declared: Vec<String> = declared.iter().map(u64::to_string).collect();
    Some((
        Confidence::Likely,
        format!("targetPort {target}"),
        format!("{} declares {}", cited(pod), declared.join(", ")),
    ))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::RULE;
    use crate::dossier::Dossier;
    use crate::event::ComesAndGoes;
    use crate::finding::Confidence;
    use crate::finding::fixture::{Change, answer, dedicated, fires, silent, words};

    const BACKEND: &str = "go-hello-world";

    fn wrong_target() -> Dossier {
        dedicated().set("Service", BACKEND, "/spec/ports/0/targetPort", &json!(9090))
    }

    #[test]
    fn a_service_that_does_not_exist_is_told_by_the_operators_condition() {
        let missing = dedicated().without("Service", BACKEND);
        silent(&RULE, &missing);
        let refused = missing.set(
            "HTTPRoute",
            BACKEND,
            "/status/parents/0/conditions/1",
            &json!({
            "type": "ResolvedRefs", "status": "False", "reason": "BackendNotFound",
            "message": "services \"go-hello-world\" not found"}),
        );
        assert_eq!(fires(&RULE, &refused).confidence, Confidence::Certain);
    }

    #[test]
    fn a_port_that_the_service_does_not_have_is_told_with_those_it_has() {
        let wrong =
            dedicated().set("HTTPRoute", BACKEND, "/spec/rules/0/backendRefs/0/port", &json!(8080));
        let firing =
            fires(&RULE, &wrong.failed("http", vec![answer(503, "no healthy upstream", &[])]));
        let words = words(&firing);
        assert!(words.contains("ports 80") && words.contains("503 by Envoy"), "{words}");
    }

    #[test]
    fn no_ready_endpoint_is_a_cause_where_slices_were_read() {
        let slice = "go-hello-world-x";
        let unready = dedicated().set(
            "EndpointSlice",
            slice,
            "/endpoints/0/conditions",
            &json!({"ready": false}),
        );
        fires(&RULE, &unready);
        silent(&RULE, &unready.unread("endpointslices in namespace apps"));
        fires(&RULE, &dedicated().set("EndpointSlice", slice, "/endpoints", &json!([])));
        silent(&RULE, &dedicated().without("EndpointSlice", slice));
    }

    #[test]
    fn no_slice_at_all_is_likely_where_envoy_knows_no_endpoint_either() {
        let mut none = dedicated()
            .without("EndpointSlice", "go-hello-world-x")
            .failed("http", vec![answer(503, "no healthy upstream", &[])]);
        none.checks[0].claim = "GET http://hello.obs.example.test/ answers 200".to_owned();
        assert_eq!(fires(&RULE, &none).confidence, Confidence::Likely);
        silent(&RULE, &none.clone().unread("endpointslices"));
        none.checks[0].claim = "GET http://other.example.test/ answers 200".to_owned();
        silent(&RULE, &none);
    }

    #[test]
    fn a_target_port_that_no_container_declares_is_likely_where_envoy_answers_503() {
        silent(&RULE, &wrong_target());
        let failing =
            wrong_target().failed("http", vec![answer(503, "upstream connect error", &[])]);
        assert_eq!(fires(&RULE, &failing).confidence, Confidence::Likely);
    }

    #[test]
    fn connections_that_envoy_cannot_make_are_likely_the_target_port() {
        let body = "upstream connect error or disconnect/reset before headers. reset reason: remote connection failure";
        let mut failing = dedicated().failed("http", vec![answer(503, body, &[])]);
        silent(&RULE, &failing);
        failing.checks[0].claim = "GET http://hello.obs.example.test/ answers 200".to_owned();
        let firing = fires(&RULE, &failing);
        assert_eq!(firing.confidence, Confidence::Likely);
        assert!(words(&firing).contains("targetPort 8080"), "{firing:#?}");
    }

    #[test]
    fn of_several_backends_none_is_blamed_alone_where_others_answer() {
        let body = "upstream connect error or disconnect/reset before headers. reset reason: remote connection failure";
        let backends = json!([{"name": BACKEND, "port": 80}, {"name": "gone", "port": 80}]);
        let mut failing = dedicated()
            .set("HTTPRoute", BACKEND, "/spec/rules/0/backendRefs", &backends)
            .failed("http", vec![answer(503, body, &[])]);
        failing.checks[0].claim = "GET http://hello.obs.example.test/ answers 200".to_owned();
        assert_eq!(fires(&RULE, &failing).confidence, Confidence::Likely, "it never answers");
        failing.checks[0].evidence.comes_and_goes = Some(ComesAndGoes { misfits: 1, looks: 9 });
        let firing = fires(&RULE, &failing);
        assert_eq!(firing.confidence, Confidence::Possible);
        assert!(words(&firing).contains("one of apps/go-hello-world, apps/gone"), "{firing:#?}");
    }

    #[test]
    fn routes_of_other_gateways_are_passed_over() {
        let other = dedicated()
            .set("HTTPRoute", BACKEND, "/spec/parentRefs/0/name", &json!("other"))
            .set("HTTPRoute", BACKEND, "/spec/rules/0/backendRefs/0/port", &json!(8080));
        silent(&RULE, &other);
    }
}
