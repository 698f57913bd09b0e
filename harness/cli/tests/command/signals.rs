//! Signals in the middle of a run: an orderly end after SIGINT and SIGTERM, nothing left after
//! SIGKILL once somebody cleans up.

use std::io::Read;
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use super::support::{LASTS, Place, Run, scenario};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// Far more than an orderly end needs; only a hang reaches it.
const LIMIT: Duration = Duration::from_mins(1);

/// A run in the middle of a check that lasts.
struct Running {
    place: Place,
    child: Child,
}

impl Running {
    fn start() -> Self {
        let place = Place::new();
        place.write("lasts.yaml", &scenario("lasts", LASTS));
        let reports = "jsonl=run.jsonl,junit=run.xml,json=run.json,markdown=run.md";
        let child = place
            .command(&["run", "lasts.yaml", "--report", reports])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the binary starts");
        let mut running = Self { place, child };
        running.wait_for("holding for 60.0 s");
        running
    }

    /// Waits until the event log says so.
    fn wait_for(&mut self, text: &str) {
        let started = Instant::now();
        while !self.log().contains(text) {
            assert!(started.elapsed() < LIMIT, "never seen `{text}`: {}", self.log());
            if let Some(status) = self.child.try_wait().expect("a child") {
                panic!("ended early with {status}: {:?}", self.rest());
            }
            std::thread::yield_now();
        }
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.place.path().join("run.jsonl")).unwrap_or_default()
    }

    fn signal(&self, signal: Signal) {
        let pid = i32::try_from(self.child.id()).expect("a process id");
        kill(Pid::from_raw(pid), signal).expect("the run is alive");
    }

    fn rest(&mut self) -> (String, String) {
        let mut text = (String::new(), String::new());
        if let Some(out) = &mut self.child.stdout {
            out.read_to_string(&mut text.0).expect("output is UTF-8");
        }
        if let Some(err) = &mut self.child.stderr {
            err.read_to_string(&mut text.1).expect("output is UTF-8");
        }
        text
    }

    fn end(mut self) -> (Place, Run) {
        let (out, err) = self.rest();
        let status = self.child.wait().expect("the child ends");
        (self.place, Run { code: status.code(), out, err })
    }

    /// A socket that the embedded cluster serves, as its own log names it.
    fn served_socket(&self) -> SocketAddr {
        let log = self.log();
        let event = log
            .lines()
            .map(|line| serde_json::from_str::<serde_json::Value>(line).expect("a record"))
            .find(|record| record["event"]["type"] == "clusterReady")
            .expect("the cluster came up");
        let address = event["event"]["nodes"][0]["addresses"][0].as_str().expect("an address");
        let address: IpAddr = address.parse().expect("an IP address");
        SocketAddr::new(address, 30_000)
    }
}

#[test]
fn sigint_and_sigterm_end_in_order_with_whole_reports_and_nothing_left() {
    for signal in [Signal::SIGINT, Signal::SIGTERM] {
        let running = Running::start();
        running.signal(signal);
        let (place, run) = running.end();
        assert_eq!(run.code, Some(130), "{signal}: {run:?}");
        assert!(run.out.contains(signal.as_str()), "{signal}: {}", run.out);
        let known = ["lasts.yaml", "run.jsonl", "run.xml", "run.json", "run.md", "state"];
        assert_eq!(place.left_beside(&known), Vec::<String>::new(), "{signal}");
        assert_eq!(place.runs_left(), 0, "{signal}: the journal is closed");
        for report in ["run.xml", "run.json", "run.md"] {
            let text = std::fs::read_to_string(place.path().join(report)).expect("a report");
            let told = format!("interrupted by {signal}");
            assert!(text.contains(&told), "{signal}: {report}: {text}");
        }
    }
}

#[test]
fn sigkill_leaves_no_socket_and_clean_removes_the_rest() {
    let running = Running::start();
    let socket = running.served_socket();
    running.signal(Signal::SIGKILL);
    let (place, run) = running.end();
    assert_eq!(run.code, None, "killed: {run:?}");
    let connected = TcpStream::connect_timeout(&socket, Duration::from_secs(5));
    assert!(connected.is_err(), "nothing listens on {socket} any more");
    for report in ["run.xml", "run.json", "run.md"] {
        assert!(!place.path().join(report).exists(), "no half report: {report}");
    }
    assert_eq!(place.runs_left(), 1, "the journal tells what to clean");

    let told = place.run(&["clean", "--dry-run"]);
    assert_eq!((told.code, place.runs_left()), (Some(0), 1), "{told:?}");
    let cleaned = place.run(&["clean"]);
    assert_eq!((cleaned.code, place.runs_left()), (Some(0), 0), "{cleaned:?}");
    let known = ["lasts.yaml", "run.jsonl", "state"];
    assert_eq!(place.left_beside(&known), Vec::<String>::new());

    let shown = place.run(&["report", "show", "run.jsonl"]);
    assert_eq!(shown.code, Some(3), "a log that ends early is inconclusive: {shown:?}");
}

#[test]
fn the_next_start_cleans_up_after_a_killed_run_and_leaves_living_ones_alone() {
    let killed = Running::start();
    killed.signal(Signal::SIGKILL);
    let (place, _) = killed.end();
    assert_eq!(place.runs_left(), 1);
    place.write("ok.yaml", &scenario("ok", super::support::PASSES));
    let next = place.run(&["run", "ok.yaml"]);
    assert_eq!((next.code, place.runs_left()), (Some(0), 0), "{next:?}");

    let living = Running::start();
    let cleaned = living.place.run(&["clean"]);
    assert_eq!((cleaned.code, living.place.runs_left()), (Some(0), 1), "{cleaned:?}");
    living.signal(Signal::SIGINT);
    let (_, run) = living.end();
    assert_eq!(run.code, Some(130), "{run:?}");
}
