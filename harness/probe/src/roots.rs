//! Trust roots of a probe: what the caller gave as PEM, and nothing of the system's.

use std::fmt;
use std::sync::Arc;

use rustls::RootCertStore;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::hexadecimal;

/// The roots that a served chain must lead to; cheap to clone. May be empty: then no chain is
/// trusted, and every observation says why.
#[derive(Clone)]
pub struct TrustRoots {
    store: Arc<RootCertStore>,
    certificates: Arc<[CertificateDer<'static>]>,
}

impl TrustRoots {
    /// No roots at all.
    pub fn empty() -> Self {
        Self { store: Arc::new(RootCertStore::empty()), certificates: Arc::new([]) }
    }

    /// Reads every certificate of a PEM text; other PEM blocks are passed over. A text without
    /// any certificate gives empty roots.
    ///
    /// # Errors
    /// When a PEM block is damaged, or a certificate cannot serve as a trust anchor.
    pub fn from_pem(pem: &str) -> Result<Self, RootsError> {
        let certificates = CertificateDer::pem_slice_iter(pem.as_bytes())
            .enumerate()
            .map(|(index, block)| {
                block.map_err(|source| RootsError::Pem {
                    position: index + 1,
                    detail: source.to_string(),
                })
            })
            .collect::<Result<Vec<_>, _>>()?;
        Self::from_der(certificates)
    }

    fn from_der(certificates: Vec<CertificateDer<'static>>) -> Result<Self, RootsError> {
        let mut store = RootCertStore::empty();
        for (index, certificate) in certificates.iter().enumerate() {
            store
                .add(certificate.clone())
                .map_err(|source| RootsError::Certificate { position: index + 1, source })?;
        }
        Ok(Self { store: Arc::new(store), certificates: certificates.into() })
    }

    /// How many roots there are.
    pub fn len(&self) -> usize {
        self.store.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.store.is_empty()
    }

    /// The roots as rustls reads them.
    pub(crate) fn store(&self) -> &RootCertStore {
        &self.store
    }
}

/// The certificates as DER in hexadecimal, and nothing else of the text they came from.
impl Serialize for TrustRoots {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.certificates.iter().map(|der| hexadecimal::write(der)))
    }
}

impl<'de> Deserialize<'de> for TrustRoots {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let certificates = Vec::<String>::deserialize(deserializer)?
            .iter()
            .map(|text| hexadecimal::read(text).map(CertificateDer::from))
            .collect::<Option<Vec<_>>>()
            .ok_or_else(|| D::Error::custom("a trust root is no certificate in hexadecimal"))?;
        Self::from_der(certificates).map_err(D::Error::custom)
    }
}

impl fmt::Debug for TrustRoots {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TrustRoots({} certificates)", self.len())
    }
}

/// A PEM text that does not hold usable trust roots.
#[derive(Debug, thiserror::Error)]
pub enum RootsError {
    /// A block is not well-formed PEM.
    #[error(
        "failed to read trust roots: certificate block {position} is not well-formed PEM \
         ({detail}); expected `-----BEGIN CERTIFICATE-----`, base64 lines and the matching END line"
    )]
    Pem {
        /// Which certificate of the text, from 1.
        position: usize,
        /// What is wrong with it.
        detail: String,
    },
    /// A block is PEM, but no certificate that can be a root.
    #[error(
        "failed to read trust roots: certificate {position} cannot be used as a trust anchor; \
         expected an X.509 v3 certificate in DER form inside the PEM block"
    )]
    Certificate {
        /// Which certificate of the text, from 1.
        position: usize,
        /// What is wrong with it.
        #[source]
        source: rustls::Error,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    fn root() -> String {
        let key = rcgen::KeyPair::generate().unwrap();
        let mut params = rcgen::CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        params.self_signed(&key).unwrap().pem()
    }

    #[test]
    fn every_certificate_of_a_bundle_becomes_a_root() {
        let roots = TrustRoots::from_pem(&format!("{}{}", root(), root())).unwrap();
        assert_eq!(roots.len(), 2);
    }

    #[test]
    fn text_without_certificates_gives_empty_roots() {
        assert!(TrustRoots::from_pem("").unwrap().is_empty());
    }

    #[test]
    fn roots_are_written_without_the_key_beside_them_and_read_again() {
        let key = rcgen::KeyPair::generate().unwrap().serialize_pem();
        let roots = TrustRoots::from_pem(&format!("{key}{}", root())).unwrap();
        let written = serde_json::to_string(&roots).unwrap();
        assert!(!written.contains("KEY"), "{written}");
        let read: TrustRoots = serde_json::from_str(&written).unwrap();
        assert_eq!(read.certificates, roots.certificates);
        assert_eq!(read.len(), 1);
        for damaged in [r#"["zz"]"#, r#"["abc"]"#, r#"["abcd"]"#] {
            assert!(serde_json::from_str::<TrustRoots>(damaged).is_err(), "{damaged}");
        }
    }

    #[test]
    fn damaged_second_certificate_is_named_by_position() {
        let text =
            format!("{}-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", root());
        let error = TrustRoots::from_pem(&text).unwrap_err();
        assert!(matches!(error, RootsError::Certificate { position: 2, .. }), "{error}");
    }

    #[test]
    fn unfinished_block_is_an_error_rather_than_fewer_roots() {
        let text = format!("{}-----BEGIN CERTIFICATE-----\nAAAA\n", root());
        let error = TrustRoots::from_pem(&text).unwrap_err();
        assert!(matches!(error, RootsError::Pem { position: 2, .. }), "{error}");
    }
}
