//! Real X.509: key pairs, self-signed certificates and certificates signed by an authority.
//!
//! Pure but for the randomness of keys and serial numbers; what to sign and when is decided in
//! [`super::certificate`].

use std::net::IpAddr;

use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa,
    Issuer, KeyPair, KeyUsagePurpose, PKCS_ECDSA_P256_SHA256, PKCS_ECDSA_P384_SHA384, PKCS_ED25519,
    SanType, SerialNumber,
};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use time::OffsetDateTime;

use super::certificate::spec::{CertificateSpec, KeyAlgorithm};
use crate::controllers::tls_secret::{PrivateKeyPem, TlsData};

/// A certificate could not be signed, or an authority not be read.
#[derive(Debug, thiserror::Error)]
pub(super) enum SigningError {
    /// The Secret of an authority lacks a part.
    #[error("{0} is missing or empty")]
    Missing(&'static str),
    /// The Secret of an authority holds something else.
    #[error("{part} cannot be read: {detail}")]
    Unreadable {
        /// Which entry.
        part: &'static str,
        /// Why.
        detail: String,
    },
    /// The certificate may not sign others.
    #[error("certificate is not a CA")]
    NotAnAuthority,
    /// Key and certificate are of different pairs.
    #[error("tls.key does not belong to tls.crt")]
    ForeignKey,
    /// A name cannot be put into a certificate.
    #[error("{0:?} cannot be a name in a certificate")]
    Name(String),
    /// A key usage that is not covered.
    #[error("key usage {0:?} is not known here; leave it out, or run on kind")]
    Usage(String),
    /// The library refused.
    #[error("sign the certificate: {0}")]
    Library(#[from] rcgen::Error),
    /// No randomness.
    #[error("make a serial number: the system's random number generator failed")]
    NoRandomness,
}

/// What signing produced.
#[derive(Debug)]
pub(super) struct Signed {
    /// The leaf and the intermediates above it.
    pub(super) chain: String,
    /// The leaf's private key.
    pub(super) key: PrivateKeyPem,
    /// The root, for clients.
    pub(super) authority: String,
}

/// A certificate authority that can sign. Its debug output does not show the key.
#[derive(Debug)]
pub(super) struct CertificateAuthority {
    issuer: Issuer<'static, KeyPair>,
    intermediates: String,
    root: String,
}

impl CertificateAuthority {
    /// Reads the authority of a CA issuer's Secret.
    pub(super) fn read(data: &TlsData) -> Result<Self, SigningError> {
        let chain = data.chain.as_deref().ok_or(SigningError::Missing("tls.crt"))?;
        let key = data.key.as_ref().ok_or(SigningError::Missing("tls.key"))?;
        let certificates = parse_chain(chain)?;
        let own = certificates.first().ok_or(SigningError::Missing("tls.crt"))?;
        let (_, parsed) = x509_parser::parse_x509_certificate(own).map_err(|error| {
            SigningError::Unreadable { part: "tls.crt", detail: error.to_string() }
        })?;
        if !parsed.is_ca() {
            return Err(SigningError::NotAnAuthority);
        }
        let key = KeyPair::from_pem(key.expose()).map_err(|error| SigningError::Unreadable {
            part: "tls.key",
            detail: format!("{error} (keys are read in PKCS #8 form, \"BEGIN PRIVATE KEY\")"),
        })?;
        if parsed.public_key().subject_public_key.data.as_ref() != key.public_key_raw() {
            return Err(SigningError::ForeignKey);
        }
        let issuer = Issuer::from_ca_cert_der(own, key)?;
        let (roots, intermediates): (Vec<_>, Vec<_>) =
            certificates.iter().partition(|certificate| is_self_signed(certificate));
        let root = match (roots.last(), &data.authority) {
            (Some(root), _) => pem(root),
            (None, Some(authority)) => authority.clone(),
            (None, None) => certificates.last().map(pem).unwrap_or_default(),
        };
        Ok(Self { issuer, intermediates: intermediates.into_iter().map(pem).collect(), root })
    }

    /// Signs a certificate for a key.
    pub(super) fn sign(
        &self,
        spec: &CertificateSpec,
        key: &KeyPair,
        now: OffsetDateTime,
    ) -> Result<Signed, SigningError> {
        let mut params = parameters(spec, now)?;
        params.use_authority_key_identifier_extension = true;
        let leaf = params.signed_by(key, &self.issuer)?.pem();
        Ok(Signed {
            chain: leaf + &self.intermediates,
            key: PrivateKeyPem::new(key.serialize_pem()),
            authority: self.root.clone(),
        })
    }
}

/// Signs a certificate with its own key.
pub(super) fn self_sign(
    spec: &CertificateSpec,
    key: &KeyPair,
    now: OffsetDateTime,
) -> Result<Signed, SigningError> {
    let leaf = parameters(spec, now)?.self_signed(key)?.pem();
    Ok(Signed {
        chain: leaf.clone(),
        key: PrivateKeyPem::new(key.serialize_pem()),
        authority: leaf,
    })
}

/// A request for a certificate with these names, in PEM.
pub(super) fn request(spec: &CertificateSpec, key: &KeyPair) -> Result<String, SigningError> {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    if let Some(common_name) = &spec.common_name {
        params.distinguished_name.push(DnType::CommonName, common_name.as_str());
    }
    params.subject_alt_names = names(spec)?;
    Ok(params.serialize_request(key)?.pem()?)
}

/// A new key pair. RSA is not generated here: P-256 takes its place.
pub(super) fn new_key(algorithm: KeyAlgorithm) -> Result<KeyPair, SigningError> {
    let algorithm = match algorithm {
        KeyAlgorithm::Rsa | KeyAlgorithm::EcdsaP256 => &PKCS_ECDSA_P256_SHA256,
        KeyAlgorithm::EcdsaP384 => &PKCS_ECDSA_P384_SHA384,
        KeyAlgorithm::Ed25519 => &PKCS_ED25519,
    };
    Ok(KeyPair::generate_for(algorithm)?)
}

/// The certificates of a PEM chain.
pub(super) fn parse_chain(chain: &str) -> Result<Vec<CertificateDer<'static>>, SigningError> {
    CertificateDer::pem_slice_iter(chain.as_bytes())
        .collect::<Result<_, _>>()
        .map_err(|error| SigningError::Unreadable { part: "tls.crt", detail: error.to_string() })
}

fn parameters(
    spec: &CertificateSpec,
    now: OffsetDateTime,
) -> Result<CertificateParams, SigningError> {
    let mut params = CertificateParams::default();
    params.not_before = now;
    params.not_after = now + spec.duration;
    params.serial_number = Some(serial_number()?);
    params.distinguished_name = DistinguishedName::new();
    if let Some(common_name) = &spec.common_name {
        params.distinguished_name.push(DnType::CommonName, common_name.as_str());
    }
    for organization in &spec.organizations {
        params.distinguished_name.push(DnType::OrganizationName, organization.as_str());
    }
    params.subject_alt_names = names(spec)?;
    params.is_ca =
        if spec.is_ca { IsCa::Ca(BasicConstraints::Unconstrained) } else { IsCa::ExplicitNoCa };
    for usage in &spec.usages {
        match usage.as_str() {
            "signing" | "digital signature" => {
                params.key_usages.push(KeyUsagePurpose::DigitalSignature);
            }
            "key encipherment" => params.key_usages.push(KeyUsagePurpose::KeyEncipherment),
            "content commitment" => params.key_usages.push(KeyUsagePurpose::ContentCommitment),
            "data encipherment" => params.key_usages.push(KeyUsagePurpose::DataEncipherment),
            "key agreement" => params.key_usages.push(KeyUsagePurpose::KeyAgreement),
            "cert sign" => params.key_usages.push(KeyUsagePurpose::KeyCertSign),
            "crl sign" => params.key_usages.push(KeyUsagePurpose::CrlSign),
            "server auth" => params.insert_extended_key_usage(ExtendedKeyUsagePurpose::ServerAuth),
            "client auth" => params.insert_extended_key_usage(ExtendedKeyUsagePurpose::ClientAuth),
            other => return Err(SigningError::Usage(other.to_owned())),
        }
    }
    if spec.is_ca && !params.key_usages.contains(&KeyUsagePurpose::KeyCertSign) {
        params.key_usages.push(KeyUsagePurpose::KeyCertSign);
    }
    Ok(params)
}

fn names(spec: &CertificateSpec) -> Result<Vec<SanType>, SigningError> {
    let text = |name: &String| {
        name.as_str().try_into().map_err(|_: rcgen::Error| SigningError::Name(name.clone()))
    };
    let mut names = Vec::new();
    for name in &spec.dns_names {
        names.push(SanType::DnsName(text(name)?));
    }
    for address in &spec.ip_addresses {
        let parsed: IpAddr = address.parse().map_err(|_| SigningError::Name(address.clone()))?;
        names.push(SanType::IpAddress(parsed));
    }
    for uri in &spec.uris {
        names.push(SanType::URI(text(uri)?));
    }
    for email in &spec.emails {
        names.push(SanType::Rfc822Name(text(email)?));
    }
    Ok(names)
}

fn serial_number() -> Result<SerialNumber, SigningError> {
    let random = ring::rand::generate::<[u8; 16]>(&ring::rand::SystemRandom::new())
        .map_err(|_| SigningError::NoRandomness)?;
    let mut bytes = random.expose();
    // A serial number is a positive integer (RFC 5280, 4.1.2.2).
    bytes[0] = (bytes[0] & 0x7f) | 0x40;
    Ok(SerialNumber::from_slice(&bytes))
}

fn is_self_signed(certificate: &CertificateDer<'_>) -> bool {
    x509_parser::parse_x509_certificate(certificate)
        .is_ok_and(|(_, parsed)| parsed.subject().as_raw() == parsed.issuer().as_raw())
}

fn pem(certificate: &CertificateDer<'_>) -> String {
    use std::fmt::Write as _;

    let encoded = serde_json::to_value(k8s_openapi::ByteString(certificate.to_vec()))
        .ok()
        .and_then(|value| value.as_str().map(str::to_owned))
        .expect("bytes have a base64 form");
    let mut pem = String::from("-----BEGIN CERTIFICATE-----\n");
    for line in encoded.as_bytes().chunks(64) {
        writeln!(pem, "{}", String::from_utf8_lossy(line)).expect("text grows");
    }
    pem.push_str("-----END CERTIFICATE-----\n");
    pem
}

#[cfg(test)]
mod tests;
