//! What a backend sees of a request and a client of its answer: edits, rewrites, mirrors,
//! retries, WebSockets.

use std::time::Duration;

use gateproof_model::translation::envoy::{
    Action, Forward, Mirror, PathRewrite, Retry, RetryOn, Route, UpstreamProtocol,
};
use http::Request;
use http_body_util::Empty;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::backend;
use super::client::{Http1, get};
use super::sample::{self, World};

const PORT: u16 = 30_080;

async fn world(route: Route, endpoints: &[(&str, std::net::SocketAddr)]) -> World {
    let world = World::new();
    let mut program = world.program(sample::config(sample::listener(), vec![route]), &[PORT]);
    program.endpoints = sample::endpoints(endpoints);
    let applied = world.plane.apply(program).await;
    assert!(applied.refused.is_empty(), "{applied:?}");
    world
}

fn route(forward: Forward) -> Route {
    sample::route(sample::path("/app"), Action::Forward(forward))
}

fn fields(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

#[tokio::test]
async fn backend_sees_edits_rewrites_and_what_envoy_adds() {
    let echo = sample::echo("web-1").await;
    let mut forward = sample::forwarding(&[("a", 1)]);
    forward.host_rewrite = Some("inner.test".into());
    forward.path_rewrite = Some(PathRewrite::Prefix("/new".into()));
    forward.clusters[0].request_headers.set = fields(&[("x-by", "cluster"), ("x-cluster", "1")]);
    forward.clusters[0].response_headers.add = fields(&[("x-from", "cluster")]);
    let mut route = route(forward);
    route.request_headers.set = fields(&[("x-by", "route")]);
    route.request_headers.remove = vec!["x-gone".into()];
    route.response_headers.add = fields(&[("x-from", "route")]);
    let world = world(route, &[("a", echo.socket())]).await;
    let request = Request::get("/app/x?q=1")
        .header("host", "a.test")
        .header("x-gone", "1")
        .header("connection", "x-hop")
        .header("x-hop", "1")
        .header("x-echo-set-header", "server:backend, x-own:1")
        .body(Empty::new())
        .expect("a request");
    let answer = Http1::to(world.dial(PORT)).await.send(request).await.expect("an answer");
    let seen = answer.echo();
    assert_eq!((seen.host.as_str(), seen.path.as_str()), ("inner.test", "/new/x?q=1"));
    let one = |name: &str| seen.headers.get(name).map(|values| values.join("|"));
    assert_eq!(one("X-By").as_deref(), Some("route"), "the route's edits come last");
    assert_eq!(one("X-Cluster").as_deref(), Some("1"));
    assert_eq!(one("X-Envoy-Original-Path").as_deref(), Some("/app/x?q=1"));
    assert_eq!(one("X-Forwarded-For").as_deref(), Some("127.0.0.1"));
    assert_eq!(one("X-Forwarded-Proto").as_deref(), Some("http"));
    assert_eq!(one("X-Envoy-Internal").as_deref(), Some("true"));
    assert!(one("X-Request-Id").is_some());
    for gone in ["X-Gone", "X-Hop", "Connection"] {
        assert_eq!(one(gone), None, "{gone}");
    }
    let from: Vec<_> = answer.headers.get_all("x-from").iter().collect();
    assert_eq!(from, ["cluster", "route"]);
    assert_eq!(answer.header("server"), Some("envoy"), "the backend's own is overwritten");
    assert_eq!(answer.header("x-own"), Some("1"));
    assert!(answer.header("x-envoy-upstream-service-time").is_some());
}

#[tokio::test]
async fn mirror_gets_its_share_of_copies_and_never_changes_the_answer() {
    let echo = sample::echo("web-1").await;
    let reply = "HTTP/1.1 500 Broken\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
    let (shadow, mut heads) = backend::scripted(vec![reply]).await;
    let (never, mut unseen) = backend::scripted(vec![reply]).await;
    let mut forward = sample::forwarding(&[("a", 1)]);
    forward.mirrors = vec![
        Mirror { cluster: "b".into(), numerator: 100, denominator: 100 },
        Mirror { cluster: "c".into(), numerator: 0, denominator: 100 },
    ];
    let world = world(route(forward), &[("a", echo.socket()), ("b", shadow), ("c", never)]).await;
    let answer = get(world.dial(PORT), "a.test", "/app/m").await;
    assert_eq!(answer.echo().pod, "web-1");
    let copy = tokio::time::timeout(Duration::from_secs(10), heads.recv());
    let copy = copy.await.expect("in time").expect("a copy").to_lowercase();
    assert!(copy.starts_with("get /app/m http/1.1\r\n"), "{copy}");
    assert!(copy.contains("host: a.test-shadow\r\n"), "{copy}");
    world.plane.shutdown().await;
    assert!(unseen.try_recv().is_err(), "a share of nothing is never copied");
}

#[tokio::test]
async fn retry_follows_listed_codes_as_often_as_allowed_and_no_others() {
    let busy = "HTTP/1.1 503 Busy\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
    let broken = "HTTP/1.1 500 Broken\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
    let fine = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok";
    let cases = [
        (vec![busy, busy, fine], 2, 200),
        (vec![busy, busy, fine], 1, 503),
        (vec![broken, fine, fine], 2, 500),
    ];
    for (replies, attempts, expected) in cases {
        let (socket, _heads) = backend::scripted(replies).await;
        let mut forward = sample::forwarding(&[("a", 1)]);
        forward.retry = Some(Retry {
            on: RetryOn::CodesAndConnection,
            attempts: Some(attempts),
            codes: vec![503],
            backoff: None,
        });
        let world = world(route(forward), &[("a", socket)]).await;
        let answer = get(world.dial(PORT), "a.test", "/app").await;
        assert_eq!(answer.status, expected, "{attempts} retries");
    }
}

#[tokio::test]
async fn retry_tells_the_backend_what_is_left_of_the_time_limit() {
    let busy = "HTTP/1.1 503 Busy\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
    let fine = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok";
    let spent = 20;
    let (socket, mut heads) =
        backend::tardy(Duration::from_millis(spent), vec![busy, busy, fine]).await;
    let mut forward = sample::forwarding(&[("a", 1)]);
    forward.timeout = Some(Duration::from_mins(1));
    forward.retry = Some(Retry {
        on: RetryOn::CodesAndConnection,
        attempts: Some(2),
        codes: vec![503],
        backoff: None,
    });
    let world = world(route(forward), &[("a", socket)]).await;
    assert_eq!(get(world.dial(PORT), "a.test", "/app").await.status, 200);
    let mut most = 60_000;
    for tried in 0..3 {
        let head = heads.recv().await.expect("a request").to_lowercase();
        let told = head.lines().find_map(|l| l.strip_prefix("x-envoy-expected-rq-timeout-ms: "));
        let told: u64 = told.expect("the field").parse().expect("a number");
        match tried {
            0 => assert_eq!(told, most, "{head}"),
            _ => assert!((1..=most).contains(&told), "at most {most} are left: {head}"),
        }
        most = told - spent;
    }
}

#[tokio::test]
async fn cluster_with_three_retries_under_way_begins_no_other() {
    let (socket, mut held) = backend::holding().await;
    let mut forward = sample::forwarding(&[("a", 1)]);
    forward.retry = Some(Retry {
        on: RetryOn::CodesAndConnection,
        attempts: Some(1),
        codes: vec![503],
        backoff: None,
    });
    let world = world(route(forward), &[("a", socket)]).await;
    let (mut waiting, mut kept) = (Vec::new(), Vec::new());
    for _ in 0..3 {
        let to = world.dial(PORT);
        waiting.push(tokio::spawn(async move { get(to, "a.test", "/app").await.status }));
        kept.push(held.recv().await.expect("a retry"));
    }
    assert_eq!(get(world.dial(PORT), "a.test", "/app").await.status, 503, "not tried again");
    let mut first = kept.remove(0);
    let reply = "HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
    first.write_all(reply.as_bytes()).await.expect("writable");
    assert_eq!(waiting.remove(0).await.expect("no panic"), 200, "the first one's retry");
}

#[tokio::test]
async fn trailers_of_an_http1_backend_do_not_reach_an_http2_client() {
    use http_body_util::BodyExt;
    use hyper_util::rt::{TokioExecutor, TokioIo};

    let reply = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\ntrailer: x-last\r\n\r\n\
                 2\r\nok\r\n0\r\nx-last: 1\r\n\r\n";
    let (socket, _heads) = backend::scripted(vec![reply]).await;
    let world = World::new();
    let route = route(sample::forwarding(&[("a", 1)]));
    let mut config = sample::config(sample::listener(), vec![route]);
    config.clusters.get_mut("a").expect("a cluster").protocol = UpstreamProtocol::Http1;
    let mut program = world.program(config, &[PORT]);
    program.endpoints = sample::endpoints(&[("a", socket)]);
    world.plane.apply(program).await;
    let stream = TcpStream::connect(world.dial(PORT)).await.expect("connect");
    let (mut sender, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream))
            .await
            .expect("handshake");
    tokio::spawn(connection);
    let request = Request::get("http://a.test/app").body(Empty::<hyper::body::Bytes>::new());
    let response = sender.send_request(request.expect("a request")).await.expect("an answer");
    let body = response.into_body().collect().await.expect("a whole body");
    assert_eq!(body.trailers(), None);
    assert_eq!(body.to_bytes(), "ok");
}

#[tokio::test]
async fn request_body_reaches_the_backend_whether_it_is_kept_or_streamed() {
    use http_body_util::{BodyExt, Full};
    use hyper::body::Bytes;
    use hyper_util::rt::TokioIo;

    let echo = sample::echo("web-1").await;
    for (mirrored, length) in [(false, 3), (true, 3), (true, 3 * 1024 * 1024)] {
        let mut forward = sample::forwarding(&[("a", 1)]);
        if mirrored {
            forward.mirrors = vec![Mirror { cluster: "b".into(), numerator: 1, denominator: 1 }];
        }
        let world = world(route(forward), &[("a", echo.socket())]).await;
        let stream = TcpStream::connect(world.dial(PORT)).await.expect("connect");
        let (mut sender, connection) =
            hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.expect("handshake");
        tokio::spawn(connection);
        let request = Request::post("/app")
            .header("host", "a.test")
            .body(Full::new(Bytes::from(vec![b'x'; length])))
            .expect("a request");
        let response = sender.send_request(request).await.expect("an answer");
        assert_eq!(response.status(), 200, "{length} bytes");
        let body = response.into_body().collect().await.expect("a body").to_bytes();
        let echo: gateproof_core::observation::Echo =
            serde_json::from_slice(&body).expect("an echo");
        assert_eq!(echo.headers["Content-Length"], [length.to_string()]);
    }
}

#[tokio::test]
async fn websocket_is_passed_through_in_both_directions() {
    let socket = backend::switching().await;
    let world = world(route(sample::forwarding(&[("a", 1)])), &[("a", socket)]).await;
    let mut stream = TcpStream::connect(world.dial(PORT)).await.expect("connect");
    let request = "GET /app HTTP/1.1\r\nhost: a.test\r\n\
                   connection: Upgrade\r\nupgrade: websocket\r\n\r\n";
    stream.write_all(request.as_bytes()).await.expect("writable");
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        assert_ne!(stream.read_buf(&mut head).await.expect("readable"), 0, "closed early");
    }
    let head = String::from_utf8(head).expect("text").to_lowercase();
    assert!(head.starts_with("http/1.1 101"), "{head}");
    assert!(head.contains("upgrade: websocket"), "{head}");
    stream.write_all(b"frame").await.expect("writable");
    let mut frame = [0; 5];
    stream.read_exact(&mut frame).await.expect("readable");
    assert_eq!(&frame, b"frame");
}
