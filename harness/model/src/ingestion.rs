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
use crate::checks::attachment::{Attached, served_hosts};
use crate::checks::backend_tls::Policies;
use crate::checks::listener::{is_permitted, validate_all};
use crate::facts::Behaviour;
use crate::resources::gateway::{Gateway, Listener};
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

/// Works out what a Gateway's listeners serve.
pub(crate) fn ingest(
    input: &Input<'_>,
    gateway: &Gateway,
    routes: &[Attached<'_>],
    policies: &Policies<'_>,
    unmodelled: &mut Vec<Unmodelled>,
) -> Vec<HttpListener> {
    served(input, gateway)
        .filter(|listener| listener.is_envoys())
        .enumerate()
        .map(|(position, listener)| HttpListener {
            hostname: listener.hostname().unwrap_or("*").to_owned(),
            port: listener.port,
            security: security(input, gateway, listener),
            rules: routes
                .iter()
                .flat_map(|attached| {
                    let hosts = served_hosts(input, gateway, listener, *attached);
                    let turn = rule::Turn { listener: position, kind: attached.route.kind() };
                    let place = rule::Place { hosts: &hosts, port: listener.port, turn, policies };
                    serve(input, attached.route, place, unmodelled)
                })
                .collect(),
        })
        .collect()
}

/// The listeners that are served.
fn served<'a>(input: &Input<'_>, gateway: &'a Gateway) -> impl Iterator<Item = &'a Listener> {
    let rejects = input.holds(Behaviour::RejectedListenersNotServed);
    let validities = validate_all(input, gateway);
    let listeners = gateway.spec.listeners.iter().zip(validities);
    listeners
        .filter(move |(_, validity)| !rejects || validity.is_valid())
        .map(|(listener, _)| listener)
}

/// Names the fields of a route that are not read.
fn unread(route: Route<'_>, unmodelled: &mut Vec<Unmodelled>) {
    let fields = route.unread().iter();
    unmodelled
        .extend(fields.map(|field| Unmodelled::new(route.object(), format!("field spec.{field}"))));
}

/// The Secrets of a listener that the Gateway may use.
fn security(input: &Input<'_>, gateway: &Gateway, listener: &Listener) -> Security {
    let Some(tls) = &listener.tls else { return Security::Plain };
    let secrets: Vec<NamespacedName> = tls
        .certificate_refs
        .iter()
        .filter(|certificate| is_permitted(input, gateway, certificate))
        .map(|certificate| certificate.secret(&gateway.name.namespace))
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
