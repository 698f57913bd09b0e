//! How commands in a node speak to its first process, which runs what outlives them.

use std::time::Duration;

use gateproof_embedded::api::Face;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::UnixStream;

use crate::Failure;

/// Where it listens.
pub(crate) const SOCKET: &str = "/run/stand-in.sock";

/// What the first process is asked for.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Request {
    /// Serve the API and run the controllers.
    ControlPlane {
        /// The cluster's name.
        cluster: String,
        /// What clients are told.
        url: String,
        /// Names of the certificate.
        names: Vec<String>,
        /// Tokens that open the door.
        tokens: Vec<String>,
    },
    /// Serve the API of the first control plane here as well.
    Forward {
        /// Where that is, `address:port`.
        to: String,
    },
    /// Run the kubelet.
    Kubelet {
        /// How it reaches the API.
        kubeconfig: String,
        /// The Node object.
        node: Value,
        /// `status.nodeInfo`.
        info: Value,
    },
    /// End, as a node does that runs out of memory.
    Die,
}

/// What it answers.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Answer {
    /// The control plane serves.
    ControlPlane(Credentials),
    /// It is done.
    Done,
    /// It could not be done.
    Failed(String),
}

/// What a control plane keeps in files.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Credentials {
    /// `admin.conf`.
    pub(crate) admin: String,
    /// `pki/ca.crt`.
    pub(crate) authority: String,
    /// `pki/ca.key`.
    pub(crate) authority_key: String,
}

impl Request {
    /// The face of a control plane; `None` for other requests.
    pub(crate) fn face(&self) -> Option<Face> {
        let Self::ControlPlane { cluster, url, names, tokens } = self else { return None };
        Some(Face {
            cluster: cluster.clone(),
            url: url.clone(),
            names: names.clone(),
            tokens: tokens.clone(),
        })
    }
}

/// How long a process waits for being killed after its container's init system.
const KILLED_WITHIN: Duration = Duration::from_secs(10);

/// Asks and waits for the answer.
pub(crate) async fn ask(request: &Request) -> Result<Answer, Failure> {
    let failed = |error: std::io::Error| {
        Failure::new(format!("stand-in: the init system does not answer on {SOCKET}: {error}"))
    };
    let mut stream = UnixStream::connect(SOCKET).await.map_err(failed)?;
    let text = serde_json::to_string(request).map_err(|error| Failure::new(error.to_string()))?;
    stream.write_all(format!("{text}\n").as_bytes()).await.map_err(failed)?;
    let mut answer = String::new();
    let read = stream.read_to_string(&mut answer).await;
    if answer.is_empty() {
        // The init system has died, and with it goes everything in the container, in a moment.
        tokio::time::timeout(KILLED_WITHIN, std::future::pending::<()>()).await.ok();
    }
    read.map_err(failed)?;
    match serde_json::from_str(&answer) {
        Ok(Answer::Failed(words)) => Err(Failure::new(words)),
        Ok(answer) => Ok(answer),
        Err(error) => Err(Failure::new(format!("stand-in: no answer ({error}): {answer:?}"))),
    }
}

/// Reads one request.
pub(crate) async fn receive(stream: &mut UnixStream) -> Result<Request, Failure> {
    let mut line = String::new();
    BufReader::new(stream).read_line(&mut line).await?;
    serde_json::from_str(&line).map_err(|error| Failure::new(error.to_string()))
}

/// Answers it.
pub(crate) async fn reply(stream: &mut UnixStream, answer: &Answer) -> Result<(), Failure> {
    let text = serde_json::to_string(answer).map_err(|error| Failure::new(error.to_string()))?;
    stream.write_all(text.as_bytes()).await?;
    stream.shutdown().await?;
    Ok(())
}
