//! `gateproof cluster`: up, found, used and down again, with nothing left behind.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::support::{Place, Run};

/// A cluster in a process of its own; taken down at the end however the test ends.
struct Detached {
    place: Place,
}

impl Detached {
    fn up(arguments: &[&str]) -> (Self, Run) {
        let this = Self { place: Place::new() };
        let run = this.place.run(&[&["cluster", "up", "--detach"], arguments].concat());
        (this, run)
    }

    fn kubeconfig(&self, name: &str) -> PathBuf {
        let run = self.place.run(&["cluster", "kubeconfig", name]);
        assert_eq!(run.code, Some(0), "{run:?}");
        PathBuf::from(run.out.trim())
    }
}

impl Drop for Detached {
    fn drop(&mut self) {
        let up = self.place.run(&["cluster", "list"]);
        for line in up.out.lines().skip(1) {
            let name = line.split_whitespace().next().unwrap_or_default();
            let down = self.place.run(&["cluster", "down", name]);
            assert_eq!(down.code, Some(0), "{down:?}");
        }
    }
}

/// The address in a kubeconfig answers.
fn answers(kubeconfig: &Path) -> bool {
    let text = std::fs::read_to_string(kubeconfig).expect("a kubeconfig");
    let server = text.split("https://").nth(1).and_then(|rest| rest.split('"').next());
    std::net::TcpStream::connect(server.expect("a server")).is_ok()
}

#[test]
fn a_detached_cluster_is_listed_serves_its_api_and_goes_without_a_trace() {
    let (cluster, up) = Detached::up(&["--name", "a", "--nodes", "single-node"]);
    assert_eq!(up.code, Some(0), "{up:?}");
    for part in
        ["cluster a is up: 1 node,", "Cilium 1.20.2", "export KUBECONFIG=", "cluster down a"]
    {
        assert!(up.out.contains(part), "{part}: {up:?}");
    }
    let listed = cluster.place.run(&["cluster", "list"]);
    for part in ["a     embedded  process ", "running", "Cilium 1.20.2 (model)", "single-node"] {
        assert!(listed.out.contains(part), "{part}: {listed:?}");
    }
    let kubeconfig = cluster.kubeconfig("a");
    let mode = kubeconfig.metadata().expect("a file").permissions().mode();
    assert_eq!(mode & 0o777, 0o600, "it holds a token");
    assert!(answers(&kubeconfig));

    let again = cluster.place.run(&["cluster", "up", "--name", "a"]);
    assert_eq!(again.code, Some(2), "{again:?}");
    assert!(again.err.contains("`a` is up already"), "{again:?}");
    let wrong = cluster.place.run(&["cluster", "down", "aa"]);
    assert_eq!(wrong.code, Some(2), "{wrong:?}");
    assert!(wrong.err.contains("up are: a"), "{wrong:?}");

    let clean = cluster.place.run(&["clean"]);
    assert!(clean.out.contains("nothing is left"), "a living cluster is not touched: {clean:?}");
    let down = cluster.place.run(&["cluster", "down", "a"]);
    assert_eq!((down.code, down.out.as_str()), (Some(0), "cluster a is down\n"), "{down:?}");
    assert!(!kubeconfig.exists());
    assert_eq!(cluster.place.runs_left(), 0);
    let logs = std::fs::read_dir(cluster.place.path().join("state/logs")).expect("a folder");
    assert_eq!(logs.count(), 0, "its log goes with it");
    let listed = cluster.place.run(&["cluster", "list"]);
    assert!(listed.out.starts_with("no cluster is up"), "{listed:?}");
}

#[test]
fn a_wished_kubeconfig_is_a_new_file_and_no_other_is_touched() {
    let place = Place::new();
    let own = place.write("config", "mine");
    let run = place.run(&["cluster", "up", "--detach", "--kubeconfig", "config"]);
    assert_eq!(run.code, Some(2), "{run:?}");
    assert!(run.err.contains("config exists already"), "{run:?}");
    assert_eq!(std::fs::read_to_string(own).expect("still there"), "mine");
    assert_eq!(place.runs_left(), 0, "nothing stays of the attempt");

    let (cluster, up) = Detached::up(&["--kubeconfig", "mine.yaml"]);
    assert_eq!(up.code, Some(0), "{up:?}");
    let wished = cluster.place.path().join("mine.yaml");
    assert!(answers(&wished));
    assert_eq!(cluster.place.run(&["cluster", "down"]).code, Some(0));
    assert!(!wished.exists());
}

#[test]
fn wrong_input_is_refused_with_exit_code_two_and_the_right_names() {
    let place = Place::new();
    place.write("typo.yaml", "gatewayAPI: {enabeld: true}\n");
    for (arguments, parts) in [
        (&["--values", "typo.yaml"][..], &["typo.yaml", "`gatewayAPI.enabeld`", "enabled"][..]),
        (&["--values", "gone.yaml"], &["`gone.yaml` cannot be read"]),
        (&["--nodes", "three-node"], &["did you mean `three-nodes`?"]),
        (&["--pool", "10.0.0.0"], &["--pool: `10.0.0.0`", "172.18.255.0/28"]),
        (&["--name", "A_b", "--pool", "x"], &["--name: `A_b`", "--pool: `x`"]),
        (&["--cilium", "latest"], &["`latest`", "1.20.2"]),
    ] {
        let run = place.run(&[&["cluster", "up", "--detach"], arguments].concat());
        assert_eq!(run.code, Some(2), "{arguments:?}: {run:?}");
        for part in parts {
            assert!(run.err.contains(part), "{part} for {arguments:?}: {}", run.err);
        }
    }
    assert_eq!(place.runs_left(), 0);
}

#[test]
fn a_killed_cluster_is_forgotten_and_cleaned_up() {
    let (cluster, up) = Detached::up(&["--kubeconfig", "left.yaml"]);
    assert_eq!(up.code, Some(0), "{up:?}");
    let record = cluster.place.path().join("state/runs/cluster-gateproof/cluster.json");
    let record = std::fs::read_to_string(record).expect("a record");
    let pid = record.split("\"pid\":").nth(1).and_then(|rest| rest.split(',').next());
    let killed = Command::new("kill").args(["-KILL", pid.expect("a pid")]).status();
    assert!(killed.expect("kill runs").success());
    let lock = cluster.place.path().join("state/runs/cluster-gateproof/lock");
    let file = std::fs::File::open(lock).expect("the lock stays");
    let lock = nix::fcntl::Flock::lock(file, nix::fcntl::FlockArg::LockExclusive);
    drop(lock.expect("the lock is free once the process has ended"));
    let listed = cluster.place.run(&["cluster", "list"]);
    assert!(listed.out.starts_with("no cluster is up"), "{listed:?}");
    let clean = cluster.place.run(&["clean"]);
    assert!(clean.out.contains("left.yaml (run cluster-gateproof)"), "{clean:?}");
    assert!(!cluster.place.path().join("left.yaml").exists());
}
