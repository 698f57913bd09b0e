//! `spec` of a Certificate as the controller believes it: bounds checked, defaults filled in.

use std::time::Duration;

use serde_json::Value;

use crate::controllers::cert_manager::go_duration;
use crate::controllers::object::{items, text};

/// Default duration: 90 days (cert-manager 1.21 `pkg/apis/certmanager/v1/const.go`).
const DEFAULT_DURATION: Duration = Duration::from_hours(90 * 24);
/// The shortest duration that is allowed.
pub(in crate::controllers::cert_manager) const MINIMUM_DURATION: Duration = Duration::from_hours(1);
/// The shortest time before the end at which a certificate may be renewed.
pub(in crate::controllers::cert_manager) const MINIMUM_RENEW_BEFORE: Duration =
    Duration::from_mins(5);

/// What a Certificate asks for.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::controllers::cert_manager) struct CertificateSpec {
    /// The Secret to write.
    pub(in crate::controllers::cert_manager) secret_name: String,
    /// `issuerRef`.
    pub(in crate::controllers::cert_manager) issuer: Value,
    /// The subject's common name.
    pub(in crate::controllers::cert_manager) common_name: Option<String>,
    /// The subject's organizations.
    pub(in crate::controllers::cert_manager) organizations: Vec<String>,
    /// DNS names, in order.
    pub(in crate::controllers::cert_manager) dns_names: Vec<String>,
    /// IP addresses, in order.
    pub(in crate::controllers::cert_manager) ip_addresses: Vec<String>,
    /// URIs, in order.
    pub(in crate::controllers::cert_manager) uris: Vec<String>,
    /// E-mail addresses, in order.
    pub(in crate::controllers::cert_manager) emails: Vec<String>,
    /// Whether it may sign others.
    pub(in crate::controllers::cert_manager) is_ca: bool,
    /// Key usages by cert-manager's names.
    pub(in crate::controllers::cert_manager) usages: Vec<String>,
    /// How long it is valid.
    pub(in crate::controllers::cert_manager) duration: Duration,
    /// When it is renewed.
    pub(in crate::controllers::cert_manager) renewal: Renewal,
    /// The kind of key.
    pub(in crate::controllers::cert_manager) key_algorithm: KeyAlgorithm,
    /// Whether a renewal makes a new key.
    pub(in crate::controllers::cert_manager) rotation: RotationPolicy,
}

/// When a certificate is renewed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::controllers::cert_manager) enum Renewal {
    /// After two thirds of its life.
    TwoThirds,
    /// This long before its end.
    Before(Duration),
    /// This share of its life before its end, in percent.
    Percentage(u32),
}

/// The kind of a private key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::controllers::cert_manager) enum KeyAlgorithm {
    /// cert-manager's default.
    Rsa,
    /// ECDSA on P-256.
    EcdsaP256,
    /// ECDSA on P-384.
    EcdsaP384,
    /// Ed25519.
    Ed25519,
}

/// `privateKey.rotationPolicy`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::controllers::cert_manager) enum RotationPolicy {
    /// Every issuance makes a new key: the default since cert-manager 1.18.
    Always,
    /// The key of the Secret is kept.
    Never,
}

impl CertificateSpec {
    /// Reads a Certificate; a message says what is wrong with its spec.
    pub(in crate::controllers::cert_manager) fn read(certificate: &Value) -> Result<Self, String> {
        let list = |pointer: &str| -> Vec<String> {
            items(certificate, pointer)
                .iter()
                .filter_map(Value::as_str)
                .map(str::to_owned)
                .collect()
        };
        let secret_name = text(certificate, "/spec/secretName")
            .filter(|name| !name.is_empty())
            .ok_or("spec.secretName: Required value: must be specified")?
            .to_owned();
        let issuer = certificate
            .pointer("/spec/issuerRef")
            .filter(|issuer| text(issuer, "/name").is_some_and(|name| !name.is_empty()))
            .ok_or("spec.issuerRef.name: Required value: must be specified")?
            .clone();
        let duration =
            duration(certificate, "/spec/duration", MINIMUM_DURATION)?.unwrap_or(DEFAULT_DURATION);
        let renewal = renewal(certificate, duration)?;
        let mut usages = list("/spec/usages");
        if usages.is_empty() {
            usages = vec!["digital signature".to_owned(), "key encipherment".to_owned()];
        }
        let spec = Self {
            secret_name,
            issuer,
            common_name: text(certificate, "/spec/commonName")
                .filter(|name| !name.is_empty())
                .map(str::to_owned),
            organizations: list("/spec/subject/organizations"),
            dns_names: list("/spec/dnsNames"),
            ip_addresses: list("/spec/ipAddresses"),
            uris: list("/spec/uris"),
            emails: list("/spec/emailAddresses"),
            is_ca: certificate.pointer("/spec/isCA") == Some(&Value::Bool(true)),
            usages,
            duration,
            renewal,
            key_algorithm: key_algorithm(certificate)?,
            rotation: match text(certificate, "/spec/privateKey/rotationPolicy") {
                Some("Never") => RotationPolicy::Never,
                _ => RotationPolicy::Always,
            },
        };
        let names = [&spec.dns_names, &spec.ip_addresses, &spec.uris, &spec.emails];
        if spec.common_name.is_none() && names.iter().all(|names| names.is_empty()) {
            return Err("spec: Invalid value: at least one of commonName, dnsNames, uris, \
                        ipAddresses or emailAddresses must be set"
                .to_owned());
        }
        Ok(spec)
    }
}

fn duration(
    certificate: &Value,
    pointer: &str,
    minimum: Duration,
) -> Result<Option<Duration>, String> {
    let Some(written) = text(certificate, pointer) else { return Ok(None) };
    let path = pointer.trim_start_matches('/').replace('/', ".");
    let duration = go_duration::parse(written).ok_or_else(|| {
        format!("{path}: Invalid value: {written:?} is no duration such as 2160h")
    })?;
    if duration < minimum {
        return Err(format!(
            "{path}: Invalid value: {written} is shorter than the minimum of {} minutes",
            minimum.as_secs() / 60
        ));
    }
    Ok(Some(duration))
}

fn renewal(certificate: &Value, life: Duration) -> Result<Renewal, String> {
    let before = duration(certificate, "/spec/renewBefore", MINIMUM_RENEW_BEFORE)?;
    let share = certificate.pointer("/spec/renewBeforePercentage").and_then(Value::as_u64);
    match (before, share) {
        (Some(_), Some(_)) => Err(
            "spec.renewBefore: Invalid value: renewBefore and renewBeforePercentage exclude each other"
                .to_owned(),
        ),
        (Some(before), None) if before >= life => Err(format!(
            "spec.renewBefore: Invalid value: certificate duration {life:?} must be greater than \
             renewBefore {before:?}"
        )),
        (Some(before), None) => Ok(Renewal::Before(before)),
        (None, Some(share)) => match u32::try_from(share) {
            Ok(share @ 1..100) => Ok(Renewal::Percentage(share)),
            _ => Err(format!(
                "spec.renewBeforePercentage: Invalid value: {share} must be between 1 and 99"
            )),
        },
        (None, None) => Ok(Renewal::TwoThirds),
    }
}

fn key_algorithm(certificate: &Value) -> Result<KeyAlgorithm, String> {
    let size = certificate.pointer("/spec/privateKey/size").and_then(Value::as_u64);
    match (text(certificate, "/spec/privateKey/algorithm"), size) {
        (None | Some("RSA"), _) => Ok(KeyAlgorithm::Rsa),
        (Some("Ed25519"), _) => Ok(KeyAlgorithm::Ed25519),
        (Some("ECDSA"), None | Some(256)) => Ok(KeyAlgorithm::EcdsaP256),
        (Some("ECDSA"), Some(384)) => Ok(KeyAlgorithm::EcdsaP384),
        (Some(algorithm), size) => Err(format!(
            "spec.privateKey: Invalid value: {algorithm} {} cannot be generated in the embedded \
             cluster; ECDSA 256, ECDSA 384, Ed25519 and RSA (as ECDSA 256) can",
            size.map(|size| size.to_string()).unwrap_or_default()
        )),
    }
}
