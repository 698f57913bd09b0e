//! Which BackendTLSPolicy is in force for a port of a Service, and what Cilium says of all of them
//! (cilium/cilium 1.20 `operator/pkg/gateway-api/helpers/backendtlspolicies.go`, `policychecks/`,
//! and `setBackendTLSPolicyStatuses` of `gateway_reconcile.go`).

use std::collections::{BTreeMap, BTreeSet};

use gateproof_core::name::NamespacedName;

use super::attachment::Attached;
use super::listener::Problem;
use crate::facts::Behaviour;
use crate::resources::backend_tls::BackendTlsPolicy;
use crate::resources::core::{Pem, Service};
use crate::resources::http_route::{BackendRef, HttpRoute};
use crate::resources::route::Route;
use crate::{Input, Unmodelled};

/// Policies as one Gateway sees them.
#[derive(Debug, Default)]
pub(crate) struct Policies<'a> {
    by_service: BTreeMap<NamespacedName, Targets<'a>>,
    /// What is said of each policy.
    pub findings: BTreeMap<&'a NamespacedName, Finding>,
}

/// The policies for one Service, those in force by the name of a port.
#[derive(Debug, Default)]
struct Targets<'a> {
    valid: BTreeMap<&'a str, &'a BackendTlsPolicy>,
    invalid: BTreeSet<&'a str>,
    conflicted: BTreeMap<&'a NamespacedName, &'a BackendTlsPolicy>,
}

/// What is said of a policy as a whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Finding {
    Accepted,
    /// Why it is not accepted, and why its references are not resolved.
    Refused {
        accepted: Problem,
        resolved: Problem,
    },
    /// Another policy is older, or of the same age and first by name.
    Conflicted,
}

/// TLS that a policy asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct BackendTls {
    pub server_name: String,
    /// The ConfigMap with the authority's certificates; without one Cilium speaks no TLS at all.
    pub authority: Option<NamespacedName>,
}

/// What a policy makes of a backend.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Origination {
    /// No policy is for it.
    Plain,
    Tls(BackendTls),
    /// Only a policy that is not valid is for it, so it gets nothing.
    Excluded,
}

impl<'a> Policies<'a> {
    /// Judges the policies for Services that routes of a Gateway send to.
    pub(crate) fn judge(
        input: &Input<'a>,
        routes: &[Attached<'a>],
        unmodelled: &mut Vec<Unmodelled>,
    ) -> Self {
        if !input.holds(Behaviour::BackendTlsPolicies) {
            return Self::default();
        }
        let mut policies = Self { by_service: targets(input), findings: BTreeMap::new() };
        let used = used_services(routes);
        for (service, targets) in &mut policies.by_service {
            if !used.contains(service) {
                continue;
            }
            for (policy, finding) in judge_targets(input, service, targets) {
                say(&mut policies.findings, &policy.name, finding, unmodelled);
            }
        }
        policies
    }

    /// What the policies make of a port of a Service.
    pub(crate) fn origination(&self, service: &Service, port: u16) -> Origination {
        let Some(targets) = self.by_service.get(&service.name) else { return Origination::Plain };
        for found in service.spec.ports.iter().filter(|found| found.port == port) {
            let name = found.name.as_str();
            if let Some(policy) = targets.valid.get(name).or_else(|| targets.valid.get("")) {
                return Origination::Tls(asked(policy));
            }
            if targets.invalid.contains(name) || targets.invalid.contains("") {
                return Origination::Excluded;
            }
        }
        Origination::Plain
    }
}

/// All policies by Service. Of two for the same port the older one is in force, and of two of the
/// same age the first by namespace and name.
fn targets<'a>(input: &Input<'a>) -> BTreeMap<NamespacedName, Targets<'a>> {
    let mut by_service: BTreeMap<NamespacedName, Targets<'a>> = BTreeMap::new();
    let mut by_age: Vec<&BackendTlsPolicy> =
        input.resources.backend_tls_policies.values().collect();
    by_age.sort_by_key(|policy| (&policy.created, policy.name.to_string()));
    for policy in by_age {
        for target in policy.spec.target_refs.iter().filter(|target| target.is_service()) {
            let service = NamespacedName::new(policy.name.namespace.as_str(), target.name.as_str());
            let targets = by_service.entry(service).or_default();
            let holder = *targets.valid.entry(&target.section_name).or_insert(policy);
            if holder.name != policy.name {
                targets.conflicted.insert(&policy.name, policy);
            }
        }
    }
    by_service
}

/// Services that HTTPRoutes name as backends.
fn used_services(routes: &[Attached<'_>]) -> BTreeSet<NamespacedName> {
    let http = routes.iter().filter_map(|attached| {
        if let Route::Http(route) = attached.route { Some(route) } else { None }
    });
    http.flat_map(|route| references(route).map(|found| found.service(&route.name.namespace)))
        .collect()
}

fn references(route: &HttpRoute) -> impl Iterator<Item = &BackendRef> {
    route.spec.rules.iter().flat_map(|rule| {
        let auth = rule.filters.iter().filter_map(|filter| filter.external_auth.as_ref());
        let backends = rule.backend_refs.iter().filter(|backend| backend.is_service());
        backends.chain(auth.map(|auth| &auth.backend_ref))
    })
}

/// Moves policies that are not valid aside, and tells what is said of each.
fn judge_targets<'a>(
    input: &Input<'_>,
    service: &NamespacedName,
    targets: &mut Targets<'a>,
) -> Vec<(&'a BackendTlsPolicy, Finding)> {
    if !input.resources.services.contains_key(service) {
        let message = format!("TargetRef does not exist: {service}");
        let all = targets.valid.values().chain(targets.conflicted.values());
        return all
            .map(|policy| (*policy, refused(&message, "Invalid", "BackendNotFound")))
            .collect();
    }
    let mut said = Vec::new();
    for (section, policy) in std::mem::take(&mut targets.valid) {
        match invalid(input, policy) {
            None => {
                said.push((policy, Finding::Accepted));
                targets.valid.insert(section, policy);
            }
            Some(finding) => {
                said.push((policy, finding));
                targets.invalid.insert(section);
            }
        }
    }
    said.extend(targets.conflicted.values().map(|policy| (*policy, Finding::Conflicted)));
    said
}

/// A target that is fine outweighs one that does not exist. Otherwise Services are looked at in no
/// fixed order and the last one is told.
fn say<'a>(
    findings: &mut BTreeMap<&'a NamespacedName, Finding>,
    policy: &'a NamespacedName,
    finding: Finding,
    unmodelled: &mut Vec<Unmodelled>,
) {
    let outweighs = |one: &Finding, other: &Finding| {
        *one == Finding::Accepted && matches!(other, Finding::Refused { .. })
    };
    if let Some(before) = findings.get(policy) {
        if outweighs(before, &finding) {
            return;
        }
        if *before != finding && !outweighs(&finding, before) {
            unmodelled.push(Unmodelled::new(
                format!("BackendTLSPolicy {policy}"),
                "several targets of which different things are said",
            ));
        }
    }
    findings.insert(policy, finding);
}

/// What Cilium does not support or cannot find, if anything.
fn invalid(input: &Input<'_>, policy: &BackendTlsPolicy) -> Option<Finding> {
    let validation = &policy.spec.validation;
    let refs = &validation.ca_certificate_refs;
    let first = refs.first()?;
    if validation.well_known_ca_certificates.is_some() {
        let message = "Cannot have both CACertificateRefs and wellKnownCACertificates set";
        return Some(refused(message, "Invalid", "Invalid"));
    }
    if refs.len() > 1 {
        let message = "Having more than one CA Certificate Ref is not supported";
        return Some(refused(message, "Invalid", "Invalid"));
    }
    let no_authority = |message: &str, resolved| refused(message, "NoValidCACertificate", resolved);
    if !first.group.is_empty() || first.kind != "ConfigMap" {
        let message = "Only ConfigMaps are supported for CA Certificate Refs";
        return Some(no_authority(message, "InvalidKind"));
    }
    let name = NamespacedName::new(policy.name.namespace.as_str(), first.name.as_str());
    let message = match input.resources.config_maps.get(&name).map(|found| found.authority) {
        None => format!("CA Certificate does not exist: {name}"),
        Some(None) => "CA Certificate ConfigMap does not contain a `ca.crt` key".to_owned(),
        Some(Some(Pem::Missing)) => {
            "CA Certificate ConfigMap does not contain at least one valid PEM-encoded certificate"
                .to_owned()
        }
        Some(Some(Pem::Present)) => return None,
    };
    Some(no_authority(&message, "InvalidCACertificateRef"))
}

fn refused(message: &str, accepted: &'static str, resolved: &'static str) -> Finding {
    let problem = |reason| Problem { reason, message: message.to_owned() };
    Finding::Refused { accepted: problem(accepted), resolved: problem(resolved) }
}

fn asked(policy: &BackendTlsPolicy) -> BackendTls {
    let validation = &policy.spec.validation;
    BackendTls {
        server_name: validation.hostname.clone(),
        authority: validation.ca_certificate_refs.first().map(|reference| {
            NamespacedName::new(policy.name.namespace.as_str(), reference.name.as_str())
        }),
    }
}

#[cfg(test)]
mod tests;
