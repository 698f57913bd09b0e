//! Whether Cilium's operator has seen every change that was made before.
//!
//! After a patch the state from before still answers, and its conditions are still true. They tell
//! which generation they speak of, so that much can be waited for: the class, every Gateway of
//! Cilium's classes, and every route with such a Gateway as its parent; and, where agents announce
//! addresses, that one of them does. What cannot be seen, such as whether an agent has programmed
//! its Envoy, is not waited for.

mod announced;

use std::collections::BTreeSet;
use std::time::Duration;

use gateproof_kubernetes::wait::{self, unreadable};
use gateproof_kubernetes::{Cause, Client, Poll, ReadError, WaitError, Watched};
use serde_json::Value;

use crate::error::StackError;
use crate::readiness::class::CONTROLLER;

const GROUP: &str = "gateway.networking.k8s.io";

/// The kinds of route, and their versions by preference.
const ROUTES: &[(&str, &[&str])] = &[
    ("HTTPRoute", &["v1", "v1beta1"]),
    ("GRPCRoute", &["v1", "v1alpha2"]),
    ("TLSRoute", &["v1", "v1alpha3", "v1alpha2"]),
    ("TCPRoute", &["v1", "v1alpha2"]),
    ("UDPRoute", &["v1", "v1alpha2"]),
];

/// Waits until Cilium's operator has seen the newest generation of everything it answers for, at
/// most for `within`; gives what it has not seen by then, in words. A claim judges that for itself:
/// an operator that does not answer is Cilium's failure, not the harness's.
///
/// # Errors
///
/// When the API refuses to tell.
pub async fn settle(client: &Client, within: Duration) -> Result<Vec<String>, StackError> {
    let watched = [
        Watched::kind("gateway.networking.k8s.io/v1", "Gateway"),
        Watched::kind("gateway.networking.k8s.io/v1", "HTTPRoute"),
    ];
    let look = || async {
        match unseen(client).await {
            Ok(unseen) if unseen.is_empty() => Poll::Ready(()),
            Ok(unseen) => Poll::NotYet { missing: unseen.join("\n") },
            Err(error) => unreadable(&error),
        }
    };
    match wait::watch_until(client, &watched, within, |_| {}, look).await {
        Ok(()) => Ok(Vec::new()),
        Err(WaitError::TimedOut { missing, .. }) => {
            Ok(missing.lines().map(str::to_owned).collect())
        }
        Err(cause) => {
            Err(StackError::Wait { what: "Cilium's view of its objects".to_owned(), cause })
        }
    }
}

async fn unseen(client: &Client) -> Result<Vec<String>, ReadError> {
    let classes = list(client, "GatewayClass", &["v1", "v1beta1"]).await?;
    let gateways = list(client, "Gateway", &["v1", "v1beta1"]).await?;
    let mut routes = Vec::new();
    for (kind, versions) in ROUTES {
        routes.extend(list(client, kind, versions).await?);
    }
    let mut missing = judge(&classes, &gateways, &routes);
    missing.extend(announced::missing(client).await);
    Ok(missing)
}

/// All objects of a kind, in the first version that is served; none where none is.
async fn list(client: &Client, kind: &str, versions: &[&str]) -> Result<Vec<Value>, ReadError> {
    for version in versions {
        match client.list(&format!("{GROUP}/{version}"), kind, None).await {
            Err(error) if matches!(error.cause, Cause::NotServed { .. }) => {}
            answer => return answer,
        }
    }
    Ok(Vec::new())
}

/// What Cilium's operator has not seen yet. Pure.
fn judge(classes: &[Value], gateways: &[Value], routes: &[Value]) -> Vec<String> {
    let ours: Vec<&Value> =
        classes.iter().filter(|class| text(class, "/spec/controllerName") == CONTROLLER).collect();
    let class_names: BTreeSet<&str> =
        ours.iter().map(|class| text(class, "/metadata/name")).collect();
    let our_gateways: Vec<&Value> = gateways
        .iter()
        .filter(|gateway| class_names.contains(text(gateway, "/spec/gatewayClassName")))
        .collect();
    let names: BTreeSet<(&str, &str)> = our_gateways
        .iter()
        .map(|one| (text(one, "/metadata/namespace"), text(one, "/metadata/name")))
        .collect();
    let own_status = ours.iter().chain(&our_gateways).filter_map(|object| {
        let conditions = object.pointer("/status/conditions");
        (observed(conditions) < generation(object)).then(|| line(object, observed(conditions)))
    });
    let of_routes = routes.iter().filter(|route| has_parent(route, &names)).filter_map(|route| {
        let observed = route
            .pointer("/status/parents")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .filter(|parent| text(parent, "/controllerName") == CONTROLLER)
            .map(|parent| observed(parent.get("conditions")))
            .min()
            .unwrap_or(0);
        (observed < generation(route)).then(|| line(route, observed))
    });
    own_status.chain(of_routes).collect()
}

/// Whether a route names one of these Gateways as a parent.
fn has_parent(route: &Value, gateways: &BTreeSet<(&str, &str)>) -> bool {
    let own = text(route, "/metadata/namespace");
    route
        .pointer("/spec/parentRefs")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter(|parent| matches!(text(parent, "/kind"), "" | "Gateway"))
        .any(|parent| {
            let namespace = match text(parent, "/namespace") {
                "" => own,
                given => given,
            };
            gateways.contains(&(namespace, text(parent, "/name")))
        })
}

/// The newest generation that any of these conditions speaks of: one pass of the operator writes
/// them, but it writes none that does not change.
fn observed(conditions: Option<&Value>) -> i64 {
    conditions
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(|condition| condition.get("observedGeneration")?.as_i64())
        .max()
        .unwrap_or(0)
}

fn generation(object: &Value) -> i64 {
    object.pointer("/metadata/generation").and_then(Value::as_i64).unwrap_or(0)
}

fn text<'v>(object: &'v Value, pointer: &str) -> &'v str {
    object.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

fn line(object: &Value, observed: i64) -> String {
    let name = match text(object, "/metadata/namespace") {
        "" => text(object, "/metadata/name").to_owned(),
        namespace => format!("{namespace}/{}", text(object, "/metadata/name")),
    };
    let (kind, generation) = (text(object, "/kind"), generation(object));
    format!("Cilium has seen generation {observed} of {kind} {name}, which is at {generation}")
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{CONTROLLER, judge};

    fn class(controller: &str) -> Value {
        json!({"kind": "GatewayClass", "metadata": {"name": "cilium", "generation": 1},
            "spec": {"controllerName": controller},
            "status": {"conditions": [{"type": "Accepted", "observedGeneration": 1}]}})
    }

    fn gateway(generation: i64, observed: i64) -> Value {
        json!({"kind": "Gateway",
            "metadata": {"namespace": "a", "name": "g", "generation": generation},
            "spec": {"gatewayClassName": "cilium"},
            "status": {"conditions": [{"type": "Accepted", "observedGeneration": observed}]}})
    }

    fn route(parent: &Value, statuses: &[(&str, i64)]) -> Value {
        let parents: Vec<Value> = statuses
            .iter()
            .map(|(controller, observed)| {
                json!({"controllerName": controller,
                    "conditions": [{"type": "Accepted", "observedGeneration": observed}]})
            })
            .collect();
        json!({"kind": "HTTPRoute", "metadata": {"namespace": "a", "name": "r", "generation": 3},
            "spec": {"parentRefs": [parent]}, "status": {"parents": parents}})
    }

    #[test]
    fn a_change_is_unseen_until_the_conditions_speak_of_it() {
        let ours = [class(CONTROLLER)];
        assert_eq!(judge(&ours, &[gateway(2, 2)], &[]), Vec::<String>::new());
        assert_eq!(
            judge(&ours, &[gateway(2, 1)], &[]),
            ["Cilium has seen generation 1 of Gateway a/g, which is at 2"]
        );
        let foreign = [class("x.test/y")];
        assert!(judge(&foreign, &[gateway(2, 1)], &[]).is_empty(), "it is not Cilium's");
    }

    #[test]
    fn a_route_is_waited_for_when_its_parent_is_cilium_s() {
        let (classes, gateways) = ([class(CONTROLLER)], [gateway(1, 1)]);
        let unseen = |parent: Value, statuses: &[(&str, i64)]| {
            judge(&classes, &gateways, &[route(&parent, statuses)]).len()
        };
        let here = json!({"name": "g"});
        assert_eq!(unseen(here.clone(), &[(CONTROLLER, 3)]), 0);
        assert_eq!(unseen(here.clone(), &[(CONTROLLER, 2)]), 1, "an older generation");
        assert_eq!(unseen(here.clone(), &[("x.test/y", 3)]), 1, "somebody else's word");
        assert_eq!(unseen(here, &[]), 1, "nobody has said anything");
        assert_eq!(unseen(json!({"name": "g", "namespace": "b"}), &[]), 0, "no such Gateway");
        assert_eq!(unseen(json!({"name": "g", "kind": "Service"}), &[]), 0, "a mesh's parent");
    }
}
