//! Ingestion: what each listener of a Gateway serves, before any of it is Envoy's
//! (cilium/cilium `operator/pkg/model/ingestion/gateway.go`).
//!
//! Rules that ask for something the model does not cover are named and left out.

pub(crate) mod passthrough;
mod rule;

use gateproof_core::name::NamespacedName;

pub(crate) use self::rule::{Backend, HttpRule};
use crate::checks::hostname::intersect;
use crate::checks::listener::{is_permitted, validate_all};
use crate::checks::route::{Attached, is_allowed, selects};
use crate::facts::Behaviour;
use crate::resources::gateway::{Gateway, Listener, Protocol};
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
    unmodelled: &mut Vec<Unmodelled>,
) -> Vec<HttpListener> {
    let rejects = input.holds(Behaviour::RejectedListenersNotServed);
    gateway
        .spec
        .listeners
        .iter()
        .zip(validate_all(input, gateway))
        .filter(|(_, validity)| !rejects || validity.is_valid())
        .map(|(listener, _)| listener)
        .filter(|listener| {
            matches!(listener.speaks(), Protocol::Http | Protocol::Https | Protocol::Tls)
        })
        .map(|listener| HttpListener {
            hostname: listener.hostname().unwrap_or("*").to_owned(),
            port: listener.port,
            security: security(input, gateway, listener),
            rules: routes
                .iter()
                .flat_map(|attached| serve(input, gateway, listener, *attached, unmodelled))
                .collect(),
        })
        .collect()
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

/// The rules of one route that a listener serves.
fn serve(
    input: &Input<'_>,
    gateway: &Gateway,
    listener: &Listener,
    attached: Attached<'_>,
    unmodelled: &mut Vec<Unmodelled>,
) -> Vec<HttpRule> {
    let route = attached.route;
    let means = attached.means(gateway, listener);
    let policy = input.holds(Behaviour::ListenerPolicyInRouting);
    if !policy && !means && route.spec.parent_refs.iter().any(|parent| selects(parent, listener)) {
        // Old ingestion compared section names without looking whose they were; from which
        // release on it looks was not read.
        unmodelled.push(Unmodelled::new(
            route.object(),
            format!(
                "a parentRef to another Gateway that fits listener {} of {}",
                listener.name,
                gateway.object()
            ),
        ));
    }
    if !means || (policy && !is_allowed(input, gateway, listener, &route.name.namespace)) {
        return Vec::new();
    }
    let hosts =
        intersect(&route.spec.hostnames, listener.hostname(), &isolating(input, gateway, listener));
    if hosts.is_empty() {
        return Vec::new();
    }
    rule::read(input, route, &hosts, unmodelled)
}

/// Host names of other listeners that take hosts away from this one.
fn isolating<'a>(input: &Input<'_>, gateway: &'a Gateway, listener: &Listener) -> Vec<&'a str> {
    let per_protocol = input.holds(Behaviour::IsolationPerProtocol);
    gateway
        .spec
        .listeners
        .iter()
        .filter(|other| !per_protocol || other.protocol == listener.protocol)
        .filter_map(Listener::hostname)
        .collect()
}
