//! What the suites of the command share: scratch folders with scenarios, and running the binary.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// The binary under test.
pub(crate) const GATEPROOF: &str = env!("CARGO_BIN_EXE_gateproof");

/// A scratch folder with a state directory of its own.
pub(crate) struct Place {
    folder: tempfile::TempDir,
    engine: String,
}

impl Place {
    /// An empty one without a Docker engine: what others do on this machine's engine is not the
    /// business of most tests.
    pub(crate) fn new() -> Self {
        Self::on("unix:///no/docker/here")
    }

    /// An empty one with this Docker engine.
    pub(crate) fn on(engine: &str) -> Self {
        let folder = tempfile::tempdir().expect("a scratch folder");
        Self { folder, engine: engine.to_owned() }
    }

    /// Its Docker engine.
    pub(crate) fn engine(&self) -> &str {
        &self.engine
    }

    /// Its path.
    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Writes a file into it.
    pub(crate) fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path().join(name);
        std::fs::create_dir_all(path.parent().expect("a file has a parent")).expect("a folder");
        std::fs::write(&path, text).expect("a writable folder");
        path
    }

    /// The command, in this folder, with a clean environment for output and state.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(GATEPROOF);
        command
            .args(arguments)
            .current_dir(self.path())
            .env("GATEPROOF_STATE_DIR", self.path().join("state"))
            .env_remove("GATEPROOF_PROVIDER")
            .env_remove("CI")
            .env("DOCKER_HOST", &self.engine)
            .env_remove("GATEPROOF_LOG")
            .env_remove("CLICOLOR_FORCE")
            .env("NO_COLOR", "1");
        command
    }

    /// Runs the command to its end.
    pub(crate) fn run(&self, arguments: &[&str]) -> Run {
        Run::from(self.command(arguments).output().expect("the binary starts"))
    }

    /// Files and folders of this folder that are not in the list, sorted.
    pub(crate) fn left_beside(&self, known: &[&str]) -> Vec<String> {
        let entries = std::fs::read_dir(self.path()).expect("a readable folder");
        let mut left: Vec<String> = entries
            .map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned())
            .filter(|name| !known.contains(&name.as_str()))
            .collect();
        left.sort();
        left
    }

    /// Runs that left a folder in the state directory.
    pub(crate) fn runs_left(&self) -> usize {
        std::fs::read_dir(self.path().join("state/runs")).map_or(0, Iterator::count)
    }
}

/// What a run of the command printed and how it ended.
#[derive(Debug)]
pub(crate) struct Run {
    /// The exit code; `None` when a signal ended it.
    pub(crate) code: Option<i32>,
    /// Standard output.
    pub(crate) out: String,
    /// Standard error.
    pub(crate) err: String,
}

impl From<Output> for Run {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code(),
            out: String::from_utf8(output.stdout).expect("output is UTF-8"),
            err: String::from_utf8(output.stderr).expect("output is UTF-8"),
        }
    }
}

/// A small scenario that passes; `checks` are YAML list items for `spec.checks`.
pub(crate) fn scenario(name: &str, checks: &str) -> String {
    format!(
        r#"apiVersion: gateproof.dev/v1alpha1
kind: Scenario
metadata: {{name: {name}}}
spec:
  description: A scenario of the command's own tests.
  topology: single-node
  stack:
    cilium: "1.20.2"
    values: {{kubeProxyReplacement: true, gatewayAPI: {{enabled: true}}}}
  variants:
  - {{name: dedicated}}
  backends:
  - {{namespace: apps, name: web, port: 80}}
  manifests:
  - apiVersion: gateway.networking.k8s.io/v1
    kind: Gateway
    metadata: {{name: public, namespace: apps}}
    spec:
      gatewayClassName: cilium
      listeners:
      - {{name: http, port: 8080, protocol: HTTP}}
  - apiVersion: gateway.networking.k8s.io/v1
    kind: HTTPRoute
    metadata: {{name: web, namespace: apps}}
    spec:
      parentRefs: [{{name: public}}]
      hostnames: [web.example.test]
      rules:
      - backendRefs: [{{name: web, port: 80}}]
  checks:
{checks}
"#
    )
}

/// A check that passes.
pub(crate) const PASSES: &str =
    "  - http: {url: \"http://web.example.test:8080/\", expect: {status: 200, backend: apps/web}}";

/// A check that cannot pass.
pub(crate) const FAILS: &str =
    "  - http: {url: \"http://other.example.test:8080/\", expect: {status: 200}}\n    within: 1s";

/// A check that goes on for a minute unless something stops it.
pub(crate) const LASTS: &str = "  - http: {url: \"http://other.example.test:8080/\", for: 60s, count: 10, expect: {status: 404}}";
