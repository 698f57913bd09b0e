//! Claims about echo servers, over real sockets.

use std::net::SocketAddr;

use gateproof_core::observation::Echo;
use http_body_util::{BodyExt, Empty};
use hyper::body::Bytes;
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;

use super::{EchoIdentity, EchoServer};

async fn server() -> EchoServer {
    let identity =
        EchoIdentity { namespace: "apps".into(), service: "web".into(), pod: "web-1".into() };
    EchoServer::start(identity, [127, 0, 0, 1].into()).await.expect("a port on loopback")
}

async fn get(socket: SocketAddr, path: &str) -> (u16, http::HeaderMap, String) {
    let client = Client::builder(TokioExecutor::new()).build_http::<Empty<Bytes>>();
    let request = http::Request::get(format!("http://{socket}{path}"))
        .header("host", "a.test")
        .header("x-twice", "1")
        .header("x-twice", "2")
        .header("x-echo-set-header", "x-one:1, x-two: 2")
        .body(Empty::new())
        .expect("a request");
    let (parts, body) = client.request(request).await.expect("an answer").into_parts();
    let body = body.collect().await.expect("a body").to_bytes();
    (parts.status.as_u16(), parts.headers, String::from_utf8_lossy(&body).into_owned())
}

#[tokio::test]
async fn echo_says_what_it_saw_and_who_it_is() {
    let server = server().await;
    let (status, headers, body) = get(server.socket(), "/x?y=1").await;
    let echo: Echo = serde_json::from_str(&body).expect("the echo's JSON");
    assert_eq!(status, 200);
    assert_eq!((echo.path.as_str(), echo.host.as_str()), ("/x?y=1", "a.test"));
    assert_eq!((echo.method.as_str(), echo.proto.as_str()), ("GET", "HTTP/1.1"));
    assert_eq!(
        (echo.namespace.as_str(), echo.service.as_str(), echo.pod.as_str()),
        ("apps", "web", "web-1")
    );
    assert_eq!(echo.headers["X-Twice"], ["1", "2"]);
    assert!(!echo.headers.contains_key("Host"));
    assert_eq!(headers["content-type"], "application/json");
    assert_eq!(headers["x-one"], "1");
    assert_eq!(headers["x-two"], "2");
}

#[tokio::test]
async fn special_paths_answer_as_the_real_server_does() {
    let server = server().await;
    let cases = [("/health", 200, "OK"), ("/status/503", 503, ""), ("/status/5x3", 400, "")];
    for (path, expected, expected_body) in cases {
        let (status, _, body) = get(server.socket(), path).await;
        assert_eq!((status, body.as_str()), (expected, expected_body), "{path}");
    }
    let (status, _, body) = get(server.socket(), "/?delay=soon").await;
    assert_eq!(status, 500);
    assert!(body.contains("expected a duration"), "{body}");
    assert_eq!(get(server.socket(), "/?delay=1ms").await.0, 200);
    assert_eq!(get(server.socket(), "/healthy").await.0, 200, "an ordinary path");
}

#[tokio::test]
async fn shutdown_ends_waiting_requests_and_refuses_new_ones() {
    let server = server().await;
    let socket = server.socket();
    let stream = tokio::net::TcpStream::connect(socket).await.expect("connect");
    server.shutdown().await;
    server.shutdown().await;
    let error = tokio::net::TcpStream::connect(socket).await.expect_err("must be refused");
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionRefused);
    drop(stream);
}
