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

/// A listener's mention of a Secret.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Reference {
    gateway: NamespacedName,
    listener: String,
    /// The Secret it names.
    pub(crate) secret: NamespacedName,
}

/// Every Secret that a listener names, in the order of Gateways and listeners.
pub(crate) fn references<'v>(gateways: impl Iterator<Item = &'v Value>) -> Vec<Reference> {
    gateways.flat_map(of_gateway).collect()
}

fn of_gateway(gateway: &Value) -> Vec<Reference> {
    let Some(gateway_name) = name(gateway) else { return Vec::new() };
    let mut found = Vec::new();
    for listener in list(gateway, "/spec/listeners") {
        // Without a mode it is Terminate, and other modes hold no certificate.
        if text(listener, "/tls/mode").is_some_and(|mode| mode != "Terminate") {
            continue;
        }
        for reference in list(listener, "/tls/certificateRefs") {
            let is_secret = text(reference, "/kind").is_none_or(|kind| kind == "Secret")
                && text(reference, "/group").is_none_or(str::is_empty);
            let Some(secret) = text(reference, "/name").filter(|_| is_secret) else { continue };
            let namespace = text(reference, "/namespace").unwrap_or(&gateway_name.namespace);
            found.push(Reference {
                gateway: gateway_name.clone(),
                listener: text(listener, "/name").unwrap_or_default().to_owned(),
                secret: NamespacedName::new(namespace, secret),
            });
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
    for reference in references(evidence.list(GATEWAY, "Gateway")) {
        wanted.extend(config.iter().flat_map(|config| copies(config, &reference.secret)));
        wanted.insert(reference.secret);
    }
    wanted
}

/// Every hop but what is served, for each listener.
pub(super) fn hops(evidence: &Evidence, config: Option<&CiliumConfig>) -> Vec<CertificateAtHop> {
    let references: BTreeSet<Reference> =
        references(evidence.list(GATEWAY, "Gateway")).into_iter().collect();
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
    for request in requests {
        let Some(tls) = &request.observation.tls else { continue };
        let server_name = tls.server_name.clone().unwrap_or_default();
        let Some(reference) = reference_for(&object, &server_name) else { continue };
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
fn reference_for(gateway: &Value, server_name: &str) -> Option<Reference> {
    let fit = |host: Option<&str>| match host {
        None | Some("") => Some(0),
        Some(host) if host == server_name => Some(usize::MAX),
        Some(host) => {
            let suffix = host.strip_prefix('*')?;
            server_name.ends_with(suffix).then_some(suffix.len())
        }
    };
    of_gateway(gateway)
        .into_iter()
        .filter_map(|reference| {
            let listener = list(gateway, "/spec/listeners")
                .find(|listener| text(listener, "/name") == Some(&reference.listener))?;
            Some((fit(text(listener, "/hostname"))?, reference))
        })
        .max_by_key(|(fit, _)| *fit)
        .map(|(_, reference)| reference)
}

fn list<'v>(value: &'v Value, pointer: &str) -> impl Iterator<Item = &'v Value> {
    value.pointer(pointer).and_then(Value::as_array).into_iter().flatten()
}

#[cfg(test)]
mod tests;
