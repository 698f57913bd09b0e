//! Commands in containers: standard streams apart, and an exit code that was really read.

use std::io;
use std::pin::Pin;
use std::time::Duration;

use bollard::container::LogOutput;
use bollard::errors::Error as ClientError;
use bollard::exec::{CreateExecOptions, StartExecOptions, StartExecResults};
use bytes::Bytes;
use futures_util::stream::BoxStream;
use futures_util::{Stream, StreamExt};
use gateproof_kubernetes::wait;
use tokio::io::{AsyncWrite, AsyncWriteExt};
use tokio::time::Instant;

use super::Engine;
use super::error::{Cause, EngineError};
use crate::container::{ExecCommand, ExecOutcome};

/// Between two looks at a command whose streams have ended and whose exit code is not known yet.
const EXIT_CODE_EVERY: Duration = Duration::from_millis(20);

/// How much of what a command said goes into a message.
const SAID_LIMIT: usize = 400;

/// What a command reads.
pub enum Input {
    /// Nothing: its standard input is closed from the start.
    Nothing,
    /// These bytes, then the end.
    Bytes(Bytes),
    /// A stream, such as an archive that is larger than memory. An error in it ends the command's
    /// input and is the outcome of the call.
    Stream(BoxStream<'static, io::Result<Bytes>>),
}

/// A piece of what a command writes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Output {
    /// To standard output.
    Standard(Bytes),
    /// To standard error.
    Error(Bytes),
}

impl Engine {
    /// Runs a command and keeps what it writes. A command that fails is an outcome, also one whose
    /// program is missing: then the exit code is 126 or 127 and the reason is on standard output.
    ///
    /// # Errors
    ///
    /// When the container does not run, the connection breaks, or the command has not ended at
    /// the deadline; it then runs on in the container, which the API offers no way to prevent.
    pub async fn exec(
        &self,
        container: &str,
        command: &ExecCommand,
        deadline: Duration,
    ) -> Result<ExecOutcome, EngineError> {
        let input = command.stdin.clone().map_or(Input::Nothing, |it| Input::Bytes(it.into()));
        let mut outcome = ExecOutcome { exit_code: 0, stdout: Vec::new(), stderr: Vec::new() };
        let sink = |piece| match piece {
            Output::Standard(bytes) => outcome.stdout.extend_from_slice(&bytes),
            Output::Error(bytes) => outcome.stderr.extend_from_slice(&bytes),
        };
        let ended = self.exec_streaming(container, command, input, sink, deadline).await;
        match ended {
            Ok(exit_code) => Ok(ExecOutcome { exit_code, ..outcome }),
            Err(error) => Err(with_what_was_said(error, &outcome)),
        }
    }

    /// Runs a command with streams: `input` instead of the command's own `stdin`, and each piece
    /// of output to `sink` as it comes. Returns the exit code.
    ///
    /// # Errors
    ///
    /// As [`Engine::exec`], and when the input stream fails.
    pub async fn exec_streaming(
        &self,
        container: &str,
        command: &ExecCommand,
        input: Input,
        mut sink: impl FnMut(Output),
        deadline: Duration,
    ) -> Result<i64, EngineError> {
        let fail = |cause| EngineError::Exec {
            container: container.to_owned(),
            command: command.argv.join(" "),
            cause,
        };
        let end = Instant::now() + deadline;
        let late = |missing: &str| Cause::TimedOut { limit: deadline, missing: missing.to_owned() };
        let run = self.run(container, command, input, &mut sink);
        let id = match tokio::time::timeout_at(end, run).await {
            Ok(id) => id.map_err(fail)?,
            Err(_) => return Err(fail(late("the command has not ended"))),
        };
        self.exit_code(&id, end.saturating_duration_since(Instant::now())).await.map_err(fail)
    }

    /// Runs a command until its streams end; returns the id under which the engine keeps its exit
    /// code.
    async fn run(
        &self,
        container: &str,
        command: &ExecCommand,
        input: Input,
        sink: &mut impl FnMut(Output),
    ) -> Result<String, Cause> {
        let options = CreateExecOptions {
            attach_stdin: Some(!matches!(input, Input::Nothing)),
            attach_stdout: Some(true),
            attach_stderr: Some(true),
            env: Some(command.env.clone()),
            cmd: Some(command.argv.clone()),
            privileged: Some(command.privileged),
            ..CreateExecOptions::default()
        };
        let id = self.docker.create_exec(container, options).await?.id;
        let started = self.docker.start_exec(&id, None::<StartExecOptions>).await?;
        let StartExecResults::Attached { output, input: stdin } = started else {
            return Err(Cause::Unreadable("the engine detached from the command".to_owned()));
        };
        // Both at once: a command that writes before it has read all must not block us.
        tokio::try_join!(feed(stdin, input), drain(output, sink))?;
        Ok(id)
    }

    /// The exit code of a command whose streams have ended. The engine may note it a moment later,
    /// and not at all when the connection broke while the command runs on.
    async fn exit_code(&self, id: &str, deadline: Duration) -> Result<i64, Cause> {
        let found = wait::until(
            deadline,
            EXIT_CODE_EVERY,
            |_| (),
            || async {
                match self.docker.inspect_exec(id).await {
                    Ok(state) => match (state.running, state.exit_code) {
                        (Some(true), _) | (_, None) => {
                            wait::Poll::NotYet { missing: "its exit code is not known".to_owned() }
                        }
                        (_, Some(code)) => wait::Poll::Ready(Ok(code)),
                    },
                    Err(error) => wait::Poll::Ready(Err(Cause::from(error))),
                }
            },
        );
        match found.await {
            Ok(found) => found,
            Err(_) => Err(Cause::TimedOut {
                limit: deadline,
                missing: "the command's streams have ended, but it has no exit code yet".to_owned(),
            }),
        }
    }
}

/// Writes a command's input and closes it. A command may end without having read it all.
async fn feed(mut stdin: Pin<Box<dyn AsyncWrite + Send>>, input: Input) -> Result<(), Cause> {
    let written = match input {
        Input::Nothing => Ok(()),
        Input::Bytes(bytes) => stdin.write_all(&bytes).await,
        Input::Stream(mut pieces) => loop {
            match pieces.next().await {
                None => break Ok(()),
                Some(Ok(piece)) => {
                    if let Err(error) = stdin.write_all(&piece).await {
                        break Err(error);
                    }
                }
                Some(Err(error)) => {
                    return Err(Cause::Unreadable(format!("its input cannot be read: {error}")));
                }
            }
        },
    };
    let closed = match written {
        Ok(()) => stdin.shutdown().await,
        Err(error) => Err(error),
    };
    match closed {
        Err(error) if !is_closed_by_reader(&error) => {
            Err(Cause::Disconnected(format!("its input cannot be written: {error}")))
        }
        _ => Ok(()),
    }
}

fn is_closed_by_reader(error: &io::Error) -> bool {
    use io::ErrorKind::{BrokenPipe, ConnectionReset, NotConnected};
    matches!(error.kind(), BrokenPipe | ConnectionReset | NotConnected)
}

async fn drain(
    mut output: impl Stream<Item = Result<LogOutput, ClientError>> + Unpin,
    sink: &mut impl FnMut(Output),
) -> Result<(), Cause> {
    while let Some(piece) = output.next().await {
        match piece? {
            LogOutput::StdErr { message } => sink(Output::Error(message)),
            LogOutput::StdOut { message }
            | LogOutput::Console { message }
            | LogOutput::StdIn { message } => sink(Output::Standard(message)),
        }
    }
    Ok(())
}

/// A command that does not end often says why; the last words go into the message.
fn with_what_was_said(error: EngineError, outcome: &ExecOutcome) -> EngineError {
    let EngineError::Exec { container, command, cause: Cause::TimedOut { limit, missing } } = error
    else {
        return error;
    };
    let said = if outcome.stderr.is_empty() { &outcome.stdout } else { &outcome.stderr };
    let said = String::from_utf8_lossy(said);
    let said = said.trim();
    let start = said.char_indices().rev().take(SAID_LIMIT).last().map_or(0, |(at, _)| at);
    let missing = match &said[start..] {
        "" => format!("{missing}, and it has said nothing"),
        last => format!("{missing}; its last words: {last}"),
    };
    EngineError::Exec { container, command, cause: Cause::TimedOut { limit, missing } }
}
