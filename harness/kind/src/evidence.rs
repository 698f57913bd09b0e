//! What helps to understand a failure, written into a folder before a cluster goes.
//!
//! The layout of `kind export logs` (kubernetes-sigs/kind v0.33.0: `pkg/cluster/provider.go`,
//! `pkg/cluster/internal/logs`), so that whoever knows one knows the other: for each container a
//! folder with what the engine knows of it, its own output, the journal, and `/var/log`. Two things
//! are different: every text goes through the redaction of
//! `gateproof-core`, and a piece that cannot be had is a file
//! that says why, so that a dead node costs nothing but its own files.
//!
//! Everything is bounded: the whole by a deadline, each file by [`FILE_LIMIT`] of its end.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::future::join_all;
use gateproof_core::redaction;
use tokio::time::Instant;

use crate::container::{ContainerState, ExecCommand, Phase};
use crate::engine::{Engine, Input, Output};
use crate::nodes;

mod archive;
#[cfg(test)]
mod planted;
pub(crate) mod remains;
mod secret_file;
pub(crate) mod tail;

use tail::Tail;

/// How much of the end of a file is kept.
pub(crate) const FILE_LIMIT: usize = 4 * 1024 * 1024;

/// How long a single command may take; a node that hangs must not take the time of others.
const COMMAND_LIMIT: Duration = Duration::from_secs(15);

/// The commands whose output is kept, and the files for it. What they print is read with the
/// rights of the container itself.
const COMMANDS: [(&str, &[&str]); 5] = [
    ("kubernetes-version.txt", &["cat", "/kind/version"]),
    ("journal.log", &["journalctl", "--no-pager"]),
    ("kubelet.log", &["journalctl", "--no-pager", "-u", "kubelet.service"]),
    ("containerd.log", &["journalctl", "--no-pager", "-u", "containerd.service"]),
    ("images.log", &["crictl", "images"]),
];

/// The files that were written, as they come.
#[derive(Debug, Clone, Default)]
struct Written(Arc<Mutex<Vec<PathBuf>>>);

impl Written {
    fn add(&self, path: PathBuf) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(path);
    }

    fn sorted(&self) -> Vec<PathBuf> {
        let mut paths = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        paths.sort();
        paths
    }
}

/// Collects evidence of containers below `folder`, which is made, and says which files there are.
/// What is not done at the deadline is missing and told in a file.
///
/// # Errors
///
/// When the folder cannot be made.
pub async fn collect(
    engine: &Engine,
    containers: &[ContainerState],
    folder: &Path,
    deadline: Duration,
) -> io::Result<Vec<PathBuf>> {
    fs::create_dir_all(folder)?;
    let end = Instant::now() + deadline;
    let written = Written::default();
    let work = async {
        let file = |name: &str| Piece { written: &written, path: folder.join(name) };
        let about = async {
            file("docker-info.txt").write(&engine_in_words(engine).await).await;
            let version = format!("Gateproof {}\n", env!("CARGO_PKG_VERSION"));
            file("kind-version.txt").write(&version).await;
        };
        let nodes = containers
            .iter()
            .map(|container| of_container(engine, container, folder, &written, end));
        tokio::join!(about, join_all(nodes));
    };
    if tokio::time::timeout_at(end, work).await.is_err() {
        let note = Piece { written: &written, path: folder.join("INCOMPLETE.txt") };
        let text = format!("not everything was collected within {} s\n", deadline.as_secs());
        note.write(&text).await;
    }
    Ok(written.sorted())
}

async fn engine_in_words(engine: &Engine) -> String {
    let facts = match engine.facts().await {
        Ok(facts) => format!("{facts:#?}"),
        Err(error) => format!("not to be had: {error}"),
    };
    format!("endpoint: {}\nAPI version: {}\n{facts}\n", engine.endpoint(), engine.api_version())
}

async fn of_container(
    engine: &Engine,
    container: &ContainerState,
    folder: &Path,
    written: &Written,
    end: Instant,
) {
    let folder = folder.join(&container.name);
    let piece = |name: &str| Piece { written, path: folder.join(name) };
    let described = async {
        let text = match engine.describe_container(&container.name).await {
            Ok(Some(mut value)) => {
                redaction::object(&mut value);
                serde_json::to_string_pretty(&value).unwrap_or_default()
            }
            Ok(None) => "the container is gone\n".to_owned(),
            Err(error) => format!("not to be had: {error}\n"),
        };
        piece("inspect.json").write(&text).await;
    };
    let output = async {
        let text = match engine.log(&container.name).await {
            Ok(lines) => lines.join("\n") + "\n",
            Err(error) => format!("not to be had: {error}\n"),
        };
        piece("serial.log").write(&text).await;
    };
    let commands = async {
        if !nodes::is_node(container) {
            // A load balancer has nothing of what a node has.
        } else if container.phase == Phase::Running {
            let runs = COMMANDS
                .iter()
                .map(|(name, argv)| run(engine, &container.name, argv, piece(name), end));
            join_all(runs).await;
        } else {
            let text =
                format!("no command can be run: {}\n", crate::actions::ended(&container.phase));
            piece("journal.log").write(&text).await;
        }
    };
    let logs = archive::save(engine, &container.name, "/var/log", &folder, written);
    tokio::join!(described, output, commands, logs);
}

/// Runs a command and keeps the end of its output.
async fn run(engine: &Engine, container: &str, argv: &[&str], piece: Piece<'_>, end: Instant) {
    let command = ExecCommand {
        argv: argv.iter().map(|&word| word.to_owned()).collect(),
        stdin: None,
        env: Vec::new(),
        privileged: false,
    };
    let mut tail = Tail::new(FILE_LIMIT);
    let sink = |output| match output {
        Output::Standard(octets) | Output::Error(octets) => tail.push(&octets),
    };
    let limit = COMMAND_LIMIT.min(end.saturating_duration_since(Instant::now()));
    let ended = engine.exec_streaming(container, &command, Input::Nothing, sink, limit).await;
    let mut text = tail.to_text();
    let end = match ended {
        Ok(0) => String::new(),
        Ok(code) => format!("\n`{}` ended with exit code {code}\n", argv.join(" ")),
        Err(error) => format!("\nnot to be had: {error}\n"),
    };
    text.push_str(&end);
    piece.write(&text).await;
}

/// A file to be written.
struct Piece<'a> {
    written: &'a Written,
    path: PathBuf,
}

impl Piece<'_> {
    /// Writes a text without its secrets. What cannot be written is lost; the reason goes to the
    /// log of the program, since there is nowhere else to put it.
    async fn write(self, text: &str) {
        let text = redaction::text(text).into_owned();
        let path = self.path.clone();
        let done = tokio::task::spawn_blocking(move || write(&path, &text)).await;
        match done {
            Ok(Ok(())) => self.written.add(self.path),
            Ok(Err(error)) => {
                tracing::warn!(path = %self.path.display(), %error, "evidence cannot be written");
            }
            Err(error) => tracing::warn!(%error, "evidence was not written"),
        }
    }
}

/// Writes texts without their secrets, and says which files there are.
pub(crate) async fn save_texts(texts: Vec<(PathBuf, String)>) -> Vec<PathBuf> {
    let written = Written::default();
    for (path, text) in texts {
        Piece { written: &written, path }.write(&text).await;
    }
    written.sorted()
}

fn write(path: &Path, text: &str) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::write(path, text)
}
