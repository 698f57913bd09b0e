//! The prober's side: reads questions, asks them all at once, writes what was seen.

use std::collections::BTreeMap;
use std::io;

use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::task::{AbortHandle, JoinSet};

use super::line::Lines;
use super::protocol::{FromAsker, FromProber, Observation, Question, VERSION, line};

/// Questions under way at the same time; more wait until one is answered.
const AT_ONCE: usize = 256;

/// A prober could not go on.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// Questions could not be read.
    #[error("read questions from standard input")]
    Read(#[source] io::Error),
    /// Answers could not be written.
    #[error("write answers to standard output")]
    Write(#[source] io::Error),
    /// A line is no question.
    #[error("understand a question: {0}")]
    Question(String),
    /// A probe panicked.
    #[error("finish a probe: it panicked")]
    Panicked,
}

/// Answers questions until `input` ends; whatever is under way then is given up.
///
/// # Errors
/// When the streams break, or when a line is no question.
pub async fn serve(
    input: impl AsyncRead + Unpin,
    output: impl AsyncWrite + Unpin,
) -> Result<(), ServeError> {
    let program = env!("CARGO_PKG_VERSION").to_owned();
    let mut session = Session { output, probes: JoinSet::new(), under_way: BTreeMap::new() };
    session.write(&FromProber::Hello { version: VERSION, program }).await?;
    let mut lines = Lines::new(input);
    loop {
        tokio::select! {
            read = lines.next(), if session.under_way.len() < AT_ONCE => {
                let Some(read) = read.map_err(ServeError::Read)? else { return Ok(()) };
                if let Err(reason) = session.hear(&read) {
                    session.write(&FromProber::Refused { reason: reason.clone() }).await?;
                    return Err(ServeError::Question(reason));
                }
            }
            Some(done) = session.probes.join_next() => match done {
                Ok((id, observation)) => {
                    session.under_way.remove(&id);
                    session.write(&FromProber::Answer { id, observation }).await?;
                }
                Err(error) if error.is_panic() => return Err(ServeError::Panicked),
                Err(_forgotten) => {}
            },
        }
    }
}

/// One asker's questions. Dropping it gives up every probe that is under way.
struct Session<W> {
    output: W,
    probes: JoinSet<(u64, Observation)>,
    under_way: BTreeMap<u64, AbortHandle>,
}

impl<W: AsyncWrite + Unpin> Session<W> {
    async fn write(&mut self, message: &FromProber) -> Result<(), ServeError> {
        self.output.write_all(&line(message)).await.map_err(ServeError::Write)?;
        self.output.flush().await.map_err(ServeError::Write)
    }

    /// Takes a line; an error when it is none of the asker's.
    fn hear(&mut self, read: &[u8]) -> Result<(), String> {
        match serde_json::from_slice(read).map_err(|error| error.to_string())? {
            FromAsker::Forget { id } => {
                if let Some(probe) = self.under_way.remove(&id) {
                    probe.abort();
                }
            }
            FromAsker::Ask { id, .. } if self.under_way.contains_key(&id) => {
                return Err(format!("question {id} is under way already"));
            }
            FromAsker::Ask { id, question } => {
                let probe = self.probes.spawn(async move { (id, look(question).await) });
                self.under_way.insert(id, probe);
            }
        }
        Ok(())
    }
}

async fn look(question: Question) -> Observation {
    match question {
        Question::Tcp(probe) => Observation::Tcp(crate::tcp(probe.socket, probe.timeout).await),
        Question::Http(probe) => Observation::Http(Box::new(crate::http(&probe).await)),
        Question::Handshake(probe) => {
            Observation::Handshake(Box::new(crate::handshake(&probe).await))
        }
    }
}
