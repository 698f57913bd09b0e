//! Commands and files in nodes, as the other actions use them.

use std::time::Duration;

use super::Seen;
use crate::container::{ContainerSpec, ExecCommand, ExecOutcome, Privileges};
use crate::engine::Engine;

/// A node's container as commands see it.
#[derive(Debug, Clone)]
pub(crate) struct NodeShell {
    engine: Engine,
    container: String,
    privileged: bool,
}

impl NodeShell {
    /// The shell of a container. kind runs every command with all rights; that is possible only
    /// where the container has them.
    pub(crate) fn new(engine: &Engine, spec: &ContainerSpec) -> Self {
        Self {
            engine: engine.clone(),
            container: spec.name.clone(),
            privileged: spec.privileges == Privileges::Privileged,
        }
    }

    /// The container's name.
    pub(crate) fn container(&self) -> &str {
        &self.container
    }

    /// A command with the rights that the container has.
    pub(crate) fn command(&self, argv: Vec<String>) -> ExecCommand {
        ExecCommand { argv, stdin: None, env: Vec::new(), privileged: self.privileged }
    }

    /// Runs a command that has to succeed.
    pub(crate) async fn run(
        &self,
        argv: Vec<String>,
        stdin: Option<Vec<u8>>,
        deadline: Duration,
    ) -> Result<ExecOutcome, Seen> {
        let command = ExecCommand { stdin, ..self.command(argv) };
        let outcome = self.engine.exec(&self.container, &command, deadline).await?;
        if outcome.exit_code == 0 {
            Ok(outcome)
        } else {
            Err(Seen::failed_command(&command, &outcome))
        }
    }

    /// Reads a text file.
    pub(crate) async fn read(&self, path: &str, deadline: Duration) -> Result<String, Seen> {
        let octets = self.engine.read_file(&self.container, path, deadline).await?;
        String::from_utf8(octets).map_err(|_| Seen::new(format!("{path} is not UTF-8 text")))
    }

    /// Writes a file, and the folders above it.
    pub(crate) async fn write(
        &self,
        path: &str,
        content: &[u8],
        deadline: Duration,
    ) -> Result<(), Seen> {
        Ok(self.engine.write_file(&self.container, path, content, deadline).await?)
    }
}
