//! Downloads from servers of our own: over TLS with an authority of our own, and through a proxy.

use std::fs;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use gateproof_core::scenario::Channel;
use gateproof_core::versions::Release;
use http::{Method, Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use rustls_pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use semver::Version;
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

use super::{cache, manifest, name};
use crate::settings::{CrdSource, Downloads, Settings};

const MANIFEST: &str = "\
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata:
  name: gateways.gateway.networking.k8s.io
  annotations:
    gateway.networking.k8s.io/bundle-version: v1.6.1
    gateway.networking.k8s.io/channel: standard
spec: {group: gateway.networking.k8s.io}
";

fn release() -> Release {
    Release { version: Version::new(1, 6, 1), channel: Channel::Standard }
}

/// A server for `localhost` over TLS.
struct Server {
    address: SocketAddr,
    authority: String,
    asked: Arc<AtomicUsize>,
}

impl Server {
    async fn start() -> Self {
        let signed = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]);
        let rcgen::CertifiedKey { cert, signing_key } = signed.expect("a certificate");
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(signing_key.serialize_der()));
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_no_client_auth()
            .with_single_cert(vec![cert.der().clone()], key)
            .expect("a key that fits");
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let asked = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&asked);
        tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                let (acceptor, counter) = (acceptor.clone(), Arc::clone(&counter));
                tokio::spawn(async move {
                    let Ok(socket) = acceptor.accept(socket).await else { return };
                    let service = service_fn(move |request| {
                        let count = counter.fetch_add(1, Ordering::SeqCst);
                        async move { Ok::<_, std::convert::Infallible>(answer(&request, count)) }
                    });
                    let served = http1::Builder::new();
                    drop(served.serve_connection(TokioIo::new(socket), service).await);
                });
            }
        });
        Self { address, authority: cert.pem(), asked }
    }

    fn url(&self, path: &str) -> String {
        format!("https://localhost:{}{path}", self.address.port())
    }

    fn settings(&self, path: &str) -> Settings {
        Settings {
            crds: CrdSource::Url(self.url(path)),
            downloads: Downloads {
                authorities: Some(self.authority.clone()),
                ..Downloads::default()
            },
            ..Settings::default()
        }
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

fn answer(request: &Request<Incoming>, count: usize) -> Response<Full<Bytes>> {
    let moved = |to: &str| Response::builder().status(StatusCode::FOUND).header("location", to);
    match request.uri().path() {
        "/moved" => moved("/a.yaml").body(Bytes::new().into()),
        "/round" => moved("/round").body(Bytes::new().into()),
        "/plain" => moved("http://localhost:1/a.yaml").body(Bytes::new().into()),
        "/busy" if count == 0 => {
            Response::builder().status(StatusCode::SERVICE_UNAVAILABLE).body(Bytes::new().into())
        }
        "/a.yaml" | "/busy" => Response::builder().body(MANIFEST.into()),
        "/page" => Response::builder().body("<html>sign in</html>".into()),
        _ => Response::builder().status(StatusCode::NOT_FOUND).body(Bytes::new().into()),
    }
    .expect("a response")
}

/// A proxy that forwards what it is asked for with `CONNECT`.
async fn proxy(seen: Arc<AtomicUsize>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            let seen = Arc::clone(&seen);
            let service = service_fn(move |request: Request<Incoming>| {
                assert_eq!(request.method(), Method::CONNECT);
                seen.fetch_add(1, Ordering::SeqCst);
                let target = request.uri().to_string();
                tokio::spawn(async move {
                    let upgraded = hyper::upgrade::on(request).await.expect("a tunnel");
                    let mut server = TcpStream::connect(target).await.expect("the server");
                    drop(copy_bidirectional(&mut TokioIo::new(upgraded), &mut server).await);
                });
                async { Ok::<_, std::convert::Infallible>(Response::new(Full::<Bytes>::default())) }
            });
            let served = http1::Builder::new()
                .serve_connection(TokioIo::new(socket), service)
                .with_upgrades();
            tokio::spawn(served);
        }
    });
    address
}

async fn words(settings: &Settings) -> String {
    manifest(settings, &release()).await.expect_err("it fails").in_words()
}

#[tokio::test]
async fn a_manifest_is_downloaded_over_tls_and_redirects_are_followed() {
    let server = Server::start().await;
    for path in ["/a.yaml", "/moved"] {
        let bundle = manifest(&server.settings(path), &release()).await.expect(path);
        assert_eq!(bundle.release, Some(release()));
    }
}

#[tokio::test]
async fn a_busy_server_is_asked_again() {
    let server = Server::start().await;
    manifest(&server.settings("/busy"), &release()).await.expect("the second answer");
    assert_eq!(server.asked(), 2);
}

#[tokio::test]
async fn what_cannot_be_had_is_told_with_the_way_out() {
    let server = Server::start().await;
    for (path, parts) in [
        ("/nothing", &["/nothing", "there is no such file", "--gateway-api-crds"][..]),
        ("/round", &["more than 5 redirects"]),
        ("/plain", &["from TLS to plain text"]),
        ("/page", &["/page cannot be used", "expected a release manifest"]),
        ("/a.yaml#sha1=ab", &["`#sha1=ab` says nothing", "#sha256="]),
    ] {
        let words = words(&server.settings(path)).await;
        for part in parts {
            assert!(words.contains(part), "{part} in {words}");
        }
    }
    let mut stranger = server.settings("/a.yaml");
    stranger.downloads.authorities = None;
    let words = words(&stranger).await;
    assert!(words.contains("TLS with localhost failed"), "{words}");
    assert_eq!(server.asked(), 9, "nothing is sent to a server that is not trusted");
}

#[tokio::test]
async fn a_download_that_is_not_what_was_expected_is_refused() {
    let server = Server::start().await;
    let digest = cache::digest(MANIFEST.as_bytes());
    let good = format!("/a.yaml#sha256={digest}");
    manifest(&server.settings(&good), &release()).await.expect("it is what was expected");
    let other = format!("/a.yaml#sha256={}", cache::digest(b"other"));
    let words = words(&server.settings(&other)).await;
    assert!(words.contains("not what was expected") && words.contains(&digest), "{words}");
}

#[tokio::test]
async fn a_download_is_kept_and_a_damaged_one_is_replaced() {
    let server = Server::start().await;
    let folder = tempfile::tempdir().expect("a folder");
    let mut settings = server.settings("/a.yaml");
    settings.downloads.cache = Some(folder.path().join("new"));
    for _ in 0..2 {
        manifest(&settings, &release()).await.expect("a manifest");
    }
    assert_eq!(server.asked(), 1, "the second one came from the cache");
    let kept = fs::read_dir(folder.path().join("new"))
        .expect("a folder")
        .map(|entry| entry.expect("an entry").path())
        .find(|path| path.extension().is_some_and(|extension| extension == "yaml"))
        .expect("it was kept");
    fs::write(&kept, &MANIFEST[..100]).expect("written");
    manifest(&settings, &release()).await.expect("a manifest");
    assert_eq!(server.asked(), 2, "half a file is no file");
    assert_eq!(fs::read_to_string(&kept).expect("kept"), MANIFEST);
}

#[tokio::test]
async fn a_proxy_is_used_where_it_is_wanted() {
    let server = Server::start().await;
    let seen = Arc::new(AtomicUsize::new(0));
    let proxy = proxy(Arc::clone(&seen)).await;
    let mut settings = server.settings("/a.yaml");
    settings.downloads.https_proxy = Some(format!("http://{proxy}"));
    manifest(&settings, &release()).await.expect("through the proxy");
    assert_eq!(seen.load(Ordering::SeqCst), 1);
    settings.downloads.no_proxy = vec!["localhost".to_owned()];
    manifest(&settings, &release()).await.expect("past the proxy");
    assert_eq!(seen.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_folder_gives_the_manifest_of_the_release() {
    let folder = tempfile::tempdir().expect("a folder");
    let settings =
        Settings { crds: CrdSource::File(folder.path().to_owned()), ..Settings::default() };
    let words = words(&settings).await;
    assert!(words.contains("expected one of gateway-api-v1.6.1-standard-install.yaml"), "{words}");
    fs::write(folder.path().join(name(&release())), MANIFEST).expect("written");
    manifest(&settings, &release()).await.expect("a manifest");
}
