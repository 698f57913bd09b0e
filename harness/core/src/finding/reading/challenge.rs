//! ACME's challenges, and the Certificates that they are for.

use serde_json::Value;

use super::cited;
use crate::dossier::{Dossier, text};

/// Challenges by DNS-01 that are not fulfilled, with the reason that they give.
pub(in crate::finding) fn open_in_dns(dossier: &Dossier) -> impl Iterator<Item = (&Value, &str)> {
    let challenges = dossier.list("acme.cert-manager.io", "Challenge");
    challenges
        .filter(|challenge| text(challenge, "/spec/type") == Some("DNS-01"))
        .filter(|challenge| text(challenge, "/status/state") != Some("valid"))
        .filter_map(|challenge| Some((challenge, text(challenge, "/status/reason")?)))
}

/// The Certificate that a Challenge is for, as findings name it. Challenges are named after their
/// Order, Orders after their request, and requests after their Certificate
/// (cert-manager/cert-manager 1.21 `pkg/api/util/names.go`).
pub(in crate::finding) fn certificate_of(dossier: &Dossier, challenge: &Value) -> Option<String> {
    let challenge_name = text(challenge, "/metadata/name")?;
    let named_after = |certificate: &&Value| {
        text(certificate, "/metadata/namespace") == text(challenge, "/metadata/namespace")
            && text(certificate, "/metadata/name")
                .and_then(|name| challenge_name.strip_prefix(name))
                .is_some_and(|rest| rest.starts_with('-'))
    };
    dossier
        .list("cert-manager.io", "Certificate")
        .filter(named_after)
        .max_by_key(|certificate| text(certificate, "/metadata/name").map(str::len))
        .map(cited)
}
