//! Claims about objects: Gateways, routes, Services, certificates.

use std::collections::BTreeMap;

use super::super::file::check::{
    CertificateCheckFile, GatewayCheckFile, ListenerCheckFile, RouteCheckFile, ServiceCheckFile,
    ServiceTypeFile,
};
use super::super::file::form::{ConditionForm, StatusForm};
use super::check::{Context, Named, report_unknown_gateway};
use super::unknown;
use crate::name::{ListenerName, NamespacedName};
use crate::scenario::issuer::Issuer;
use crate::scenario::{
    CertificateClaim, Claim, ConditionClaim, ConditionStatus, GatewayClaim, ListenerClaim,
    RouteClaim, ServiceClaim, ServiceRef,
};
use crate::source::nearest::nearest;
use crate::source::problem::Problem;
use crate::source::schema::one_of;
use crate::source::tree::Place;

/// A claim that nothing could refute.
fn vacuous(at: Place<'_>, what: &str, expected: &str) -> Problem {
    Problem::at(&at, format!("this claims nothing about the {what}"))
        .expected(expected)
        .note("it would always pass")
}

/// Resolves claims about a Gateway.
pub(super) fn gateway(
    file: &GatewayCheckFile,
    at: Place<'_>,
    context: &Context<'_, '_>,
    problems: &mut Vec<Problem>,
) -> Option<Named> {
    let scope = context.scope;
    if !report_unknown_gateway(&file.name, at.get("name"), scope, problems)
        && !scope.inventory.changed.contains(&file.name)
    {
        let listeners = scope.inventory.gateways.get(&file.name).map(|entry| &entry.listeners);
        let listeners = listeners.into_iter().flatten();
        let known: Vec<&str> = listeners.map(|l| l.name.as_str()).collect();
        for name in file.listeners.keys().filter(|name| !known.contains(&name.as_str())) {
            problems.push(unknown(at.get("listeners").key(name), "listener", name, &known));
        }
    }
    let nothing =
        file.conditions.is_empty() && file.addresses.is_none() && file.listeners.is_empty();
    if nothing {
        problems.push(vacuous(at, "Gateway", "`conditions:`, `addresses:` or `listeners:`"));
        return None;
    }
    report_slips(&file.conditions, at.get("conditions"), problems);
    for (name, listener) in &file.listeners {
        let conditions = at.get("listeners").get(name).get("conditions");
        report_slips(&listener.conditions, conditions, problems);
        if listener.attached_routes.is_none() && listener.conditions.is_empty() {
            let at = at.get("listeners").key(name);
            problems.push(vacuous(at, "listener", "`attachedRoutes:` or `conditions:`"));
        }
    }
    let conditions = conditions(&file.conditions);
    let name = format!("gateway {}: {}", file.name, in_words(&conditions));
    let claim = GatewayClaim {
        gateway: file.name.clone(),
        conditions,
        addresses: file.addresses.clone(),
        listeners: file.listeners.iter().map(listener).collect(),
    };
    Some((name, Claim::Gateway(claim)))
}

fn listener((name, file): (&String, &ListenerCheckFile)) -> (ListenerName, ListenerClaim) {
    let claim = ListenerClaim {
        attached_routes: file.attached_routes,
        conditions: conditions(&file.conditions),
    };
    (ListenerName::new(name), claim)
}

/// Conditions that the Gateway API defines (gateway-api v1.6.1: `apis/v1/*_types.go`). Others may
/// be claimed, but not ones that are a slip of these: they would never be there.
const CONDITIONS: &[&str] =
    &["Accepted", "Conflicted", "PartiallyInvalid", "Programmed", "Ready", "ResolvedRefs"];

fn report_slips(
    file: &BTreeMap<String, ConditionForm>,
    at: Place<'_>,
    problems: &mut Vec<Problem>,
) {
    for kind in file.keys().filter(|kind| !CONDITIONS.contains(&kind.as_str())) {
        if let Some(near) = nearest(kind, CONDITIONS.iter().copied()) {
            problems.push(
                Problem::at(&at.key(kind), format!("there is no condition `{kind}`"))
                    .expected(one_of(CONDITIONS))
                    .nearest(Some(near)),
            );
        }
    }
}

fn conditions(file: &BTreeMap<String, ConditionForm>) -> BTreeMap<String, ConditionClaim> {
    file.iter()
        .map(|(kind, form)| {
            let (status, reason) = match form {
                ConditionForm::Status(status) => (*status, None),
                ConditionForm::Full { status, reason } => (*status, reason.clone()),
            };
            (kind.clone(), ConditionClaim { status: condition_status(status), reason })
        })
        .collect()
}

fn condition_status(status: StatusForm) -> ConditionStatus {
    match status {
        StatusForm::True => ConditionStatus::True,
        StatusForm::False => ConditionStatus::False,
        StatusForm::Unknown => ConditionStatus::Unknown,
    }
}

/// Conditions as check names say them: `Accepted, not Programmed`.
fn in_words(conditions: &BTreeMap<String, ConditionClaim>) -> String {
    if conditions.is_empty() {
        return "status".to_owned();
    }
    let words: Vec<String> = conditions
        .iter()
        .map(|(kind, claim)| {
            let word = match claim.status {
                ConditionStatus::True => kind.clone(),
                ConditionStatus::False => format!("not {kind}"),
                ConditionStatus::Unknown => format!("{kind} unknown"),
            };
            match &claim.reason {
                Some(reason) => format!("{word} ({reason})"),
                None => word,
            }
        })
        .collect();
    words.join(", ")
}

/// Resolves claims about a route.
pub(super) fn route(
    file: &RouteCheckFile,
    at: Place<'_>,
    context: &Context<'_, '_>,
    problems: &mut Vec<Problem>,
) -> Option<Named> {
    let inventory = &context.scope.inventory;
    if !inventory.routes.contains(&file.name) && !inventory.incomplete {
        let known: Vec<String> = inventory.routes.iter().map(ToString::to_string).collect();
        let known: Vec<&str> = known.iter().map(String::as_str).collect();
        problems.push(unknown(at.get("name"), "HTTPRoute", &file.name.to_string(), &known));
    }
    if let Some(parent) = &file.parent {
        report_unknown_gateway(parent, at.get("parent"), context.scope, problems);
    }
    report_slips(&file.conditions, at.get("conditions"), problems);
    let mut conditions = conditions(&file.conditions);
    let short = [
        ("Accepted", "accepted", file.accepted),
        ("ResolvedRefs", "resolvedRefs", file.resolved_refs),
    ];
    for (kind, key, wanted) in short {
        let Some(wanted) = wanted else { continue };
        let status = if wanted { ConditionStatus::True } else { ConditionStatus::False };
        let claim = ConditionClaim { status, reason: None };
        if conditions.insert(kind.to_owned(), claim).is_some() {
            problems.push(
                Problem::at(
                    &at.key(key),
                    format!("`{key}` and `conditions.{kind}` say the same thing twice"),
                )
                .expected("one of the two"),
            );
        }
    }
    if conditions.is_empty() {
        let keys = "`accepted:`, `resolvedRefs:` or `conditions:`";
        problems.push(vacuous(at, "route", keys));
        return None;
    }
    let name = format!("route {}: {}", file.name, in_words(&conditions));
    let claim = RouteClaim { route: file.name.clone(), parent: file.parent.clone(), conditions };
    Some((name, Claim::Route(claim)))
}

/// Resolves claims about a Service.
pub(super) fn service(
    file: &ServiceCheckFile,
    at: Place<'_>,
    context: &Context<'_, '_>,
    problems: &mut Vec<Problem>,
) -> Option<Named> {
    let (service, name) = match (&file.gateway, &file.name) {
        (Some(gateway), _) => {
            report_unknown_gateway(gateway, at.get("gateway"), context.scope, problems);
            (ServiceRef::OfGateway(gateway.clone()), format!("service of gateway {gateway}"))
        }
        (None, Some(name)) => {
            report_unknown_service(name, at.get("name"), context, problems);
            (ServiceRef::Name(name.clone()), format!("service {name}"))
        }
        (None, None) => return None,
    };
    let nothing = file.service_type.is_none()
        && file.annotations.is_empty()
        && file.labels.is_empty()
        && file.addresses.is_none();
    if nothing {
        let keys = "`type:`, `annotations:`, `labels:` or `addresses:`";
        problems.push(vacuous(at, "Service", keys));
        return None;
    }
    let claim = ServiceClaim {
        service,
        service_type: file.service_type.map(|kind| service_type(kind).to_owned()),
        annotations: file.annotations.clone(),
        labels: file.labels.clone(),
        addresses: file.addresses.clone(),
    };
    Some((name, Claim::Service(claim)))
}

fn service_type(file: ServiceTypeFile) -> &'static str {
    match file {
        ServiceTypeFile::ClusterIP => "ClusterIP",
        ServiceTypeFile::NodePort => "NodePort",
        ServiceTypeFile::LoadBalancer => "LoadBalancer",
    }
}

/// A Service that a manifest or backend declares, or one that Cilium makes for a Gateway.
pub(super) fn report_unknown_service(
    name: &NamespacedName,
    at: Place<'_>,
    context: &Context<'_, '_>,
    problems: &mut Vec<Problem>,
) {
    let inventory = &context.scope.inventory;
    let of_gateway = name.name.strip_prefix("cilium-gateway-").is_some_and(|gateway| {
        inventory.gateways.contains_key(&NamespacedName::new(&name.namespace, gateway))
    });
    if of_gateway || inventory.services.contains(name) || inventory.incomplete {
        return;
    }
    let known: Vec<String> = inventory.services.iter().map(ToString::to_string).collect();
    let known: Vec<&str> = known.iter().map(String::as_str).collect();
    problems.push(unknown(at, "backend or Service", &name.to_string(), &known));
}

/// Resolves claims about a certificate.
pub(super) fn certificate(
    file: &CertificateCheckFile,
    at: Place<'_>,
    context: &Context<'_, '_>,
    problems: &mut Vec<Problem>,
) -> Named {
    let scope = context.scope;
    // A Gateway with mistakes may ask for certificates that cannot be made out.
    let unclear = scope.inventory.incomplete || !scope.inventory.changed.is_empty();
    if !scope.inventory.certificates.contains(&file.name) && !unclear {
        let known: Vec<String> =
            scope.inventory.certificates.iter().map(ToString::to_string).collect();
        let known: Vec<&str> = known.iter().map(String::as_str).collect();
        problems.push(unknown(at.get("name"), "Certificate", &file.name.to_string(), &known).note(
            "cert-manager makes one for each Secret of a Gateway's TLS listeners when the \
                 Gateway has the annotation `cert-manager.io/cluster-issuer: gateproof`",
        ));
    }
    let issued = scope.issuer != Issuer::None || scope.inventory.has_issuer;
    if file.ready && !issued && !scope.inventory.incomplete {
        problems
            .push(Problem::at(&at.get("name"), "nobody would issue this certificate").expected(
            "`certificates: {issuer: {ca: {}}}` in the scenario, or an Issuer among its manifests",
        ));
    }
    let word = if file.ready { "ready" } else { "not ready" };
    let claim = CertificateClaim {
        certificate: file.name.clone(),
        ready: file.ready,
        dns_names: file.dns_names.clone(),
    };
    (format!("certificate {}: {word}", file.name), Claim::Certificate(claim))
}
