//! Backends of rules: ports of Services that can be used.

use gateproof_core::name::NamespacedName;

use super::filter::edits;
use crate::Input;
use crate::checks::backend_tls::{BackendTls, Origination, Policies};
use crate::checks::reference::usable_service;
use crate::resources::http_route::{BackendRef, Filter};
use crate::resources::route::Route;
use crate::translation::envoy::HeaderEdits;

/// A backend: a port of a Service.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Backend {
    pub service: NamespacedName,
    pub port: u16,
    pub weight: u32,
    /// What the Service says is spoken at that port.
    pub app_protocol: Option<String>,
    /// TLS that a policy asks for.
    pub tls: Option<BackendTls>,
}

impl Backend {
    /// The name of Envoy's cluster.
    pub(crate) fn cluster(&self) -> String {
        format!("{}:{}:{}", self.service.namespace, self.service.name, self.port)
    }
}

/// Header edits of one filter of a backend.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct BackendEdits {
    /// The backend, by its cluster.
    pub cluster: String,
    pub request: HeaderEdits,
    pub response: HeaderEdits,
}

/// A port of a Service as backend.
pub(super) fn backend(
    input: &Input<'_>,
    service: NamespacedName,
    reference: &BackendRef,
) -> Backend {
    let port = reference.port.expect("a usable backend has a port");
    let found = input.resources.services.get(&service);
    let app_protocol = found.and_then(|service| {
        service.spec.ports.iter().find(|found| found.port == port)?.app_protocol.clone()
    });
    Backend { service, port, weight: reference.weight, app_protocol, tls: None }
}

/// The backends of a rule that can be used, and the header edits of their filters, in order. The
/// share of a backend that cannot be used falls to the others.
pub(super) fn backends(
    input: &Input<'_>,
    route: Route<'_>,
    references: &[BackendRef],
    policies: Option<&Policies<'_>>,
) -> (Vec<Backend>, Vec<BackendEdits>) {
    let (mut backends, mut all_edits) = (Vec::new(), Vec::new());
    for reference in references {
        let Some(service) = usable_service(input, route, reference) else { continue };
        let mut backend = backend(input, service, reference);
        if let (Some(policies), Some(service)) =
            (policies, input.resources.services.get(&backend.service))
        {
            match policies.origination(service, backend.port) {
                Origination::Plain => {}
                Origination::Tls(tls) => backend.tls = Some(tls),
                Origination::Excluded => continue,
            }
        }
        all_edits
            .extend(reference.filters.iter().filter_map(|filter| filter_edits(&backend, filter)));
        backends.push(backend);
    }
    (backends, all_edits)
}

/// Filters of a backend that are no header modifiers have no effect in any version.
fn filter_edits(backend: &Backend, filter: &Filter) -> Option<BackendEdits> {
    let none = HeaderEdits::default;
    let (request, response) = match filter.kind.as_str() {
        "RequestHeaderModifier" => (edits(filter.request_header_modifier.as_ref()?), none()),
        "ResponseHeaderModifier" => (none(), edits(filter.response_header_modifier.as_ref()?)),
        _ => return None,
    };
    Some(BackendEdits { cluster: backend.cluster(), request, response })
}
