//! What a request is answered: by route, by redirect, by the data plane itself; and changes under
//! load.

use std::time::Duration;

use gateproof_model::translation::envoy::{Action, Redirect, RouteTable, UpstreamProtocol};
use tokio::net::TcpStream;

use super::backend;
use super::client::{Http1, get, get_http2};
use super::sample::{self, World};
use crate::dataplane::{AccessEvent, Program, RefusedPart, RequestRecord, ServedBy};

const PORT: u16 = 30_080;

fn forwarding_to(world: &World, clusters: &[(&str, u32)]) -> Program {
    let routes = vec![sample::route(sample::path("/"), sample::forward(clusters))];
    world.program(sample::config(sample::listener(), routes), &[PORT])
}

#[tokio::test]
async fn unknown_host_and_unknown_path_are_404_without_body() {
    let world = World::new();
    let mut config = sample::config(sample::listener(), vec![]);
    let routes = vec![sample::route(sample::path("/known"), Action::Respond { status: 500 })];
    let table = RouteTable { virtual_hosts: vec![sample::virtual_host(&["a.test"], routes)] };
    config.route_tables.insert("listener-insecure".into(), table);
    world.plane.apply(world.program(config, &[PORT])).await;
    for (host, path, expected) in
        [("b.test", "/known", 404), ("a.test", "/other", 404), ("a.test", "/known", 500)]
    {
        let answer = get(world.dial(PORT), host, path).await;
        assert_eq!(answer.status, expected, "{host}{path}");
        assert_eq!(answer.body, "", "{host}{path}");
        assert_eq!(answer.header("server"), Some("envoy"));
    }
}

#[tokio::test]
async fn listener_without_its_route_table_answers_404() {
    let world = World::new();
    let mut config = sample::config(sample::listener(), vec![]);
    config.route_tables.clear();
    world.plane.apply(world.program(config, &[PORT])).await;
    assert_eq!(get(world.dial(PORT), "a.test", "/").await.status, 404);
}

#[tokio::test]
async fn cluster_without_endpoint_is_503_and_so_is_an_endpoint_that_refuses() {
    let world = World::new();
    let mut program = forwarding_to(&world, &[("a", 1)]);
    world.plane.apply(program.clone()).await;
    let answer = get(world.dial(PORT), "a.test", "/").await;
    assert_eq!((answer.status, answer.body.as_str()), (503, "no healthy upstream"));
    program.endpoints = sample::endpoints(&[("a", world.plane.block().refused())]);
    world.plane.apply(program).await;
    let answer = get(world.dial(PORT), "a.test", "/").await;
    assert_eq!(answer.status, 503);
    assert!(answer.body.contains("connection failure"), "{}", answer.body);
}

#[tokio::test]
async fn endpoint_that_hangs_up_is_503_and_one_that_is_no_http_is_502() {
    let world = World::new();
    for (reply, expected) in [("", 503), ("SSH-2.0-x\r\n\r\n", 502)] {
        let (socket, _heads) = backend::scripted(vec![reply, reply]).await;
        let mut program = forwarding_to(&world, &[("a", 1)]);
        program.endpoints = sample::endpoints(&[("a", socket)]);
        world.plane.apply(program).await;
        let answer = get(world.dial(PORT), "a.test", "/").await;
        assert_eq!(answer.status, expected, "{reply:?}: {}", answer.body);
    }
}

#[tokio::test]
async fn late_answer_is_504_and_a_late_body_breaks_off() {
    let world = World::new();
    let echo = sample::echo("web-1").await;
    let mut forward = sample::forwarding(&[("a", 1)]);
    forward.timeout = Some(Duration::from_millis(200));
    let routes = vec![sample::route(sample::path("/"), Action::Forward(forward))];
    let mut program = world.program(sample::config(sample::listener(), routes), &[PORT]);
    program.endpoints = sample::endpoints(&[("a", echo.socket())]);
    world.plane.apply(program.clone()).await;
    let answer = get(world.dial(PORT), "a.test", "/?delay=60s").await;
    assert_eq!((answer.status, answer.body.as_str()), (504, "upstream request timeout"));
    let answer = get(world.dial(PORT), "a.test", "/").await;
    assert_eq!(answer.echo().headers["X-Envoy-Expected-Rq-Timeout-Ms"], ["200"]);

    let head = "HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\n";
    let half = stalling(head).await;
    program.endpoints = sample::endpoints(&[("a", half)]);
    world.plane.apply(program).await;
    let mut client = Http1::to(world.dial(PORT)).await;
    let answer = tokio::time::timeout(Duration::from_secs(10), client.get("a.test", "/"));
    assert!(answer.await.expect("the time limit ends it").is_err(), "the body never comes");
}

/// A backend that sends the head of an answer and then nothing.
async fn stalling(head: &'static str) -> std::net::SocketAddr {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let socket = listener.local_addr().expect("bound");
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.expect("a connection");
        stream.write_all(head.as_bytes()).await.expect("writable");
        let mut rest = Vec::new();
        stream.read_to_end(&mut rest).await.expect("readable");
    });
    socket
}

#[tokio::test]
async fn time_limit_of_zero_is_none() {
    let world = World::new();
    let echo = sample::echo("web-1").await;
    let mut forward = sample::forwarding(&[("a", 1)]);
    forward.timeout = Some(Duration::ZERO);
    let routes = vec![sample::route(sample::path("/"), Action::Forward(forward))];
    let mut program = world.program(sample::config(sample::listener(), routes), &[PORT]);
    program.endpoints = sample::endpoints(&[("a", echo.socket())]);
    world.plane.apply(program).await;
    let answer = get(world.dial(PORT), "a.test", "/?delay=1ms").await;
    assert!(!answer.echo().headers.contains_key("X-Envoy-Expected-Rq-Timeout-Ms"));
}

#[tokio::test]
async fn redirect_names_the_new_place() {
    let world = World::new();
    let redirect = Redirect {
        status: 301,
        scheme: Some("https".into()),
        host: None,
        port: Some(443),
        path: None,
    };
    let mut route = sample::route(sample::path("/"), Action::Redirect(redirect));
    route.response_headers.set = vec![("x-why".into(), "moved".into())];
    let config = sample::config(sample::listener(), vec![route]);
    world.plane.apply(world.program(config, &[PORT])).await;
    let answer = get(world.dial(PORT), "a.test:30080", "/x?y=1").await;
    assert_eq!(answer.status, 301);
    assert_eq!(answer.header("location"), Some("https://a.test:443/x?y=1"));
    assert_eq!(answer.header("x-why"), Some("moved"));
}

#[tokio::test]
async fn requests_are_shared_out_by_weight() {
    let world = World::new();
    let (a, b, c) = (sample::echo("a").await, sample::echo("b").await, sample::echo("c").await);
    let mut program = forwarding_to(&world, &[("a", 8), ("b", 2), ("c", 0)]);
    program.endpoints =
        sample::endpoints(&[("a", a.socket()), ("b", b.socket()), ("c", c.socket())]);
    world.plane.apply(program).await;
    let mut client = Http1::to(world.dial(PORT)).await;
    let mut seen = std::collections::BTreeMap::<String, u32>::new();
    for _ in 0..500 {
        let pod = client.get("a.test", "/").await.expect("an answer").echo().pod;
        *seen.entry(pod).or_default() += 1;
    }
    let share = seen["a"];
    assert!((375..=425).contains(&share), "8 of 10 parts, five points either way: {seen:?}");
    assert!(!seen.contains_key("c"), "weight 0 gets nothing: {seen:?}");
}

#[tokio::test]
async fn endpoints_of_a_cluster_take_turns() {
    let world = World::new();
    let (one, two) = (sample::echo("one").await, sample::echo("two").await);
    let mut program = forwarding_to(&world, &[("a", 0)]);
    program.endpoints = sample::endpoints(&[("a", one.socket()), ("a", two.socket())]);
    world.plane.apply(program).await;
    let mut client = Http1::to(world.dial(PORT)).await;
    let mut pods = Vec::new();
    for _ in 0..4 {
        pods.push(client.get("a.test", "/").await.expect("an answer").echo().pod);
    }
    assert_eq!(pods, ["one", "two", "one", "two"]);
}

#[tokio::test]
async fn routes_are_swapped_under_load_without_a_failed_request() {
    let world = World::new();
    let (old, new) = (sample::echo("old").await, sample::echo("new").await);
    let endpoints = sample::endpoints(&[("a", old.socket()), ("b", new.socket())]);
    let program = |cluster| {
        let mut program = forwarding_to(&world, &[(cluster, 1)]);
        program.endpoints = endpoints.clone();
        program
    };
    world.plane.apply(program("a")).await;
    let socket = world.dial(PORT);
    let load: Vec<_> = (0..4)
        .map(|_| {
            tokio::spawn(async move {
                let mut client = Http1::to(socket).await;
                let mut pods = std::collections::BTreeSet::new();
                for _ in 0..100 {
                    let answer = client.get("a.test", "/").await.expect("no failed request");
                    assert_eq!(answer.status, 200, "{}", answer.body);
                    pods.insert(answer.echo().pod);
                }
                pods
            })
        })
        .collect();
    let mut turn = 0;
    while !load.iter().all(tokio::task::JoinHandle::is_finished) {
        turn += 1;
        world.plane.apply(program(if turn % 2 == 0 { "a" } else { "b" })).await;
        tokio::task::yield_now().await;
    }
    for client in load {
        let pods = client.await.expect("no failed request");
        assert_eq!(pods.len(), 2, "a kept connection sees each swap: {pods:?}");
    }
    world.plane.apply(program("b")).await;
    assert_eq!(get(socket, "a.test", "/").await.echo().pod, "new");
}

#[tokio::test]
async fn route_table_that_envoy_refuses_leaves_the_old_routes() {
    let world = World::new();
    let echo = sample::echo("web-1").await;
    let mut program = forwarding_to(&world, &[("a", 1)]);
    program.endpoints = sample::endpoints(&[("a", echo.socket())]);
    world.plane.apply(program.clone()).await;
    let refused = forwarding_to(&world, &[("a", 0), ("b", 0)]);
    program.configs = refused.configs;
    let applied = world.plane.apply(program.clone()).await;
    assert_eq!(applied.refused.len(), 2, "both tables: {applied:?}");
    assert_eq!(applied.refused[0].part, RefusedPart::RouteTable("listener-insecure".into()));
    assert!(applied.refused[0].reason.contains("sum to zero"), "{}", applied.refused[0].reason);
    assert_eq!(get(world.dial(PORT), "a.test", "/").await.status, 200, "the old routes stay");
    assert_eq!(world.plane.apply(program).await, applied, "an equal program says the same");
}

#[tokio::test]
async fn kept_connection_survives_a_program_that_changes_nothing_about_its_port() {
    let world = World::new();
    let mut program = forwarding_to(&world, &[("a", 1)]);
    world.plane.apply(program.clone()).await;
    let mut client = Http1::to(world.dial(PORT)).await;
    assert_eq!(client.get("a.test", "/").await.expect("an answer").status, 503);
    let echo = sample::echo("web-1").await;
    program.endpoints = sample::endpoints(&[("a", echo.socket())]);
    world.plane.apply(program).await;
    assert_eq!(client.get("a.test", "/").await.expect("kept").echo().pod, "web-1");
}

#[tokio::test]
async fn backend_protocol_follows_the_client_unless_it_is_fixed() {
    let world = World::new();
    let echo = sample::echo("web-1").await;
    let mut program = forwarding_to(&world, &[("a", 1)]);
    program.endpoints = sample::endpoints(&[("a", echo.socket())]);
    let cases = [
        (UpstreamProtocol::AsDownstream, "HTTP/1.1", "HTTP/2.0"),
        (UpstreamProtocol::Http1, "HTTP/1.1", "HTTP/1.1"),
        (UpstreamProtocol::Http2, "HTTP/2.0", "HTTP/2.0"),
    ];
    for (protocol, for_http1, for_http2) in cases {
        let cluster = program.configs[0].clusters.get_mut("a").expect("cluster a");
        cluster.protocol = protocol;
        world.plane.apply(program.clone()).await;
        let echo = get(world.dial(PORT), "a.test", "/").await.echo();
        assert_eq!(
            (echo.proto.as_str(), echo.host.as_str()),
            (for_http1, "a.test"),
            "{protocol:?}"
        );
        let stream = TcpStream::connect(world.dial(PORT)).await.expect("connect");
        let echo = get_http2(stream, "b.test", "/").await.echo();
        assert_eq!(
            (echo.proto.as_str(), echo.host.as_str()),
            (for_http2, "b.test"),
            "{protocol:?}"
        );
    }
}

#[tokio::test]
async fn access_log_says_where_a_request_went() {
    let world = World::new();
    let echo = sample::echo("web-1").await;
    let mut program = forwarding_to(&world, &[("a", 1)]);
    program.endpoints = sample::endpoints(&[("a", echo.socket())]);
    world.plane.apply(program).await;
    get(world.dial(PORT), "a.test", "/x?y").await;
    let records = world.plane.access_log();
    let [record] = records.as_slice() else { panic!("one record: {records:?}") };
    assert_eq!((record.address, record.port, &record.chain), (world.node, PORT, &ServedBy::Plain));
    let AccessEvent::Request(request) = &record.event else { panic!("{record}") };
    let expected = RequestRecord {
        method: "GET".into(),
        host: "a.test".into(),
        path: "/x?y".into(),
        virtual_host: Some("*".into()),
        cluster: Some("a".into()),
        status: 200,
        flag: None,
        took: request.took,
    };
    assert_eq!(*request, expected);
}
