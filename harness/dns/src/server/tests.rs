//! Server and client, over real sockets.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::NameServer;
use crate::{
    Algorithm, AskError, Authority, Change, Endpoint, Rcode, Record, Rtype, SharedKey, Transport,
    UpdateError, Zone, ask, update,
};

const WITHIN: Duration = Duration::from_secs(10);

fn key() -> SharedKey {
    SharedKey::new("trial", Algorithm::Sha256, "c2VjcmV0").expect("a key")
}

async fn server() -> (NameServer, Endpoint) {
    let zone = Zone::new("example.test", [10, 96, 0, 7].into()).expect("a zone");
    let authority = Authority::new(vec![zone], Some(key()));
    let server = NameServer::start(([127, 0, 0, 1], 0).into(), authority, None);
    let server = server.await.expect("ports on loopback");
    let endpoint = Endpoint { udp: server.udp(), tcp: server.tcp() };
    (server, endpoint)
}

#[tokio::test]
async fn what_a_client_adds_is_found_by_datagram_and_stream_until_it_is_taken_away() {
    let (_server, at) = server().await;
    let name = "_acme-challenge.example.test.";
    let key = key();
    let change = async |change: Change<'_>| {
        update(at, "example.test", name, change, Some(&key), WITHIN).await.expect("taken");
    };
    let text = |number: u32| format!("{number:0>43}");
    for number in 0..40 {
        change(Change::Add(&text(number))).await;
    }
    // By datagram it is cut first.
    for transport in [Transport::Datagram, Transport::Stream] {
        let answer = ask(at, name, Rtype::TXT, transport, WITHIN).await.expect("an answer");
        assert_eq!((answer.rcode, answer.records.len()), (Rcode::NOERROR, 40), "{transport:?}");
        assert_eq!(answer.records[3], Record::Txt(text(3)));
    }
    for number in 0..40 {
        change(Change::Remove(&text(number))).await;
    }
    let answer = ask(at, name, Rtype::TXT, Transport::Datagram, WITHIN).await.expect("an answer");
    assert_eq!((answer.rcode, answer.records), (Rcode::NXDOMAIN, Vec::new()));
}

#[tokio::test]
async fn a_client_tells_refusals_from_signatures_and_from_silence() {
    let (server, at) = server().await;
    let other = SharedKey::new("trial", Algorithm::Sha256, "b3RoZXI=").expect("a key");
    let add = async |zone, key| {
        let name = "a.example.test";
        update(at, zone, name, Change::Add("x"), key, WITHIN).await.expect_err("not taken")
    };
    let own = key();
    assert!(matches!(add("example.test", None).await, UpdateError::Refused(Rcode::REFUSED)));
    assert!(matches!(add("other.test", Some(&own)).await, UpdateError::Refused(Rcode::NOTAUTH)));
    assert!(matches!(add("example.test", Some(&other)).await, UpdateError::Signature(_)));
    assert!(matches!(add("a..b", Some(&own)).await, UpdateError::Ask(AskError::Name(_))));
    drop(server);
    let gone = add("example.test", Some(&own)).await;
    assert!(matches!(gone, UpdateError::Ask(AskError::Unreachable { .. })), "{gone}");
}

#[tokio::test]
async fn several_requests_take_one_connection_and_a_broken_one_ends_it() {
    let (_server, at) = server().await;
    let mut stream = TcpStream::connect(at.tcp).await.expect("a connection");
    let query = b"\0\x1e\0\x07\0\0\0\x01\0\0\0\0\0\0\x07example\x04test\0\0\x06\0\x01";
    stream.write_all(&[&query[..], &query[..]].concat()).await.expect("sent");
    for _ in 0..2 {
        let length = stream.read_u16().await.expect("a length");
        let mut answer = vec![0; length.into()];
        stream.read_exact(&mut answer).await.expect("an answer");
        assert_eq!((answer[1], answer[3] & 0x0f), (7, 0));
    }
    stream.write_all(&[0, 2, 0, 0]).await.expect("sent");
    assert_eq!(stream.read(&mut [0; 2]).await.expect("the end"), 0);
}

#[tokio::test]
async fn a_port_that_is_taken_is_named() {
    let (server, _) = server().await;
    let again = NameServer::start(server.udp(), Authority::new(Vec::new(), None), None).await;
    let message = again.expect_err("taken").to_string();
    assert_eq!(message, format!("listen for DNS at {}", server.udp()));
}
