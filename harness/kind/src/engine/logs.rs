//! What a container writes, as lines without terminal codes.

use std::collections::VecDeque;
use std::pin::Pin;
use std::task::{Context, Poll};

use bollard::container::LogOutput;
use bollard::errors::Error as ClientError;
use bollard::query_parameters::LogsOptions;
use futures_util::stream::BoxStream;
use futures_util::{Stream, StreamExt, TryStreamExt};

use super::Engine;
use super::error::{Cause, EngineError};
use crate::log_line::plain;

impl Engine {
    /// All that a container has written up to now.
    ///
    /// # Errors
    ///
    /// When it does not exist, or the log is not read within the engine's patience.
    pub async fn log(&self, container: &str) -> Result<Vec<String>, EngineError> {
        let lines = self.log_lines(container, Follow::No).try_collect();
        match tokio::time::timeout(self.patience, lines).await {
            Ok(lines) => lines,
            Err(_) => Err(log_error(
                container,
                Cause::TimedOut { limit: self.patience, missing: "the log's end".to_owned() },
            )),
        }
    }

    /// What a container writes, from its start on; ends when the container does. It has no
    /// deadline: the caller waits for a line and knows for how long.
    pub fn follow_log(&self, container: &str) -> LogLines {
        self.log_lines(container, Follow::Yes)
    }

    fn log_lines(&self, container: &str, follow: Follow) -> LogLines {
        let options = LogsOptions {
            follow: follow == Follow::Yes,
            stdout: true,
            stderr: true,
            tail: "all".to_owned(),
            ..LogsOptions::default()
        };
        LogLines {
            container: container.to_owned(),
            pieces: self.docker.logs(container, Some(options)).boxed(),
            standard: Vec::new(),
            error: Vec::new(),
            ready: VecDeque::new(),
            ended: false,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Follow {
    Yes,
    No,
}

/// The lines of a container's log. Standard output and standard error come in the order in which
/// the engine has them; a line of one is never torn by the other.
pub struct LogLines {
    container: String,
    pieces: BoxStream<'static, Result<LogOutput, ClientError>>,
    standard: Vec<u8>,
    error: Vec<u8>,
    ready: VecDeque<String>,
    ended: bool,
}

impl LogLines {
    fn absorb(&mut self, piece: &LogOutput) {
        let partial = match piece {
            LogOutput::StdErr { .. } => &mut self.error,
            _ => &mut self.standard,
        };
        partial.extend_from_slice(piece.as_ref());
        while let Some(at) = partial.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = partial.drain(..=at).collect();
            self.ready.push_back(plain(&line));
        }
    }

    /// What stood after the last line break.
    fn finish(&mut self) {
        self.ended = true;
        for partial in [&mut self.standard, &mut self.error] {
            if !partial.is_empty() {
                self.ready.push_back(plain(&std::mem::take(partial)));
            }
        }
    }
}

impl Stream for LogLines {
    type Item = Result<String, EngineError>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            if let Some(line) = self.ready.pop_front() {
                return Poll::Ready(Some(Ok(line)));
            }
            if self.ended {
                return Poll::Ready(None);
            }
            match std::task::ready!(self.pieces.poll_next_unpin(context)) {
                Some(Ok(piece)) => self.absorb(&piece),
                Some(Err(error)) => {
                    self.finish();
                    let error = log_error(&self.container, error.into());
                    return Poll::Ready(Some(Err(error)));
                }
                None => self.finish(),
            }
        }
    }
}

fn log_error(container: &str, cause: Cause) -> EngineError {
    EngineError::Log { container: container.to_owned(), cause }
}
