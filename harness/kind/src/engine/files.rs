//! Files in containers.
//!
//! Written and read through commands, as kind does it: the API's upload lands below a tmpfs such
//! as kind's `/tmp` and `/run`, where the container never sees it.

use std::time::Duration;

use bollard::query_parameters::DownloadFromContainerOptions;
use bytes::Bytes;
use futures_util::{Stream, StreamExt};

use super::Engine;
use super::error::{Cause, EngineError};
use crate::container::{ExecCommand, ExecOutcome};

impl Engine {
    /// Writes a file, and the folders above it (kubernetes-sigs/kind v0.33.0:
    /// `pkg/cluster/nodeutils/util.go`, `WriteFile`).
    ///
    /// # Errors
    ///
    /// When a command fails in the container, with what it said, or at the deadline.
    pub async fn write_file(
        &self,
        container: &str,
        path: &str,
        content: &[u8],
        deadline: Duration,
    ) -> Result<(), EngineError> {
        let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
        if !folder.is_empty() {
            let make = command(&["mkdir", "-p", folder], None);
            self.file_command("write", container, path, &make, deadline).await?;
        }
        let copy = command(&["cp", "/dev/stdin", path], Some(content.to_vec()));
        self.file_command("write", container, path, &copy, deadline).await?;
        Ok(())
    }

    /// Reads a file.
    ///
    /// # Errors
    ///
    /// As [`Engine::write_file`]; a file that is not there is among them.
    pub async fn read_file(
        &self,
        container: &str,
        path: &str,
        deadline: Duration,
    ) -> Result<Vec<u8>, EngineError> {
        let read = command(&["cat", path], None);
        Ok(self.file_command("read", container, path, &read, deadline).await?.stdout)
    }

    /// A file or folder of a container as a tar stream; the container need not run. It has no
    /// deadline of its own: pieces come for as long as the archive is large.
    pub fn download(
        &self,
        container: &str,
        path: &str,
    ) -> impl Stream<Item = Result<Bytes, EngineError>> + Send + 'static {
        let options = DownloadFromContainerOptions { path: path.to_owned() };
        let (container, path) = (container.to_owned(), path.to_owned());
        let pieces = self.docker.download_from_container(&container, Some(options));
        pieces.map(move |piece| {
            piece.map_err(|error| file_error("download", &container, &path, error.into()))
        })
    }

    async fn file_command(
        &self,
        operation: &'static str,
        container: &str,
        path: &str,
        command: &ExecCommand,
        deadline: Duration,
    ) -> Result<ExecOutcome, EngineError> {
        let fail = |cause| file_error(operation, container, path, cause);
        match self.exec(container, command, deadline).await {
            Ok(outcome) if outcome.exit_code == 0 => Ok(outcome),
            Ok(outcome) => {
                let said = if outcome.stderr.is_empty() { outcome.stdout } else { outcome.stderr };
                let said = String::from_utf8_lossy(&said).trim().to_owned();
                let program = command.argv.first().map_or("", String::as_str);
                let words = format!("{program} ended with exit code {}: {said}", outcome.exit_code);
                Err(fail(Cause::Unreadable(words)))
            }
            Err(EngineError::Exec { cause, .. }) => Err(fail(cause)),
            Err(other) => Err(other),
        }
    }
}

/// A command with the rights that the container itself has; those suffice.
fn command(argv: &[&str], stdin: Option<Vec<u8>>) -> ExecCommand {
    ExecCommand {
        argv: argv.iter().map(|&word| word.to_owned()).collect(),
        stdin,
        env: Vec::new(),
        privileged: false,
    }
}

fn file_error(operation: &'static str, container: &str, path: &str, cause: Cause) -> EngineError {
    let (container, path) = (container.to_owned(), path.to_owned());
    EngineError::File { operation, container, path, cause }
}
