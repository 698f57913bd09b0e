//! Whether a listener is valid: its certificates and the kinds of routes it allows
//! (cilium/cilium `gateway_reconcile.go`, `validateListener` and `setListenerStatus`).
//!
//! Only HTTP and HTTPS listeners come here; others are outside the model ([`super::coverage`]).

use super::reference_grant::{Referrer, Target, permits};
use crate::Input;
use crate::facts::Behaviour;
use crate::resources::core::Pem;
use crate::resources::gateway::{CertificateRef, GROUP, Gateway, Listener};

/// What is known of a listener by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Validity {
    /// Kinds of routes it supports.
    pub kinds: Vec<&'static str>,
    /// Why its references are not resolved, if so.
    pub refs: Option<Problem>,
    /// Why it is not valid, in Cilium's words; empty when it is.
    pub messages: Vec<String>,
}

/// A reason of the Gateway API and Cilium's message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Problem {
    pub reason: &'static str,
    pub message: String,
}

impl Validity {
    /// Whether the listener can be accepted.
    pub(crate) fn is_valid(&self) -> bool {
        self.messages.is_empty()
    }
}

/// Kinds that listeners for HTTP and HTTPS support.
pub(crate) fn supported_kinds(input: &Input<'_>) -> &'static [&'static str] {
    if input.holds(Behaviour::WaitsForAddress) {
        &["HTTPRoute", "GRPCRoute"]
    } else {
        &["HTTPRoute"]
    }
}

/// Checks one listener.
pub(crate) fn validate(input: &Input<'_>, gateway: &Gateway, listener: &Listener) -> Validity {
    let all = supported_kinds(input);
    let allowed = &listener.allowed_routes.kinds;
    let mut validity = Validity { kinds: all.to_vec(), refs: None, messages: Vec::new() };
    if !allowed.is_empty() {
        validity.kinds.retain(|kind| allowed.iter().any(|a| a.group == GROUP && a.kind == *kind));
        if validity.kinds.len() != allowed.len() {
            validity.refs = Some(Problem {
                reason: "InvalidRouteKinds",
                message: "Unsupported Route Kinds in allowedRoutes.kinds".to_owned(),
            });
            if validity.kinds.is_empty() {
                validity.messages.push("None of the Allowed Route Kinds are supported.".to_owned());
            }
        }
    }
    for certificate in listener.tls.iter().flat_map(|tls| &tls.certificate_refs) {
        if let Err((problem, message)) = check_certificate(input, gateway, certificate) {
            validity.refs = Some(problem);
            validity.messages.push(message);
            break;
        }
    }
    validity
}

/// Whether a Gateway may use a certificate reference at all.
pub(crate) fn is_permitted(
    input: &Input<'_>,
    gateway: &Gateway,
    certificate: &CertificateRef,
) -> bool {
    let secret = certificate.secret(&gateway.name.namespace);
    permits(
        &input.resources.grants,
        Referrer { kind: "Gateway", namespace: &gateway.name.namespace },
        Target { kind: "Secret", namespace: &secret.namespace, name: &secret.name },
    )
}

/// Whether a certificate reference can be used; else the condition and the listener's message.
fn check_certificate(
    input: &Input<'_>,
    gateway: &Gateway,
    certificate: &CertificateRef,
) -> Result<(), (Problem, String)> {
    let invalid = |detail: String| {
        let problem = Problem {
            reason: "InvalidCertificateRef",
            message: "Invalid CertificateRef".to_owned(),
        };
        Err((problem, format!("Invalid CertificateRef, {detail}")))
    };
    if certificate.kind != "Secret" || !certificate.group.is_empty() {
        return invalid("must be a Secret.".to_owned());
    }
    if !is_permitted(input, gateway, certificate) {
        let problem = Problem {
            reason: "RefNotPermitted",
            message: "CertificateRef is not permitted".to_owned(),
        };
        return Err((problem, "Invalid CertificateRef, not permitted.".to_owned()));
    }
    let name = certificate.secret(&gateway.name.namespace);
    match input.resources.secrets.get(&name) {
        None => invalid(format!("Secret \"{}\" not found", name.name)),
        Some(secret) if secret.certificate == Pem::Missing => {
            invalid("PEM format error in TLS Certificate".to_owned())
        }
        Some(secret) if secret.key == Pem::Missing => {
            invalid("PEM format error in TLS Key".to_owned())
        }
        Some(_) => Ok(()),
    }
}
