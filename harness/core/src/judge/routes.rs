//! Claims about every route of a Gateway, whatever its kind.

use std::collections::BTreeMap;

use serde_json::Value;

use super::everywhere::told_once;
use super::route::{Reported, parents};
use crate::scenario::{ConditionClaim, ConditionStatus, RoutesClaim};
use crate::verdict::{Failure, Judgement};

/// Judges every route among the objects that names the Gateway as its parent. That there is none
/// is no failure: a Gateway may wait for its first route.
pub fn routes(claim: &RoutesClaim, objects: &[Value]) -> Judgement {
    let is_true = || ConditionClaim { status: ConditionStatus::True, reason: None };
    let conditions: BTreeMap<String, ConditionClaim> =
        ["Accepted", "ResolvedRefs"].map(|name| (name.to_owned(), is_true())).into();
    let mut failures: Vec<Failure> = objects
        .iter()
        .flat_map(|object| {
            let text = |pointer| object.pointer(pointer).and_then(Value::as_str).unwrap_or("");
            let namespace = text("/metadata/namespace");
            let place = format!("{} {namespace}/{}", text("/kind"), text("/metadata/name"));
            let route = Reported { object, namespace, place: &place };
            parents(object, namespace, Some(&claim.gateway))
                .iter()
                .flat_map(|parent| route.judge(&conditions, parent))
                .collect::<Vec<_>>()
        })
        .collect();
    told_once(&mut failures);
    failures.into()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::routes;
    use crate::name::NamespacedName;
    use crate::scenario::RoutesClaim;
    use crate::verdict::Verdict;

    fn route(kind: &str, parent: &str, accepted: &str) -> Value {
        json!({
            "apiVersion": "gateway.networking.k8s.io/v1", "kind": kind,
            "metadata": {"namespace": "apps", "name": "web", "generation": 1},
            "spec": {"parentRefs": [{"name": parent, "namespace": "gateway"}]},
            "status": {"parents": [{
                "controllerName": "io.cilium/gateway-controller",
                "parentRef": {"name": parent, "namespace": "gateway"},
                "conditions": [
                    {"type": "Accepted", "status": accepted, "reason": "NotAllowedByListeners"},
                    {"type": "ResolvedRefs", "status": "True", "reason": "ResolvedRefs"}]}]}
        })
    }

    #[test]
    fn a_route_of_any_kind_counts_when_it_names_the_gateway() {
        let claim = RoutesClaim { gateway: NamespacedName::new("gateway", "shared") };
        for (objects, verdict, place) in [
            (vec![], Verdict::Passed, ""),
            (vec![route("HTTPRoute", "shared", "True")], Verdict::Passed, ""),
            (vec![route("HTTPRoute", "shared", "False")], Verdict::Failed, "HTTPRoute apps/web"),
            (vec![route("GRPCRoute", "shared", "False")], Verdict::Failed, "GRPCRoute apps/web"),
            (vec![route("HTTPRoute", "other", "False")], Verdict::Passed, ""),
        ] {
            let judgement = routes(&claim, &objects);
            assert_eq!(judgement.verdict(), verdict, "{objects:?}");
            assert!(judgement.failures.iter().all(|failure| failure.place.starts_with(place)));
        }
    }

    #[test]
    fn a_route_that_nobody_reports_on_is_not_accepted() {
        let claim = RoutesClaim { gateway: NamespacedName::new("gateway", "shared") };
        let mut silent = route("HTTPRoute", "shared", "True");
        silent["status"] = json!({});
        assert_eq!(routes(&claim, &[silent]).verdict(), Verdict::Failed);
    }
}
