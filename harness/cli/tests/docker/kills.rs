//! Runs that are killed and interrupted, and what is left of them.
//!
//! `GATEPROOF_KILLS` says how many runs are killed (a few by default), `GATEPROOF_SEED` makes the
//! moments the same again. With `GATEPROOF_NODE_IMAGE` (and what else a real run needs) the whole
//! life of a run is there to be killed; the image of this suite's own ends at `kubeadm`.

use std::process::{Child, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::engine::{Docker, dead_owner, place, variable};
use super::support::{LASTS, Place, Run, scenario};

/// Far more than an orderly end needs; only a hang reaches it.
const LIMIT: Duration = Duration::from_mins(3);

/// Runs side by side; each has a scenario of its own, and so a cluster of its own.
const SLOTS: u64 = 2;

/// Starts a run of the slot's scenario with three nodes.
fn start(place: &Place, docker: &Docker, slot: &str) -> Child {
    let text = scenario(slot, LASTS).replace("single-node", "three-nodes");
    let file = format!("{slot}.yaml");
    place.write(&file, &text);
    let log = format!("jsonl={slot}.jsonl");
    place
        .command(&["run", &file, "--provider", "kind", "--report", &log, "--keep", "never"])
        .env("GATEPROOF_NODE_IMAGE", &docker.node_image)
        .env("GATEPROOF_NODE_PRIVILEGES", "default-capabilities")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary starts")
}

fn signal(child: &Child, signal: Signal) {
    let pid = i32::try_from(child.id()).expect("a process id");
    kill(Pid::from_raw(pid), signal).expect("the run is alive, or not waited for");
}

/// Whether the container of the slot's cluster is there, or a line of its log.
fn wait_for(what: &str, mut is_there: impl FnMut() -> bool) {
    let started = Instant::now();
    while !is_there() {
        assert!(started.elapsed() < LIMIT, "never seen: {what}");
        pause(Duration::from_millis(20));
    }
}

/// Waits for nothing, so long.
fn pause(duration: Duration) {
    let (sender, nothing) = mpsc::channel::<()>();
    nothing.recv_timeout(duration).expect_err("nobody sends");
    drop(sender);
}

/// Numbers that look random and are the same for the same seed (Knuth's MMIX generator).
struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % limit
    }
}

fn number(name: &str, usual: u64) -> u64 {
    variable(name).map_or(usual, |value| value.parse().expect("a number"))
}

/// Processes with this folder in their environment: what the killed runs have started.
fn processes_of(place: &Place) -> Vec<String> {
    let state = place.path().join("state").display().to_string();
    let mut found = Vec::new();
    for entry in std::fs::read_dir("/proc").expect("processes").flatten() {
        let environment = std::fs::read(entry.path().join("environ")).unwrap_or_default();
        if String::from_utf8_lossy(&environment).contains(&state) {
            let command = std::fs::read(entry.path().join("cmdline")).unwrap_or_default();
            found.push(String::from_utf8_lossy(&command).replace('\0', " "));
        }
    }
    found
}

pub(crate) fn killed_at_random(docker: &Docker) {
    let kills = number("GATEPROOF_KILLS", 6);
    let seed = number("GATEPROOF_SEED", u64::from(std::process::id()));
    // A run of the suite's own image ends by itself after about so long.
    let longest = number("GATEPROOF_LONGEST_MILLIS", 4000);
    let bystander = docker.name("bystander");
    let kept = docker.name("kept");
    docker.container(&bystander, None);
    docker.container(&kept, Some((&kept, &dead_owner())));
    docker.keep(&kept, &kept, &dead_owner());
    let before = (docker.containers(&bystander), docker.containers(&kept));
    let place = place();
    let mut processes = Vec::new();
    let mut ended = 0;
    std::thread::scope(|scope| {
        let slots: Vec<_> = (0..SLOTS)
            .map(|slot| {
                let place = &place;
                scope.spawn(move || {
                    let mut random = Random(seed + slot);
                    let name = format!("killed-{}-{slot}", std::process::id());
                    let mut own = Vec::new();
                    for kill in (slot..kills).step_by(usize::try_from(SLOTS).expect("few")) {
                        let mut child = start(place, docker, &name);
                        own.push(child.id());
                        pause(Duration::from_millis(random.below(longest)));
                        let over = child.try_wait().expect("a child").is_some();
                        if !over {
                            signal(&child, Signal::SIGKILL);
                        }
                        child.wait().expect("it ends");
                        // Every third run loses all it had on disk too: then labels alone tell.
                        if kill % 3 == 2 {
                            lose_journals(place, child.id());
                        }
                        own.extend(over.then_some(0));
                    }
                    own
                })
            })
            .collect();
        for slot in slots {
            let own = slot.join().expect("no panic");
            ended += own.iter().filter(|process| **process == 0).count();
            processes.extend(own.into_iter().filter(|process| *process != 0));
        }
    });
    let told = format!("seed {seed}: {kills} runs, {ended} of them over before they were killed");
    tell(&told);
    let clean = place.run(&["clean"]);
    assert_eq!(clean.code, Some(0), "{told}: {clean:?}");
    assert_eq!(docker.left_of(&processes), Vec::<String>::new(), "{told}: {clean:?}");
    assert_eq!(place.runs_left(), 0, "{told}: {clean:?}");
    let evidence = std::fs::read_dir(place.path().join("state/evidence"));
    let evidence = evidence.map_or(0, |folders| folders.flatten().count());
    assert!(evidence <= ended, "{told}: evidence of killed runs is gone");
    wait_for("the end of every process", || processes_of(&place).is_empty());
    let after = (docker.containers(&bystander), docker.containers(&kept));
    assert_eq!(after, before, "{told}: bystanders are untouched");
    let again = place.run(&["clean"]);
    // Other tests kill runs of theirs meanwhile, which this takes away too.
    let ours = format!("killed-{}-", std::process::id());
    let late = |line: &&str| line.contains("removed") && line.contains(&ours);
    let late: Vec<&str> = again.out.lines().filter(late).collect();
    assert!(late.is_empty(), "{told}: nothing comes into being later: {again:?}");
}

/// The figure is worth knowing also when all is well.
#[expect(clippy::print_stdout, reason = "this is a program whose output is read")]
fn tell(text: &str) {
    println!("{text}");
}

/// Removes the folders of a process's runs: journals and evidence.
fn lose_journals(place: &Place, process: u32) {
    let folders =
        |of: &str| std::fs::read_dir(place.path().join(of)).into_iter().flatten().flatten();
    for folder in folders("state/runs").chain(folders("state/evidence")) {
        if folder.file_name().to_string_lossy().ends_with(&format!("-{process}")) {
            match std::fs::remove_dir_all(folder.path()) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => panic!("{error}"),
                _ => {}
            }
        }
    }
}

/// A run whose first containers are there.
fn coming_up(place: &Place, docker: &Docker, slot: &str) -> Child {
    let child = start(place, docker, slot);
    wait_for("a container", || !docker.left_of(&[child.id()]).is_empty());
    child
}

fn end(child: Child) -> Run {
    Run::from(child.wait_with_output().expect("it ends"))
}

pub(crate) fn interrupted(docker: &Docker) {
    for cause in [Signal::SIGINT, Signal::SIGTERM] {
        let place = place();
        let child = coming_up(&place, docker, &docker.name("interrupted"));
        let process = child.id();
        signal(&child, cause);
        let run = end(child);
        assert_eq!(run.code, Some(130), "{cause}: {run:?}");
        assert_eq!(docker.left_of(&[process]), Vec::<String>::new(), "{cause}: {run:?}");
        assert_eq!(place.runs_left(), 0, "{cause}: the journal is closed: {run:?}");
        assert!(run.out.contains("evidence of cluster"), "{cause}: {run:?}");
    }
}

pub(crate) fn forced(docker: &Docker) {
    let place = place();
    let slot = docker.name("forced");
    let child = coming_up(&place, docker, &slot);
    let process = child.id();
    signal(&child, Signal::SIGINT);
    // The second one counts once the first was heard.
    let log = place.path().join(format!("{slot}.jsonl"));
    wait_for("the interrupt in the log", || {
        std::fs::read_to_string(&log).is_ok_and(|log| log.contains("\"interrupted\""))
    });
    signal(&child, Signal::SIGINT);
    let run = end(child);
    assert_eq!(run.code, Some(130), "{run:?}");
    // It may have been done by then; what is left otherwise is in the journal.
    if !docker.left_of(&[process]).is_empty() {
        assert_eq!(place.runs_left(), 1, "{run:?}");
    }
    let next = end(start(&place, docker, &docker.name("next")));
    assert_eq!(docker.left_of(&[process]), Vec::<String>::new(), "{next:?}");
    assert_eq!(place.runs_left(), 0, "{next:?}");
}
