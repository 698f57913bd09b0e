//! Issuers and ClusterIssuers: who can sign, and the Ready condition that says so.
//!
//! Reasons and messages follow cert-manager 1.21 `pkg/issuer/{ca,selfsigned}/setup.go`; the
//! message for issuers that the embedded cluster cannot run is our own.

use gateproof_model::Unmodelled;
use serde_json::{Value, json};

use super::acme::{self, AcmeIssuer, AcmeServers, missing_account};
use super::signing::CertificateAuthority;
use super::{NAMESPACE, Outcome};
use crate::controllers::kind::{CLUSTER_ISSUER, ISSUER, KindName, SECRET};
use crate::controllers::object::{identity, name, namespace, text, title};
use crate::controllers::snapshot::Snapshot;
use crate::controllers::tls_secret::TlsData;
use crate::controllers::transition::stamp;
use crate::controllers::write::{FieldManager, Write};

/// What can sign.
#[derive(Debug)]
pub(super) enum Signer {
    /// Every certificate signs itself.
    SelfSigned,
    /// A certificate authority from a Secret.
    Ca(Box<CertificateAuthority>),
    /// An ACME server of this cluster.
    Acme(Box<AcmeIssuer>),
}

/// Why an issuer cannot sign: reason and message of its Ready condition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct NotReady {
    /// The reason.
    pub(super) reason: &'static str,
    /// The message.
    pub(super) message: String,
}

/// Writes the Ready condition of every issuer.
pub(super) fn desired(snapshot: &Snapshot, servers: &AcmeServers, now: &str) -> Outcome {
    let mut outcome = Outcome::default();
    for issuer in snapshot.list(ISSUER).chain(snapshot.list(CLUSTER_ISSUER)) {
        let mut account = None;
        let (status, reason, message) = match signer(snapshot, issuer, servers) {
            Ok(Signer::Acme(acme)) => {
                account = Some(acme.account_url());
                let message = "The ACME account was registered with the ACME server".to_owned();
                ("True", "ACMEAccountRegistered", message)
            }
            Ok(Signer::SelfSigned) => ("True", "IsReady", String::new()),
            Ok(Signer::Ca(_)) => ("True", "KeyPairVerified", "Signing CA verified".to_owned()),
            Err(problem) => ("False", problem.reason, problem.message),
        };
        if reason == NOT_COVERED {
            outcome.unmodelled.push(Unmodelled { object: title(issuer), what: message.clone() });
        }
        let mut object = identity(issuer);
        object["status"] = json!({"conditions": [{
            "type": "Ready",
            "status": status,
            "reason": reason,
            "message": message,
            "observedGeneration": issuer.pointer("/metadata/generation"),
        }]});
        if let Some(account) = account {
            object["status"]["acme"] = json!({"uri": account});
        }
        stamp(&mut object["status"], issuer.get("status"), now);
        outcome.writes.push(Write::ApplyStatus(FieldManager::CertManager, object));
        outcome.writes.extend(missing_account(snapshot, issuer));
    }
    outcome
}

/// The reason for issuers that the embedded cluster cannot run.
pub(super) const NOT_COVERED: &str = "NotInEmbeddedCluster";

/// Finds the issuer that a Certificate refers to.
pub(super) fn resolve(
    snapshot: &Snapshot,
    servers: &AcmeServers,
    reference: &Value,
    certificate_namespace: &str,
) -> Result<Signer, NotReady> {
    let wanted = text(reference, "/name").unwrap_or_default();
    let group = text(reference, "/group").filter(|group| !group.is_empty());
    if group.is_some_and(|group| group != "cert-manager.io") {
        return Err(NotReady {
            reason: NOT_COVERED,
            message: format!(
                "issuer {wanted} is of group {}, which no controller of the embedded cluster serves",
                group.unwrap_or_default()
            ),
        });
    }
    let (kind, scope): (KindName, Option<&str>) = match text(reference, "/kind") {
        None | Some("" | "Issuer") => (ISSUER, Some(certificate_namespace)),
        Some("ClusterIssuer") => (CLUSTER_ISSUER, None),
        Some(other) => {
            return Err(NotReady {
                reason: "NotFound",
                message: format!(
                    "Referenced issuer kind {other:?} is neither Issuer nor ClusterIssuer"
                ),
            });
        }
    };
    let issuer = snapshot.get(kind, scope, wanted).ok_or_else(|| NotReady {
        reason: "NotFound",
        message: format!(
            "Referenced {:?} not found: {}.cert-manager.io {wanted:?} not found{}",
            kind.kind,
            kind.kind.to_lowercase(),
            scope.map(|namespace| format!(" in namespace {namespace}")).unwrap_or_default(),
        ),
    })?;
    signer(snapshot, issuer, servers).map_err(|problem| NotReady {
        reason: problem.reason,
        message: format!("Referenced issuer {wanted:?} is not ready: {}", problem.message),
    })
}

fn signer(snapshot: &Snapshot, issuer: &Value, servers: &AcmeServers) -> Result<Signer, NotReady> {
    if issuer.pointer("/spec/acme").is_some_and(|spec| !spec.is_null()) {
        return acme::issuer(snapshot, issuer, servers).map(|it| Signer::Acme(Box::new(it)));
    }
    if issuer.pointer("/spec/selfSigned").is_some_and(|spec| !spec.is_null()) {
        return Ok(Signer::SelfSigned);
    }
    let Some(secret_name) = text(issuer, "/spec/ca/secretName") else {
        let asked: Vec<_> = issuer
            .get("spec")
            .and_then(Value::as_object)
            .into_iter()
            .flatten()
            .map(|(key, _)| key.as_str())
            .collect();
        return Err(NotReady {
            reason: NOT_COVERED,
            message: format!(
                "issuer {} of type {} cannot sign in the embedded cluster; selfSigned, ca and acme can",
                name(issuer),
                if asked.is_empty() { "(none)".to_owned() } else { asked.join(", ") },
            ),
        });
    };
    let secret_namespace = namespace(issuer).unwrap_or(NAMESPACE);
    let secret =
        snapshot.get(SECRET, Some(secret_namespace), secret_name).ok_or_else(|| NotReady {
            reason: "ErrGetKeyPair",
            message: format!(
                "Error getting keypair for CA issuer: secret \"{secret_namespace}/{secret_name}\" not found"
            ),
        })?;
    CertificateAuthority::read(&TlsData::read(secret))
        .map(|authority| Signer::Ca(Box::new(authority)))
        .map_err(|error| NotReady {
            reason: "ErrInvalidKeyPair",
            message: format!(
                "Invalid signing key pair in secret \"{secret_namespace}/{secret_name}\": {error}"
            ),
        })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::desired;
    use crate::controllers::cert_manager::acme::AcmeServers;
    use crate::controllers::snapshot::Snapshot;
    use crate::controllers::write::Write;

    fn ready(objects: impl IntoIterator<Item = Value>) -> Value {
        let outcome = desired(&Snapshot::from_values(objects), &AcmeServers::new(), "now");
        let Some(Write::ApplyStatus(_, object)) = outcome.writes.into_iter().next() else {
            panic!("an issuer has a status")
        };
        object["status"]["conditions"][0].clone()
    }

    fn issuer(kind: &str, spec: &Value) -> Value {
        json!({
            "apiVersion": "cert-manager.io/v1", "kind": kind,
            "metadata": {"name": "i", "namespace": (kind == "Issuer").then_some("apps")},
            "spec": spec,
        })
    }

    #[test]
    fn a_self_signed_issuer_is_ready_at_once() {
        let ready = ready([issuer("ClusterIssuer", &json!({"selfSigned": {}}))]);
        assert_eq!((&ready["status"], &ready["reason"]), (&json!("True"), &json!("IsReady")));
    }

    #[test]
    fn a_ca_issuer_without_its_secret_says_which_one_is_missing() {
        let spec = json!({"ca": {"secretName": "root"}});
        let of_cluster = ready([issuer("ClusterIssuer", &spec)]);
        assert_eq!(of_cluster["reason"], "ErrGetKeyPair");
        assert!(of_cluster["message"].as_str().expect("text").contains("cert-manager/root"));
        let of_namespace = ready([issuer("Issuer", &spec)]);
        assert!(of_namespace["message"].as_str().expect("text").contains("apps/root"));
    }

    #[test]
    fn an_acme_issuer_is_reported_as_not_covered() {
        let objects = [issuer("ClusterIssuer", &json!({"acme": {"server": "x"}}))];
        let outcome = desired(&Snapshot::from_values(objects), &AcmeServers::new(), "now");
        assert_eq!(outcome.unmodelled.len(), 1);
        assert!(outcome.unmodelled[0].what.contains("acme"), "{:?}", outcome.unmodelled);
    }
}
