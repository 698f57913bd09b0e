//! Whether the certificates of a listener can be used
//! (cilium/cilium `gateway_reconcile.go`, `validateListener` and `validateTLSSecret`).
//!
//! A certificate counts as usable when its Secret holds PEM; whether it fits its key or its host
//! name nobody asks here.

use super::Problem;
use crate::Input;
use crate::checks::reference_grant::{Referrer, Target, permits};
use crate::checks::source::Source;
use crate::resources::core::Pem;
use crate::resources::gateway::CertificateRef;

/// Whether a certificate may be used by listeners written here. A grant for the Gateway is none
/// for its ListenerSets.
pub(crate) fn is_permitted(
    input: &Input<'_>,
    source: Source<'_>,
    certificate: &CertificateRef,
) -> bool {
    let secret = certificate.secret(source.namespace());
    permits(
        &input.resources.grants,
        Referrer { kind: source.kind.as_str(), namespace: source.namespace() },
        Target { group: "", kind: "Secret", namespace: &secret.namespace, name: &secret.name },
    )
}

/// Whether a certificate reference can be used; else the condition and the listener's message.
pub(super) fn check(
    input: &Input<'_>,
    source: Source<'_>,
    certificate: &CertificateRef,
) -> Result<(), (Problem, String)> {
    let invalid = |detail: String| {
        let problem = Problem {
            reason: "InvalidCertificateRef",
            message: "Invalid CertificateRef".to_owned(),
        };
        Err((problem, format!("Invalid CertificateRef, {detail}")))
    };
    if !certificate.is_secret() {
        return invalid("must be a Secret.".to_owned());
    }
    if !is_permitted(input, source, certificate) {
        let problem = Problem {
            reason: "RefNotPermitted",
            message: "CertificateRef is not permitted".to_owned(),
        };
        return Err((problem, "Invalid CertificateRef, not permitted.".to_owned()));
    }
    let name = certificate.secret(source.namespace());
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
