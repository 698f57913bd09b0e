//! `gateproof prober` over its real standard streams.

use std::process::Stdio;
use std::time::Duration;

use gateproof_core::observation::TcpOutcome;
use gateproof_probe::prober::RemoteProber;
use gateproof_probe::{HttpProbe, Prober, TcpProbe};
use tokio::net::TcpListener;

use crate::support::Place;

async fn start(place: &Place) -> (tokio::process::Child, RemoteProber) {
    let mut child = tokio::process::Command::from(place.command(&["prober"]))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .expect("the binary starts");
    let (answers, questions) = (child.stdout.take(), child.stdin.take());
    let prober = RemoteProber::start(
        "in a process of its own",
        answers.expect("standard output"),
        questions.expect("standard input"),
    )
    .await
    .expect("it greets");
    (child, prober)
}

#[tokio::test]
async fn a_prober_asks_for_another_process_and_ends_with_it() {
    let place = Place::new();
    let (mut child, prober) = start(&place).await;
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let socket = listener.local_addr().expect("an address");
    let probe = TcpProbe { socket, timeout: Duration::from_secs(10) };
    assert_eq!(prober.tcp(&probe).await.expect("an answer").outcome, TcpOutcome::Accepted);
    // Dropped in the middle of a question: the prober must not wait for its end.
    let mut silent = HttpProbe::get(socket, "a.test");
    silent.timeouts.total = Duration::from_mins(10);
    silent.timeouts.response = Duration::from_mins(10);
    let accepted = async {
        listener.accept().await.expect("the handshake of before");
        listener.accept().await.expect("the connection of the question")
    };
    tokio::select! {
        seen = prober.http(&silent) => panic!("nobody answers: {seen:?}"),
        _connection = accepted => {}
    }
    drop(prober);
    let ended = tokio::time::timeout(Duration::from_mins(1), child.wait()).await;
    assert!(ended.expect("it ends with its input").expect("a status").success());
}

#[tokio::test]
async fn a_prober_that_is_killed_is_told_as_ended() {
    let (mut child, prober) = start(&Place::new()).await;
    child.kill().await.expect("it can be killed");
    let probe =
        TcpProbe { socket: "127.0.0.1:9".parse().expect("a socket"), timeout: Duration::ZERO };
    let error = prober.tcp(&probe).await.expect_err("nobody can ask").to_string();
    assert!(error.contains("the prober in a process of its own ended"), "{error}");
}

#[test]
fn a_person_who_types_into_it_is_told_what_is_wrong() {
    let place = Place::new();
    let input = place.write("input", "what time is it?\n");
    let mut command = place.command(&["prober"]);
    command.stdin(std::fs::File::open(input).expect("a readable file"));
    let output = command.output().expect("the binary starts");
    assert_eq!(output.status.code(), Some(3));
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(told.contains("failed: understand a question: expected value"), "{told}");
}
