//! Whether a Secret holds what its Certificate asks for, and until when: a pure function.
//!
//! The chain of checks and their reasons follow cert-manager 1.21
//! `internal/controller/certificates/policies`. The kind of key is not compared.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use rustls::crypto::ring::sign::any_supported_type;
use rustls_pki_types::PrivateKeyDer;
use rustls_pki_types::pem::PemObject;
use serde_json::Value;
use time::OffsetDateTime;
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::GeneralName;

use super::spec::{CertificateSpec, Renewal};
use crate::controllers::cert_manager::signing::parse_chain;
use crate::controllers::object::{annotation, text};
use crate::controllers::tls_secret::{PrivateKeyPem, TlsData};

/// Why a certificate is not as it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::controllers::cert_manager) struct Finding {
    /// The reason of the condition.
    pub(in crate::controllers::cert_manager) reason: &'static str,
    /// Its message.
    pub(in crate::controllers::cert_manager) message: String,
}

impl Finding {
    fn new(reason: &'static str, message: impl Into<String>) -> Self {
        Self { reason, message: message.into() }
    }
}

/// When an issued certificate is valid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::controllers::cert_manager) struct Validity {
    /// From when.
    pub(in crate::controllers::cert_manager) not_before: OffsetDateTime,
    /// Until when.
    pub(in crate::controllers::cert_manager) not_after: OffsetDateTime,
    /// When it is due for renewal.
    pub(in crate::controllers::cert_manager) renewal: OffsetDateTime,
}

/// Looks at a Secret; what is wrong with it is a reason to issue.
pub(in crate::controllers::cert_manager) fn examine(
    secret: Option<&Value>,
    spec: &CertificateSpec,
    now: OffsetDateTime,
) -> Result<Validity, Finding> {
    let secret = secret.ok_or_else(|| {
        Finding::new("DoesNotExist", "Issuing certificate as Secret does not exist")
    })?;
    let data = TlsData::read(secret);
    let (Some(chain), Some(key)) = (&data.chain, &data.key) else {
        return Err(Finding::new(
            "MissingData",
            "Issuing certificate as Secret does not contain a certificate and a private key",
        ));
    };
    let certificates = parse_chain(chain).map_err(|error| {
        Finding::new("InvalidCertificate", format!("Issuing certificate as {error}"))
    })?;
    let leaf = certificates.first().ok_or_else(|| {
        Finding::new("MissingData", "Issuing certificate as tls.crt holds no certificate")
    })?;
    let (_, leaf) = x509_parser::parse_x509_certificate(leaf).map_err(|error| {
        Finding::new(
            "InvalidCertificate",
            format!("Issuing certificate as Secret contains an invalid certificate: {error}"),
        )
    })?;
    check_key(&leaf, key)?;
    check_issuer(secret, spec)?;
    check_names(&leaf, spec)?;
    check_time(&leaf, spec, now)
}

fn check_key(leaf: &X509Certificate<'_>, key: &PrivateKeyPem) -> Result<(), Finding> {
    let invalid = |why: String| {
        Finding::new(
            "InvalidKeyPair",
            format!("Issuing certificate as Secret contains an invalid key-pair: {why}"),
        )
    };
    let key = PrivateKeyDer::from_pem_slice(key.expose().as_bytes())
        .map_err(|_| invalid("tls.key is no private key in PEM form".to_owned()))?;
    let key = any_supported_type(&key).map_err(|error| invalid(error.to_string()))?;
    match key.public_key() {
        Some(public) if public.as_ref() == leaf.public_key().raw => Ok(()),
        _ => Err(invalid("private key does not match public key".to_owned())),
    }
}

fn check_issuer(secret: &Value, spec: &CertificateSpec) -> Result<(), Finding> {
    for (key, field, default) in [
        ("cert-manager.io/issuer-name", "/name", ""),
        ("cert-manager.io/issuer-kind", "/kind", "Issuer"),
        ("cert-manager.io/issuer-group", "/group", "cert-manager.io"),
    ] {
        let wanted = text(&spec.issuer, field).filter(|text| !text.is_empty()).unwrap_or(default);
        let found = annotation(secret, key).unwrap_or_default();
        if found != wanted {
            return Err(Finding::new(
                "IncorrectIssuer",
                format!(
                    "Issuing certificate as Secret was previously issued by {found:?}, and {wanted:?} \
                     is asked for ({key})"
                ),
            ));
        }
    }
    Ok(())
}

fn check_names(leaf: &X509Certificate<'_>, spec: &CertificateSpec) -> Result<(), Finding> {
    // An address can be written in several ways, and a certificate holds its bytes.
    let addresses = spec.ip_addresses.iter().map(|address| {
        address.parse::<IpAddr>().map_or_else(|_| address.clone(), |parsed| parsed.to_string())
    });
    let wanted: BTreeSet<String> = [&spec.dns_names, &spec.uris, &spec.emails]
        .into_iter()
        .flatten()
        .cloned()
        .chain(addresses)
        .collect();
    let found: BTreeSet<String> = leaf
        .subject_alternative_name()
        .ok()
        .flatten()
        .into_iter()
        .flat_map(|extension| &extension.value.general_names)
        .map(written)
        .collect();
    let common_name = leaf.subject().iter_common_name().next().and_then(|name| name.as_str().ok());
    if wanted == found && common_name == spec.common_name.as_deref() {
        return Ok(());
    }
    let list = |names: &BTreeSet<String>| names.iter().cloned().collect::<Vec<_>>().join(", ");
    Err(Finding::new(
        "SecretMismatch",
        format!(
            "Issuing certificate as Existing issued Secret is not up to date for spec: it holds \
             names [{}] and common name {:?}, and names [{}] and common name {:?} are asked for",
            list(&found),
            common_name.unwrap_or_default(),
            list(&wanted),
            spec.common_name.as_deref().unwrap_or_default(),
        ),
    ))
}

fn written(name: &GeneralName<'_>) -> String {
    match name {
        GeneralName::DNSName(name) | GeneralName::RFC822Name(name) | GeneralName::URI(name) => {
            (*name).to_owned()
        }
        GeneralName::IPAddress(bytes) => match *bytes {
            [a, b, c, d] => Ipv4Addr::new(*a, *b, *c, *d).to_string(),
            other => <[u8; 16]>::try_from(other)
                .map_or_else(|_| format!("{other:?}"), |octets| Ipv6Addr::from(octets).to_string()),
        },
        other => other.to_string(),
    }
}

fn check_time(
    leaf: &X509Certificate<'_>,
    spec: &CertificateSpec,
    now: OffsetDateTime,
) -> Result<Validity, Finding> {
    let not_before = leaf.validity().not_before.to_datetime();
    let not_after = leaf.validity().not_after.to_datetime();
    let life = not_after - not_before;
    let renewal = match spec.renewal {
        Renewal::Before(before) if life > before => not_after - before,
        // A certificate that lives shorter than its renewal margin would be renewed for ever.
        Renewal::TwoThirds | Renewal::Before(_) => not_after - life / 3,
        Renewal::Percentage(share) => not_after - life * i32::try_from(share).unwrap_or(33) / 100,
    };
    if now >= not_after {
        return Err(Finding::new("Expired", format!("Certificate expired on {not_after}")));
    }
    if now >= renewal {
        return Err(Finding::new(
            "Renewing",
            format!("Renewing certificate as renewal was scheduled at {renewal}"),
        ));
    }
    Ok(Validity { not_before, not_after, renewal })
}
