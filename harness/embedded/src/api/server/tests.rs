use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::ApiServer;
use crate::api::{Store, SystemClock, service};

async fn server() -> ApiServer {
    let store = Store::new(Arc::new(SystemClock));
    ApiServer::start(service(store), "test").await.expect("a loopback socket")
}

async fn connect(server: &ApiServer) -> TlsStream<TcpStream> {
    let mut roots = RootCertStore::empty();
    let authority = CertificateDer::from_pem_slice(server.access().authority.as_bytes());
    roots.add(authority.expect("PEM")).expect("a certificate");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("ring has them")
        .with_root_certificates(roots)
        .with_no_client_auth();
    let address = server.access().url.strip_prefix("https://").expect("https");
    let stream = TcpStream::connect(address).await.expect("a listening server");
    let name = ServerName::try_from("127.0.0.1").expect("an address");
    TlsConnector::from(Arc::new(config)).connect(name, stream).await.expect("a trusted server")
}

async fn ask(server: &ApiServer, request: &str) -> String {
    let mut stream = connect(server).await;
    stream.write_all(request.as_bytes()).await.expect("an open connection");
    let mut answer = String::new();
    // A server that closes without the closing alert has still answered.
    if let Err(error) = stream.read_to_string(&mut answer).await {
        assert_eq!(error.kind(), std::io::ErrorKind::UnexpectedEof, "{error}");
    }
    answer
}

fn get(path: &str, token: &str) -> String {
    let credentials = match token {
        "" => String::new(),
        token => format!("Authorization: Bearer {token}\r\n"),
    };
    format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{credentials}\r\n")
}

#[tokio::test]
async fn only_the_token_opens_the_door_and_health_is_public() {
    let server = server().await;
    let token = server.access().token().to_owned();
    for (path, token, status) in [
        ("/api/v1/namespaces", token.as_str(), "200 OK"),
        ("/api/v1/namespaces", "wrong", "401 Unauthorized"),
        ("/api/v1/namespaces", "", "401 Unauthorized"),
        ("/versions", "", "401 Unauthorized"),
        ("/livez", "", "200 OK"),
        ("/readyz/ping", "", "200 OK"),
        ("/version", "", "200 OK"),
        ("/version", "wrong", "401 Unauthorized"),
        ("/version", token.as_str(), "200 OK"),
    ] {
        let answer = ask(&server, &get(path, token)).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}")), "{path} {token}: {answer}");
    }
    server.shutdown().await;
}

#[tokio::test]
async fn a_body_over_the_limit_is_refused_with_the_limit() {
    let server = server().await;
    let head = format!(
        "POST /api/v1/namespaces HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: \
         application/json\r\nContent-Length: {}\r\nAuthorization: Bearer {}\r\n\r\n",
        4 << 20,
        server.access().token(),
    );
    let mut stream = connect(&server).await;
    stream.write_all(head.as_bytes()).await.expect("an open connection");
    let chunk = vec![b' '; 1 << 20];
    for _ in 0..4 {
        // The server may answer and close before it has seen everything.
        if stream.write_all(&chunk).await.is_err() {
            break;
        }
    }
    let mut answer = vec![0; 4096];
    let read = stream.read(&mut answer).await.expect("an answer");
    let answer = String::from_utf8_lossy(&answer[..read]).into_owned();
    assert!(answer.starts_with("HTTP/1.1 413"), "{answer}");
    assert!(answer.contains("limit is 3145728"), "{answer}");
}

#[tokio::test]
async fn clients_that_say_nothing_do_not_keep_others_or_the_end_waiting() {
    let server = server().await;
    let address = server.access().url.strip_prefix("https://").expect("https").to_owned();
    let mut silent = Vec::new();
    for _ in 0..20 {
        silent.push(TcpStream::connect(&address).await.expect("a listening server"));
    }
    let half = connect(&server).await;
    let answer = ask(&server, &get("/livez", "")).await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    let ended = tokio::time::timeout(Duration::from_secs(5), server.shutdown()).await;
    assert!(ended.is_ok(), "shutdown waits for nobody");
    drop(half);
    assert!(TcpStream::connect(&address).await.is_err(), "the socket is closed");
}

#[tokio::test]
async fn the_kubeconfig_has_everything_and_debug_output_no_token() {
    let server = server().await;
    let access = server.access();
    let client = gateproof_kubernetes::Client::from_kubeconfig_text(&access.kubeconfig()).await;
    assert!(client.is_ok(), "{:?}", client.err());
    assert!(!format!("{server:?}").contains(access.token()));
}
