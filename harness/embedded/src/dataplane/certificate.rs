//! Certificates and keys as Secrets hold them, and what TLS termination makes of them.
//!
//! A certificate that is missing, malformed or does not fit its key is data, never an error of
//! ours. Private keys never reach `Debug` output, logs or messages.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use gateproof_model::translation::envoy::TlsChain;
use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls_pki_types::pem::{self, PemObject};
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

use super::UnusableCertificate;

/// A certificate chain and its private key, as `tls.crt` and `tls.key` of a Secret.
#[derive(Clone, PartialEq, Eq)]
pub struct CertifiedKeyPem {
    /// The chain, leaf first, in PEM.
    pub chain_pem: String,
    /// The private key in PEM: PKCS #8, PKCS #1 or SEC 1.
    pub key_pem: String,
}

impl fmt::Debug for CertifiedKeyPem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CertifiedKeyPem")
            .field("chain_pem", &format_args!("{} bytes", self.chain_pem.len()))
            .field("key_pem", &format_args!("(not shown)"))
            .finish()
    }
}

/// What is wrong with a certificate that a chain asks for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CertificateProblem {
    /// Nothing has this name.
    #[error("there is no certificate of this name; see whether its Secret exists and was copied")]
    Missing,
    /// The chain cannot be read.
    #[error("tls.crt holds no readable certificate: {0}")]
    BadChain(String),
    /// The key cannot be read or is of an unknown kind.
    #[error("tls.key holds no usable private key: {0}")]
    BadKey(String),
    /// The key belongs to another certificate.
    #[error("tls.key does not belong to the first certificate of tls.crt")]
    KeyMismatch,
}

/// The certificates in use, by the name that chains ask for.
#[derive(Debug, Default)]
pub(super) struct Certificates {
    loaded: BTreeMap<String, Loaded>,
}

struct Loaded {
    pem: CertifiedKeyPem,
    key: Arc<CertifiedKey>,
}

impl fmt::Debug for Loaded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.pem, f)
    }
}

impl Certificates {
    /// Takes over what a program has. A malformed update leaves the certificate of before in
    /// use, as a secret that Envoy refuses does (inferred); one that is gone is gone.
    pub(super) fn update(
        &mut self,
        program: &BTreeMap<String, CertifiedKeyPem>,
    ) -> Vec<UnusableCertificate> {
        self.loaded.retain(|name, _| program.contains_key(name));
        let mut unusable = Vec::new();
        for (name, pem) in program {
            if self.loaded.get(name).is_some_and(|loaded| loaded.pem == *pem) {
                continue;
            }
            match load(pem) {
                Ok(key) => {
                    self.loaded.insert(name.clone(), Loaded { pem: pem.clone(), key });
                }
                Err(problem) => {
                    unusable.push(UnusableCertificate { sds_name: name.clone(), problem });
                }
            }
        }
        unusable
    }

    /// The TLS configuration of a chain; `None` without a usable certificate.
    pub(super) fn server_config(&self, chain: &TlsChain) -> Option<Arc<ServerConfig>> {
        let loaded = self.loaded.get(&chain.sds_name)?;
        let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("ring offers the cipher suites of TLS 1.2 and 1.3")
            .with_no_client_auth()
            .with_cert_resolver(Arc::new(SingleCertAndKey::from(Arc::clone(&loaded.key))));
        config.alpn_protocols = chain.alpn.iter().map(|p| p.clone().into_bytes()).collect();
        Some(Arc::new(config))
    }
}

fn load(pem: &CertifiedKeyPem) -> Result<Arc<CertifiedKey>, CertificateProblem> {
    let chain = CertificateDer::pem_slice_iter(pem.chain_pem.as_bytes())
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| CertificateProblem::BadChain(describe(&error).into()))?;
    if chain.is_empty() {
        return Err(CertificateProblem::BadChain(describe(&pem::Error::NoItemsFound).into()));
    }
    let key = PrivateKeyDer::from_pem_slice(pem.key_pem.as_bytes())
        .map_err(|error| CertificateProblem::BadKey(describe(&error).into()))?;
    let key = ring::sign::any_supported_type(&key)
        .map_err(|_| CertificateProblem::BadKey("the kind of key is not supported".into()))?;
    let certified = CertifiedKey::new(chain, key);
    match certified.keys_match() {
        Ok(()) => Ok(Arc::new(certified)),
        Err(rustls::Error::InconsistentKeys(rustls::InconsistentKeys::KeyMismatch)) => {
            Err(CertificateProblem::KeyMismatch)
        }
        Err(error) => Err(CertificateProblem::BadChain(error.to_string())),
    }
}

/// A PEM error in words of our own: the library's own message may quote lines of the input.
fn describe(error: &pem::Error) -> &'static str {
    match error {
        pem::Error::NoItemsFound => "no PEM block of the right kind",
        pem::Error::MissingSectionEnd { .. } => "a PEM block has no end",
        pem::Error::IllegalSectionStart { .. } => "a PEM block begins with a malformed line",
        pem::Error::Base64Decode(_) => "a PEM block is not base64",
        _ => "not PEM",
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::{CertificateProblem, Certificates, CertifiedKeyPem};
    use crate::dataplane::tests::sample;

    fn problem(pem: CertifiedKeyPem) -> Option<CertificateProblem> {
        let mut certificates = Certificates::default();
        certificates.update(&BTreeMap::from([("s".to_owned(), pem)])).pop().map(|u| u.problem)
    }

    #[test]
    fn each_way_to_be_unusable_is_told_apart() {
        let good = sample::certificate(&["a.test"]);
        let other = sample::certificate(&["a.test"]);
        assert_eq!(problem(good.clone()), None);
        let mixed = CertifiedKeyPem { key_pem: other.key_pem, ..good.clone() };
        assert_eq!(problem(mixed), Some(CertificateProblem::KeyMismatch));
        let no_chain = CertifiedKeyPem { chain_pem: "not a certificate".into(), ..good.clone() };
        assert!(matches!(problem(no_chain), Some(CertificateProblem::BadChain(_))));
        let broken = good.chain_pem.replace("-----END", "-----STOP");
        let broken = CertifiedKeyPem { chain_pem: broken, ..good.clone() };
        assert!(matches!(problem(broken), Some(CertificateProblem::BadChain(_))));
        let garbage = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        let garbage = CertifiedKeyPem { chain_pem: garbage.into(), ..good.clone() };
        assert!(matches!(problem(garbage), Some(CertificateProblem::BadChain(_))));
        let no_key = CertifiedKeyPem { key_pem: String::new(), ..good };
        assert!(matches!(problem(no_key), Some(CertificateProblem::BadKey(_))));
    }

    #[test]
    fn key_is_in_no_debug_output_and_in_no_message() {
        let pem = sample::certificate(&["a.test"]);
        let secret_line = pem.key_pem.lines().nth(1).expect("a key has lines").to_owned();
        let cut = pem.key_pem.replace("-----END", "-----STOP");
        let broken = CertifiedKeyPem { key_pem: cut, ..pem.clone() };
        let mut certificates = Certificates::default();
        certificates.update(&BTreeMap::from([("s".to_owned(), pem.clone())]));
        let said = format!("{pem:?} {certificates:?} {:?}", problem(broken));
        assert!(said.contains("BadKey"), "the broken key is reported: {said}");
        assert!(!said.contains(&secret_line), "no line of the key appears");
    }

    #[test]
    fn malformed_update_leaves_the_certificate_of_before_in_use_and_removal_does_not() {
        let chain = sample::tls("s", &["a.test"]);
        let mut certificates = Certificates::default();
        let good = sample::certificate(&["a.test"]);
        certificates.update(&BTreeMap::from([("s".to_owned(), good.clone())]));
        let bad = CertifiedKeyPem { key_pem: String::new(), ..good };
        assert_eq!(certificates.update(&BTreeMap::from([("s".to_owned(), bad)])).len(), 1);
        assert!(certificates.server_config(&chain).is_some());
        certificates.update(&BTreeMap::new());
        assert!(certificates.server_config(&chain).is_none());
    }
}
