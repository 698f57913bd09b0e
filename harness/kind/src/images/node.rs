//! Images into the containerd of nodes: what the node has already is passed over, the rest is
//! imported from an archive on standard input, into all nodes at once.
//!
//! The commands are those of `kind load` (kubernetes-sigs/kind v0.33.0:
//! `pkg/cluster/nodeutils/util.go`) but for `--all-platforms`: archives here are of one platform,
//! and where an engine's containerd image store saves an index that names others, importing only
//! the node's own is what works (kubernetes-sigs/kind issue 3795).
//!
//! An import creates names with tags, and not always the name with the digest that a manifest may
//! pin (kubernetes-sigs/kind issue 4028). So an image counts as loaded under its tag alone, and
//! whoever installs charts must not ask for digests then.

use std::time::Duration;

use bytes::Bytes;
use futures_util::future::join_all;
use futures_util::stream::BoxStream;
use serde_json::Value;

use crate::container::{ExecCommand, ExecOutcome};
use crate::engine::{Engine, EngineError, Input, Output};

/// How long a question to a node may take.
const QUESTION: Duration = Duration::from_mins(1);

/// An image to be loaded.
pub struct Loadable<'a> {
    /// Its name with a tag, as containerd has it: with its registry.
    pub reference: &'a str,
    /// Its id, `sha256:…`, the digest of its configuration.
    pub id: &'a str,
    /// Opens its archive; once for each node that needs it.
    pub archive: &'a (dyn Fn() -> BoxStream<'static, std::io::Result<Bytes>> + Sync),
}

/// With which rights commands run in nodes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rights {
    /// As kind runs them, with all.
    Privileged,
    /// With those of the node, where the engine refuses more.
    OfTheNode,
}

/// What came of one node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Loaded {
    /// The node had it.
    Present,
    /// It was imported.
    Imported,
}

/// An image could not be loaded into a node.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The engine could not run a command.
    #[error("load image {image} into node {node}")]
    Engine {
        /// The image.
        image: String,
        /// The node.
        node: String,
        /// Why.
        #[source]
        source: Box<EngineError>,
    },
    /// A command failed.
    #[error("load image {image} into node {node}: `{command}` ended with exit code {code}: {said}")]
    Command {
        /// The image.
        image: String,
        /// The node.
        node: String,
        /// The command.
        command: String,
        /// Its exit code.
        code: i64,
        /// What it said last.
        said: String,
    },
    /// What a command said cannot be understood.
    #[error("load image {image} into node {node}: {problem}")]
    Answer {
        /// The image.
        image: String,
        /// The node.
        node: String,
        /// What is wrong with the answer.
        problem: String,
    },
}

/// Loads an image into nodes, all at once; in the order of the nodes.
pub async fn load(
    engine: &Engine,
    nodes: &[String],
    image: &Loadable<'_>,
    rights: Rights,
    deadline: Duration,
) -> Vec<Result<Loaded, LoadError>> {
    let load = async |node: &String| NodeLoad { engine, node, image, rights, deadline }.run().await;
    join_all(nodes.iter().map(load)).await
}

/// One image into one node.
struct NodeLoad<'a> {
    engine: &'a Engine,
    node: &'a str,
    image: &'a Loadable<'a>,
    rights: Rights,
    deadline: Duration,
}

impl NodeLoad<'_> {
    async fn run(&self) -> Result<Loaded, LoadError> {
        if self.present().await? == Some(self.image.id.to_owned()) {
            return Ok(Loaded::Present);
        }
        let dump = self.ask(&["containerd", "config", "dump"]).await?;
        let dump = self.done("containerd config dump", &dump)?;
        let snapshotter = snapshotter(&dump).map_err(|problem| self.answer(problem))?;
        self.import(&snapshotter).await?;
        match self.present().await? {
            Some(id) if id == self.image.id => Ok(Loaded::Imported),
            found => Err(self.answer(format!(
                "after the import the node has {} under this name, and not {}",
                found.as_deref().unwrap_or("nothing"),
                self.image.id
            ))),
        }
    }

    /// The id of what the node has under the image's name.
    async fn present(&self) -> Result<Option<String>, LoadError> {
        let seen = self.ask(&["crictl", "inspecti", self.image.reference]).await?;
        if seen.exit_code != 0 {
            // A name that is not there is an error of crictl like any other; the import that
            // follows tells what else may be wrong.
            return Ok(None);
        }
        id_of(&String::from_utf8_lossy(&seen.stdout)).map(Some).map_err(|p| self.answer(p))
    }

    async fn import(&self, snapshotter: &str) -> Result<(), LoadError> {
        let argv = import_command(snapshotter);
        let shown = argv.join(" ");
        let mut said = Vec::new();
        let sink = |output| match output {
            Output::Standard(octets) | Output::Error(octets) => said.extend_from_slice(&octets),
        };
        let input = Input::Stream((self.image.archive)());
        let command = self.command(argv);
        let code = self
            .engine
            .exec_streaming(self.node, &command, input, sink, self.deadline)
            .await
            .map_err(|source| self.engine_error(source))?;
        let outcome = ExecOutcome { exit_code: code, stdout: Vec::new(), stderr: said };
        self.done(&shown, &outcome)?;
        Ok(())
    }

    async fn ask(&self, argv: &[&str]) -> Result<ExecOutcome, LoadError> {
        let command = self.command(argv.iter().map(|word| (*word).to_owned()).collect());
        self.engine
            .exec(self.node, &command, QUESTION)
            .await
            .map_err(|source| self.engine_error(source))
    }

    fn command(&self, argv: Vec<String>) -> ExecCommand {
        let privileged = self.rights == Rights::Privileged;
        ExecCommand { argv, stdin: None, env: Vec::new(), privileged }
    }

    fn done(&self, command: &str, outcome: &ExecOutcome) -> Result<String, LoadError> {
        if outcome.exit_code == 0 {
            return Ok(String::from_utf8_lossy(&outcome.stdout).into_owned());
        }
        Err(LoadError::Command {
            image: self.image.reference.to_owned(),
            node: self.node.to_owned(),
            command: command.to_owned(),
            code: outcome.exit_code,
            said: last_words(outcome),
        })
    }

    fn engine_error(&self, source: EngineError) -> LoadError {
        let (image, node) = (self.image.reference.to_owned(), self.node.to_owned());
        LoadError::Engine { image, node, source: Box::new(source) }
    }

    fn answer(&self, problem: String) -> LoadError {
        let (image, node) = (self.image.reference.to_owned(), self.node.to_owned());
        LoadError::Answer { image, node, problem }
    }
}

/// The last lines of what a command said.
fn last_words(outcome: &ExecOutcome) -> String {
    let octets = if outcome.stderr.is_empty() { &outcome.stdout } else { &outcome.stderr };
    let text = String::from_utf8_lossy(octets).into_owned();
    let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    lines[lines.len().saturating_sub(3)..].join("; ")
}

fn import_command(snapshotter: &str) -> Vec<String> {
    let snapshotter = format!("--snapshotter={snapshotter}");
    ["ctr", "--namespace=k8s.io", "images", "import", "--digests", &snapshotter, "-"]
        .map(str::to_owned)
        .to_vec()
}

/// The snapshotter of a containerd configuration. Where it stands depends on the version of the
/// document (containerd 2: `docs/cri/config.md`).
fn snapshotter(dump: &str) -> Result<String, String> {
    let document: toml_edit::DocumentMut =
        dump.parse().map_err(|error| format!("`containerd config dump` is no TOML: {error}"))?;
    let version = document.get("version").and_then(toml_edit::Item::as_integer);
    let (plugin, path): (&str, &[&str]) = match version {
        Some(2) => ("io.containerd.grpc.v1.cri", &["containerd", "snapshotter"]),
        Some(3 | 4) => ("io.containerd.cri.v1.images", &["snapshotter"]),
        other => {
            let found = other.map_or("none".to_owned(), |version| version.to_string());
            return Err(format!(
                "containerd's configuration has version {found}; expected 2, 3 or 4"
            ));
        }
    };
    let plugin_item = document.get("plugins").and_then(|plugins| plugins.get(plugin));
    path.iter()
        .try_fold(plugin_item, |item, key| Some(item.and_then(|item| item.get(key))))
        .flatten()
        .and_then(toml_edit::Item::as_str)
        .map(str::to_owned)
        .ok_or_else(|| format!("containerd's configuration names no snapshotter for `{plugin}`"))
}

/// The image id in what `crictl inspecti` prints.
fn id_of(text: &str) -> Result<String, String> {
    let answer: Value = serde_json::from_str(text)
        .map_err(|error| format!("`crictl inspecti` prints no JSON: {error}"))?;
    match answer["status"]["id"].as_str() {
        Some(id) if id.starts_with("sha256:") => Ok(id.to_owned()),
        Some(id) => Ok(format!("sha256:{id}")),
        None => Err("`crictl inspecti` names no id".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_snapshotter_is_found_in_every_version_of_the_configuration() {
        let v2 = "version = 2\n[plugins.\"io.containerd.grpc.v1.cri\".containerd]\n\
                  snapshotter = \"overlayfs\"\n";
        let v3 = "version = 3\n[plugins.'io.containerd.cri.v1.images']\nsnapshotter = 'native'\n";
        assert_eq!(snapshotter(v2).as_deref(), Ok("overlayfs"));
        assert_eq!(snapshotter(v3).as_deref(), Ok("native"));
        assert_eq!(snapshotter(&v3.replace("= 3", "= 4")).as_deref(), Ok("native"));
        for (dump, problem) in [
            ("", "version none; expected 2, 3 or 4"),
            ("version = 1\n", "version 1; expected"),
            ("version = 3\n", "no snapshotter for `io.containerd.cri.v1.images`"),
            (&v3.replace("= 3", "= 2"), "no snapshotter for `io.containerd.grpc.v1.cri`"),
            ("version = ", "is no TOML"),
        ] {
            let error = snapshotter(dump).unwrap_err();
            assert!(error.contains(problem), "{error}");
        }
    }

    #[test]
    fn the_id_is_read_with_or_without_its_algorithm() {
        assert_eq!(id_of(r#"{"status":{"id":"sha256:ab"}}"#).as_deref(), Ok("sha256:ab"));
        assert_eq!(id_of(r#"{"status":{"id":"ab"}}"#).as_deref(), Ok("sha256:ab"));
        assert!(id_of("{}").unwrap_err().contains("names no id"));
        assert!(id_of("FATA[0000] no").unwrap_err().contains("no JSON"));
    }

    #[test]
    fn the_import_is_that_of_kind_for_one_platform() {
        assert_eq!(
            import_command("overlayfs").join(" "),
            "ctr --namespace=k8s.io images import --digests --snapshotter=overlayfs -"
        );
    }

    #[test]
    fn only_the_last_words_of_a_command_are_told() {
        let said = |stdout: &str, stderr: &str| {
            let (stdout, stderr) = (stdout.into(), stderr.into());
            last_words(&ExecOutcome { exit_code: 1, stdout, stderr })
        };
        assert_eq!(said("out", "a\nb\n\nc\nd\n"), "b; c; d");
        assert_eq!(said("out\n", ""), "out");
        assert_eq!(said("", ""), "");
    }
}
