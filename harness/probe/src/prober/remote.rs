//! The asker's side: questions go to a prober elsewhere, over any stream.

use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use gateproof_core::observation::{HandshakeObservation, HttpObservation, TcpObservation};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;

use super::line::Lines;
use super::protocol::{FromAsker, FromProber, Observation, Question, VERSION, line};
use super::{ProbeError, Prober};
use crate::request::{HandshakeProbe, HttpProbe, TcpProbe};

/// How long the first line may take: a program starts.
const GREETING: Duration = Duration::from_secs(20);

/// How much longer than the probe itself an answer may take: the way there and back, and a busy
/// machine.
const MARGIN: Duration = Duration::from_secs(15);

/// How much of nonsense is shown.
const SHOWN: usize = 120;

/// A prober elsewhere. Dropping it ends the session.
pub struct RemoteProber {
    shared: Arc<Shared>,
    questions: mpsc::UnboundedSender<Vec<u8>>,
    _tasks: JoinSet<()>,
}

impl RemoteProber {
    /// Begins a session with the prober at the other end of these streams; `place` says in
    /// messages which one it is, such as `in container gp-x-prober`.
    ///
    /// # Errors
    /// When it does not greet, or speaks another version.
    pub async fn start(
        place: impl Into<String>,
        answers: impl AsyncRead + Send + Unpin + 'static,
        questions: impl AsyncWrite + Send + Unpin + 'static,
    ) -> Result<Self, ProbeError> {
        let place = place.into();
        let mut lines = Lines::new(answers);
        tokio::time::timeout(GREETING, greeted(&place, &mut lines)).await.unwrap_or_else(|_| {
            Err(ProbeError::Silent { place: place.clone(), after: GREETING })
        })?;
        let shared = Arc::new(Shared { place, state: Mutex::new(State::Open(Waiting::default())) });
        let (sender, receiver) = mpsc::unbounded_channel();
        let mut tasks = JoinSet::new();
        tasks.spawn(read(lines, Arc::clone(&shared)));
        tasks.spawn(write(receiver, questions, Arc::clone(&shared)));
        Ok(Self { shared, questions: sender, _tasks: tasks })
    }

    /// Why it cannot be asked any more; `None` while it can.
    pub fn ended(&self) -> Option<ProbeError> {
        match &*self.shared.state() {
            State::Open(_) => None,
            State::Ended(error) => Some(error.clone()),
        }
    }

    async fn ask(&self, question: Question, lasts: Duration) -> Result<Observation, ProbeError> {
        let (answered, answer) = oneshot::channel();
        let id = match &mut *self.shared.state() {
            State::Ended(error) => return Err(error.clone()),
            State::Open(waiting) => waiting.add(answered),
        };
        let pending = Pending { prober: self, id };
        pending.send(&FromAsker::Ask { id, question });
        let after = lasts.saturating_add(MARGIN);
        match tokio::time::timeout(after, answer).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(_dropped)) => Err(self.shared.ended_because("nothing is known of why")),
            Err(_elapsed) => Err(ProbeError::Silent { place: self.shared.place.clone(), after }),
        }
    }

    /// After one such answer nothing that it says counts any more.
    fn nonsense(&self, what: &str) -> ProbeError {
        let place = self.shared.place.clone();
        let error = ProbeError::Nonsense { place, what: what.to_owned() };
        self.shared.end(&error);
        error
    }

    fn must_be_of(&self, dialled: SocketAddr, socket: SocketAddr) -> Result<(), ProbeError> {
        if dialled == socket {
            return Ok(());
        }
        Err(self.nonsense(&format!("asked for {socket}, it dialled {dialled}")))
    }
}

impl fmt::Debug for RemoteProber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RemoteProber").field("place", &self.shared.place).finish_non_exhaustive()
    }
}

#[async_trait]
impl Prober for RemoteProber {
    async fn tcp(&self, probe: &TcpProbe) -> Result<TcpObservation, ProbeError> {
        match self.ask(Question::Tcp(*probe), probe.timeout).await? {
            Observation::Tcp(seen) => {
                self.must_be_of(seen.dialled, probe.socket)?;
                Ok(seen)
            }
            other => Err(self.nonsense(&format!("{} answer to a TCP question", kind(&other)))),
        }
    }

    async fn http(&self, probe: &HttpProbe) -> Result<HttpObservation, ProbeError> {
        let question = Question::Http(Box::new(probe.clone()));
        match self.ask(question, probe.timeouts.total).await? {
            Observation::Http(seen) => {
                self.must_be_of(seen.dialled, probe.socket)?;
                Ok(*seen)
            }
            other => Err(self.nonsense(&format!("{} answer to an HTTP question", kind(&other)))),
        }
    }

    async fn handshake(&self, probe: &HandshakeProbe) -> Result<HandshakeObservation, ProbeError> {
        let question = Question::Handshake(Box::new(probe.clone()));
        match self.ask(question, probe.timeouts.total).await? {
            Observation::Handshake(seen) => {
                self.must_be_of(seen.dialled, probe.socket)?;
                Ok(*seen)
            }
            other => Err(self.nonsense(&format!("{} answer to a TLS question", kind(&other)))),
        }
    }
}

/// Which question an answer is for, with its article.
fn kind(observation: &Observation) -> &'static str {
    match observation {
        Observation::Tcp(_) => "a TCP",
        Observation::Http(_) => "an HTTP",
        Observation::Handshake(_) => "a TLS",
    }
}

/// A question that somebody waits for. Dropping it tells the prober that nobody does any more.
struct Pending<'p> {
    prober: &'p RemoteProber,
    id: u64,
}

impl Pending<'_> {
    /// Sends a line. Where the session has ended, everybody who waits has been told.
    fn send(&self, message: &FromAsker) {
        if self.prober.questions.send(line(message)).is_err() {
            tracing::debug!(place = self.prober.shared.place, "the prober's session is over");
        }
    }
}

impl Drop for Pending<'_> {
    fn drop(&mut self) {
        let waits = match &mut *self.prober.shared.state() {
            State::Open(waiting) => waiting.answers.remove(&self.id).is_some(),
            State::Ended(_) => false,
        };
        if waits {
            self.send(&FromAsker::Forget { id: self.id });
        }
    }
}

/// What the session's tasks and its askers share.
struct Shared {
    place: String,
    state: Mutex<State>,
}

enum State {
    Open(Waiting),
    Ended(ProbeError),
}

/// Who waits for which answer.
#[derive(Default)]
struct Waiting {
    next: u64,
    answers: BTreeMap<u64, oneshot::Sender<Result<Observation, ProbeError>>>,
}

impl Waiting {
    fn add(&mut self, answered: oneshot::Sender<Result<Observation, ProbeError>>) -> u64 {
        let id = self.next;
        self.next += 1;
        self.answers.insert(id, answered);
        id
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn ended_because(&self, reason: impl Into<String>) -> ProbeError {
        ProbeError::Ended { place: self.place.clone(), reason: reason.into() }
    }

    /// Ends the session and tells everybody who waits.
    fn end(&self, error: &ProbeError) {
        let mut state = self.state();
        if let State::Open(waiting) = &mut *state {
            for (_, answered) in std::mem::take(&mut waiting.answers) {
                // Whoever stopped waiting meanwhile needs no news.
                drop(answered.send(Err(error.clone())));
            }
            *state = State::Ended(error.clone());
        }
    }

    /// Passes a line on to whom it concerns.
    fn hear(&self, read: &[u8]) -> Result<(), ProbeError> {
        let nonsense = |what: String| ProbeError::Nonsense { place: self.place.clone(), what };
        match understood(&self.place, read)? {
            FromProber::Hello { .. } => Err(nonsense("a second greeting".to_owned())),
            FromProber::Refused { reason } => {
                Err(ProbeError::Refused { place: self.place.clone(), reason })
            }
            FromProber::Answer { id, observation } => {
                let State::Open(waiting) = &mut *self.state() else { return Ok(()) };
                if id >= waiting.next {
                    return Err(nonsense(format!("answer {id}, which nobody asked for")));
                }
                // An answer that nobody waits for any more was under way when it was forgotten.
                if let Some(answered) = waiting.answers.remove(&id) {
                    drop(answered.send(Ok(observation)));
                }
                Ok(())
            }
        }
    }
}

/// Waits for the greeting.
async fn greeted(place: &str, lines: &mut Lines<impl AsyncRead + Unpin>) -> Result<(), ProbeError> {
    let not_started = |reason: String| ProbeError::NotStarted { place: place.to_owned(), reason };
    let read = lines.next().await.map_err(|error| not_started(error.to_string()))?;
    let read = read.ok_or_else(|| not_started("it ended without a word".to_owned()))?;
    match understood(place, &read)? {
        FromProber::Hello { version: VERSION, .. } => Ok(()),
        FromProber::Hello { version: theirs, program } => {
            Err(ProbeError::OtherVersion { place: place.to_owned(), theirs, program })
        }
        _ => Err(ProbeError::Nonsense {
            place: place.to_owned(),
            what: "an answer before its greeting".to_owned(),
        }),
    }
}

fn understood(place: &str, read: &[u8]) -> Result<FromProber, ProbeError> {
    serde_json::from_slice(read).map_err(|error| {
        let text = String::from_utf8_lossy(read);
        let shown: String = text.chars().take(SHOWN).collect();
        let what = format!("{error}; it begins with `{shown}`");
        ProbeError::Nonsense { place: place.to_owned(), what }
    })
}

async fn read(mut lines: Lines<impl AsyncRead + Unpin>, shared: Arc<Shared>) {
    loop {
        let error = match lines.next().await {
            Ok(Some(read)) => match shared.hear(&read) {
                Ok(()) => continue,
                Err(error) => error,
            },
            Ok(None) => shared.ended_because("it closed the connection"),
            Err(error) => shared.ended_because(error.to_string()),
        };
        return shared.end(&error);
    }
}

async fn write(
    mut questions: mpsc::UnboundedReceiver<Vec<u8>>,
    mut stream: impl AsyncWrite + Unpin,
    shared: Arc<Shared>,
) {
    while let Some(question) = questions.recv().await {
        let written = match stream.write_all(&question).await {
            Ok(()) => stream.flush().await,
            Err(error) => Err(error),
        };
        if let Err(error) = written {
            return shared.end(&shared.ended_because(error.to_string()));
        }
    }
}
