//! The TLS handshake of a probe: what was served, whether it is trusted, why it failed.
//!
//! A chain that is not trusted does not end the handshake; it is recorded ([`verifier`]) and the
//! request goes on, so that one probe shows both the certificate and the reason. What is never
//! skipped is the signature that proves the peer holds the certificate's key. Sessions are never
//! resumed, because a resumed handshake serves no certificate.

mod alert;
pub(crate) mod certificate;
pub(crate) mod failure;
mod verifier;

use std::net::IpAddr;
use std::sync::{Arc, LazyLock};

use gateproof_core::observation::{TlsFailure, TlsObservation, Trust};
use rustls::client::Resumption;
use rustls::crypto::CryptoProvider;
use rustls::{ClientConfig, ProtocolVersion, SupportedProtocolVersion};
use rustls_pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::request::{ServerNameChoice, TlsProbe, TlsVersions, VersionChoice};
use verifier::RecordingVerifier;

/// The cryptography of every probe: ring, whatever the process has chosen for itself.
static PROVIDER: LazyLock<Arc<CryptoProvider>> =
    LazyLock::new(|| Arc::new(rustls::crypto::ring::default_provider()));

/// A handshake's result: the stream or the failure, and in both cases what was learned.
pub(crate) struct Handshake<S> {
    /// The encrypted stream, or why there is none.
    pub(crate) stream: Result<TlsStream<S>, TlsFailure>,
    /// What was learned; on a failure before the server's certificate, the chain is empty.
    pub(crate) observation: TlsObservation,
}

/// What a client offers by ALPN; nothing where it is empty.
pub(crate) type Protocols = Vec<Vec<u8>>;

/// Performs the handshake over a stream that is connected to `peer`, until `limit`.
pub(crate) async fn handshake<S>(
    (stream, peer): (S, IpAddr),
    probe: &TlsProbe,
    protocols: Protocols,
    limit: tokio::time::Instant,
) -> Handshake<S>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut observation = TlsObservation {
        server_name: None,
        version: None,
        alpn: None,
        chain: Vec::new(),
        trust: Trust::NoCertificate,
    };
    let name = match name_to_send(probe, peer) {
        Ok(name) => name,
        Err(failure) => return Handshake { stream: Err(failure), observation },
    };
    observation.server_name = match (&probe.server_name, &name) {
        (ServerNameChoice::Name(_), ServerName::DnsName(dns)) => {
            Some(dns.as_ref().trim_end_matches('.').to_owned())
        }
        _ => None,
    };
    let verifier = Arc::new(RecordingVerifier::new(probe, &PROVIDER));
    let connector = match client_config(probe, protocols, Arc::clone(&verifier)) {
        Ok(config) => TlsConnector::from(Arc::new(config)),
        Err(error) => {
            let failure = TlsFailure::Other(format!("no TLS client can be made: {error}"));
            return Handshake { stream: Err(failure), observation };
        }
    };
    let result = tokio::time::timeout_at(limit, connector.connect(name, stream)).await;
    if let Some(seen) = verifier.take() {
        observation.chain = seen.chain.iter().map(certificate::describe).collect();
        observation.trust = seen.trust;
    }
    let stream = match result {
        Ok(Ok(stream)) => {
            let (_, session) = stream.get_ref();
            observation.version = session.protocol_version().map(version_name);
            observation.alpn =
                session.alpn_protocol().map(|alpn| String::from_utf8_lossy(alpn).into_owned());
            Ok(stream)
        }
        Ok(Err(error)) => Err(failure::of_handshake(&error)),
        Err(_elapsed) => Err(TlsFailure::TimedOut),
    };
    Handshake { stream, observation }
}

/// The name to give rustls. It sends DNS names and never addresses, so the peer's address stands
/// for "no server name".
fn name_to_send(probe: &TlsProbe, peer: IpAddr) -> Result<ServerName<'static>, TlsFailure> {
    match &probe.server_name {
        ServerNameChoice::Name(name) => ServerName::try_from(name.clone()).map_err(|_| {
            TlsFailure::Other(format!(
                "`{name}` cannot be sent as server name; expected a DNS name such as a.example"
            ))
        }),
        ServerNameChoice::Absent => Ok(ServerName::IpAddress(peer.into())),
    }
}

/// The rustls configuration of one probe.
fn client_config(
    probe: &TlsProbe,
    protocols: Protocols,
    verifier: Arc<RecordingVerifier>,
) -> Result<ClientConfig, rustls::Error> {
    let versions: &[&SupportedProtocolVersion] = match probe.versions {
        TlsVersions::Both => &[&rustls::version::TLS13, &rustls::version::TLS12],
        TlsVersions::Tls12 => &[&rustls::version::TLS12],
        TlsVersions::Tls13 => &[&rustls::version::TLS13],
    };
    let mut config = ClientConfig::builder_with_provider(Arc::clone(&PROVIDER))
        .with_protocol_versions(versions)?
        .dangerous()
        .with_custom_certificate_verifier(verifier)
        .with_no_client_auth();
    config.resumption = Resumption::disabled();
    config.enable_sni = matches!(probe.server_name, ServerNameChoice::Name(_));
    config.alpn_protocols = protocols;
    Ok(config)
}

/// What a client that speaks HTTP offers by ALPN.
pub(crate) fn http_protocols(version: VersionChoice) -> Protocols {
    match version {
        VersionChoice::Http1 => vec![b"http/1.1".to_vec()],
        VersionChoice::Http2 => vec![b"h2".to_vec()],
        VersionChoice::ByAlpn => vec![b"h2".to_vec(), b"http/1.1".to_vec()],
    }
}

/// The version as OpenSSL and curl write it.
fn version_name(version: ProtocolVersion) -> String {
    match version {
        ProtocolVersion::TLSv1_2 => "TLSv1.2".to_owned(),
        ProtocolVersion::TLSv1_3 => "TLSv1.3".to_owned(),
        other => format!("{other:?}"),
    }
}
