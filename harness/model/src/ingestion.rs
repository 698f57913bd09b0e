//! Ingestion: what each listener of a Gateway serves, before any of it is Envoy's
//! (cilium/cilium `operator/pkg/model/ingestion/gateway.go`).
//!
//! Rules that ask for something the model does not cover are named and left out.

mod backend;
mod duration;
mod filter;
mod grpc;
mod http;
pub(crate) mod layer_four;
pub(crate) mod passthrough;
mod rule;

use gateproof_core::name::NamespacedName;

pub(crate) use self::backend::Backend;
pub(crate) use self::filter::Rewrite;
pub(crate) use self::rule::{HttpRule, RuleProtocol};
use crate::checks::attachment::{Attached, Written, served_hosts};
use crate::checks::backend_tls::Policies;
use crate::checks::listener::{Checked, is_permitted};
use crate::facts::Behaviour;
use crate::resources::route::Route;
use crate::{Input, Unmodelled};

/// A listener with what it serves.
#[derive(Debug, Clone)]
pub(crate) struct HttpListener {
    /// Its host name, `*` for every host.
    pub hostname: String,
    pub port: u16,
    pub security: Security,
    pub rules: Vec<HttpRule>,
}

/// Whether a listener's routes are reached through TLS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Security {
    /// Plain HTTP.
    Plain,
    /// TLS with these Secrets; empty when none may be used.
    Tls(Vec<NamespacedName>),
}

/// Works out what listeners that are served serve.
pub(crate) fn ingest(
    input: &Input<'_>,
    served: &[Written<'_>],
    routes: &[Attached<'_>],
    policies: &Policies<'_>,
    unmodelled: &mut Vec<Unmodelled>,
) -> Vec<HttpListener> {
    served
        .iter()
        .filter(|written| written.listener.is_envoys())
        .enumerate()
        .map(|(position, written)| HttpListener {
            hostname: written.listener.hostname().unwrap_or("*").to_owned(),
            port: written.listener.port,
            security: security(input, *written),
            rules: routes
                .iter()
                .flat_map(|attached| {
                    let hosts = served_hosts(input, served, *written, *attached);
                    let turn = rule::Turn { listener: position, kind: attached.route.kind() };
                    let port = written.listener.port;
                    let place = rule::Place { hosts: &hosts, port, turn, policies };
                    serve(input, attached.route, place, unmodelled)
                })
                .collect(),
        })
        .collect()
}

/// The listeners that are served, in order of precedence.
pub(crate) fn served<'a>(input: &Input<'_>, checked: &[Checked<'a>]) -> Vec<Written<'a>> {
    let rejects = input.holds(Behaviour::RejectedListenersNotServed);
    let mut served = Vec::new();
    for Checked { source, validities } in checked {
        for (listener, validity) in source.listeners.iter().zip(validities) {
            if !rejects || validity.is_valid() {
                served.push(Written { source: *source, listener });
            }
        }
    }
    served
}

/// Names the fields of a route that are not read.
fn unread(route: Route<'_>, unmodelled: &mut Vec<Unmodelled>) {
    let fields = route.unread().iter();
    unmodelled
        .extend(fields.map(|field| Unmodelled::new(route.object(), format!("field spec.{field}"))));
}

/// The Secrets of a listener that it may use.
fn security(input: &Input<'_>, Written { source, listener }: Written<'_>) -> Security {
    let Some(tls) = &listener.tls else { return Security::Plain };
    let secrets: Vec<NamespacedName> = tls
        .certificate_refs
        .iter()
        .filter(|certificate| is_permitted(input, source, certificate))
        .map(|certificate| certificate.secret(source.namespace()))
        .collect();
    if secrets.is_empty() && input.holds(Behaviour::UnpermittedCertificateServedPlain) {
        return Security::Plain;
    }
    Security::Tls(secrets)
}

/// The rules of one route in a place.
fn serve(
    input: &Input<'_>,
    route: Route<'_>,
    place: rule::Place<'_>,
    unmodelled: &mut Vec<Unmodelled>,
) -> Vec<HttpRule> {
    if place.hosts.is_empty() {
        return Vec::new();
    }
    match route {
        Route::Http(route) => http::read(input, route, place, unmodelled),
        Route::Grpc(route) => grpc::read(input, route, place, unmodelled),
        Route::Tls(_) | Route::Tcp(_) | Route::Udp(_) => Vec::new(),
    }
}

#[cfg(test)]
mod tests;
