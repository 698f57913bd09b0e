//! Routes, their parents and their backends.

use serde_json::Value;

use super::{Condition, GATEWAY_API, condition, items, name_of};
use crate::dossier::{Dossier, text};
use crate::name::NamespacedName;
use crate::verdict::Verdict;

/// A route of any kind.
#[derive(Debug, Clone)]
pub(in crate::finding) struct Route<'d> {
    pub(in crate::finding) name: NamespacedName,
    pub(in crate::finding) object: &'d Value,
}

/// A Gateway that a route names as its parent.
#[derive(Debug, Clone)]
pub(in crate::finding) struct Parent<'d> {
    pub(in crate::finding) gateway: NamespacedName,
    pub(in crate::finding) section: Option<&'d str>,
    status: Option<&'d Value>,
}

/// Kinds of routes that Cilium's Gateways take.
const KINDS: &[&str] = &["HTTPRoute", "GRPCRoute", "TLSRoute", "TCPRoute", "UDPRoute"];

/// Every route.
pub(in crate::finding) fn routes(dossier: &Dossier) -> Vec<Route<'_>> {
    KINDS
        .iter()
        .flat_map(|kind| dossier.list(GATEWAY_API, kind))
        .filter_map(|object| Some(Route { name: name_of(object)?, object }))
        .collect()
}

impl<'d> Route<'d> {
    /// Its host names; empty means every host of its listeners.
    pub(in crate::finding) fn hostnames(&self) -> Vec<&'d str> {
        items(self.object, "/spec/hostnames").iter().filter_map(Value::as_str).collect()
    }

    /// The Gateways it names as parents.
    pub(in crate::finding) fn parents(&self) -> Vec<Parent<'d>> {
        let statuses = items(self.object, "/status/parents");
        items(self.object, "/spec/parentRefs")
            .iter()
            .filter(|parent| text(parent, "/kind").unwrap_or("Gateway") == "Gateway")
            .filter_map(|parent| {
                let namespace = text(parent, "/namespace").unwrap_or(&self.name.namespace);
                let section = text(parent, "/sectionName");
                let same = |status: &&Value| {
                    let told = |pointer: &str| text(status, &format!("/parentRef{pointer}"));
                    told("/name") == text(parent, "/name")
                        && told("/namespace").unwrap_or(&self.name.namespace) == namespace
                        && told("/sectionName") == section
                };
                Some(Parent {
                    gateway: NamespacedName::new(namespace, text(parent, "/name")?),
                    section,
                    status: statuses.iter().find(same),
                })
            })
            .collect()
    }

    /// Its backends, with their ports; Services only.
    pub(in crate::finding) fn backends(&self) -> Vec<(NamespacedName, Option<u64>)> {
        items(self.object, "/spec/rules")
            .iter()
            .flat_map(|rule| items(rule, "/backendRefs"))
            .filter(|backend| text(backend, "/kind").unwrap_or("Service") == "Service")
            .filter_map(|backend| {
                let namespace = text(backend, "/namespace").unwrap_or(&self.name.namespace);
                let name = NamespacedName::new(namespace, text(backend, "/name")?);
                Some((name, backend.get("port").and_then(Value::as_u64)))
            })
            .collect()
    }
}

/// Whether a check holds that wanted this condition of a route to be false: what was meant to be
/// refused is no cause.
pub(in crate::finding) fn is_claimed_false(
    dossier: &Dossier,
    route: &Route<'_>,
    condition: &str,
) -> bool {
    let name = route.name.to_string();
    let wanted = format!("{condition} is False");
    dossier.checks.iter().any(|check| {
        check.kind == "route"
            && check.verdict == Verdict::Passed
            && check.claim.contains(&wanted)
            && check.claim.split([' ', ',', ':']).any(|word| word == name)
    })
}

impl<'d> Parent<'d> {
    /// The condition of the route at this parent.
    pub(in crate::finding) fn condition(&self, kind: &str) -> Option<Condition<'d>> {
        condition(self.status?, kind)
    }

    /// Whether a controller has said anything of the route at this parent.
    pub(in crate::finding) fn has_status(&self) -> bool {
        self.status.is_some()
    }
}
