//! Claims about an HTTPRoute's parents.
//!
//! Every parent that the route's spec names (or, when the claim names a Gateway, every reference
//! to that one) must be reported on by Cilium's controller. Entries of other controllers are left
//! out of account, as Cilium leaves them alone.

use std::collections::BTreeMap;

use serde_json::Value;

use super::condition::Conditions;
use super::hint::condition::Owner;
use super::{hints, refuted};
use crate::name::NamespacedName;
use crate::scenario::{ConditionClaim, RouteClaim};
use crate::verdict::{Failure, Judgement};

/// The controller whose word counts (cilium/cilium: `operator/pkg/gateway-api/controller.go`).
const CONTROLLER: &str = "io.cilium/gateway-controller";

/// Judges an HTTPRoute as it is now; `None` when there is none of that name.
pub fn route(claim: &RouteClaim, object: Option<&Value>) -> Judgement {
    let place = format!("HTTPRoute {}", claim.route);
    let Some(object) = object else {
        let hints = hints(&["is it among the applied manifests, in this namespace?"]);
        return vec![refuted(place, "an HTTPRoute", "no such object", hints)].into();
    };
    let parents = parents(object, &claim.route.namespace, claim.parent.as_ref());
    if parents.is_empty() {
        let expected = claim.parent.as_ref().map_or_else(
            || "at least one parentRef".to_owned(),
            |parent| format!("a parentRef to Gateway {parent}"),
        );
        let hints = hints(&["look at spec.parentRefs: name, and namespace where it differs"]);
        return vec![refuted(place, expected, "none in spec.parentRefs", hints)].into();
    }
    let looked_at = Reported { object, namespace: &claim.route.namespace, place: &place };
    let judged = parents.iter().flat_map(|parent| looked_at.judge(&claim.conditions, parent));
    judged.collect::<Vec<_>>().into()
}

/// The parents that a route names; those that are this Gateway, when one is given.
pub(super) fn parents<'v>(
    object: &'v Value,
    namespace: &'v str,
    gateway: Option<&NamespacedName>,
) -> Vec<Parent<'v>> {
    let references = object.pointer("/spec/parentRefs").and_then(Value::as_array);
    let read = references.into_iter().flatten().map(|found| Parent::read(found, namespace));
    read.filter(|parent| {
        gateway.is_none_or(|wanted| {
            parent.kind == "Gateway"
                && (parent.namespace, parent.name) == (&*wanted.namespace, &*wanted.name)
        })
    })
    .collect()
}

/// A route, to see what was reported on it.
pub(super) struct Reported<'a> {
    /// The route.
    pub(super) object: &'a Value,
    /// Its namespace.
    pub(super) namespace: &'a str,
    /// How it is called.
    pub(super) place: &'a str,
}

impl Reported<'_> {
    /// Judges what Cilium's controller reports for one parent.
    pub(super) fn judge(
        &self,
        conditions: &BTreeMap<String, ConditionClaim>,
        parent: &Parent<'_>,
    ) -> Vec<Failure> {
        reported(self, conditions, parent)
    }
}

fn reported(
    route: &Reported<'_>,
    conditions: &BTreeMap<String, ConditionClaim>,
    parent: &Parent<'_>,
) -> Vec<Failure> {
    let Reported { object, namespace, place } = *route;
    let place = format!("{place}, parent {}", parent.told());
    let entries = object.pointer("/status/parents").and_then(Value::as_array);
    let entry = entries.into_iter().flatten().find(|entry| {
        entry.get("controllerName").and_then(Value::as_str) == Some(CONTROLLER)
            && entry.get("parentRef").map(|found| Parent::read(found, namespace)).as_ref()
                == Some(parent)
    });
    let Some(entry) = entry else {
        let hints = hints(&[
            "Cilium's operator reports on routes of Gateways whose class it controls: look at the Gateway's Accepted condition and at the operator's log",
        ]);
        let seen = "no such entry in status.parents";
        return vec![refuted(place, format!("a report of {CONTROLLER}"), seen, hints)];
    };
    Conditions::of(object, Some(entry)).judge(Owner::Route, &place, conditions)
}

/// A parent reference with its defaults filled in (Gateway API v1: `ParentReference`).
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Parent<'a> {
    group: &'a str,
    kind: &'a str,
    namespace: &'a str,
    name: &'a str,
    section: Option<&'a str>,
    port: Option<u64>,
}

impl<'a> Parent<'a> {
    fn read(reference: &'a Value, route_namespace: &'a str) -> Self {
        let text = |key| reference.get(key).and_then(Value::as_str);
        Self {
            group: text("group").unwrap_or("gateway.networking.k8s.io"),
            kind: text("kind").unwrap_or("Gateway"),
            namespace: text("namespace").unwrap_or(route_namespace),
            name: text("name").unwrap_or(""),
            section: text("sectionName"),
            port: reference.get("port").and_then(Value::as_u64),
        }
    }

    fn told(&self) -> String {
        let mut text = format!("{} {}/{}", self.kind, self.namespace, self.name);
        if let Some(section) = self.section {
            text.push_str(" section ");
            text.push_str(section);
        }
        if let Some(port) = self.port {
            text.push_str(" port ");
            text.push_str(&port.to_string());
        }
        text
    }
}
