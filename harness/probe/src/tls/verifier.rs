//! A certificate verifier that records its verdict and carries on.
//!
//! It asks WebPKI two questions, whether the chain leads to the probe's roots and whether the
//! leaf holds for the name, and keeps both answers. It never accepts a handshake signature that
//! does not verify. It does not look at revocation.

use std::sync::{Mutex, PoisonError};

use gateproof_core::observation::Trust;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{verify_server_cert_signed_by_trust_anchor, verify_server_name};
use rustls::crypto::{
    CryptoProvider, WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature,
};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, DigitallySignedStruct, Error, SignatureScheme};
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};

use super::certificate;
use crate::request::TlsProbe;
use crate::roots::TrustRoots;

/// What a server showed of itself.
#[derive(Debug)]
pub(super) struct Served {
    /// The chain as sent, leaf first.
    pub(super) chain: Vec<CertificateDer<'static>>,
    /// Whether it is trusted for the probe's name.
    pub(super) trust: Trust,
}

/// Records the served chain and whether it is trusted; lets the handshake go on either way.
#[derive(Debug)]
pub(super) struct RecordingVerifier {
    verify_for: String,
    roots: TrustRoots,
    algorithms: WebPkiSupportedAlgorithms,
    served: Mutex<Option<Served>>,
}

impl RecordingVerifier {
    /// A verifier for one handshake.
    pub(super) fn new(probe: &TlsProbe, provider: &CryptoProvider) -> Self {
        Self {
            verify_for: probe.verify_for.clone(),
            roots: probe.roots.clone(),
            algorithms: provider.signature_verification_algorithms,
            served: Mutex::new(None),
        }
    }

    /// What was recorded, if a certificate arrived.
    pub(super) fn take(&self) -> Option<Served> {
        self.served.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Both questions; every reason not to trust, in words.
    fn judge(
        &self,
        leaf: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Trust {
        let parsed = match ParsedCertificate::try_from(leaf) {
            Ok(parsed) => parsed,
            Err(error) => return Trust::Failed(format!("not a usable certificate: {error}")),
        };
        let mut reasons = Vec::new();
        let mut out_of_date = false;
        if let Err(error) = verify_server_cert_signed_by_trust_anchor(
            &parsed,
            self.roots.store(),
            intermediates,
            now,
            self.algorithms.all,
        ) {
            out_of_date = is_about_dates(&error);
            reasons.push(self.chain_reason(&error, leaf));
        }
        match ServerName::try_from(self.verify_for.as_str()) {
            Ok(name) => {
                if verify_server_name(&parsed, &name).is_err() {
                    reasons.push(self.name_reason(leaf));
                }
            }
            Err(_) => reasons.push(format!(
                "`{}` is neither a DNS name nor an address, so no certificate holds for it",
                self.verify_for
            )),
        }
        match (reasons.is_empty(), out_of_date) {
            (true, _) => Trust::Verified,
            (false, true) => Trust::OutOfDate(reasons.join("; ")),
            (false, false) => Trust::Failed(reasons.join("; ")),
        }
    }

    /// Why the chain does not lead to a root.
    fn chain_reason(&self, error: &Error, leaf: &CertificateDer<'_>) -> String {
        let described = certificate::describe(leaf);
        match error {
            Error::InvalidCertificate(CertificateError::UnknownIssuer) if self.roots.is_empty() => {
                format!(
                    "unknown issuer: the probe was given no trust roots (issued by {})",
                    described.issuer
                )
            }
            Error::InvalidCertificate(CertificateError::UnknownIssuer) => format!(
                "unknown issuer: no chain from the served certificates to a root of the probe \
                 (issued by {})",
                described.issuer
            ),
            Error::InvalidCertificate(
                CertificateError::Expired | CertificateError::ExpiredContext { .. },
            ) => format!(
                "expired: a certificate of the chain is past its end (the leaf's is {})",
                described.not_after
            ),
            Error::InvalidCertificate(
                CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. },
            ) => format!(
                "not valid yet: a certificate of the chain is before its start (the leaf's is {})",
                described.not_before
            ),
            other => other.to_string(),
        }
    }

    /// Why the leaf does not hold for the name.
    fn name_reason(&self, leaf: &CertificateDer<'_>) -> String {
        let names = certificate::describe(leaf).names;
        if names.is_empty() {
            format!("not valid for {}: it has no subject alternative name", self.verify_for)
        } else {
            format!("not valid for {}: it holds for {}", self.verify_for, names.join(", "))
        }
    }
}

/// Whether the chain is refused for its dates. WebPKI looks at them before it looks for an issuer.
fn is_about_dates(error: &Error) -> bool {
    matches!(
        error,
        Error::InvalidCertificate(
            CertificateError::Expired
                | CertificateError::ExpiredContext { .. }
                | CertificateError::NotValidYet
                | CertificateError::NotValidYetContext { .. }
        )
    )
}

impl ServerCertVerifier for RecordingVerifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let trust = self.judge(end_entity, intermediates, now);
        let chain = std::iter::once(end_entity)
            .chain(intermediates)
            .map(|certificate| certificate.clone().into_owned())
            .collect();
        *self.served.lock().unwrap_or_else(PoisonError::into_inner) = Some(Served { chain, trust });
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signed, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signed, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}
