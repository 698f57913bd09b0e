//! Asking a cluster's sockets from inside its network.
//!
//! Where container addresses have no route from here ([`vantage`] decides), a helper container on
//! the cluster's network runs our own image, and questions go to a `gateproof prober` in it over
//! the engine's exec. The helper carries the cluster's labels, so whatever removes the cluster
//! removes it too.

pub mod vantage;

use std::collections::BTreeMap;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::StreamExt;
use gateproof_core::observation::{HandshakeObservation, HttpObservation, TcpObservation};
use gateproof_probe::prober::{Place, RemoteProber, RenewedProber};
use gateproof_probe::{HandshakeProbe, HttpProbe, ProbeError, Prober, TcpProbe};
use tokio::io::{AsyncWriteExt, DuplexStream, WriteHalf};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_util::io::ReaderStream;

use crate::container::{ContainerSpec, ExecCommand, RestartPolicy};
use crate::engine::{Engine, Input, Output};
use crate::label;

/// A session lasts as long as its cluster.
const SESSION: Duration = Duration::from_hours(24);

/// How long an ended session may take to say why.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// Octets on their way to and from a prober.
const PIPE: usize = 64 * 1024;

/// The helper container of a cluster. It runs an echo server only to stay; probers come and go in
/// it.
pub fn helper(
    cluster: &str,
    network: &str,
    image: &str,
    labels: BTreeMap<String, String>,
) -> ContainerSpec {
    let mut labels = labels;
    labels.insert(label::CLUSTER.to_owned(), cluster.to_owned());
    labels.insert(label::ROLE.to_owned(), label::ROLE_PROBER.to_owned());
    let name = format!("{cluster}-{}", label::ROLE_PROBER);
    ContainerSpec {
        command: vec!["echo".to_owned()],
        restart: RestartPolicy::OnFailure(1),
        ..ContainerSpec::new(name, image, labels, network)
    }
}

/// Asks from inside a container, which runs our own image.
#[derive(Debug)]
pub struct ContainerProber(RenewedProber<Helper>);

impl ContainerProber {
    /// Asks from inside this container.
    ///
    /// # Errors
    /// When no prober answers there.
    pub async fn start(engine: Engine, container: String) -> Result<Self, ProbeError> {
        RenewedProber::start(Helper { engine, container }).await.map(Self)
    }
}

#[async_trait]
impl Prober for ContainerProber {
    async fn tcp(&self, probe: &TcpProbe) -> Result<TcpObservation, ProbeError> {
        self.0.tcp(probe).await
    }

    async fn http(&self, probe: &HttpProbe) -> Result<HttpObservation, ProbeError> {
        self.0.http(probe).await
    }

    async fn handshake(&self, probe: &HandshakeProbe) -> Result<HandshakeObservation, ProbeError> {
        self.0.handshake(probe).await
    }
}

/// A helper container.
#[derive(Debug)]
struct Helper {
    engine: Engine,
    container: String,
}

#[async_trait]
impl Place for Helper {
    async fn begin(&self) -> Result<RemoteProber, ProbeError> {
        begin(self.engine.clone(), self.container.clone()).await
    }
}

/// Begins a session in a container.
async fn begin(engine: Engine, container: String) -> Result<RemoteProber, ProbeError> {
    let place = format!("in container {container}");
    let (ours, theirs) = tokio::io::duplex(PIPE);
    let (questions, answers) = tokio::io::split(theirs);
    let (said, heard) = mpsc::unbounded_channel();
    tokio::spawn(carry(heard, answers));
    let ended = tokio::spawn(converse(
        engine,
        container,
        Input::Stream(ReaderStream::new(questions).boxed()),
        said,
    ));
    let (answers, questions) = tokio::io::split(ours);
    match RemoteProber::start(place, answers, questions).await {
        Err(ProbeError::NotStarted { place, reason }) => {
            let why = last_words(ended).await;
            Err(ProbeError::NotStarted { place, reason: format!("{reason}; {why}") })
        }
        begun => begun,
    }
}

async fn last_words(ended: JoinHandle<String>) -> String {
    match tokio::time::timeout(LAST_WORDS, ended).await {
        Ok(Ok(why)) => why,
        Ok(Err(_)) | Err(_) => "the engine says nothing more".to_owned(),
    }
}

/// Runs a prober in the container until its input ends; says how it ended.
async fn converse(
    engine: Engine,
    container: String,
    input: Input,
    said: mpsc::UnboundedSender<Bytes>,
) -> String {
    let command = ExecCommand {
        argv: vec!["/gateproof".to_owned(), "prober".to_owned()],
        stdin: None,
        env: Vec::new(),
        privileged: false,
    };
    let mut errors = Vec::new();
    let sink = |output| match output {
        Output::Standard(octets) => {
            if said.send(octets).is_err() {
                tracing::trace!("nobody listens to the prober any more");
            }
        }
        Output::Error(octets) => errors.extend_from_slice(&octets),
    };
    let ended = engine.exec_streaming(&container, &command, input, sink, SESSION).await;
    let errors = String::from_utf8_lossy(&errors).trim().to_owned();
    let why = match ended {
        Ok(code) => format!("`gateproof prober` ended with exit code {code}: {errors}"),
        Err(error) => error.to_string(),
    };
    tracing::debug!(container, why, "a prober's session ended");
    why
}

/// Passes on what a prober says, until it ends or nobody listens.
async fn carry(mut heard: mpsc::UnboundedReceiver<Bytes>, mut answers: WriteHalf<DuplexStream>) {
    while let Some(octets) = heard.recv().await {
        if answers.write_all(&octets).await.is_err() {
            return;
        }
    }
    if let Err(error) = answers.shutdown().await {
        tracing::trace!(%error, "nobody listens to the prober any more");
    }
}
