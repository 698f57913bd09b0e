//! TLS of echo servers: the certificate they show, and what they say of a handshake.

use std::sync::Arc;

use rustls::crypto::ring;
use rustls::{ProtocolVersion, ServerConfig, ServerConnection};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use serde::Serialize;

/// A certificate with its key, ready to be shown. Debug output does not show the key.
#[derive(Clone)]
pub struct TlsIdentity {
    config: Arc<ServerConfig>,
}

impl std::fmt::Debug for TlsIdentity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("TlsIdentity(redacted)")
    }
}

/// Certificate or key cannot be used. Nothing of the key is quoted.
#[derive(Debug, thiserror::Error)]
pub enum TlsIdentityError {
    /// No certificate in PEM form.
    #[error("the certificate is no PEM chain")]
    Certificate,
    /// No private key in PEM form.
    #[error("the private key is no PEM key")]
    Key,
    /// They do not fit each other, or their kind is not supported.
    #[error("certificate and key cannot be used together")]
    Pair,
}

impl TlsIdentity {
    /// From a chain, leaf first, and its key; `protocols` is what ALPN offers.
    pub fn from_pem(
        chain: &[u8],
        key: &[u8],
        protocols: &[&str],
    ) -> Result<Self, TlsIdentityError> {
        let chain: Vec<_> = CertificateDer::pem_slice_iter(chain)
            .collect::<Result<_, _>>()
            .map_err(|_| TlsIdentityError::Certificate)?;
        if chain.is_empty() {
            return Err(TlsIdentityError::Certificate);
        }
        let key = PrivateKeyDer::from_pem_slice(key).map_err(|_| TlsIdentityError::Key)?;
        let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("ring offers the cipher suites of TLS 1.2 and 1.3")
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .map_err(|_| TlsIdentityError::Pair)?;
        config.alpn_protocols = protocols.iter().map(|p| p.as_bytes().to_vec()).collect();
        Ok(Self { config: Arc::new(config) })
    }

    pub(super) fn config(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.config)
    }
}

/// What an echo server says of a handshake.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct TlsFacts {
    pub(super) version: String,
    pub(super) server_name: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(super) negotiated_protocol: String,
    pub(super) cipher_suite: String,
}

impl TlsFacts {
    pub(super) fn of(session: &ServerConnection) -> Self {
        let version = match session.protocol_version() {
            Some(ProtocolVersion::TLSv1_3) => "TLSv1.3",
            Some(ProtocolVersion::TLSv1_2) => "TLSv1.2",
            _ => "",
        };
        let suite = session.negotiated_cipher_suite().map(|suite| format!("{:?}", suite.suite()));
        let protocol = session.alpn_protocol().unwrap_or_default();
        Self {
            version: version.to_owned(),
            server_name: session.server_name().unwrap_or_default().to_owned(),
            negotiated_protocol: String::from_utf8_lossy(protocol).into_owned(),
            // Go has no version in the names of cipher suites.
            cipher_suite: suite.unwrap_or_default().replacen("TLS13_", "TLS_", 1),
        }
    }

    pub(super) fn chose_http2(&self) -> bool {
        self.negotiated_protocol == "h2"
    }
}
