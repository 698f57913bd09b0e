//! GP0020: a route is not attached to its Gateway.

use crate::dossier::Dossier;
use crate::finding::reading::{
    Condition, Gateway, Route, answers, cited, could_read, every_gateway, gateways,
    is_claimed_false, listed, made_by_envoy, routes,
};
use crate::finding::{Confidence, Firing, Role, Rule};
use crate::source::nearest::nearest;

/// The rule.
pub(super) const RULE: Rule = Rule {
    id: "GP0020",
    title: "a route is not attached to its Gateway",
    explanation: "\
A route serves nothing until its parent accepts it; requests for it get 404 with an empty body from \
Envoy, and on a Gateway with other routes perhaps another route's answer. The route's status.parents \
says why: NotAllowedByListeners (the listener's allowedRoutes leave out the route's namespace or kind; \
without allowedRoutes only routes of the Gateway's own namespace attach), NoMatchingListenerHostname \
(no host name of the route lies within a listener's; *.example.com holds a.example.com and \
a.b.example.com, not example.com), NoMatchingParent (no listener of that sectionName or port).

A parentRef without a namespace means the route's own namespace. Routes whose parent does not exist \
have no status at all from 1.18 on.",
    remedy: &[
        "compare the route's parentRefs and hostnames with the Gateway's listeners: name, port, hostname and allowedRoutes",
        "let routes of other namespaces in with allowedRoutes.namespaces.from: All, or Selector with labels of those namespaces",
    ],
    sources: &[
        "cilium/cilium operator/pkg/gateway-api/routechecks 1.16 to 1.20: the reasons",
        "cilium/cilium operator/pkg/gateway-api/httproute_reconcile.go 1.17 and 1.18: parents that do not exist",
    ],
    issues: &[],
    examine,
};

fn examine(dossier: &Dossier) -> Vec<Firing> {
    let ours = gateways(dossier);
    let all = every_gateway(dossier);
    let not_found: Vec<String> = answers(dossier)
        .into_iter()
        .filter(|(_, answer)| made_by_envoy(answer) && answer.status == 404)
        .map(|(place, _)| format!("404 by Envoy at {place}"))
        .collect();
    let mut firings = Vec::new();
    let counts = |route: &Route<'_>| !is_claimed_false(dossier, route, "Accepted");
    for route in routes(dossier).into_iter().filter(counts) {
        for parent in route.parents() {
            let about = |confidence| {
                let firing = Firing::new(Role::Cause, confidence).about(cited(route.object));
                match not_found.first() {
                    Some(first) => firing.seen(first, "HTTP probes"),
                    None => firing,
                }
            };
            if let Some(gateway) = ours.iter().find(|one| one.name == parent.gateway) {
                let Some(refused) = parent.condition("Accepted").filter(Condition::is_false) else {
                    continue;
                };
                let mut firing = about(Confidence::Certain)
                    .about(gateway)
                    .seen(refused, format!("status of {} at {gateway}", cited(route.object)));
                firing = match refused.reason {
                    "NoMatchingListenerHostname" => hosts(firing, &route.hostnames(), gateway),
                    "NotAllowedByListeners" => firing.remedy(format!(
                        "allow namespace {} in allowedRoutes of a listener of {gateway}",
                        route.name.namespace
                    )),
                    "NoMatchingParent" => sections(firing, parent.section, gateway),
                    _ => firing,
                };
                firings.push(firing);
            } else if !parent.has_status()
                && !ours.is_empty()
                && could_read(dossier, "Gateway")
                && all.iter().all(|one| one.name != parent.gateway)
            {
                let wanted = parent.gateway.to_string();
                let names: Vec<String> = all.iter().map(|one| one.name.to_string()).collect();
                let near = nearest(&wanted, names.iter().map(String::as_str));
                let mut firing = about(Confidence::Likely)
                    .seen(format!("parentRef {wanted}"), cited(route.object))
                    .seen(format!("there is no such Gateway, but {}", listed(&names)), "Gateways")
                    .inferred("nobody looks after this route, so requests for it get 404");
                let meant =
                    near.is_some_and(|near| ours.iter().any(|one| one.name.to_string() == near));
                if !dossier.about.is_empty() && !meant && not_found.is_empty() {
                    continue;
                }
                if let Some(near) = near {
                    firing = firing.remedy(format!(
                        "did you mean {near}? A parentRef without a namespace means the route's own"
                    ));
                }
                firings.push(firing);
            }
        }
    }
    firings
}

fn hosts(firing: Firing, hostnames: &[&str], gateway: &Gateway<'_>) -> Firing {
    let listeners: Vec<String> = gateway
        .listeners()
        .iter()
        .map(|listener| format!("{}: {}", listener.name, listener.hostname.unwrap_or("every host")))
        .collect();
    firing.seen(
        format!("route: {}; listeners: {}", hostnames.join(", "), listeners.join(", ")),
        "host names",
    )
}

fn sections(firing: Firing, section: Option<&str>, gateway: &Gateway<'_>) -> Firing {
    let listeners = gateway.listeners();
    let names: Vec<&str> = listeners.iter().map(|listener| listener.name).collect();
    let firing = firing.seen(
        format!("sectionName {}; listeners {}", section.unwrap_or("none"), listed(&names)),
        gateway,
    );
    match section.and_then(|section| nearest(section, names.iter().copied())) {
        Some(near) => firing.remedy(format!("did you mean sectionName {near}?")),
        None => firing,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::RULE;
    use crate::dossier::Dossier;
    use crate::finding::Confidence;
    use crate::finding::fixture::{Change, answer, dedicated, fires, silent, words};

    const ROUTE: &str = "go-hello-world";

    fn refused(reason: &str) -> Dossier {
        dedicated().set(
            "HTTPRoute",
            ROUTE,
            "/status/parents/0/conditions/0",
            &json!({
            "type": "Accepted", "status": "False", "reason": reason, "message": ""}),
        )
    }

    fn no_status(parent: &Value) -> Dossier {
        dedicated().set("HTTPRoute", ROUTE, "/spec/parentRefs/0", parent).set(
            "HTTPRoute",
            ROUTE,
            "/status",
            &json!({}),
        )
    }

    #[test]
    fn each_reason_is_told_with_what_to_compare() {
        let cases = [
            ("NoMatchingListenerHostname", "*.obs.example.test"),
            ("NotAllowedByListeners", "namespace apps"),
            ("NoMatchingParent", "listeners http and https"),
        ];
        for (reason, told) in cases {
            let dossier = refused(reason).failed("http", vec![answer(404, "", &[])]);
            let words = words(&fires(&RULE, &dossier));
            assert!(words.contains(told) && words.contains("404 by Envoy"), "{reason}: {words}");
        }
    }

    #[test]
    fn a_parent_that_does_not_exist_is_likely_with_the_nearest_one() {
        let firing =
            fires(&RULE, &no_status(&json!({"name": "shared-gatway", "namespace": "gateway"})));
        assert_eq!(firing.confidence, Confidence::Likely);
        assert!(words(&firing).contains("did you mean gateway/shared-gateway?"), "{firing:#?}");
        let unread = no_status(&json!({"name": "shared-gatway", "namespace": "gateway"}));
        silent(&RULE, &unread.clone().unread("Gateway objects"));
        fires(&RULE, &unread.unread("Secret gateway/wildcard"));
    }

    #[test]
    fn a_404_of_an_attached_route_and_a_missing_status_have_other_causes() {
        silent(&RULE, &dedicated().failed("http", vec![answer(404, "", &[])]));
        silent(&RULE, &no_status(&json!({"name": "shared-gateway", "namespace": "gateway"})));
    }

    #[test]
    fn a_route_that_a_check_wanted_refused_is_no_cause() {
        let refused = json!([{"parentRef": {"name": "shared-gateway", "namespace": "gateway"},
            "controllerName": "io.cilium/gateway-controller", "conditions": [{"type": "Accepted",
                "status": "False", "reason": "NotAllowedByListeners", "message": ""}]}]);
        let mut dossier = dedicated().set("HTTPRoute", ROUTE, "/status/parents", &refused);
        fires(&RULE, &dossier);
        dossier = dossier.failed("route", Vec::new());
        let check = dossier.checks.last_mut().expect("a check");
        check.verdict = crate::verdict::Verdict::Passed;
        "HTTPRoute apps/go-hello-world: for every parent Accepted is True"
            .clone_into(&mut check.claim);
        fires(&RULE, &dossier);
        let check = dossier.checks.last_mut().expect("a check");
        "HTTPRoute apps/go-hello-world: for every parent Accepted is False"
            .clone_into(&mut check.claim);
        silent(&RULE, &dossier);
    }
}
