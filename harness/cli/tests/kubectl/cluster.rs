//! A cluster in a process of its own, kubectl against it, and what kubectl printed.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// Until when what is waited for must have come about.
const WITHIN: Duration = Duration::from_mins(1);
/// The same for kubectl.
pub(crate) const TIMEOUT: &str = "--timeout=60s";

/// A cluster; taken down at the end however the walk ends.
pub(crate) struct Cluster {
    folder: tempfile::TempDir,
    kubectl: PathBuf,
}

/// What kubectl printed and how it ended.
#[derive(Debug)]
pub(crate) struct Said {
    code: Option<i32>,
    /// Standard output.
    pub(crate) out: String,
    err: String,
}

impl Cluster {
    /// Brings one up.
    pub(crate) fn up(kubectl: PathBuf) -> Self {
        let this = Self { folder: tempfile::tempdir().expect("a scratch folder"), kubectl };
        let up = ["cluster", "up", "--detach", "--nodes", "single-node", "--kubeconfig", "config"];
        let up = this.gateproof(&up);
        assert!(up.status.success(), "{up:?}");
        this
    }

    fn gateproof(&self, arguments: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_gateproof"))
            .args(arguments)
            .current_dir(self.folder.path())
            .env("GATEPROOF_STATE_DIR", self.folder.path().join("state"))
            .env("NO_COLOR", "1")
            .output()
            .expect("the binary starts")
    }

    /// kubectl for this cluster; what it caches and is configured with is of this folder.
    fn kubectl(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.kubectl);
        command
            .args(arguments)
            .current_dir(self.folder.path())
            .env("KUBECONFIG", self.folder.path().join("config"))
            .env("HOME", self.folder.path())
            .stdin(Stdio::null());
        command
    }

    /// Writes a manifest for `-f`.
    pub(crate) fn write(&self, name: &str, text: &str) {
        std::fs::write(self.folder.path().join(name), text).expect("a writable folder");
    }

    /// Runs kubectl to its end.
    pub(crate) fn run(&self, arguments: &[&str]) -> Said {
        let Output { status, stdout, stderr } =
            self.kubectl(arguments).output().expect("kubectl starts");
        let text = |bytes| String::from_utf8(bytes).expect("output is UTF-8");
        Said { code: status.code(), out: text(stdout), err: text(stderr) }
    }

    /// kubectl succeeds and prints these parts, in this order.
    pub(crate) fn prints(&self, arguments: &[&str], parts: &[&str]) -> Said {
        let said = self.run(arguments);
        assert_eq!(said.code, Some(0), "{arguments:?}: {said:?}");
        in_order(arguments, &said.out, parts);
        said
    }

    /// kubectl fails and complains with these parts, in this order.
    pub(crate) fn refuses(&self, arguments: &[&str], parts: &[&str]) {
        let said = self.run(arguments);
        assert_eq!(said.code, Some(1), "{arguments:?}: {said:?}");
        in_order(arguments, &said.err, parts);
    }

    /// A watch prints a line with these words; `change` happens once it has printed anything.
    pub(crate) fn watches(&self, arguments: &[&str], change: impl FnOnce(), words: &[&str]) {
        let mut child = self
            .kubectl(arguments)
            .arg("--request-timeout=60s")
            .stdout(Stdio::piped())
            .spawn()
            .expect("kubectl starts");
        let mut lines = BufReader::new(child.stdout.take().expect("it is piped")).lines();
        let mut seen = vec![lines.next().expect("a first line").expect("UTF-8")];
        change();
        let found = lines.map_while(Result::ok).any(|line| {
            let found = words.iter().all(|word| line.split_whitespace().any(|one| one == *word));
            seen.push(line);
            found
        });
        child.kill().expect("it can be ended");
        child.wait().expect("it ends");
        assert!(found, "no line with {words:?} in: {seen:#?}");
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        let down = self.gateproof(&["cluster", "down"]);
        // A second panic while the walk's own is on its way would hide it.
        assert!(down.status.success() || thread::panicking(), "{down:?}");
    }
}

/// A GET to an address is answered with a status, in the end.
#[expect(clippy::disallowed_methods, reason = "a listener tells nobody when it follows its route")]
pub(crate) fn answers(address: &str, host: &str, status: u16) {
    let begun = Instant::now();
    let wanted = format!("HTTP/1.1 {status} ");
    loop {
        let answer = get(address, host).unwrap_or_else(|error| error.to_string());
        if answer.starts_with(&wanted) {
            return;
        }
        assert!(begun.elapsed() < WITHIN, "{address} for {host}: {answer}");
        thread::sleep(Duration::from_millis(50));
    }
}

fn get(address: &str, host: &str) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(Duration::from_secs(10)))?;
    write!(stream, "GET / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n")?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

/// Spaces are one where parts are looked for, so that columns may have any width.
fn in_order(arguments: &[&str], text: &str, parts: &[&str]) {
    let squeezed = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut rest = squeezed.as_str();
    for part in parts {
        let found = rest.find(part);
        let at =
            found.unwrap_or_else(|| panic!("{arguments:?}: no `{part}` (in order) in:\n{text}"));
        rest = &rest[at + part.len()..];
    }
}
