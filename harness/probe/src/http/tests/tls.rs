use std::sync::Arc;
use std::time::Duration;

use gateproof_core::observation::{
    HttpObservation, HttpOutcome, HttpVersion, NoResponse, TlsFailure, Trust,
};
use rustls::server::{ClientHello, ResolvesServerCert, WebPkiClientVerifier};
use rustls::sign::CertifiedKey;
use tokio::io::AsyncReadExt;

use super::pki::{self, Authority};
use super::server::{Server, silence};
use crate::http;
use crate::request::{HttpProbe, ServerNameChoice, TlsProbe, TlsVersions, VersionChoice};
use crate::roots::TrustRoots;

fn probe(server: &Server, roots: TrustRoots) -> HttpProbe {
    let mut probe = server.probe();
    probe.tls = Some(TlsProbe::named("a.example", roots));
    probe
}

fn tls(probe: &mut HttpProbe) -> &mut TlsProbe {
    probe.tls.as_mut().unwrap()
}

fn body(seen: &HttpObservation) -> &str {
    match &seen.outcome {
        HttpOutcome::Response(response) => &response.body,
        other => panic!("expected a response, saw {other:?}"),
    }
}

fn failure(seen: &HttpObservation) -> &TlsFailure {
    match &seen.outcome {
        HttpOutcome::TlsFailed(failure) => failure,
        other => panic!("expected a TLS failure, saw {other:?}"),
    }
}

/// The reason not to trust; the request itself must have been answered nevertheless.
fn distrust(seen: &HttpObservation) -> &str {
    body(seen);
    match &seen.tls.as_ref().unwrap().trust {
        Trust::Failed(reason) | Trust::OutOfDate(reason) => reason,
        other => panic!("expected distrust, saw {other:?}"),
    }
}

#[tokio::test]
async fn trusted_certificate_is_verified_and_described() {
    let ca = Authority::named("ours");
    let server = Server::https(ca.server(&["a.example", "*.b.example"], |_| {})).await;
    let seen = http(&probe(&server, ca.roots())).await;
    let tls = seen.tls.as_ref().unwrap();
    assert_eq!(body(&seen), "GET a.example /");
    assert_eq!(tls.trust, Trust::Verified);
    assert_eq!(tls.chain[0].names, ["a.example", "*.b.example"]);
    assert!(tls.chain[0].issuer.contains("ours"), "{}", tls.chain[0].issuer);
    assert_eq!(tls.version.as_deref(), Some("TLSv1.3"));
    assert_eq!(tls.server_name.as_deref(), Some("a.example"));
    assert!(seen.timings.tls.is_some());
}

#[tokio::test]
async fn second_probe_sees_the_certificate_again() {
    let ca = Authority::named("ours");
    let server = Server::https(ca.server(&["a.example"], |_| {})).await;
    for _ in 0..2 {
        let seen = http(&probe(&server, ca.roots())).await;
        assert_eq!(seen.tls.unwrap().chain.len(), 1, "no session may be resumed");
    }
}

#[tokio::test]
async fn certificate_of_another_name_is_distrusted_and_the_request_still_answered() {
    let ca = Authority::named("ours");
    let server = Server::https(ca.server(&["other.example"], |_| {})).await;
    let seen = http(&probe(&server, ca.roots())).await;
    let reason = distrust(&seen);
    assert!(reason.contains("not valid for a.example: it holds for other.example"), "{reason}");
    assert!(!reason.contains("unknown issuer"), "{reason}");
}

#[tokio::test]
async fn wildcard_certificate_holds_for_one_label_and_not_for_the_apex() {
    let ca = Authority::named("ours");
    let server = Server::https(ca.server(&["*.a.example"], |_| {})).await;
    for (name, trusted) in [("x.a.example", true), ("a.example", false), ("x.y.a.example", false)] {
        let mut probe = probe(&server, ca.roots());
        tls(&mut probe).verify_for = name.to_owned();
        let seen = http(&probe).await;
        assert_eq!(seen.tls.unwrap().trust == Trust::Verified, trusted, "{name}");
    }
}

#[tokio::test]
async fn certificate_of_another_authority_has_an_unknown_issuer() {
    let (ours, theirs) = (Authority::named("ours"), Authority::named("theirs"));
    let server = Server::https(theirs.server(&["a.example"], |_| {})).await;
    let seen = http(&probe(&server, ours.roots())).await;
    let reason = distrust(&seen);
    assert!(reason.contains("unknown issuer") && reason.contains("theirs"), "{reason}");
    assert!(!reason.contains("not valid for"), "the name itself holds: {reason}");
}

#[tokio::test]
async fn probe_without_roots_trusts_nothing_and_says_why() {
    let ca = Authority::named("ours");
    let server = Server::https(ca.server(&["a.example"], |_| {})).await;
    let seen = http(&probe(&server, TrustRoots::empty())).await;
    assert!(distrust(&seen).contains("given no trust roots"), "{}", distrust(&seen));
}

#[tokio::test]
async fn self_signed_certificate_is_trusted_only_as_its_own_root() {
    let (config, pem) = pki::self_signed("a.example");
    let server = Server::https(config).await;
    let seen = http(&probe(&server, TrustRoots::from_pem(&pem).unwrap())).await;
    assert_eq!(seen.tls.unwrap().trust, Trust::Verified);
    let seen = http(&probe(&server, Authority::named("ours").roots())).await;
    assert!(distrust(&seen).contains("unknown issuer"), "{}", distrust(&seen));
}

#[tokio::test]
async fn expired_and_future_certificates_are_told_apart() {
    let ca = Authority::named("ours");
    let expired = ca.server(&["a.example"], |params| {
        params.not_before = rcgen::date_time_ymd(2020, 1, 1);
        params.not_after = rcgen::date_time_ymd(2021, 2, 3);
    });
    let future = ca.server(&["a.example"], |params| {
        params.not_before = rcgen::date_time_ymd(3020, 1, 1);
        params.not_after = rcgen::date_time_ymd(3021, 1, 1);
    });
    let seen = http(&probe(&Server::https(expired).await, ca.roots())).await;
    let reason = distrust(&seen);
    assert!(matches!(seen.tls.as_ref().unwrap().trust, Trust::OutOfDate(_)), "{reason}");
    assert!(reason.starts_with("expired") && reason.contains("2021-02-03"), "{reason}");
    let seen = http(&probe(&Server::https(future).await, ca.roots())).await;
    let reason = distrust(&seen);
    assert!(matches!(seen.tls.as_ref().unwrap().trust, Trust::OutOfDate(_)), "{reason}");
    assert!(reason.starts_with("not valid yet") && reason.contains("3020-01-01"), "{reason}");
}

#[tokio::test]
async fn a_certificate_of_nobody_we_know_is_out_of_date_all_the_same() {
    let server = Authority::named("theirs").server(&["a.example"], |params| {
        params.not_before = rcgen::date_time_ymd(2020, 1, 1);
        params.not_after = rcgen::date_time_ymd(2021, 2, 3);
    });
    let seen = http(&probe(&Server::https(server).await, Authority::named("ours").roots())).await;
    let trust = &seen.tls.as_ref().unwrap().trust;
    assert!(matches!(trust, Trust::OutOfDate(_)), "{trust:?}");
}

#[tokio::test]
async fn wrong_name_and_unknown_issuer_are_both_told() {
    let server = Server::https(Authority::named("theirs").server(&["b.example"], |_| {})).await;
    let seen = http(&probe(&server, Authority::named("ours").roots())).await;
    let reason = distrust(&seen);
    assert!(reason.contains("unknown issuer") && reason.contains("not valid for"), "{reason}");
}

#[tokio::test]
async fn server_name_host_and_verified_name_are_independent() {
    let ca = Authority::named("ours");
    let server = Server::https(ca.server(&["c.example"], |_| {})).await;
    let mut probe = probe(&server, ca.roots());
    tls(&mut probe).server_name = ServerNameChoice::Name("b.example".to_owned());
    tls(&mut probe).verify_for = "c.example".to_owned();
    let seen = http(&probe).await;
    assert_eq!(body(&seen), "GET a.example /");
    let tls = seen.tls.as_ref().unwrap();
    assert_eq!((tls.server_name.as_deref(), &tls.trust), (Some("b.example"), &Trust::Verified));
}

/// Serves one certificate to those who name a server, and none to those who do not.
#[derive(Debug)]
struct OnlyNamed(Arc<CertifiedKey>);

impl ResolvesServerCert for OnlyNamed {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        hello.server_name().map(|_| Arc::clone(&self.0))
    }
}

#[tokio::test]
async fn absent_server_name_is_not_sent_and_addresses_are_not_either() {
    let ca = Authority::named("ours");
    let mut config = ca.server(&["a.example"], |_| {});
    let key = {
        let params = rcgen::CertificateParams::new(vec!["a.example".to_owned()]).unwrap();
        let pair = rcgen::KeyPair::generate().unwrap();
        let leaf = params.self_signed(&pair).unwrap();
        let der = rustls_pki_types::PrivatePkcs8KeyDer::from(pair.serialize_der());
        let signer = rustls::crypto::ring::sign::any_supported_type(&der.into()).unwrap();
        Arc::new(CertifiedKey::new(vec![leaf.der().clone()], signer))
    };
    config.cert_resolver = Arc::new(OnlyNamed(key));
    let server = Server::https(config).await;
    for choice in [ServerNameChoice::Absent, ServerNameChoice::Name("127.0.0.1".to_owned())] {
        let mut probe = probe(&server, ca.roots());
        tls(&mut probe).server_name = choice;
        let seen = http(&probe).await;
        assert!(matches!(failure(&seen), TlsFailure::Alert(_)), "{:?}", seen.outcome);
        let tls = seen.tls.as_ref().unwrap();
        assert_eq!((tls.server_name.as_ref(), &tls.trust), (None, &Trust::NoCertificate));
    }
    assert_eq!(body(&http(&probe(&server, ca.roots())).await), "GET a.example /");
}

#[tokio::test]
async fn name_that_cannot_be_a_server_name_is_told() {
    let server = Server::http().await;
    let mut probe = probe(&server, TrustRoots::empty());
    tls(&mut probe).server_name = ServerNameChoice::Name("*.a.example".to_owned());
    let seen = http(&probe).await;
    assert!(matches!(failure(&seen), TlsFailure::Other(words) if words.contains("`*.a.example`")));
}

#[tokio::test]
async fn tls_on_a_plain_port_is_not_tls() {
    let server = Server::answering_anything(b"HTTP/1.1 400 Bad Request\r\n\r\n").await;
    let seen = http(&probe(&server, TrustRoots::empty())).await;
    assert_eq!(*failure(&seen), TlsFailure::NotTls);
}

#[tokio::test]
async fn plain_request_on_a_tls_port_is_not_answered_as_http() {
    let server = Server::https(Authority::named("ours").server(&["a.example"], |_| {})).await;
    let seen = http(&server.probe()).await;
    assert!(
        matches!(
            seen.outcome,
            HttpOutcome::NoResponse(
                NoResponse::NotHttp(_) | NoResponse::Closed | NoResponse::Reset
            )
        ),
        "{:?}",
        seen.outcome
    );
}

#[tokio::test]
async fn close_and_reset_during_the_handshake_are_closed_by_peer() {
    let closing = Server::each(|mut stream| async move {
        stream.read_u8().await.unwrap();
    })
    .await;
    let resetting = Server::each(|mut stream| async move {
        stream.read_u8().await.unwrap();
        stream.set_zero_linger().unwrap();
    })
    .await;
    for server in [closing, resetting] {
        let seen = http(&probe(&server, TrustRoots::empty())).await;
        assert_eq!(*failure(&seen), TlsFailure::ClosedByPeer);
        assert_eq!(seen.timings.tls, None);
    }
}

#[tokio::test]
async fn silent_peer_times_out_in_the_handshake() {
    let server = Server::each(silence).await;
    let mut probe = probe(&server, TrustRoots::empty());
    probe.timeouts.tls = Duration::from_millis(200);
    assert_eq!(*failure(&http(&probe).await), TlsFailure::TimedOut);
}

#[tokio::test]
async fn version_that_the_server_does_not_speak_is_an_alert_by_name() {
    let ca = Authority::named("ours");
    let mut config = ca.server(&["a.example"], |_| {});
    config.alpn_protocols = vec![b"h2".to_vec()];
    let server = Server::https(config).await;
    let mut probe = probe(&server, ca.roots());
    probe.version = VersionChoice::Http1;
    assert_eq!(
        *failure(&http(&probe).await),
        TlsFailure::Alert("no_application_protocol".to_owned())
    );
}

#[tokio::test]
async fn refusal_after_a_finished_tls13_handshake_is_still_an_alert() {
    let ca = Authority::named("ours");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let clients = WebPkiClientVerifier::builder_with_provider(
        Arc::new(ca.roots().store().clone()),
        Arc::clone(&provider),
    )
    .build()
    .unwrap();
    let mut config = ca.server(&["a.example"], |_| {});
    config = with_client_verifier(config, clients);
    let server = Server::https(config).await;
    let seen = http(&probe(&server, ca.roots())).await;
    assert_eq!(*failure(&seen), TlsFailure::Alert("certificate_required".to_owned()));
    assert!(seen.timings.tls.is_some(), "the client's handshake was over");
}

fn with_client_verifier(
    config: rustls::ServerConfig,
    verifier: Arc<dyn rustls::server::danger::ClientCertVerifier>,
) -> rustls::ServerConfig {
    let mut with = rustls::ServerConfig::builder_with_provider(Arc::new(
        rustls::crypto::ring::default_provider(),
    ))
    .with_safe_default_protocol_versions()
    .unwrap()
    .with_client_cert_verifier(verifier)
    .with_cert_resolver(Arc::clone(&config.cert_resolver));
    with.alpn_protocols = config.alpn_protocols;
    with
}

#[tokio::test]
async fn alpn_decides_between_http1_and_http2() {
    type Case<'c> = (&'c [&'c [u8]], VersionChoice, HttpVersion, Option<&'c str>);
    let cases: [Case<'_>; 5] = [
        (&[b"h2", b"http/1.1"], VersionChoice::ByAlpn, HttpVersion::Http2, Some("h2")),
        (&[b"http/1.1"], VersionChoice::ByAlpn, HttpVersion::Http1, Some("http/1.1")),
        (&[], VersionChoice::ByAlpn, HttpVersion::Http1, None),
        (&[b"h2", b"http/1.1"], VersionChoice::Http1, HttpVersion::Http1, Some("http/1.1")),
        (&[b"h2", b"http/1.1"], VersionChoice::Http2, HttpVersion::Http2, Some("h2")),
    ];
    let ca = Authority::named("ours");
    for (offered, choice, expected, alpn) in cases {
        let mut config = ca.server(&["a.example"], |_| {});
        config.alpn_protocols = offered.iter().map(|name| name.to_vec()).collect();
        let server = Server::https(config).await;
        let mut probe = probe(&server, ca.roots());
        probe.version = choice;
        let seen = http(&probe).await;
        let HttpOutcome::Response(response) = &seen.outcome else { panic!("{seen:?}") };
        assert_eq!((response.version, response.body.as_str()), (expected, "GET a.example /"));
        assert_eq!(seen.tls.as_ref().unwrap().alpn.as_deref(), alpn);
    }
}

#[tokio::test]
async fn http2_without_alpn_brings_no_response_although_the_server_could() {
    let ca = Authority::named("ours");
    let server = Server::https(ca.server(&["a.example"], |_| {})).await;
    let mut probe = probe(&server, ca.roots());
    probe.version = VersionChoice::Http2;
    let seen = http(&probe).await;
    let HttpOutcome::NoResponse(NoResponse::Other(words)) = &seen.outcome else {
        panic!("{seen:?}")
    };
    assert!(words.contains("ALPN"), "{words}");
}

#[tokio::test]
async fn only_the_chosen_version_of_tls_is_offered() {
    let ca = Authority::named("ours");
    let server = Server::https(ca.server(&["a.example"], |_| {})).await;
    for (versions, name) in [(TlsVersions::Tls12, "TLSv1.2"), (TlsVersions::Tls13, "TLSv1.3")] {
        let mut probe = probe(&server, ca.roots());
        tls(&mut probe).versions = versions;
        let seen = http(&probe).await;
        assert_eq!(seen.tls.unwrap().version.as_deref(), Some(name));
    }
}
