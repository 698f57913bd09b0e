//! Whether a route's references to backends are resolved, in Cilium's words
//! (cilium/cilium `operator/pkg/gateway-api/routechecks/route_checks.go`), and which Service stands
//! behind a reference (`helpers/servicelookup.go`, `operator/pkg/model/ingestion/gateway.go`).

use gateproof_core::name::NamespacedName;

use super::listener::Problem;
use super::reference_grant::{Referrer, Target, permits};
use crate::Input;
use crate::facts::Behaviour;
use crate::resources::Definition;
use crate::resources::core::Service;
use crate::resources::http_route::BackendRef;
use crate::resources::route::Route;
use crate::resources::service_import::DERIVED_SERVICE;

/// Why references of a route are not resolved, if so. Of several problems found by one check the
/// last is the one told.
pub(crate) fn resolve(input: &Input<'_>, route: Route<'_>) -> Option<Problem> {
    let refs = backend_refs(input, route);
    let problem = |reason, message: String| Some(Problem { reason, message });
    let foreign = |backend: &&&BackendRef| {
        backend.service(&route.name().namespace).namespace != route.name().namespace
    };
    if refs.iter().filter(foreign).any(|backend| !is_granted(input, route, backend)) {
        return problem("RefNotPermitted", "Cross namespace references are not allowed".to_owned());
    }
    if let Some(message) = refs.iter().rev().find_map(|backend| malformed(backend)) {
        return problem("InvalidKind", message);
    }
    let imports = input.resources.service_import_definition;
    if imports == Definition::NotSeen && refs.iter().any(|backend| backend.is_service_import()) {
        return problem(
            "BackendNotFound",
            "Attempt to reference a ServiceImport backend while the corresponding CRD is not \
             installed, please restart the cilium-operator if the CRD is already installed"
                .to_owned(),
        );
    }
    let missing = refs.iter().rev().find_map(|backend| missing(input, route, backend));
    missing.and_then(|message| problem("BackendNotFound", message))
}

fn malformed(backend: &BackendRef) -> Option<String> {
    if !backend.is_service() && !backend.is_service_import() {
        Some(format!("Unsupported backend kind {}", backend.kind))
    } else if backend.port.is_none() {
        Some("Must have port for backend object reference".to_owned())
    } else {
        None
    }
}

fn missing(input: &Input<'_>, route: Route<'_>, backend: &BackendRef) -> Option<String> {
    let name = match service_name(input, route, backend) {
        Ok(name) => name,
        Err(message) => return Some(message),
    };
    let Some(service) = input.resources.services.get(&name) else {
        return Some(format!("Service \"{}\" not found", name.name));
    };
    let port = backend.port?;
    (input.holds(Behaviour::BackendPortMustExist) && !has_port(service, port)).then(|| {
        format!(
            "Service port {port} could not be resolved for backend {}/{}",
            name.namespace, name.name
        )
    })
}

fn has_port(service: &Service, port: u16) -> bool {
    service.spec.ports.iter().any(|found| found.port == port)
}

/// The Service behind a reference to a Service or ServiceImport, or why there is none.
fn service_name(
    input: &Input<'_>,
    route: Route<'_>,
    backend: &BackendRef,
) -> Result<NamespacedName, String> {
    let target = backend.service(&route.name().namespace);
    if !backend.is_service_import() {
        return Ok(target);
    }
    let Some(import) = input.resources.service_imports.get(&target) else {
        return Err(format!("ServiceImport.multicluster.x-k8s.io \"{}\" not found", target.name));
    };
    match &import.service {
        Some(service) => Ok(NamespacedName::new(target.namespace.as_str(), service.as_str())),
        None => Err(format!(
            "ServiceImport {}/{} does not have annotation {DERIVED_SERVICE}",
            import.name.namespace, import.name.name
        )),
    }
}

/// Every reference to a backend that counts, mirrors included, in the order of the checks.
fn backend_refs<'a>(input: &Input<'_>, route: Route<'a>) -> Vec<&'a BackendRef> {
    let auth_counts = input.holds(Behaviour::ExternalAuthResolved);
    let of_filters = |filter: &'a crate::resources::http_route::Filter| match filter.kind.as_str() {
        "RequestMirror" => filter.request_mirror.as_ref().map(|mirror| &mirror.backend_ref),
        "ExternalAuth" if auth_counts => {
            filter.external_auth.as_ref().map(|auth| &auth.backend_ref)
        }
        _ => None,
    };
    route
        .rules()
        .into_iter()
        .flat_map(|rule| rule.backends.iter().chain(rule.filters.iter().filter_map(of_filters)))
        .collect()
}

/// The Service that traffic for a reference goes to: granted, of a kind that is served, existing,
/// and with a port in the reference. Whether the Service has that port plays no part.
pub(crate) fn usable_service(
    input: &Input<'_>,
    route: Route<'_>,
    backend: &BackendRef,
) -> Option<NamespacedName> {
    backend.port?;
    if !is_granted(input, route, backend) {
        return None;
    }
    let name = service_name(input, route, backend).ok()?;
    input.resources.services.contains_key(&name).then_some(name)
}

/// Whether a reference is to a kind that is served, and allowed.
pub(crate) fn is_granted(input: &Input<'_>, route: Route<'_>, backend: &BackendRef) -> bool {
    let group = match (backend.is_service(), backend.is_service_import()) {
        (true, _) => "",
        (_, true) => "multicluster.x-k8s.io",
        (false, false) => return false,
    };
    let target = backend.service(&route.name().namespace);
    permits(
        &input.resources.grants,
        Referrer { kind: route.kind().as_str(), namespace: &route.name().namespace },
        Target { group, kind: &backend.kind, namespace: &target.namespace, name: &target.name },
    )
}
