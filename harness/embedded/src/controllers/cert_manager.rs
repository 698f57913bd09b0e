//! What cert-manager would do: issuers, the gateway-shim, and certificates.
//!
//! Modelled on cert-manager 1.21 with Gateway API support on. SelfSigned, CA and ACME issuers sign
//! real X.509 certificates; ACME within the cluster and by HTTP-01 through a Gateway alone
//! ([`acme`]). Not here: Vault, Venafi and external issuers (their issuers are never ready and say
//! why), CertificateRequests for other issuers than ACME, ListenerSets, key formats other than
//! PKCS #8.
//! Keys are ECDSA or Ed25519; where RSA is asked for, which is cert-manager's default, the key is
//! ECDSA P-256 and the log says so.

pub(crate) mod acme;
mod certificate;
mod event;
mod gateway_shim;
mod go_duration;
mod issuer;
mod signing;

use gateproof_core::cert_manager::GatewaySupport;
use gateproof_model::Unmodelled;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::component_log::LogLine;
use super::snapshot::Snapshot;
use super::write::Write;
use acme::AcmeServers;

/// The namespace in which ClusterIssuers look for Secrets (`--cluster-resource-namespace`).
pub(crate) const NAMESPACE: &str = "cert-manager";

/// What cert-manager makes of a snapshot.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    /// Wanted changes.
    pub(crate) writes: Vec<Write>,
    /// What the controller would log.
    pub(crate) log: Vec<LogLine>,
    /// What is asked for and not covered here.
    pub(crate) unmodelled: Vec<Unmodelled>,
    /// When the next certificate is due for renewal.
    pub(crate) next_renewal: Option<OffsetDateTime>,
}

impl Outcome {
    fn add(&mut self, other: Self) {
        self.writes.extend(other.writes);
        self.log.extend(other.log);
        self.unmodelled.extend(other.unmodelled);
        self.next_renewal = match (self.next_renewal, other.next_renewal) {
            (Some(one), Some(another)) => Some(one.min(another)),
            (one, another) => one.or(another),
        };
    }
}

/// Runs issuers, gateway-shim and certificates once, in this order. `now` is RFC 3339.
pub(crate) fn reconcile(
    snapshot: &Snapshot,
    shim: GatewaySupport,
    servers: &AcmeServers,
    now: &str,
) -> Outcome {
    let mut outcome = issuer::desired(snapshot, servers, now);
    if shim == GatewaySupport::On {
        outcome.add(gateway_shim::desired(snapshot, now));
    }
    match OffsetDateTime::parse(now, &Rfc3339) {
        Ok(time) => outcome.add(certificate::desired(snapshot, servers, time, now)),
        Err(error) => outcome.log.push(LogLine {
            component: gateproof_kubernetes::Component::CertManager,
            text: format!("level=error msg=\"the clock says {now}, which is no time: {error}\""),
        }),
    }
    outcome
}

fn log(text: String) -> LogLine {
    LogLine { component: gateproof_kubernetes::Component::CertManager, text }
}
