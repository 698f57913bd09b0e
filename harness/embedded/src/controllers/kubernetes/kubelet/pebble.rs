//! What stands for Pebble, Let's Encrypt's ACME server for tests.
//!
//! Goes by Pebble's own configuration file (letsencrypt/pebble v2.10.1 `cmd/pebble/main.go`), has a
//! root and an intermediate that are new at every start, shows them where Pebble does, and signs
//! what certificate requests ask for (`ca/ca.go`). Its keys never leave it. The protocol of
//! ACME (RFC 8555) between it and its clients is not spoken here: the controllers that stand for
//! cert-manager call it, and it asks for challenges as Pebble does
//! ([`validation`](crate::controllers::cert_manager::acme::validation)).

use std::net::SocketAddr;
use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, CertificateSigningRequestParams, DistinguishedName,
    DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose,
};
use rustls::ServerConfig;
use rustls_pki_types::PrivateKeyDer;
use serde::Deserialize;
use time::{Duration, OffsetDateTime};

use crate::controllers::object::suffix;

/// How long its own certificates are valid.
const AUTHORITY_LIFE: Duration = Duration::days(30 * 365);

/// How long what it signs is valid unless its configuration says so (`ca/ca.go`: five years).
const LEAF_LIFE: i64 = 157_766_400;

/// What stands for Pebble.
pub(crate) struct Pebble {
    config: Config,
    resolver: Option<SocketAddr>,
    root: String,
    intermediate: String,
    issuer: Issuer<'static, KeyPair>,
    tls: Arc<ServerConfig>,
}

impl std::fmt::Debug for Pebble {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pebble").field("config", &self.config).finish_non_exhaustive()
    }
}

/// The part of Pebble's configuration file that is followed.
#[derive(Debug, Deserialize)]
struct File {
    pebble: Config,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Config {
    listen_address: String,
    management_listen_address: String,
    http_port: u16,
    #[serde(default)]
    profiles: std::collections::BTreeMap<String, Profile>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Profile {
    #[serde(default)]
    validity_period: i64,
}

/// It could not do its work.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PebbleError {
    /// Its configuration cannot be read.
    #[error("no configuration of Pebble: {0}")]
    Config(#[from] serde_json::Error),
    /// An address has no port.
    #[error("{0:?} is no address with a port, such as :14000")]
    Address(String),
    /// A certificate could not be made.
    #[error("make a certificate: {0}")]
    Certificate(#[from] rcgen::Error),
    /// Its own TLS could not be set up.
    #[error("set up TLS: {0}")]
    Tls(#[from] rustls::Error),
}

impl Pebble {
    /// Starts with a configuration file, the name server that it is to ask (`-dnsserver`), and new
    /// keys.
    pub(super) fn start(file: &[u8], resolver: Option<SocketAddr>) -> Result<Self, PebbleError> {
        let File { pebble: config } = serde_json::from_slice(file)?;
        port(&config.listen_address)?;
        port(&config.management_listen_address)?;
        let root_key = KeyPair::generate()?;
        let root_params = authority("Root", &root_key);
        let root = root_params.self_signed(&root_key)?.pem();
        let above = Issuer::new(root_params, root_key);
        let key = KeyPair::generate()?;
        let params = authority("Intermediate", &key);
        let intermediate = params.signed_by(&key, &above)?.pem();
        let tls = tls()?;
        Ok(Self { config, resolver, root, intermediate, issuer: Issuer::new(params, key), tls })
    }

    /// Where clients find it.
    pub(crate) fn directory_port(&self) -> u16 {
        port(&self.config.listen_address).expect("looked at when it started")
    }

    /// Where its certificates are shown.
    pub(super) fn management_port(&self) -> u16 {
        port(&self.config.management_listen_address).expect("looked at when it started")
    }

    /// The port at which it asks for HTTP-01 challenges.
    pub(crate) fn http_port(&self) -> u16 {
        self.config.http_port
    }

    /// The name server that it asks for DNS-01 challenges; without one, the cluster's.
    pub(crate) fn resolver(&self) -> Option<SocketAddr> {
        self.resolver
    }

    /// Its root, in PEM.
    pub(super) fn root(&self) -> &str {
        &self.root
    }

    /// Its intermediate, in PEM.
    pub(super) fn intermediate(&self) -> &str {
        &self.intermediate
    }

    /// The certificate that it shows to its own clients; none of them verifies it.
    pub(super) fn tls(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.tls)
    }

    /// The directory. What it names is not served: nobody speaks ACME here.
    pub(super) fn directory(&self) -> String {
        let at = |path: &str| format!("https://pebble:{}/{path}", self.directory_port());
        serde_json::json!({
            "newNonce": at("nonce-plz"), "newAccount": at("sign-me-up"), "newOrder": at("order-plz"),
        })
        .to_string()
    }

    /// Signs what a certificate request (PEM) asks for: the leaf and the intermediate.
    pub(crate) fn sign(&self, request: &str, now: OffsetDateTime) -> Result<String, PebbleError> {
        let mut request = CertificateSigningRequestParams::from_pem(request)?;
        let params = &mut request.params;
        params.not_before = now;
        params.not_after = now + Duration::seconds(self.leaf_life() - 1);
        params.is_ca = IsCa::ExplicitNoCa;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.use_authority_key_identifier_extension = true;
        Ok(request.signed_by(&self.issuer)?.pem() + &self.intermediate)
    }

    fn leaf_life(&self) -> i64 {
        let profile = self.config.profiles.get("default");
        let profile = profile.or_else(|| self.config.profiles.values().next());
        profile.map(|it| it.validity_period).filter(|life| *life > 0).unwrap_or(LEAF_LIFE)
    }
}

/// A certificate of an authority, named as Pebble names its own.
fn authority(what: &str, key: &KeyPair) -> CertificateParams {
    let mut params = CertificateParams::default();
    let mut name = DistinguishedName::new();
    let mark = suffix(&key.public_key_pem(), 6);
    name.push(DnType::CommonName, format!("Pebble {what} CA {mark}"));
    params.distinguished_name = name;
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature, KeyUsagePurpose::KeyCertSign];
    params.not_before = OffsetDateTime::UNIX_EPOCH + Duration::days(50 * 365);
    params.not_after = params.not_before + AUTHORITY_LIFE;
    params
}

fn tls() -> Result<Arc<ServerConfig>, PebbleError> {
    let key = KeyPair::generate()?;
    let params = CertificateParams::new(["localhost".to_owned(), "pebble".to_owned()])?;
    let certificate = params.self_signed(&key)?.der().clone();
    let key = PrivateKeyDer::Pkcs8(key.serialize_der().into());
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)?;
    Ok(Arc::new(config))
}

fn port(address: &str) -> Result<u16, PebbleError> {
    let port = address.rsplit_once(':').and_then(|(_, port)| port.parse().ok());
    port.ok_or_else(|| PebbleError::Address(address.to_owned()))
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, KeyPair};
    use time::OffsetDateTime;

    use super::Pebble;

    const CONFIG: &str = r#"{"pebble": {"listenAddress": ":14000",
        "managementListenAddress": ":15000", "httpPort": 80}}"#;

    #[test]
    fn what_it_signs_leads_to_its_root() {
        let pebble = Pebble::start(CONFIG.as_bytes(), None).expect("it starts");
        let key = KeyPair::generate().expect("a key");
        let params = CertificateParams::new(["shop.example.test".to_owned()]).expect("names");
        let request = params.serialize_request(&key).and_then(|it| it.pem()).expect("a request");
        let chain = pebble.sign(&request, OffsetDateTime::UNIX_EPOCH).expect("signed");
        let pems: Vec<_> = x509_parser::pem::Pem::iter_from_buffer(chain.as_bytes())
            .map(|pem| pem.expect("a certificate"))
            .collect();
        let [leaf, intermediate] = &pems[..] else { panic!("a leaf and an intermediate") };
        let (_, root) = x509_parser::pem::parse_x509_pem(pebble.root().as_bytes()).expect("PEM");
        let read = |pem: &x509_parser::pem::Pem| pem.contents.clone();
        let (leaf, intermediate, root) = (read(leaf), read(intermediate), read(&root));
        let parse = |der: &[u8]| {
            let (_, parsed) = x509_parser::parse_x509_certificate(der).expect("a certificate");
            (parsed.subject().to_string(), parsed.issuer().to_string(), parsed.is_ca())
        };
        let (leaf, intermediate, root) = (parse(&leaf), parse(&intermediate), parse(&root));
        assert_eq!((&leaf.1, &intermediate.1), (&intermediate.0, &root.0));
        assert!(!leaf.2 && intermediate.2 && root.2);
        assert!(root.0.starts_with("CN=Pebble Root CA "), "{}", root.0);
    }

    #[test]
    fn a_configuration_that_it_cannot_follow_is_named() {
        for (file, part) in [
            ("{}", "missing field `pebble`"),
            (&CONFIG.replace(":15000", "15000"), "\"15000\" is no address"),
            (&CONFIG.replace("80", "\"web\""), "invalid type"),
        ] {
            let problem = Pebble::start(file.as_bytes(), None).expect_err(file).to_string();
            assert!(problem.contains(part), "{problem}");
        }
    }
}
