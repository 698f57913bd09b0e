//! Backends that do as a test tells them.

use std::net::SocketAddr;
use std::time::Duration;

use gateproof_kubernetes::wait;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, oneshot};

async fn listen() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let socket = listener.local_addr().expect("bound");
    (listener, socket)
}

async fn read_head(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    while !bytes.ends_with(b"\r\n\r\n") {
        if stream.read_buf(&mut bytes).await.expect("readable") == 0 {
            break;
        }
    }
    String::from_utf8(bytes).expect("text")
}

/// Answers one connection after the other with these texts, and gives the heads of the requests.
pub(super) async fn scripted(
    replies: Vec<&'static str>,
) -> (SocketAddr, mpsc::UnboundedReceiver<String>) {
    tardy(Duration::ZERO, replies).await
}

/// The same, each not before so much time is over.
pub(super) async fn tardy(
    after: Duration,
    replies: Vec<&'static str>,
) -> (SocketAddr, mpsc::UnboundedReceiver<String>) {
    let (listener, socket) = listen().await;
    let (heads, seen) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        for reply in replies {
            let (mut stream, _) = listener.accept().await.expect("a connection");
            let head = read_head(&mut stream).await;
            wait::pause(after).await;
            stream.write_all(reply.as_bytes()).await.expect("writable");
            if heads.send(head).is_err() {
                return;
            }
        }
    });
    (socket, seen)
}

/// A backend that answers its one request when it is told to.
pub(super) struct Gated {
    pub(super) socket: SocketAddr,
    pub(super) arrived: oneshot::Receiver<()>,
    pub(super) release: oneshot::Sender<()>,
}

pub(super) async fn gated() -> Gated {
    let (listener, socket) = listen().await;
    let (arrival, arrived) = oneshot::channel();
    let (release, released) = oneshot::channel();
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.expect("a connection");
        read_head(&mut stream).await;
        arrival.send(()).expect("the test waits");
        if released.await.is_ok() {
            let reply = "HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nlate";
            stream.write_all(reply.as_bytes()).await.expect("writable");
        }
    });
    Gated { socket, arrived, release }
}

/// A backend that switches to another protocol and echoes what comes then.
pub(super) async fn switching() -> SocketAddr {
    let (listener, socket) = listen().await;
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.expect("a connection");
        let head = read_head(&mut stream).await.to_lowercase();
        assert!(head.contains("upgrade: websocket"), "{head}");
        let reply = "HTTP/1.1 101 Switching Protocols\r\n\
                     connection: upgrade\r\nupgrade: websocket\r\n\r\n";
        stream.write_all(reply.as_bytes()).await.expect("writable");
        let (mut reader, mut writer) = stream.split();
        tokio::io::copy(&mut reader, &mut writer).await.expect("echo");
    });
    socket
}

/// A backend that is busy for the first of every two connections and holds the other, without an
/// answer; the channel tells of those.
pub(super) async fn holding() -> (SocketAddr, mpsc::UnboundedReceiver<TcpStream>) {
    let (listener, socket) = listen().await;
    let (holds, held) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        for number in 0.. {
            let (mut stream, _) = listener.accept().await.expect("a connection");
            read_head(&mut stream).await;
            if number % 2 == 0 {
                let reply = "HTTP/1.1 503 Busy\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
                stream.write_all(reply.as_bytes()).await.expect("writable");
            } else if holds.send(stream).is_err() {
                return;
            }
        }
    });
    (socket, held)
}
