//! Certificates: when to issue, and what the Secret and the status then say.
//!
//! The decision ([`decide`]) is pure; only issuing itself draws randomness. Follows cert-manager
//! 1.21 `internal/controller/certificates/policies` for reasons. A failed attempt is tried again
//! whenever something changes: there is no back-off.

pub(super) mod examination;
pub(super) mod spec;

use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use self::examination::{Finding, Validity, examine};
use self::spec::{CertificateSpec, KeyAlgorithm, RotationPolicy};
use super::acme::{self, AcmeServers, Issuance};
use super::issuer::{NotReady, Signer, resolve};
use super::signing::{Signed, SigningError, new_key, self_sign};
use super::{Outcome, log};
use crate::controllers::kind::{CERTIFICATE, SECRET};
use crate::controllers::object::{annotation, identity, is_true, name, namespace, skeleton, text};
use crate::controllers::snapshot::Snapshot;
use crate::controllers::tls_secret::{TlsData, encode};
use crate::controllers::transition::stamp;
use crate::controllers::write::{FieldManager, Write};

/// The annotation that names the Certificate of a Secret.
const CERTIFICATE_NAME: &str = "cert-manager.io/certificate-name";

/// What should happen to a Certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Decision {
    /// The Secret holds what is asked for.
    Keep(Validity),
    /// A new certificate is due: reason and message of the Ready condition until it is there.
    Issue(Finding),
    /// Something else must change first.
    Wait(Finding),
}

/// Issues what is due and writes the status of every Certificate.
pub(super) fn desired(
    snapshot: &Snapshot,
    servers: &AcmeServers,
    time: OffsetDateTime,
    now: &str,
) -> Outcome {
    let mut outcome = Outcome::default();
    for certificate in snapshot.list(CERTIFICATE) {
        let spec = match CertificateSpec::read(certificate) {
            Ok(spec) => spec,
            Err(message) => {
                let finding = Finding { reason: "InvalidSpec", message };
                outcome.writes.push(status(certificate, &Progress::Waiting(finding), now));
                continue;
            }
        };
        match decide(snapshot, certificate, &spec, time) {
            Decision::Keep(validity) => {
                outcome.next_renewal = Some(
                    outcome
                        .next_renewal
                        .map_or(validity.renewal, |next| next.min(validity.renewal)),
                );
                outcome.writes.push(status(certificate, &Progress::Issued(validity), now));
            }
            Decision::Wait(finding) => {
                outcome.writes.push(status(certificate, &Progress::Waiting(finding), now));
            }
            Decision::Issue(finding) => {
                let due = Due { certificate, spec: &spec, finding: &finding, time, now };
                issue(snapshot, servers, &due, &mut outcome);
            }
        }
    }
    outcome
}

fn decide(
    snapshot: &Snapshot,
    certificate: &Value,
    spec: &CertificateSpec,
    time: OffsetDateTime,
) -> Decision {
    let own_namespace = namespace(certificate).unwrap_or_default();
    let secret = snapshot.get(SECRET, Some(own_namespace), &spec.secret_name);
    let other = secret
        .and_then(|secret| annotation(secret, CERTIFICATE_NAME))
        .filter(|other| *other != name(certificate))
        .filter(|other| {
            snapshot
                .get(CERTIFICATE, Some(own_namespace), other)
                .is_some_and(|rival| text(rival, "/spec/secretName") == Some(&spec.secret_name))
        });
    if let Some(other) = other {
        return Decision::Wait(Finding {
            reason: "IncorrectCertificate",
            message: format!(
                "Secret was issued for {other:?}. If this message is not transient, you might \
                 have two conflicting Certificates pointing to the same secret."
            ),
        });
    }
    match examine(secret, spec, time) {
        Err(finding) => Decision::Issue(finding),
        Ok(_) if is_true(certificate, "Issuing") => Decision::Issue(Finding {
            reason: "ManuallyTriggered",
            message: "Certificate re-issuance manually triggered".to_owned(),
        }),
        Ok(validity) => Decision::Keep(validity),
    }
}

/// A certificate that is due.
pub(super) struct Due<'a> {
    /// The Certificate.
    pub(super) certificate: &'a Value,
    /// What it asks for.
    pub(super) spec: &'a CertificateSpec,
    /// Why it is due.
    pub(super) finding: &'a Finding,
    /// The time.
    pub(super) time: OffsetDateTime,
    /// The same as text.
    pub(super) now: &'a str,
}

/// Signs, or says what is in the way.
fn issue(snapshot: &Snapshot, servers: &AcmeServers, due: &Due<'_>, outcome: &mut Outcome) {
    let Due { certificate, spec, finding, time, now } = *due;
    let own_namespace = namespace(certificate).unwrap_or_default();
    let live = snapshot.get(SECRET, Some(own_namespace), &spec.secret_name);
    let signed = match resolve(snapshot, servers, &spec.issuer, own_namespace) {
        Ok(Signer::Acme(issuer)) => match acme::progress(snapshot, due, &issuer, outcome) {
            Issuance::Under => {
                let waiting = Progress::Waiting(finding.clone());
                outcome.writes.push(status(certificate, &waiting, now));
                return;
            }
            Issuance::Failed(message) => {
                let failed = Progress::Failed(finding.clone(), message);
                outcome.writes.push(status(certificate, &failed, now));
                return;
            }
            Issuance::Done(signed) => Ok(signed),
        },
        Ok(Signer::SelfSigned) => sign(&Signer::SelfSigned, spec, live, time),
        Ok(signer @ Signer::Ca(_)) => sign(&signer, spec, live, time),
        Err(problem) => Err(problem),
    };
    match signed {
        Ok(signed) => {
            if spec.key_algorithm == KeyAlgorithm::Rsa {
                outcome.log.push(log(format!(
                    "level=info msg=\"the embedded cluster generates no RSA keys; an ECDSA P-256 \
                     key was used\" certificate={own_namespace}/{}",
                    name(certificate)
                )));
            }
            let written = secret(certificate, spec, live, &signed);
            outcome.writes.push(Write::Apply(FieldManager::CertManager, written));
            outcome.writes.push(status(certificate, &Progress::JustIssued, now));
        }
        Err(problem) => {
            outcome.log.push(log(format!(
                "level=error msg=\"{}\" certificate={own_namespace}/{}",
                problem.message.replace('"', "'"),
                name(certificate)
            )));
            let message = format!("{}: {}", finding.message, problem.message);
            let finding = Finding { reason: finding.reason, message };
            outcome.writes.push(status(certificate, &Progress::Waiting(finding), now));
        }
    }
}

fn refusal(error: &SigningError) -> NotReady {
    NotReady { reason: "Failed", message: format!("failed to {error}") }
}

fn sign(
    signer: &Signer,
    spec: &CertificateSpec,
    live: Option<&Value>,
    time: OffsetDateTime,
) -> Result<Signed, NotReady> {
    let sign = |key: rcgen::KeyPair| match signer {
        Signer::Ca(authority) => authority.sign(spec, &key, time),
        Signer::SelfSigned | Signer::Acme(_) => self_sign(spec, &key, time),
    };
    key_for(spec, live).and_then(sign).map_err(|error| refusal(&error))
}

/// The key for a certificate: a new one, unless the Secret's is to be kept.
pub(super) fn key_for(
    spec: &CertificateSpec,
    live: Option<&Value>,
) -> Result<rcgen::KeyPair, SigningError> {
    let kept = live
        .filter(|_| spec.rotation == RotationPolicy::Never)
        .and_then(|secret| TlsData::read(secret).key)
        .and_then(|key| rcgen::KeyPair::from_pem(key.expose()).ok());
    kept.map_or_else(|| new_key(spec.key_algorithm), Ok)
}

/// The Secret, with the annotations and the label that cert-manager gives it (cert-manager 1.21
/// `internal/controller/certificates/secrets.go`).
fn secret(
    certificate: &Value,
    spec: &CertificateSpec,
    live: Option<&Value>,
    signed: &Signed,
) -> Value {
    let reference = |field: &str, default: &str| {
        text(&spec.issuer, field).filter(|text| !text.is_empty()).unwrap_or(default).to_owned()
    };
    let mut object = skeleton(SECRET, namespace(certificate), &spec.secret_name);
    object["metadata"]["labels"] = json!({"controller.cert-manager.io/fao": "true"});
    object["metadata"]["annotations"] = json!({
        CERTIFICATE_NAME: name(certificate),
        "cert-manager.io/issuer-name": reference("/name", ""),
        "cert-manager.io/issuer-kind": reference("/kind", "Issuer"),
        "cert-manager.io/issuer-group": reference("/group", "cert-manager.io"),
        "cert-manager.io/common-name": spec.common_name.clone().unwrap_or_default(),
        "cert-manager.io/alt-names": spec.dns_names.join(","),
        "cert-manager.io/ip-sans": spec.ip_addresses.join(","),
        "cert-manager.io/uri-sans": spec.uris.join(","),
    });
    // The type of a Secret cannot be changed: one of another type keeps it.
    object["type"] =
        live.and_then(|live| text(live, "/type")).unwrap_or("kubernetes.io/tls").into();
    let mut entries =
        vec![("tls.crt", signed.chain.clone()), ("tls.key", signed.key.expose().to_owned())];
    // ACME servers do not say what they are signed by.
    if !signed.authority.is_empty() {
        entries.push(("ca.crt", signed.authority.clone()));
    }
    object["data"] = encode(entries);
    object
}

/// How far a Certificate has come.
#[derive(Debug)]
enum Progress {
    Issued(Validity),
    JustIssued,
    Waiting(Finding),
    /// Why it is due, and why it is not tried again.
    Failed(Finding, String),
}

fn status(certificate: &Value, progress: &Progress, now: &str) -> Write {
    let generation = certificate.pointer("/metadata/generation");
    let revision = certificate.pointer("/status/revision").and_then(Value::as_u64);
    let condition = |kind: &str, status: &str, reason: &str, message: &str| {
        json!({
            "type": kind, "status": status, "reason": reason, "message": message,
            "observedGeneration": generation,
        })
    };
    let mut status = match progress {
        Progress::Issued(validity) => json!({
            "conditions": [condition(
                "Ready", "True", "Ready", "Certificate is up to date and has not expired",
            )],
            "notBefore": rfc3339(validity.not_before),
            "notAfter": rfc3339(validity.not_after),
            "renewalTime": rfc3339(validity.renewal),
            "revision": revision.unwrap_or(1),
        }),
        Progress::JustIssued => json!({
            "conditions": [condition(
                "Ready", "False", "Pending", "The certificate has been issued and is being checked",
            )],
            "revision": revision.map_or(1, |revision| revision + 1),
        }),
        Progress::Waiting(finding) | Progress::Failed(finding, _) => {
            let issuing = match progress {
                Progress::Failed(_, why) => condition("Issuing", "False", "Failed", why),
                _ => condition("Issuing", "True", finding.reason, &finding.message),
            };
            let ready = condition("Ready", "False", finding.reason, &finding.message);
            let mut status = json!({"conditions": [ready, issuing]});
            if let Some(revision) = revision {
                status["revision"] = revision.into();
            }
            status
        }
    };
    stamp(&mut status, certificate.get("status"), now);
    let mut object = identity(certificate);
    object["status"] = status;
    Write::UpdateStatus(FieldManager::CertManager, object)
}

fn rfc3339(time: OffsetDateTime) -> Value {
    time.replace_nanosecond(0)
        .ok()
        .and_then(|time| time.format(&Rfc3339).ok())
        .map_or(Value::Null, Value::from)
}

#[cfg(test)]
mod tests;
