use std::net::Ipv4Addr;

use tokio::net::{TcpListener, TcpSocket};

use super::*;

const PATIENCE: Duration = Duration::from_secs(5);
const BRIEF: Duration = Duration::from_millis(200);

fn loopback(port: u16) -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, port))
}

/// A socket that is bound but does not listen: its port stays refused while it lives.
fn closed_port() -> (TcpSocket, SocketAddr) {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(loopback(0)).unwrap();
    let address = socket.local_addr().unwrap();
    (socket, address)
}

#[tokio::test]
async fn listening_port_is_accepted_even_before_anyone_accepts() {
    let listener = TcpListener::bind(loopback(0)).await.unwrap();
    let seen = tcp(listener.local_addr().unwrap(), PATIENCE).await;
    assert_eq!(seen.outcome, TcpOutcome::Accepted);
    assert_eq!(seen.dialled, listener.local_addr().unwrap());
}

#[tokio::test]
async fn port_without_listener_is_refused() {
    let (_held, address) = closed_port();
    assert_eq!(tcp(address, PATIENCE).await.outcome, TcpOutcome::Refused);
}

#[tokio::test]
async fn full_accept_queue_times_out_instead_of_being_refused() {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(loopback(0)).unwrap();
    let listener = socket.listen(1).unwrap();
    let address = listener.local_addr().unwrap();
    let mut queued = Vec::new();
    while let Ok(Ok(stream)) = tokio::time::timeout(BRIEF, TcpStream::connect(address)).await {
        queued.push(stream);
        assert!(queued.len() < 64, "the accept queue must fill up");
    }
    assert_eq!(tcp(address, BRIEF).await.outcome, TcpOutcome::TimedOut);
}

#[tokio::test]
async fn socket_connected_to_itself_is_not_taken_for_a_listener() {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(loopback(0)).unwrap();
    let own = socket.local_addr().unwrap();
    let stream = socket.connect(own).await.unwrap();
    assert!(is_connected_to_itself(&stream));
}

#[tokio::test]
async fn ordinary_connection_is_not_taken_for_one_to_itself() {
    let listener = TcpListener::bind(loopback(0)).await.unwrap();
    let stream = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    assert!(!is_connected_to_itself(&stream));
}

#[tokio::test]
async fn connection_reset_after_the_handshake_still_counts_as_accepted() {
    let listener = TcpListener::bind(loopback(0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        stream.set_zero_linger().unwrap();
    });
    assert_eq!(tcp(address, PATIENCE).await.outcome, TcpOutcome::Accepted);
    server.await.unwrap();
}

#[test]
fn every_cause_of_a_failed_connect_keeps_its_name() {
    let cases = [
        (io::ErrorKind::ConnectionRefused, TcpOutcome::Refused),
        (io::ErrorKind::TimedOut, TcpOutcome::TimedOut),
        (io::ErrorKind::ConnectionReset, TcpOutcome::Reset),
        (io::ErrorKind::ConnectionAborted, TcpOutcome::Reset),
        (io::ErrorKind::HostUnreachable, TcpOutcome::Unreachable),
        (io::ErrorKind::NetworkUnreachable, TcpOutcome::Unreachable),
    ];
    for (kind, expected) in cases {
        assert_eq!(outcome_of(&io::Error::from(kind)), expected, "{kind:?}");
    }
}

#[test]
fn trouble_of_our_own_is_told_in_the_system_s_words() {
    let too_many_files = io::Error::from_raw_os_error(24);
    let TcpOutcome::Other(words) = outcome_of(&too_many_files) else {
        panic!("running out of file descriptors says nothing about the peer")
    };
    assert!(words.contains("open files"), "{words}");
}
