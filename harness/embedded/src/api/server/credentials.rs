//! The certificates and the token of one API server, and the kubeconfig that carries them.
//!
//! Everything is made anew for every server and kept in memory; the only copy outside of the
//! process is the kubeconfig somebody writes.

use std::fmt::{self, Write};
use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose,
};
use ring::digest::{SHA256, digest};
use ring::rand::{SecureRandom, SystemRandom};
use rustls::server::{VerifierBuilderError, WebPkiClientVerifier};
use rustls::{RootCertStore, ServerConfig};
use rustls_pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use time::{Duration, OffsetDateTime};

use crate::api::secret::base64;

/// Names under which clients may address the server.
const NAMES: [&str; 5] = [
    "localhost",
    "kubernetes",
    "kubernetes.default",
    "kubernetes.default.svc",
    "kubernetes.default.svc.cluster.local",
];

/// What a client needs to speak to a served API.
#[derive(Clone)]
pub struct Access {
    /// The cluster's name.
    pub cluster: String,
    /// The address, such as `https://127.0.0.1:40000`.
    pub url: String,
    /// The certificate authority, as PEM.
    pub authority: String,
    token: String,
    authority_key: String,
    client: ClientCertificate,
}

/// With what a client shows who it is.
#[derive(Clone)]
struct ClientCertificate {
    pem: String,
    key: String,
}

/// How a server is addressed.
#[derive(Debug, Clone)]
pub struct Face {
    /// The cluster's name.
    pub cluster: String,
    /// The address that clients are told.
    pub url: String,
    /// Further names and addresses that its certificate is for.
    pub names: Vec<String>,
    /// Tokens that open the door besides the server's own.
    pub tokens: Vec<String>,
}

impl fmt::Debug for Access {
    // The token is a secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Access")
            .field("cluster", &self.cluster)
            .field("url", &self.url)
            .finish_non_exhaustive()
    }
}

/// The certificates could not be made.
#[derive(Debug, thiserror::Error)]
pub enum CredentialError {
    /// Of a key or certificate.
    #[error("make a key or certificate")]
    Certificate(#[from] rcgen::Error),
    /// Of the TLS configuration.
    #[error("configure TLS")]
    Tls(#[from] rustls::Error),
    /// Of the check of clients' certificates.
    #[error("trust the certificates of clients")]
    Clients(#[from] VerifierBuilderError),
    /// Of the token.
    #[error("make a token: the system's random number generator failed")]
    NoRandomness,
}

/// What the server needs, and what its clients need.
pub(super) struct Credentials {
    pub(super) access: Access,
    pub(super) tls: Arc<ServerConfig>,
}

impl Credentials {
    /// Makes everything for a server.
    pub(super) fn make(face: &Face) -> Result<Self, CredentialError> {
        let authority_key = KeyPair::generate()?;
        let authority_key_pem = authority_key.serialize_pem();
        let authority_params = authority(&face.cluster);
        let authority = authority_params.self_signed(&authority_key)?;
        let issuer = Issuer::new(authority_params, authority_key);
        let client = client_certificate(&issuer)?;
        let key = KeyPair::generate()?;
        let mut names: Vec<String> = NAMES.map(str::to_owned).to_vec();
        names.extend(face.names.iter().cloned());
        let mut params = CertificateParams::new(names)?;
        valid_for_long(&mut params);
        params.distinguished_name.push(DnType::CommonName, "kube-apiserver");
        let certificate = params.signed_by(&key, &issuer)?;
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut roots = RootCertStore::empty();
        roots.add(authority.der().clone())?;
        let clients =
            WebPkiClientVerifier::builder_with_provider(roots.into(), Arc::clone(&provider))
                .allow_unauthenticated()
                .build()?;
        let mut tls = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_client_cert_verifier(clients)
            .with_single_cert(vec![certificate.der().clone()], key)?;
        tls.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        let access = Access {
            cluster: face.cluster.clone(),
            url: face.url.clone(),
            authority: authority.pem(),
            token: new_token()?,
            authority_key: authority_key_pem,
            client,
        };
        Ok(Self { access, tls: Arc::new(tls) })
    }
}

/// A client that may do everything, as kubeadm's `kubernetes-admin`.
fn client_certificate(issuer: &Issuer<'_, KeyPair>) -> Result<ClientCertificate, CredentialError> {
    let key = KeyPair::generate()?;
    let mut params = CertificateParams::default();
    valid_for_long(&mut params);
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    params.distinguished_name.push(DnType::CommonName, "kubernetes-admin");
    params.distinguished_name.push(DnType::OrganizationName, "kubeadm:cluster-admins");
    let pem = params.signed_by(&key, issuer)?.pem();
    Ok(ClientCertificate { pem, key: key.serialize_pem() })
}

fn authority(cluster: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params.distinguished_name.push(DnType::CommonName, format!("{cluster} API server"));
    valid_for_long(&mut params);
    params
}

/// From a day ago, for clocks that differ, to ten years from now.
fn valid_for_long(params: &mut CertificateParams) {
    let now = OffsetDateTime::now_utc();
    params.not_before = now - Duration::days(1);
    params.not_after = now + Duration::days(3650);
}

fn new_token() -> Result<String, CredentialError> {
    let mut bytes = [0_u8; 24];
    SystemRandom::new().fill(&mut bytes).map_err(|_| CredentialError::NoRandomness)?;
    Ok(bytes.iter().fold(String::new(), |mut token, byte| {
        write!(token, "{byte:02x}").expect("writing to a String cannot fail");
        token
    }))
}

impl Access {
    /// Whether this is the token. Digests are compared, so that the time it takes says nothing.
    pub(super) fn is_token(&self, given: &str) -> bool {
        let of = |text: &str| digest(&SHA256, text.as_bytes());
        of(given).as_ref() == of(&self.token).as_ref()
    }

    /// A kubeconfig of this one cluster.
    pub fn kubeconfig(&self) -> String {
        let cluster = &self.cluster;
        self.kubeconfig_of(cluster, cluster, &format!("token: {}", self.token))
    }

    /// A kubeconfig as kubeadm writes `admin.conf`: with a client certificate.
    pub fn admin_kubeconfig(&self) -> String {
        let user = format!(
            "client-certificate-data: {}\n    client-key-data: {}",
            base64(self.client.pem.as_bytes()),
            base64(self.client.key.as_bytes())
        );
        self.kubeconfig_of("kubernetes-admin", &format!("kubernetes-admin@{}", self.cluster), &user)
    }

    /// The private key of the certificate authority, as PEM: a control plane keeps it.
    pub fn authority_key(&self) -> &str {
        &self.authority_key
    }

    fn kubeconfig_of(&self, user_name: &str, context: &str, user: &str) -> String {
        let Self { cluster, url, .. } = self;
        let authority = base64(self.authority.as_bytes());
        format!(
            "apiVersion: v1\n\
             kind: Config\n\
             clusters:\n\
             - name: \"{cluster}\"\n\
             \x20 cluster:\n\
             \x20   server: \"{url}\"\n\
             \x20   certificate-authority-data: {authority}\n\
             users:\n\
             - name: \"{user_name}\"\n\
             \x20 user:\n\
             \x20   {user}\n\
             contexts:\n\
             - name: \"{context}\"\n\
             \x20 context:\n\
             \x20   cluster: \"{cluster}\"\n\
             \x20   user: \"{user_name}\"\n\
             \x20   namespace: default\n\
             current-context: \"{context}\"\n"
        )
    }

    /// The token, for clients without a kubeconfig.
    pub fn token(&self) -> &str {
        &self.token
    }
}
