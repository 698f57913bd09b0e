//! The chain in a Secret of TLS, and what its certificates say of themselves.

use gateproof_core::dossier::{CertificateFacts, Found, text};
use gateproof_core::observation::Certificate;
use gateproof_kubernetes::secret::certificates;
use gateproof_probe::describe_certificate;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;
use serde_json::Value;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// The chain in a Secret. As Cilium does, both parts have to hold a PEM block; unlike Cilium, the
/// certificates have to be readable (cilium/cilium 1.18.10
/// `operator/pkg/gateway-api/gateway_reconcile.go`).
pub(super) fn read(secret: &Value) -> Found {
    for key in ["tls.crt", "tls.key"] {
        if let Some(problem) = problem(secret, key) {
            return Found::Unusable(problem);
        }
    }
    let Some(pem) = certificates(secret, "tls.crt") else {
        return Found::Unusable("tls.crt holds no certificate".to_owned());
    };
    let chain: Result<Vec<CertificateDer<'_>>, _> =
        CertificateDer::pem_slice_iter(pem.as_bytes()).collect();
    match chain {
        Ok(chain) => facts(&chain.iter().map(describe_certificate).collect::<Vec<_>>()),
        Err(error) => Found::Unusable(format!("tls.crt cannot be read: {error}")),
    }
}

fn problem(secret: &Value, key: &str) -> Option<String> {
    let data = secret.get("data").and_then(|data| data.get(key));
    let Some(data) = data else {
        let other = text(secret, "/type").unwrap_or("no type");
        return Some(format!("it has no {key} (its type is {other})"));
    };
    let octets = data.as_str().and_then(|data| STANDARD.decode(data).ok()).unwrap_or_default();
    let has_block = String::from_utf8_lossy(&octets).contains("-----BEGIN ");
    (!has_block).then(|| format!("{key} holds no PEM block"))
}

/// What certificates say of themselves.
pub(super) fn facts(chain: &[Certificate]) -> Found {
    let mut facts = Vec::new();
    for (index, certificate) in chain.iter().enumerate() {
        let (Ok(not_before), Ok(not_after)) =
            (certificate.not_before.parse(), certificate.not_after.parse())
        else {
            let number = index + 1;
            return Found::Unusable(format!("certificate {number} of the chain is not readable"));
        };
        facts.push(CertificateFacts {
            sha256: certificate.sha256.clone(),
            names: certificate.names.clone(),
            subject: certificate.subject.clone(),
            issuer: certificate.issuer.clone(),
            not_before,
            not_after,
        });
    }
    Found::Chain(facts)
}
