use std::time::Duration;

use tokio::io::{AsyncWriteExt, DuplexStream, ReadHalf, WriteHalf, duplex, split};
use tokio::net::TcpListener;

use super::remote;
use crate::prober::line::Lines;
use crate::prober::protocol::{FromAsker, FromProber, Observation, VERSION, line};
use crate::prober::{ProbeError, Prober, RemoteProber, ServeError, serve};
use crate::request::{HttpProbe, TcpProbe};

const GREETING: &str = "{\"hello\":{\"version\":2,\"program\":\"0.1.0\"}}\n";

/// The other end of a session, played by the test.
struct Played {
    reads: Lines<ReadHalf<DuplexStream>>,
    writes: WriteHalf<DuplexStream>,
}

impl Played {
    async fn say(&mut self, text: &str) {
        self.writes.write_all(text.as_bytes()).await.unwrap();
    }

    async fn hear(&mut self) -> FromAsker {
        serde_json::from_slice(&self.reads.next().await.unwrap().unwrap()).unwrap()
    }
}

/// Both ends, before anything is said.
fn ends() -> (DuplexStream, Played) {
    let (ours, theirs) = duplex(4096);
    let (reads, writes) = split(theirs);
    (ours, Played { reads: Lines::new(reads), writes })
}

async fn start(ours: DuplexStream) -> Result<RemoteProber, ProbeError> {
    let (answers, questions) = split(ours);
    RemoteProber::start("of the test", answers, questions).await
}

fn probe() -> TcpProbe {
    TcpProbe { socket: "127.0.0.1:9".parse().unwrap(), timeout: Duration::from_secs(1) }
}

/// Asks a prober that answers with this text, if any, and closes.
async fn asked(answer: &str) -> ProbeError {
    let (ours, mut played) = ends();
    played.say(GREETING).await;
    let prober = start(ours).await.unwrap();
    let play = async move {
        assert!(matches!(played.hear().await, FromAsker::Ask { id: 0, .. }));
        played.say(answer).await;
    };
    let probe = probe();
    let (seen, ()) = tokio::join!(prober.tcp(&probe), play);
    let error = seen.unwrap_err();
    assert!(prober.tcp(&probe).await.is_err(), "nothing it says counts any more");
    error
}

#[tokio::test]
async fn what_is_no_answer_is_an_error_and_never_an_observation() {
    let tcp = |dialled: &str| {
        format!(
            "{{\"answer\":{{\"id\":0,\"observation\":{{\"tcp\":{{\"dialled\":\"{dialled}\",\
             \"outcome\":\"refused\",\"took\":1}}}}}}}}\n"
        )
    };
    let unasked = tcp("127.0.0.1:9").replace("\"id\":0", "\"id\":7");
    let half = tcp("127.0.0.1:9").trim_end().to_owned();
    let elsewhere = tcp("127.0.0.2:9");
    let cases = [
        ("", "ended: it closed the connection"),
        ("Segmentation fault\n", "begins with `Segmentation fault`"),
        (half.as_str(), "in the middle of a line"),
        (unasked.as_str(), "answer 7, which nobody asked for"),
        (elsewhere.as_str(), "asked for 127.0.0.1:9, it dialled 127.0.0.2:9"),
        (GREETING, "a second greeting"),
        ("{\"refused\":{\"reason\":\"no such question\"}}\n", "refused a question: no such"),
        (
            "{\"answer\":{\"id\":0,\"observation\":{\"http\":{\"dialled\":\"127.0.0.1:9\",\"tls\":null,\
             \"outcome\":{\"notConnected\":\"refused\"},\"timings\":{\"connectMicros\":null,\
             \"tlsMicros\":null,\"firstByteMicros\":null,\"totalMicros\":1}}}}}\n",
            "an HTTP answer to a TCP question",
        ),
    ];
    for (answer, expected) in cases {
        let error = asked(answer).await.to_string();
        assert!(error.contains(expected), "{answer}: {error}");
        assert!(error.contains("the prober of the test"), "{error}");
    }
}

#[tokio::test]
async fn a_prober_that_does_not_greet_properly_is_not_started() {
    let cases = [
        ("", "ended without a word"),
        ("exec: gateproof: not found\n", "begins with `exec: gateproof"),
        (
            "{\"hello\":{\"version\":3,\"program\":\"9.9.9\"}}\n",
            "gateproof 9.9.9 and speaks version 3",
        ),
        ("{\"refused\":{\"reason\":\"x\"}}\n", "before its greeting"),
    ];
    for (greeting, expected) in cases {
        let (ours, mut played) = ends();
        played.say(greeting).await;
        drop(played);
        let error = start(ours).await.unwrap_err().to_string();
        assert!(error.contains(expected), "{greeting}: {error}");
    }
}

#[tokio::test]
async fn a_prober_that_dies_ends_every_question_that_waits() {
    let (ours, mut played) = ends();
    played.say(GREETING).await;
    let prober = start(ours).await.unwrap();
    let play = async move {
        played.hear().await;
        played.hear().await;
    };
    let (first, second) = (probe(), probe());
    let (first, second, ()) = tokio::join!(prober.tcp(&first), prober.tcp(&second), play);
    for seen in [first, second] {
        assert!(matches!(seen.unwrap_err(), ProbeError::Ended { .. }));
    }
}

#[tokio::test(start_paused = true)]
async fn a_prober_that_says_nothing_is_not_waited_for_forever() {
    let (ours, mut played) = ends();
    assert!(matches!(start(ours).await.unwrap_err(), ProbeError::Silent { .. }));
    let (ours, mut silent) = ends();
    silent.say(GREETING).await;
    let prober = start(ours).await.unwrap();
    assert!(matches!(prober.tcp(&probe()).await.unwrap_err(), ProbeError::Silent { .. }));
    assert!(matches!(silent.hear().await, FromAsker::Ask { id: 0, .. }));
    assert!(matches!(silent.hear().await, FromAsker::Forget { id: 0 }));
    assert!(played.reads.next().await.unwrap().is_none());
}

#[tokio::test]
async fn a_question_that_nobody_waits_for_is_taken_back() {
    let (ours, mut played) = ends();
    played.say(GREETING).await;
    let prober = start(ours).await.unwrap();
    let probe = probe();
    tokio::select! {
        _ = prober.tcp(&probe) => panic!("nobody answers"),
        ask = played.hear() => assert!(matches!(ask, FromAsker::Ask { id: 0, .. })),
    }
    assert!(matches!(played.hear().await, FromAsker::Forget { id: 0 }));
    assert_eq!(prober.ended(), None);
}

/// A connection that a probe under way holds open; it is closed when the probe is given up.
async fn held(prober: &RemoteProber) -> (HttpProbe, TcpListener) {
    assert_eq!(prober.ended(), None);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut probe = HttpProbe::get(listener.local_addr().unwrap(), "a.example");
    probe.timeouts.response = Duration::from_mins(1);
    probe.timeouts.total = Duration::from_mins(1);
    (probe, listener)
}

#[tokio::test]
async fn probes_end_with_the_session_and_when_nobody_waits() {
    let prober = remote().await;
    let (probe, listener) = held(&prober).await;
    let connection = tokio::select! {
        _ = prober.http(&probe) => panic!("nobody answers"),
        accepted = listener.accept() => accepted.unwrap().0,
    };
    let mut lines = Lines::new(connection);
    while lines.next().await.is_ok_and(|line| line.is_some()) {}
    let (probe, listener) = held(&prober).await;
    let asks = tokio::spawn(async move { prober.http(&probe).await });
    let mut lines = Lines::new(listener.accept().await.unwrap().0);
    asks.abort();
    while lines.next().await.is_ok_and(|line| line.is_some()) {}
}

/// What a prober writes when this is what it reads, and how it ends.
async fn served(input: &str) -> (Vec<FromProber>, Result<(), ServeError>) {
    let mut output = Vec::new();
    let ended = serve(input.as_bytes(), &mut output).await;
    let mut lines = Lines::new(output.as_slice());
    let mut told = Vec::new();
    while let Some(line) = lines.next().await.unwrap() {
        told.push(serde_json::from_slice(&line).unwrap());
    }
    (told, ended)
}

#[tokio::test]
async fn a_prober_greets_and_refuses_what_it_does_not_understand() {
    let (told, ended) = served("").await;
    assert!(ended.is_ok(), "closing the input is the ordinary end");
    assert!(matches!(told[..], [FromProber::Hello { version: VERSION, .. }]), "{told:?}");
    let ask = "{\"ask\":{\"id\":1,\"question\":{\"tcp\":{\"socket\":\"192.0.2.1:9\",\"timeoutMicros\":60000000}}}}\n";
    let twice = format!("{ask}{ask}");
    let cases = [
        ("hello\n", "expected value"),
        ("{\"ask\":{\"id\":1,\"question\":{\"icmp\":{}}}}\n", "unknown variant `icmp`"),
        (twice.as_str(), "question 1 is under way already"),
    ];
    for (input, expected) in cases {
        let (told, ended) = served(input).await;
        let Some(FromProber::Refused { reason }) = told.last() else { panic!("{input}: {told:?}") };
        assert!(reason.contains(expected), "{input}: {reason}");
        assert!(matches!(ended, Err(ServeError::Question(_))));
    }
}

#[test]
fn messages_are_one_line_each() {
    let hello = FromProber::Hello { version: VERSION, program: "0.1.0".to_owned() };
    assert_eq!(line(&hello), GREETING.as_bytes());
    let answer: Observation = serde_json::from_str(
        "{\"tcp\":{\"dialled\":\"[::1]:80\",\"outcome\":{\"other\":\"a\\nb\"},\"took\":5}}",
    )
    .unwrap();
    let written = line(&FromProber::Answer { id: 3, observation: answer });
    assert_eq!(written.iter().position(|octet| *octet == b'\n'), Some(written.len() - 1));
}
