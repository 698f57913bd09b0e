//! Certificates along their way to a client: Certificate → Secret → Cilium's copy → what is served.

mod pem;

use std::collections::BTreeSet;

use gateproof_core::cilium::CiliumConfig;
use gateproof_core::dossier::{CertificateAtHop, Dossier, Found, Hop, text};
use gateproof_core::event::PlacedHttp;
use gateproof_core::name::NamespacedName;
use gateproof_core::observation::{HttpOutcome, TlsObservation};
use gateproof_model::secret_copies;
use serde_json::Value;

use crate::evidence::{Evidence, name};

/// The group of Gateways.
const GATEWAY: &str = "gateway.networking.k8s.io";

/// What has listeners: a Gateway, or a ListenerSet that adds some to one.
#[derive(Debug, Clone)]
struct Holder<'v> {
    object: &'v Value,
    gateway: NamespacedName,
    /// What is put before the names of listeners, which a set may share with its Gateway.
    prefix: String,
}

/// Everything that has listeners. A ListenerSet counts once it is accepted: before 1.20 Cilium
/// takes no notice of them (`gateproof_model::facts`, `LayerFourRoutes`), and
/// nothing is owed to one that was refused.
fn holders(evidence: &Evidence) -> Vec<Holder<'_>> {
    let gateways = evidence.list(GATEWAY, "Gateway").filter_map(|object| {
        Some(Holder { object, gateway: name(object)?, prefix: String::new() })
    });
    let sets = evidence.list(GATEWAY, "ListenerSet").filter_map(of_set);
    gateways.chain(sets).collect()
}

fn of_set(object: &Value) -> Option<Holder<'_>> {
    let own = name(object)?;
    let is_accepted = list(object, "/status/conditions").any(|condition| {
        text(condition, "/type") == Some("Accepted") && text(condition, "/status") == Some("True")
    });
    let parent = text(object, "/spec/parentRef/name").filter(|_| is_accepted)?;
    let namespace = text(object, "/spec/parentRef/namespace").unwrap_or(&own.namespace);
    let gateway = NamespacedName::new(namespace, parent);
    Some(Holder { object, gateway, prefix: format!("ListenerSet {own} ") })
}

/// A listener's mention of a Secret.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Reference {
    gateway: NamespacedName,
    listener: String,
    /// The Secret it names.
    pub(crate) secret: NamespacedName,
}

/// Every Secret that a listener names, in the order of Gateways, of ListenerSets and of listeners.
pub(crate) fn references(evidence: &Evidence) -> Vec<Reference> {
    let named = holders(evidence).into_iter().flat_map(|holder| of_holder(&holder));
    named.map(|(_, reference)| reference).collect()
}

/// The Secrets that listeners name, each with its listener.
fn of_holder<'v>(holder: &Holder<'v>) -> Vec<(&'v Value, Reference)> {
    let own = text(holder.object, "/metadata/namespace").unwrap_or_default();
    let mut found = Vec::new();
    for listener in list(holder.object, "/spec/listeners") {
        // Without a mode it is Terminate, and other modes hold no certificate.
        if text(listener, "/tls/mode").is_some_and(|mode| mode != "Terminate") {
            continue;
        }
        for reference in list(listener, "/tls/certificateRefs") {
            let is_secret = text(reference, "/kind").is_none_or(|kind| kind == "Secret")
                && text(reference, "/group").is_none_or(str::is_empty);
            let Some(secret) = text(reference, "/name").filter(|_| is_secret) else { continue };
            let namespace = text(reference, "/namespace").unwrap_or(own);
            let name = text(listener, "/name").unwrap_or_default();
            let reference = Reference {
                gateway: holder.gateway.clone(),
                listener: format!("{}{name}", holder.prefix),
                secret: NamespacedName::new(namespace, secret),
            };
            found.push((listener, reference));
        }
    }
    found
}

/// What Cilium's copies of these Secrets may be called.
pub(crate) fn copies(config: &CiliumConfig, secret: &NamespacedName) -> [NamespacedName; 2] {
    secret_copies(&config.secrets_namespace, secret)
}

/// The Secrets that a dossier is about: those that listeners name, and their copies.
pub(super) fn wanted(
    evidence: &Evidence,
    config: Option<&CiliumConfig>,
) -> BTreeSet<NamespacedName> {
    let mut wanted = BTreeSet::new();
    for reference in references(evidence) {
        wanted.extend(config.iter().flat_map(|config| copies(config, &reference.secret)));
        wanted.insert(reference.secret);
    }
    wanted
}

/// Every hop but what is served, for each listener.
pub(super) fn hops(evidence: &Evidence, config: Option<&CiliumConfig>) -> Vec<CertificateAtHop> {
    let references: BTreeSet<Reference> = references(evidence).into_iter().collect();
    let mut hops = Vec::new();
    for reference in references {
        let mut add = |hop: Hop, found: Found| {
            hops.push(CertificateAtHop {
                gateway: reference.gateway.clone(),
                listener: reference.listener.clone(),
                secret: reference.secret.clone(),
                hop,
                found,
            });
        };
        for certificate in certificates_for(evidence, &reference.secret) {
            if let Some(name) = name(certificate) {
                add(Hop::Certificate(name), readiness(certificate));
            }
        }
        add(Hop::Secret, in_secret(evidence, &reference.secret));
        if let Some(config) = config.filter(|config| config.gateway_api) {
            let (copy, found) = in_copy(evidence, config, &reference.secret);
            add(Hop::Copy(copy), found);
        }
    }
    hops
}

/// cert-manager's Certificates that write this Secret.
fn certificates_for<'e>(
    evidence: &'e Evidence,
    secret: &'e NamespacedName,
) -> impl Iterator<Item = &'e Value> {
    evidence.list("cert-manager.io", "Certificate").filter(|certificate| {
        text(certificate, "/spec/secretName") == Some(&secret.name)
            && text(certificate, "/metadata/namespace") == Some(&secret.namespace)
    })
}

fn readiness(certificate: &Value) -> Found {
    let ready = list(certificate, "/status/conditions")
        .find(|condition| text(condition, "/type") == Some("Ready"));
    match ready {
        Some(condition) if text(condition, "/status") == Some("True") => Found::Chain(Vec::new()),
        Some(condition) => {
            let reason = text(condition, "/reason").unwrap_or("no reason");
            let message = text(condition, "/message").unwrap_or("no message");
            Found::Unusable(format!("not ready: {reason}: {message}"))
        }
        None => Found::Unusable("not ready: it has no status yet".to_owned()),
    }
}

fn in_copy(
    evidence: &Evidence,
    config: &CiliumConfig,
    secret: &NamespacedName,
) -> (NamespacedName, Found) {
    let names = copies(config, secret);
    let found = names.iter().find_map(|name| match in_secret(evidence, name) {
        Found::Nothing => None,
        found => Some((name.clone(), found)),
    });
    let [plain, _] = names;
    found.unwrap_or((plain, Found::Nothing))
}

fn in_secret(evidence: &Evidence, secret: &NamespacedName) -> Found {
    match evidence.get("Secret", secret) {
        Some(object) => pem::read(object),
        None if evidence.knows_secret(secret) => Found::Nothing,
        None => Found::NotRead,
    }
}

/// Adds what was served to requests for a Gateway to a dossier. Requests without TLS say nothing,
/// and neither do those whose server name belongs to no listener that terminates TLS.
pub fn served(dossier: &mut Dossier, gateway: &NamespacedName, requests: &[PlacedHttp]) {
    let Some(object) =
        dossier.get(GATEWAY, "Gateway", Some(&gateway.namespace), &gateway.name).cloned()
    else {
        return;
    };
    let own = Holder { object: &object, gateway: gateway.clone(), prefix: String::new() };
    let sets: Vec<Value> = dossier.list(GATEWAY, "ListenerSet").cloned().collect();
    let of_sets = sets.iter().filter_map(of_set).filter(|set| set.gateway == *gateway);
    let listeners: Vec<(&Value, Reference)> =
        std::iter::once(own).chain(of_sets).flat_map(|holder| of_holder(&holder)).collect();
    for request in requests {
        let Some(tls) = &request.observation.tls else { continue };
        let server_name = tls.server_name.clone().unwrap_or_default();
        let Some(reference) = reference_for(&listeners, &server_name) else { continue };
        let hop = Hop::Served { place: request.place.clone(), server_name };
        dossier.certificates.retain(|known| known.hop != hop || known.gateway != *gateway);
        dossier.certificates.push(CertificateAtHop {
            gateway: reference.gateway,
            listener: reference.listener,
            secret: reference.secret,
            hop,
            found: in_handshake(tls, &request.observation.outcome),
        });
    }
}

fn in_handshake(tls: &TlsObservation, outcome: &HttpOutcome) -> Found {
    if !tls.chain.is_empty() {
        return pem::facts(&tls.chain);
    }
    match outcome {
        HttpOutcome::TlsFailed(failure) => Found::Unusable(failure.to_string()),
        _ => Found::Nothing,
    }
}

/// The listener whose host name fits best: itself, else the longest wildcard, else none at all.
fn reference_for(listeners: &[(&Value, Reference)], server_name: &str) -> Option<Reference> {
    let fit = |host: Option<&str>| match host {
        None | Some("") => Some(0),
        Some(host) if host == server_name => Some(usize::MAX),
        Some(host) => {
            let suffix = host.strip_prefix('*')?;
            server_name.ends_with(suffix).then_some(suffix.len())
        }
    };
    listeners
        .iter()
        .filter_map(|(listener, reference)| Some((fit(text(listener, "/hostname"))?, reference)))
        .max_by_key(|(fit, _)| *fit)
        .map(|(_, reference)| reference.clone())
}

fn list<'v>(value: &'v Value, pointer: &str) -> impl Iterator<Item = &'v Value> {
    value.pointer(pointer).and_then(Value::as_array).into_iter().flatten()
}

#[cfg(test)]
mod tests;
